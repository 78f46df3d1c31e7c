#include "base/base64.h"

#include <string.h>

static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct bytes raw, const char *alphabet, bool pad, struct buf *out)
{
	for (size_t i = 0; i < raw.len; i += 3) {
		size_t left = raw.len - i;
		uint32_t three = (uint32_t)raw.data[i] << 16 | (left > 1 ? (uint32_t)raw.data[i + 1] << 8 : 0) |
			(left > 2 ? raw.data[i + 2] : 0);

		buf_u8(out, (uint8_t)alphabet[three >> 18]);
		buf_u8(out, (uint8_t)alphabet[three >> 12 & 63]);
		if (left > 1)
			buf_u8(out, (uint8_t)alphabet[three >> 6 & 63]);
		if (left > 2)
			buf_u8(out, (uint8_t)alphabet[three & 63]);
		for (size_t gap = left; pad && gap < 3; gap++)
			buf_u8(out, '=');
	}
}

void base64_encode(struct bytes raw, struct buf *out)
{
	encode(raw, common, true, out);
}

void base64url_encode(struct bytes raw, struct buf *out)
{
	encode(raw, url, false, out);
}

static int decode(struct bytes text, const char *alphabet, struct buf *out)
{
	size_t before = out->len;
	uint32_t bits = 0;
	unsigned have = 0;

	if (text.len % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		const char *at = text.data[i] ? strchr(alphabet, text.data[i]) : NULL;

		if (!at)
			break;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		have += 6;
		if (have >= 8) {
			have -= 8;
			buf_u8(out, (uint8_t)(bits >> have));
			bits &= (1u << have) - 1;
		}
		if (i + 1 == text.len && bits == 0)
			return 0;
	}
	out->len = before;
	return text.len ? -1 : 0;
}

int base64_decode(struct bytes text, struct buf *out)
{
	if (text.len % 4)
		return -1;
	for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
		text.len--;
	return decode(text, common, out);
}

int base64url_decode(struct bytes text, struct buf *out)
{
	return decode(text, url, out);
}
