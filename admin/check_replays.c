/* Rule replay: a message id is opened once for each key and direction, whichever process opens it and however often one is restarted. */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/memory.h"

enum { WINDOW = 64 };

struct counter_key { uint32_t pin, serial, down; };

struct counter {
	struct counter_key key;
	uint32_t newest;
	uint64_t bits;                /* bit i: newest - i was opened */
	struct check_place last;
	UT_hash_handle hh;
};

struct check_replays {
	struct counter *counters;
	uint64_t refused;
};

static struct check_replays *state(struct check *c)
{
	if (!c->replays)
		c->replays = memory_new(sizeof *c->replays);
	return c->replays;
}

static struct counter *counter_of(struct check *c, const struct check_entry *e)
{
	struct counter_key key = { e->pin, (uint32_t)check_number(e, "key"), strcmp(e->process->name, "dispatcher") != 0 };
	struct counter *counter;

	HASH_FIND(hh, state(c)->counters, &key, sizeof key, counter);
	if (!counter) {
		counter = memory_new(sizeof *counter);
		counter->key = key;
		HASH_ADD(hh, c->replays->counters, key, sizeof counter->key, counter);
	}
	return counter;
}

static void take_opened(struct check *c, const struct check_entry *e)
{
	struct counter *counter = counter_of(c, e);
	uint32_t id = e->transaction, ahead = id - counter->newest, back = counter->newest - id;

	if (id > counter->newest) {
		counter->bits = (ahead >= WINDOW ? 0 : counter->bits << ahead) | 1;
		counter->newest = id;
		check_good(c->report, RULE_REPLAY, 1);
	} else if (back >= WINDOW || counter->bits >> back & 1) {
		check_violated(c->report, RULE_REPLAY, check_place(e), counter->last, "message id %u of PIN %08X and key %u was opened %s", id, e->pin,
			counter->key.serial, back >= WINDOW ? "and is too old to be new" : "a second time");
	} else {
		counter->bits |= UINT64_C(1) << back;
		check_good(c->report, RULE_REPLAY, 1);
	}
	counter->last = check_place(e);
}

static void take(struct check *c, const struct check_entry *e)
{
	if (e->event == EVENT_OPENED)
		take_opened(c, e);
	else if (e->event == EVENT_REPLAYED)
		check_good(c->report, RULE_REPLAY, 1);        /* it came again and was not opened */
}

static void finish(struct check *c)
{
	(void)c;
}

static void free_all(struct check *c)
{
	struct counter *counter, *next;

	if (!c->replays)
		return;
	HASH_ITER(hh, c->replays->counters, counter, next) {
		HASH_DEL(c->replays->counters, counter);
		free(counter);
	}
	free(c->replays);
	c->replays = NULL;
}

const struct check_rule_set check_replays = { take, finish, free_all };
