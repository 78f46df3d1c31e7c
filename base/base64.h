#ifndef BRAMBLE_BASE_BASE64_H
#define BRAMBLE_BASE_BASE64_H

#include "base/bytes.h"

/* The two alphabets of RFC 4648: the common one with padding, and the one for URLs and headers without. */
void base64_encode(struct bytes raw, struct buf *out);
void base64url_encode(struct bytes raw, struct buf *out);

/* Strict: no white space, the right padding, no stray bits in the last letter. 0, or -1 and out as it was. */
int base64_decode(struct bytes text, struct buf *out);
int base64url_decode(struct bytes text, struct buf *out);

#endif
