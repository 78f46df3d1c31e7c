/* Seats and what hangs on them, on one loop with a manual clock: connections to the IM server never exceed what the limits allow, a
 * service that slept past its lease does nothing with seats it may have lost, timeouts strike at their time, limits change under
 * load, and what a device out of coverage misses is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "collab/courier.h"
#include "tests/support/collab_bench.h"

enum { MINUTE = 60000, TEN_MINUTES = 600000 };
#define CONFERENCE "[000000AA-00000000-00000001-0001-0000]"

static void send_logout(struct collab_bench *b, uint32_t pin, uint32_t session)
{
	fake_dispatcher_up(&b->dispatcher, pin, &im_logout_msg, 1, &(struct im_session){ .session = session });
}

/* Nothing may happen that has not happened after so long. */
static void give_it_time(struct collab_bench *b)
{
	uint64_t until_us = loop_real_us() + 150000;

	while (loop_real_us() < until_us)
		loop_round(b->loop, 5);
}

static uint32_t wait_login(struct collab_bench *b, uint32_t pin)
{
	struct im_login_ok ok;

	bench_expect(b, pin, &im_login_ok_msg, NULL, &ok);
	return ok.session;
}

/* --- connections --------------------------------------------------------------------------------------------------------- */

static void a_place_freed_by_a_logout_is_used_when_the_old_connection_is_closed(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1 });
	alice = bench_login(b, ALICE, "alice");
	/* The server takes its time over alice's logout; she has her answer, and her seat is free. */
	b->groupwise.mute = true;
	send_logout(b, ALICE, alice);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_send_login(b, BOB, "bob", 1);
	bench_until(b, bench_number(b, "sessions", "connecting") == 1);
	give_it_time(b);
	assert_int_equal(bench_live_seats(b), 1);
	b->groupwise.mute = false;
	wait_login(b, BOB);
	assert_int_equal(b->groupwise.most_open, 1);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_IMClosing"), 0);
}

static void places_that_an_eviction_of_all_has_freed_are_used_when_their_connections_are_closed(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 2, .idle_ms = TEN_MINUTES });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	bench_advance(b, TEN_MINUTES);
	/* Carol's login logs both out; dave's, right behind it, takes the other place without logging anybody out. */
	b->groupwise.mute = true;
	bench_send_login(b, CAROL, "carol", 1);
	bench_send_login(b, DAVE, "dave", 1);
	bench_until(b, bench_number(b, "sessions", "connecting") == 2);
	give_it_time(b);
	b->groupwise.mute = false;
	wait_login(b, CAROL);
	wait_login(b, DAVE);
	assert_int_equal(b->groupwise.most_open, 2);
}

/* Dave's session at another service, marked. */
static struct heard_admit session_elsewhere(struct collab_bench *b)
{
	struct seat_owner other = owner_start(b->database->db, "collab-2", loop_now_ms(b->loop));
	struct heard_admit dave = admit(b->database->db, other, DAVE, "dave", loop_now_ms(b->loop));

	assert_int_equal(mark(b->database->db, other, dave.answer.session, IM_REASON_EVICTED_SILENT, loop_now_ms(b->loop)), DB_OK);
	return dave;
}

static void a_login_waits_until_another_service_has_closed_the_connection_of_whom_it_evicts(void **state)
{
	struct collab_bench *b = *state;
	struct heard_status heard = { 0 };
	struct heard_admit dave;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = TEN_MINUTES });
	dave = session_elsewhere(b);
	bench_send_login(b, ALICE, "alice", 1);
	bench_until(b, bench_number(b, "sessions", "connecting") == 1);
	give_it_time(b);
	assert_int_equal(b->groupwise.accepted, 0);
	/* Its owner says so. */
	db_session_closed(b->database->db, dave.answer.session, hear_status, &heard);
	wait_login(b, ALICE);
	assert_int_equal(heard.status, DB_OK);
}

static void note_idle(void *arg)
{
	*(bool *)arg = true;
}

