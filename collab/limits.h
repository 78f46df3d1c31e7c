#ifndef BRAMBLE_COLLAB_LIMITS_H
#define BRAMBLE_COLLAB_LIMITS_H

#include "db/seats.h"

/* The documented session-limit rule, as a pure function of what the transaction read: it never fails, every outcome is an
 * answer to the device, and it runs on the database's thread.
 *
 * A session counts from its admission, not from the IM server's acceptance (ours), so that racing logins cannot exceed a limit.
 * Eviction comes before the permission check, as the flow orders it: a login that is then refused has still logged out the
 * sessions that were out of coverage or silent.
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, starting an IM session, step 4; that a maximum
 * without a timeout is Server Busy and that the capacity binds under a higher maximum too is inferred. */
struct seat_decision limits_decide(const struct seat_census *census);

/* The arithmetic of a decision on one line: `max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY`. */
void limits_explain(const struct seat_census *census, const struct seat_decision *decision, struct buf *out);

#endif
