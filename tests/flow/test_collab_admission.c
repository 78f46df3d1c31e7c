/* Admission, each sentence of the documented login flow once, on a Collaboration Service with a real database, a played dispatcher
 * and a played GroupWise server, on one loop with a manual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/tls.h"
#include "base/log.h"
#include "tests/support/collab_bench.h"

enum { MINUTE = 60000, TEN_MINUTES = 600000 };

static void below_the_maximum_the_login_goes_on(void **state)
{
	struct collab_bench *b = *state;
	struct im_contacts contacts;
	struct im_login_ok ok;
	uint32_t sequence;

	bench_start(b, (struct bench_limits){ .max = 2 });

	/* The device logs in; the service opens one connection of its own for it and logs in there. */
	bench_send_login(b, ALICE, "alice", 5);
	bench_expect(b, ALICE, &im_login_ok_msg, &sequence, &ok);
	assert_int_equal(sequence, 5);
	assert_int_equal(ok.status_interval_s, 60);
	assert_true(bytes_is(ok.display_name, "alice"));
	assert_int_equal(b->groupwise.accepted, 1);
	assert_int_equal(b->groupwise.logins, 1);

	/* The contact list follows, with folder, name and availability. */
	bench_expect(b, ALICE, &im_contacts_msg, &sequence, &contacts);
	assert_int_equal(contacts.count, 2);
	assert_int_equal(contacts.more, 0);
	assert_true(bytes_is(contacts.contacts[0].user, "bob"));
	assert_true(bytes_is(contacts.contacts[0].folder, "Team"));
	assert_int_equal(contacts.contacts[0].presence, IM_AVAILABLE);
	assert_int_equal(contacts.contacts[1].presence, IM_AWAY);

	/* The seat is a row, and the server has been told that the user is there. */
	assert_int_equal(bench_live_seats(b), 1);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_IMSession WHERE State = 'active'"), 1);
	bench_until(b, strcmp(b->groupwise.last_status, "2") == 0);
	assert_int_equal(bench_number(b, "sessions", "active"), 1);
}

static void the_answer_names_the_login_if_the_device_understands_that(void **state)
{
	struct collab_bench *b = *state;
	struct im_login login = { .user = bytes_str("alice"), .password = bytes_str("alice-secret") };
	struct im_login_fail fail;
	struct im_login_ok ok;
	char sql[128];
	uint32_t sequence;

	bench_start(b, (struct bench_limits){ .max = 1 });

	/* A device of old gets the answer of old: it would refuse an item that it does not know. */
	bench_send_login(b, ALICE, "alice", 5);
	bench_expect(b, ALICE, &im_login_ok_msg, &sequence, &ok);
	assert_int_equal(ok.login_id.len, 0);
	assert_int_equal(bench_login_fails(b, BOB, "bob").login_id.len, 0);

	/* One that says so is told what trail, seat and history call its login. */
	login.capabilities = IM_CAPABLE_LOGIN_ID | 0x80;
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_login_msg, 6, &login);
	bench_expect(b, ALICE, &im_login_ok_msg, &sequence, &ok);
	assert_memory_equal(ok.login_id.data, "2100000A-", 9);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM emu_IMSession WHERE LoginId = '%.*s'", (int)ok.login_id.len,
		(const char *)ok.login_id.data);
	assert_int_equal(database_exec(b->database, sql), 1);
	snprintf(sql, sizeof sql, "SELECT count(*) FROM emu_IMSessionHistory WHERE Reason = 'replaced' AND EndedBy = '%.*s'",
		(int)ok.login_id.len, (const char *)ok.login_id.data);
	assert_int_equal(database_exec(b->database, sql), 1);
	login.user = bytes_str("bob");
	fake_dispatcher_up(&b->dispatcher, BOB, &im_login_msg, 7, &login);
	bench_expect(b, BOB, &im_login_fail_msg, &sequence, &fail);
	assert_memory_equal(fail.login_id.data, "2100000B-", 9);
}

