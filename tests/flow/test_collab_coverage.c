/* What a session keeps while links come and go, and while it is marked for eviction. On one loop with a manual
 * clock, between a played dispatcher and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "collab/courier.h"
#include "collab/session.h"
#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

enum { MINUTE = 60000 };
#define CONFERENCE "[000000AA-00000000-00000001-0001-0000]"

static void a_device_that_lost_its_link_goes_on_with_the_same_im_connection(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, before, sequence;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "zero");
	bench_expect_said(b, ALICE, "bob", "zero", &before);
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_until(b, bench_number(b, "sessions", "out-of-coverage") == 1);
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "one");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "two");
	bench_settle(b);
	assert_int_equal(bench_number(b, "counts", "down_waiting"), 2);

	/* It is back: what was held comes in order, with the numbers it always had. */
	fake_dispatcher_coverage(&b->dispatcher, ALICE, true);
	bench_status(b, ALICE, alice, 1);
	bench_expect_said(b, ALICE, "bob", "one", &sequence);
	assert_int_equal(sequence, before + 1);
	bench_expect_said(b, ALICE, "bob", "two", &sequence);
	assert_int_equal(sequence, before + 2);
	assert_int_equal(bench_number(b, "sessions", "active"), 1);
	assert_int_equal(b->groupwise.accepted, 1);
	assert_int_equal(b->groupwise.logins, 1);
}

static void what_comes_back_undelivered_is_sent_again_when_the_device_speaks(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, sequence;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");

	/* The router has lost the device and not said so: only the message's return tells. */
	b->dispatcher.pins[0].available = false;
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "one");
	bench_until(b, bench_number(b, "counts", "down_returned") == 1);
	assert_int_equal(bench_number(b, "sessions", "out-of-coverage"), 1);
	b->dispatcher.pins[0].available = true;
	bench_status(b, ALICE, alice, 1);
	bench_expect_said(b, ALICE, "bob", "one", &sequence);
	assert_int_equal(bench_number(b, "sessions", "active"), 1);
}

static void a_dispatcher_that_restarts_costs_no_session_and_no_event(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_drop_service(&b->dispatcher);
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "while you were away");
	bench_until(b, bench_number(b, "counts", "messages_down") == 1);
	bench_advance(b, 2000);
	bench_until(b, b->dispatcher.registrations == 2);
	bench_expect_said(b, ALICE, "bob", "while you were away", NULL);
	bench_message(b, ALICE, alice, 1, "bob", "back");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(b->groupwise.logins, 1);
}

static void what_was_in_flight_when_the_link_broke_is_sent_again(void **state)
{
	struct collab_bench *b = *state;
	uint32_t sequence = 0;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	b->dispatcher.silent = true;
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "one");
	bench_until(b, b->dispatcher.down_count > 0 && b->dispatcher.downs[b->dispatcher.down_count - 1].status == SRP_QUEUED);
	b->dispatcher.silent = false;
	fake_dispatcher_drop_service(&b->dispatcher);
	bench_settle(b);
	bench_advance(b, 2000);
	bench_expect_said(b, ALICE, "bob", "one", &sequence);
	assert_int_equal(sequence, 2);
}

static void a_device_missing_from_the_dispatchers_new_list_counts_as_lost_after_a_grace(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .idle_ms = 10 * MINUTE });
	bench_login(b, ALICE, "alice");
	b->dispatcher.pins[0].available = false;
	fake_dispatcher_drop_service(&b->dispatcher);
	bench_settle(b);
	bench_advance(b, 1000);
	bench_until(b, b->dispatcher.registrations == 2);
	bench_settle(b);
	assert_int_equal(bench_number(b, "sessions", "active"), 1);
	bench_advance(b, COURIER_GRACE_MS);
	assert_int_equal(bench_number(b, "sessions", "out-of-coverage"), 1);
	assert_int_equal(bench_number(b, "sessions", "evictable"), 1);
}

