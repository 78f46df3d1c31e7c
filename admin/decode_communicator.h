#ifndef BRAMBLE_ADMIN_DECODE_COMMUNICATOR_H
#define BRAMBLE_ADMIN_DECODE_COMMUNICATOR_H

#include "base/bytes.h"
#include "base/error.h"

/* What is said to and by Communicator Web Access and the Communications Server behind it, printed for people. Each takes the whole input
 * and appends to out. -1 with a sentence; what was readable has been printed. Passwords, tickets and credentials are not shown. */

/* One envelope in XML or JSON: a request, an answer or events; alone, or with the head of an HTTP message before it. */
int decode_cwa(struct bytes raw, struct buf *out, struct error *err);
/* A stream of SIP messages. */
int decode_sip(struct bytes raw, struct buf *out, struct error *err);

#endif
