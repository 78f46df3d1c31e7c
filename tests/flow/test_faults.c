/* Bad networks between devices and Router, through all processes at once on a clock moved by hand: what is said arrives, once, or its
 * sender hears that it did not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/pipeline.h"

#define SECOND 1000u
#define MINUTE 60000u
#define LONG (25u * MINUTE)
#define NO_ANSWER "login-failed 0 Failed\n"

static void both_online(struct pipeline *p)
{
	phone_online(p, ALICE);
	phone_online(p, BOB);
	phone_await(p, ALICE, "presence bob available\n");
	pipeline_settle(p);
}

/* So often, and no more however long one waits. */
static void told(struct pipeline *p, int who, const char *text, unsigned want)
{
	pipeline_pass(p, LONG);
	if (phone_count(p, who, text) != want)
		fail_msg("\"%s\" came %u times, not %u, to %s:\n%s", text, phone_count(p, who, text), want, p->phones[who].user,
			buf_cstr(&p->phones[who].all));
}

/* --- logins -------------------------------------------------------------------------------------------------------------- */

static void a_login_that_is_lost_is_answered_by_its_own_deadline(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "drop,on=login,count=1");
	phone_login(p, ALICE);
	pipeline_pass(p, MINUTE - 1);
	phone_never(p, ALICE, "login-failed");
	pipeline_pass(p, 1);
	phone_await(p, ALICE, NO_ANSWER);
	assert_int_equal(pipeline_seats(p), 0);
	phone_online(p, ALICE);
}

static void the_third_login_is_lost_and_no_other(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "drop,on=login,nth=3,count=1");
	both_online(p);
	phone_login(p, CAROL);
	pipeline_pass(p, MINUTE);
	phone_await(p, CAROL, NO_ANSWER);
	phone_online(p, CAROL);
	assert_int_equal(pipeline_seats(p), 3);
}

static void one_device_hears_nothing_for_70_seconds(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "drop,pin=2100000A,for=70s");
	phone_login(p, ALICE);
	phone_online(p, BOB);
	pipeline_pass(p, MINUTE);
	phone_await(p, ALICE, NO_ANSWER);
	phone_login(p, ALICE);
	pipeline_pass(p, MINUTE);
	phone_await(p, ALICE, NO_ANSWER);
	phone_online(p, ALICE);
}

static void a_login_whose_answer_is_lost_fails_by_its_deadline_and_the_next_one_takes_the_place(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 1, 10 * MINUTE, 5120);
	pipeline_fault(p, "drop,on=arriving,pin=2100000A,count=1");
	phone_login(p, ALICE);
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 1);
	pipeline_pass(p, MINUTE);
	phone_await(p, ALICE, NO_ANSWER);
	phone_online(p, ALICE);
	assert_int_equal(pipeline_seats(p), 1);
	pipeline_pass(p, LONG);
	phone_never(p, ALICE, "forced-logout");
	phone_send(p, ALICE, "alice", "myself");
	phone_await(p, ALICE, "ack");
}

static void a_login_whose_link_ends_before_the_answer_is_answered_over_the_next_link(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "close,on=arriving,pin=2100000A,count=1");
	phone_login(p, ALICE);
	phone_await(p, ALICE, "link-down\n");
	pipeline_pass(p, 1);
	phone_await(p, ALICE, "link-up\n");
	pipeline_pass(p, 5 * SECOND);
	phone_await(p, ALICE, "login-ok\n");
	assert_int_equal(pipeline_seats(p), 1);
	told(p, ALICE, "login-ok\n", 1);
}

static void a_doubled_login_makes_one_session(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "duplicate=3,on=login");
	pipeline_fault(p, "duplicate,on=arriving");
	phone_online(p, ALICE);
	assert_int_equal(pipeline_seats(p), 1);
	told(p, ALICE, "login-ok\n", 1);
	phone_never(p, ALICE, "forced-logout");
	assert_int_equal(pipeline_seats(p), 1);
}

static void a_late_login_is_answered_when_it_has_arrived(void **state)
{
	struct pipeline *p = *state;

	pipeline_fault(p, "delay=40000,on=login");
	phone_login(p, ALICE);
	pipeline_pass(p, 40 * SECOND - 1);
	assert_int_equal(pipeline_seats(p), 0);
	phone_never(p, ALICE, "login-ok");
	pipeline_pass(p, 1);
	phone_await(p, ALICE, "login-ok\n");
}

static void a_login_that_arrives_after_its_deadline_does_no_harm_to_the_next(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 1, 10 * MINUTE, 5120);
	pipeline_fault(p, "delay=70000,on=login,count=1");
	phone_login(p, ALICE);
	pipeline_pass(p, MINUTE);
	phone_await(p, ALICE, NO_ANSWER);
	/* This one waits behind it. */
	phone_login(p, ALICE);
	pipeline_pass(p, 10 * SECOND);
	phone_await(p, ALICE, "login-ok\n");
	pipeline_settle(p);
	assert_int_equal(pipeline_seats(p), 1);
	pipeline_pass(p, LONG);
	phone_never(p, ALICE, "login-failed");
	phone_send(p, ALICE, "alice", "myself");
	phone_await(p, ALICE, "ack");
	assert_int_equal(pipeline_seats(p), 1);
}

