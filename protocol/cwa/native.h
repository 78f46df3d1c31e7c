#ifndef BRAMBLE_PROTOCOL_CWA_NATIVE_H
#define BRAMBLE_PROTOCOL_CWA_NATIVE_H

#include "protocol/cwa/tree.h"

/* What public scripts for the 2005 release send and look for: a command is one form field with commas in it, events are pieces of HTML.
 * Both are turned into, or made from, the envelopes of the 2007 release. No more of that wire is public. Source: code (those scripts);
 * what the pieces of HTML hold beside what they look for: ours. */

/* "1,LcwStartImRequest,sip:ben@corp.test,hello,X-MMS-IM-Format: ...": a cwaRequests with one method. 0, or -1 with a sentence. */
int cwa_native_command(struct bytes command, struct cwa_tree *tree, struct error *err);

/* Of cwaEvents: messages and invitations; the others only count. Of cwaResponses: the conversation's number, or the error. */
void cwa_native_encode(const struct cwa_node *root, struct buf *out);

#endif
