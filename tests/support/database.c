#include "tests/support/database.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "collab/limits.h"

bool database_on_postgres(void)
{
	return getenv("BRAMBLE_TEST_POSTGRES") != NULL;
}

static PGconn *connect_to(const char *url)
{
	PGconn *raw = PQconnectdb(url);

	if (PQstatus(raw) != CONNECTION_OK)
		fail_msg("%s: %s", url, PQerrorMessage(raw));
	return raw;
}

static int64_t exec_on(PGconn *raw, const char *sql)
{
	PGresult *result = PQexec(raw, sql);
	int64_t out = 0;

	if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s: %s", sql, PQresultErrorMessage(result));
	if (PQntuples(result) > 0 && PQnfields(result) > 0)
		out = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return out;
}

/* The database of this program: made for its first test, emptied for the others; the server is thrown away. */
static void empty_postgres(struct database *d)
{
	static pid_t made_by;
	const char *admin = getenv("BRAMBLE_TEST_POSTGRES"), *rest = strstr(admin, "/postgres?");
	char name[32], sql[128];
	PGconn *raw;

	assert_non_null(rest);
	snprintf(name, sizeof name, "unit_%d", getpid());
	snprintf(d->file, sizeof d->file, "%.*s/%s?%s", (int)(rest - admin), admin, name, rest + strlen("/postgres?"));
	if (made_by != getpid()) {
		raw = connect_to(admin);
		snprintf(sql, sizeof sql, "CREATE DATABASE %s TEMPLATE template0", name);
		exec_on(raw, sql);
		PQfinish(raw);
		made_by = getpid();
	}
	raw = connect_to(d->file);
	exec_on(raw, "SET client_min_messages = error; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	PQfinish(raw);
}

int database_setup_empty(void **state)
{
	struct database *d = memory_new(sizeof *d);
	const char *where = getenv("DATABASE_FOLDER");

	snprintf(d->folder, sizeof d->folder, "%s/bramble-db-XXXXXX", where ? where : "/tmp");
	assert_non_null(mkdtemp(d->folder));
	d->postgres = database_on_postgres();
	if (d->postgres)
		empty_postgres(d);
	else
		snprintf(d->file, sizeof d->file, "%s/bramble.db", d->folder);
	snprintf(d->key_file, sizeof d->key_file, "%s/install.key", d->folder);
	d->loop = loop_new();
	if (d->postgres)
		loop_clock_manual(d->loop, 0);
	*state = d;
	return 0;
}

struct db *database_open(struct database *d, enum db_open_mode mode, struct error *err)
{
	return db_open(d->loop, d->file, d->key_file, mode, false, err);
}

static struct bytes some_key(size_t len)
{
	static uint8_t key[64];

	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)(0x40 + i);
	return bytes_of(key, len);
}

int database_setup(void **state)
{
	struct error err = { "" };
	struct database *d;
	struct db_server server = { .name = "bes1", .srp_id = "T00000001", .srp_key = some_key(20) };
	struct db_environment environment = { .name = "groupwise", .type = DB_GROUPWISE, .host = "127.0.0.1", .port = 8300,
		.transport = "tls" };
	struct heard_status heard = { 0 };

	database_setup_empty(state);
	d = *state;
	d->db = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	db_server_add(d->db, &server, hear_status, &heard);
	db_environment_add(d->db, &environment, hear_status, &heard);
	db_wait(d->db);
	assert_int_equal(heard.count, 2);
	assert_int_equal(heard.status, DB_OK);
	return 0;
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
	(void)about;
	(void)type;
	(void)where;
	return remove(path);
}

