#ifndef BRAMBLE_BASE_IO_TIMERS_H
#define BRAMBLE_BASE_IO_TIMERS_H

#include <stddef.h>

#include "base/io/loop.h"

/* The timers of one clock: a binary heap, earliest first, and among equals the one that was set first. For loop.c alone. */
struct timers {
	struct loop_timer **heap;
	size_t count;
	size_t cap;
};

struct loop_timer {
	struct loop *loop;
	struct timers *timers;     /* the clock it runs on */
	loop_fn *fn;
	void *arg;
	uint64_t due_ms;
	uint64_t order;            /* grows with every setting */
	size_t at;                 /* place in the heap + 1; 0: not set */
};

struct loop_timer *timers_first(const struct timers *timers);   /* NULL if none is set */
void timers_add(struct timers *timers, struct loop_timer *timer);
void timers_remove(struct timers *timers, struct loop_timer *timer);
void timers_clear(struct timers *timers);                       /* gives the memory of the heap back */

#endif
