#ifndef BRAMBLE_PROTOCOL_GROUPWISE_DUMP_H
#define BRAMBLE_PROTOCOL_GROUPWISE_DUMP_H

#include "base/bytes.h"

/* Prints a request, an answer, an event or an RTF body, whichever the bytes begin like; several of them one after another as
 * they stand in a stream. What follows a malformed or cut message is said to be left. Passwords are hidden. */
void gw_dump(struct bytes raw, struct buf *out);

#endif
