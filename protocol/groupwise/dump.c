#include "protocol/groupwise/dump.h"

#include <string.h>

#include "base/log.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/rtf.h"

static bool begins(struct bytes in, const char *word)
{
	return in.len >= strlen(word) && memcmp(in.data, word, strlen(word)) == 0;
}

static void dump_rtf(struct bytes raw, struct buf *out)
{
	struct buf text = { 0 };
	struct error err;

	if (gw_rtf_read(raw, &text, &err) < 0)
		buf_printf(out, "rtf malformed: %s\n", err.text);
	else
		buf_printf(out, "rtf %s text=%s\n", gw_rtf_is_safe(raw) ? "safe to pass on" : "to be rebuilt", log_value(buf_bytes(&text)));
	buf_free(&text);
}

void gw_dump(struct bytes raw, struct buf *out)
{
	if (begins(raw, "{\\rtf")) {
		dump_rtf(raw, out);
		return;
	}
	while (raw.len) {
		struct gw_scan scan = { 0 };
		struct error err;
		bool request = raw.data[0] == 'P' || raw.data[0] == 'G';     /* neither begins an answer or a known event */
		ssize_t len = request ? gw_request_split(&scan, raw, &err) : gw_stream_split(&scan, raw, &err);
		struct bytes one = bytes_slice(raw, 0, len > 0 ? (size_t)len : 0);

		if (len <= 0) {
			buf_printf(out, "%zu bytes left: %s\n", raw.len, len < 0 ? err.text : "no whole message");
			return;
		}
		if (request)
			gw_request_dump(one, out);
		else if (gw_is_answer(one))
			gw_answer_dump(one, out);
		else
			gw_event_dump(one, out);
		raw = bytes_slice(raw, one.len, raw.len);
	}
}
