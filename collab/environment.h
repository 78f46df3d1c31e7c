#ifndef BRAMBLE_COLLAB_ENVIRONMENT_H
#define BRAMBLE_COLLAB_ENVIRONMENT_H

#include "db/config.h"

/* The IM environment that this service works for, as the configuration database has it now: host and port for the next login,
 * timeouts for the sessions. Read again whenever somebody has changed the database, so that an administrator's change counts at
 * once. Maximum and capacity are decided inside the database's transaction and only shown from here. */
struct environment;

/* Runs the loop until the row was read. NULL with a sentence, and the exit status that fits. changed: after it was read again and
 * the limits differ. */
struct environment *environment_new(struct db *db, const char *name, uint32_t poll_ms, loop_fn *changed, void *ctx, int *status,
	struct error *err);
/* All completions must have come back (db_wait). */
void environment_free(struct environment **environment);

/* As read last; its texts live until the next change. */
const struct db_environment *environment_now(const struct environment *environment);
/* Called when the database was changed by others, beside our own look at it. */
void environment_on_change(struct environment *environment, loop_fn *fn);

#endif
