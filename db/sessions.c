/* What follows an admission: the owner's lease, and a session's life until its seat is free. */
#include "db/seat_batch.h"

enum { NAME_MAX_BYTES = 64 };

/* --- owners ----------------------------------------------------------------------------------------------------------------- */

struct owner_verb {
	struct verb verb;
	db_owner_done *owner_done;
	db_status_done *status_done;
	const char *environment, *instance;
	struct seat_owner owner;
	uint64_t now_ms, lease_ms;
};

static void owner_start_work(struct core *core, struct verb *verb)
{
	struct owner_verb *v = (struct owner_verb *)(void *)verb;
	int64_t environment = seat_environment_id(core, v->environment);
	struct db_value lease = number((int64_t)v->lease_ms);
	struct db_value until = number((int64_t)(core_lease_ms(core, verb, v->now_ms) + v->lease_ms));
	struct db_value started = number((int64_t)loop_wall_ms());

	if (!environment) {
		verb_refuse(verb, DB_NOT_FOUND, "there is no IM environment '%s'", v->environment);
		return;
	}
	if (sql_row(core, SQL_OWNER_FIND, number(environment), text(v->instance))) {
		v->owner.id = (uint64_t)sql_number(core, SQL_OWNER_FIND, 0);
		v->owner.epoch = (uint32_t)sql_number(core, SQL_OWNER_FIND, 1) + 1;
		seats_end_of_owner(core, v->owner.id, SEAT_REASON_OWNER_LOST);
		seat_batch_clear(core);
		sql_run(core, SQL_OWNER_RESTART, number((int64_t)v->owner.id), number(v->owner.epoch), lease, until, started);
	} else if (sql_row(core, SQL_OWNER_ADD, number(environment), text(v->instance), lease, until, started)) {
		v->owner.id = (uint64_t)sql_number(core, SQL_OWNER_ADD, 0);
		v->owner.epoch = 1;
	}
}

static void owner_start_answer(struct verb *verb)
{
	struct owner_verb *v = (struct owner_verb *)(void *)verb;

	v->owner_done(verb->ctx, verb->status, verb->status == DB_OK ? v->owner : (struct seat_owner){ 0 });
}

void db_owner_start(struct db *db, const char *environment, const char *instance, uint64_t now_ms, uint64_t lease_ms,
	db_owner_done *done, void *ctx)
{
	struct owner_verb *v = VERB_NEW(struct owner_verb, VERB_SHARED, owner_start_work, owner_start_answer, ctx);

	v->owner_done = done;
	v->environment = verb_text(&v->verb, "environment", environment, NAME_MAX_BYTES);
	v->instance = verb_text(&v->verb, "instance", instance, NAME_MAX_BYTES);
	v->now_ms = now_ms;
	v->lease_ms = lease_ms;
	verb_give(db, &v->verb);
}

static void owner_renew_work(struct core *core, struct verb *verb)
{
	struct owner_verb *v = (struct owner_verb *)(void *)verb;

	sql_run(core, SQL_OWNER_RENEW, number((int64_t)v->owner.id), number(v->owner.epoch), number((int64_t)v->lease_ms),
		number((int64_t)(core_lease_ms(core, verb, v->now_ms) + v->lease_ms)));
	if (core->failed == DRIVER_DONE && sql_changed(core) == 0)
		verb_refuse(verb, DB_CONFLICT, "the seats of this service were taken over, by another life of it or after its lease ran out");
}

static void owner_renew_answer(struct verb *verb)
{
	struct owner_verb *v = (struct owner_verb *)(void *)verb;

	v->status_done(verb->ctx, verb->status);
}

void db_owner_renew(struct db *db, struct seat_owner owner, uint64_t now_ms, uint64_t lease_ms, db_status_done *done, void *ctx)
{
	struct owner_verb *v = VERB_NEW(struct owner_verb, VERB_SHARED, owner_renew_work, owner_renew_answer, ctx);

	v->status_done = done;
	v->owner = owner;
	v->now_ms = now_ms;
	v->lease_ms = lease_ms;
	verb_give(db, &v->verb);
}

/* --- sessions --------------------------------------------------------------------------------------------------------------- */

struct session_verb {
	struct status_verb status;
	struct seat_owner owner;
	uint64_t session, now_ms;
	int reason;
	bool closing;
};

static struct session_verb *session_verb(struct seat_owner owner, uint64_t session, void (*work)(struct core *, struct verb *),
	db_status_done *done, void *ctx)
{
	struct session_verb *v = VERB_NEW(struct session_verb, VERB_SHARED, work, status_answer, ctx);

	v->status.done = done;
	v->owner = owner;
	v->session = session;
	return v;
}

