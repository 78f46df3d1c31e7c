/* Rule rest: a mark whose name begins with "rest" is compared with the last of the same process whose name begins with "base". */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/memory.h"

/* What stays after work: tables that have grown, compiled statements, sessions of TLS that may be resumed. Source: ours. */
#define MEMORY_SLACK 1048576u

/* With a web server there may be fewer descriptors: a connection that was kept for the next request has ended since. */
enum { DESCRIPTORS };
static const char *const exact[] = { [DESCRIPTORS] = "descriptors", "timers", "watches", "sessions", "connections", "logins", "releasing", "waiting",
	"unanswered", NULL };

struct base {
	const struct check_process *process;
	uint64_t values[sizeof exact / sizeof *exact], memory;
	struct check_place place;
	UT_hash_handle hh;
};

struct check_rest {
	struct base *bases;
};

static void keep_base(struct check *c, const struct check_entry *e, struct base *base)
{
	if (!base) {
		base = memory_new(sizeof *base);
		base->process = e->process;
		HASH_ADD_PTR(c->rest->bases, process, base);
	}
	for (size_t i = 0; exact[i]; i++)
		base->values[i] = check_number(e, exact[i]);
	base->memory = check_number(e, "memory");
	base->place = check_place(e);
}

static void compare(struct check *c, const struct check_entry *e, const struct base *base)
{
	uint64_t memory = check_number(e, "memory");

	if (!base) {
		check_unknown(c->report, RULE_REST, "at rest without a base to compare with", 1);
		return;
	}
	for (size_t i = 0; exact[i]; i++) {
		uint64_t now = check_number(e, exact[i]);

		bool may_be_fewer = i == DESCRIPTORS && check_has(c, "cwa");

		if (may_be_fewer ? now > base->values[i] : now != base->values[i])
			check_violated(c->report, RULE_REST, check_place(e), base->place, "%s of %s: %" PRIu64 " at rest, %" PRIu64 " before", exact[i],
				e->process->name, now, base->values[i]);
		else
			check_good(c->report, RULE_REST, 1);
	}
	if (memory > base->memory + MEMORY_SLACK)
		check_violated(c->report, RULE_REST, check_place(e), base->place, "memory of %s: %" PRIu64 " bytes at rest, %" PRIu64 " before, and "
			"%u are tolerated", e->process->name, memory, base->memory, MEMORY_SLACK);
	else
		check_good(c->report, RULE_REST, 1);
}

static void take(struct check *c, const struct check_entry *e)
{
	struct base *base;
	char name[64];

	if (e->event != EVENT_HISTORY_MARK)
		return;
	if (!c->rest)
		c->rest = memory_new(sizeof *c->rest);
	check_value(e, "name", name, sizeof name);
	HASH_FIND_PTR(c->rest->bases, &e->process, base);
	if (strncmp(name, "base", 4) == 0)
		keep_base(c, e, base);
	else if (strncmp(name, "rest", 4) == 0)
		compare(c, e, base);
}

static void finish(struct check *c)
{
	(void)c;
}

static void free_all(struct check *c)
{
	struct base *base, *next;

	if (!c->rest)
		return;
	HASH_ITER(hh, c->rest->bases, base, next) {
		HASH_DEL(c->rest->bases, base);
		free(base);
	}
	free(c->rest);
	c->rest = NULL;
}

const struct check_rule_set check_rest = { take, finish, free_all };
