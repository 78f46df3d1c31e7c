/* IM environments: where the IM server is, and the limits of its sessions. */
#include <string.h>

#include "db/config.h"
#include "db/core.h"

enum { NAME_MAX_BYTES = 64, HOST_MAX_BYTES = 255 };

static const char *const type_names[] = { [DB_GROUPWISE] = "groupwise", [DB_CWA] = "cwa" };
static const char *const evict_names[] = { [SEAT_EVICT_ALL] = "all", [SEAT_EVICT_ONE] = "one" };

const char *db_environment_type_name(enum db_environment_type type)
{
	return (size_t)type < sizeof type_names / sizeof *type_names ? type_names[type] : "?";
}

int db_environment_type_parse(const char *name, enum db_environment_type *out)
{
	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
		if (strcmp(name, type_names[i]) == 0) {
			*out = (enum db_environment_type)i;
			return 0;
		}
	}
	return -1;
}

struct environment_verb {
	struct status_verb status;
	struct db_environment is;
	unsigned fields;                 /* which of them are given */
};

static struct db_value number_if(const struct environment_verb *v, unsigned field, uint64_t value)
{
	return v->fields & field ? number((int64_t)value) : null();
}

static struct db_value text_if(const struct environment_verb *v, unsigned field, const char *value)
{
	return text(v->fields & field ? value : NULL);
}

static void environment_add_work(struct core *core, struct verb *verb)
{
	struct environment_verb *v = (struct environment_verb *)(void *)verb;
	const struct db_environment *e = &v->is;

	sql_run(core, SQL_ENVIRONMENT_ADD, text(e->name), text(type_names[e->type]), text(e->host), number(e->port),
		text(e->transport), number(e->max_sessions), number((int64_t)e->idle_timeout_ms),
		number((int64_t)e->inactivity_timeout_ms), number(e->transport_capacity), text(evict_names[e->evict]));
	if (core->failed == DRIVER_EXISTS)
		verb_refuse(verb, DB_EXISTS, "there is an IM environment '%s' already", e->name);
}

static void environment_set_work(struct core *core, struct verb *verb)
{
	struct environment_verb *v = (struct environment_verb *)(void *)verb;
	const struct db_environment *e = &v->is;

	sql_run(core, SQL_ENVIRONMENT_SET, text(e->name), text_if(v, DB_ENV_HOST, e->host), number_if(v, DB_ENV_PORT, e->port),
		text_if(v, DB_ENV_TRANSPORT, e->transport), number_if(v, DB_ENV_MAX_SESSIONS, e->max_sessions),
		number_if(v, DB_ENV_IDLE_TIMEOUT, e->idle_timeout_ms),
		number_if(v, DB_ENV_INACTIVITY_TIMEOUT, e->inactivity_timeout_ms),
		number_if(v, DB_ENV_TRANSPORT_CAPACITY, e->transport_capacity), text_if(v, DB_ENV_EVICT, evict_names[e->evict]));
	if (core->failed == DRIVER_DONE && sql_changed(core) == 0)
		verb_refuse(verb, DB_NOT_FOUND, "there is no IM environment '%s'", e->name);
}

static void check_transport(struct verb *verb, const char *transport)
{
	static const char *const known[] = { "tls", "tcp", "https", "http" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(transport, known[i]) == 0)
			return;
	}
	verb_refuse(verb, DB_INVALID, "the transport '%s': one of tls, tcp, https, http", transport);
}

/* What the tables would refuse as well, with a sentence that says what is accepted. */
static void check(struct environment_verb *v)
{
	struct verb *verb = &v->status.verb;
	struct db_environment *e = &v->is;

	if (v->fields & DB_ENV_HOST)
		e->host = verb_text(verb, "host", e->host, HOST_MAX_BYTES);
	if ((v->fields & DB_ENV_PORT) && e->port == 0)
		verb_refuse(verb, DB_INVALID, "port 0: 1 to 65535");
	if (v->fields & DB_ENV_TRANSPORT) {
		e->transport = verb_text(verb, "transport", e->transport, 8);
		check_transport(verb, e->transport);
	}
	if ((v->fields & DB_ENV_MAX_SESSIONS) && e->max_sessions > DB_SESSIONS_MAX)
		verb_refuse(verb, DB_INVALID, "the maximum of %u sessions: 0 (not set) to %u", e->max_sessions, DB_SESSIONS_MAX);
	if (((v->fields & DB_ENV_IDLE_TIMEOUT) && e->idle_timeout_ms > INT64_MAX) ||
		((v->fields & DB_ENV_INACTIVITY_TIMEOUT) && e->inactivity_timeout_ms > INT64_MAX))
		verb_refuse(verb, DB_INVALID, "a timeout is longer than can be counted");
	if ((v->fields & DB_ENV_TRANSPORT_CAPACITY) && (e->transport_capacity == 0 || e->transport_capacity > DB_SESSIONS_MAX))
		verb_refuse(verb, DB_INVALID, "the transport capacity %u: 1 to %u", e->transport_capacity, DB_SESSIONS_MAX);
	if ((v->fields & DB_ENV_EVICT) && e->evict != SEAT_EVICT_ALL && e->evict != SEAT_EVICT_ONE)
		verb_refuse(verb, DB_INVALID, "evict: all or one");
}

