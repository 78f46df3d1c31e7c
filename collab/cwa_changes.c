#include "collab/cwa_changes.h"

#include <stdint.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"

struct cwa_changes {
	struct communicator *m;
	struct cwa_change *list;         /* the first is being made */
	unsigned count;
	uint32_t last_serial;
	struct loop_timer *event;
};

static void finish(struct cwa_changes *c, const struct cwa_refusal *refusal)
{
	struct cwa_change *change = c->list;
	uint32_t ref = change->ref;

	DL_DELETE(c->list, change);
	c->count--;
	loop_timer_cancel(c->event);
	change->kind->free(change);
	communicator_done(c->m, ref, refusal);
}

static void replied(void *ctx, void *arg, const struct cwa_reply *reply);

static void take_step(struct cwa_changes *c, unsigned step)
{
	struct cwa_change *change = c->list;
	struct cwa_command *command = change->kind->command(change, step);

	change->step = step;
	change->taken |= step;
	change->serial = ++c->last_serial;
	change->answered = change->waited = false;
	if (!cwa_channel_send(c->m->channel, &command, true, replied, (void *)(uintptr_t)change->serial))
		finish(c, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
}

/* false: the step that is under way has not come true. */
static bool go_on(struct cwa_changes *c)
{
	struct cwa_change *change = c->list;
	struct cwa_refusal refusal = { .code = IM_OK };
	unsigned step = change->kind->missing(change, &refusal);

	if (step && step == change->step && !change->waited) {
		if (change->answered && !loop_timer_is_set(c->event))
			loop_timer_set(c->event, CWA_CHANGE_EVENT_MS);
		return false;
	}
	loop_timer_cancel(c->event);
	/* No step is taken twice, whatever another client has done meanwhile. */
	if (step && step == change->step && step & change->kind->last_steps)
		step = 0;
	else if (step && step == change->step)
		refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "the IM server does not say what became of it");
	else if (step & change->taken)
		refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "it was changed elsewhere at the same time");
	if (step && refusal.code == IM_OK)
		take_step(c, step);
	else
		finish(c, &refusal);
	return true;
}

void cwa_changes_look(struct cwa_changes *c)
{
	while (c->list && go_on(c))
		continue;
}

static void replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct communicator *m = ctx;
	struct cwa_changes *c = m->changes;
	struct cwa_change *change = c->list;

	/* It may have come true before. */
	if (!change || change->serial != (uint32_t)(uintptr_t)arg)
		return;
	if (reply->refusal.code == IM_OK || change->step & change->kind->needless_steps)
		change->answered = true;
	else
		finish(c, &reply->refusal);
	cwa_changes_look(c);
}

static void no_event(void *arg)
{
	struct cwa_changes *c = arg;

	if (c->list)
		c->list->waited = true;
	cwa_changes_look(c);
}

void cwa_changes_add(struct cwa_changes *c, struct cwa_change *change)
{
	if (c->count == CWA_CHANGES_MAX) {
		c->m->events.done(c->m->ctx, change->ref, IM_BACKEND_REFUSED, "too many changes wait for the IM server");
		change->kind->free(change);
		return;
	}
	change->m = c->m;
	DL_APPEND(c->list, change);
	if (++c->count == 1)
		cwa_changes_look(c);
}

struct cwa_changes *cwa_changes_new(struct communicator *m)
{
	struct cwa_changes *c = memory_new(sizeof *c);

	c->m = m;
	c->event = loop_timer_new(m->loop, no_event, c);
	return c;
}

void cwa_changes_free(struct cwa_changes **changes)
{
	struct cwa_changes *c = *changes;
	struct cwa_change *change, *next;

	if (!c)
		return;
	*changes = NULL;
	DL_FOREACH_SAFE(c->list, change, next)
		change->kind->free(change);
	loop_timer_free(&c->event);
	free(c);
}
