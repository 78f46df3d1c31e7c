#ifndef BRAMBLE_PROTOCOL_PACK_H
#define BRAMBLE_PROTOCOL_PACK_H

#include "base/bytes.h"

/* Compression: raw DEFLATE (RFC 1951), one stream a process, reset per message. The algorithm is ours. */
#define PACK_MAX_CLEAR 1048576

struct pack;
struct pack *pack_new(void);
void pack_free(struct pack **pack);

/* Appends at most limit inflated bytes. -1 when the stream is broken, has trailing bytes, or would be longer. */
int pack_open(struct pack *pack, struct bytes packed, size_t limit, struct buf *out);
/* Appends the deflated bytes. false, and out as it was, if that would not be shorter than the input. */
bool pack_seal(struct pack *pack, struct bytes clear, struct buf *out);

#endif
