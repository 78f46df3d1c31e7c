#include "dispatcher/intake.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/memory.h"

/* All ours. */
#define TURN 8                   /* items at a time, and then others have their turn */
#define TOGETHER 4               /* of one device, wherever they stand in the queue */
#define BYTES_HIGH 4194304u      /* from here on routers are not read from, */
#define BYTES_LOW 1048576u       /* until so little is left */

struct intake_item {
	struct intake_item *prev, *next;
	struct intake_item *later;       /* the next envelope of the same device */
	UT_hash_handle hh;               /* of each device's last envelope */
	bool is_mark;
	uint32_t number;         /* PIN, or nonce */
	unsigned router;         /* of a mark */
	size_t len;
	uint8_t gme[];
};

struct intake {
	struct loop *loop;
	struct intake_callbacks callbacks;
	void *ctx;
	struct loop_task turn;
	struct intake_item *items;
	struct intake_item *last_of;     /* by PIN: each device's last */
	size_t count, bytes;
	bool rests, is_full;
};

static void tell_full(struct intake *i)
{
	bool is_full = i->bytes > (i->is_full ? BYTES_LOW : BYTES_HIGH);

	if (is_full == i->is_full)
		return;
	i->is_full = is_full;
	i->callbacks.full(i->ctx, is_full);
}

static void follow(struct intake *i, struct intake_item *item)
{
	struct intake_item *before;

	HASH_REPLACE(hh, i->last_of, number, sizeof item->number, item, before);
	if (before)
		before->later = item;
}

static void add(struct intake *i, const struct intake_item *what, struct bytes gme)
{
	struct intake_item *item = memory_new(sizeof *item + gme.len);

	*item = *what;
	item->len = gme.len;
	if (gme.len)
		memcpy(item->gme, gme.data, gme.len);
	DL_APPEND(i->items, item);
	if (!item->is_mark)
		follow(i, item);
	i->count += !item->is_mark;
	i->bytes += sizeof *item + gme.len;
	if (!i->rests)
		loop_defer(i->loop, &i->turn);
	tell_full(i);
}

static void drop(struct intake *i, struct intake_item *item)
{
	i->count -= !item->is_mark;
	i->bytes -= sizeof *item + item->len;
	free(item);
}

static void hand_out(struct intake *i, struct intake_item *item)
{
	DL_DELETE(i->items, item);
	if (item->is_mark) {
		i->callbacks.mark(i->ctx, item->router, item->number);
	} else {
		if (!item->later)
			HASH_DEL(i->last_of, item);
		i->callbacks.envelope(i->ctx, item->number, bytes_of(item->gme, item->len));
	}
	drop(i, item);
}

static void take_turn(void *arg)
{
	struct intake *i = arg;

	for (unsigned n = 0; n < TURN && i->items && !i->rests;) {
		struct intake_item *item = i->items;

		for (unsigned together = 0; item && together < TOGETHER && !i->rests; together++, n++) {
			struct intake_item *later = item->later;

			hand_out(i, item);
			item = later;
		}
	}
	if (i->items && !i->rests)
		loop_defer(i->loop, &i->turn);
	tell_full(i);
}

void intake_envelope(struct intake *i, uint32_t pin, struct bytes gme)
{
	add(i, &(struct intake_item){ .number = pin }, gme);
}

void intake_mark(struct intake *i, unsigned router, uint32_t nonce)
{
	add(i, &(struct intake_item){ .is_mark = true, .router = router, .number = nonce }, (struct bytes){ 0 });
}

void intake_router_lost(struct intake *i, unsigned router)
{
	struct intake_item *item, *next;

	DL_FOREACH_SAFE(i->items, item, next) {
		if (!item->is_mark || item->router != router)
			continue;
		DL_DELETE(i->items, item);
		drop(i, item);
	}
	tell_full(i);
}

void intake_rest(struct intake *i, bool rests)
{
	i->rests = rests;
	if (!rests && i->items)
		loop_defer(i->loop, &i->turn);
}

size_t intake_count(const struct intake *i)
{
	return i->count;
}

struct intake *intake_new(struct loop *loop, const struct intake_callbacks *callbacks, void *ctx)
{
	struct intake *i = memory_new(sizeof *i);

	i->loop = loop;
	i->callbacks = *callbacks;
	i->ctx = ctx;
	i->turn = (struct loop_task){ .fn = take_turn, .arg = i };
	return i;
}

void intake_free(struct intake **intake)
{
	struct intake *i = *intake;
	struct intake_item *item, *next;

	if (!i)
		return;
	*intake = NULL;
	loop_drop(i->loop, &i->turn);
	HASH_CLEAR(hh, i->last_of);
	DL_FOREACH_SAFE(i->items, item, next)
		free(item);
	free(i);
}
