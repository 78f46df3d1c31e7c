#include "db/seats.h"

#include "db/seat_batch.h"

const char *seat_outcome_name(enum seat_outcome outcome)
{
	static const char *const names[] = {
		[SEAT_ADMITTED] = "admitted", [SEAT_SERVER_BUSY] = "server-busy", [SEAT_CAPACITY] = "capacity",
		[SEAT_NOT_PERMITTED] = "not-permitted",
	};

	return (size_t)outcome < sizeof names / sizeof *names ? names[outcome] : "?";
}

/* The protocol's names; a test compares the two lists, since this folder does not know the protocol. */
const char *seat_reason_name(int reason)
{
	static const char *const names[] = {
		[1] = "logout", "evicted-coverage", "evicted-silent", "inactive", "replaced", "elsewhere", "server-lost", "admin",
		"shutdown", "unknown-session", "overflow", "refused", "switched", "service-lost",
	};

	if (reason == SEAT_REASON_OWNER_LOST)
		return "owner-lost";
	return reason > 0 && (size_t)reason < sizeof names / sizeof *names ? names[reason] : "?";
}

enum { REASON_REPLACED = 5 };      /* IM_REASON_REPLACED */
enum { TEXT_MAX = 256 };

struct admit_verb {
	struct verb verb;
	db_admit_done *done;
	struct seat_request request;
	struct seat_answer answer;
	struct seat_ended *ended;
};

static void add_ended(struct admit_verb *v, uint64_t session, uint64_t owner, int reason)
{
	v->ended = arena_grow(&v->verb.arena, v->ended, v->answer.ended_count, sizeof *v->ended);
	v->ended[v->answer.ended_count++] = (struct seat_ended){ .session = session, .owner = owner, .reason = reason };
	v->answer.ended = v->ended;
}

/* The live sessions of the same device or the same user; the mark each carries decides if it counted as evictable. */
struct replaced {
	struct { uint64_t session, owner; bool marked; } *items;
	size_t count;
	uint32_t marked;
};

static void find_replaced(struct core *core, struct admit_verb *v, int64_t environment_id, struct replaced *out)
{
	struct sql_pin pin = sql_pin(v->request.pin);
	bool row = sql_row(core, SQL_SEATS_REPLACED, number(environment_id), text(pin.text), text(v->request.im_user));

	for (; row; row = sql_next(core, SQL_SEATS_REPLACED)) {
		bool marked = sql_number(core, SQL_SEATS_REPLACED, 2) != 0;

		out->items = arena_grow(&v->verb.arena, out->items, out->count, sizeof *out->items);
		out->items[out->count].session = (uint64_t)sql_number(core, SQL_SEATS_REPLACED, 0);
		out->items[out->count].owner = (uint64_t)sql_number(core, SQL_SEATS_REPLACED, 1);
		out->items[out->count++].marked = marked;
		out->marked += marked;
	}
}

static bool is_replaced(const struct replaced *replaced, uint64_t session)
{
	for (size_t i = 0; i < replaced->count; i++) {
		if (replaced->items[i].session == session)
			return true;
	}
	return false;
}

/* Oldest mark first. The sessions that this login replaces are not its victims. */
static void evict(struct core *core, struct admit_verb *v, struct seat_batch *batch, const struct replaced *replaced)
{
	uint32_t wanted = v->answer.decision.evict;
	bool row = sql_row(core, SQL_SEATS_EVICTABLE, number(batch->id), number((int64_t)wanted + (int64_t)replaced->count));
	size_t first = v->answer.ended_count;

	for (; row && v->answer.ended_count - first < wanted; row = sql_next(core, SQL_SEATS_EVICTABLE)) {
		uint64_t session = (uint64_t)sql_number(core, SQL_SEATS_EVICTABLE, 0);

		if (!is_replaced(replaced, session))
			add_ended(v, session, (uint64_t)sql_number(core, SQL_SEATS_EVICTABLE, 1),
				(int)sql_number(core, SQL_SEATS_EVICTABLE, 2));
	}
	for (size_t i = first; i < v->answer.ended_count; i++)
		seat_end(core, v->ended[i].session, v->ended[i].reason, v->request.login_id, true);
	batch->census.live -= (uint32_t)(v->answer.ended_count - first);
	batch->census.evictable -= (uint32_t)(v->answer.ended_count - first);
}

