#ifndef BRAMBLE_COLLAB_OWNER_H
#define BRAMBLE_COLLAB_OWNER_H

#include "db/seats.h"

/* This process as an owner of seats: an epoch and a lease that is renewed on the loop's clock. A newer epoch of the same name means
 * that somebody has taken over, and that all sessions here must end. Seats of ended sessions are given back, again and again
 * until the database has taken it: no seat leaks while it is away. */
struct owner;

enum { OWNER_LEASE_MS = 30000, OWNER_RENEW_MS = 10000, OWNER_RETRY_MS = 1000 };

typedef void owner_fenced_fn(void *ctx);

/* Runs the loop until the database has answered. NULL with a sentence. */
struct owner *owner_new(struct loop *loop, struct db *db, const char *environment, const char *instance, owner_fenced_fn *fenced,
	void *ctx, struct error *err);
/* All completions must have come back (db_wait). */
void owner_free(struct owner **owner);

struct seat_owner owner_seat(const struct owner *owner);
/* reason: enum im_logout_reason. */
void owner_release(struct owner *owner, uint64_t session, int reason);
size_t owner_releasing(const struct owner *owner);        /* seats on their way back */

#endif
