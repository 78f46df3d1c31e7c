#include "base/io/redial.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

enum {
	FIRST_DELAY_MS = 1000,
	LAST_DELAY_MS = 60 * 1000,
	UNREACHED_DELAY_MS = 1000,
};

struct redial {
	struct loop *loop;
	loop_fn *dial;
	void *arg;
	struct loop_timer *timer;
	uint32_t window_ms;
	uint64_t next_delay_ms;              /* after the next loss; 0: at once */
	bool is_reached;                     /* what was dialled last */
	uint64_t dialled_ms;
	uint32_t connects;
	uint64_t reached;                    /* connects so far */
	uint64_t reached_ms[];               /* when the last ones were dialled, a ring of connects */
};

static void dial_now(void *arg)
{
	struct redial *redial = arg;

	redial->is_reached = false;
	redial->dialled_ms = loop_now_ms(redial->loop);
	redial->dial(redial->arg);
}

struct redial *redial_new(struct loop *loop, uint32_t connects, uint32_t window_ms, loop_fn *dial, void *arg)
{
	struct redial *redial;

	if (connects == 0)
		bug("no connect may be made");
	redial = memory_new(sizeof *redial + connects * sizeof *redial->reached_ms);
	redial->loop = loop;
	redial->connects = connects;
	redial->window_ms = window_ms;
	redial->dial = dial;
	redial->arg = arg;
	redial->timer = loop_timer_new(loop, dial_now, redial);
	return redial;
}

/* The earliest moment from now on at which the window has room for one dial more. */
static uint64_t allowed_ms(const struct redial *redial)
{
	uint64_t now_ms = loop_now_ms(redial->loop);
	uint64_t free_ms = redial->reached < redial->connects ? 0 : redial->reached_ms[redial->reached % redial->connects] + redial->window_ms;

	return free_ms > now_ms ? free_ms : now_ms;
}

void redial_start(struct redial *redial)
{
	uint64_t at_ms = allowed_ms(redial);

	loop_timer_cancel(redial->timer);
	redial->next_delay_ms = 0;
	if (at_ms > loop_now_ms(redial->loop))
		loop_timer_set_at(redial->timer, at_ms);
	else
		dial_now(redial);
}

void redial_reached(struct redial *redial)
{
	if (redial->is_reached)
		return;
	redial->is_reached = true;
	redial->reached_ms[redial->reached++ % redial->connects] = redial->dialled_ms;
}

void redial_lost(struct redial *redial)
{
	uint64_t at_ms = loop_now_ms(redial->loop) + (redial->is_reached ? redial->next_delay_ms : UNREACHED_DELAY_MS);
	uint64_t free_ms = allowed_ms(redial);

	if (redial->is_reached) {
		redial->next_delay_ms = redial->next_delay_ms ? redial->next_delay_ms * 2 : FIRST_DELAY_MS;
		if (redial->next_delay_ms > LAST_DELAY_MS)
			redial->next_delay_ms = LAST_DELAY_MS;
	}
	loop_timer_set_at(redial->timer, at_ms > free_ms ? at_ms : free_ms);
}

void redial_good(struct redial *redial)
{
	redial->next_delay_ms = 0;
}

uint64_t redial_due_ms(const struct redial *redial)
{
	return loop_timer_due_ms(redial->timer);
}

void redial_free(struct redial **redial)
{
	if (!*redial)
		return;
	loop_timer_free(&(*redial)->timer);
	free(*redial);
	*redial = NULL;
}