static void the_answer_says_whether_the_password_may_be_kept_if_the_device_understands_that(void **state)
{
	static const struct { uint32_t capabilities; bool no_remember; uint32_t want; } rows[] = {
		{ IM_CAPABLE_LOGIN_ID | IM_CAPABLE_POLICY, true, 1 },
		{ IM_CAPABLE_LOGIN_ID | IM_CAPABLE_POLICY, false, 0 },
		{ IM_CAPABLE_LOGIN_ID, true, 0 },
		{ IM_CAPABLE_POLICY, true, 0 },
		{ 0, true, 0 },
	};
	struct collab_bench *b = *state;
	struct im_login login = { .user = bytes_str("alice"), .password = bytes_str("alice-secret") };
	struct im_login_ok ok;

	bench_start(b, (struct bench_limits){ 0 });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		b->groupwise.no_remember = rows[i].no_remember;
		login.capabilities = rows[i].capabilities;
		fake_dispatcher_up(&b->dispatcher, ALICE, &im_login_msg, 5 + (uint32_t)i, &login);
		bench_expect(b, ALICE, &im_login_ok_msg, NULL, &ok);
		assert_int_equal(ok.forget_password, rows[i].want);
		assert_int_equal(ok.login_id.len != 0, (rows[i].capabilities & IM_CAPABLE_LOGIN_ID) != 0);
	}
}

static void each_session_has_a_connection_of_its_own(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	bench_login(b, CAROL, "carol");
	assert_int_equal(b->groupwise.open, 3);
}

static void maximum_reached_a_session_out_of_coverage_is_logged_out(void **state)
{
	struct collab_bench *b = *state;
	uint32_t bob;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	fake_dispatcher_coverage(&b->dispatcher, BOB, false);
	bench_until(b, bench_number(b, "sessions", "evictable") == 1);

	/* Carol comes in; bob's connection was closed before hers was opened, so the server never saw three. */
	bench_login(b, CAROL, "carol");
	assert_int_equal(b->groupwise.most_open, 2);
	assert_int_equal(b->groupwise.logouts, 1);
	assert_non_null(fake_groupwise_client(&b->groupwise, "alice"));
	assert_null(fake_groupwise_client(&b->groupwise, "bob"));
	assert_int_equal(bench_number(b, "counts", "evicted"), 1);

	/* Bob's device learns it, and why, when it is back. */
	fake_dispatcher_coverage(&b->dispatcher, BOB, true);
	assert_int_equal(bench_forced_logout(b, BOB, bob), IM_REASON_EVICTED_COVERAGE);
}

static void maximum_reached_a_session_without_status_messages_is_logged_out(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");

	/* Alice's device goes on sending status messages, bob's falls silent. */
	bench_advance(b, 6 * MINUTE);
	bench_status(b, ALICE, alice, 1);
	bench_advance(b, 4 * MINUTE);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 1);
	bench_login(b, CAROL, "carol");
	assert_int_equal(bench_forced_logout(b, BOB, bob), IM_REASON_EVICTED_SILENT);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_FORCED_LOGOUT), 0);
	assert_int_equal(b->groupwise.most_open, 2);
}

static void any_idle_session_is_logged_out_not_only_one(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	bench_advance(b, TEN_MINUTES);
	bench_login(b, CAROL, "carol");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_EVICTED_SILENT);
	assert_int_equal(bench_forced_logout(b, BOB, bob), IM_REASON_EVICTED_SILENT);
	assert_int_equal(b->groupwise.open, 1);
}

static void one_that_speaks_again_in_time_is_not_idle(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;
	uint32_t alice, bob;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	bench_advance(b, TEN_MINUTES);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 2);
	bench_status(b, ALICE, alice, 1);
	bench_status(b, BOB, bob, 1);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 0);
	fail = bench_login_fails(b, CAROL, "carol");
	assert_int_equal(fail.code, IM_SERVER_BUSY);
}

static void maximum_reached_and_nobody_idle_is_server_busy(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	fail = bench_login_fails(b, CAROL, "carol");
	assert_int_equal(fail.code, IM_SERVER_BUSY);
	assert_true(bytes_is(fail.status_text, "Server Busy"));

	/* The IM server saw nothing of it, and both others live. */
	assert_int_equal(b->groupwise.accepted, 2);
	assert_int_equal(bench_live_seats(b), 2);

	/* Both trails tell the arithmetic. */
	bench_settle(b);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_EventTrail WHERE Event = 'admit' AND "
		"Detail LIKE '%max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY%'"), 1);
}

static void maximum_reached_without_a_timeout_is_server_busy(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;

	bench_start(b, (struct bench_limits){ .max = 1 });
	bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_settle(b);
	fail = bench_login_fails(b, BOB, "bob");
	assert_int_equal(fail.code, IM_SERVER_BUSY);
	assert_int_equal(b->groupwise.open, 1);
}

static void no_maximum_and_the_capacity_reached_is_failed_300(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;

	bench_start(b, (struct bench_limits){ .capacity = 2 });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	fail = bench_login_fails(b, CAROL, "carol");
	assert_int_equal(fail.code, IM_FAILED_300);
	assert_true(bytes_is(fail.status_text, "Failed (300)"));
	assert_int_equal(b->groupwise.accepted, 2);
}

