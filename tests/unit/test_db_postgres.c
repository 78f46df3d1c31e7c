/* What only a database server can do to us: be away, be slow, lose a connection in the middle, or the answer to a commit. None of it gives a
 * seat that was not committed, and none leaves one behind that nobody holds. Runs with BRAMBLE_TEST_POSTGRES (tests/run.py). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "db/postgres_spell.h"
#include "protocol/im.h"
#include "tests/support/database.h"
#include "tests/support/postgres_proxy.h"

enum { ALICE = 0x2100000a, BOB };

struct scene {
	struct database *d;
	struct postgres_proxy *proxy;
	struct seat_owner me;
};

/* alice and bob may log in; what the verbs do goes by way of the proxy, what database_exec does does not. */
static int through_a_proxy(void **state)
{
	struct scene *s = memory_new(sizeof *s);
	struct error err = { "" };
	char through[256];

	database_setup(state);
	s->d = *state;
	assert_int_equal(user_with_device(s->d, "alice", ALICE, true), DB_OK);
	assert_int_equal(user_with_device(s->d, "bob", BOB, true), DB_OK);
	db_close(&s->d->db);
	s->proxy = postgres_proxy_new(s->d->file, s->d->folder, through, sizeof through);
	s->d->db = db_open(s->d->loop, through, s->d->key_file, DB_EXISTING, false, &err);
	assert_string_equal(err.text, "");
	s->me = owner_start(s->d->db, "collab1", 0);
	*state = s;
	return 0;
}

static int end_scene(void **state)
{
	struct scene *s = *state;

	postgres_proxy_mode(s->proxy, PROXY_PASS);
	*state = s->d;
	database_teardown(state);
	postgres_proxy_free(&s->proxy);
	free(s);
	return 0;
}

static int64_t live(const struct scene *s)
{
	return database_exec(s->d, "SELECT count(*) FROM emu_IMSession");
}

/* --- the answer to a commit ---------------------------------------------------------------------------------------------------- */

static void a_commit_that_did_not_arrive_gives_no_seat(void **state)
{
	struct scene *s = *state;
	struct heard_admit a;

	postgres_proxy_mode(s->proxy, PROXY_COMMIT_LOST);
	a = admit(s->d->db, s->me, ALICE, "alice", 1);
	assert_int_equal(a.status, DB_UNAVAILABLE);
	assert_int_equal(a.answer.session, 0);
	assert_int_equal(live(s), 0);
	a = admit(s->d->db, s->me, ALICE, "alice", 2);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(a.answer.census.live, 0);
	assert_int_equal(live(s), 1);
}

static void a_commit_whose_answer_is_lost_is_asked_about_and_gives_the_seat_it_gave(void **state)
{
	struct scene *s = *state;
	struct heard_admit a;

	postgres_proxy_mode(s->proxy, PROXY_ANSWER_LOST);
	a = admit(s->d->db, s->me, ALICE, "alice", 1);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(live(s), 1);
	assert_int_equal(database_exec(s->d, "SELECT Id FROM emu_IMSession"), a.answer.session);
	assert_int_equal(end_session(s->d->db, s->me, a.answer.session, IM_REASON_LOGOUT), DB_OK);
	assert_int_equal(live(s), 0);
}

static void a_seat_of_which_nobody_knows_is_nobodys_and_is_ended_before_the_next_login(void **state)
{
	struct scene *s = *state;
	struct heard_admit a;

	set_limits(s->d, 1, 0, 0);
	postgres_proxy_mode(s->proxy, PROXY_ANSWER_LOST_AWAY);
	a = admit(s->d->db, s->me, ALICE, "alice", 1);
	assert_int_equal(a.status, DB_UNAVAILABLE);
	assert_int_equal(a.answer.session, 0);
	assert_non_null(strstr(db_last_error(s->d->db), "it may have happened, or not"));
	assert_int_equal(live(s), 1);                      /* committed all the same */
	assert_int_equal(admit(s->d->db, s->me, BOB, "bob", 2).status, DB_UNAVAILABLE);
	postgres_proxy_mode(s->proxy, PROXY_PASS);
	a = admit(s->d->db, s->me, BOB, "bob", 3);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(a.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(a.answer.census.live, 0);
	assert_int_equal(live(s), 1);
	assert_int_equal(database_exec(s->d, "SELECT count(*) FROM emu_IMSession WHERE IMUser = 'bob'"), 1);
	assert_int_equal(database_exec(s->d, "SELECT count(*) FROM emu_IMSessionHistory WHERE IMUser = 'alice' AND Reason = 'refused'"), 1);
}

static void a_renewal_is_enough_to_end_it(void **state)
{
	struct scene *s = *state;
	struct heard_status heard = { 0 };

	postgres_proxy_mode(s->proxy, PROXY_ANSWER_LOST_AWAY);
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 1).status, DB_UNAVAILABLE);
	postgres_proxy_mode(s->proxy, PROXY_PASS);
	db_owner_renew(s->d->db, s->me, 10, 30000, hear_status, &heard);
	db_wait(s->d->db);
	assert_int_equal(heard.status, DB_OK);
	assert_int_equal(live(s), 0);
}

