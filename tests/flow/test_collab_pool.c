/* A Collaboration Service of a pool, between a played Dispatcher and a played GroupWise server on a manual clock: what it does when it is
 * promoted and demoted, and for the devices of another one that is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/standing.h"
#include "tests/support/collab_bench.h"

static int begin(void **state)
{
	struct collab_bench *b;

	if (bench_setup(state))
		return -1;
	b = *state;
	b->settings.role = COLLAB_STANDBY;
	b->settings.health_interval_ms = 5000;
	return 0;
}

static void promote(struct collab_bench *b, uint32_t number, const char *from, uint32_t lost)
{
	unsigned before = b->dispatcher.pool.roles;

	fake_dispatcher_say(&b->dispatcher, &link_promote_msg, &(struct link_promote){ .number = number, .from = bytes_str(from),
		.lost = lost });
	bench_until(b, b->dispatcher.pool.roles > before);
	assert_int_equal(b->dispatcher.pool.role, 1);
	assert_int_equal(b->dispatcher.pool.number, number);
}

static void demote(struct collab_bench *b, uint32_t number)
{
	fake_dispatcher_say(&b->dispatcher, &link_demote_msg, &(struct link_demote){ .number = number, .to = bytes_str("collab-2") });
}

static void a_standby_one_takes_no_login_until_it_is_promoted(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 2 });
	assert_int_equal(b->dispatcher.pool.features, LINK_POOL);
	assert_int_equal(b->dispatcher.pool.wants, 0);
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_NO_DATABASE);
	assert_int_equal(bench_live_seats(b), 0);
	promote(b, 1, "", 0);
	bench_login(b, ALICE, "alice");
	/* Its link is lost and back: it says that it is active. */
	fake_dispatcher_drop_service(&b->dispatcher);
	bench_until(b, b->dispatcher.registrations == 2);
	assert_int_equal(b->dispatcher.pool.wants, 1);
	assert_int_equal(bench_live_seats(b), 1);
}

static void the_health_score_is_told_every_interval(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 2 });
	assert_int_equal(b->dispatcher.pool.health, 100);
	bench_advance(b, 4999);
	assert_int_equal(b->dispatcher.pool.healths, 0);
	bench_advance(b, 1);
	bench_until(b, b->dispatcher.pool.healths == 1);
	assert_int_equal(b->dispatcher.pool.health, 100);
	/* The IM server is not there any more. */
	promote(b, 1, "", 0);
	fake_groupwise_stop(&b->groupwise);
	assert_int_equal(bench_login_fails(b, ALICE, "alice").code, IM_UNREACHABLE);
	bench_advance(b, 5000);
	bench_until(b, b->dispatcher.pool.healths == 2);
	assert_int_equal(b->dispatcher.pool.health, 93);
	fake_groupwise_start(&b->groupwise, b->loop, b->certificate, b->key);
}

static void one_that_stands_by_asks_the_im_server_for_a_connection_now_and_then(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ .max = 2 });
	bench_settle(b);
	for (unsigned i = 1; i <= 10; i++) {
		bench_advance(b, 5000);
		bench_until(b, b->dispatcher.pool.healths == i);
		bench_settle(b);
		if (i == 3) {
			assert_int_equal(b->dispatcher.pool.health, 100);
			fake_groupwise_stop(&b->groupwise);
		}
	}
	/* Six in vain: below the usual threshold of one that takes over. */
	assert_int_equal(b->dispatcher.pool.health, 58);
	fake_groupwise_start(&b->groupwise, b->loop, b->certificate, b->key);
}

