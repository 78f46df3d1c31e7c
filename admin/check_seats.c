/* Rules limit, seats and evictions. What was committed when is known to lie between two lines of a history: when a service asked, and when
 * it heard. So each seat is held for certain during one span and perhaps during a longer one, and what the transactions read must lie
 * between the two counts. All is judged at the end: what a line says may have been committed before what lines above it say. */
#include "admin/check_seats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/im.h"

/* --- what was seen -------------------------------------------------------------------------------------------------------------- */

static struct check_seats *state(struct check *c)
{
	if (!c->seats)
		c->seats = memory_new(sizeof *c->seats);
	return c->seats;
}

static struct seat_service *service_of(struct check *c, const struct check_process *process)
{
	struct seat_service *s;

	HASH_FIND_PTR(state(c)->services, &process, s);
	if (!s) {
		s = memory_new(sizeof *s);
		s->process = process;
		HASH_ADD_PTR(c->seats->services, process, s);
	}
	return s;
}

struct seat *check_seat_find(const struct check *c, uint64_t session)
{
	uint32_t id = (uint32_t)session;
	struct seat *seat = NULL;

	if (c->seats)
		HASH_FIND(hh, c->seats->seats, &id, sizeof id, seat);
	return seat;
}

static void keep_decision(struct check *c, const struct check_entry *e)
{
	struct check_seats *s = state(c);
	struct decision *d;

	if (s->decision_count == s->decision_room) {
		s->decision_room = s->decision_room ? s->decision_room * 2 : 64;
		s->decisions = memory_resize(s->decisions, s->decision_room * sizeof *s->decisions);
	}
	d = &s->decisions[s->decision_count++];
	*d = (struct decision){ .place = check_place(e), .us = check_number(e, "decided_us"), .max = check_number(e, "max"),
		.live = check_number(e, "live"), .capacity = check_number(e, "capacity"), .session = (uint32_t)check_number(e, "session"),
		.pin = e->pin };
	check_value(e, "user", d->user, sizeof d->user);
}

static struct seat_early *early_of(const struct check *c, uint64_t session)
{
	uint32_t id = (uint32_t)session;
	struct seat_early *early;

	HASH_FIND(hh, c->seats->early, &id, sizeof id, early);
	return early;
}

static void drop_early(struct check *c, struct seat_early *early)
{
	HASH_DEL(c->seats->early, early);
	free(early);
}

static void take_admit(struct check *c, const struct check_entry *e)
{
	struct seat_service *service = service_of(c, e->process);
	uint32_t id = (uint32_t)check_number(e, "session");
	struct seat *seat = check_seat_find(c, id);
	struct seat_early *early;

	keep_decision(c, e);
	if (!id)
		return;
	if (seat) {
		check_violated(c->report, RULE_SEATS, check_place(e), seat->admitted, "session %u was given a second time", id);
		return;
	}
	seat = memory_new(sizeof *seat);
	seat->session = id;
	seat->service = service;
	seat->pin = e->pin;
	check_value(e, "user", seat->user, sizeof seat->user);
	seat->admitted = check_place(e);
	seat->from_us = check_number(e, "decided_us");
	service->sessions++;
	HASH_ADD(hh, c->seats->seats, session, sizeof seat->session, seat);
	early = early_of(c, id);
	if (!early)
		return;
	seat->taken_us = early->taken_us;
	seat->taken = early->taken;
	seat->taken_reason = early->taken_reason;
	drop_early(c, early);
}

static void ended_early(struct check *c, const struct check_entry *e)
{
	struct seat_early *early = early_of(c, check_number(e, "session"));

	if (early) {
		check_violated(c->report, RULE_SEATS, check_place(e), early->taken, "session %u was ended by a second login", early->session);
		return;
	}
	early = memory_new(sizeof *early);
	early->session = (uint32_t)check_number(e, "session");
	early->taken_us = check_number(e, "decided_us");
	early->taken_reason = check_number(e, "reason");
	early->taken = check_place(e);
	HASH_ADD(hh, c->seats->early, session, sizeof early->session, early);
}

/* At the end: nobody has given them. */
static void judge_early(struct check *c)
{
	struct seat_early *early, *next;

	HASH_ITER(hh, c->seats->early, early, next) {
		if (check_is_cut(c, "collab"))
			check_unknown(c->report, RULE_SEATS, "ended by a login, and given by a service that was killed or whose history is full", 1);
		else
			check_violated(c->report, RULE_SEATS, early->taken, (struct check_place){ 0 },
				"session %u was ended by a login and never given", early->session);
		drop_early(c, early);
	}
}

static void take_ended(struct check *c, const struct check_entry *e)
{
	struct seat *seat = check_seat_find(c, check_number(e, "session"));

	state(c);
	if (!seat) {
		ended_early(c, e);
	} else if (seat->taken_us) {
		check_violated(c->report, RULE_SEATS, check_place(e), seat->taken, "session %u was ended by a second login", seat->session);
	} else {
		seat->taken_us = check_number(e, "decided_us");
		seat->taken = check_place(e);
		seat->taken_reason = check_number(e, "reason");
	}
}

static void take_session_end(struct check *c, const struct check_entry *e)
{
	struct seat *seat = check_seat_find(c, check_number(e, "session"));

	if (!seat) {
		check_violated(c->report, RULE_SEATS, check_place(e), (struct check_place){ 0 }, "session %" PRIu64 " ended and was never given",
			check_number(e, "session"));
		return;
	}
	/* Another service of its pool has taken over, and reports it lost; its own may only be asleep, and end it when it wakes. */
	if (service_of(c, e->process) != seat->service && check_number(e, "reason") == IM_REASON_SERVICE_LOST) {
		if (!seat->released_us)
			seat->released_us = e->at_us;
		return;
	}
	if (seat->over.process) {
		check_violated(c->report, RULE_SEATS, check_place(e), seat->over, "session %u ended a second time", seat->session);
		return;
	}
	seat->over = check_place(e);
	seat->service->sessions--;
	if (check_number(e, "release") && !seat->released_us)
		seat->released_us = e->at_us;
}