static void everybody_of_a_commit_that_is_lost_is_told_the_same(void **state)
{
	struct scene *s = *state;
	struct heard_admit heard[2] = { { 0 } };
	struct heard_status conflict = { 0 };

	postgres_proxy_mode(s->proxy, PROXY_COMMIT_LOST);
	admit_start(s->d->db, s->me, ALICE, "alice", 1, &heard[0]);
	admit_start(s->d->db, s->me, BOB, "bob", 1, &heard[1]);
	db_session_activate(s->d->db, s->me, 999, hear_status, &conflict);
	db_wait(s->d->db);
	assert_int_equal(heard[0].status, DB_UNAVAILABLE);
	assert_int_equal(heard[1].status, DB_UNAVAILABLE);
	assert_int_equal(conflict.status, DB_UNAVAILABLE);
	assert_int_equal(live(s), 0);
}

/* --- lost and slow ------------------------------------------------------------------------------------------------------------- */

#define KILL_OTHERS "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND " \
	"datname = current_database() AND backend_type = 'client backend'"

static void a_connection_that_was_lost_at_rest_is_made_anew_without_a_word(void **state)
{
	struct scene *s = *state;

	assert_true(database_exec(s->d, KILL_OTHERS) > 0);
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 1).status, DB_OK);
	assert_int_equal(live(s), 1);
}

static void a_connection_lost_in_the_middle_gives_nobody_a_seat(void **state)
{
	struct scene *s = *state;
	struct heard_admit heard[2] = { { 0 } };

	database_exec(s->d, "CREATE FUNCTION test_die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.IMUser = 'bob' THEN "
		"PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END $$");
	database_exec(s->d, "CREATE TRIGGER test_die AFTER INSERT ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_die()");
	admit_start(s->d->db, s->me, ALICE, "alice", 1, &heard[0]);
	admit_start(s->d->db, s->me, BOB, "bob", 1, &heard[1]);
	db_wait(s->d->db);
	assert_int_equal(heard[0].status, DB_UNAVAILABLE);
	assert_int_equal(heard[1].status, DB_UNAVAILABLE);
	assert_int_equal(live(s), 0);
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 2).status, DB_OK);
}

/* A server that is back in time only delays. */
static void set_pass(void *arg)
{
	postgres_proxy_mode(arg, PROXY_PASS);
}

static void a_server_that_is_away_for_a_moment_delays_a_login(void **state)
{
	struct scene *s = *state;
	struct heard_admit a = { 0 };
	struct loop_timer *back = loop_timer_new_real(s->d->loop, set_pass, s->proxy);

	postgres_proxy_mode(s->proxy, PROXY_REFUSE);
	loop_timer_set(back, 500);
	admit_start(s->d->db, s->me, ALICE, "alice", 1, &a);
	db_wait(s->d->db);
	assert_false(loop_timer_is_set(back));
	loop_timer_free(&back);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(live(s), 1);
}

static void a_server_that_answers_nothing_fails_a_login_in_time_and_the_loop_goes_on(void **state)
{
	struct scene *s = *state;
	uint64_t start = loop_real_us(), longest = 0;
	struct heard_admit a = { 0 };

	postgres_proxy_mode(s->proxy, PROXY_STALL);
	admit_start(s->d->db, s->me, ALICE, "alice", 1, &a);
	while (!a.count) {
		uint64_t before = loop_real_us();

		loop_round(s->d->loop, 10);
		longest = loop_real_us() - before > longest ? loop_real_us() - before : longest;
	}
	assert_int_equal(a.status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(s->d->db), "does not answer"));
	assert_in_range(loop_real_us() - start, 1000000, 12000000);
	assert_true(longest < 1000000);
	postgres_proxy_mode(s->proxy, PROXY_PASS);
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 2).status, DB_OK);
	assert_int_equal(live(s), 1);
}

