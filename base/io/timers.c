#include "base/io/timers.h"

#include <stdlib.h>

#include "base/memory.h"

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void place(struct timers *timers, size_t at, struct loop_timer *timer)
{
	timers->heap[at] = timer;
	timer->at = at + 1;
}

static void move_up(struct timers *timers, size_t at, struct loop_timer *timer)
{
	while (at > 0 && earlier(timer, timers->heap[(at - 1) / 2])) {
		place(timers, at, timers->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(timers, at, timer);
}

static void move_down(struct timers *timers, size_t at, struct loop_timer *timer)
{
	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= timers->count)
			break;
		if (child + 1 < timers->count && earlier(timers->heap[child + 1], timers->heap[child]))
			child++;
		if (!earlier(timers->heap[child], timer))
			break;
		place(timers, at, timers->heap[child]);
		at = child;
	}
	place(timers, at, timer);
}

struct loop_timer *timers_first(const struct timers *timers)
{
	return timers->count ? timers->heap[0] : NULL;
}

void timers_add(struct timers *timers, struct loop_timer *timer)
{
	if (timers->count == timers->cap) {
		timers->cap = timers->cap ? timers->cap * 2 : 16;
		timers->heap = memory_resize(timers->heap, timers->cap * sizeof(struct loop_timer *));
	}
	move_up(timers, timers->count++, timer);
}

void timers_remove(struct timers *timers, struct loop_timer *timer)
{
	size_t at = timer->at - 1;
	struct loop_timer *last = timers->heap[--timers->count];

	timer->at = 0;
	if (last == timer)
		return;
	if (at > 0 && earlier(last, timers->heap[(at - 1) / 2]))
		move_up(timers, at, last);
	else
		move_down(timers, at, last);
}

void timers_clear(struct timers *timers)
{
	free(timers->heap);
	*timers = (struct timers){ 0 };
}