static void who_may_not_use_the_client_is_failed_and_not_connected(void **state)
{
	struct collab_bench *b = *state;
	struct heard_status heard = { 0 };
	struct im_login_fail fail;

	bench_start(b, (struct bench_limits){ 0 });
	db_user_permit(b->database->db, "dave", false, hear_status, &heard);
	db_wait(b->database->db);
	fail = bench_login_fails(b, DAVE, "dave");
	assert_int_equal(fail.code, IM_NOT_PERMITTED);
	assert_true(bytes_is(fail.status_text, "Failed"));
	assert_int_equal(b->groupwise.accepted, 0);
	assert_int_equal(bench_live_seats(b), 0);
}

static void bad_credentials_are_failed_and_the_seat_is_free_again(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;

	bench_start(b, (struct bench_limits){ .max = 1 });
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_login_msg, 3,
		&(struct im_login){ .user = bytes_str("alice"), .password = bytes_str("wrong") });
	bench_expect(b, ALICE, &im_login_fail_msg, NULL, &fail);
	assert_int_equal(fail.code, IM_BAD_CREDENTIALS);
	assert_int_equal(b->groupwise.rejected, 1);
	bench_login(b, ALICE, "alice");
	assert_int_equal(bench_live_seats(b), 1);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_IMSessionHistory WHERE Reason = 'refused'"), 1);
}

static void guess(struct collab_bench *b, uint32_t pin, uint32_t sequence)
{
	struct im_login_fail fail;

	fake_dispatcher_up(&b->dispatcher, pin, &im_login_msg, sequence,
		&(struct im_login){ .user = bytes_str("bob"), .password = bytes_str("a guess") });
	bench_expect(b, pin, &im_login_fail_msg, NULL, &fail);
	assert_int_equal(fail.code, IM_BAD_CREDENTIALS);
}

static void who_guesses_passwords_waits_and_the_owner_is_let_in(void **state)
{
	struct collab_bench *b = *state;

	b->settings.penalty_after = 3;
	b->settings.penalty_longest_ms = 60000;
	bench_start(b, (struct bench_limits){ 0 });
	for (uint32_t i = 0; i < 20; i++)
		guess(b, ALICE, 10 + i);
	/* The IM server was asked three times, and the guesser cannot tell. */
	assert_int_equal(b->groupwise.rejected, 3);
	assert_int_equal(bench_number(b, "counts", "penalties"), 17);
	bench_login(b, BOB, "bob");
	bench_advance(b, 1000);
	guess(b, ALICE, 40);
	guess(b, ALICE, 41);
	assert_int_equal(b->groupwise.rejected, 4);
	/* The guesser's own account waits with his device, which is what guesses. */
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_BAD_CREDENTIALS);
	bench_advance(b, 60000);
	bench_login(b, ALICE, "alice");
}

static void more_logins_than_may_be_under_way_are_refused_at_once(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;

	b->settings.logins = 1;
	bench_start(b, (struct bench_limits){ .max = 5 });
	b->groupwise.mute = true;
	bench_send_login(b, ALICE, "alice", 7);
	bench_until(b, b->groupwise.accepted == 1);
	fail = bench_login_fails(b, BOB, "bob");
	assert_int_equal(fail.code, IM_OVERLOADED);
	/* It took no seat. */
	assert_int_equal(bench_live_seats(b), 1);
	/* The first one ends, and there is room. */
	fake_groupwise_drop(&b->groupwise, "");
	bench_expect(b, ALICE, &im_login_fail_msg, NULL, &fail);
	assert_int_equal(fail.code, IM_UNREACHABLE);
	b->groupwise.mute = false;
	bench_login(b, BOB, "bob");
}

static void another_refusal_of_the_im_server_is_failed(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	b->groupwise.login_code = 0xD123;
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_BACKEND_REFUSED);
	bench_settle(b);
	assert_int_equal(bench_live_seats(b), 0);
}

static void an_unreachable_im_server_is_failed_and_the_seat_is_free_again(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	listener_free(&b->groupwise.listener);
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_UNREACHABLE);
	bench_settle(b);
	assert_int_equal(bench_live_seats(b), 0);
}