/* --- what is said ----------------------------------------------------------------------------------------------------------- */

/* One row: what befalls what alice says, or what comes to bob; he is shown each once all the same. */
static const char *const misfortunes[] = {
	"drop,on=message,nth=2,count=1", "drop,on=message,count=3", "drop,on=arriving,pin=2100000B,count=2",
	"drop,on=receipt", "drop,on=link,for=2m", "drop,on=all,for=45s", "drop,on=all,nth=3,for=5m",
	"duplicate,on=message", "duplicate=3,on=arriving", "duplicate,on=all",
	"reorder,on=message", "reorder,on=message,count=1", "reorder,on=arriving", "reorder,on=all",
	"garble,on=message,nth=2,count=1", "garble=3,on=message,count=2", "garble,on=arriving,pin=2100000B,nth=2,count=2",
	"garble=1000,on=message,count=1", "garble=1000,on=arriving,count=1", "garble=1000,on=link,count=1",
	"split,on=all", "split=7", "split=100,on=message",
	"delay=5000", "delay=200,on=all", "delay=90000,on=arriving,count=1",
	"close,on=message,count=1", "close,on=arriving,pin=2100000B,count=1", "close,on=link,count=1",
	"half-open,pin=2100000A,for=10m", "half-open,pin=2100000B,for=10m", "half-open,for=3m", "half-open,on=message,count=1,for=90s",
};

static void whatever_befalls_it_what_is_said_is_shown_once(void **state)
{
	struct pipeline *p = *state;
	char text[64];

	both_online(p);
	for (size_t i = 0; i < sizeof misfortunes / sizeof misfortunes[0]; i++) {
		pipeline_fault(p, misfortunes[i]);
		for (int n = 0; n < 4; n++) {
			snprintf(text, sizeof text, "no %zu-%d.", i, n);
			phone_send(p, ALICE, "bob", text);
			pipeline_settle(p);
		}
		pipeline_pass(p, LONG);
		pipeline_pass(p, LONG);
		for (int n = 0; n < 4; n++) {
			snprintf(text, sizeof text, "message alice: no %zu-%d.\n", i, n);
			if (phone_count(p, BOB, text) != 1)
				fail_msg("%s: \"%s\" came %u times:\n%s\n---\n%s", misfortunes[i], text, phone_count(p, BOB, text),
					buf_cstr(&p->phones[BOB].all), buf_cstr(&p->phones[ALICE].all));
		}
		assert_int_equal(device_unacknowledged(p->phones[ALICE].device), 0);
		faults_clear(p->faults);
		pipeline_pass(p, MINUTE);
		/* And nobody lost his session. */
		assert_int_equal(device_state(p->phones[ALICE].device), DEVICE_ONLINE);
		assert_int_equal(device_state(p->phones[BOB].device), DEVICE_ONLINE);
		assert_int_equal(pipeline_seats(p), 2);
	}
	assert_int_equal(phone_count(p, ALICE, "login-ok\n"), 1);
	assert_int_equal(phone_count(p, BOB, "login-ok\n"), 1);
}

static void a_lost_message_goes_again_after_30_seconds(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	pipeline_fault(p, "drop,on=message,count=1");
	phone_send(p, ALICE, "bob", "hello");
	pipeline_pass(p, 30 * SECOND - 1);
	phone_never(p, BOB, "message");
	pipeline_pass(p, 1);
	phone_await(p, BOB, "message alice: hello\n");
	phone_await(p, ALICE, "ack 0\n");
	told(p, BOB, "message alice: hello\n", 1);
}

/* The first time it arrives changed, so it is sealed again; then the link is lost with it. */
static void what_is_sealed_again_is_not_lost_with_the_link(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	pipeline_fault(p, "garble,on=arriving,pin=2100000B,count=1");
	pipeline_fault(p, "close,on=arriving,pin=2100000B,nth=2,count=1");
	phone_send(p, ALICE, "bob", "once");
	phone_await(p, BOB, "link-down\n");
	pipeline_pass(p, 5 * MINUTE);
	phone_await(p, BOB, "message alice: once\n");
	phone_never(p, BOB, "message");
}

/* The same, and then it is not confirmed: it expires at the Router, however often. */
static void what_is_sealed_again_and_expires_goes_again(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	pipeline_fault(p, "garble,on=arriving,pin=2100000B,count=1");
	pipeline_fault(p, "drop,on=arriving,pin=2100000B,nth=2,count=1");
	phone_send(p, ALICE, "bob", "once");
	pipeline_pass(p, 9 * MINUTE);
	phone_never(p, BOB, "message");
	told(p, BOB, "message alice: once\n", 1);
}

