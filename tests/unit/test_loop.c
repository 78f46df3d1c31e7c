/* The loop: two clocks, timers in order, tasks at the end of a round, descriptors, signals; everything may be freed in its
 * own call. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/io/loop.h"

struct fixture {
	struct loop *loop;
	struct loop_timer *timers[8];
	struct loop_watch *watch;
	struct loop_task task;
	struct loop_task other;
	struct buf said;
	uint64_t at_ms;
	unsigned count;
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 8; i++)
		loop_timer_free(&f->timers[i]);
	loop_watch_free(&f->watch);
	loop_free(&f->loop);
	buf_free(&f->said);
	free(f);
	return 0;
}

struct mark {
	struct fixture *f;
	char name;
};

static void say(void *arg)
{
	struct mark *mark = arg;

	buf_printf(&mark->f->said, "%c%llu ", mark->name, (unsigned long long)loop_now_ms(mark->f->loop));
}

static void timers_run_earliest_first_each_at_its_own_time(void **state)
{
	struct fixture *f = *state;
	struct mark marks[4] = { { f, 'a' }, { f, 'b' }, { f, 'c' }, { f, 'd' } };
	const uint64_t in_ms[4] = { 30, 10, 20, 10 };

	loop_clock_manual(f->loop, 1000);
	for (size_t i = 0; i < 4; i++) {
		f->timers[i] = loop_timer_new(f->loop, say, &marks[i]);
		loop_timer_set(f->timers[i], in_ms[i]);
	}
	assert_int_equal(loop_next_due_ms(f->loop), 1010);
	loop_clock_advance(f->loop, 1009);
	assert_int_equal(f->said.len, 0);
	loop_clock_advance(f->loop, 1025);
	assert_string_equal(buf_cstr(&f->said), "b1010 d1010 c1020 ");
	assert_int_equal(loop_now_ms(f->loop), 1025);
	assert_int_equal(loop_next_due_ms(f->loop), 1030);
	loop_clock_advance(f->loop, 1000);
	assert_int_equal(loop_now_ms(f->loop), 1025);
	loop_clock_advance(f->loop, 1030);
	assert_string_equal(buf_cstr(&f->said), "b1010 d1010 c1020 a1030 ");
	assert_int_equal(loop_next_due_ms(f->loop), UINT64_MAX);
}

static void setting_a_timer_replaces_what_was_set(void **state)
{
	struct fixture *f = *state;
	struct mark mark = { f, 'x' };

	loop_clock_manual(f->loop, 0);
	f->timers[0] = loop_timer_new(f->loop, say, &mark);
	assert_false(loop_timer_is_set(f->timers[0]));
	assert_int_equal(loop_timer_due_ms(f->timers[0]), UINT64_MAX);
	loop_timer_set(f->timers[0], 10);
	loop_timer_set(f->timers[0], 50);
	assert_int_equal(loop_timer_due_ms(f->timers[0]), 50);
	loop_clock_advance(f->loop, 49);
	assert_int_equal(f->said.len, 0);
	loop_timer_cancel(f->timers[0]);
	loop_clock_advance(f->loop, 100);
	assert_int_equal(f->said.len, 0);
	loop_timer_set_at(f->timers[0], 90);
	assert_int_equal(loop_timer_due_ms(f->timers[0]), 100);
	assert_true(loop_round(f->loop, 0));
	assert_string_equal(buf_cstr(&f->said), "x100 ");
	loop_timer_set(f->timers[0], UINT64_MAX);
	assert_int_equal(loop_timer_due_ms(f->timers[0]), UINT64_MAX);
}

static void many_timers_keep_their_order(void **state)
{
	struct fixture *f = *state;
	enum { COUNT = 500 };
	struct loop_timer *timers[COUNT];
	struct mark mark = { f, 't' };
	unsigned long long before = 0;
	unsigned ran = 0;
	uint32_t seed = 7;

	loop_clock_manual(f->loop, 0);
	for (size_t i = 0; i < COUNT; i++) {
		seed = seed * 1664525 + 1013904223;
		timers[i] = loop_timer_new(f->loop, say, &mark);
		loop_timer_set(timers[i], seed >> 20);
	}
	for (size_t i = 0; i < COUNT; i += 3)
		loop_timer_free(&timers[i]);
	loop_clock_advance(f->loop, 5000);
	for (char *at = strtok((char *)(uintptr_t)buf_cstr(&f->said), " "); at; at = strtok(NULL, " ")) {
		unsigned long long now = strtoull(at + 1, NULL, 10);

		assert_true(now >= before);
		before = now;
		ran++;
	}
	assert_int_equal(ran, COUNT - (COUNT + 2) / 3);
	for (size_t i = 0; i < COUNT; i++)
		loop_timer_free(&timers[i]);
}

static void free_all(void *arg)
{
	struct fixture *f = arg;

	f->count++;
	for (size_t i = 0; i < 8; i++)
		loop_timer_free(&f->timers[i]);
}

static void a_timer_may_free_itself_and_others_that_are_due(void **state)
{
	struct fixture *f = *state;

	loop_clock_manual(f->loop, 0);
	for (size_t i = 0; i < 8; i++) {
		f->timers[i] = loop_timer_new(f->loop, free_all, f);
		loop_timer_set(f->timers[i], 5);
	}
	loop_clock_advance(f->loop, 10);
	assert_int_equal(f->count, 1);
}

static void set_again(void *arg)
{
	struct fixture *f = arg;

	f->count++;
	loop_timer_set(f->timers[0], 0);
}

static void a_timer_that_sets_itself_to_now_runs_once_a_round(void **state)
{
	struct fixture *f = *state;

	f->timers[0] = loop_timer_new(f->loop, set_again, f);
	loop_timer_set(f->timers[0], 0);
	assert_true(loop_round(f->loop, 0));
	assert_int_equal(f->count, 1);
	assert_true(loop_round(f->loop, 1000));
	assert_int_equal(f->count, 2);
}

static void note_time(void *arg)
{
	struct fixture *f = arg;

	f->count++;
	f->at_ms = loop_real_us() / 1000;
	loop_stop(f->loop);
}

static void a_real_timer_runs_under_a_manual_clock_and_never_early(void **state)
{
	struct fixture *f = *state;
	uint64_t due_ms;

	loop_clock_manual(f->loop, 5);
	f->timers[0] = loop_timer_new_real(f->loop, note_time, f);
	for (unsigned i = 0; i < 5; i++) {
		loop_timer_set(f->timers[0], 3);
		due_ms = loop_timer_due_ms(f->timers[0]);
		loop_run(f->loop);
		assert_int_equal(f->count, i + 1);
		assert_true(f->at_ms >= due_ms);
		assert_true(f->at_ms < due_ms + 1000);
	}
	assert_int_equal(loop_now_ms(f->loop), 5);
	assert_int_equal(loop_next_due_ms(f->loop), UINT64_MAX);
}

static void an_earlier_timer_set_later_still_wakes_the_loop_in_time(void **state)
{
	struct fixture *f = *state;

	f->timers[0] = loop_timer_new(f->loop, note_time, f);
	f->timers[1] = loop_timer_new_real(f->loop, note_time, f);
	loop_timer_set(f->timers[0], 60000);
	loop_round(f->loop, 0);
	loop_timer_set(f->timers[1], 2);
	loop_run(f->loop);
	assert_int_equal(f->count, 1);
	assert_true(loop_timer_is_set(f->timers[0]));
}

static void again_once(void *arg)
{
	struct mark *mark = arg;

	say(mark);
	if (mark->f->count++ == 0)
		loop_defer(mark->f->loop, &mark->f->task);
}

static void a_task_runs_once_at_the_end_of_the_round(void **state)
{
	struct fixture *f = *state;
	struct mark task = { f, 't' };
	struct mark timer = { f, 'r' };

	loop_clock_manual(f->loop, 0);
	f->task = (struct loop_task){ .fn = again_once, .arg = &task };
	f->timers[0] = loop_timer_new(f->loop, say, &timer);
	loop_timer_set(f->timers[0], 0);
	loop_defer(f->loop, &f->task);
	loop_defer(f->loop, &f->task);
	assert_true(loop_round(f->loop, -1));
	assert_string_equal(buf_cstr(&f->said), "r0 t0 t0 ");
	assert_false(loop_round(f->loop, 0));
	assert_string_equal(buf_cstr(&f->said), "r0 t0 t0 ");
}

static void for_ever(void *arg)
{
	struct fixture *f = arg;

	f->count++;
	loop_defer(f->loop, &f->task);
}

static void a_task_that_queues_itself_does_not_keep_the_round_from_ending(void **state)
{
	struct fixture *f = *state;

	f->task = (struct loop_task){ .fn = for_ever, .arg = f };
	loop_defer(f->loop, &f->task);
	loop_round(f->loop, 0);
	assert_true(f->count > 0);
	assert_true(f->task.queued);
	loop_drop(f->loop, &f->task);
	assert_false(loop_round(f->loop, 0));
}

static void drop_other(void *arg)
{
	struct fixture *f = arg;

	f->count++;
	loop_drop(f->loop, &f->other);
}

static void a_dropped_task_does_not_run(void **state)
{
	struct fixture *f = *state;

	f->task = (struct loop_task){ .fn = drop_other, .arg = f };
	f->other = (struct loop_task){ .fn = drop_other, .arg = f };
	loop_defer(f->loop, &f->task);
	loop_defer(f->loop, &f->other);
	loop_round(f->loop, 0);
	assert_int_equal(f->count, 1);
	loop_defer(f->loop, &f->other);
	loop_defer(f->loop, &f->task);
	loop_drop(f->loop, &f->task);
	loop_round(f->loop, 0);
	assert_int_equal(f->count, 2);
}

static void ready_once(void *arg, int ready)
{
	struct fixture *f = arg;

	f->count += (unsigned)ready;
	loop_watch_free(&f->watch);
}

static void a_watch_may_free_itself(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f->watch = loop_watch_new(f->loop, fds[0], ready_once, f);
	assert_false(loop_round(f->loop, 0));
	loop_watch_want(f->watch, LOOP_READ);
	assert_false(loop_round(f->loop, 0));
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_true(loop_round(f->loop, 1000));
	assert_int_equal(f->count, LOOP_READ);
	assert_null(f->watch);
	f->watch = loop_watch_new(f->loop, fds[0], ready_once, f);
	loop_watch_want(f->watch, LOOP_READ | LOOP_WRITE);
	loop_watch_want(f->watch, LOOP_WRITE);
	assert_true(loop_round(f->loop, 1000));
	assert_int_equal(f->count, LOOP_READ + LOOP_WRITE);
	close(fds[0]);
	close(fds[1]);
}

static void read_later(void *arg)
{
	struct fixture *f = arg;

	loop_watch_free(&f->watch);
}

/* Leaves what came to the task; gives up when the task never has its turn. */
static void not_yet(void *arg, int ready)
{
	struct fixture *f = arg;

	(void)ready;
	loop_defer(f->loop, &f->task);
	if (++f->count == 1000)
		loop_watch_free(&f->watch);
}

