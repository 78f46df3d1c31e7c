/* The driver for PostgreSQL. Whoever writes takes one lock first, as SQLite's BEGIN IMMEDIATE does, and counts afterwards, in a statement
 * of its own: READ COMMITTED then sees all that was committed under that lock. The lock is one on the table of the limits, against which
 * every plain UPDATE of a limit conflicts too; readers, in a snapshot, meet nobody. */
#include "db/postgres_link.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/memory.h"
#include "db/postgres_hosts.h"
#include "db/postgres_spell.h"

#define CHANNEL "emu_changed"
enum { VALUES_MAX = 16, OUTCOME_PAUSE_US = 20000 };
enum { TYPE_INT8 = 20, TYPE_INT4 = 23 };     /* fixed numbers of pg_type */

struct prepared {
	const char *name;
	PGresult *rows;
	int row;
};

struct postgres {
	struct driver driver;
	struct postgres_link link;
	char *url;
	struct prepared *statements;
	size_t count;
	bool has_tables;                 /* else only the migrations' own lock is there to be taken */
	bool writing;
	bool listening;
	char transaction[24];            /* of the one that writes */
	uint64_t clock_ms;               /* the server's, when it began */
	uint64_t deadline_us;            /* of the transaction */
	uint64_t changed, changes;
};

static struct postgres *of(struct driver *driver)
{
	return (struct postgres *)(void *)driver;
}

static uint64_t in_ms(uint64_t ms)
{
	return loop_real_us() + ms * 1000;
}

/* The next statement of a transaction: it has the transaction's rest, if that is less. */
static uint64_t answer_by(const struct postgres *p)
{
	uint64_t by = in_ms(POSTGRES_ANSWER_MS);

	return p->deadline_us && p->deadline_us < by ? p->deadline_us : by;
}

static void forget_rows(struct postgres *p)
{
	for (size_t i = 0; i < p->count; i++) {
		PQclear(p->statements[i].rows);
		p->statements[i].rows = NULL;
	}
}

static void pg_close(struct driver *driver)
{
	struct postgres *p = of(driver);

	forget_rows(p);
	postgres_link_close(&p->link);
	free(p->link.place);
	memory_wipe_str(&p->url);
	free(p->statements);
	free(p);
}

/* Runs SQL without parameters; a first value is copied where one is asked for. */
static enum driver_result ask(struct postgres *p, const char *sql, char *answer, size_t size)
{
	PGresult *result = postgres_link_ask(&p->link, sql, answer_by(p));
	enum driver_result verdict = postgres_link_verdict(&p->link, result);

	if (answer && verdict == DRIVER_ROW)
		snprintf(answer, size, "%s", PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	return verdict;
}

/* A search_path that names a schema of its own, as one of several installations in one database may: it is made like the tables. */
static int make_schema(struct postgres *p)
{
	char name[64] = "", sql[96];

	if (ask(p, "SELECT name FROM trim(split_part(current_setting('search_path'), ',', 1)) AS name WHERE name ~ '^[a-z_][a-z0-9_]*$' AND "
		"length(name) < 60", name, sizeof name) != DRIVER_ROW || !*name)
		return -1;
	snprintf(sql, sizeof sql, "CREATE SCHEMA IF NOT EXISTS %s", name);
	return ask(p, sql, NULL, 0) == DRIVER_DONE ? 0 : -1;
}

/* Ours, or empty and becoming ours. Whether tables are there is asked of the schema in which they would be made. */
static int check_tables(struct postgres *p, bool create, struct error *err)
{
	char answer[64];

	if (ask(p, "SELECT CASE WHEN to_regclass('emu_SchemaVersion') IS NOT NULL THEN 'ours' WHEN current_schema() IS NULL THEN 'nowhere' "
		"WHEN EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm')) "
		"THEN 'other' ELSE 'empty' END", answer, sizeof answer) != DRIVER_ROW)
		return error_set(err, "%s", p->link.error.text);
	if (strcmp(answer, "ours") == 0)
		return 0;
	if (strcmp(answer, "other") == 0)
		return error_set(err, "%s is the database of another program, not a configuration database: correct the setting 'database'",
			p->link.place);
	if (strcmp(answer, "nowhere") == 0 && (!create || make_schema(p) < 0))
		return error_set(err, "%s has no schema that this user may make tables in: check the user's search_path", p->link.place);
	if (!create)
		return error_set(err, "%s is an empty database, not a configuration database: let the bramble tool make its tables, or correct "
			"the setting 'database'", p->link.place);
	return 0;
}

static struct driver *pg_open(const char *where, bool create, struct error *err)
{
	struct postgres *p = memory_new(sizeof *p);

