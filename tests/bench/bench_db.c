/* Admissions per second through the verbs, beside the bare engine doing the same inserts: what our layer costs.
 *
 *   bench_db [FOLDER]      where to put the file; the disk decides about the lines with one login per commit */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "collab/limits.h"
#include "db/config.h"

enum { USERS = 4096, FIRST_PIN = 0x30000000 };

static char file[256], key_file[256];
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

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print(const char *what, unsigned batch, unsigned count, uint64_t start_us, double start_cpu)
{
	double seconds = (double)(loop_real_us() - start_us) / 1e6;

	printf("%-12s %4u per commit  %9.0f /s  %6.1f us CPU each\n", what, batch, count / seconds,
		(cpu_seconds() - start_cpu) * 1e6 / count);
}

static void exec(sqlite3 *raw, const char *sql)
{
	if (sqlite3_exec(raw, sql, NULL, NULL, NULL) != SQLITE_OK)
		fatal(EXIT_DATABASE, "%s: %s", sql, sqlite3_errmsg(raw));
}

static struct db *make_database(struct loop *loop, struct seat_owner *owner)
{
	struct error err;
	struct db *db = db_open(loop, file, key_file, DB_CREATE, false, &err);
	struct db_environment environment = { .name = "groupwise", .host = "127.0.0.1", .port = 8300, .transport = "tls",
		.transport_capacity = DB_SESSIONS_MAX };
	struct db_server server = { .name = "bes1", .srp_id = "T00000001", .srp_key = bytes_str("a key of 20 bytes!!!") };
	sqlite3 *raw;

	if (!db)
		fatal(EXIT_DATABASE, "%s", err.text);
	db_server_add(db, &server, on_status, NULL);
	db_environment_add(db, &environment, on_status, NULL);
	db_owner_start(db, "groupwise", "bench", 0, 1u << 30, on_owner, owner);
	db_wait(db);
	if (sqlite3_open(file, &raw) != SQLITE_OK)
		fatal(EXIT_DATABASE, "%s", sqlite3_errmsg(raw));
	exec(raw, "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4095) INSERT INTO UserConfig (ServerConfigId, "
		"DisplayName, PIN) SELECT 1, 'user' || i, printf('%08X', 0x30000000 + i) FROM n");
	exec(raw, "INSERT INTO emu_IMPermission SELECT Id FROM UserConfig");
	/* Other devices' seats, so that counting has something to count. */
	exec(raw, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO emu_IMSession (EnvironmentId, "
		"ServiceStateId, OwnerEpoch, PIN, IMUser, LoginId, StartedMs) SELECT 1, 1, 1, printf('%08X', i), 'other' || i, '', 0 FROM n");
	sqlite3_close(raw);
	return db;
}

static void verbs(struct loop *loop, unsigned batch, unsigned count)
{
	struct seat_owner owner = { 0 };
	struct db *db = make_database(loop, &owner);
	uint64_t start = loop_real_us();
	double cpu = cpu_seconds();

	answered = 0;
	for (unsigned done = 0; done < count; done += batch) {
		for (unsigned i = 0; i < batch; i++) {
			char user[32];
			struct seat_request request = { .environment = "groupwise", .owner = owner, .pin = FIRST_PIN + (done + i) % USERS,
				.im_user = user, .login_id = "bench", .now_ms = 1, .decide = limits_decide };

			snprintf(user, sizeof user, "user%u", (done + i) % USERS);
			db_session_admit(db, &request, on_admit, NULL);
		}
		db_wait(db);
	}
	if (answered != count)
		fatal(EXIT_REFUSED, "%u of %u were admitted", answered, count);
	print("verbs", batch, count, start, cpu);
	db_close(&db);
	unlink(file);
}

static void bare(struct loop *loop, unsigned batch, unsigned count)
{
	struct seat_owner owner = { 0 };
	struct db *db = make_database(loop, &owner);
	sqlite3 *raw;
	sqlite3_stmt *insert = NULL;
	uint64_t start;
	double cpu;

	db_close(&db);
	if (sqlite3_open(file, &raw) != SQLITE_OK)
		fatal(EXIT_DATABASE, "%s", sqlite3_errmsg(raw));
	exec(raw, "PRAGMA synchronous = FULL");
	sqlite3_prepare_v2(raw, "INSERT INTO emu_IMSession (EnvironmentId, ServiceStateId, OwnerEpoch, PIN, IMUser, LoginId, StartedMs) "
		"VALUES (1, 1, 1, printf('%08X', ?1), 'user' || ?1, 'bench', 0)", -1, &insert, NULL);
	start = loop_real_us();
	cpu = cpu_seconds();
	for (unsigned done = 0; done < count; done += batch) {
		exec(raw, "BEGIN IMMEDIATE");
		for (unsigned i = 0; i < batch; i++) {
			sqlite3_bind_int64(insert, 1, done + i);
			sqlite3_step(insert);
			sqlite3_reset(insert);
		}
		exec(raw, "COMMIT");
	}
	print("bare engine", batch, count, start, cpu);
	sqlite3_finalize(insert);
	sqlite3_close(raw);
	unlink(file);
}

int main(int argc, char **argv)
{
	char folder[200];
	struct loop *loop = loop_new();

	snprintf(folder, sizeof folder, "%s/bramble-bench-XXXXXX", argc == 2 ? argv[1] : "/tmp");
	if (!mkdtemp(folder))
		fatal(EXIT_CONFIG, "no folder in %s", folder);
	snprintf(file, sizeof file, "%s/bramble.db", folder);
	snprintf(key_file, sizeof key_file, "%s/install.key", folder);
	printf("admissions with 5000 seats taken (count, permission, replaced logins, insert), and bare inserts\n");
	for (unsigned batch = 1; batch <= 64; batch *= 8) {
		unsigned count = batch == 1 ? 2000 : 4096;

		verbs(loop, batch, count);
		bare(loop, batch, count);
	}
	unlink(key_file);
	rmdir(folder);
	loop_free(&loop);
	return 0;
}
