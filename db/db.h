#ifndef BRAMBLE_DB_DB_H
#define BRAMBLE_DB_DB_H

#include "base/bytes.h"
#include "base/confine.h"
#include "base/error.h"
#include "base/io/loop.h"

/* The configuration database, as verbs; no caller sees SQL. Verbs take a completion, which runs on the loop, never inside the
 * call, exactly once, in the order of the calls. The work is done on the database's own thread. */
struct db;

enum db_status {
	DB_OK,
	DB_NOT_FOUND,
	DB_EXISTS,
	DB_CONFLICT,          /* somebody newer owns it */
	DB_INVALID,           /* a value the schema refuses */
	DB_UNAVAILABLE,       /* locked, missing, read-only, full, corrupt: nothing was changed */
};
const char *db_status_text(enum db_status status);

enum db_open_mode {
	DB_EXISTING,          /* daemons: must exist and have this program's schema version; an older one is migrated */
	DB_CREATE,            /* tools: made if missing */
};

/* A locked database delays a verb, but no longer than this after it was given: then it is DB_UNAVAILABLE. */
#define DB_LOCKED_MAX_MS 2000

/* url: "sqlite:PATH" or a bare path. install_key_file holds the key that seals secrets (0600; DB_CREATE makes it if missing);
 * NULL: verbs that touch secrets are DB_UNAVAILABLE. The work of opening, migrations included, is done inside the call.
 * inline_worker: for flow tests and tools, see worker_new_inline. NULL with a sentence. */
struct db *db_open(struct loop *loop, const char *url, const char *install_key_file, enum db_open_mode mode, bool inline_worker,
	struct error *err);
/* The files that this database needs while it is used, for a process that gives up all others. */
void db_files(const char *url, const char *install_key_file, struct confine *confine);
void db_close(struct db **db);              /* after all verbs given so far were done */

/* Tools: runs the loop until every verb given so far was done. */
void db_wait(struct db *db);

/* Why the last verb failed, in words without secrets (for the log). */
const char *db_last_error(const struct db *db);

/* Calls fn when another process has changed the database (looked at every interval_ms of real time). fn NULL: no more. */
void db_watch(struct db *db, uint32_t interval_ms, loop_fn *fn, void *arg);

struct db_stats {
	uint64_t verbs;                  /* answered */
	uint64_t commits;                /* transactions that wrote */
	uint64_t retries;                /* tries that met a lock */
	uint64_t failures;               /* batches that were DB_UNAVAILABLE */
	unsigned waiting;                /* verbs given and not answered yet */
};
void db_stats(const struct db *db, struct db_stats *out);

#endif
