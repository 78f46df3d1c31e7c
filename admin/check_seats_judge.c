/* The seats of all services, once all lines are known. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/check_seats.h"
#include "base/memory.h"
#include "protocol/im.h"

/* How long before the last line of a killed service something may have been committed for it that it never heard of. */
#define UNTOLD_US 1000000u

static bool is_eviction(uint64_t reason)
{
	return reason == IM_REASON_EVICTED_COVERAGE || reason == IM_REASON_EVICTED_SILENT;
}

/* When the next life of a killed service took its place: its seats ended with that at the latest. */
static uint64_t succeeded_us(const struct check_seats *s, const struct seat_service *gone)
{
	uint64_t first = UINT64_MAX;
	const struct seat_service *each, *next;

	HASH_ITER(hh, s->services, each, next) {
		if (each->started_us > gone->started_us && each->started_us < first && strcmp(each->instance, gone->instance) == 0 &&
		    strcmp(each->environment, gone->environment) == 0)
			first = each->started_us;
	}
	return first;
}

static void find_span(const struct check_seats *s, struct seat *seat)
{
	const struct seat_service *service = seat->service;

	seat->sure_to_us = seat->perhaps_to_us = UINT64_MAX;
	if (seat->taken_us) {
		seat->sure_to_us = seat->perhaps_to_us = seat->taken_us;
	} else if (seat->released_us) {
		seat->sure_to_us = seat->released_us;
		seat->perhaps_to_us = seat->freed_us ? seat->freed_us : succeeded_us(s, service);
	} else if (seat->freed_us) {
		seat->sure_to_us = seat->from_us;
		seat->perhaps_to_us = seat->freed_us;
	} else if (seat->over.process) {
		/* The database ended it, by a tool or because the lease ran out, at any time before its service heard. */
		seat->sure_to_us = seat->from_us;
		seat->perhaps_to_us = seat->over.at_us;
	} else if (!check_is_whole(service->process)) {
		seat->sure_to_us = service->process->last_us;
		seat->perhaps_to_us = succeeded_us(s, service);
	}
	if (service->fenced && !seat->taken_us)
		seat->sure_to_us = seat->from_us;
}

/* --- counts ---------------------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
	const struct decision *x = a, *y = b;

	return x->us != y->us ? (x->us > y->us) - (x->us < y->us) : (x->session > y->session) - (x->session < y->session);
}

/* The seats of one environment as sorted lists: of times, and of the seats by PIN and by user. */
struct spans {
	uint64_t *from, *sure_to, *perhaps_to, *evicted;
	size_t count, evicted_count;
	struct seat **by_pin, **by_user;
};

static int by_pin(const void *a, const void *b)
{
	const struct seat *x = *(struct seat *const *)a, *y = *(struct seat *const *)b;

	return (x->pin > y->pin) - (x->pin < y->pin);
}

static int by_user(const void *a, const void *b)
{
	return strcasecmp((*(struct seat *const *)a)->user, (*(struct seat *const *)b)->user);
}

