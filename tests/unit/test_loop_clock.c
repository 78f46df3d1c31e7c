/* What lets the clocks of several processes be moved as one: a clock that is frozen and runs on, idleness, the balance of links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/clock_verbs.h"
#include "base/io/connection.h"
#include "base/io/loop.h"
#include "base/io/worker.h"

static void count(void *arg)
{
	(*(unsigned *)arg)++;
}

static void a_frozen_clock_stands_where_it_was_and_its_timers_with_it(void **state)
{
	struct loop *loop = loop_new();
	unsigned rung = 0;
	struct loop_timer *timer = loop_timer_new(loop, count, &rung);
	uint64_t due_ms, real_ms;

	(void)state;
	loop_timer_set(timer, 60000);
	due_ms = loop_timer_due_ms(timer);
	loop_clock_freeze(loop);
	assert_true(loop_clock_is_manual(loop));
	assert_true(loop_now_ms(loop) <= due_ms - 59000);
	loop_clock_advance(loop, due_ms - 1);
	assert_int_equal(rung, 0);
	loop_clock_advance(loop, due_ms);
	assert_int_equal(rung, 1);
	/* It runs on from what it shows, by the real time that is named as belonging to it. */
	real_ms = loop_real_us() / 1000 - 500;
	loop_clock_run(loop, real_ms);
	assert_false(loop_clock_is_manual(loop));
	assert_true(loop_now_ms(loop) >= due_ms + 500 && loop_now_ms(loop) < due_ms + 30500);
	/* And so do its timers: one of 5 ms wakes the loop, although the clock is a minute ahead of the machine's. */
	loop_timer_set(timer, 5);
	while (rung == 1)
		loop_round(loop, 10000);
	assert_true(loop_now_ms(loop) < due_ms + 30505);
	loop_timer_free(&timer);
	loop_free(&loop);
}

static void a_clock_can_be_at_a_time_before_any_timer_rings_there(void **state)
{
	struct loop *loop = loop_new();
	struct loop_timer *timer;
	unsigned rung = 0;

	(void)state;
	loop_clock_manual(loop, 1000);
	timer = loop_timer_new(loop, count, &rung);
	loop_timer_set(timer, 600);
	loop_clock_reach(loop, 1500);
	assert_int_equal(loop_now_ms(loop), 1500);
	/* Never past a timer, and not even a round lets it ring. */
	loop_clock_reach(loop, 2000);
	assert_int_equal(loop_now_ms(loop), 1600);
	loop_round(loop, 0);
	assert_int_equal(rung, 0);
	loop_clock_advance(loop, 1600);
	assert_int_equal(rung, 1);
	assert_int_equal(loop_now_ms(loop), 1600);
	loop_timer_free(&timer);
	loop_free(&loop);
}

static void two_clocks_that_are_given_the_same_moment_run_on_as_one(void **state)
{
	struct loop *a = loop_new(), *b = loop_new();
	uint64_t moment = loop_real_us() / 1000, shown_a, shown_b, again;

	(void)state;
	loop_clock_manual(a, 5000);
	loop_clock_manual(b, 5000);
	loop_clock_run(a, moment);
	loop_clock_run(b, moment);
	do {
		shown_a = loop_now_ms(a);
		shown_b = loop_now_ms(b);
		again = loop_now_ms(a);
	} while (shown_a != again);          /* the machine's clock went on between the looks */
	assert_int_equal(shown_a, shown_b);
	loop_free(&a);
	loop_free(&b);
}

struct job { struct worker *worker; unsigned worked, done, idle_at; };

static void work(void *arg)
{
	((struct job *)arg)->worked++;
}

static void job_done(void *arg)
{
	struct job *job = arg;

	if (++job->done < 3)
		worker_run(job->worker, work, job_done, job);
}

static void note_idle(void *arg)
{
	struct job *job = arg;

	job->idle_at = job->done;
}

static void a_loop_is_not_idle_while_a_job_is_out(void **state)
{
	struct loop *loop = loop_new();
	struct job job = { .worker = worker_new(loop) };
	struct loop_task idle = { .fn = note_idle, .arg = &job };

	(void)state;
	worker_run(job.worker, work, job_done, &job);
	loop_when_idle(loop, &idle);
	while (!job.idle_at)
		loop_round(loop, 1000);
	/* Each job gave another: idle was the loop only after the last. */
	assert_int_equal(job.idle_at, 3);
	worker_free(&job.worker);
	loop_free(&loop);
}

static void a_loop_is_not_idle_while_something_is_awaited_in_real_time(void **state)
{
	struct loop *loop = loop_new();
	unsigned calls = 0;
	struct loop_task idle = { .fn = count, .arg = &calls };

	(void)state;
	loop_awaits(loop, 2);
	loop_when_idle(loop, &idle);
	loop_round(loop, 1);
	loop_awaits(loop, -1);
	loop_round(loop, 1);
	assert_int_equal(calls, 0);
	loop_awaits(loop, -1);
	loop_round(loop, 1);
	assert_int_equal(calls, 1);
	loop_free(&loop);
}

