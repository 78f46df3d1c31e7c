#include "protocol/sip/im.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/memory.h"

void sip_im_sdp_write(const char *host, uint16_t port, bool lcs2005, struct buf *out)
{
	buf_printf(out, "v=0\r\no=- 0 0 IN IP4 %s\r\ns=session\r\nc=IN IP4 %s\r\nt=0 0\r\nm=%s %u sip null\r\n"
		"a=accept-types:text/plain\r\n", host, host, lcs2005 ? "x-ms-message" : "message", port);
}

bool sip_im_sdp_is_im(struct bytes sdp)
{
	static const char *const media[] = { "m=message ", "m=x-ms-message " };

	for (size_t at = 0; at < sdp.len;) {
		struct bytes rest = bytes_slice(sdp, at, sdp.len);
		const uint8_t *end = memchr(rest.data, '\n', rest.len);

		for (size_t i = 0; i < sizeof media / sizeof media[0]; i++)
			if (bytes_is(bytes_slice(rest, 0, strlen(media[i])), media[i]))
				return true;
		at += end ? (size_t)(end - rest.data) + 1 : rest.len;
	}
	return false;
}

bool sip_im_first_text(const struct sip_message *invite, struct buf *text)
{
	const char *value = sip_get(invite, "Ms-Text-Format", 0);
	char *body = value ? sip_param(value, "ms-body") : NULL;
	size_t len = body ? strlen(body) : 0, start = text->len;
	int got = -1;

	if (len && len % 4 == 0) {
		uint8_t *into = buf_extend(text, len / 4 * 3);

		got = EVP_DecodeBlock(into, (const uint8_t *)body, (int)len);
		text->len = start;
		if (got > 0)
			text->len += (size_t)got - (body[len - 1] == '=') - (len > 1 && body[len - 2] == '=');
	}
	free(body);
	return got > 0;
}

void sip_im_add_first_text(struct sip_message *invite, const char *type, struct bytes text)
{
	uint8_t *body = memory_new((text.len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock(body, text.data, (int)text.len);
	sip_add(invite, "Ms-Text-Format", "%s;ms-body=%s", type, (const char *)body);
	free(body);
}

#define FORMAT_LINE "X-MMS-IM-Format:"

void sip_im_type_write(const char *format, struct buf *type)
{
	struct buf wide = { 0 };

	buf_text(type, "text/plain; charset=UTF-8");
	if (strncmp(format, FORMAT_LINE, strlen(FORMAT_LINE)) != 0)
		return;
	/* Names of fonts are written with escapes: there are no other letters in it. */
	for (const char *c = format; *c; c++)
		buf_u16le(&wide, (uint8_t)*c < 0x80 ? (uint8_t)*c : '?');
	for (const char *c = "\r\n\r\n"; *c; c++)
		buf_u16le(&wide, (uint8_t)*c);
	buf_text(type, ";msgr=");
	base64_encode(buf_bytes(&wide), type);
	while (type->data[type->len - 1] == '=')
		type->len--;
	buf_free(&wide);
}

void sip_im_type_read(const char *type, struct buf *format)
{
	char *value = type ? sip_param(type, "msgr") : NULL;
	struct buf padded = { 0 }, wide = { 0 };
	size_t start = format->len;

	if (value) {
		buf_text(&padded, value);
		while (padded.len % 4)
			buf_u8(&padded, '=');
		if (base64_decode(buf_bytes(&padded), &wide) < 0)
			wide.len = 0;
	}
	for (size_t i = 0; i + 1 < wide.len; i += 2) {
		if (wide.data[i] < ' ' && !wide.data[i + 1])
			break;
		buf_u8(format, wide.data[i + 1] || wide.data[i] >= 0x7f ? '?' : wide.data[i]);
	}
	if (format->len - start > 256 || !bytes_is(bytes_slice(buf_bytes(format), start, strlen(FORMAT_LINE)), FORMAT_LINE)) {
		format->len = start;
		buf_text(format, "text/plain");
	}
	buf_free(&padded);
	buf_free(&wide);
	free(value);
}

static const struct xml_field status_fields[] = {
	XML_ATTR_ROW(struct sip_keyboard_status, status, "status", XML_STRING, XML_REQUIRED),
	{ 0 },
};
static const struct xml_form status_form = { "status", NULL, sizeof(struct sip_keyboard_status), status_fields };
static const struct xml_field keyboard_fields[] = {
	XML_ONE_ROW(struct sip_keyboard, status, status_form, XML_REQUIRED),
	{ 0 },
};
const struct xml_form sip_keyboard_form = { "KeyboardActivity", NULL, sizeof(struct sip_keyboard), keyboard_fields };