/* How many of the sorted times are before at. */
static size_t before(const uint64_t *times, size_t count, uint64_t at)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (times[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void gather(const struct check_seats *s, const char *environment, struct spans *out)
{
	size_t most = HASH_COUNT(s->seats) + 1;
	struct seat *seat, *next;

	*out = (struct spans){ .from = memory_new(most * sizeof(uint64_t)), .sure_to = memory_new(most * sizeof(uint64_t)),
		.perhaps_to = memory_new(most * sizeof(uint64_t)), .evicted = memory_new(most * sizeof(uint64_t)),
		.by_pin = memory_new(most * sizeof(struct seat *)), .by_user = memory_new(most * sizeof(struct seat *)) };
	HASH_ITER(hh, s->seats, seat, next) {
		if (strcasecmp(seat->service->environment, environment) != 0)
			continue;
		out->from[out->count] = seat->from_us;
		out->sure_to[out->count] = seat->sure_to_us;
		out->perhaps_to[out->count] = seat->perhaps_to_us;
		out->by_pin[out->count] = out->by_user[out->count] = seat;
		out->count++;
		if (seat->taken_us && is_eviction(seat->taken_reason))
			out->evicted[out->evicted_count++] = seat->taken_us;
	}
	qsort(out->from, out->count, sizeof(uint64_t), by_number);
	qsort(out->sure_to, out->count, sizeof(uint64_t), by_number);
	qsort(out->perhaps_to, out->count, sizeof(uint64_t), by_number);
	qsort(out->evicted, out->evicted_count, sizeof(uint64_t), by_number);
	qsort(out->by_pin, out->count, sizeof(struct seat *), by_pin);
	qsort(out->by_user, out->count, sizeof(struct seat *), by_user);
}

static void spans_free(struct spans *spans)
{
	free(spans->from);
	free(spans->sure_to);
	free(spans->perhaps_to);
	free(spans->evicted);
	free(spans->by_pin);
	free(spans->by_user);
}

/* The first of the sorted seats that is not before the key. */
static size_t first_of(struct seat *const *seats, size_t count, const struct seat *key, int (*compare)(const void *, const void *))
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(&seats[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void leave_out(const struct seat *seat, const struct decision *d, uint64_t *sure, uint64_t *perhaps)
{
	if (seat->from_us >= d->us)
		return;
	*sure -= seat->sure_to_us >= d->us;
	*perhaps -= seat->perhaps_to_us >= d->us;
}

/* Those that a login of this PIN or user replaces do not count for it. */
static void leave_replaced_out(const struct spans *spans, const struct decision *d, uint64_t *sure, uint64_t *perhaps)
{
	struct seat key = { .pin = d->pin };

	memcpy(key.user, d->user, sizeof key.user);
	for (size_t i = first_of(spans->by_pin, spans->count, &key, by_pin); i < spans->count && spans->by_pin[i]->pin == d->pin; i++)
		leave_out(spans->by_pin[i], d, sure, perhaps);
	for (size_t i = first_of(spans->by_user, spans->count, &key, by_user);
	     i < spans->count && strcasecmp(spans->by_user[i]->user, d->user) == 0; i++) {
		if (spans->by_user[i]->pin != d->pin)
			leave_out(spans->by_user[i], d, sure, perhaps);
	}
}

static uint64_t evicted_by(const struct spans *spans, const struct decision *d)
{
	return before(spans->evicted, spans->evicted_count, d->us + 1) - before(spans->evicted, spans->evicted_count, d->us);
}

/* A service that was killed, or whose history is full, may have been given seats that it never told of. */
static bool may_be_more(const struct check_seats *s, const char *environment, const struct decision *d)
{
	const struct seat_service *each, *next;

	HASH_ITER(hh, s->services, each, next) {
		if (!check_is_whole(each->process) && strcasecmp(each->environment, environment) == 0 && d->us + UNTOLD_US >= each->process->last_us &&
		    d->us <= succeeded_us(s, each))
			return true;
	}
	return false;
}

static void judge_decision(struct check *c, const char *environment, const struct spans *spans, const struct decision *d)
{
	size_t begun = before(spans->from, spans->count, d->us);
	uint64_t sure = begun - before(spans->sure_to, spans->count, d->us), perhaps = begun - before(spans->perhaps_to, spans->count, d->us);
	uint64_t most = d->max && d->max < d->capacity ? d->max : d->capacity, after;

	leave_replaced_out(spans, d, &sure, &perhaps);
	after = sure - evicted_by(spans, d) + 1;
	if (d->session && after > most)
		check_violated(c->report, RULE_LIMIT, d->place, (struct check_place){ 0 }, "session %u is one of %" PRIu64
			" at its commit, and at most %" PRIu64 " may live", d->session, after, most);
	else if (d->live > perhaps && may_be_more(c->seats, environment, d))
		check_unknown(c->report, RULE_LIMIT, "decided while a service had been killed, or its history was full", 1);
	else if (d->live < sure || d->live > perhaps)
		check_violated(c->report, RULE_LIMIT, d->place, (struct check_place){ 0 }, "the transaction read live=%" PRIu64
			", and by the histories %" PRIu64 " to %" PRIu64 " sessions lived", d->live, sure, perhaps);
	else
		check_good(c->report, RULE_LIMIT, 1);
}

static void judge_limits(struct check *c, const char *environment)
{
	const struct check_seats *s = c->seats;
	struct spans spans;

	gather(s, environment, &spans);
	for (size_t i = 0; i < s->decision_count; i++) {
		const struct seat_service *service;

		HASH_FIND_PTR(s->services, &s->decisions[i].place.process, service);
		if (service && strcasecmp(service->environment, environment) == 0)
			judge_decision(c, environment, &spans, &s->decisions[i]);
	}
	spans_free(&spans);
}

static void judge_environments(struct check *c)
{
	const struct seat_service *each, *next, *other, *next_other;

	if (c->seats->decision_count)
		qsort(c->seats->decisions, c->seats->decision_count, sizeof *c->seats->decisions, by_time);
	HASH_ITER(hh, c->seats->services, each, next) {
		bool first = each->started_us != 0;

		/* Once for each name. */
		HASH_ITER(hh, c->seats->services, other, next_other) {
			if (other == each)
				break;
			first = first && strcasecmp(other->environment, each->environment) != 0;
		}
		if (first)
			judge_limits(c, each->environment);
	}
}

/* --- each seat --------------------------------------------------------------------------------------------------------------- */

/* Could the database have had the mark at that time? Only if it was asked for, and was not surely taken back since. */
static bool may_be_marked(const struct seat *seat, uint64_t at_us)
{
	for (const struct seat_mark *mark = seat->marks; mark; mark = mark->before) {
		if (mark->reason && mark->asked_us <= at_us)
			return true;
		if (!mark->reason && mark->done_us && mark->done_us <= at_us)
			return false;
	}
	return false;
}

static void judge_eviction(struct check *c, const struct seat *seat)
{
	if (!seat->taken_us || !is_eviction(seat->taken_reason))
		return;
	if (!c->comparable)
		check_unknown(c->report, RULE_EVICTIONS, "by services whose clocks cannot be compared", 1);
	else if (may_be_marked(seat, seat->taken_us))
		check_good(c->report, RULE_EVICTIONS, 1);
	else if (!check_is_whole(seat->service->process) && seat->service->process->last_us < seat->taken_us)
		check_unknown(c->report, RULE_EVICTIONS, "of sessions whose service was killed, or whose history is cut", 1);
	else
		check_violated(c->report, RULE_EVICTIONS, seat->taken, seat->admitted, "session %u made way as %s, and was not marked", seat->session,
			im_reason_name((uint32_t)seat->taken_reason));
}

static void judge_seat(struct check *c, const struct seat *seat)
{
	const struct check_process *process = seat->service->process;

	if (!check_is_whole(process)) {
		if (!seat->over.process)
			check_unknown(c->report, RULE_SEATS, "held when the history of their service stops: killed, or cut", 1);
		return;
	}
	if (!seat->over.process)
		check_violated(c->report, RULE_SEATS, seat->admitted, (struct check_place){ 0 },
			"session %u has no end, and its service ended", seat->session);
	else if (seat->released_us && !seat->freed_us)
		check_violated(c->report, RULE_SEATS, seat->over, seat->admitted, "the seat of session %u was never given back", seat->session);
	else if (seat->connected)
		check_violated(c->report, RULE_SEATS, seat->over, seat->admitted, "the connection of session %u was never closed", seat->session);
	else
		check_good(c->report, RULE_SEATS, 1);
}

void check_seats_judge(struct check *c)
{
	struct seat *seat, *next;

	if (!c->seats)
		return;
	HASH_ITER(hh, c->seats->seats, seat, next) {
		find_span(c->seats, seat);
		judge_seat(c, seat);
		judge_eviction(c, seat);
	}
	if (c->comparable)
		judge_environments(c);
	else
		check_unknown(c->report, RULE_LIMIT, "decided by services whose clocks cannot be compared", c->seats->decision_count);
}