static void an_im_server_that_we_do_not_trust_is_failed(void **state)
{
	struct collab_bench *b = *state;
	char other[160], key[160];
	struct error err = { "" };

	/* The CA setting names another certificate than the server has. */
	snprintf(other, sizeof other, "%s/other.crt", b->database->folder);
	snprintf(key, sizeof key, "%s/other.key", b->database->folder);
	assert_int_equal(tls_make_self_signed(other, key, "localhost 127.0.0.1", false, &err), 0);
	free(b->settings.trust_ca);
	b->settings.trust_ca = strdup(other);
	bench_start(b, (struct bench_limits){ 0 });
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_UNREACHABLE);
	assert_int_equal(b->groupwise.logins, 0);
}

static void without_the_database_a_login_is_failed_and_live_sessions_go_on(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;
	sqlite3 *raw;

	bench_start(b, (struct bench_limits){ .max = 5 });
	alice = bench_login(b, ALICE, "alice");
	raw = database_raw(b->database);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);

	/* Bob's login waits for the lock and fails; meanwhile alice chats. */
	bench_send_login(b, BOB, "bob", 9);
	bench_message(b, ALICE, alice, 1, "bob", "still here");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	{
		struct im_login_fail fail;

		bench_expect(b, BOB, &im_login_fail_msg, NULL, &fail);
		assert_int_equal(fail.code, IM_NO_DATABASE);
		assert_true(bytes_is(fail.status_text, "Failed"));
	}
	assert_int_equal(sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);

	/* No seat was given; the next login works. */
	assert_int_equal(bench_live_seats(b), 1);
	bench_login(b, BOB, "bob");
	assert_int_equal(b->groupwise.logins, 2);
}

static void a_seat_that_cannot_be_given_back_at_once_is_given_back_later(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;
	sqlite3 *raw;

	bench_start(b, (struct bench_limits){ .max = 1 });
	alice = bench_login(b, ALICE, "alice");
	raw = database_raw(b->database);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_logout_msg, 1, &(struct im_session){ .session = alice });
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(bench_number(b, "counts", "seats_releasing"), 1);
	assert_int_equal(sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
	bench_until(b, bench_number(b, "counts", "seats_releasing") == 0);
	assert_int_equal(bench_live_seats(b), 0);
}

static void a_second_login_of_the_device_replaces_the_first(void **state)
{
	struct collab_bench *b = *state;
	uint32_t first, second;

	bench_start(b, (struct bench_limits){ .max = 1 });
	first = bench_login(b, ALICE, "alice");
	second = bench_login(b, ALICE, "alice");
	assert_int_not_equal(first, second);
	assert_int_equal(bench_forced_logout(b, ALICE, first), IM_REASON_REPLACED);
	assert_int_equal(b->groupwise.most_open, 1);
	assert_int_equal(bench_live_seats(b), 1);
}

static void a_login_of_the_user_on_another_device_replaces_the_first(void **state)
{
	struct collab_bench *b = *state;
	uint32_t first;

	bench_start(b, (struct bench_limits){ 0 });
	first = bench_login(b, ALICE, "alice");
	bench_login(b, DAVE, "alice");
	assert_int_equal(bench_forced_logout(b, ALICE, first), IM_REASON_REPLACED);
	assert_int_equal(b->groupwise.most_open, 1);
}

static void a_login_that_arrives_twice_is_one_login(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_ok ok;

	bench_start(b, (struct bench_limits){ 0 });
	bench_send_login(b, ALICE, "alice", 4);
	bench_send_login(b, ALICE, "alice", 4);
	bench_expect(b, ALICE, &im_login_ok_msg, NULL, &ok);
	bench_settle(b);
	assert_int_equal(b->groupwise.logins, 1);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_LOGIN_OK), 1);
}

static void a_newer_login_of_the_device_overtakes_one_under_way(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;
	struct im_login_ok ok;
	uint32_t sequence;

	bench_start(b, (struct bench_limits){ 0 });
	b->groupwise.mute = true;
	bench_send_login(b, ALICE, "alice", 4);
	bench_until(b, bench_number(b, "sessions", "connecting") == 1 && b->groupwise.open == 1);
	b->groupwise.mute = false;
	bench_send_login(b, ALICE, "alice", 5);
	bench_expect(b, ALICE, &im_login_fail_msg, &sequence, &fail);
	assert_int_equal(sequence, 4);
	bench_expect(b, ALICE, &im_login_ok_msg, &sequence, &ok);
	assert_int_equal(sequence, 5);
	assert_int_equal(bench_live_seats(b), 1);
}

static void logins_that_race_do_not_exceed_the_maximum(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 2 });
	for (uint32_t i = 0; i < 4; i++) {
		static const char *const users[] = { "alice", "bob", "carol", "dave" };

		bench_send_login(b, ALICE + i, users[i], 1);
	}
	bench_until(b, bench_number(b, "counts", "logged_in") + bench_number(b, "counts", "refused") == 4);
	assert_int_equal(bench_number(b, "counts", "logged_in"), 2);
	assert_int_equal(b->groupwise.most_open, 2);
	assert_int_equal(bench_live_seats(b), 2);
}