static void what_waits_for_idleness_is_called_when_the_loop_is_freed(void **state)
{
	struct loop *loop = loop_new();
	unsigned calls = 0;
	struct loop_task idle = { .fn = count, .arg = &calls };

	(void)state;
	loop_when_idle(loop, &idle);
	loop_free(&loop);
	assert_int_equal(calls, 1);
}

static void hooks_are_called_when_somebody_looks_until_they_are_taken_off(void **state)
{
	struct loop *loop = loop_new();
	unsigned a = 0, b = 0;
	struct loop_hook first = { .fn = count, .arg = &a }, second = { .fn = count, .arg = &b };

	(void)state;
	loop_on_look(loop, &first);
	loop_on_look(loop, &second);
	loop_look(loop);
	loop_off_look(loop, &first);
	loop_off_look(loop, &first);
	loop_look(loop);
	assert_int_equal(a, 1);
	assert_int_equal(b, 2);
	loop_off_look(loop, &second);
	loop_free(&loop);
}

/* --- links ------------------------------------------------------------------------------------------------------------- */

struct end { struct connection *c; unsigned messages; bool up, closed; };

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	(void)ctx;
	(void)err;
	return in.len >= 4 ? 4 : 0;
}

static void message(void *ctx, struct bytes bytes)
{
	(void)bytes;
	((struct end *)ctx)->messages++;
}

static void up(void *ctx)
{
	((struct end *)ctx)->up = true;
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	(void)end;
	(void)why;
	((struct end *)ctx)->closed = true;
}

static const struct connection_callbacks callbacks = { .up = up, .split = split, .message = message, .closed = closed };

static void accepted(void *ctx, struct connection *c)
{
	struct end *end = ctx;

	end->c = c;
	connection_own(c, &callbacks, end);
}

static void the_links_are_balanced_once_what_was_sent_was_received(void **state)
{
	struct loop *here = loop_new(), *there = loop_new();
	struct end client = { 0 }, server = { 0 };
	struct error err;
	struct listener *listener = listener_new(there, "127.0.0.1:0", NULL, NULL, 0, accepted, &server, &err);

	(void)state;
	assert_non_null(listener);
	client.c = connection_dial(here, listener_address(listener), NULL, NULL, NULL, &callbacks, &client);
	while (!client.up || !server.c) {
		loop_round(here, 1);
		loop_round(there, 1);
	}
	assert_true(loop_work(here).balance + loop_work(there).balance == 0);
	connection_send(client.c, bytes_str("abcd"));
	while (connection_queued(client.c))
		loop_round(here, 1);
	/* Sent and not yet received. */
	assert_true(loop_work(here).balance + loop_work(there).balance != 0);
	while (!server.messages)
		loop_round(there, 1);
	assert_true(loop_work(here).balance + loop_work(there).balance == 0);
	assert_true(loop_work(here).balance != 0);
	/* One end is closed and the other does not know yet. */
	connection_free(&client.c);
	assert_true(loop_work(here).balance + loop_work(there).balance != 0);
	while (!server.closed)
		loop_round(there, 1);
	assert_true(loop_work(here).balance + loop_work(there).balance == 0);
	connection_free(&server.c);
	listener_free(&listener);
	loop_free(&here);
	loop_free(&there);
}

static void the_option_is_manual_with_or_without_a_start(void **state)
{
	static const struct { const char *text; int rc; uint64_t start_ms; } rows[] = {
		{ "manual", 0, CLOCK_START_MS }, { "manual:0", 0, 0 }, { "manual:90s", 0, 90000 }, { "manual:", -1, 0 }, { "manual:x", -1, 0 },
		{ "real", -1, 0 }, { "", -1, 0 }, { "manually", -1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = { "" };
		uint64_t start_ms = 0;

		assert_int_equal(clock_option_parse(rows[i].text, &start_ms, &err), rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(start_ms, rows[i].start_ms);
		else
			assert_non_null(strstr(err.text, "manual:MS"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frozen_clock_stands_where_it_was_and_its_timers_with_it),
		cmocka_unit_test(a_clock_can_be_at_a_time_before_any_timer_rings_there),
		cmocka_unit_test(two_clocks_that_are_given_the_same_moment_run_on_as_one),
		cmocka_unit_test(a_loop_is_not_idle_while_a_job_is_out),
		cmocka_unit_test(a_loop_is_not_idle_while_something_is_awaited_in_real_time),
		cmocka_unit_test(what_waits_for_idleness_is_called_when_the_loop_is_freed),
		cmocka_unit_test(hooks_are_called_when_somebody_looks_until_they_are_taken_off),
		cmocka_unit_test(the_links_are_balanced_once_what_was_sent_was_received),
		cmocka_unit_test(the_option_is_manual_with_or_without_a_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
