#ifndef BRAMBLE_COLLAB_CWA_SAID_H
#define BRAMBLE_COLLAB_CWA_SAID_H

#include "collab/cwa_communicator.h"

/* What the device said: as many parts as the server's messages take, and one outcome when all are done, the first that was not good. */
struct cwa_said;

#define CWA_MESSAGE_MAX 8000         /* bytes of one message. Source: ours, as our server's */
enum { CWA_PARTS_MAX = IM_TEXT_MAX / (CWA_MESSAGE_MAX - 4) + 1 };

/* Fills what the text becomes, of which each borrows, and returns how many: at least one. */
size_t cwa_said_split(struct bytes text, struct bytes parts[CWA_PARTS_MAX]);

/* parts: how often one of the two below will be called; the last call frees it. */
struct cwa_said *cwa_said_new(struct communicator *m, uint32_t ref, unsigned parts);
void cwa_said_part(struct cwa_said *said, const struct cwa_refusal *refusal);     /* NULL: done */
void cwa_said_abandon(struct cwa_said *said);                                     /* nobody asks any more */

#endif
