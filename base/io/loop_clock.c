#include <stdlib.h>
#include <time.h>

#include "base/io/loop_private.h"
#include "base/log.h"
#include "base/memory.h"

/* The two clocks of a loop and the timers on them. */

/* --- the clocks --- */

/* Of a simulation: what the real clock shows while it stands; 0: it is the machine's. */
static _Atomic uint64_t standing_us;

void loop_real_stand(uint64_t now_us)
{
	standing_us = now_us;
}

bool loop_real_stands(void)
{
	return standing_us != 0;
}

void loop_real_pass(uint64_t us)
{
	if (!standing_us)
		bug("the real clock of a process that does not simulate it passes by itself");
	standing_us += us;
}

uint64_t loop_real_us(void)
{
	struct timespec now;

	if (standing_us)
		return ++standing_us;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t loop_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t real_now_ms(void)
{
	return loop_real_us() / 1000;
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->manual ? loop->manual_now_ms : real_now_ms() + loop->ahead_ms;
}

void loop_clock_manual(struct loop *loop, uint64_t now_ms)
{
	if (timers_first(&loop->timers))
		bug("the clock was made manual after timers were set on it");
	loop->manual = true;
	loop->manual_now_ms = now_ms;
}

bool loop_clock_is_manual(const struct loop *loop)
{
	return loop->manual;
}

void loop_clock_freeze(struct loop *loop)
{
	loop->manual_now_ms = loop_now_ms(loop);
	loop->manual = true;
}

void loop_clock_run(struct loop *loop, uint64_t real_ms)
{
	if (!loop->manual)
		return;
	loop->ahead_ms = loop->manual_now_ms - real_ms;
	loop->manual = loop->held = false;
}

uint64_t loop_next_due_ms(const struct loop *loop)
{
	const struct loop_timer *first = timers_first(&loop->timers);

	return first ? first->due_ms : UINT64_MAX;
}

static void ring(struct loop *loop, struct loop_timer *timer)
{
	timers_remove(timer->timers, timer);
	loop->activity++;
	loop->work.done += timer->timers == &loop->timers;
	timer->fn(timer->arg);
}

void loop_clock_reach(struct loop *loop, uint64_t now_ms)
{
	uint64_t due_ms = loop_next_due_ms(loop);

	if (!loop->manual)
		bug("only a manual clock can be advanced");
	loop->held = true;
	if (now_ms > due_ms)
		now_ms = due_ms;
	if (now_ms > loop->manual_now_ms)
		loop->manual_now_ms = now_ms;
}

void loop_clock_advance(struct loop *loop, uint64_t now_ms)
{
	struct loop_timer *first;

	if (!loop->manual)
		bug("only a manual clock can be advanced");
	loop->held = false;
	while ((first = timers_first(&loop->timers)) && first->due_ms <= now_ms) {
		if (first->due_ms > loop->manual_now_ms)
			loop->manual_now_ms = first->due_ms;
		ring(loop, first);
	}
	if (now_ms > loop->manual_now_ms)
		loop->manual_now_ms = now_ms;
}

/* --- timers --- */

static struct loop_timer *timer_new(struct loop *loop, struct timers *timers, loop_fn *fn, void *arg)
{
	struct loop_timer *timer = memory_new(sizeof(*timer));

	*timer = (struct loop_timer){ .loop = loop, .timers = timers, .fn = fn, .arg = arg };
	loop->timer_count++;
	return timer;
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
	return timer_new(loop, &loop->timers, fn, arg);
}

struct loop_timer *loop_timer_new_real(struct loop *loop, loop_fn *fn, void *arg)
{
	return timer_new(loop, &loop->real_timers, fn, arg);
}

static uint64_t timer_now_ms(const struct loop_timer *timer)
{
	return timer->timers == &timer->loop->timers ? loop_now_ms(timer->loop) : real_now_ms();
}

static void timer_start(struct loop_timer *timer, uint64_t due_ms)
{
	loop_timer_cancel(timer);
	timer->due_ms = due_ms;
	timer->order = timer->loop->timer_order++;
	timers_add(timer->timers, timer);
}

void loop_timer_set(struct loop_timer *timer, uint64_t in_ms)
{
	uint64_t now_ms = timer_now_ms(timer);

	timer_start(timer, in_ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + in_ms);
}

void loop_timer_set_at(struct loop_timer *timer, uint64_t at_ms)
{
	uint64_t now_ms = timer_now_ms(timer);

	timer_start(timer, at_ms > now_ms ? at_ms : now_ms);
}

void loop_timer_cancel(struct loop_timer *timer)
{
	if (timer->at)
		timers_remove(timer->timers, timer);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->at != 0;
}

uint64_t loop_timer_due_ms(const struct loop_timer *timer)
{
	return timer->at ? timer->due_ms : UINT64_MAX;
}

void loop_timer_free(struct loop_timer **timer)
{
	if (!*timer)
		return;
	loop_timer_cancel(*timer);
	(*timer)->loop->timer_count--;
	free(*timer);
	*timer = NULL;
}

/* What a timer sets while the due ones run waits for the next round, so that one which sets itself to "now" cannot keep
 * the sockets from being served. */
static void run_due(struct loop *loop, struct timers *timers)
{
	uint64_t started = loop->timer_order;
	struct loop_timer *first = timers_first(timers);
	uint64_t now_ms;

	if (!first)
		return;
	now_ms = timer_now_ms(first);
	while ((first = timers_first(timers)) && first->due_ms <= now_ms && first->order < started)
		ring(loop, first);
}

uint64_t loop_earliest_real_ms(const struct loop *loop)
{
	const struct loop_timer *real = timers_first(&loop->real_timers);
	const struct loop_timer *first = loop->manual ? NULL : timers_first(&loop->timers);
	uint64_t due_ms = real ? real->due_ms : UINT64_MAX;
	uint64_t first_ms;

	if (!first || first->due_ms == UINT64_MAX)
		return due_ms;
	first_ms = first->due_ms - loop->ahead_ms;
	return first_ms < due_ms ? first_ms : due_ms;
}

uint64_t loop_next_real_due_ms(const struct loop *loop)
{
	const struct loop_timer *first = timers_first(&loop->real_timers);

	return first ? first->due_ms : UINT64_MAX;
}

void loop_ring_due(struct loop *loop)
{
	run_due(loop, &loop->real_timers);
	if (!loop->held)
		run_due(loop, &loop->timers);
}
