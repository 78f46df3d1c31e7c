#include "base/xml_text.h"

void buf_xml_text(struct buf *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buf_text(out, "&amp;");
			break;
		case '<':
			buf_text(out, "&lt;");
			break;
		case '>':
			buf_text(out, "&gt;");
			break;
		case '"':
			buf_text(out, "&quot;");
			break;
		default:
			buf_u8(out, (uint8_t)*text < 0x20 || (uint8_t)*text == 0x7f ? '?' : (uint8_t)*text);
		}
	}
}