	p->driver.ops = &driver_postgres;
	p->url = memory_str(where);
	p->link.place = postgres_place(where, err);
	if (p->link.place && postgres_link_open(&p->link, where, err) == 0 && check_tables(p, create, err) == 0)
		return &p->driver;
	pg_close(&p->driver);
	return NULL;
}

static bool pg_moved(struct driver *driver)
{
	return postgres_link_is_lost(&of(driver)->link);
}

static int pg_schema_version(struct driver *driver, struct error *err)
{
	struct postgres *p = of(driver);
	char answer[64] = "0";

	if (ask(p, "SELECT to_regclass('emu_SchemaVersion') IS NOT NULL", answer, sizeof answer) != DRIVER_ROW)
		return error_set(err, "%s", p->link.error.text);
	if (strcmp(answer, "t") != 0)
		return 0;
	if (ask(p, "SELECT coalesce(max(Version), 0) FROM emu_SchemaVersion", answer, sizeof answer) != DRIVER_ROW)
		return error_set(err, "%s", p->link.error.text);
	p->has_tables = true;
	return (int)strtol(answer, NULL, 10);
}

static enum driver_result pg_run(struct driver *driver, const char *sql)
{
	struct postgres *p = of(driver);
	struct buf spelled = { 0 };
	enum driver_result result;

	postgres_spell_migration(sql, &spelled);
	result = ask(p, buf_cstr(&spelled), NULL, 0);
	buf_free(&spelled);
	return result == DRIVER_ROW ? DRIVER_DONE : result;
}

/* --- statements ------------------------------------------------------------------------------------------------------------------ */

/* All of them with one wait: their answers come one after another. */
static bool send_prepares(struct postgres *p, const struct db_statement *list)
{
	bool good = PQenterPipelineMode(p->link.conn) == 1;

	for (size_t i = 0; i < p->count && good; i++) {
		struct buf sql = { 0 };

		p->statements[i].name = list[i].name;
		postgres_spell_statement(list[i].sql, &sql);
		good = PQsendPrepare(p->link.conn, list[i].name, buf_cstr(&sql), 0, NULL) == 1;
		buf_free(&sql);
	}
	return good && PQpipelineSync(p->link.conn) == 1;
}

static int pg_prepare(struct driver *driver, const struct db_statement *list, size_t count, struct error *err)
{
	struct postgres *p = of(driver);
	uint64_t by = in_ms(POSTGRES_ANSWER_MS);
	bool synced = false;
	int rc = 0;

	p->statements = memory_new(count * sizeof *p->statements);
	p->count = count;
	if (!p->link.conn || !send_prepares(p, list))
		return error_set(err, "the configuration database %s was lost while it was opened", p->link.place);
	for (size_t i = 0; !synced; ) {
		PGresult *result;

		if (!postgres_link_await(&p->link, by))
			return error_set(err, "%s", p->link.error.text);
		result = PQgetResult(p->link.conn);
		if (!result) {
			i++;                 /* the end of this statement's results */
			continue;
		}
		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		if (!synced && rc == 0 && PQresultStatus(result) != PGRES_COMMAND_OK) {
			postgres_link_verdict(&p->link, result);
			rc = error_set(err, "statement %s: %s", i < count ? list[i].name : "?", p->link.error.text);
		}
		PQclear(result);
	}
	PQexitPipelineMode(p->link.conn);
	return rc;
}

struct wire_values {
	char numbers[VALUES_MAX][24];
	const char *data[VALUES_MAX];
	int lengths[VALUES_MAX], binary[VALUES_MAX];
};

static void to_wire(const struct db_value *values, size_t count, struct wire_values *out)
{
	for (size_t i = 0; i < count; i++) {
		const struct db_value *v = &values[i];

		out->data[i] = NULL;
		out->lengths[i] = (int)v->bytes.len;
		out->binary[i] = v->kind != DB_VALUE_NUMBER;
		if (v->kind == DB_VALUE_NUMBER) {
			snprintf(out->numbers[i], sizeof out->numbers[i], "%lld", (long long)v->number);
			out->data[i] = out->numbers[i];
		} else if (v->kind != DB_VALUE_NULL) {
			out->data[i] = v->bytes.data ? (const char *)v->bytes.data : "";
		}
	}
}

/* Here the statement is run; its rows lie in memory until it is run again or the transaction ends. */
static enum driver_result pg_start(struct driver *driver, size_t which, const struct db_value *values, size_t count)
{
	struct postgres *p = of(driver);
	struct prepared *s = &p->statements[which];
	struct wire_values wire;
	enum driver_result verdict;
	int sent;

