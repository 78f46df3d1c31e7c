#include "protocol/cwa/codes.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "protocol/cwa/tree.h"

const char *cwa_code_name(uint32_t code)
{
	switch (code) {
#define CWA_CODE_CASE(name, number, text) case name: return text;
	CWA_CODES(CWA_CODE_CASE)
#undef CWA_CODE_CASE
	default:
		return NULL;
	}
}

static const struct {
	enum cwa_availability availability;
	uint64_t from;
	const char *name;
} ranges[] = {
#define CWA_AVAILABILITY_ROW(name, number, from, text) { name, from, text },
	CWA_AVAILABILITIES(CWA_AVAILABILITY_ROW)
#undef CWA_AVAILABILITY_ROW
};

static size_t range_of(uint64_t aggregate)
{
	size_t last = sizeof ranges / sizeof ranges[0] - 1, i = 0;

	if (aggregate < ranges[0].from)
		return last;
	while (i < last && aggregate >= ranges[i + 1].from)
		i++;
	return i;
}

enum cwa_availability cwa_availability_of(uint64_t aggregate)
{
	return ranges[range_of(aggregate)].availability;
}

const char *cwa_availability_name(uint64_t aggregate)
{
	return ranges[range_of(aggregate)].name;
}

int cwa_uri(const char *text, struct buf *out)
{
	struct bytes uri = cwa_trim(bytes_str(text));
	const uint8_t *at;

	if (uri.len > 4 && strncasecmp((const char *)uri.data, "sip:", 4) == 0)
		uri = bytes_slice(uri, 4, uri.len);
	at = uri.len ? memchr(uri.data, '@', uri.len) : NULL;
	if (!at || at == uri.data || at + 1 == uri.data + uri.len || uri.len > CWA_URI_MAX)
		return -1;
	for (size_t i = 0; i < uri.len; i++)
		if (uri.data[i] <= ' ' || uri.data[i] == 0x7F || strchr("<>\"|", uri.data[i]))
			return -1;
	buf_text(out, "sip:");
	for (size_t i = 0; i < uri.len; i++)
		buf_u8(out, uri.data[i] >= 'A' && uri.data[i] <= 'Z' ? (uint8_t)(uri.data[i] + 'a' - 'A') : uri.data[i]);
	return 0;
}
