#ifndef BRAMBLE_TESTS_SUPPORT_VECTORS_H
#define BRAMBLE_TESTS_SUPPORT_VECTORS_H

#include "base/bytes.h"
#include "base/error.h"

/* Holds a format to the vectors of tests/vectors/NAME.txt (one per line: hex, tab, text), which something other than our codec
 * made. The format is one function that decodes, then appends the dump and the encoded bytes; -1 when it refuses. */
typedef int vectors_recode_fn(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err);

/* Each vector: dump as the text says, encoded again to the same bytes; every truncation refused with a sentence; one byte more
 * refused; every single byte changed to every other value either refused with a sentence or encoded to itself again. prefix_ok:
 * a truncation may be another whole message of this format (lists at the end); then it must encode to itself.
 * Fails the cmocka test; returns how many vectors there were. */
size_t vectors_check(const char *name, vectors_recode_fn *recode, bool prefix_ok);

/* The same for a format of text, in which white space and escapes can be written in several ways: a changed byte may still mean
 * the same, so it must only be taken or refused with a sentence. */
size_t vectors_check_text(const char *name, vectors_recode_fn *recode);

/* The same for one whose decoder is slow: each byte is changed to five other values. */
size_t vectors_check_slow(const char *name, vectors_recode_fn *recode);

#endif
