#include "base/log.h"
#include "base/utf8.h"
#include "protocol/groupwise/rtf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever comes in, what the server passes on is safe; what we write is read back as the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct buf out = { 0 }, text = { 0 }, again = { 0 };
	struct error err;

	gw_rtf_pass(in, in, &out);
	if (!gw_rtf_is_safe(buf_bytes(&out)) || gw_rtf_read(buf_bytes(&out), &text, &err) < 0)
		bug("passed on what is not safe");
	if (!utf8_is_valid(buf_bytes(&text)))
		bug("read as broken UTF-8");
	buf_clear(&out);
	buf_clear(&text);
	gw_rtf_text(in, bytes_str(""), &text);
	gw_rtf_write(buf_bytes(&text), &out);
	if (gw_rtf_read(buf_bytes(&out), &again, &err) < 0)
		bug("cannot be read again: %s", err.text);
	buf_clear(&out);
	buf_clear(&text);
	gw_rtf_write(buf_bytes(&again), &out);
	gw_rtf_read(buf_bytes(&out), &text, &err);
	if (!bytes_equal(buf_bytes(&text), buf_bytes(&again)))
		bug("read again as something else");
	/* As much as fits, in whole characters, and no less. */
	for (struct bytes rest = buf_bytes(&text), part; rest.len; rest = bytes_slice(rest, part.len, rest.len)) {
		part = gw_rtf_fit(rest, 100);
		buf_clear(&out);
		gw_rtf_write(part, &out);
		if (!part.len || out.len > 100 || !utf8_is_valid(part) || (part.len < rest.len && out.len < 88))
			bug("a part of %zu bytes has a body of %zu", part.len, out.len);
	}
	buf_free(&out);
	buf_free(&text);
	buf_free(&again);
	return 0;
}