static void take_release(const struct check *c, const struct check_entry *e)
{
	struct seat *seat = check_seat_find(c, check_number(e, "session"));

	if (!seat)
		return;
	if (e->event == EVENT_SEAT_FREE) {
		seat->freed_us = e->at_us;
	} else {
		seat->released_us = e->at_us;
		seat->over = check_place(e);
		seat->service->sessions--;
	}
}

static void take_mark(struct seat *seat, const struct check_entry *e)
{
	struct seat_mark *mark;

	if (e->event == EVENT_MARK_ASKED) {
		mark = memory_new(sizeof *mark);
		mark->asked_us = e->at_us;
		mark->reason = check_number(e, "reason");
		mark->before = seat->marks;
		seat->marks = mark;
	} else if (seat->marks) {
		seat->marks->done_us = e->at_us;
	}
}

static void take_connection(struct check *c, const struct check_entry *e)
{
	struct seat *seat = check_seat_find(c, check_number(e, "session"));

	if (e->event == EVENT_BACKEND_CLOSED) {
		if (seat && seat->connected) {
			seat->connected = false;
			seat->service->connections--;
		}
		return;
	}
	if (!seat || seat->over.process) {
		check_violated(c->report, RULE_SEATS, check_place(e), seat ? seat->over : (struct check_place){ 0 },
			"session %" PRIu64 " opens a connection to the IM server and has no seat", check_number(e, "session"));
		return;
	}
	check_good(c->report, RULE_SEATS, 1);
	if (!seat->connected)
		seat->service->connections++;
	seat->connected = true;
}

static void take_owner(struct check *c, const struct check_entry *e)
{
	struct seat_service *service = service_of(c, e->process);

	if (e->event == EVENT_OWNER_FENCED) {
		service->fenced = true;
		return;
	}
	service->started_us = e->at_us;
	check_value(e, "instance", service->instance, sizeof service->instance);
	check_value(e, "environment", service->environment, sizeof service->environment);
}

static void take_counts(struct check *c, const struct check_entry *e)
{
	struct seat_service *service = service_of(c, e->process);
	uint64_t sessions = check_number(e, "sessions"), connections = check_number(e, "connections");

	if (!service->started_us)
		return;
	if (sessions != service->sessions)
		check_violated(c->report, RULE_SEATS, check_place(e), (struct check_place){ 0 }, "the service holds %" PRIu64
			" sessions, and by its history %" PRIu64 " live", sessions, service->sessions);
	else if (check_is_at_rest(e) && connections != service->connections)
		check_violated(c->report, RULE_SEATS, check_place(e), (struct check_place){ 0 }, "the service holds %" PRIu64
			" connections to the IM server, and by its history %" PRIu64 " are open", connections, service->connections);
	else if (check_is_at_rest(e) && connections != sessions)
		check_violated(c->report, RULE_SEATS, check_place(e), (struct check_place){ 0 }, "at rest there are %" PRIu64
			" sessions and %" PRIu64 " connections to the IM server", sessions, connections);
	else
		check_good(c->report, RULE_SEATS, 1);
}

static void take(struct check *c, const struct check_entry *e)
{
	struct seat *seat;

	switch (e->event) {
	case EVENT_OWNER_START:
	case EVENT_OWNER_FENCED:
		take_owner(c, e);
		break;
	case EVENT_ADMIT:
		take_admit(c, e);
		break;
	case EVENT_SEAT_ENDED:
		take_ended(c, e);
		break;
	case EVENT_SESSION_END:
	case EVENT_SESSION_EVICT:
		take_session_end(c, e);
		break;
	case EVENT_SEAT_RELEASE:
	case EVENT_SEAT_FREE:
		take_release(c, e);
		break;
	case EVENT_MARK_ASKED:
	case EVENT_SESSION_MARK:
		seat = check_seat_find(c, check_number(e, "session"));
		if (seat)
			take_mark(seat, e);
		break;
	case EVENT_BACKEND_CONNECT:
	case EVENT_BACKEND_CLOSED:
		take_connection(c, e);
		break;
	case EVENT_HISTORY_MARK:
		take_counts(c, e);
		break;
	default:
		break;
	}
}

static void finish(struct check *c)
{
	if (c->seats)
		judge_early(c);
	check_seats_judge(c);
}

static void free_all(struct check *c)
{
	struct seat_service *service, *next_service;
	struct seat_early *early, *next_early;
	struct seat *seat, *next;

	if (!c->seats)
		return;
	HASH_ITER(hh, c->seats->early, early, next_early)
		drop_early(c, early);
	HASH_ITER(hh, c->seats->seats, seat, next) {
		while (seat->marks) {
			struct seat_mark *mark = seat->marks;

			seat->marks = mark->before;
			free(mark);
		}
		HASH_DEL(c->seats->seats, seat);
		free(seat);
	}
	HASH_ITER(hh, c->seats->services, service, next_service) {
		HASH_DEL(c->seats->services, service);
		free(service);
	}
	free(c->seats->decisions);
	free(c->seats);
	c->seats = NULL;
}

const struct check_rule_set check_seats = { take, finish, free_all };