/* So long the loop is not idle: a clock that is moved by hand does not pass the login. */
static void a_connection_that_nobody_closes_is_waited_for_to_a_bound_and_once(void **state)
{
	struct collab_bench *b = *state;
	bool idle = false;
	struct loop_task task = { .fn = note_idle, .arg = &idle };
	uint64_t asked_us;
	uint32_t alice;

	b->settings.database_poll_ms = 10;
	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = TEN_MINUTES });
	session_elsewhere(b);
	asked_us = loop_real_us();
	bench_send_login(b, ALICE, "alice", 1);
	bench_until(b, database_exec(b->database, "SELECT count(*) FROM emu_IMSession WHERE IMUser = 'alice'") == 1);
	db_wait(b->db);
	loop_when_idle(b->loop, &task);
	bench_until(b, idle || loop_real_us() - asked_us > 3000000);
	assert_false(idle);
	alice = wait_login(b, ALICE);
	assert_true(loop_real_us() - asked_us >= 5000000);
	bench_until(b, idle);
	send_logout(b, ALICE, alice);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	asked_us = loop_real_us();
	bench_login(b, BOB, "bob");
	assert_true(loop_real_us() - asked_us < 4000000);
}

static void a_service_says_when_the_connection_of_a_session_that_another_evicted_is_closed(void **state)
{
	struct collab_bench *b = *state;
	struct heard_admit bob;

	b->settings.database_poll_ms = 10;
	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = TEN_MINUTES });
	bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_until(b, bench_number(b, "sessions", "evictable") == 1);
	bob = admit(b->database->db, owner_start(b->database->db, "collab-2", loop_now_ms(b->loop)), BOB, "bob", loop_now_ms(b->loop));
	assert_int_equal(bob.answer.closing_count, 1);
	bench_until(b, database_exec(b->database, "SELECT count(*) FROM emu_IMClosing") == 0);
	bench_until(b, b->groupwise.open == 0);
}

static void an_end_among_very_many_others_is_not_overlooked(void **state)
{
	static const char *const when[] = { "BEFORE", "AFTER" };
	char trigger[512];
	struct collab_bench *b = *state;
	uint32_t alice;

	b->settings.database_poll_ms = 10;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	/* All in one transaction, so that the service cannot look in between: 300 ends of its own before it and 300 behind it. */
	for (size_t i = 0; i < 2; i++) {
		snprintf(trigger, sizeof trigger, "CREATE TRIGGER test_%s %s INSERT ON emu_IMSessionHistory WHEN new.Instance = 'x' BEGIN "
			"INSERT INTO emu_IMSessionHistory (SessionId, Environment, Instance, ServiceStateId, PIN, IMUser, LoginId, State, Reason, "
			"StartedMs, EndedMs) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT 100000 + i, "
			"'groupwise', 'y', new.ServiceStateId, 'x', 'x', 'x', 'active', 'logout', 1, 1 FROM n; END", when[i], when[i]);
		database_exec(b->database, trigger);
	}
	database_exec(b->database, "INSERT INTO emu_IMSessionHistory (SessionId, Environment, Instance, ServiceStateId, PIN, IMUser, "
		"LoginId, State, Reason, StartedMs, EndedMs) SELECT Id, 'groupwise', 'x', ServiceStateId, PIN, IMUser, LoginId, State, "
		"'replaced', 1, 1 FROM emu_IMSession");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_REPLACED);
	bench_until(b, b->groupwise.open == 0);
}

/* --- a service that slept ------------------------------------------------------------------------------------------------- */

/* As when the process was stopped: time has passed and messages have gathered, and only then does it go on. */
static void sleep_for(struct collab_bench *b, uint32_t alice, uint64_t ms)
{
	bench_message(b, ALICE, alice, 1, "bob", "from before");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "knock");
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + ms);
}

static void a_service_that_slept_past_its_lease_does_nothing_with_seats_that_others_have(void **state)
{
	struct collab_bench *b = *state;
	struct im_login_fail fail;
	struct heard_admit bob;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1 });
	alice = bench_login(b, ALICE, "alice");
	bob = admit(b->database->db, owner_start(b->database->db, "collab-2", loop_now_ms(b->loop)), BOB, "bob",
		loop_now_ms(b->loop) + b->settings.lease_ms);
	assert_int_equal(bob.answer.decision.outcome, SEAT_SERVER_BUSY);    /* not before the lease has run out */
	bob = admit(b->database->db, owner_start(b->database->db, "collab-2", loop_now_ms(b->loop)), BOB, "bob",
		loop_now_ms(b->loop) + b->settings.lease_ms + 1);
	assert_int_equal(bob.answer.decision.outcome, SEAT_ADMITTED);

	bench_send_login(b, CAROL, "carol", 7);
	sleep_for(b, alice, b->settings.lease_ms + 1000);
	bench_expect(b, CAROL, &im_login_fail_msg, NULL, &fail);
	assert_int_equal(fail.code, IM_NO_DATABASE);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SHUTDOWN);
	bench_settle(b);
	assert_true(collab_is_fenced(b->collab));
	assert_int_equal(b->groupwise.messages, 0);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_MESSAGE_EVENT), 0);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, CAROL, IM_LOGIN_FAIL), 1);
	/* The other's seat is as it was. */
	assert_int_equal(database_exec(b->database, "SELECT Id FROM emu_IMSession"), bob.answer.session);
}