static void changed_limits_take_effect_without_a_restart(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	assert_int_equal(set_limits(b->database, 1, 0, 0), DB_OK);
	assert_int_equal(bench_login_fails(b, BOB, "bob").code, IM_SERVER_BUSY);
	assert_int_equal(set_limits(b->database, 2, 0, 0), DB_OK);
	bench_login(b, BOB, "bob");
}

static void a_password_is_nowhere_in_database_and_trail(void **state)
{
	struct collab_bench *b = *state;
	char command[256];
	json_t *trail;
	char *text;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	bench_settle(b);
	trail = trail_json(b->trail, 0, 0, 1000);
	text = json_dumps(trail, 0);
	assert_null(strstr(text, "alice-secret"));
	assert_non_null(strstr(text, "backend.login"));
	free(text);
	json_decref(trail);
	snprintf(command, sizeof command, "! grep -q alice-secret '%s'/*", b->database->folder);
	assert_int_equal(system(command), 0);
}

/* --- what it refuses to start with --------------------------------------------------------------------------------------- */

static void an_unknown_environment_is_refused(void **state)
{
	struct collab_bench *b = *state;
	struct error err = { "" };
	int status = 0;

	free(b->settings.environment);
	b->settings.environment = strdup("sametime");
	assert_null(bench_try(b, &status, &err));
	assert_int_equal(status, EXIT_CONFIG);
	assert_non_null(strstr(err.text, "no IM environment of that name"));
}

static void a_dispatcher_elsewhere_without_tls_is_refused(void **state)
{
	struct collab_bench *b = *state;
	struct error err = { "" };
	int status = 0;

	free(b->settings.dispatcher);
	b->settings.dispatcher = strdup("192.0.2.7:3200");
	assert_null(bench_try(b, &status, &err));
	assert_int_equal(status, EXIT_CONFIG);
	assert_non_null(strstr(err.text, "not a loopback address: set collab.tls_certificate"));
}

static void trust_without_its_file_is_refused(void **state)
{
	struct collab_bench *b = *state;
	struct error err = { "" };
	int status = 0;

	free(b->settings.trust_ca);
	b->settings.trust_ca = NULL;
	assert_null(bench_try(b, &status, &err));
	assert_int_equal(status, EXIT_CONFIG);
	assert_non_null(strstr(err.text, "collab.trust_ca"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(below_the_maximum_the_login_goes_on),
		T(the_answer_names_the_login_if_the_device_understands_that),
		T(the_answer_says_whether_the_password_may_be_kept_if_the_device_understands_that),
		T(each_session_has_a_connection_of_its_own),
		T(maximum_reached_a_session_out_of_coverage_is_logged_out),
		T(maximum_reached_a_session_without_status_messages_is_logged_out),
		T(any_idle_session_is_logged_out_not_only_one),
		T(one_that_speaks_again_in_time_is_not_idle),
		T(maximum_reached_and_nobody_idle_is_server_busy),
		T(maximum_reached_without_a_timeout_is_server_busy),
		T(no_maximum_and_the_capacity_reached_is_failed_300),
		T(who_may_not_use_the_client_is_failed_and_not_connected),
		T(bad_credentials_are_failed_and_the_seat_is_free_again),
		T(who_guesses_passwords_waits_and_the_owner_is_let_in),
		T(more_logins_than_may_be_under_way_are_refused_at_once),
		T(another_refusal_of_the_im_server_is_failed),
		T(an_unreachable_im_server_is_failed_and_the_seat_is_free_again),
		T(an_im_server_that_we_do_not_trust_is_failed),
		T(without_the_database_a_login_is_failed_and_live_sessions_go_on),
		T(a_seat_that_cannot_be_given_back_at_once_is_given_back_later),
		T(a_second_login_of_the_device_replaces_the_first),
		T(a_login_of_the_user_on_another_device_replaces_the_first),
		T(a_login_that_arrives_twice_is_one_login),
		T(a_newer_login_of_the_device_overtakes_one_under_way),
		T(logins_that_race_do_not_exceed_the_maximum),
		T(changed_limits_take_effect_without_a_restart),
		T(a_password_is_nowhere_in_database_and_trail),
		T(an_unknown_environment_is_refused),
		T(a_dispatcher_elsewhere_without_tls_is_refused),
		T(trust_without_its_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
