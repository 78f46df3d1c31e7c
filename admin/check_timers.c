/* Rule timers: on the service's clock a session is marked as silent, and ended as inactive, within the second from its timeout on. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_rules.h"
#include "base/memory.h"
#include "protocol/im.h"

#define LATE_MS 1000
/* A clock that runs by itself goes on while its process waits for the machine. Late is then only what comes after another line of it, by so much. */
#define AWAKE_MS 200

enum { CLOCKS_KEPT = 256 };

/* What the service has read of its environment last. */
struct service {
	const struct check_process *process;
	uint64_t idle_ms, inactivity_ms, changed_ms;
	uint64_t clocks[CLOCKS_KEPT];        /* of its last lines */
	unsigned next_clock;
	UT_hash_handle hh;
};

struct timed_key { const struct check_process *process; uint32_t session; };

struct timed {
	struct timed_key key;
	uint64_t seen_ms, active_ms, back_ms, started_ms;
	struct check_place seen, active;
	bool is_gone, wanted, late_told;
	UT_hash_handle hh;
};

struct check_timers {
	struct service *services;
	struct timed *sessions;
};

static struct check_timers *state(struct check *c)
{
	if (!c->timers)
		c->timers = memory_new(sizeof *c->timers);
	return c->timers;
}

static struct service *service_of(struct check *c, const struct check_process *process)
{
	struct service *s;

	HASH_FIND_PTR(state(c)->services, &process, s);
	if (!s) {
		s = memory_new(sizeof *s);
		s->process = process;
		HASH_ADD_PTR(c->timers->services, process, s);
	}
	return s;
}

static struct timed *find(struct check *c, const struct check_process *process, uint64_t session)
{
	struct timed_key key;
	struct timed *t;