static void a_service_that_slept_and_still_has_its_seats_goes_on_with_what_waited(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event event;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1 });
	alice = bench_login(b, ALICE, "alice");
	sleep_for(b, alice, 10 * b->settings.lease_ms);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_string_equal(b->groupwise.last_text, "from before");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &event);
	assert_true(bytes_is(event.text, "knock"));
}

static void the_lease_is_a_setting_and_renewed_every_third_of_it(void **state)
{
	struct collab_bench *b = *state;

	b->settings.lease_ms = 3000;
	bench_start(b, (struct bench_limits){ .max = 1 });
	assert_int_equal(database_exec(b->database, "SELECT LeaseMs FROM emu_ServiceState"), 3000);
	bench_advance(b, 999);
	assert_int_equal(database_exec(b->database, "SELECT LeaseUntilMs FROM emu_ServiceState"), 1000000 + 3000);
	bench_advance(b, 1);
	assert_int_equal(database_exec(b->database, "SELECT LeaseUntilMs FROM emu_ServiceState"), 1001000 + 3000);
}

/* --- timeouts --------------------------------------------------------------------------------------------------------------- */

static void a_session_may_be_evicted_from_exactly_the_idle_timeout_on(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = TEN_MINUTES });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, MINUTE);
	bench_status(b, ALICE, alice, 1);
	bench_advance(b, TEN_MINUTES - 1);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 0);
	assert_int_equal(bench_login_fails(b, BOB, "bob").code, IM_SERVER_BUSY);
	bench_advance(b, 1);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 1);
	bench_login(b, BOB, "bob");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_EVICTED_SILENT);
}

static void the_idle_timeout_alone_ends_nobody(void **state)
{
	struct collab_bench *b = *state;

	b->settings.lease_ms = 86400000;
	bench_start(b, (struct bench_limits){ .max = 3, .idle_ms = MINUTE });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	bench_advance(b, 1000 * MINUTE);
	assert_int_equal(bench_live_seats(b), 2);
	bench_login(b, CAROL, "carol");
	assert_int_equal(bench_live_seats(b), 3);
	bench_login(b, DAVE, "dave");
	assert_int_equal(bench_live_seats(b), 2);
}

static void a_session_ends_at_exactly_the_inactivity_timeout(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .inactivity_ms = TEN_MINUTES });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, MINUTE);
	bench_message(b, ALICE, alice, 1, "bob", "hello");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_advance(b, TEN_MINUTES - 1);
	assert_int_equal(bench_live_seats(b), 1);
	bench_advance(b, 1);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_INACTIVE);
	bench_settle(b);
	assert_int_equal(bench_live_seats(b), 0);
}

static void a_status_message_that_comes_while_the_eviction_is_decided_has_one_winner(void **state)
{
	for (int login_first = 0; login_first < 2; login_first++) {
		struct collab_bench *b = *state;
		struct im_login_fail fail;
		uint32_t alice;

		if (login_first) {
			bench_teardown(state);
			bench_setup(state);
			b = *state;
		}
		bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = TEN_MINUTES });
		alice = bench_login(b, ALICE, "alice");
		bench_advance(b, TEN_MINUTES);
		/* Both are in the service's socket when it looks. */
		if (login_first)
			bench_send_login(b, BOB, "bob", 1);
		fake_dispatcher_up(&b->dispatcher, ALICE, &im_status_msg, 1, &(struct im_session){ .session = alice });
		if (!login_first)
			bench_send_login(b, BOB, "bob", 1);
		if (login_first) {
			wait_login(b, BOB);
			assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_EVICTED_SILENT);
		} else {
			bench_expect(b, BOB, &im_login_fail_msg, NULL, &fail);
			assert_int_equal(fail.code, IM_SERVER_BUSY);
			assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_FORCED_LOGOUT), 0);
		}
		bench_settle(b);
		assert_int_equal(bench_live_seats(b), 1);
		assert_int_equal(b->groupwise.most_open, 1);
	}
}

/* --- limits under load ------------------------------------------------------------------------------------------------------ */