static void write_environment(struct db *db, const struct db_environment *environment, unsigned fields,
	void (*work)(struct core *, struct verb *), db_status_done *done, void *ctx)
{
	struct environment_verb *v = VERB_NEW(struct environment_verb, VERB_ALONE, work, status_answer, ctx);

	v->status.done = done;
	v->is = *environment;
	v->fields = fields;
	v->is.name = verb_text(&v->status.verb, "name of the IM environment", environment->name, NAME_MAX_BYTES);
	check(v);
	verb_give(db, &v->status.verb);
}

void db_environment_add(struct db *db, const struct db_environment *environment, db_status_done *done, void *ctx)
{
	struct db_environment filled = *environment;

	if (filled.type != DB_CWA)
		filled.type = DB_GROUPWISE;
	if (filled.transport_capacity == 0)
		filled.transport_capacity = filled.type == DB_CWA ? DB_CAPACITY_CWA : DB_CAPACITY_GROUPWISE;
	write_environment(db, &filled, ~0u, environment_add_work, done, ctx);
}

void db_environment_set(struct db *db, const struct db_environment *environment, unsigned fields, db_status_done *done,
	void *ctx)
{
	struct db_environment filled = *environment;

	if (!(fields & DB_ENV_EVICT))
		filled.evict = SEAT_EVICT_ALL;
	write_environment(db, &filled, fields, environment_set_work, done, ctx);
}

struct environments_verb {
	struct verb verb;
	db_environments_done *done;
	const char *name;                /* NULL: all */
	struct db_environment *items;
	size_t count;
};

static void environments_work(struct core *core, struct verb *verb)
{
	struct environments_verb *v = (struct environments_verb *)(void *)verb;
	enum statement which = v->name ? SQL_ENVIRONMENT_GET : SQL_ENVIRONMENT_LIST;
	struct arena *arena = &verb->arena;
	bool row = v->name ? sql_row(core, which, text(v->name)) : sql_row_values(core, which, NULL, 0);

	for (; row; row = sql_next(core, which)) {
		v->items = arena_grow(arena, v->items, v->count, sizeof *v->items);
		v->items[v->count++] = (struct db_environment){
			.name = sql_text(core, which, 1, arena),
			.type = bytes_is(sql_bytes(core, which, 2), "cwa") ? DB_CWA : DB_GROUPWISE,
			.host = sql_text(core, which, 3, arena), .port = (uint16_t)sql_number(core, which, 4),
			.transport = sql_text(core, which, 5, arena), .max_sessions = (uint32_t)sql_number(core, which, 6),
			.idle_timeout_ms = (uint64_t)sql_number(core, which, 7),
			.inactivity_timeout_ms = (uint64_t)sql_number(core, which, 8),
			.transport_capacity = (uint32_t)sql_number(core, which, 9),
			.evict = bytes_is(sql_bytes(core, which, 10), "one") ? SEAT_EVICT_ONE : SEAT_EVICT_ALL,
		};
	}
	if (v->name && v->count == 0 && core->failed == DRIVER_DONE)
		verb_refuse(verb, DB_NOT_FOUND, "there is no IM environment '%s'", v->name);
}

static void environments_answer(struct verb *verb)
{
	struct environments_verb *v = (struct environments_verb *)(void *)verb;

	v->done(verb->ctx, verb->status, verb->status == DB_OK ? v->items : NULL, verb->status == DB_OK ? v->count : 0);
}

void db_environment_get(struct db *db, const char *name, db_environments_done *done, void *ctx)
{
	struct environments_verb *v = VERB_NEW(struct environments_verb, VERB_READ, environments_work, environments_answer, ctx);

	v->done = done;
	v->name = verb_text(&v->verb, "name of the IM environment", name, NAME_MAX_BYTES);
	verb_give(db, &v->verb);
}

void db_environment_list(struct db *db, db_environments_done *done, void *ctx)
{
	struct environments_verb *v = VERB_NEW(struct environments_verb, VERB_READ, environments_work, environments_answer, ctx);

	v->done = done;
	verb_give(db, &v->verb);
}