static void more_than_a_session_may_hold_back_drops_the_oldest(void **state)
{
	struct collab_bench *b = *state;
	char text[16];
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_settle(b);
	for (int i = 0; i < COURIER_QUEUE + 10; i++) {
		snprintf(text, sizeof text, "%d", i);
		fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, text);
	}
	bench_until(b, bench_number(b, "counts", "messages_down") == COURIER_QUEUE + 10);
	assert_int_equal(bench_number(b, "counts", "down_waiting"), COURIER_QUEUE);
	assert_int_equal(bench_number(b, "counts", "down_dropped"), 10);
	fake_dispatcher_coverage(&b->dispatcher, ALICE, true);
	bench_status(b, ALICE, alice, 1);
	bench_expect_said(b, ALICE, "bob", "10", NULL);
	bench_until(b, bench_number(b, "counts", "down_waiting") == 0);
}

static void a_message_that_arrives_twice_is_said_once_and_acknowledged_twice(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_message(b, ALICE, alice, 1, "nobody", "hi");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_NOT_DELIVERED);
	bench_message(b, ALICE, alice, 1, "nobody", "hi");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_NOT_DELIVERED);
	assert_int_equal(b->groupwise.details, 1);
	assert_int_equal(bench_number(b, "counts", "duplicates"), 1);
}

static void more_than_the_im_server_may_owe_an_answer_to_is_refused_at_once(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	b->settings.requests = 1;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	b->groupwise.swallow = true;
	bench_message(b, ALICE, alice, 1, "bob", "the server is silent on this");
	bench_until(b, bench_number(b, "counts", "requests") == 1);
	/* All sessions have one bound. */
	bench_message(b, BOB, bob, 1, "carol", "too much");
	assert_int_equal(bench_ack(b, BOB, 1), IM_OVERLOADED);
	/* Asked again it gets the answer that it had, and the server never hears of it. */
	bench_message(b, BOB, bob, 1, "carol", "too much");
	assert_int_equal(bench_ack(b, BOB, 1), IM_OVERLOADED);
	assert_int_equal(bench_number(b, "counts", "overloaded"), 1);
	/* A status message asks for nothing, and a logout is always done: with the session goes what it waits for. */
	bench_status(b, BOB, bob, 2);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_logout_msg, 2, &(struct im_session){ .session = alice });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_int_equal(bench_number(b, "counts", "requests"), 0);
	b->groupwise.swallow = false;
	bench_message(b, BOB, bob, 3, "carol", "now there is room");
	assert_int_equal(bench_ack(b, BOB, 3), IM_OK);
	assert_string_equal(b->groupwise.last_text, "now there is room");
	assert_int_equal(bench_number(b, "counts", "requests"), 0);
}

static void a_message_older_than_the_window_is_never_called_done(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_message(b, ALICE, alice, 1 + SESSION_ACKS, "bob", "hi");
	assert_int_equal(bench_ack(b, ALICE, 1 + SESSION_ACKS), IM_OK);
	bench_message(b, ALICE, alice, 1, "bob", "it was held up on the way");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_BACKEND_REFUSED);
}

static void traffic_of_a_marked_session_waits_until_the_mark_is_taken_back(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 10 * MINUTE);
	assert_int_equal(database_exec(b->database, "SELECT Mark FROM emu_IMSession"), IM_REASON_EVICTED_SILENT);
	bench_message(b, ALICE, alice, 1, "bob", "one");
	bench_message(b, ALICE, alice, 2, "bob", "two");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_int_equal(database_exec(b->database, "SELECT Mark FROM emu_IMSession"), 0);
	assert_string_equal(b->groupwise.last_text, "two");
}

static void traffic_that_waits_is_acted_on_though_the_device_is_lost_again(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 10 * MINUTE);
	bench_message(b, ALICE, alice, 1, "bob", "just before the tunnel");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_until(b, b->groupwise.messages == 1);
	bench_until(b, database_exec(b->database, "SELECT Mark FROM emu_IMSession") == IM_REASON_EVICTED_COVERAGE);
}

