#ifndef BRAMBLE_ADMIN_STORE_H
#define BRAMBLE_ADMIN_STORE_H

#include "admin/command.h"
#include "admin/place.h"
#include "admin/table.h"
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

/* The whole of a command that changes something: opens, lets ask() give one verb with store_done, waits, closes. */
typedef void store_ask_fn(struct store *store, const void *arg);
int store_change(const struct command_common *common, store_ask_fn *ask, const void *arg, const char *what);

/* The whole of a command that lists: ask()'s completion fills store->rows, which are printed as JSON or by print (NULL: in columns). */
struct store_list {
	const char *help, *what;
	store_ask_fn *ask;
	const struct table_column *columns;
	void (*print)(const json_t *rows);
};
int store_list(int argc, char **argv, const struct store_list *list);

#endif
