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

void gw_utf8_put(struct buf *out, uint32_t c)
{
	if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		c = 0xFFFD;
	if (c < 0x80) {
		buf_u8(out, (uint8_t)c);
		return;
	}
	if (c < 0x800) {
		buf_u8(out, (uint8_t)(0xC0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_u8(out, (uint8_t)(0xE0 | c >> 12));
		} else {
			buf_u8(out, (uint8_t)(0xF0 | c >> 18));
			buf_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
		}
		buf_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
	}
	buf_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
}

/* Length of the well-formed character at the front, its value in *c; 0 for a broken one. */
static size_t utf8_char(struct bytes in, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = in.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;

	if (!len || len > in.len)
		return 0;
	*c = len == 1 ? first : first & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((in.data[i] & 0xC0) != 0x80)
			return 0;
		*c = *c << 6 | (in.data[i] & 0x3Fu);
	}
	return *c < least[len] || *c > 0x10FFFF || (*c >= 0xD800 && *c <= 0xDFFF) ? 0 : len;
}

uint32_t gw_utf8_next(struct bytes *in)
{
	uint32_t c = 0xFFFD;
	size_t len = utf8_char(*in, &c);

	if (!len) {
		c = 0xFFFD;
		len = 1;
	}
	*in = bytes_slice(*in, len, in->len);
	return c;
}

bool gw_utf8_is_valid(struct bytes in)
{
	uint32_t c;

	while (in.len) {
		size_t len = in.data[0] < 0x80 ? 1 : utf8_char(in, &c);

		if (!len)
			return false;
		in = bytes_slice(in, len, in.len);
	}
	return true;
}

void gw_utf8_repair(struct bytes in, struct buf *out)
{
	while (in.len) {
		uint32_t c = gw_utf8_next(&in);

		if (c)
			gw_utf8_put(out, c);
	}
}

struct bytes gw_utf8_cut(struct bytes in, size_t max)
{
	if (in.len <= max)
		return in;
	while (max && (in.data[max] & 0xC0) == 0x80)
		max--;
	return bytes_of(in.data, max);
}

void gw_escape(struct bytes text, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *at;

	if (!text.len)
		return;
	buf_reserve(out, text.len * 3);
	at = out->data + out->len;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')) {
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