static void limits_lowered_below_the_live_sessions_throw_nobody_out_and_let_nobody_in_until_it_fits(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	b->settings.lease_ms = 86400000;
	bench_start(b, (struct bench_limits){ .max = 3 });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	bench_login(b, CAROL, "carol");
	assert_int_equal(set_limits(b->database, 1, 0, 0), DB_OK);
	bench_advance(b, 60 * MINUTE);
	assert_int_equal(bench_live_seats(b), 3);
	assert_int_equal(bench_login_fails(b, DAVE, "dave").code, IM_SERVER_BUSY);
	send_logout(b, ALICE, alice);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(bench_login_fails(b, DAVE, "dave").code, IM_SERVER_BUSY);
	send_logout(b, BOB, bob);
	assert_int_equal(bench_ack(b, BOB, 1), IM_OK);
	assert_int_equal(bench_login_fails(b, DAVE, "dave").code, IM_SERVER_BUSY);
	/* Raised and unset by plain SQL. */
	database_exec(b->database, "UPDATE emu_IMServiceConfig SET MaxSessions = 2");
	bench_login(b, DAVE, "dave");
	assert_int_equal(bench_login_fails(b, BOB, "bob").code, IM_SERVER_BUSY);
	database_exec(b->database, "UPDATE emu_IMServiceConfig SET MaxSessions = 0");
	bench_login(b, BOB, "bob");
}

static void more_than_one_is_evicted_when_the_lowered_limit_needs_it(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 3, .idle_ms = TEN_MINUTES });
	bench_login(b, ALICE, "alice");
	bench_login(b, BOB, "bob");
	bench_login(b, CAROL, "carol");
	bench_advance(b, TEN_MINUTES);
	database_exec(b->database, "UPDATE emu_IMServiceConfig SET MaxSessions = 2, Evict = 'one'");
	bench_login(b, DAVE, "dave");
	assert_int_equal(bench_number(b, "counts", "evicted"), 2);
	assert_int_equal(bench_live_seats(b), 2);
	assert_int_equal(b->groupwise.most_open, 3);
	assert_int_equal(b->groupwise.open, 2);
}

/* --- what a device out of coverage misses ------------------------------------------------------------------------------------ */

static void events_dropped_for_a_device_out_of_coverage_are_counted_and_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_settle(b);
	for (int i = 0; i < COURIER_QUEUE + 10; i++)
		fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "are you there?");
	bench_until(b, bench_number(b, "counts", "messages_down") == COURIER_QUEUE + 10);
	bench_settle(b);
	assert_int_equal(bench_number(b, "counts", "down_dropped"), 10);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_EventTrail WHERE Event = 'events.dropped'"), 1);
	fake_dispatcher_coverage(&b->dispatcher, ALICE, true);
	bench_status(b, ALICE, alice, 1);
	assert_int_equal(database_exec(b->database, "SELECT count(*) FROM emu_EventTrail WHERE Event = 'events.dropped' AND "
		"Detail LIKE '%dropped=10 %login=2100000A-%'"), 1);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_MESSAGE_EVENT), COURIER_QUEUE);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_place_freed_by_a_logout_is_used_when_the_old_connection_is_closed),
		T(places_that_an_eviction_of_all_has_freed_are_used_when_their_connections_are_closed),
		T(a_login_waits_until_another_service_has_closed_the_connection_of_whom_it_evicts),
		T(a_connection_that_nobody_closes_is_waited_for_to_a_bound_and_once),
		T(a_service_says_when_the_connection_of_a_session_that_another_evicted_is_closed),
		T(an_end_among_very_many_others_is_not_overlooked),
		T(a_service_that_slept_past_its_lease_does_nothing_with_seats_that_others_have),
		T(a_service_that_slept_and_still_has_its_seats_goes_on_with_what_waited),
		T(the_lease_is_a_setting_and_renewed_every_third_of_it),
		T(a_session_may_be_evicted_from_exactly_the_idle_timeout_on),
		T(the_idle_timeout_alone_ends_nobody),
		T(a_session_ends_at_exactly_the_inactivity_timeout),
		T(a_status_message_that_comes_while_the_eviction_is_decided_has_one_winner),
		T(limits_lowered_below_the_live_sessions_throw_nobody_out_and_let_nobody_in_until_it_fits),
		T(more_than_one_is_evicted_when_the_lowered_limit_needs_it),
		T(events_dropped_for_a_device_out_of_coverage_are_counted_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
