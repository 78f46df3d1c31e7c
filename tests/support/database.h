#ifndef BRAMBLE_TESTS_SUPPORT_DATABASE_H
#define BRAMBLE_TESTS_SUPPORT_DATABASE_H

#include <libpq-fe.h>
#include <sqlite3.h>

#include "base/io/loop.h"
#include "db/config.h"
#include "db/db.h"
#include "db/keys.h"
#include "db/seats.h"

/* A configuration database in a folder of its own (under DATABASE_FOLDER if that is set, else /tmp), for tests: a server "bes1", an
 * environment "groupwise", and verbs that wait for their answer.
 *
 * With BRAMBLE_TEST_POSTGRES (the URL of a superuser on a server for tests) it is on that server instead: one database per program, which is
 * emptied for each test. The loop's clock is a manual one there, so that leases are in the times that a test gives. */
struct database {
	struct loop *loop;
	struct db *db;
	char folder[64];
	char file[256], key_file[96];        /* file: the URL, on PostgreSQL */
	bool postgres;
};

/* cmocka fixtures: *state is the struct. */
int database_setup(void **state);              /* with the rows */
int database_setup_empty(void **state);        /* no file yet, db is NULL */
int database_teardown(void **state);

/* Another handle on the same file. */
struct db *database_open(struct database *d, enum db_open_mode mode, struct error *err);

/* The raw engine beside ours. exec fails the test unless it works; returns the first column of the first row as a number. */
sqlite3 *database_raw(const struct database *d);
PGconn *database_raw_postgres(const struct database *d);
int64_t database_exec(const struct database *d, const char *sql);
/* Runs SQL that may fail. Whether it did not. */
bool database_try(const struct database *d, const char *sql);
bool database_on_postgres(void);

/* Completions that keep what they were told, to be passed with their struct; NULL is fine where only the wait matters. */
struct heard_status { enum db_status status; unsigned count; };
void hear_status(void *ctx, enum db_status status);

/* Verbs that wait. */
enum db_status user_with_device(struct database *d, const char *name, uint32_t pin, bool permitted);
/* Users without permission: user0, user1 ... with one PIN after another. */
void crowd(const struct database *d, uint32_t first_pin, unsigned count);
enum db_status set_limits(struct database *d, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity);
struct seat_owner owner_start(struct db *db, const char *instance, uint64_t now_ms);

struct heard_admit {
	enum db_status status;
	struct seat_answer answer;       /* ended points to ended_copy */
	struct seat_ended ended_copy[256];
	unsigned count;
};
void hear_admit(void *ctx, enum db_status status, const struct seat_answer *answer);
void admit_start(struct db *db, struct seat_owner owner, uint32_t pin, const char *user, uint64_t now_ms, struct heard_admit *heard);
struct heard_admit admit(struct db *db, struct seat_owner owner, uint32_t pin, const char *user, uint64_t now_ms);
enum db_status mark(struct db *db, struct seat_owner owner, uint64_t session, int reason, uint64_t now_ms);
enum db_status end_session(struct db *db, struct seat_owner owner, uint64_t session, int reason);

#endif
