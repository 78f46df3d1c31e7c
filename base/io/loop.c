#include "base/io/loop_private.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"

enum {
	SCRATCH_SIZE = 256 * 1024,
	TASK_PASSES = 16,      /* tasks that queue tasks: so often within a round, the rest in the next */
};

struct signal_watch {
	struct event event;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	struct signal_watch *next;
};

/* --- the alarm --- */

/* Set only to something earlier: ringing once too often is cheaper than a system call whenever a timer moves. */
static void set_alarm(struct loop *loop, uint64_t at_ms)
{
	struct itimerspec at = { 0 };

	if (at_ms >= loop->alarm_ms)
		return;
	at.it_value.tv_sec = (time_t)(at_ms / 1000);
	at.it_value.tv_nsec = (long)(at_ms % 1000) * 1000000 + 1;
	if (timerfd_settime(loop->alarm_fd, TFD_TIMER_ABSTIME, &at, NULL) != 0)
		fatal(EXIT_INTERNAL, "the loop's timer cannot be set: %s", strerror(errno));
	loop->alarm_ms = at_ms;
}

static void alarm_rang(evutil_socket_t fd, short what, void *arg)
{
	struct loop *loop = arg;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) > 0)
		loop->alarm_ms = UINT64_MAX;
}

/* --- tasks --- */

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*loop->tasks_end = task;
	loop->tasks_end = &task->next;
}

void loop_drop(struct loop *loop, struct loop_task *task)
{
	if (!task->queued)
		return;
	for (struct loop_task **at = &loop->tasks; *at; at = &(*at)->next) {
		if (*at != task)
			continue;
		*at = task->next;
		if (loop->tasks_end == &task->next)
			loop->tasks_end = at;
		break;
	}
	task->queued = false;
}

/* Tasks are taken off one by one, so that a task may drop, free or queue any other. A pass ends at what was last in the
 * list when it began. */
static void run_tasks(struct loop *loop)
{
	struct loop_task last = { 0 };

	for (unsigned pass = 0; pass < TASK_PASSES && loop->tasks; pass++) {
		struct loop_task *task;

		loop_defer(loop, &last);
		while ((task = loop->tasks) != NULL) {
			loop->tasks = task->next;
			if (!loop->tasks)
				loop->tasks_end = &loop->tasks;
			task->queued = false;
			if (task == &last)
				break;
			loop->activity++;
			task->fn(task->arg);
		}
	}
}

/* --- work, idleness, looking --- */

struct loop_work loop_work(const struct loop *loop)
{
	return loop->work;
}

void loop_work_add(struct loop *loop, uint64_t done, uint64_t balance)
{
	loop->work.done += done;
	loop->work.balance += balance;
}

void loop_busy(struct loop *loop, int by)
{
	if (by < 0 && loop->busy < (unsigned)-by)
		bug("more work came back to the loop than was given away");
	loop->busy += (unsigned)by;
	if (by < 0)
		loop->work.done++;
}

void loop_awaits(struct loop *loop, int by)
{
	if (by < 0 && loop->awaits < (unsigned)-by)
		bug("more was no longer awaited than had been");
	loop->awaits += (unsigned)by;
}

void loop_dialling(struct loop *loop, int by)
{
	loop->dials += (unsigned)by;
}

unsigned loop_dials(const struct loop *loop)
{
	return loop->dials;
}

void loop_when_idle(struct loop *loop, struct loop_task *task)
{
	struct loop_task **end = &loop->idle_tasks;

	if (task->queued)
		return;
	while (*end)
		end = &(*end)->next;
	task->queued = true;
	task->next = NULL;
	*end = task;
}

static void run_idle_tasks(struct loop *loop)
{
	struct loop_task *task = loop->idle_tasks;

	loop->idle_tasks = NULL;
	while (task) {
		struct loop_task *next = task->next;

		task->queued = false;
		task->fn(task->arg);
		task = next;
	}
}

static void add_hook(struct loop_hook **hooks, struct loop_hook *hook)
{
	hook->next = *hooks;
	*hooks = hook;
}

static void remove_hook(struct loop_hook **hooks, const struct loop_hook *hook)
{
	for (struct loop_hook **at = hooks; *at; at = &(*at)->next) {
		if (*at == hook) {
			*at = hook->next;
			break;
		}
	}
}

static void call_hooks(struct loop_hook *hook)
{
	for (struct loop_hook *next; hook; hook = next) {
		next = hook->next;
		hook->fn(hook->arg);
	}
}

