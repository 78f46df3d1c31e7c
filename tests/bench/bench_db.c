/* Admissions per second through the database's verbs, or the same statements given to the engine with nothing around them.
 *
 *   bench_db verbs|bare URL KEY-FILE BATCH COUNT      URL: a file that is not there yet, or an empty database of PostgreSQL's
 *
 * Prints the admissions per second. 5,000 seats are taken before, so that counting has something to count; BATCH admissions share a commit.
 * Bare is what one thread that owns the engine can do with the statements of an admission, prepared: one count of the seats for each
 * transaction; for each login whom it replaces, whether it is permitted, the new row, and what is closing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "collab/limits.h"
#include "db/config.h"
#include "db/driver.h"
#include "db/statements.h"

enum { USERS = 4096, FIRST_PIN = 0x30000000, TAKEN = 5000, BATCH_MAX = 64, COUNT_MAX = USERS };

static unsigned answered;

static void on_status(void *ctx, enum db_status status)
{
	(void)ctx;
	if (status != DB_OK)
		fatal(EXIT_DATABASE, "a verb failed: %s", db_status_text(status));
}

static void on_owner(void *ctx, enum db_status status, struct seat_owner owner)
{
	on_status(NULL, status);
	*(struct seat_owner *)ctx = owner;
}

static void on_admit(void *ctx, enum db_status status, const struct seat_answer *answer)
{
	(void)ctx;
	on_status(NULL, status);
	answered += answer->decision.outcome == SEAT_ADMITTED;
}

static struct driver *open_engine(const char *url)
{
	const struct driver_ops *ops = strncmp(url, "postgresql:", 11) == 0 ? &driver_postgres : &driver_sqlite;
	struct error err;
	struct driver *driver = ops->open(url, false, &err);

	if (!driver || ops->prepare(driver, db_statements, SQL_COUNT, &err))
		fatal(EXIT_DATABASE, "%s", err.text);
	return driver;
}

static void run(struct driver *driver, const char *sql)
{
	if (driver->ops->run(driver, sql) != DRIVER_DONE)
		fatal(EXIT_DATABASE, "%s", driver->ops->error(driver));
}

/* People with permission, and other devices' seats. */
static void fill(const char *url)
{
	struct driver *driver = open_engine(url);
	struct buf users = { 0 }, seats = { 0 };

	buf_text(&users, "INSERT INTO UserConfig (ServerConfigId, DisplayName, PIN) VALUES ");
	for (unsigned i = 0; i < USERS; i++)
		buf_printf(&users, "%s(1, 'user%u', '%08X')", i ? ", " : "", i, FIRST_PIN + i);
	buf_text(&seats, "INSERT INTO emu_IMSession (EnvironmentId, ServiceStateId, OwnerEpoch, PIN, IMUser, LoginId, StartedMs) VALUES ");
	for (unsigned i = 1; i <= TAKEN; i++)
		buf_printf(&seats, "%s(1, 1, 1, '%08X', 'other%u', '', 0)", i > 1 ? ", " : "", i, i);
	run(driver, buf_cstr(&users));
	run(driver, "INSERT INTO emu_IMPermission SELECT Id FROM UserConfig");
	run(driver, buf_cstr(&seats));
	driver->ops->close(driver);
	buf_free(&users);
	buf_free(&seats);
}

static struct db *make_database(struct loop *loop, const char *url, const char *key_file, struct seat_owner *owner)
{
	struct error err;
	struct db *db = db_open(loop, url, key_file, DB_CREATE, false, &err);
	struct db_environment environment = { .name = "groupwise", .host = "127.0.0.1", .port = 8300, .transport = "tls",
		.transport_capacity = DB_SESSIONS_MAX };
	struct db_server server = { .name = "bes1", .srp_id = "T00000001", .srp_key = bytes_str("a key of 20 bytes!!!") };

	if (!db)
		fatal(EXIT_DATABASE, "%s", err.text);
	db_server_add(db, &server, on_status, NULL);
	db_environment_add(db, &environment, on_status, NULL);
	db_owner_start(db, "groupwise", "bench", 0, 1u << 30, on_owner, owner);
	db_wait(db);
	return db;
}

