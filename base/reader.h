#ifndef BRAMBLE_BASE_READER_H
#define BRAMBLE_BASE_READER_H

#include "base/bytes.h"

/* Walks a run of bytes without ever leaving it. A read past the end gives zero or the empty run and marks the reader
 * short; so a decoder reads all its fields and asks once. */
struct reader {
	struct bytes in;
	size_t at;
	bool is_short;
};

struct reader reader_of(struct bytes in);
size_t reader_left(const struct reader *r);
bool reader_ok(const struct reader *r);     /* nothing was read past the end */
bool reader_done(const struct reader *r);   /* ok, and nothing is left */

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint16_t reader_u16le(struct reader *r);
uint32_t reader_u32le(struct reader *r);
struct bytes reader_bytes(struct reader *r, size_t len);
struct bytes reader_rest(struct reader *r);

#endif
