#ifndef BRAMBLE_PROTOCOL_GROUPWISE_CHARSET_H
#define BRAMBLE_PROTOCOL_GROUPWISE_CHARSET_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of RTF in the code page that a font's \fcharset names; unknown ones are taken for Windows-1252.
 * Source: document - Rich Text Format (RTF) Specification 1.9.1, Font Table. */

/* Does the byte begin a character of two bytes (Japanese, Korean, Chinese)? */
bool gw_charset_is_lead(int charset, uint8_t byte);
/* The character of a byte, or of lead and byte (lead 0: none); U+FFFD if there is none. */
uint32_t gw_charset_decode(int charset, uint8_t lead, uint8_t byte);

#endif
