#ifndef BRAMBLE_COLLAB_OWNER_H
#define BRAMBLE_COLLAB_OWNER_H

#include "db/seats.h"

/* This process as an owner of seats: an epoch and a lease that is renewed on the loop's clock. A newer epoch of the same name means
 * that somebody has taken over, and that all sessions here must end. Seats of ended sessions are given back, again and again
 * until the database has taken it: no seat leaks while it is away. */
struct owner;

enum { OWNER_RETRY_MS = 1000 };

typedef void owner_fenced_fn(void *ctx);

/* lease_ms: how long a renewal holds; one is made every third of it. Runs the loop until the database has answered. NULL with a
 * sentence. */
struct owner *owner_new(struct loop *loop, struct db *db, const char *environment, const char *instance, uint64_t lease_ms,
	owner_fenced_fn *fenced, void *ctx, struct error *err);
/* All completions must have come back (db_wait). */
void owner_free(struct owner **owner);

struct seat_owner owner_seat(const struct owner *owner);
/* The lease has run out without an answer to a renewal, as when the process was stopped for a while: others may have given its seats
 * away, and until the database has answered nothing may be done as if they were still ours. A database that cannot be reached is
 * an answer: live sessions go on without it. When it is true a renewal is on its way, and fn is called when it is no longer. */
bool owner_in_doubt(struct owner *owner);
/* The last question to the database was not answered. */
bool owner_is_ill(const struct owner *owner);
void owner_on_sure(struct owner *owner, loop_fn *fn);     /* with the context of owner_new */
/* The session is over: its seat is given back. reason: enum im_logout_reason; closing: its connection to the IM server is still to be
 * closed, and owner_closed follows. */
void owner_release(struct owner *owner, uint64_t session, int reason, bool closing);
/* The connection of a session that is over is closed: logins that wait for that, here and elsewhere, go on. */
void owner_closed(struct owner *owner, uint64_t session);
/* fn hears of each seat that is free now because it was released. */
typedef void owner_free_seat_fn(void *ctx, uint64_t session);
void owner_on_free(struct owner *owner, owner_free_seat_fn *fn);
size_t owner_releasing(const struct owner *owner);        /* seats on their way back */

#endif
