#include "base/io/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

struct job {
	loop_fn *work;
	loop_fn *done;
	void *job;
	struct job *next;
};

struct queue {
	struct job *first;
	struct job *last;
};

struct worker {
	struct loop *loop;
	unsigned waiting;
	struct queue ready;            /* worked on; their done calls are being made */
	bool inside;                   /* the loop makes done calls, and one of them may free the worker */

	bool freeing;
	bool freed;
	bool is_inline;
	struct loop_task task;

	pthread_t thread;
	int wake_fd;                   /* rings the loop when something was finished */
	struct loop_watch *watch;
	pthread_cond_t given;
	pthread_mutex_t lock;          /* for what follows, when there is a thread */
	struct queue todo;
	struct queue finished;
	bool ending;
};

static void push(struct queue *queue, struct job *job)
{
	job->next = NULL;
	if (queue->last)
		queue->last->next = job;
	else
		queue->first = job;
	queue->last = job;
}

static struct job *pop(struct queue *queue)
{
	struct job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = NULL;
	return job;
}

static void append(struct queue *queue, struct queue *more)
{
	if (!more->first)
		return;
	if (queue->last)
		queue->last->next = more->first;
	else
		queue->first = more->first;
	queue->last = more->last;
	*more = (struct queue){ 0 };
}

static void *thread_main(void *arg)
{
	struct worker *worker = arg;
	const uint64_t one = 1;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct job *job = pop(&worker->todo);
		bool first;

		if (!job && worker->ending)
			break;
		if (!job) {
			pthread_cond_wait(&worker->given, &worker->lock);
			continue;
		}
		pthread_mutex_unlock(&worker->lock);
		job->work(job->job);
		pthread_mutex_lock(&worker->lock);
		first = !worker->finished.first;
		push(&worker->finished, job);
		if (first && write(worker->wake_fd, &one, sizeof(one)) < 0)
			bug("a worker cannot ring its loop: %s", strerror(errno));
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static void release(struct worker *worker)
{
	pthread_mutex_destroy(&worker->lock);
	free(worker);
}

/* Takes over what the thread finished and makes the done calls. */
static void finish_jobs(struct worker *worker)
{
	struct job *job;

	pthread_mutex_lock(&worker->lock);
	append(&worker->ready, &worker->finished);
	pthread_mutex_unlock(&worker->lock);
	while ((job = pop(&worker->ready)) != NULL) {
		struct job now = *job;

		free(job);
		worker->waiting--;
		loop_busy(worker->loop, -1);
		if (now.done)
			now.done(now.job);
	}
}

/* When a done call frees the worker, worker_free has made all the others, and only the memory is left. */
static void finish_jobs_on_loop(struct worker *worker)
{
	worker->inside = true;
	finish_jobs(worker);
	worker->inside = false;
	if (worker->freed)
		release(worker);
}

static void jobs_finished(void *arg, int ready)
{
	struct worker *worker = arg;
	uint64_t count;

	(void)ready;
	if (read(worker->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		bug("a worker's bell cannot be read: %s", strerror(errno));
	finish_jobs_on_loop(worker);
}

static void work_here(struct worker *worker)
{
	struct queue jobs = worker->todo;

	worker->todo = (struct queue){ 0 };
	for (struct job *job = jobs.first; job; job = job->next)
		job->work(job->job);
	append(&worker->finished, &jobs);
}

static void run_inline(void *arg)
{
	struct worker *worker = arg;

	work_here(worker);
	finish_jobs_on_loop(worker);
}

static struct worker *new_worker(struct loop *loop)
{
	struct worker *worker = memory_new(sizeof(*worker));

	worker->loop = loop;
	worker->task = (struct loop_task){ .fn = run_inline, .arg = worker };
	pthread_mutex_init(&worker->lock, NULL);
	return worker;
}

struct worker *worker_new_inline(struct loop *loop)
{
	struct worker *worker = new_worker(loop);

	worker->is_inline = true;
	return worker;
}

struct worker *worker_new(struct loop *loop)
{
	struct worker *worker = new_worker(loop);
	sigset_t all;
	sigset_t before;
	int wrong;

	worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->wake_fd < 0)
		fatal(EXIT_INTERNAL, "no worker: eventfd: %s", strerror(errno));
	worker->watch = loop_watch_new(loop, worker->wake_fd, jobs_finished, worker);
	loop_watch_want(worker->watch, LOOP_READ);
	pthread_cond_init(&worker->given, NULL);
	/* Signals belong to the loop's thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	wrong = pthread_create(&worker->thread, NULL, thread_main, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (wrong)
		fatal(EXIT_INTERNAL, "no worker thread: %s", strerror(wrong));
	return worker;
}

void worker_run(struct worker *worker, loop_fn *work, loop_fn *done, void *job)
{
	struct job *given = memory_new(sizeof(*given));

	*given = (struct job){ .work = work, .done = done, .job = job };
	worker->waiting++;
	loop_busy(worker->loop, 1);
	pthread_mutex_lock(&worker->lock);
	if (!worker->is_inline && !worker->todo.first)
		pthread_cond_signal(&worker->given);
	push(&worker->todo, given);
	pthread_mutex_unlock(&worker->lock);
	if (worker->is_inline)
		loop_defer(worker->loop, &worker->task);
}

unsigned worker_waiting(const struct worker *worker)
{
	return worker->waiting;
}

static void end_thread(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->ending = true;
	pthread_cond_signal(&worker->given);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	loop_watch_free(&worker->watch);
	close(worker->wake_fd);
	pthread_cond_destroy(&worker->given);
}

void worker_free(struct worker **worker)
{
	struct worker *w = *worker;

	if (!w || w->freeing)
		return;
	w->freeing = true;
	if (w->is_inline)
		loop_drop(w->loop, &w->task);
	else
		end_thread(w);
	/* A done call may give more while the worker ends: that is run here as well. */
	w->is_inline = true;
	do {
		work_here(w);
		finish_jobs(w);
	} while (w->todo.first);
	loop_drop(w->loop, &w->task);
	*worker = NULL;
	w->freed = true;
	if (!w->inside)
		release(w);
}
