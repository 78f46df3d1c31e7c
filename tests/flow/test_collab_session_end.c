/* Each way a session can end, and who is told what. On one loop with a manual clock, between a played dispatcher
 * and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

enum { MINUTE = 60000 };

static void logout_is_acknowledged_and_frees_the_seat(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 1 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_logout_msg, 1, &(struct im_session){ .session = alice });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_until(b, b->groupwise.open == 0 && bench_live_seats(b) == 0);
	assert_int_equal(b->groupwise.logouts, 1);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_FORCED_LOGOUT), 0);
	bench_login(b, BOB, "bob");
}

static void no_user_activity_for_the_timeout_ends_the_session_whatever_it_reports(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .inactivity_ms = 30 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 20 * MINUTE);
	bench_status(b, ALICE, alice, 1);
	bench_message(b, ALICE, alice, 2, "bob", "still here");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	bench_advance(b, 29 * MINUTE);
	bench_status(b, ALICE, alice, 3);                        /* a sign of life, but nothing the user did */
	assert_int_equal(bench_number(b, "sessions", "live"), 1);
	bench_advance(b, 1 * MINUTE - 1);
	assert_int_equal(bench_number(b, "sessions", "live"), 1);
	bench_advance(b, 1);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_INACTIVE);
	bench_until(b, bench_live_seats(b) == 0 && b->groupwise.open == 0);
}

static void a_device_that_says_idle_by_itself_does_not_put_the_inactivity_timeout_off(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .inactivity_ms = 30 * MINUTE });
	alice = bench_login(b, ALICE, "alice");
	bench_advance(b, 20 * MINUTE);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_presence_set_msg, 1,
		&(struct im_presence_set){ .session = alice, .presence = IM_IDLE, .text = bytes_str("") });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_advance(b, 10 * MINUTE);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_INACTIVE);
	bench_until(b, bench_live_seats(b) == 0 && b->groupwise.open == 0);
}

static void timeouts_changed_by_plain_sql_count_at_once(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	b->settings.database_poll_ms = 10;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + 5 * MINUTE);
	database_exec(b->database, "UPDATE emu_IMServiceConfig SET InactivityTimeoutMs = 60000");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_INACTIVE);
}

static void a_lost_im_server_is_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_drop(&b->groupwise, "alice");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SERVER_LOST);
	bench_until(b, bench_live_seats(b) == 0);
	bench_login(b, ALICE, "alice");
}

static void an_im_server_that_goes_down_is_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_SERVER_DOWN,
		.source = bytes_str("CN=alice,O=test") });
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SERVER_LOST);
}

static void signed_on_elsewhere_is_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_ELSEWHERE,
		.source = bytes_str("CN=alice,O=test") });
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_ELSEWHERE);
	bench_until(b, bench_live_seats(b) == 0 && b->groupwise.open == 0);
}

static void an_event_of_unknown_length_means_the_stream_is_lost(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	fake_groupwise_raw(&b->groupwise, "alice", bytes_of("\x74\0\0\0\x02\0\0\0x", 10));
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SERVER_LOST);

	/* Nobody else is harmed by it. */
	bench_message(b, BOB, bob, 1, "carol", "fine");
	assert_int_equal(bench_ack(b, BOB, 1), IM_OK);
}

static void a_session_nobody_knows_is_told_so(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_status(b, BOB, 4711, 3);
	assert_int_equal(bench_forced_logout(b, BOB, 4711), IM_REASON_UNKNOWN_SESSION);

	/* Another device's session is nobody's as well. */
	bench_message(b, BOB, alice, 1, "carol", "I am alice");
	assert_int_equal(bench_forced_logout(b, BOB, alice), IM_REASON_UNKNOWN_SESSION);
	assert_int_equal(b->groupwise.messages, 0);
}

static void garbage_from_a_device_is_counted_and_harmless(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_login_ok_msg, 1, &(struct im_login_ok){ .session = alice });
	bench_until(b, bench_number(b, "counts", "malformed") == 1);
	bench_message(b, ALICE, alice, 1, "bob", "ok");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
}

static void the_end_of_the_service_is_told_and_leaves_no_seat(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, bob;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	bench_stop(b);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SHUTDOWN);
	assert_int_equal(bench_forced_logout(b, BOB, bob), IM_REASON_SHUTDOWN);
	assert_int_equal(b->groupwise.logouts, 2);
	assert_int_equal(bench_live_seats(b), 0);
}

static void a_service_whose_place_was_taken_ends_its_sessions(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	owner_start(b->database->db, "collab-1", loop_now_ms(b->loop));
	bench_advance(b, 10000);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SHUTDOWN);
	assert_true(collab_is_fenced(b->collab));
	bench_until(b, b->groupwise.open == 0);
	assert_int_equal(bench_login_fails(b, BOB, "bob").code, IM_NO_DATABASE);
}

static void a_service_that_comes_back_takes_over_its_seats(void **state)
{
	struct collab_bench *b = *state;

	bench_limit(b, (struct bench_limits){ .max = 1 });
	/* An earlier life of the same service left a seat behind. */
	admit(b->database->db, owner_start(b->database->db, "collab-1", loop_now_ms(b->loop)), DAVE, "dave", loop_now_ms(b->loop));
	assert_int_equal(bench_live_seats(b), 1);
	bench_start(b, (struct bench_limits){ .max = 1 });
	bench_login(b, ALICE, "alice");
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(logout_is_acknowledged_and_frees_the_seat),
		T(no_user_activity_for_the_timeout_ends_the_session_whatever_it_reports),
		T(a_device_that_says_idle_by_itself_does_not_put_the_inactivity_timeout_off),
		T(timeouts_changed_by_plain_sql_count_at_once),
		T(a_lost_im_server_is_told),
		T(an_im_server_that_goes_down_is_told),
		T(signed_on_elsewhere_is_told),
		T(an_event_of_unknown_length_means_the_stream_is_lost),
		T(a_session_nobody_knows_is_told_so),
		T(garbage_from_a_device_is_counted_and_harmless),
		T(the_end_of_the_service_is_told_and_leaves_no_seat),
		T(a_service_whose_place_was_taken_ends_its_sessions),
		T(a_service_that_comes_back_takes_over_its_seats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