	memset(&key, 0, sizeof key);
	key.process = process;
	key.session = (uint32_t)session;
	HASH_FIND(hh, state(c)->sessions, &key, sizeof key, t);
	return t;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* When the timeout strikes at the latest: its time, or when it began to count, and a second. */
static uint64_t silent_by(const struct service *s, const struct timed *t)
{
	return later(later(t->seen_ms + s->idle_ms, s->changed_ms), later(t->back_ms, t->started_ms)) + LATE_MS;
}

static uint64_t inactive_by(const struct service *s, const struct timed *t)
{
	return later(later(t->active_ms + s->inactivity_ms, s->changed_ms), t->started_ms) + LATE_MS;
}

/* Is now too late for what was to strike by then? */
static bool is_late(const struct service *s, uint64_t by_ms, uint64_t now_ms)
{
	if (now_ms <= by_ms || s->process->manual)
		return now_ms > by_ms;
	for (size_t i = 0; i < CLOCKS_KEPT; i++) {
		if (s->clocks[i] > by_ms && s->clocks[i] + AWAKE_MS < now_ms)
			return true;
	}
	return false;
}

/* Struck after its second, by a process that may have had no chance before: neither kept nor violated. */
static bool is_excused(struct check *c, uint64_t by_ms, uint64_t now_ms)
{
	if (now_ms <= by_ms)
		return false;
	check_unknown(c->report, RULE_TIMERS, "struck late by a process that may have waited for the machine", 1);
	return true;
}

/* What should have happened by now and has not. */
static void check_late(struct check *c, const struct service *s, struct timed *t, const struct check_entry *e)
{
	if (t->late_told)
		return;
	if (s->inactivity_ms && is_late(s, inactive_by(s, t), e->clock_ms)) {
		t->late_told = true;
		check_violated(c->report, RULE_TIMERS, check_place(e), t->active, "session %u was last active at %" PRIu64
			" ms and goes on at %" PRIu64 " ms; its inactivity timeout is %" PRIu64 " ms", t->key.session, t->active_ms, e->clock_ms,
			s->inactivity_ms);
	} else if (s->idle_ms && !t->wanted && !t->is_gone && is_late(s, silent_by(s, t), e->clock_ms)) {
		t->late_told = true;
		check_violated(c->report, RULE_TIMERS, check_place(e), t->seen, "session %u was last heard of at %" PRIu64
			" ms and is not marked at %" PRIu64 " ms; its idle timeout is %" PRIu64 " ms", t->key.session, t->seen_ms, e->clock_ms,
			s->idle_ms);
	}
}

static void take_answer(struct check *c, const struct check_entry *e)
{
	struct timed *t;
	uint64_t session = check_number(e, "session");

	if (check_number(e, "code") != 0 || !session || find(c, e->process, session))
		return;
	t = memory_new(sizeof *t);
	t->key.process = e->process;
	t->key.session = (uint32_t)session;
	t->seen_ms = t->active_ms = t->started_ms = e->clock_ms;
	t->seen = t->active = check_place(e);
	HASH_ADD(hh, c->timers->sessions, key, sizeof t->key, t);
}

static void take_traffic(struct check *c, struct timed *t, const struct check_entry *e)
{
	check_late(c, service_of(c, e->process), t, e);
	t->seen_ms = e->clock_ms;
	t->seen = check_place(e);
	t->wanted = false;
	if (check_number(e, "action")) {
		t->active_ms = e->clock_ms;
		t->active = check_place(e);
	}
	if (check_number(e, "action") && check_number(e, "type") == IM_STATUS)
		check_violated(c->report, RULE_TIMERS, check_place(e), (struct check_place){ 0 },
			"a status message of session %u counted as the user's", t->key.session);
}

static void take_wanted(struct check *c, struct timed *t, const struct check_entry *e)
{
	const struct service *s = service_of(c, e->process);

	t->wanted = true;
	if (check_number(e, "reason") == IM_REASON_EVICTED_COVERAGE)
		return;
	if (!s->idle_ms || e->clock_ms < t->seen_ms + s->idle_ms)
		check_violated(c->report, RULE_TIMERS, check_place(e), t->seen, "session %u was last heard of at %" PRIu64
			" ms and is called silent at %" PRIu64 " ms: too early, its idle timeout is %" PRIu64 " ms", t->key.session, t->seen_ms,
			e->clock_ms, s->idle_ms);
	else if (is_late(s, silent_by(s, t), e->clock_ms))
		check_violated(c->report, RULE_TIMERS, check_place(e), t->seen, "session %u was last heard of at %" PRIu64
			" ms and is called silent at %" PRIu64 " ms: too late, its idle timeout is %" PRIu64 " ms", t->key.session, t->seen_ms,
			e->clock_ms, s->idle_ms);
	else if (!is_excused(c, silent_by(s, t), e->clock_ms))
		check_good(c->report, RULE_TIMERS, 1);
}

static void take_end(struct check *c, struct timed *t, const struct check_entry *e)
{
	const struct service *s = service_of(c, e->process);

	if (check_number(e, "reason") != IM_REASON_INACTIVE) {
		check_late(c, s, t, e);
	} else if (!s->inactivity_ms || e->clock_ms < t->active_ms + s->inactivity_ms) {
		check_violated(c->report, RULE_TIMERS, check_place(e), t->active, "session %u was last active at %" PRIu64
			" ms and is ended as inactive at %" PRIu64 " ms: too early, its inactivity timeout is %" PRIu64 " ms", t->key.session,
			t->active_ms, e->clock_ms, s->inactivity_ms);
	} else if (is_late(s, inactive_by(s, t), e->clock_ms)) {
		check_violated(c->report, RULE_TIMERS, check_place(e), t->active, "session %u was last active at %" PRIu64
			" ms and is ended as inactive at %" PRIu64 " ms: too late, its inactivity timeout is %" PRIu64 " ms", t->key.session,
			t->active_ms, e->clock_ms, s->inactivity_ms);
	} else if (!is_excused(c, inactive_by(s, t), e->clock_ms)) {
		check_good(c->report, RULE_TIMERS, 1);
	}
	HASH_DEL(c->timers->sessions, t);
	free(t);
}

static void take_coverage(struct timed *t, const struct check_entry *e)
{
	char what[8];

	t->is_gone = strcmp(check_value(e, "what", what, sizeof what), "gone") == 0;
	if (!t->is_gone) {
		t->back_ms = e->clock_ms;
		t->wanted = false;
	}
}

static void take_limits(struct check *c, const struct check_entry *e)
{
	struct service *s = service_of(c, e->process);
	struct timed *t, *next;

	HASH_ITER(hh, state(c)->sessions, t, next) {
		if (t->key.process == e->process)
			check_late(c, s, t, e);
	}
	s->idle_ms = check_number(e, "idle_ms");
	s->inactivity_ms = check_number(e, "inactivity_ms");
	s->changed_ms = e->clock_ms;
}

static void take_mark(struct check *c, const struct check_entry *e)
{
	const struct service *s = service_of(c, e->process);
	struct timed *t, *next;

	HASH_ITER(hh, state(c)->sessions, t, next) {
		if (t->key.process == e->process)
			check_late(c, s, t, e);
	}
}

/* After it was judged by the lines before it. */
static void keep_clock(struct check *c, const struct check_entry *e)
{
	struct service *s;

	HASH_FIND_PTR(state(c)->services, &e->process, s);
	if (s)
		s->clocks[s->next_clock++ % CLOCKS_KEPT] = e->clock_ms;
}

static void take_line(struct check *c, const struct check_entry *e)
{
	struct timed *t;

	if (e->event == EVENT_ANSWER)
		take_answer(c, e);
	else if (e->event == EVENT_LIMITS)
		take_limits(c, e);
	else if (e->event == EVENT_HISTORY_MARK)
		take_mark(c, e);
	if (!check_number(e, "session") || !(t = find(c, e->process, check_number(e, "session"))))
		return;
	switch (e->event) {
	case EVENT_IM_TAKEN:
	case EVENT_IM_AGAIN:
		take_traffic(c, t, e);
		break;
	case EVENT_SESSION_COVERAGE:
		take_coverage(t, e);
		break;
	case EVENT_MARK_WANTED:
		take_wanted(c, t, e);
		break;
	case EVENT_MARK_UNWANTED:
		t->wanted = false;
		break;
	case EVENT_SESSION_END:
	case EVENT_SESSION_EVICT:
		take_end(c, t, e);
		break;
	default:
		break;
	}
}

static void take(struct check *c, const struct check_entry *e)
{
	take_line(c, e);
	keep_clock(c, e);
}

static void finish(struct check *c)
{
	(void)c;
}

static void free_all(struct check *c)
{
	struct service *s, *next_service;
	struct timed *t, *next;

	if (!c->timers)
		return;
	HASH_ITER(hh, c->timers->sessions, t, next) {
		HASH_DEL(c->timers->sessions, t);
		free(t);
	}
	HASH_ITER(hh, c->timers->services, s, next_service) {
		HASH_DEL(c->timers->services, s);
		free(s);
	}
	free(c->timers);
	c->timers = NULL;
}

const struct check_rule_set check_timers = { take, finish, free_all };