static void take_seat(struct core *core, struct admit_verb *v, struct seat_batch *batch, const struct replaced *replaced)
{
	struct sql_pin pin = sql_pin(v->request.pin);

	for (size_t i = 0; i < replaced->count; i++) {
		add_ended(v, replaced->items[i].session, replaced->items[i].owner, REASON_REPLACED);
		seat_end(core, replaced->items[i].session, REASON_REPLACED, v->request.login_id, true);
	}
	if (sql_row(core, SQL_SEAT_ADD, number(batch->id), number((int64_t)v->request.owner.id), number(v->request.owner.epoch),
		text(pin.text), text(v->request.im_user), text(v->request.login_id), number((int64_t)loop_wall_ms())))
		v->answer.session = (uint64_t)sql_number(core, SQL_SEAT_ADD, 0);
	seat_taken(core, v->answer.session, v->request.owner);
	if (v->answer.session > UINT32_MAX)
		sql_fail(core, "the session ids of the configuration database %s are used up", core->place);
	batch->census.live += 1 - (uint32_t)replaced->count;
	batch->census.evictable -= replaced->marked;
}

/* What must be closed before this login's connection opens: all that is not, if there would be more connections than seats; else
 * only what it ended itself. */
static void find_closing(struct core *core, struct admit_verb *v, const struct seat_batch *batch)
{
	const struct seat_census *census = &batch->census;
	uint32_t most = census->max_sessions && census->max_sessions < census->transport_capacity ? census->max_sessions
		: census->transport_capacity;
	bool row = sql_row(core, SQL_CLOSING_LIST, number(batch->id));
	uint64_t *closing = NULL;
	size_t count = 0, own = 0;

	for (; row; row = sql_next(core, SQL_CLOSING_LIST)) {
		closing = arena_grow(&v->verb.arena, closing, count, sizeof *closing);
		closing[count++] = (uint64_t)sql_number(core, SQL_CLOSING_LIST, 0);
	}
	if (core->failed != DRIVER_DONE)
		return;
	v->answer.closing = closing;
	v->answer.closing_count = count;
	if (census->live + count <= most) {
		for (; own < v->answer.ended_count; own++)
			closing[own] = v->ended[own].session;
		v->answer.closing_count = own;
	}
}

static void admit_work(struct core *core, struct verb *verb)
{
	struct admit_verb *v = (struct admit_verb *)(void *)verb;
	struct seat_request *r = &v->request;
	struct seat_batch *batch = seat_batch_of(core, r->environment, r->owner.id, core_lease_ms(core, verb, r->now_ms));
	struct replaced replaced = { 0 };
	struct sql_pin pin = sql_pin(r->pin);

	if (!batch) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no IM environment '%s'", r->environment);
		return;
	}
	if (!seat_owner_valid(core, r->owner, batch->id)) {
		verb_refuse(verb, DB_CONFLICT, "another life of this service has taken over its seats in '%s'", r->environment);
		return;
	}
	find_replaced(core, v, batch->id, &replaced);
	v->answer.census = batch->census;
	v->answer.census.live -= (uint32_t)replaced.count;
	v->answer.census.evictable -= replaced.marked;
	v->answer.census.permitted = sql_row(core, SQL_SEAT_PERMITTED, text(pin.text));
	if (core->failed != DRIVER_DONE)
		return;
	v->answer.decision = r->decide(&v->answer.census);
	v->answer.decided_us = loop_real_us();
	if (v->answer.decision.evict)
		evict(core, v, batch, &replaced);
	if (v->answer.decision.outcome == SEAT_ADMITTED) {
		take_seat(core, v, batch, &replaced);
		find_closing(core, v, batch);
	}
}

static void admit_answer(struct verb *verb)
{
	struct admit_verb *v = (struct admit_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? &v->answer : NULL);
}

void db_session_admit(struct db *db, const struct seat_request *request, db_admit_done *done, void *ctx)
{
	struct admit_verb *v = VERB_NEW(struct admit_verb, VERB_SHARED, admit_work, admit_answer, ctx);

	v->done = done;
	v->request = *request;
	v->request.environment = verb_text(&v->verb, "environment", request->environment, 64);
	v->request.im_user = verb_text(&v->verb, "IM user id", request->im_user, TEXT_MAX);
	v->request.login_id = verb_text(&v->verb, "login id", request->login_id, TEXT_MAX);
	if (request->pin == 0)
		verb_refuse(&v->verb, DB_INVALID, "PIN 00000000 is no device's");
	verb_give(db, &v->verb);
}