static void a_garbled_message_is_refused_without_harm_to_others(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	phone_online(p, CAROL);
	pipeline_fault(p, "garble,on=message,pin=2100000A,count=1");
	phone_send(p, ALICE, "bob", "hello");
	phone_await(p, ALICE, "returned\n");
	phone_send(p, CAROL, "bob", "meanwhile");
	phone_await(p, BOB, "message carol: meanwhile\n");
	phone_never(p, BOB, "message alice");
	pipeline_pass(p, 30 * SECOND);
	phone_await(p, BOB, "message alice: hello\n");
	told(p, BOB, "message alice: hello\n", 1);
	phone_never(p, CAROL, "link-down");
}

static void status_messages_that_are_lost_make_a_session_silent(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 10 * MINUTE, 5120);
	both_online(p);
	pipeline_fault(p, "drop,on=status,pin=2100000A");
	pipeline_pass(p, 10 * MINUTE);
	phone_online(p, CAROL);
	phone_await(p, ALICE, "forced-logout evicted-silent\n");
	phone_never(p, BOB, "forced-logout");
}

/* --- half-open ---------------------------------------------------------------------------------------------------------------- */

static void a_half_open_link_is_noticed_by_keep_alive_and_the_session_is_out_of_coverage(void **state)
{
	struct pipeline *p = *state;

	pipeline_limits(p, 2, 30 * MINUTE, 5120);
	both_online(p);
	pipeline_fault(p, "half-open,pin=2100000A,for=10m");
	pipeline_pass(p, MINUTE);
	phone_login(p, CAROL);
	phone_await(p, CAROL, "login-failed 100 Server Busy\n");
	/* A minute of silence and three questions, a minute each. */
	pipeline_pass(p, 4 * MINUTE);
	phone_never(p, ALICE, "link-down");
	phone_online(p, CAROL);
	phone_never(p, ALICE, "forced-logout");
	pipeline_pass(p, 5 * MINUTE);
	phone_await(p, ALICE, "link-down\n");
	phone_await(p, ALICE, "link-up\n");
	phone_await(p, ALICE, "forced-logout evicted-coverage\n");
	phone_never(p, BOB, "forced-logout");
}

static void what_is_said_over_a_half_open_link_arrives_when_it_is_over(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	pipeline_fault(p, "half-open,pin=2100000A");
	phone_send(p, ALICE, "bob", "into the void");
	phone_send(p, BOB, "alice", "out of it");
	pipeline_pass(p, LONG);
	phone_never(p, BOB, "message");
	phone_never(p, ALICE, "message");
	faults_clear(p->faults);
	phone_await(p, ALICE, "link-down\n");
	pipeline_pass(p, 10 * SECOND);
	phone_await(p, ALICE, "resumed\n");
	phone_await(p, BOB, "message alice: into the void\n");
	phone_await(p, ALICE, "message bob: out of it\n");
	told(p, BOB, "message alice: into the void\n", 1);
	told(p, ALICE, "message bob: out of it\n", 1);
}

static void a_link_that_registers_into_a_hole_comes_back_when_it_is_over(void **state)
{
	struct pipeline *p = *state;

	both_online(p);
	device_coverage(p->phones[ALICE].device, false);
	phone_await(p, ALICE, "waiting\n");
	pipeline_fault(p, "half-open,pin=2100000A,for=5s");
	device_coverage(p->phones[ALICE].device, true);
	pipeline_pass(p, 5 * SECOND - 1);
	phone_never(p, ALICE, "link-up");
	pipeline_pass(p, 10 * SECOND);
	phone_await(p, ALICE, "link-up\n");
	phone_await(p, ALICE, "resumed\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, pipeline_setup, pipeline_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_login_that_is_lost_is_answered_by_its_own_deadline),
		TEST(the_third_login_is_lost_and_no_other),
		TEST(one_device_hears_nothing_for_70_seconds),
		TEST(a_login_whose_answer_is_lost_fails_by_its_deadline_and_the_next_one_takes_the_place),
		TEST(a_login_whose_link_ends_before_the_answer_is_answered_over_the_next_link),
		TEST(a_doubled_login_makes_one_session),
		TEST(a_late_login_is_answered_when_it_has_arrived),
		TEST(a_login_that_arrives_after_its_deadline_does_no_harm_to_the_next),
		TEST(whatever_befalls_it_what_is_said_is_shown_once),
		TEST(a_lost_message_goes_again_after_30_seconds),
		TEST(what_is_sealed_again_is_not_lost_with_the_link),
		TEST(what_is_sealed_again_and_expires_goes_again),
		TEST(a_garbled_message_is_refused_without_harm_to_others),
		TEST(status_messages_that_are_lost_make_a_session_silent),
		TEST(a_half_open_link_is_noticed_by_keep_alive_and_the_session_is_out_of_coverage),
		TEST(what_is_said_over_a_half_open_link_arrives_when_it_is_over),
		TEST(a_link_that_registers_into_a_hole_comes_back_when_it_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