void loop_on_look(struct loop *loop, struct loop_hook *hook)
{
	add_hook(&loop->hooks, hook);
}

void loop_off_look(struct loop *loop, struct loop_hook *hook)
{
	remove_hook(&loop->hooks, hook);
}

void loop_look(struct loop *loop)
{
	call_hooks(loop->hooks);
}

void loop_on_send(struct loop *loop, struct loop_hook *hook)
{
	add_hook(&loop->send_hooks, hook);
}

void loop_off_send(struct loop *loop, struct loop_hook *hook)
{
	remove_hook(&loop->send_hooks, hook);
}

void loop_sending(struct loop *loop)
{
	call_hooks(loop->send_hooks);
}

/* --- descriptors and signals --- */

static void watch_ready(evutil_socket_t fd, short what, void *arg)
{
	struct loop_watch *watch = arg;

	(void)fd;
	watch->loop->activity++;
	watch->fn(watch->arg, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0));
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, loop_ready_fn *fn, void *arg)
{
	struct loop_watch *watch = memory_new(sizeof(*watch));

	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->arg = arg;
	event_assign(&watch->read, loop->base, fd, EV_READ | EV_PERSIST, watch_ready, watch);
	loop->watch_count++;
	DL_APPEND(loop->watches, watch);
	return watch;
}

static void want_event(struct event *event, bool wanted)
{
	if ((wanted ? event_add(event, NULL) : event_del(event)) != 0)
		fatal(EXIT_INTERNAL, "descriptor %d cannot be watched: %s", (int)event_get_fd(event), strerror(errno));
}

void loop_watch_want(struct loop_watch *watch, int wants)
{
	int changed = watch->wants ^ wants;

	watch->wants = wants;
	if (changed & LOOP_READ)
		want_event(&watch->read, wants & LOOP_READ);
	if (!(changed & LOOP_WRITE))
		return;
	if (!watch->write) {
		watch->write = memory_new(sizeof(*watch->write));
		event_assign(watch->write, watch->loop->base, watch->fd, EV_WRITE | EV_PERSIST, watch_ready, watch);
	}
	want_event(watch->write, wants & LOOP_WRITE);
}

void loop_watch_free(struct loop_watch **watch)
{
	if (!*watch)
		return;
	event_del(&(*watch)->read);
	if ((*watch)->write)
		event_del((*watch)->write);
	free((*watch)->write);
	(*watch)->loop->watch_count--;
	DL_DELETE((*watch)->loop->watches, *watch);
	free(*watch);
	*watch = NULL;
}

static void signal_came(evutil_socket_t fd, short what, void *arg)
{
	struct signal_watch *watch = arg;

	(void)fd;
	(void)what;
	watch->loop->activity++;
	watch->fn(watch->arg);
}

void loop_signal(struct loop *loop, int signal, loop_fn *fn, void *arg)
{
	struct signal_watch *watch = memory_new(sizeof(*watch));

	watch->loop = loop;
	watch->fn = fn;
	watch->arg = arg;
	event_assign(&watch->event, loop->base, signal, EV_SIGNAL | EV_PERSIST, signal_came, watch);
	if (event_add(&watch->event, NULL) != 0)
		fatal(EXIT_INTERNAL, "signal %d cannot be watched: %s", signal, strerror(errno));
	watch->next = loop->signals;
	loop->signals = watch;
}

/* --- the loop --- */

struct loop *loop_new(void)
{
	struct loop *loop = memory_new(sizeof(*loop));
	struct event_config *config;

	event_set_mem_functions(memory_take, memory_resize, free);
	config = event_config_new();
	if (!config)
		fatal(EXIT_INTERNAL, "no event loop: %s", strerror(ENOMEM));
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_NO_CACHE_TIME);
	loop->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!loop->base)
		fatal(EXIT_INTERNAL, "no event loop: %s", strerror(errno));
	loop->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->alarm_fd < 0)
		fatal(EXIT_INTERNAL, "no timer for the loop: %s", strerror(errno));
	loop->alarm_ms = UINT64_MAX;
	event_assign(&loop->alarm, loop->base, loop->alarm_fd, EV_READ | EV_PERSIST, alarm_rang, loop);
	want_event(&loop->alarm, true);
	loop->tasks_end = &loop->tasks;
	/* What a round queued is freed when it was sent. Left to itself the C library gives that memory back to the kernel and
	 * faults it in again in the next round: a tenth of what a relayed frame costs. */
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	/* A peer that vanishes is told by write()'s error; the signal would end the process. */
	signal(SIGPIPE, SIG_IGN);
	return loop;
}

