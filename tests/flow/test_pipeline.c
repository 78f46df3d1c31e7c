/* The vendor's IM process flows through all processes at once, to the millisecond: every time here is the manual clock's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define MINUTE 60000u
#define LONG (25u * MINUTE)      /* longer than every timeout of these tests but the inactivity timeout */
#define BUSY "login-failed 100 Server Busy\n"
#define FAILED_300 "login-failed 300 Failed (300)\n"

static void out_of_coverage(struct pipeline *p, int who)
{
	device_coverage(p->phones[who].device, false);
	phone_await(p, who, "waiting\n");
	pipeline_settle(p);
}

static void two_devices_chat_both_ways(void **state)
{
	struct pipeline *p = *state;

	phone_online(p, ALICE);
	phone_online(p, BOB);
	phone_await(p, ALICE, "presence bob available\n");
	phone_send(p, ALICE, "bob", "hello bob");
	phone_await(p, BOB, "message alice: hello bob\n");
	phone_await(p, ALICE, "ack 0\n");
	phone_send(p, BOB, "alice", "hello alice");
	phone_await(p, ALICE, "message bob: hello alice\n");
	assert_int_equal(pipeline_seats(p), 2);
}

static void below_the_maximum_a_login_goes_on(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	assert_int_equal(pipeline_seats(p), 2);
}

static void at_the_maximum_with_nobody_idle_a_login_is_server_busy(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	/* Their status messages keep both alive, however long it is. */
	pipeline_pass(p, LONG);
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
	phone_never(p, ALICE, "forced-logout");
	phone_never(p, BOB, "forced-logout");
}

static void at_the_maximum_a_session_without_status_messages_is_logged_out_after_the_timeout_to_the_millisecond(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_online(p, BOB);
	phone_online(p, ALICE);
	device_silent(p->phones[ALICE].device, true);
	pipeline_pass(p, 10 * MINUTE - 1);
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
	phone_never(p, ALICE, "forced-logout");
	pipeline_pass(p, 1);
	phone_online(p, CAROL);
	phone_await(p, ALICE, "forced-logout evicted-silent\n");
	phone_never(p, BOB, "forced-logout");
	assert_int_equal(pipeline_seats(p), 2);
}

static void below_the_maximum_a_silent_session_stays(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 3, 10 * MINUTE, 5120);
	phone_online(p, ALICE);
	device_silent(p->phones[ALICE].device, true);
	pipeline_pass(p, LONG);
	phone_online(p, BOB);
	phone_never(p, ALICE, "forced-logout");
	/* And what it says counts again. */
	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_send(p, ALICE, "bob", "still here");
	phone_await(p, BOB, "message alice: still here\n");
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
}

static void at_the_maximum_a_session_out_of_coverage_is_logged_out(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
	out_of_coverage(p, ALICE);
	phone_online(p, CAROL);
	phone_await(p, BOB, "presence alice offline\n");
	device_coverage(p->phones[ALICE].device, true);
	phone_await(p, ALICE, "forced-logout evicted-coverage\n");
	assert_int_equal(pipeline_seats(p), 2);
}

static void a_device_that_is_back_in_coverage_in_time_keeps_its_session(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	out_of_coverage(p, ALICE);
	pipeline_pass(p, LONG);
	device_coverage(p->phones[ALICE].device, true);
	phone_await(p, ALICE, "resumed\n");
	pipeline_settle(p);
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
	phone_never(p, ALICE, "forced-logout");
}

static void at_the_maximum_without_a_timeout_nobody_is_logged_out(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 0, 5120);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	out_of_coverage(p, ALICE);
	device_silent(p->phones[BOB].device, true);
	pipeline_pass(p, LONG);
	phone_login(p, CAROL);
	phone_await(p, CAROL, BUSY);
	device_coverage(p->phones[ALICE].device, true);
	phone_await(p, ALICE, "resumed\n");
	phone_never(p, ALICE, "forced-logout");
}

static void without_a_maximum_the_transports_capacity_is_failed_300(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 0, 10 * MINUTE, 2);
	phone_online(p, ALICE);
	phone_online(p, BOB);
	out_of_coverage(p, ALICE);
	phone_login(p, CAROL);
	phone_await(p, CAROL, FAILED_300);
	/* Changed limits hold from the next login on. */
	pipeline_limits(p, 0, 10 * MINUTE, 3);
	phone_online(p, CAROL);
	device_coverage(p->phones[ALICE].device, true);
	phone_await(p, ALICE, "resumed\n");
	phone_never(p, ALICE, "forced-logout");
}

static void who_may_not_use_the_client_is_refused(void **state)
{
	struct pipeline *p = *state;

	phone_login(p, DAVE);
	phone_await(p, DAVE, "login-failed 403 Failed\n");
	assert_int_equal(pipeline_seats(p), 0);
}

static void bad_credentials_are_refused_by_the_im_server(void **state)
{
	struct pipeline *p = *state;
	struct error err;

	assert_int_equal(device_login(p->phones[ALICE].device, bytes_str("alice"), bytes_str("wrong"), &err), 0);
	phone_await(p, ALICE, "login-failed 401 Failed\n");
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 0);
	phone_online(p, ALICE);
}