	PQclear(s->rows);
	s->rows = NULL;
	s->row = -1;
	if (count > VALUES_MAX) {
		error_set(&p->link.error, "statement %s: more than %d values", s->name, VALUES_MAX);
		return DRIVER_FAILED;
	}
	to_wire(values, count, &wire);
	sent = p->link.conn ? PQsendQueryPrepared(p->link.conn, s->name, (int)count, wire.data, wire.lengths, wire.binary, 1) : 0;
	s->rows = postgres_link_result(&p->link, sent, answer_by(p));
	verdict = postgres_link_verdict(&p->link, s->rows);
	if (verdict != DRIVER_ROW && verdict != DRIVER_DONE)
		return verdict;
	p->changed = strtoull(PQcmdTuples(s->rows), NULL, 10);
	return DRIVER_DONE;
}

static enum driver_result pg_step(struct driver *driver, size_t which)
{
	struct prepared *s = &of(driver)->statements[which];

	if (!s->rows || s->row + 1 >= PQntuples(s->rows))
		return DRIVER_DONE;
	s->row++;
	return DRIVER_ROW;
}

static bool pg_is_null(struct driver *driver, size_t which, int column)
{
	const struct prepared *s = &of(driver)->statements[which];

	return !s->rows || s->row < 0 || PQgetisnull(s->rows, s->row, column);
}

static int64_t pg_number(struct driver *driver, size_t which, int column)
{
	const struct prepared *s = &of(driver)->statements[which];
	const char *at;
	uint64_t eight;
	uint32_t four;

	if (pg_is_null(driver, which, column))
		return 0;
	at = PQgetvalue(s->rows, s->row, column);
	switch (PQftype(s->rows, column)) {
	case TYPE_INT8:
		memcpy(&eight, at, sizeof eight);
		return (int64_t)be64toh(eight);
	case TYPE_INT4:
		memcpy(&four, at, sizeof four);
		return (int32_t)be32toh(four);
	default:
		return strtoll(at, NULL, 10);
	}
}

static struct bytes pg_bytes(struct driver *driver, size_t which, int column)
{
	const struct prepared *s = &of(driver)->statements[which];

	if (pg_is_null(driver, which, column))
		return (struct bytes){ 0 };
	return bytes_of(PQgetvalue(s->rows, s->row, column), (size_t)PQgetlength(s->rows, s->row, column));
}

static uint64_t pg_changed(struct driver *driver)
{
	return of(driver)->changed;
}

/* --- transactions ---------------------------------------------------------------------------------------------------------------- */

/* The lock is tried for briefly, so that whoever waits for it may give up at his own deadline, and whoever holds it too long does not
 * hold those up who only read. The migrations' lock is there before there is a table. */
#define TAKE_TURN "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = 100; "
#define TURN_TAKEN "SET LOCAL lock_timeout = 1500; SELECT pg_current_xact_id()::text, " \
	"(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text"
#define LOCK_LIMITS "LOCK TABLE emu_IMServiceConfig IN SHARE ROW EXCLUSIVE MODE; "
#define LOCK_MIGRATIONS "SELECT pg_advisory_xact_lock(1112690946); "
static const char begin_read[] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
static const char begin_write[] = TAKE_TURN LOCK_LIMITS TURN_TAKEN;
static const char begin_migration[] = TAKE_TURN LOCK_MIGRATIONS TURN_TAKEN;
static const char begin_upgrade[] = TAKE_TURN LOCK_MIGRATIONS LOCK_LIMITS TURN_TAKEN;

static enum driver_result begin_to_write(struct postgres *p)
{
	const char *sql = p->statements ? begin_write : p->has_tables ? begin_upgrade : begin_migration;
	PGresult *result = postgres_link_ask(&p->link, sql, answer_by(p));
	enum driver_result verdict = postgres_link_verdict(&p->link, result);

	if (verdict == DRIVER_ROW) {
		snprintf(p->transaction, sizeof p->transaction, "%s", PQgetvalue(result, 0, 0));
		p->clock_ms = strtoull(PQgetvalue(result, 0, 1), NULL, 10);
		verdict = DRIVER_DONE;
	}
	PQclear(result);
	return verdict;
}

/* Ends what is open; whoever cannot even do that is cut off. */
static void pg_rollback(struct driver *driver)
{
	struct postgres *p = of(driver);
	struct error why = p->link.error;

	forget_rows(p);
	p->deadline_us = 0;
	if (p->link.conn && PQtransactionStatus(p->link.conn) != PQTRANS_IDLE && ask(p, "ROLLBACK", NULL, 0) != DRIVER_DONE)
		postgres_link_close(&p->link);
	p->link.error = why;
}

static enum driver_result pg_begin(struct driver *driver, bool write)
{
	struct postgres *p = of(driver);
	enum driver_result result;

