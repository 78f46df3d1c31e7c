#include "base/utf8.h"

void utf8_put(struct buf *out, uint32_t c)
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

uint32_t utf8_next(struct bytes *in)
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

/* How many ASCII characters other than NUL stand at the front: most texts are nothing else. */
static size_t ascii_run(struct bytes in)
{
	size_t len = 0;

	while (len < in.len && in.data[len] && in.data[len] < 0x80)
		len++;
	return len;
}

bool utf8_is_valid(struct bytes in)
{
	uint32_t c;

	while (in.len) {
		size_t len = ascii_run(in);

		if (!len)
			len = in.data[0] ? utf8_char(in, &c) : 1;
		if (!len)
			return false;
		in = bytes_slice(in, len, in.len);
	}
	return true;
}

void utf8_repair(struct bytes in, struct buf *out)
{
	while (in.len) {
		size_t run = ascii_run(in);
		uint32_t c;

		buf_append(out, bytes_slice(in, 0, run));
		in = bytes_slice(in, run, in.len);
		c = in.len ? utf8_next(&in) : 0;
		if (c)
			utf8_put(out, c);
	}
}

void utf8_repair_for_xml(struct bytes in, struct buf *out)
{
	size_t from = out->len;

	utf8_repair(in, out);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] < ' ' && out->data[i] != '\t' && out->data[i] != '\n' && out->data[i] != '\r')
			out->data[i] = ' ';
}

struct bytes utf8_cut(struct bytes in, size_t max)
{
	if (in.len <= max)
		return in;
	while (max && (in.data[max] & 0xC0) == 0x80)
		max--;
	return bytes_of(in.data, max);
}