static void traffic_of_a_marked_session_goes_on_while_the_database_is_away(void **state)
{
	struct collab_bench *b = *state;
	uint64_t asked_us;
	uint32_t alice;
	sqlite3 *raw;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 10 * MINUTE);
	raw = database_raw(b->database);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);

	/* The first message waits until it is known that the database does not answer, the following ones do not. */
	bench_message(b, ALICE, alice, 1, "bob", "one");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	asked_us = loop_real_us();
	for (uint32_t i = 2; i < 10; i++) {
		bench_message(b, ALICE, alice, i, "bob", "more");
		assert_int_equal(bench_ack(b, ALICE, i), IM_OK);
	}
	assert_true(loop_real_us() - asked_us < DB_LOCKED_MAX_MS * 1000);
	assert_int_equal(sqlite3_exec(raw, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);

	/* The mark is taken back when the database is there again, without a word of the device. */
	bench_advance(b, 5000);
	bench_until(b, database_exec(b->database, "SELECT Mark FROM emu_IMSession") == 0);
}

/* The answer to the mark's commit was lost: it may have been stored all the same. */
static void a_mark_that_may_have_been_stored_is_taken_back(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;
	sqlite3 *raw;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 10 * MINUTE - 1);
	raw = database_raw(b->database);
	assert_int_equal(sqlite3_exec(raw, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
	bench_advance(b, 1);
	bench_message(b, ALICE, alice, 1, "bob", "waits until it is known that nothing is known");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(sqlite3_exec(raw, "UPDATE emu_IMSession SET Mark = 3, MarkedMs = 1; COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(raw);
	bench_message(b, ALICE, alice, 2, "bob", "is here");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	bench_until(b, database_exec(b->database, "SELECT Mark FROM emu_IMSession") == 0);
}

static void traffic_of_a_session_whose_seat_is_gone_is_not_acted_on(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 10 * MINUTE);

	/* Another Collaboration Service on the same database has evicted it. */
	database_exec(b->database, "DELETE FROM emu_IMSession");
	bench_message(b, ALICE, alice, 1, "bob", "too late");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_EVICTED_SILENT);
	assert_int_equal(b->groupwise.messages, 0);
	bench_until(b, b->groupwise.open == 0);
}

static void a_session_that_another_service_evicted_ends_without_a_word_of_its_device(void **state)
{
	struct collab_bench *b = *state;
	struct heard_admit heard;
	uint32_t alice;

	b->settings.database_poll_ms = 10;
	bench_start(b, (struct bench_limits){ .max = 1, .idle_ms = 10 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_until(b, bench_number(b, "sessions", "evictable") == 1);
	heard = admit(b->database->db, owner_start(b->database->db, "collab-2", loop_now_ms(b->loop)), BOB, "bob", loop_now_ms(b->loop));
	assert_int_equal(heard.answer.decision.outcome, SEAT_ADMITTED);
	bench_until(b, b->groupwise.open == 0);
	assert_int_equal(b->groupwise.logouts, 1);
	fake_dispatcher_coverage(&b->dispatcher, ALICE, true);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_EVICTED_COVERAGE);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_that_lost_its_link_goes_on_with_the_same_im_connection),
		T(what_comes_back_undelivered_is_sent_again_when_the_device_speaks),
		T(a_dispatcher_that_restarts_costs_no_session_and_no_event),
		T(what_was_in_flight_when_the_link_broke_is_sent_again),
		T(a_device_missing_from_the_dispatchers_new_list_counts_as_lost_after_a_grace),
		T(more_than_a_session_may_hold_back_drops_the_oldest),
		T(a_message_that_arrives_twice_is_said_once_and_acknowledged_twice),
		T(more_than_the_im_server_may_owe_an_answer_to_is_refused_at_once),
		T(a_message_older_than_the_window_is_never_called_done),
		T(traffic_of_a_marked_session_waits_until_the_mark_is_taken_back),
		T(traffic_that_waits_is_acted_on_though_the_device_is_lost_again),
		T(traffic_of_a_marked_session_goes_on_while_the_database_is_away),
		T(a_mark_that_may_have_been_stored_is_taken_back),
		T(traffic_of_a_session_whose_seat_is_gone_is_not_acted_on),
		T(a_session_that_another_service_evicted_ends_without_a_word_of_its_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
