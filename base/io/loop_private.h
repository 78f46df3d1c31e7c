#ifndef BRAMBLE_BASE_IO_LOOP_PRIVATE_H
#define BRAMBLE_BASE_IO_LOOP_PRIVATE_H

#include <event2/event_struct.h>

#include "base/io/loop.h"
#include "base/io/timers.h"

/* What loop.c, loop_clock.c and simulated.c share; nobody else includes it. */

struct loop_watch {
	struct event read;
	struct event *write;           /* made when first wanted: most watches only ever read */
	struct loop *loop;
	loop_ready_fn *fn;
	void *arg;
	int fd;
	int wants;
	struct loop_watch *prev, *next;
};

struct loop {
	struct event_base *base;
	struct timers timers;          /* on the loop's clock */
	struct timers real_timers;
	uint64_t timer_order;
	bool manual;
	bool held;                     /* no timer of the manual clock rings until it is advanced */
	uint64_t manual_now_ms;
	uint64_t ahead_ms;             /* of the real clock, modulo 2^64, when the clock runs: it may have stood before */

	/* One timerfd for the earliest timer. libevent's own timers count in CLOCK_MONOTONIC_COARSE, up to 4 ms early. */
	int alarm_fd;
	struct event alarm;
	uint64_t alarm_ms;             /* when it will ring; UINT64_MAX: not set */

	struct loop_task *tasks;
	struct loop_task **tasks_end;
	struct signal_watch *signals;
	uint64_t activity;
	bool is_dead;
	struct loop_work work;
	struct loop_task *idle_tasks;
	struct loop_hook *hooks;
	struct loop_hook *send_hooks;
	unsigned busy, awaits;
	unsigned dials;
	unsigned timer_count;
	unsigned watch_count;
	struct loop_watch *watches;
	bool in_round;
	bool stopped;
	uint8_t *scratch;
};

/* simulated.c: there are others, and they go on (true: one of them had something to do). */
bool loop_are_others(void);
bool loop_turn_others(const struct loop *loop);

/* loop_clock.c: rings what is due on both clocks; the real time at which the next timer of either is due. */
void loop_ring_due(struct loop *loop);
uint64_t loop_earliest_real_ms(const struct loop *loop);

#endif