#define OWNED(v) number((int64_t)(v)->session), number((int64_t)(v)->owner.id), number((v)->owner.epoch)

static void activate_work(struct core *core, struct verb *verb)
{
	struct session_verb *v = (struct session_verb *)(void *)verb;

	sql_run(core, SQL_SEAT_ACTIVATE, OWNED(v));
	if (core->failed == DRIVER_DONE && sql_changed(core) == 0)
		verb_refuse(verb, DB_CONFLICT, "session %llu has lost its seat", (unsigned long long)v->session);
}

void db_session_activate(struct db *db, struct seat_owner owner, uint64_t session, db_status_done *done, void *ctx)
{
	verb_give(db, &session_verb(owner, session, activate_work, done, ctx)->status.verb);
}

/* Admissions behind it in the same transaction go by the counts, so these follow. */
static void mark_work(struct core *core, struct verb *verb)
{
	struct session_verb *v = (struct session_verb *)(void *)verb;
	int64_t environment;
	int change;

	if (!sql_row(core, SQL_SEAT_OWNED, OWNED(v))) {
		verb_refuse(verb, DB_CONFLICT, "session %llu has lost its seat", (unsigned long long)v->session);
		return;
	}
	environment = sql_number(core, SQL_SEAT_OWNED, 0);
	change = (v->reason != 0) - (sql_number(core, SQL_SEAT_OWNED, 1) != 0);
	sql_run(core, SQL_SEAT_MARK, OWNED(v), number(v->reason), number((int64_t)core_lease_ms(core, verb, v->now_ms)));
	seat_batch_adjust(core, environment, 0, change);
}

void db_session_mark(struct db *db, struct seat_owner owner, uint64_t session, int reason, uint64_t now_ms, db_status_done *done,
	void *ctx)
{
	struct session_verb *v = session_verb(owner, session, mark_work, done, ctx);

	v->reason = reason;
	v->now_ms = now_ms;
	verb_give(db, &v->status.verb);
}

static void end_work(struct core *core, struct verb *verb)
{
	struct session_verb *v = (struct session_verb *)(void *)verb;

	int64_t environment;
	bool marked;

	/* Free already: another login has it, and waits until the connection is closed. */
	if (!sql_row(core, SQL_SEAT_OWNED, OWNED(v))) {
		if (!v->closing)
			sql_run(core, SQL_CLOSING_REMOVE, number((int64_t)v->session));
		return;
	}
	environment = sql_number(core, SQL_SEAT_OWNED, 0);
	marked = sql_number(core, SQL_SEAT_OWNED, 1) != 0;
	seat_end(core, v->session, v->reason, "", v->closing);
	seat_batch_adjust(core, environment, -1, -(int)marked);
}

void db_session_end(struct db *db, struct seat_owner owner, uint64_t session, int reason, bool closing, db_status_done *done,
	void *ctx)
{
	struct session_verb *v = session_verb(owner, session, end_work, done, ctx);

	v->reason = reason;
	v->closing = closing;
	verb_give(db, &v->status.verb);
}

static void lost_work(struct core *core, struct verb *verb)
{
	const struct session_verb *v = (struct session_verb *)(void *)verb;
	int64_t environment;
	bool marked;

	if (!sql_row(core, SQL_SEAT_OF_OWNER, number((int64_t)v->session), number((int64_t)v->owner.id)))
		return;
	environment = sql_number(core, SQL_SEAT_OF_OWNER, 0);
	marked = sql_number(core, SQL_SEAT_OF_OWNER, 1) != 0;
	seat_end(core, v->session, v->reason, "", true);
	seat_batch_adjust(core, environment, -1, -(int)marked);
}

void db_session_lost(struct db *db, uint64_t owner, uint64_t session, int reason, db_status_done *done, void *ctx)
{
	struct session_verb *v = session_verb((struct seat_owner){ .id = owner }, session, lost_work, done, ctx);

	v->reason = reason;
	verb_give(db, &v->status.verb);
}

static void closed_work(struct core *core, struct verb *verb)
{
	const struct session_verb *v = (struct session_verb *)(void *)verb;

	sql_run(core, SQL_CLOSING_REMOVE, number((int64_t)v->session));
}

void db_session_closed(struct db *db, uint64_t session, db_status_done *done, void *ctx)
{
	verb_give(db, &session_verb((struct seat_owner){ 0 }, session, closed_work, done, ctx)->status.verb);
}