static void a_descriptor_that_stays_ready_does_not_keep_the_round_from_ending(void **state)
{
	struct fixture *f = *state;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	f->task = (struct loop_task){ .fn = read_later, .arg = f };
	f->watch = loop_watch_new(f->loop, fds[0], not_yet, f);
	loop_watch_want(f->watch, LOOP_READ);
	assert_true(loop_round(f->loop, 0));
	assert_int_equal(f->count, 1);
	assert_null(f->watch);
	close(fds[0]);
	close(fds[1]);
}

static void activity_stands_still_when_nothing_is_ready(void **state)
{
	struct fixture *f = *state;
	uint64_t before = loop_activity(f->loop);

	f->timers[0] = loop_timer_new(f->loop, note_time, f);
	loop_timer_set(f->timers[0], 60000);
	assert_false(loop_round(f->loop, 0));
	assert_false(loop_round(f->loop, 2));
	assert_int_equal(loop_activity(f->loop), before);
}

static void a_signal_is_told_on_the_loop(void **state)
{
	struct fixture *f = *state;

	loop_signal(f->loop, SIGUSR1, note_time, f);
	raise(SIGUSR1);
	loop_run(f->loop);
	assert_int_equal(f->count, 1);
}

/* Runs it in a child: bug() must end that. */
static void ends_by_bug(void (*wrong)(struct loop *))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		wrong(loop_new());
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void free_with_a_timer_left(struct loop *loop)
{
	loop_timer_new(loop, free_all, NULL);
	loop_free(&loop);
}

static void advance_a_real_clock(struct loop *loop)
{
	loop_clock_advance(loop, UINT64_MAX);
}

static void misuse_ends_the_process(void **state)
{
	(void)state;
	ends_by_bug(free_with_a_timer_left);
	ends_by_bug(advance_a_real_clock);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(timers_run_earliest_first_each_at_its_own_time),
		ROW(setting_a_timer_replaces_what_was_set),
		ROW(many_timers_keep_their_order),
		ROW(a_timer_may_free_itself_and_others_that_are_due),
		ROW(a_timer_that_sets_itself_to_now_runs_once_a_round),
		ROW(a_real_timer_runs_under_a_manual_clock_and_never_early),
		ROW(an_earlier_timer_set_later_still_wakes_the_loop_in_time),
		ROW(a_task_runs_once_at_the_end_of_the_round),
		ROW(a_task_that_queues_itself_does_not_keep_the_round_from_ending),
		ROW(a_dropped_task_does_not_run),
		ROW(a_watch_may_free_itself),
		ROW(a_descriptor_that_stays_ready_does_not_keep_the_round_from_ending),
		ROW(activity_stands_still_when_nothing_is_ready),
		ROW(a_signal_is_told_on_the_loop),
		ROW(misuse_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
