/* Redialling: when the next dial is due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/io/redial.h"

struct fixture {
	struct loop *loop;
	struct redial *redial;
	unsigned dials;
	uint64_t dialled_ms[64];
	bool away;                   /* the peer cannot be reached */
};

static void dial(void *arg)
{
	struct fixture *f = arg;

	f->dialled_ms[f->dials++ % 64] = loop_now_ms(f->loop);
	if (!f->away)
		redial_reached(f->redial);
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	loop_clock_manual(f->loop, 1000000);
	f->redial = redial_new(f->loop, REDIAL_CONNECTS, REDIAL_SRP_WINDOW_MS, dial, f);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	redial_free(&f->redial);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static uint64_t lost_and_dialled_after_ms(struct fixture *f)
{
	uint64_t before_ms = loop_now_ms(f->loop);
	unsigned dials = f->dials;

	redial_lost(f->redial);
	assert_int_equal(f->dials, dials);
	loop_clock_advance(f->loop, redial_due_ms(f->redial));
	assert_int_equal(f->dials, dials + 1);
	assert_int_equal(redial_due_ms(f->redial), UINT64_MAX);
	return loop_now_ms(f->loop) - before_ms;
}

static void at_once_then_one_second_doubling_to_a_minute(void **state)
{
	struct fixture *f = *state;
	static const uint64_t waits_ms[] = { 0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000 };

	assert_int_equal(redial_due_ms(f->redial), UINT64_MAX);
	redial_start(f->redial);
	assert_int_equal(f->dials, 1);
	for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++) {
		/* Each connection lives a minute and a half, so that the window never adds to the wait. */
		loop_clock_advance(f->loop, loop_now_ms(f->loop) + 90000);
		assert_int_equal(lost_and_dialled_after_ms(f), waits_ms[i]);
	}
	redial_good(f->redial);
	loop_clock_advance(f->loop, loop_now_ms(f->loop) + 90000);
	assert_int_equal(lost_and_dialled_after_ms(f), 0);
}

static void never_a_fifth_connect_within_a_minute(void **state)
{
	struct fixture *f = *state;

	redial_start(f->redial);
	/* The worst peer: it accepts and hangs up at once, every time. */
	for (unsigned i = 0; i < 40; i++) {
		redial_good(f->redial);
		lost_and_dialled_after_ms(f);
	}
	for (unsigned i = 0; i + 4 < f->dials; i++)
		assert_true(f->dialled_ms[i + 4] - f->dialled_ms[i] > 60000);
}

static void where_nobody_counts_only_the_doubling_delays(void **state)
{
	struct fixture *f = *state;
	static const uint64_t waits_ms[] = { 0, 1000, 2000, 4000, 8000, 16000 };

	redial_free(&f->redial);
	f->redial = redial_new(f->loop, REDIAL_CONNECTS, REDIAL_WINDOW_MS, dial, f);
	redial_start(f->redial);
	for (size_t i = 0; i < sizeof waits_ms / sizeof *waits_ms; i++)
		assert_int_equal(lost_and_dialled_after_ms(f), waits_ms[i]);
	/* The worst peer is still held off. */
	for (unsigned i = 0; i < 40; i++) {
		redial_good(f->redial);
		lost_and_dialled_after_ms(f);
	}
	for (unsigned i = 0; i + 4 < f->dials; i++)
		assert_true(f->dialled_ms[i + 4] - f->dialled_ms[i] >= REDIAL_WINDOW_MS);
}

static void starting_again_keeps_the_window(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 6; i++)
		redial_start(f->redial);
	assert_int_equal(f->dials, 4);
	loop_clock_advance(f->loop, redial_due_ms(f->redial));
	assert_int_equal(f->dials, 5);
	assert_true(f->dialled_ms[4] - f->dialled_ms[0] > 60000);
}

static void a_peer_that_is_away_is_dialled_each_second_and_that_counts_for_nothing(void **state)
{
	struct fixture *f = *state;

	redial_start(f->redial);
	redial_good(f->redial);
	f->away = true;
	assert_int_equal(lost_and_dialled_after_ms(f), 0);
	for (unsigned i = 0; i < 300; i++)
		assert_int_equal(lost_and_dialled_after_ms(f), 1000);
	/* It was away for five minutes; back, and lost again, it has its four connects. */
	f->away = false;
	assert_int_equal(lost_and_dialled_after_ms(f), 1000);
	for (unsigned i = 0; i < 3; i++) {
		redial_good(f->redial);
		assert_int_equal(lost_and_dialled_after_ms(f), 0);
	}
	redial_good(f->redial);
	assert_int_equal(lost_and_dialled_after_ms(f), REDIAL_SRP_WINDOW_MS);
}

static void dial_and_free(void *arg)
{
	struct fixture *f = arg;

	f->dials++;
	redial_free(&f->redial);
}

static void the_dial_call_may_free_it(void **state)
{
	struct fixture *f = *state;

	redial_free(&f->redial);
	f->redial = redial_new(f->loop, REDIAL_CONNECTS, REDIAL_SRP_WINDOW_MS, dial_and_free, f);
	redial_reached(f->redial);
	redial_lost(f->redial);
	loop_round(f->loop, 0);
	assert_int_equal(f->dials, 1);
	assert_null(f->redial);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_once_then_one_second_doubling_to_a_minute, begin, end),
		cmocka_unit_test_setup_teardown(never_a_fifth_connect_within_a_minute, begin, end),
		cmocka_unit_test_setup_teardown(where_nobody_counts_only_the_doubling_delays, begin, end),
		cmocka_unit_test_setup_teardown(starting_again_keeps_the_window, begin, end),
		cmocka_unit_test_setup_teardown(a_peer_that_is_away_is_dialled_each_second_and_that_counts_for_nothing, begin, end),
		cmocka_unit_test_setup_teardown(the_dial_call_may_free_it, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
