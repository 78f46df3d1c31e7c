#include "protocol/replay.h"

#define WINDOW_BITS 64
#define RESUME_JUMP_MAX (1u << 20)

/* Both sides ask for more when half of what was committed ahead is used. */
static uint32_t ceiling_above(uint32_t used, uint32_t committed)
{
	uint32_t wanted = used > UINT32_MAX - REPLAY_AHEAD ? UINT32_MAX : used + REPLAY_AHEAD;

	if (used < committed && committed - used > REPLAY_AHEAD / 2)
		return 0;
	return wanted > committed ? wanted : 0;
}

void replay_start(struct replay_window *w, uint32_t committed)
{
	*w = (struct replay_window){ .base = committed, .highest = committed, .committed = committed };
}

enum replay_verdict replay_check(const struct replay_window *w, uint32_t id)
{
	if (id == 0)
		return REPLAY_DUPLICATE;   /* ids count from 1: nobody seals under it */
	if (id <= w->base)
		return REPLAY_RESUME;
	if (id > w->committed)
		return REPLAY_COMMIT_FIRST;
	if (id > w->highest)
		return REPLAY_NEW;
	if (w->highest - id >= WINDOW_BITS)
		return REPLAY_DUPLICATE;
	return w->seen >> (w->highest - id) & 1 ? REPLAY_DUPLICATE : REPLAY_NEW;
}

void replay_accept(struct replay_window *w, uint32_t id)
{
	if (id > w->highest) {
		uint32_t ahead = id - w->highest;

		w->seen = ahead < WINDOW_BITS ? w->seen << ahead : 0;
		w->highest = id;
	}
	if (w->highest - id < WINDOW_BITS)
		w->seen |= UINT64_C(1) << (w->highest - id);
}

uint32_t replay_wanted_ceiling(const struct replay_window *w, uint32_t id)
{
	return ceiling_above(id > w->highest ? id : w->highest, w->committed);
}

void replay_committed(struct replay_window *w, uint32_t ceiling)
{
	if (ceiling > w->committed)
		w->committed = ceiling;
}

/* next is 0 once the last id was taken: a key is then used up for good. */
void replay_counter_start(struct replay_counter *c, uint32_t committed)
{
	*c = (struct replay_counter){ .next = committed + 1, .committed = committed };
}

bool replay_counter_take(struct replay_counter *c, uint32_t *id)
{
	if (c->next == 0 || c->next > c->committed)
		return false;
	*id = c->next++;
	return true;
}

uint32_t replay_counter_wanted(const struct replay_counter *c)
{
	return c->next == 0 ? 0 : ceiling_above(c->next - 1, c->committed);
}

void replay_counter_committed(struct replay_counter *c, uint32_t ceiling)
{
	if (ceiling > c->committed)
		c->committed = ceiling;
}

bool replay_counter_resume(struct replay_counter *c, uint32_t at)
{
	if (c->next == 0 || at < c->next)
		return true;
	if (at - (c->next - 1) > RESUME_JUMP_MAX)
		return false;
	c->next = at + 1;
	return true;
}