void loop_free(struct loop **loop)
{
	struct loop *l = *loop;

	if (!l)
		return;
	run_idle_tasks(l);
	if (l->timer_count || l->watch_count)
		bug("the loop ends with %u timers and %u watched descriptors left", l->timer_count, l->watch_count);
	while (l->signals) {
		struct signal_watch *watch = l->signals;

		l->signals = watch->next;
		event_del(&watch->event);
		free(watch);
	}
	event_del(&l->alarm);
	close(l->alarm_fd);
	event_base_free(l->base);
	timers_clear(&l->timers);
	timers_clear(&l->real_timers);
	free(l->scratch);
	free(l);
	*loop = NULL;
}

static bool may_be_idle(const struct loop *loop)
{
	return loop->idle_tasks && !loop->busy && !loop->awaits;
}

static bool must_not_wait(const struct loop *loop)
{
	const struct loop_timer *first = timers_first(&loop->timers);

	return loop->tasks || loop->stopped || may_be_idle(loop) ||
		(loop->manual && !loop->held && first && first->due_ms <= loop->manual_now_ms);
}

/* Once: a descriptor that stays ready until a task of this round sees to it would keep the round from ever coming to its tasks. */
static void run_events(struct loop *loop, int flags)
{
	if (event_base_loop(loop->base, flags | EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
		fatal(EXIT_INTERNAL, "the event loop failed: %s", strerror(errno));
}

/* This loop or one of the others of a simulation has something to do. */
static bool goes_on(struct loop *loop)
{
	uint64_t before = loop->activity;

	run_events(loop, EVLOOP_NONBLOCK);
	return loop->activity != before || loop_turn_others(loop);
}

/* Looks again every moment, which the kernel gets to deliver what is under way. Where the real clock stands, what would have been waited for in
 * vain passes at once. */
static void wait_simulated(struct loop *loop, uint64_t until_ms)
{
	const struct timespec moment = { .tv_nsec = 100000 };
	uint64_t now_ms;

	do {
		if (goes_on(loop))
			return;
		nanosleep(&moment, NULL);
		if (goes_on(loop))
			return;
		now_ms = loop_real_us() / 1000;
	} while (!loop_real_stands() && now_ms < until_ms);
	if (loop_real_stands() && !loop->busy && until_ms != UINT64_MAX && until_ms > now_ms)
		loop_real_pass((until_ms - now_ms) * 1000);
}

/* Lets the descriptors' events happen; blocks for the first one until then, or not at all. */
static void wait_for_events(struct loop *loop, int wait_ms)
{
	uint64_t until_ms = loop_earliest_real_ms(loop);

	if (wait_ms == 0 || must_not_wait(loop)) {
		run_events(loop, EVLOOP_NONBLOCK);
		return;
	}
	if (wait_ms > 0 && loop_real_us() / 1000 + (uint64_t)wait_ms < until_ms)
		until_ms = loop_real_us() / 1000 + (uint64_t)wait_ms;
	if (loop_real_stands() || loop_are_others()) {
		wait_simulated(loop, until_ms);
		return;
	}
	if (until_ms != UINT64_MAX)
		set_alarm(loop, until_ms);
	run_events(loop, 0);
}

bool loop_round(struct loop *loop, int wait_ms)
{
	uint64_t before = loop->activity;

	if (loop->in_round)
		bug("a round of the loop was started inside a round");
	loop->in_round = true;
	wait_for_events(loop, wait_ms);
	/* After the sockets: what a peer sent in time counts before the timer that would have missed it. */
	loop_ring_due(loop);
	run_tasks(loop);
	if (may_be_idle(loop) && !loop->tasks && loop->activity == before)
		run_idle_tasks(loop);
	loop_sending(loop);
	loop->in_round = false;
	return loop->activity != before;
}

void loop_run(struct loop *loop)
{
	loop_sending(loop);      /* what was done before is a round of its own: the next may be long in coming */
	while (!loop->stopped)
		loop_round(loop, -1);
	loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

unsigned loop_timers(const struct loop *loop)
{
	return loop->timer_count;
}

unsigned loop_watches(const struct loop *loop)
{
	return loop->watch_count;
}

uint64_t loop_activity(const struct loop *loop)
{
	return loop->activity;
}

uint8_t *loop_scratch(struct loop *loop, size_t *size)
{
	if (!loop->scratch)
		loop->scratch = memory_new(SCRATCH_SIZE);
	*size = SCRATCH_SIZE;
	return loop->scratch;
}
