#ifndef BRAMBLE_DB_TRAIL_H
#define BRAMBLE_DB_TRAIL_H

#include "db/db.h"
#include "db/seats.h"

/* The event trail that outlives the processes: logins with their arithmetic, refusals, session ends. */

#define DB_TRAIL_KEEP 20000              /* rows; older ones are deleted as new ones come */
#define DB_TRAIL_TEXT_MAX 512            /* longer texts are cut */

struct db_trail_entry {
	uint64_t id;                     /* set by the database; counts up */
	uint64_t wall_ms;                /* time of day, for people */
	const char *process;             /* "collab" */
	const char *event;               /* "admit", "evict", "session.end" */
	uint32_t pin;                    /* 0: none */
	uint32_t transaction;            /* the envelope's message id; 0: none */
	uint32_t session;                /* 0: none */
	const char *text;                /* further "key=value key=value"; may be NULL */
};

/* Texts are copied. The entries go in together with what else is waiting for the database. */
void db_trail_append(struct db *db, const struct db_trail_entry *entries, size_t count, db_status_done *done, void *ctx);

/* The entries after an id, oldest first, at most max, of one pin (0: all). after_id UINT64_MAX: the last max ones. */
typedef void db_trail_done(void *ctx, enum db_status status, const struct db_trail_entry *entries, size_t count);
void db_trail_list(struct db *db, uint64_t after_id, uint32_t pin, uint32_t max, db_trail_done *done, void *ctx);

#endif