static void verbs(struct db *db, struct seat_owner owner, unsigned batch, unsigned count)
{
	for (unsigned done = 0; done < count; done += batch) {
		for (unsigned i = 0; i < batch; i++) {
			char user[32];
			struct seat_request request = { .environment = "groupwise", .owner = owner, .pin = FIRST_PIN + done + i,
				.im_user = user, .login_id = "bench", .now_ms = 1, .decide = limits_decide };

			snprintf(user, sizeof user, "user%u", done + i);
			db_session_admit(db, &request, on_admit, NULL);
		}
		db_wait(db);
	}
	if (answered != count)
		fatal(EXIT_REFUSED, "%u of %u were admitted", answered, count);
}

static struct db_value number(int64_t value)
{
	return (struct db_value){ .kind = DB_VALUE_NUMBER, .number = value };
}

static struct db_value text(const char *value)
{
	return (struct db_value){ .kind = DB_VALUE_TEXT, .bytes = bytes_str(value) };
}

/* All rows of one statement; how many. */
static unsigned all(struct driver *driver, size_t statement, const struct db_value *values, size_t count)
{
	enum driver_result result = driver->ops->start(driver, statement, values, count);
	unsigned rows = 0;

	if (result == DRIVER_DONE)
		while ((result = driver->ops->step(driver, statement)) == DRIVER_ROW)
			rows++;
	if (result != DRIVER_DONE)
		fatal(EXIT_DATABASE, "%s: %s", db_statements[statement].name, driver->ops->error(driver));
	return rows;
}

static void admit_bare(struct driver *driver, struct seat_owner owner, unsigned n)
{
	char pin[16], user[32];

	snprintf(pin, sizeof pin, "%08X", FIRST_PIN + n);
	snprintf(user, sizeof user, "user%u", n);
	if (all(driver, SQL_SEATS_REPLACED, (struct db_value[]){ number(1), text(pin), text(user) }, 3) != 0 ||
	    all(driver, SQL_SEAT_PERMITTED, (struct db_value[]){ text(pin) }, 1) != 1 ||
	    all(driver, SQL_SEAT_ADD, (struct db_value[]){ number(1), number((int64_t)owner.id), number(owner.epoch), text(pin), text(user),
	        text("bench"), number(1) }, 7) != 1)
		fatal(EXIT_REFUSED, "%s would not be admitted", user);
	all(driver, SQL_CLOSING_LIST, (struct db_value[]){ number(1) }, 1);
}

static void bare(struct driver *driver, struct seat_owner owner, unsigned batch, unsigned count)
{
	for (unsigned done = 0; done < count; done += batch) {
		if (driver->ops->begin(driver, true) != DRIVER_DONE)
			fatal(EXIT_DATABASE, "%s", driver->ops->error(driver));
		all(driver, SQL_SEATS_COUNT, (struct db_value[]){ number(1) }, 1);
		for (unsigned i = 0; i < batch; i++)
			admit_bare(driver, owner, done + i);
		if (driver->ops->commit(driver) != DRIVER_DONE)
			fatal(EXIT_DATABASE, "%s", driver->ops->error(driver));
	}
}

int main(int argc, char **argv)
{
	struct loop *loop = loop_new();
	struct seat_owner owner = { 0 };
	unsigned batch = argc == 6 ? (unsigned)strtoul(argv[4], NULL, 10) : 0, count = argc == 6 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
	struct db *db;
	uint64_t start;

	log_open("bench_db");
	log_set_level(LOG_WARNING);
	if (batch < 1 || batch > BATCH_MAX || count < batch || count > COUNT_MAX)
		fatal(EXIT_USAGE, "usage: bench_db verbs|bare URL KEY-FILE BATCH COUNT; at most %d logins", COUNT_MAX);
	count -= count % batch;
	db = make_database(loop, argv[2], argv[3], &owner);
	fill(argv[2]);
	if (strcmp(argv[1], "verbs") == 0) {
		start = loop_real_us();
		verbs(db, owner, batch, count);
		printf("%.1f\n", count * 1e6 / (double)(loop_real_us() - start));
		db_close(&db);
	} else {
		struct driver *driver;

		db_close(&db);
		driver = open_engine(argv[2]);
		start = loop_real_us();
		bare(driver, owner, batch, count);
		printf("%.1f\n", count * 1e6 / (double)(loop_real_us() - start));
		driver->ops->close(driver);
	}
	loop_free(&loop);
	return 0;
}
