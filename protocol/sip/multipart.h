#ifndef BRAMBLE_PROTOCOL_SIP_MULTIPART_H
#define BRAMBLE_PROTOCOL_SIP_MULTIPART_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"

/* A body of several parts: the documents of several users in one notification, and before them a list that says whose is which.
 * Source: document - MS-SIP 3.3.5.1 and 4.3; RFC 2046 section 5.1. Bounds are ours. */
#define SIP_TYPE_PARTS "multipart/related"
#define SIP_PART_HEAD_MAX 4096          /* bytes of one part's headers */
#define SIP_BOUNDARY_MAX 70             /* document */

struct sip_part {
	struct bytes id;                /* Content-ID, without angle brackets; empty: not told */
	struct bytes type;              /* Content-Type; empty: not told */
	struct bytes body;
};

/* Adds a part. The boundary must not stand in the body; id and type have no line ends. */
void sip_part_write(const char *boundary, const struct sip_part *part, struct buf *out);
void sip_parts_end(const char *boundary, struct buf *out);

/* The next part of a body: *rest is all of it at first, and what is left afterwards. What is taken borrows from it. 1 with a part, 0
 * when there is no more, -1 with a sentence. What stands before the first part is passed over. Lines end with CRLF. */
int sip_part_next(struct bytes *rest, const char *boundary, struct sip_part *out, struct error *err);

#endif
