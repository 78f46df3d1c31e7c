#ifndef BRAMBLE_BASE_UTF8_H
#define BRAMBLE_BASE_UTF8_H

#include "base/bytes.h"

/* Text of peers, who may send any bytes. */

/* Appends valid UTF-8: broken sequences become U+FFFD, NULs are dropped. */
void utf8_repair(struct bytes in, struct buf *out);
/* The same for what is put into XML, which has no control characters: they become spaces, but for tab and line ends. */
void utf8_repair_for_xml(struct bytes in, struct buf *out);
bool utf8_is_valid(struct bytes in);
/* Cuts at most max bytes from the front without splitting a character. */
struct bytes utf8_cut(struct bytes in, size_t max);
void utf8_put(struct buf *out, uint32_t code_point);      /* U+FFFD for what is none */
/* Takes one character off the front; U+FFFD and one byte for a broken sequence. 0 bytes left: do not ask. */
uint32_t utf8_next(struct bytes *in);

#endif