	p->deadline_us = in_ms(POSTGRES_TRANSACTION_MS);
	p->writing = write;
	result = write ? begin_to_write(p) : ask(p, begin_read, NULL, 0);
	if (result != DRIVER_DONE)
		pg_rollback(driver);
	return result;
}

/* What became of a commit whose answer was lost: asked of the same server, in the same life of it, since only that can know. */
static enum driver_result outcome(struct postgres *p)
{
	uint64_t end = in_ms(POSTGRES_HOST_MS);
	char sql[200], answer[32];

	snprintf(sql, sizeof sql, "SELECT coalesce(CASE WHEN extract(epoch FROM pg_postmaster_start_time())::text = '%s' THEN "
		"pg_xact_status('%s') END, 'unknown')", p->link.server, p->transaction);
	do {
		struct postgres other = { .link = { .place = p->link.place } };
		struct error err;
		enum driver_result result = DRIVER_FAILED;

		answer[0] = '\0';
		if (postgres_link_open(&other.link, p->url, &err) == 0)
			result = ask(&other, sql, answer, sizeof answer);
		postgres_link_close(&other.link);
		if (result == DRIVER_ROW && strcmp(answer, "committed") == 0)
			return DRIVER_DONE;
		if (result == DRIVER_ROW && strcmp(answer, "aborted") == 0)
			return DRIVER_FAILED;
		if (result == DRIVER_ROW && strcmp(answer, "in progress") != 0)
			break;
		usleep(OUTCOME_PAUSE_US);
	} while (loop_real_us() < end);
	error_set(&p->link.error, "the configuration database %s was lost during a commit: it may have happened, or not", p->link.place);
	return DRIVER_UNKNOWN;
}

static enum driver_result pg_commit(struct driver *driver)
{
	struct postgres *p = of(driver);
	PGresult *result;
	enum driver_result verdict;

	forget_rows(p);
	result = postgres_link_ask(&p->link, "COMMIT", answer_by(p));
	verdict = postgres_link_verdict(&p->link, result);
	/* A transaction that has failed is rolled back by COMMIT, without an error. */
	if (verdict == DRIVER_DONE && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
		error_set(&p->link.error, "the configuration database %s rolled a transaction back", p->link.place);
		verdict = DRIVER_FAILED;
	}
	PQclear(result);
	p->deadline_us = 0;
	if (!result && p->writing)
		verdict = outcome(p);
	return verdict;
}

static uint64_t pg_clock_ms(struct driver *driver)
{
	return of(driver)->clock_ms;
}

/* --- changes --------------------------------------------------------------------------------------------------------------------- */

/* Costs no question to the server: its word of a change has come, or it has not. Triggers say it, of whoever's change
 * (migration 4). */
static enum driver_result pg_data_version(struct driver *driver, uint64_t *version)
{
	struct postgres *p = of(driver);
	PGnotify *told;

	if (!p->listening && ask(p, "LISTEN " CHANNEL, NULL, 0) != DRIVER_DONE)
		return DRIVER_FAILED;
	p->listening = true;
	if (postgres_link_is_lost(&p->link))
		return DRIVER_FAILED;
	while ((told = PQnotifies(p->link.conn)) != NULL) {
		p->changes += told->be_pid != PQbackendPID(p->link.conn);
		PQfreemem(told);
	}
	*version = p->changes;
	return DRIVER_ROW;
}

static const char *pg_error(struct driver *driver)
{
	return of(driver)->link.error.text;
}

const struct driver_ops driver_postgres = {
	.name = "postgresql", .waits = true, .place = postgres_place, .open = pg_open, .files = postgres_files, .close = pg_close, .moved = pg_moved,
	.schema_version = pg_schema_version, .run = pg_run, .prepare = pg_prepare, .begin = pg_begin, .commit = pg_commit,
	.rollback = pg_rollback, .start = pg_start, .step = pg_step, .is_null = pg_is_null, .number = pg_number, .bytes = pg_bytes,
	.changed = pg_changed, .clock_ms = pg_clock_ms, .data_version = pg_data_version, .error = pg_error,
};
