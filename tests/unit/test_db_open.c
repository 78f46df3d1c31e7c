/* Opening and losing the configuration database: each fault has its own sentence, and none of them gives a seat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/migrations.h"
#include "tests/support/database.h"

enum { ALICE = 0x2100000a, BOB };

static int newest(void)
{
	int version = 0;

	for (const struct db_migration *m = db_migrations; m->number; m++)
		version = m->number;
	return version;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* Opening must fail with a sentence that names the file and holds the words. */
static void refused(struct database *d, enum db_open_mode mode, const char *file, const char *words)
{
	struct error err = { "" };
	struct db *db = database_open(d, mode, &err);

	assert_null(db);
	if (!strstr(err.text, file) || !strstr(err.text, words))
		fail_msg("'%s' does not hold '%s' and '%s'", err.text, file, words);
}

static void reopen(struct database *d)
{
	struct error err = { "" };

	db_close(&d->db);
	d->db = database_open(d, DB_EXISTING, &err);
	assert_string_equal(err.text, "");
}

/* --- migrations --------------------------------------------------------------------------------------------------------------- */

static void a_new_database_has_the_newest_schema(void **state)
{
	struct database *d = *state;
	struct stat file;

	assert_int_equal(database_exec(d, "SELECT max(Version) FROM emu_SchemaVersion"), newest());
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_SchemaVersion"), newest());
	assert_int_equal(stat(d->file, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	reopen(d);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_SchemaVersion"), newest());
}

static void migrations_are_numbered_without_gaps(void **state)
{
	int expected = 1;

	(void)state;
	for (const struct db_migration *m = db_migrations; m->number; m++, expected++) {
		char prefix[16];

		assert_int_equal(m->number, expected);
		snprintf(prefix, sizeof prefix, "%04d_", expected);
		assert_memory_equal(m->name, prefix, 5);
	}
	assert_true(expected > 1);
}

/* As a program of schema version 1 left it behind: its history is kept, and what it did not know is empty. */
static void a_database_of_version_1_is_brought_up_with_its_history(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	sqlite3 *raw = database_raw(d);
	struct seat_owner me;
	uint64_t session;

	assert_int_equal(sqlite3_exec(raw, "PRAGMA application_id = 0x42524d42", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(raw, db_migrations[0].sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
	chmod(d->file, 0600);
	database_exec(d, "INSERT INTO emu_SchemaVersion VALUES (1, '0001', 0)");
	database_exec(d, "INSERT INTO emu_IMServiceConfig (Name, Type, Host, Port, Transport, TransportCapacity) VALUES "
		"('groupwise', 'groupwise', '127.0.0.1', 8300, 'tls', 5120)");
	database_exec(d, "INSERT INTO emu_IMSessionHistory (SessionId, Environment, Instance, ServiceStateId, PIN, IMUser, LoginId, State, "
		"Reason, StartedMs, EndedMs) VALUES (1, 'groupwise', 'old', 1, '2100000A', 'alice', '2100000A-1', 'active', 'logout', 0, 0)");
	d->db = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(database_exec(d, "SELECT max(Version) FROM emu_SchemaVersion"), newest());
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory WHERE IMUser = 'alice' AND EndedBy = ''"), 1);
	database_exec(d, "INSERT INTO ServerConfig (MachineName) VALUES ('bes1')");
	user_with_device(d, "alice", ALICE, true);
	me = owner_start(d->db, "collab1", 0);
	session = admit(d->db, me, ALICE, "alice", 1).answer.session;
	assert_int_equal(end_session(d->db, me, session, 1), DB_OK);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory"), 2);
}

static void a_newer_schema_than_the_program_knows_is_refused(void **state)
{
	struct database *d = *state;
	char sql[128];

	db_close(&d->db);
	snprintf(sql, sizeof sql, "INSERT INTO emu_SchemaVersion VALUES (%d, 'next', 0)", newest() + 1);
	database_exec(d, sql);
	refused(d, DB_EXISTING, d->file, "newer program");
	refused(d, DB_CREATE, d->file, "newer program");
}

static void two_programs_may_make_the_same_database(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	struct db *other;

	d->db = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	other = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	db_close(&other);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_SchemaVersion"), newest());
}

static bool is_column(const struct database *d, const char *table, const char *column)
{
	char sql[256];

	snprintf(sql, sizeof sql, d->postgres ? "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND "
		"table_name = lower('%s') AND column_name = lower('%s')" : "SELECT count(*) FROM sqlite_schema t, pragma_table_info(t.name) c "
		"WHERE t.type = 'table' AND t.name = '%s' AND c.name = '%s'", table, column);
	return database_exec(d, sql) == 1;
}

/* docs/database.md has a heading per table and a row per column, and nothing else. */
static void the_page_lists_every_table_and_column(void **state)
{
	struct database *d = *state;
	FILE *page = fopen("docs/database.md", "r");
	char line[1024], table[64] = "", column[64];
	unsigned listed = 0, there = 0;

	assert_non_null(page);
	while (fgets(line, sizeof line, page)) {
		if (strncmp(line, "## ", 3) == 0)
			table[0] = '\0';
		if (sscanf(line, "### %63[A-Za-z_]", table) == 1 || !table[0] || sscanf(line, "| `%63[A-Za-z]` |", column) != 1)
			continue;
		if (!is_column(d, table, column))
			fail_msg("docs/database.md: there is no column %s.%s", table, column);
		listed++;
	}
	fclose(page);
	there = (unsigned)database_exec(d, d->postgres ? "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public'"
		: "SELECT count(*) FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' "
		"AND t.name NOT LIKE 'sqlite%'");
	assert_int_equal(listed, there);
}

/* --- what is not a configuration database --------------------------------------------------------------------------------- */

static void missing(void **state)
{
	struct database *d = *state;

	refused(d, DB_EXISTING, d->file, "there is no configuration database");
	assert_int_equal(access(d->file, F_OK), -1);
}

static void missing_folder(void **state)
{
	struct database *d = *state;

	snprintf(d->file, sizeof d->file, "%s/nowhere/bramble.db", d->folder);
	refused(d, DB_CREATE, d->file, "cannot be created");
}

static void garbage(void **state)
{
	struct database *d = *state;
	char text[8192];

	memset(text, 'g', sizeof text);
	text[sizeof text - 1] = '\0';
	write_file(d->file, text, 0600);
	refused(d, DB_EXISTING, d->file, "is not a database");
	refused(d, DB_CREATE, d->file, "is not a database");
}

static void an_empty_file_is_only_filled_by_who_may_create(void **state)
{
	struct database *d = *state;
	struct error err = { "" };

	write_file(d->file, "", 0600);
	refused(d, DB_EXISTING, d->file, "is an empty file");
	d->db = database_open(d, DB_CREATE, &err);
	assert_non_null(d->db);
}

static void a_folder(void **state)
{
	struct database *d = *state;

	assert_int_equal(mkdir(d->file, 0700), 0);
	refused(d, DB_EXISTING, d->file, "is not a file");
	rmdir(d->file);
}

static void the_database_of_another_program(void **state)
{
	struct database *d = *state;

	database_exec(d, "CREATE TABLE moz_cookies (id)");
	refused(d, DB_EXISTING, d->file, "of another program");
	refused(d, DB_CREATE, d->file, "of another program");
}

static void a_kind_of_database_that_is_not_built_in(void **state)
{
	struct database *d = *state;

	snprintf(d->file, sizeof d->file, "mssql://db.corp.test/BESMgmt");
	refused(d, DB_EXISTING, "mssql", "sqlite:PATH");
	assert_int_equal(access("mssql:", F_OK), -1);
}

static void damaged_in_the_middle(void **state)
{
	struct database *d = *state;
	char junk[4096];
	int fd;

	db_close(&d->db);
	memset(junk, 0x5a, sizeof junk);
	fd = open(d->file, O_WRONLY);
	for (off_t page = 1; page < 12; page++)
		assert_int_equal(pwrite(fd, junk, sizeof junk, page * (off_t)sizeof junk), sizeof junk);
	close(fd);
	refused(d, DB_EXISTING, d->file, "is damaged");
}

static void read_only(void **state)
{
	struct database *d = *state;
	bool root = geteuid() == 0;

	db_close(&d->db);
	assert_int_equal(chmod(d->file, 0444), 0);
	assert_int_equal(chmod(d->folder, 0755), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);   /* root may write whatever the mode says */
	refused(d, DB_EXISTING, d->file, "is read-only");
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(d->file, 0600), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	if (root)
		refused(d, DB_EXISTING, d->file, "cannot be read");
	if (root)
		assert_int_equal(seteuid(0), 0);
	reopen(d);
}

/* --- the install key ------------------------------------------------------------------------------------------------------------ */

static void an_install_key_that_others_may_read_is_refused(void **state)
{
	struct database *d = *state;
	static const mode_t modes[] = { 0640, 0604, 0660, 0620, 0777 };
	struct stat file;

	assert_int_equal(stat(d->key_file, &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
	db_close(&d->db);
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		assert_int_equal(chmod(d->key_file, modes[i]), 0);
		refused(d, DB_EXISTING, d->key_file, "chmod 600");
	}
	assert_int_equal(chmod(d->key_file, 0400), 0);
	reopen(d);
}

static void another_install_key_is_refused(void **state)
{
	struct database *d = *state;

	db_close(&d->db);
	write_file(d->key_file, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
	refused(d, DB_EXISTING, d->key_file, "is not the one");
	refused(d, DB_CREATE, d->key_file, "is not the one");
}

static void a_lost_install_key_is_not_made_anew(void **state)
{
	struct database *d = *state;

	db_close(&d->db);
	unlink(d->key_file);
	refused(d, DB_EXISTING, d->key_file, "there is no install key");
	refused(d, DB_CREATE, d->key_file, "there is no install key");
	assert_int_equal(access(d->key_file, F_OK), -1);
}

static void what_is_no_install_key(void **state)
{
	static const char *const bad[] = { "", "\n", "00", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00" };
	struct database *d = *state;

	db_close(&d->db);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file(d->key_file, bad[i], 0600);
		refused(d, DB_EXISTING, d->key_file, "64 hex digits");
	}
}

static void hear_device(void *ctx, enum db_status status, const struct db_device *device)
{
	*(enum db_status *)ctx = status;
	assert_true((device != NULL) == (status == DB_OK));
}

static void without_an_install_key_only_secrets_are_unavailable(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	enum db_status status = DB_OK;
	struct seat_owner me;

	user_with_device(d, "alice", ALICE, true);
	db_close(&d->db);
	d->db = db_open(d->loop, d->file, NULL, DB_EXISTING, true, &err);
	assert_non_null(d->db);
	db_device_keys(d->db, ALICE, hear_device, &status);
	db_wait(d->db);
	assert_int_equal(status, DB_UNAVAILABLE);
	me = owner_start(d->db, "collab1", 0);
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).answer.decision.outcome, SEAT_ADMITTED);
}

/* --- faults while running ------------------------------------------------------------------------------------------------------- */

static void a_locked_database_delays_and_then_is_unavailable(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, b = { 0 };
	sqlite3 *raw = database_raw(d);
	uint64_t start;
	struct db_stats before, after;

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	start = loop_real_us();
	a = admit(d->db, me, ALICE, "alice", 1);
	assert_int_equal(a.status, DB_UNAVAILABLE);
	assert_int_equal(a.answer.session, 0);
	assert_in_range(loop_real_us() - start, (DB_LOCKED_MAX_MS - 100) * 1000, (DB_LOCKED_MAX_MS + 3000) * 1000);
	assert_non_null(strstr(db_last_error(d->db), "locked by another process"));
	assert_non_null(strstr(db_last_error(d->db), d->file));

	/* A lock that ends in time only delays: it is let go once the verb has met it. */
	db_stats(d->db, &before);
	admit_start(d->db, me, ALICE, "alice", 1, &b);
	for (unsigned i = 0; i < 20; i++)
		loop_round(d->loop, 5);
	assert_int_equal(b.count, 0);
	assert_int_equal(sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	db_wait(d->db);
	db_stats(d->db, &after);
	assert_int_equal(b.status, DB_OK);
	assert_true(after.retries > before.retries);
	sqlite3_close(raw);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSession"), 1);
}

static void verbs_behind_a_locked_one_wait_no_longer_than_it(void **state)
{
	struct database *d = *state;
	struct heard_status heard = { 0 };
	sqlite3 *raw = database_raw(d);
	uint64_t start;

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	start = loop_real_us();
	for (unsigned i = 0; i < 5; i++)      /* each is a transaction of its own */
		db_user_permit(d->db, "alice", true, hear_status, &heard);
	db_wait(d->db);
	assert_int_equal(heard.count, 5);
	assert_int_equal(heard.status, DB_UNAVAILABLE);
	assert_true(loop_real_us() - start < (DB_LOCKED_MAX_MS + 3000) * 1000);
	sqlite3_close(raw);
}

static void readers_do_not_wait_for_a_writer(void **state)
{
	struct database *d = *state;
	enum db_status status = DB_UNAVAILABLE;
	struct db_stats stats;
	sqlite3 *raw = database_raw(d);

	user_with_device(d, "alice", ALICE, true);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	db_device_keys(d->db, ALICE, hear_device, &status);
	db_wait(d->db);
	db_stats(d->db, &stats);
	assert_int_equal(status, DB_OK);
	assert_int_equal(stats.retries, 0);
	sqlite3_close(raw);
}

/* The limit is the kernel's own: writing beyond it fails as on a full disk. */
static void when_nothing_can_be_written_nobody_of_the_batch_gets_a_seat(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit heard[2] = { { 0 } }, again;
	struct heard_status conflict = { 0 };
	struct rlimit old, full = { .rlim_max = RLIM_INFINITY };

	user_with_device(d, "alice", ALICE, true);
	user_with_device(d, "bob", BOB, true);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	full.rlim_cur = 4096;
	full.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	admit_start(d->db, me, ALICE, "alice", 1, &heard[0]);
	admit_start(d->db, me, BOB, "bob", 1, &heard[1]);
	db_session_activate(d->db, me, 999, hear_status, &conflict);
	db_wait(d->db);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(heard[i].count, 1);
		assert_int_equal(heard[i].status, DB_UNAVAILABLE);
		assert_int_equal(heard[i].answer.session, 0);
	}
	assert_int_equal(conflict.status, DB_UNAVAILABLE);   /* what it found out was not committed either */
	assert_non_null(strstr(db_last_error(d->db), d->file));
	assert_true(strstr(db_last_error(d->db), "space") != NULL);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSession"), 0);
	again = admit(d->db, me, ALICE, "alice", 2);
	assert_int_equal(again.status, DB_OK);
	assert_int_equal(again.answer.census.live, 0);
}

static void a_removed_file_is_not_written_to_and_is_opened_again_when_it_is_back(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	char moved[sizeof d->file + 8];

	user_with_device(d, "alice", ALICE, true);
	database_exec(d, "PRAGMA wal_checkpoint(TRUNCATE)");
	snprintf(moved, sizeof moved, "%s.away", d->file);
	assert_int_equal(rename(d->file, moved), 0);
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(d->db), "there is no configuration database"));
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).status, DB_UNAVAILABLE);
	assert_int_equal(rename(moved, d->file), 0);
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).status, DB_OK);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSession"), 1);
}