/* --- lists ------------------------------------------------------------------------------------------------------------------ */

struct list_verb {
	struct verb verb;
	db_sessions_done *done;
	bool history;
	uint64_t owner, after;           /* ends */
	uint32_t max;
	struct seat_row *rows;
	size_t count;
};

static void list_work(struct core *core, struct verb *verb)
{
	struct list_verb *v = (struct list_verb *)(void *)verb;
	enum statement which = v->history ? SQL_HISTORY_LIST : SQL_SEAT_LIST;
	struct arena *arena = &verb->arena;

	for (bool row = sql_row(core, which, number(v->max)); row; row = sql_next(core, which)) {
		v->rows = arena_grow(arena, v->rows, v->count, sizeof *v->rows);
		v->rows[v->count++] = (struct seat_row){
			.session = (uint64_t)sql_number(core, which, 0), .owner = (uint64_t)sql_number(core, which, 1),
			.pin = sql_pin_parse(sql_text(core, which, 2, arena)), .user = sql_text(core, which, 3, arena),
			.environment = sql_text(core, which, 4, arena), .instance = sql_text(core, which, 5, arena),
			.state = sql_text(core, which, 6, arena), .reason = sql_text(core, which, 7, arena),
			.login_id = sql_text(core, which, 8, arena), .started_wall_ms = (uint64_t)sql_number(core, which, 9),
			.ended_wall_ms = (uint64_t)sql_number(core, which, 10), .mark = (int)sql_number(core, which, 11),
			.ended_by = sql_text(core, which, 12, arena),
		};
	}
}

static void list_answer(struct verb *verb)
{
	struct list_verb *v = (struct list_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->rows : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_session_list(struct db *db, bool history, uint32_t max, db_sessions_done *done, void *ctx)
{
	struct list_verb *v = VERB_NEW(struct list_verb, VERB_READ, list_work, list_answer, ctx);

	v->done = done;
	v->history = history;
	v->max = max;
	verb_give(db, &v->verb);
}

struct closing_verb {
	struct verb verb;
	db_closing_done *done;
	const char *environment;
	uint64_t *sessions;
	size_t count;
};

static void closing_work(struct core *core, struct verb *verb)
{
	struct closing_verb *v = (struct closing_verb *)(void *)verb;
	bool row = sql_row(core, SQL_CLOSING_LIST, number(seat_environment_id(core, v->environment)));

	for (; row; row = sql_next(core, SQL_CLOSING_LIST)) {
		v->sessions = arena_grow(&verb->arena, v->sessions, v->count, sizeof *v->sessions);
		v->sessions[v->count++] = (uint64_t)sql_number(core, SQL_CLOSING_LIST, 0);
	}
}

static void closing_answer(struct verb *verb)
{
	struct closing_verb *v = (struct closing_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->sessions : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_session_closing(struct db *db, const char *environment, db_closing_done *done, void *ctx)
{
	struct closing_verb *v = VERB_NEW(struct closing_verb, VERB_READ, closing_work, closing_answer, ctx);

	v->done = done;
	v->environment = verb_text(&v->verb, "environment", environment, NAME_MAX_BYTES);
	verb_give(db, &v->verb);
}

static void ends_work(struct core *core, struct verb *verb)
{
	struct list_verb *v = (struct list_verb *)(void *)verb;
	struct arena *arena = &verb->arena;
	bool row = sql_row(core, SQL_HISTORY_AFTER, number((int64_t)v->after), number((int64_t)v->owner), number(v->max));

	for (; row; row = sql_next(core, SQL_HISTORY_AFTER)) {
		v->rows = arena_grow(arena, v->rows, v->count, sizeof *v->rows);
		v->rows[v->count++] = (struct seat_row){
			.ended_as = (uint64_t)sql_number(core, SQL_HISTORY_AFTER, 0),
			.session = (uint64_t)sql_number(core, SQL_HISTORY_AFTER, 1), .owner = v->owner,
			.reason = sql_text(core, SQL_HISTORY_AFTER, 2, arena), .ended_by = sql_text(core, SQL_HISTORY_AFTER, 3, arena),
		};
	}
}

void db_session_ends(struct db *db, struct seat_owner owner, uint64_t after, uint32_t max, db_sessions_done *done, void *ctx)
{
	struct list_verb *v = VERB_NEW(struct list_verb, VERB_READ, ends_work, list_answer, ctx);

	v->done = done;
	v->owner = owner.id;
	v->after = after;
	v->max = max;
	verb_give(db, &v->verb);
}
