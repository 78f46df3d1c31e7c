/* The worker: order, threads, and its end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/io/worker.h"

struct fixture {
	struct loop *loop;
	struct worker *worker;
	struct buf said;
	pthread_t loop_thread;
};

struct job {
	struct fixture *f;
	char name;
	bool elsewhere;      /* work ran on another thread than the loop's */
	bool give_more;
	bool free_worker;
};

static void work(void *arg)
{
	struct job *job = arg;

	job->elsewhere = !pthread_equal(pthread_self(), job->f->loop_thread);
}

static void done(void *arg)
{
	struct job *job = arg;

	assert_true(pthread_equal(pthread_self(), job->f->loop_thread));
	buf_printf(&job->f->said, "%c", job->name);
	if (job->give_more) {
		job->give_more = false;
		worker_run(job->f->worker, work, done, job);
	}
	if (job->free_worker)
		worker_free(&job->f->worker);
}

static int begin_thread(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	f->worker = worker_new(f->loop);
	f->loop_thread = pthread_self();
	*state = f;
	return 0;
}

static int begin_inline(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->loop = loop_new();
	f->worker = worker_new_inline(f->loop);
	f->loop_thread = pthread_self();
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	worker_free(&f->worker);
	loop_free(&f->loop);
	buf_free(&f->said);
	free(f);
	return 0;
}

static void jobs_end_in_the_order_given(void **state)
{
	struct fixture *f = *state;
	struct job jobs[26];

	for (int i = 0; i < 26; i++) {
		jobs[i] = (struct job){ .f = f, .name = (char)('a' + i), .give_more = i == 3 };
		worker_run(f->worker, work, done, &jobs[i]);
	}
	assert_int_equal(f->said.len, 0);
	assert_int_equal(worker_waiting(f->worker), 26);
	while (worker_waiting(f->worker))
		loop_round(f->loop, 1000);
	assert_string_equal(buf_cstr(&f->said), "abcdefghijklmnopqrstuvwxyzd");
}

static void work_runs_on_the_thread(void **state)
{
	struct fixture *f = *state;
	struct job job = { .f = f, .name = 'x' };

	worker_run(f->worker, work, done, &job);
	while (worker_waiting(f->worker))
		loop_round(f->loop, 1000);
	assert_true(job.elsewhere);
}

static void inline_work_runs_on_the_loop(void **state)
{
	struct fixture *f = *state;
	struct job job = { .f = f, .name = 'x' };

	worker_run(f->worker, work, done, &job);
	loop_round(f->loop, 0);
	assert_false(job.elsewhere);
	assert_string_equal(buf_cstr(&f->said), "x");
}

static void freeing_runs_what_was_given_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct job jobs[3];

	for (int i = 0; i < 3; i++) {
		jobs[i] = (struct job){ .f = f, .name = (char)('a' + i), .give_more = i == 1 };
		worker_run(f->worker, work, done, &jobs[i]);
	}
	worker_run(f->worker, work, NULL, &jobs[0]);
	worker_free(&f->worker);
	assert_null(f->worker);
	assert_string_equal(buf_cstr(&f->said), "abcb");
}

static void a_done_call_may_free_the_worker(void **state)
{
	struct fixture *f = *state;
	struct job jobs[3];

	for (int i = 0; i < 3; i++) {
		jobs[i] = (struct job){ .f = f, .name = (char)('a' + i), .free_worker = i == 0 };
		worker_run(f->worker, work, done, &jobs[i]);
	}
	while (f->worker)
		loop_round(f->loop, 1000);
	assert_string_equal(buf_cstr(&f->said), "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(jobs_end_in_the_order_given, begin_thread, end),
		cmocka_unit_test_setup_teardown(jobs_end_in_the_order_given, begin_inline, end),
		cmocka_unit_test_setup_teardown(work_runs_on_the_thread, begin_thread, end),
		cmocka_unit_test_setup_teardown(inline_work_runs_on_the_loop, begin_inline, end),
		cmocka_unit_test_setup_teardown(freeing_runs_what_was_given_to_its_end, begin_thread, end),
		cmocka_unit_test_setup_teardown(freeing_runs_what_was_given_to_its_end, begin_inline, end),
		cmocka_unit_test_setup_teardown(a_done_call_may_free_the_worker, begin_thread, end),
		cmocka_unit_test_setup_teardown(a_done_call_may_free_the_worker, begin_inline, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