static void an_im_server_that_is_not_there_is_failed(void **state)
{
	struct pipeline *p = *state;

	pipeline_stop(p, PART_IM);
	phone_login(p, ALICE);
	phone_await(p, ALICE, "login-failed 503 Failed\n");
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 0);
}

static void the_inactivity_timeout_ends_a_session_in_spite_of_its_status_messages(void **state)
{
	struct pipeline *p = *state;

	pipeline_inactivity(p, 31 * MINUTE);
	phone_online(p, ALICE);
	pipeline_pass(p, 30 * MINUTE);
	phone_send(p, ALICE, "bob", "not idle");
	phone_await(p, ALICE, "ack");
	pipeline_pass(p, 31 * MINUTE - 1);
	phone_never(p, ALICE, "forced-logout");
	pipeline_pass(p, 1);
	phone_await(p, ALICE, "forced-logout inactive\n");
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 0);
}

static void what_happens_while_a_device_is_out_of_coverage_waits_for_it(void **state)
{
	struct pipeline *p = *state;
	uint32_t session;

	phone_online(p, ALICE);
	phone_online(p, BOB);
	session = device_session(p->phones[BOB].device);
	out_of_coverage(p, BOB);
	phone_send(p, ALICE, "bob", "one");
	phone_await(p, ALICE, "ack 0\n");
	phone_send(p, BOB, "alice", "from nowhere");
	pipeline_pass(p, LONG);
	phone_send(p, ALICE, "bob", "two");
	phone_await(p, ALICE, "ack 0\n");
	phone_never(p, BOB, "message");
	device_coverage(p->phones[BOB].device, true);
	phone_await(p, BOB, "resumed\n");
	phone_await(p, BOB, "message alice: one\n");
	phone_await(p, BOB, "message alice: two\n");
	phone_await(p, ALICE, "message bob: from nowhere\n");
	pipeline_pass(p, LONG);
	phone_never(p, BOB, "message");
	phone_never(p, ALICE, "message");
	assert_int_equal(device_session(p->phones[BOB].device), session);
}

static void a_dispatcher_restart_ends_no_session(void **state)
{
	struct pipeline *p = *state;

	phone_online(p, ALICE);
	phone_online(p, BOB);
	pipeline_stop(p, PART_DISPATCHER);
	pipeline_pass(p, 5 * MINUTE);
	pipeline_start(p, PART_DISPATCHER);
	pipeline_pass(p, 2 * MINUTE);
	phone_send(p, ALICE, "bob", "and on we go");
	phone_await(p, BOB, "message alice: and on we go\n");
	phone_send(p, BOB, "alice", "so we do");
	phone_await(p, ALICE, "message bob: so we do\n");
	phone_never(p, ALICE, "forced-logout");
	phone_never(p, BOB, "forced-logout");
	assert_int_equal(pipeline_seats(p), 2);
}

static void a_logout_frees_the_seat(void **state)
{
	struct pipeline *p = *state;
	struct error err;

	pipeline_limits(p, 1, 0, 5120);
	phone_online(p, ALICE);
	phone_login(p, BOB);
	phone_await(p, BOB, BUSY);
	assert_int_equal(device_logout(p->phones[ALICE].device, &err), 0);
	phone_await(p, ALICE, "logged-out\n");
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 0);
	phone_online(p, BOB);
}

static void a_second_login_of_a_user_takes_the_place_of_the_first(void **state)
{
	struct pipeline *p = *state;
	struct error err;

	pipeline_limits(p, 1, 0, 5120);
	phone_online(p, ALICE);
	assert_int_equal(device_login(p->phones[BOB].device, bytes_str("alice"), bytes_str("alice-secret"), &err), 0);
	phone_await(p, BOB, "login-ok\n");
	phone_await(p, ALICE, "forced-logout replaced\n");
	assert_int_equal(pipeline_seats(p), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipeline_setup, pipeline_teardown)
	const struct CMUnitTest tests[] = {
		TEST(two_devices_chat_both_ways),
		TEST(below_the_maximum_a_login_goes_on),
		TEST(at_the_maximum_with_nobody_idle_a_login_is_server_busy),
		TEST(at_the_maximum_a_session_without_status_messages_is_logged_out_after_the_timeout_to_the_millisecond),
		TEST(below_the_maximum_a_silent_session_stays),
		TEST(at_the_maximum_a_session_out_of_coverage_is_logged_out),
		TEST(a_device_that_is_back_in_coverage_in_time_keeps_its_session),
		TEST(at_the_maximum_without_a_timeout_nobody_is_logged_out),
		TEST(without_a_maximum_the_transports_capacity_is_failed_300),
		TEST(who_may_not_use_the_client_is_refused),
		TEST(bad_credentials_are_refused_by_the_im_server),
		TEST(an_im_server_that_is_not_there_is_failed),
		TEST(the_inactivity_timeout_ends_a_session_in_spite_of_its_status_messages),
		TEST(what_happens_while_a_device_is_out_of_coverage_waits_for_it),
		TEST(a_dispatcher_restart_ends_no_session),
		TEST(a_logout_frees_the_seat),
		TEST(a_second_login_of_a_user_takes_the_place_of_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