int database_teardown(void **state)
{
	struct database *d = *state;

	db_close(&d->db);
	loop_free(&d->loop);
	assert_int_equal(nftw(d->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(d);
	return 0;
}

sqlite3 *database_raw(const struct database *d)
{
	sqlite3 *raw = NULL;

	assert_false(d->postgres);
	assert_int_equal(sqlite3_open(d->file, &raw), SQLITE_OK);
	sqlite3_busy_timeout(raw, 5000);
	return raw;
}

PGconn *database_raw_postgres(const struct database *d)
{
	assert_true(d->postgres);
	return connect_to(d->file);
}

bool database_try(const struct database *d, const char *sql)
{
	bool done;

	if (d->postgres) {
		PGconn *raw = database_raw_postgres(d);
		PGresult *result;

		PQclear(PQexec(raw, "SET statement_timeout = 5000"));
		result = PQexec(raw, sql);
		done = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		PQfinish(raw);
	} else {
		sqlite3 *raw = database_raw(d);

		done = sqlite3_exec(raw, sql, NULL, NULL, NULL) == SQLITE_OK;
		sqlite3_close(raw);
	}
	return done;
}

int64_t database_exec(const struct database *d, const char *sql)
{
	sqlite3 *raw;
	sqlite3_stmt *statement = NULL;
	int64_t out = 0;
	int code;

	if (d->postgres) {
		PGconn *server = database_raw_postgres(d);

		out = exec_on(server, sql);
		PQfinish(server);
		return out;
	}
	raw = database_raw(d);
	if (sqlite3_prepare_v2(raw, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		out = sqlite3_column_int64(statement, 0);
	else if (code != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(raw));
	sqlite3_finalize(statement);
	sqlite3_close(raw);
	return out;
}

void hear_status(void *ctx, enum db_status status)
{
	struct heard_status *heard = ctx;

	if (heard->count == 0 || heard->status == DB_OK)
		heard->status = status;
	heard->count++;
}

enum db_status user_with_device(struct database *d, const char *name, uint32_t pin, bool permitted)
{
	struct db_user user = { .server = "bes1", .name = name, .permitted = permitted };
	struct heard_status heard = { 0 };

	db_user_add(d->db, &user, hear_status, &heard);
	db_device_add(d->db, name, pin, some_key(32), 1 << 2, hear_status, &heard);
	db_wait(d->db);
	return heard.status;
}

void crowd(const struct database *d, uint32_t first_pin, unsigned count)
{
	struct buf sql = { 0 };

	buf_text(&sql, "INSERT INTO UserConfig (ServerConfigId, DisplayName, PIN) VALUES");
	for (unsigned i = 0; i < count; i++)
		buf_printf(&sql, "%s (1, 'user%u', '%08X')", i ? "," : "", i, first_pin + i);
	database_exec(d, buf_cstr(&sql));
	buf_free(&sql);
}

enum db_status set_limits(struct database *d, uint32_t max, uint64_t idle_timeout_ms, uint32_t capacity)
{
	struct db_environment change = { .name = "groupwise", .max_sessions = max, .idle_timeout_ms = idle_timeout_ms,
		.transport_capacity = capacity };
	struct heard_status heard = { 0 };

	db_environment_set(d->db, &change, DB_ENV_MAX_SESSIONS | DB_ENV_IDLE_TIMEOUT | (capacity ? DB_ENV_TRANSPORT_CAPACITY : 0),
		hear_status, &heard);
	db_wait(d->db);
	return heard.status;
}

static void hear_owner(void *ctx, enum db_status status, struct seat_owner owner)
{
	assert_int_equal(status, DB_OK);
	*(struct seat_owner *)ctx = owner;
}

struct seat_owner owner_start(struct db *db, const char *instance, uint64_t now_ms)
{
	struct seat_owner owner = { 0 };

	db_owner_start(db, "groupwise", instance, now_ms, 30000, hear_owner, &owner);
	db_wait(db);
	return owner;
}

void hear_admit(void *ctx, enum db_status status, const struct seat_answer *answer)
{
	struct heard_admit *heard = ctx;

	heard->count++;
	heard->status = status;
	if (!answer)
		return;
	heard->answer = *answer;
	assert_in_range(answer->ended_count, 0, 256);
	for (size_t i = 0; i < answer->ended_count; i++)
		heard->ended_copy[i] = answer->ended[i];
	heard->answer.ended = heard->ended_copy;
}

void admit_start(struct db *db, struct seat_owner owner, uint32_t pin, const char *user, uint64_t now_ms, struct heard_admit *heard)
{
	struct seat_request request = { .environment = "groupwise", .owner = owner, .pin = pin, .im_user = user,
		.login_id = "login-1", .now_ms = now_ms, .decide = limits_decide };

	db_session_admit(db, &request, hear_admit, heard);
}

struct heard_admit admit(struct db *db, struct seat_owner owner, uint32_t pin, const char *user, uint64_t now_ms)
{
	struct heard_admit heard = { 0 };

	admit_start(db, owner, pin, user, now_ms, &heard);
	db_wait(db);
	assert_int_equal(heard.count, 1);
	return heard;
}

enum db_status mark(struct db *db, struct seat_owner owner, uint64_t session, int reason, uint64_t now_ms)
{
	struct heard_status heard = { 0 };

	db_session_mark(db, owner, session, reason, now_ms, hear_status, &heard);
	db_wait(db);
	return heard.status;
}

enum db_status end_session(struct db *db, struct seat_owner owner, uint64_t session, int reason)
{
	struct heard_status heard = { 0 };

	db_session_end(db, owner, session, reason, false, hear_status, &heard);
	db_wait(db);
	return heard.status;
}
