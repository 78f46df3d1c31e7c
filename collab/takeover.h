#ifndef BRAMBLE_COLLAB_TAKEOVER_H
#define BRAMBLE_COLLAB_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/link.h"

/* What the active service does for the devices of the one that was active before: asks them to log in. Of a dead one it first ends the
 * seats, so that others may have them at once, and tells the devices that their sessions are lost. Its connections to the IM server
 * count as open until it says that they are closed or a login has waited for that as long as it does: the limits hold.
 * Source: document [DOC-BCSHA] (its open sessions are lost), [DOC-FSBCS] step 7; how is ours. */
struct collab;
struct takeover;

struct takeover *takeover_new(struct collab *collab, unsigned way);
/* All completions must have come back (db_wait). */
void takeover_free(struct takeover **takeover);

/* count: devices that were asked to log in. */
typedef void takeover_done_fn(void *ctx, size_t count, bool is_lost);
/* A list may come in several messages; done is called when all of it was dealt with. */
void takeover_moved(struct takeover *takeover, const struct link_moved *moved, takeover_done_fn *done, void *ctx);

#endif