static void a_slow_statement_is_given_up_by_the_server(void **state)
{
	struct scene *s = *state;
	uint64_t start;

	database_exec(s->d, "CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$");
	database_exec(s->d, "CREATE TRIGGER test_slow AFTER INSERT ON emu_IMSession FOR EACH ROW EXECUTE FUNCTION test_slow()");
	start = loop_real_us();
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 1).status, DB_UNAVAILABLE);
	assert_in_range(loop_real_us() - start, 1500000, 8000000);
	assert_non_null(strstr(db_last_error(s->d->db), "is too slow"));
	assert_int_equal(live(s), 0);
	database_exec(s->d, "DROP TRIGGER test_slow ON emu_IMSession");
	assert_int_equal(admit(s->d->db, s->me, ALICE, "alice", 2).status, DB_OK);
}

static void exec_raw(PGconn *raw, const char *sql)
{
	PGresult *result = PQexec(raw, sql);

	assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
	PQclear(result);
}

static void hear_device(void *ctx, enum db_status status, const struct db_device *device)
{
	*(enum db_status *)ctx = status;
	assert_true((device != NULL) == (status == DB_OK));
}

/* An administrator who has changed a limit and not committed yet. */
static void changed_limits_that_are_not_committed_delay_logins_and_no_reader(void **state)
{
	struct scene *s = *state;
	PGconn *raw = database_raw_postgres(s->d);
	enum db_status status = DB_UNAVAILABLE;
	struct heard_admit a = { 0 };
	struct db_stats before, after;

	exec_raw(raw, "BEGIN");
	exec_raw(raw, "UPDATE emu_IMServiceConfig SET MaxSessions = 1");
	a = admit(s->d->db, s->me, ALICE, "alice", 1);
	assert_int_equal(a.status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(s->d->db), "locked by another process"));
	db_stats(s->d->db, &before);
	db_device_keys(s->d->db, ALICE, hear_device, &status);
	db_wait(s->d->db);
	assert_int_equal(status, DB_OK);
	a = (struct heard_admit){ 0 };
	admit_start(s->d->db, s->me, ALICE, "alice", 1, &a);
	for (uint64_t end = loop_real_us() + 400000; loop_real_us() < end; )
		loop_round(s->d->loop, 5);
	assert_int_equal(a.count, 0);
	exec_raw(raw, "COMMIT");
	PQfinish(raw);
	db_wait(s->d->db);
	db_stats(s->d->db, &after);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(a.answer.census.max_sessions, 1);
	assert_true(after.retries > before.retries);
}

/* --- opening ------------------------------------------------------------------------------------------------------------------ */

static void refused(struct database *d, enum db_open_mode mode, const char *url, const char *words)
{
	struct error err = { "" };
	struct db *db = db_open(d->loop, url, d->key_file, mode, false, &err);

	assert_null(db);
	if (!strstr(err.text, words) || strstr(err.text, "open-sesame"))
		fail_msg("'%s' does not hold '%s', or holds the password", err.text, words);
}

