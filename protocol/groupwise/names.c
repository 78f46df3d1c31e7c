#include "protocol/groupwise/names.h"

#include <string.h>
#include <strings.h>

bool gw_dn_same(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

bool gw_dn_is_typed(struct bytes name)
{
	return name.len && memchr(name.data, '=', name.len);
}

/* Takes the first "TYPE=value" off the front, and the comma after it; a backslash hides the character that follows. */
static struct bytes next_value(struct bytes *dn)
{
	size_t start = 0, end = 0;

	while (end < dn->len && dn->data[end] != ',') {
		if (dn->data[end] == '=' && !start)
			start = end + 1;
		if (dn->data[end] == '\\' && end + 1 < dn->len)
			end++;
		end++;
	}
	struct bytes value = bytes_slice(*dn, start, end - start);
	*dn = bytes_slice(*dn, end + 1, dn->len);
	return value;
}

void gw_dn_dotted(struct bytes dn, struct buf *out)
{
	while (dn.len) {
		buf_append(out, next_value(&dn));
		if (dn.len)
			buf_u8(out, '.');
	}
}

struct bytes gw_dn_leaf(struct bytes dn)
{
	return next_value(&dn);
}

bool gw_conference_same(struct bytes a, struct bytes b)
{
	return a.len >= GW_CONFERENCE_PREFIX && b.len >= GW_CONFERENCE_PREFIX &&
	       strncasecmp((const char *)a.data, (const char *)b.data, GW_CONFERENCE_PREFIX) == 0;
}

bool gw_conference_is_blank(struct bytes id)
{
	return gw_conference_same(id, bytes_str(GW_CONFERENCE_BLANK));
}

void gw_escape(struct bytes text, struct buf *out)
{
	static const bool stands_for_itself[256] = { ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true };
	static const char digits[] = "0123456789abcdef";
	uint8_t *at;

	if (!text.len)
		return;
	buf_reserve(out, text.len * 3);
	at = out->data + out->len;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (stands_for_itself[c]) {
			*at++ = c;
		} else if (c == ' ') {
			*at++ = '+';
		} else {
			*at++ = '%';
			*at++ = (uint8_t)digits[c >> 4];
			*at++ = (uint8_t)digits[c & 15];
		}
	}
	out->len = (size_t)(at - out->data);
}