static void what_was_received_is_finished_before_the_log_out(void **state)
{
	struct collab_bench *b = *state;
	struct im_forced_logout out;
	uint32_t alice, bob, sequence;

	bench_start(b, (struct bench_limits){ .max = 3 });
	promote(b, 1, "", 0);
	alice = bench_login(b, ALICE, "alice");
	bob = bench_login(b, BOB, "bob");
	/* The results of a search are asked for a second later. */
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_search_msg, 1, &(struct im_search){ .session = alice, .field = IM_SEARCH_SURNAME,
		.text = bytes_str("Brown") });
	bench_settle(b);
	demote(b, 2);
	bench_settle(b);
	/* The IM server has not answered: nobody is logged out. What comes now comes too late, and a login is refused. */
	bench_message(b, BOB, bob, 1, "alice", "too late");
	assert_int_equal(bench_login_fails(b, CAROL, "carol").code, IM_NO_DATABASE);
	assert_int_equal(b->dispatcher.pool.moved, 0);
	assert_int_equal(bench_number(b, "sessions", "live"), 2);
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + 1000);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_until(b, b->dispatcher.pool.roles == 2);
	assert_int_equal(b->dispatcher.pool.role, 0);
	assert_int_equal(b->dispatcher.pool.number, 2);
	bench_expect(b, ALICE, &im_forced_logout_msg, &sequence, &out);
	assert_int_equal(out.reason, IM_REASON_SWITCHED);
	bench_expect(b, BOB, &im_forced_logout_msg, &sequence, &out);
	assert_int_equal(out.reason, IM_REASON_SWITCHED);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, BOB, IM_ACK), 0);
	assert_int_equal(b->dispatcher.pool.moved, 1);
	assert_int_equal(b->dispatcher.pool.device_count, 2);
	bench_until(b, bench_live_seats(b) == 0);
}

static void an_im_server_that_does_not_answer_holds_the_demotion_up_for_a_bounded_time(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 2 });
	promote(b, 1, "", 0);
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.mute = true;
	bench_message(b, ALICE, alice, 1, "bob", "hello");
	bench_settle(b);
	demote(b, 2);
	bench_settle(b);
	bench_advance(b, STANDING_DRAIN_MS - 1);
	assert_int_equal(b->dispatcher.pool.roles, 1);
	bench_advance(b, 1);
	bench_until(b, b->dispatcher.pool.roles == 2);
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SWITCHED);
}

static void whom_it_has_logged_out_is_said_again_until_it_is_promoted(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ .max = 2 });
	promote(b, 1, "", 0);
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.mute = true;
	bench_message(b, ALICE, alice, 1, "bob", "hello");
	bench_settle(b);
	demote(b, 2);
	bench_settle(b);
	/* Its sessions end when the link is broken, and it has not noticed. */
	fake_dispatcher_drop_service(&b->dispatcher);
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + STANDING_DRAIN_MS);
	bench_until(b, b->dispatcher.registrations == 2);
	assert_int_equal(b->dispatcher.pool.moved, 0);
	assert_int_equal(bench_number(b, "sessions", "live"), 0);
	demote(b, 2);
	bench_until(b, b->dispatcher.pool.roles == 2);
	assert_int_equal(b->dispatcher.pool.moved, 1);
	assert_int_equal(b->dispatcher.pool.device_count, 1);
	/* Asked about another switch it has nothing to say. */
	demote(b, 3);
	bench_until(b, b->dispatcher.pool.roles == 3);
	assert_int_equal(b->dispatcher.pool.moved, 1);
	promote(b, 4, "", 0);
	demote(b, 4);
	bench_until(b, b->dispatcher.pool.roles == 5);
	assert_int_equal(b->dispatcher.pool.device_count, 0);
}

static void devices_that_are_moved_here_are_asked_to_log_in(void **state)
{
	struct collab_bench *b = *state;
	struct im_please_login please;
	struct link_moved moved = { .number = 1, .instance = bytes_str("collab-2"), .devices = { { ALICE, 41 }, { BOB, 42 } }, .count = 2 };

	bench_start(b, (struct bench_limits){ .max = 2 });
	promote(b, 1, "collab-2", 0);
	fake_dispatcher_coverage(&b->dispatcher, BOB, false);
	fake_dispatcher_say(&b->dispatcher, &link_moved_msg, &moved);
	bench_expect(b, ALICE, &im_please_login_msg, NULL, &please);
	assert_int_equal(please.session, 41);
	/* It waits for one that is out of coverage. */
	bench_settle(b);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, BOB, IM_PLEASE_LOGIN), 0);
	fake_dispatcher_coverage(&b->dispatcher, BOB, true);
	bench_expect(b, BOB, &im_please_login_msg, NULL, &please);
	assert_int_equal(please.session, 42);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_standby_one_takes_no_login_until_it_is_promoted),
		T(the_health_score_is_told_every_interval),
		T(one_that_stands_by_asks_the_im_server_for_a_connection_now_and_then),
		T(what_was_received_is_finished_before_the_log_out),
		T(an_im_server_that_does_not_answer_holds_the_demotion_up_for_a_bounded_time),
		T(whom_it_has_logged_out_is_said_again_until_it_is_promoted),
		T(devices_that_are_moved_here_are_asked_to_log_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