static void what_cannot_be_opened_is_said_without_the_password(void **state)
{
	struct database *d = *state;
	char url[300];
	const char *at = strstr(d->file, "bramble@"), *query = strchr(d->file, '?');

	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame@/x?host=/nowhere", "cannot be reached");
	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame@/x?host=/nowhere", "postgresql://bramble@/nowhere/x");
	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame@name.invalid/x", "the name name.invalid has no address");
	refused(d, DB_CREATE, "postgresql://bramble:open-sesame@127.0.0.1:1/x", "postgresql://bramble@127.0.0.1:1/x");
	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame@host:port:nine/x", "is not a URL like");
	refused(d, DB_EXISTING, "postgresql://bramble@host/x?password=open-sesame&sslmood=on", "is not a URL like");
	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame/@host/x", "%2F");
	refused(d, DB_EXISTING, "postgresql://bramble:1/open-sesame@host/x", "%2F");
	refused(d, DB_EXISTING, "postgresql://bramble:open-sesame%zz@host/x", "is not a URL like");
	snprintf(url, sizeof url, "postgresql://bramble:open-sesame@/nobodys%s", query);
	refused(d, DB_CREATE, url, "database \"nobodys\" does not exist");
	assert_non_null(at);
	database_exec(d, "DO $$ BEGIN CREATE ROLE guarded LOGIN PASSWORD 'right'; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
	snprintf(url, sizeof url, "postgresql://guarded:open-sesame@%s", at + strlen("bramble@"));
	refused(d, DB_EXISTING, url, "does not accept this user and password");
	snprintf(url, sizeof url, "postgresql://guarded@%s", at + strlen("bramble@"));
	refused(d, DB_EXISTING, url, "wants a password");
}

static void what_is_no_configuration_database(void **state)
{
	struct database *d = *state;
	struct error err = { "" };

	refused(d, DB_EXISTING, d->file, "is an empty database");
	database_exec(d, "CREATE TABLE moz_cookies (id bigint)");
	refused(d, DB_EXISTING, d->file, "of another program");
	refused(d, DB_CREATE, d->file, "of another program");
	database_exec(d, "DROP TABLE moz_cookies");
	d->db = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	db_close(&d->db);
	database_exec(d, "INSERT INTO emu_SchemaVersion VALUES (1000, 'next', 0)");
	refused(d, DB_EXISTING, d->file, "newer program");
	database_exec(d, "DELETE FROM emu_SchemaVersion WHERE Version = 1000");
	database_exec(d, "DROP TABLE emu_IMPermission CASCADE");
	refused(d, DB_EXISTING, d->file, "\"emu_impermission\" does not exist");
}

static void two_programs_may_make_the_same_database(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	struct db *dbs[2];

	for (unsigned i = 0; i < 2; i++) {
		dbs[i] = database_open(d, DB_CREATE, &err);
		assert_string_equal(err.text, "");
	}
	for (unsigned i = 0; i < 2; i++)
		db_close(&dbs[i]);
	assert_int_equal(database_exec(d, "SELECT max(Version) - count(*) FROM emu_SchemaVersion"), 0);
	assert_true(database_exec(d, "SELECT count(*) FROM emu_SchemaVersion") > 0);
}

static void tables_are_made_in_the_schema_that_the_user_works_in(void **state)
{
	struct database *d = *state;
	struct error err = { "" };

	assert_true(strlen(d->file) + 40 < sizeof d->file);
	strcat(d->file, "&options=-csearch_path%3Dbes");
	refused(d, DB_EXISTING, d->file, "has no schema");
	d->db = database_open(d, DB_CREATE, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(database_exec(d, "SELECT count(*) FROM bes.UserConfig"), 0);
}

/* --- the same as on SQLite ------------------------------------------------------------------------------------------------------ */

static void spelling(void **state)
{
	static const struct { void (*spell)(const char *, struct buf *); const char *ours, *theirs; } rows[] = {
		{ postgres_spell_statement, "WHERE a = ?1 AND b = ?12", "WHERE a = $1 AND b = $12" },
		{ postgres_spell_statement, "lower(Name) = lower(?2)", "lower(Name) = lower($2::text COLLATE \"C\")" },
		{ postgres_spell_statement, "SELECT '?1', \"?2\", ?3", "SELECT '?1', \"?2\", $3" },
		{ postgres_spell_migration, "Id INTEGER PRIMARY KEY AUTOINCREMENT", "Id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY" },
		{ postgres_spell_migration, "a TEXT, b BLOB); -- TEXT and BLOB\nTEXT", "a text COLLATE \"C\", b bytea); -- TEXT and BLOB\n"
			"text COLLATE \"C\"" },
		{ postgres_spell_migration, "CHECK (a IN ('TEXT')), TEXTS INTEGER", "CHECK (a IN ('TEXT')), TEXTS bigint" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf out = { 0 };

		rows[i].spell(rows[i].ours, &out);
		assert_string_equal(buf_cstr(&out), rows[i].theirs);
		buf_free(&out);
	}
}

static void only_letters_of_ascii_have_a_case(void **state)
{
	struct database *d = *state;
	struct db_user users[] = { { .server = "BES1", .name = "\xc3\x84nne" }, { .server = "bes1", .name = "\xc3\xa4nne" },
		{ .server = "bes1", .name = "Zoe" }, { .server = "bes1", .name = "zOE" } };
	const enum db_status expected[] = { DB_OK, DB_OK, DB_OK, DB_EXISTS };

	for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
		struct heard_status heard = { 0 };

		db_user_add(d->db, &users[i], hear_status, &heard);
		db_wait(d->db);
		assert_int_equal(heard.status, expected[i]);
	}
}

/* On the server's clock, whatever this host's shows: services may be on several. */
static void leases_are_in_the_servers_clock(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	struct loop *loop = loop_new();
	struct db *db = db_open(loop, d->file, d->key_file, DB_EXISTING, true, &err);

	assert_string_equal(err.text, "");
	owner_start(db, "collab1", loop_now_ms(loop));
	assert_in_range(database_exec(d, "SELECT LeaseUntilMs - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM emu_ServiceState"),
		20000, 30100);
	/* The clock is stopped, and moved: leases go on from where they were. */
	loop_clock_freeze(loop);
	loop_clock_advance(loop, loop_now_ms(loop) + 3600000);
	owner_start(db, "collab1", loop_now_ms(loop));
	assert_in_range(database_exec(d, "SELECT LeaseUntilMs - (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM emu_ServiceState"),
		3620000, 3630100);
	db_close(&db);
	loop_free(&loop);
}

static void changed(void *arg)
{
	++*(unsigned *)arg;
}

static void turn_until(struct loop *loop, const unsigned *changes, unsigned wanted)
{
	for (uint64_t end = loop_real_us() + 10000000; *changes < wanted && loop_real_us() < end; )
		loop_round(loop, 5);
	assert_true(*changes >= wanted);
}

/* What was changed while the connection was lost is not known: it counts as changed. */
static void a_connection_made_anew_counts_as_a_change_and_listens(void **state)
{
	struct scene *s = *state;
	unsigned changes = 0;

	db_watch(s->d->db, 1, changed, &changes);
	db_wait(s->d->db);
	database_exec(s->d, KILL_OTHERS);
	turn_until(s->d->loop, &changes, 1);
	changes = 0;
	database_exec(s->d, "UPDATE emu_IMServiceConfig SET MaxSessions = 2");
	turn_until(s->d->loop, &changes, 1);
	db_watch(s->d->db, 0, NULL, NULL);
}

#define EMPTY(f) cmocka_unit_test_setup_teardown(f, database_setup_empty, database_teardown)
#define FULL(f) cmocka_unit_test_setup_teardown(f, database_setup, database_teardown)
#define PROXY(f) cmocka_unit_test_setup_teardown(f, through_a_proxy, end_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROXY(a_commit_that_did_not_arrive_gives_no_seat),
		PROXY(a_commit_whose_answer_is_lost_is_asked_about_and_gives_the_seat_it_gave),
		PROXY(a_seat_of_which_nobody_knows_is_nobodys_and_is_ended_before_the_next_login),
		PROXY(a_renewal_is_enough_to_end_it),
		PROXY(everybody_of_a_commit_that_is_lost_is_told_the_same),
		PROXY(a_connection_that_was_lost_at_rest_is_made_anew_without_a_word),
		PROXY(a_connection_lost_in_the_middle_gives_nobody_a_seat),
		PROXY(a_server_that_is_away_for_a_moment_delays_a_login),
		PROXY(a_server_that_answers_nothing_fails_a_login_in_time_and_the_loop_goes_on),
		PROXY(a_slow_statement_is_given_up_by_the_server),
		PROXY(changed_limits_that_are_not_committed_delay_logins_and_no_reader),
		PROXY(a_connection_made_anew_counts_as_a_change_and_listens),
		FULL(what_cannot_be_opened_is_said_without_the_password),
		EMPTY(what_is_no_configuration_database),
		EMPTY(two_programs_may_make_the_same_database),
		EMPTY(tables_are_made_in_the_schema_that_the_user_works_in),
		cmocka_unit_test(spelling),
		FULL(only_letters_of_ascii_have_a_case),
		FULL(leases_are_in_the_servers_clock),
	};

	if (!database_on_postgres()) {
		fprintf(stderr, "BRAMBLE_TEST_POSTGRES is not set: tests/run.py starts a server and sets it\n");
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