static void a_table_that_was_dropped_is_named(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	database_exec(d, "DROP TABLE emu_IMPermission");
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(d->db), "emu_IMPermission"));
}

/* --- watching --------------------------------------------------------------------------------------------------------------------- */

static void changed(void *arg)
{
	++*(unsigned *)arg;
}

static void a_change_by_somebody_else_is_noticed_and_our_own_is_not(void **state)
{
	struct database *d = *state;
	unsigned changes = 0;

	db_watch(d->db, 1, changed, &changes);
	db_wait(d->db);
	set_limits(d, 5, 0, 0);
	for (uint64_t end = loop_real_us() + 100000; loop_real_us() < end; )
		loop_round(d->loop, 5);
	assert_int_equal(changes, 0);
	database_exec(d, "UPDATE emu_IMServiceConfig SET MaxSessions = 2");
	for (uint64_t end = loop_real_us() + 10000000; !changes && loop_real_us() < end; )
		loop_round(d->loop, 5);
	assert_int_equal(changes, 1);
}

#define EMPTY(f) cmocka_unit_test_setup_teardown(f, database_setup_empty, database_teardown)
#define FULL(f) cmocka_unit_test_setup_teardown(f, database_setup, database_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FULL(a_new_database_has_the_newest_schema),
		cmocka_unit_test(migrations_are_numbered_without_gaps),
		EMPTY(a_database_of_version_1_is_brought_up_with_its_history),
		FULL(the_page_lists_every_table_and_column),
		FULL(a_newer_schema_than_the_program_knows_is_refused),
		EMPTY(two_programs_may_make_the_same_database),
		EMPTY(missing),
		EMPTY(missing_folder),
		EMPTY(garbage),
		EMPTY(an_empty_file_is_only_filled_by_who_may_create),
		EMPTY(a_folder),
		EMPTY(the_database_of_another_program),
		EMPTY(a_kind_of_database_that_is_not_built_in),
		FULL(damaged_in_the_middle),
		FULL(read_only),
		FULL(an_install_key_that_others_may_read_is_refused),
		FULL(another_install_key_is_refused),
		FULL(a_lost_install_key_is_not_made_anew),
		FULL(what_is_no_install_key),
		FULL(without_an_install_key_only_secrets_are_unavailable),
		FULL(a_locked_database_delays_and_then_is_unavailable),
		FULL(verbs_behind_a_locked_one_wait_no_longer_than_it),
		FULL(readers_do_not_wait_for_a_writer),
		FULL(when_nothing_can_be_written_nobody_of_the_batch_gets_a_seat),
		FULL(a_removed_file_is_not_written_to_and_is_opened_again_when_it_is_back),
		FULL(a_table_that_was_dropped_is_named),
		FULL(a_change_by_somebody_else_is_noticed_and_our_own_is_not),
	};

	/* What is not about a file; its own faults are in test_db_postgres. */
	const struct CMUnitTest on_postgres[] = {
		FULL(the_page_lists_every_table_and_column),
		FULL(another_install_key_is_refused),
		FULL(a_lost_install_key_is_not_made_anew),
		FULL(without_an_install_key_only_secrets_are_unavailable),
		FULL(a_change_by_somebody_else_is_noticed_and_our_own_is_not),
	};

	if (database_on_postgres())
		return cmocka_run_group_tests(on_postgres, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
