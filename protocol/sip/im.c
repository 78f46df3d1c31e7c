#include "protocol/sip/im.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

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

void sip_im_add_first_text(struct sip_message *invite, struct bytes text)
{
	uint8_t *body = memory_new((text.len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock(body, text.data, (int)text.len);
	sip_add(invite, "Ms-Text-Format", "text/plain; charset=UTF-8;ms-body=%s", (const char *)body);
	free(body);
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
