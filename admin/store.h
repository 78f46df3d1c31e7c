#ifndef BRAMBLE_ADMIN_STORE_H
#define BRAMBLE_ADMIN_STORE_H

#include "admin/command.h"
#include "admin/place.h"
#include "db/config.h"
#include "db/db.h"

/* The configuration database of a place, opened for a tool that asks one verb and waits for it. */
struct store {
	struct place place;
	struct loop *loop;
	struct db *db;
	enum db_status status;       /* of the verb that was waited for last */
	json_t *rows;                /* what a list verb gave; for completions */
	const char *what;            /* "user alice": who a refusal is about */
};

/* 0, or the exit status with the sentence printed. Either way to be closed. */
int store_open(struct store *store, const struct command_common *common, enum db_open_mode mode);
void store_close(struct store *store);

/* The completion of verbs that only say how it went; ctx is the store. */
void store_done(void *ctx, enum db_status status);

/* Waits until the verb is done: 0, or the exit status with the sentence printed (it names `what`). */
int store_wait(struct store *store, const char *what);

#endif
