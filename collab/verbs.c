#include "base/io/history.h"
#include "base/log.h"
#include "collab/parts.h"
#include "collab/standing.h"
#include "protocol/srp.h"

/* What the tools ask a running Collaboration Service. */

enum { LISTED = 1000 };      /* sessions in one answer, unless more are asked for */

static void put(json_t *into, const char *key, uint64_t value)
{
	json_object_set_new(into, key, json_integer((json_int_t)value));
}

struct per_state { size_t count[SESSION_LOST + 1]; size_t marked; };

static void count_state(struct session *s, void *arg)
{
	struct per_state *states = arg;

	states->count[s->state]++;
	states->marked += s->mark.stored != 0;
}

static json_t *limits_json(const struct db_environment *environment)
{
	json_t *limits = json_object();

	json_object_set_new(limits, "environment", json_string(environment->name));
	json_object_set_new(limits, "host", json_string(environment->host));
	put(limits, "port", environment->port);
	put(limits, "max_sessions", environment->max_sessions);
	put(limits, "idle_timeout_ms", environment->idle_timeout_ms);
	put(limits, "inactivity_timeout_ms", environment->inactivity_timeout_ms);
	put(limits, "transport_capacity", environment->transport_capacity);
	json_object_set_new(limits, "evict", json_string(environment->evict == SEAT_EVICT_ALL ? "all" : "one"));
	return limits;
}

static void put_dispatchers(json_t *into, const struct collab *c)
{
	json_t *list = json_array();
	bool linked = true;

	for (unsigned way = 0; way < c->way_count; way++) {
		bool up = dispatcher_link_is_up(c->links[way]);

		linked = linked && up;
		json_array_append_new(list, json_pack("{s:s, s:b, s:s}", "address", dispatcher_link_address(c->links[way]), "linked", up,
			"role", standing_name(c, way)));
	}
	json_object_set_new(into, "linked", json_boolean(linked));
	json_object_set_new(into, "dispatcher", json_string(c->settings->dispatcher));
	json_object_set_new(into, "dispatchers", list);
	put(into, "health", standing_health(c));
}

static void count_connection(struct session *s, void *arg)
{
	size_t *count = arg;

	*count += s->backend != NULL;
}

void collab_count(void *ctx, struct trail_entry *entry)
{
	const struct collab *c = ctx;
	struct courier_counts courier;
	size_t connections = c->sessions.closing;

	session_table_each(&c->sessions, count_connection, &connections);
	courier_count(c->courier, &courier);
	history_number(entry, "sessions", session_table_count(&c->sessions));
	history_number(entry, "connections", connections);
	history_number(entry, "waiting", courier.waiting);
	history_number(entry, "logins", admission_count(c->admission));
	history_number(entry, "releasing", owner_releasing(c->owner));
}

void collab_status(void *ctx, json_t *into)
{
	struct collab *c = ctx;
	struct per_state states = { { 0 }, 0 };
	struct courier_counts courier;
	json_t *sessions = json_object(), *counts = json_object();

	session_table_each(&c->sessions, count_state, &states);
	courier_count(c->courier, &courier);
	put_dispatchers(into, c);
	json_object_set_new(into, "instance", json_string(c->settings->instance));
	json_object_set_new(into, "limits", limits_json(environment_now(c->environment)));
	put(sessions, "live", session_table_count(&c->sessions));
	for (int state = SESSION_CONNECTING; state <= SESSION_OUT_OF_COVERAGE; state++)
		put(sessions, session_state_name((enum session_state)state), states.count[state]);
	put(sessions, "evictable", states.marked);
	put(sessions, "closing", c->sessions.closing);
	json_object_set_new(into, "sessions", sessions);
	put(counts, "logins", c->counts.logins);
	put(counts, "admitted", c->counts.admitted);
	put(counts, "logged_in", c->counts.answered);
	put(counts, "penalties", c->counts.penalties);
	put(counts, "refused", c->counts.refused);
	put(counts, "under_way", admission_count(c->admission));
	put(counts, "evicted", c->counts.evicted);
	put(counts, "expired", c->counts.expired);
	put(counts, "closed", c->counts.closed);
	put(counts, "replaced", c->counts.replaced);
	put(counts, "lost", c->counts.lost);
	put(counts, "messages_up", c->counts.messages_up);
	put(counts, "messages_down", c->counts.messages_down);
	put(counts, "requests", c->requests);
	put(counts, "overloaded", c->counts.overloaded);
	put(counts, "duplicates", c->counts.duplicates);
	put(counts, "malformed", c->counts.malformed);
	put(counts, "unknown_session", c->counts.unknown_session);
	put(counts, "seats_releasing", owner_releasing(c->owner));
	put(counts, "down_sent", courier.sent);
	put(counts, "down_delivered", courier.delivered);
	put(counts, "down_returned", courier.returned);
	put(counts, "down_dropped", courier.dropped);
	put(counts, "down_waiting", courier.waiting);
	put(counts, "devices_in_coverage", courier.in_coverage);
	json_object_set_new(into, "counts", counts);
}

/* What is left until a limit strikes; absent when the limit is off. */
static void put_left(json_t *into, const char *key, uint64_t limit_ms, uint64_t quiet_ms)
{
	if (limit_ms)
		put(into, key, quiet_ms < limit_ms ? limit_ms - quiet_ms : 0);
}

struct listing { json_t *rows; size_t most; };

static void list_session(struct session *s, void *arg)
{
	struct listing *listing = arg;
	const struct db_environment *environment = environment_now(s->collab->environment);
	uint64_t now_ms = loop_now_ms(s->collab->loop);
	json_t *row;

	if (json_array_size(listing->rows) >= listing->most)
		return;
	row = json_object();
	put(row, "session", s->id);
	json_object_set_new(row, "pin", json_string(pin_text(s->pin)));
	json_object_set_new(row, "user", json_string(s->user));
	json_object_set_new(row, "login_id", json_string(s->login_id));
	json_object_set_new(row, "state", json_string(session_state_name(s->state)));
	json_object_set_new(row, "in_coverage", json_boolean(courier_available(s->collab->courier, s->pin)));
	json_object_set_new(row, "mark", json_string(s->mark.stored ? im_reason_name((uint32_t)s->mark.stored) : ""));
	put(row, "age_ms", now_ms - s->started_ms);
	put(row, "last_status_age_ms", now_ms - s->seen_ms);
	put(row, "last_action_age_ms", now_ms - s->active_ms);
	put_left(row, "idle_in_ms", environment->idle_timeout_ms, now_ms - s->seen_ms);
	put_left(row, "inactive_in_ms", environment->inactivity_timeout_ms, now_ms - s->active_ms);
	put(row, "waiting_events", courier_waiting(s->collab->courier, s->pin));
	put(row, "dropped_events", s->dropped);
	put(row, "messages_up", s->messages_out);
	put(row, "messages_down", s->messages_in);
	json_array_append_new(listing->rows, row);
}

static void verb_sessions(void *ctx, struct control_request *request)
{
	struct collab *c = ctx;
	struct listing listing = { json_array(), (size_t)control_number(control_params(request), "max", LISTED) };
	json_t *result = json_object();

	session_table_each(&c->sessions, list_session, &listing);
	put(result, "live", session_table_count(&c->sessions));
	json_object_set_new(result, "sessions", listing.rows);
	control_done(&request, result);
}

static void verb_logout(void *ctx, struct control_request *request)
{
	struct collab *c = ctx;
	uint64_t id = control_number(control_params(request), "session", 0);
	struct session *s = id <= UINT32_MAX ? session_table_find(&c->sessions, (uint32_t)id) : NULL;
	json_t *result;

	if (!s) {
		control_refuse(&request, EXIT_REFUSED, "there is no session %llu here", (unsigned long long)id);
		return;
	}
	result = json_object();
	put(result, "session", id);
	json_object_set_new(result, "pin", json_string(pin_text(s->pin)));
	json_object_set_new(result, "user", json_string(s->user));
	session_end(s, IM_REASON_ADMIN, "the administrator asked", true);
	control_done(&request, result);
}

static const struct control_param sessions_params[] = {
	{ "max", CONTROL_NUMBER, false, "at most so many [1000]" },
	{ NULL, CONTROL_NUMBER, false, NULL },
};

static const struct control_param logout_params[] = {
	{ "session", CONTROL_NUMBER, true, "its number, as the verb sessions shows it" },
	{ NULL, CONTROL_NUMBER, false, NULL },
};

const struct control_verb collab_verbs[] = {
	{ "sessions", "the sessions of this service, with their countdowns", sessions_params, verb_sessions },
	{ "session.logout", "ends a session: its device is told, its seat is free", logout_params, verb_logout },
	{ NULL, NULL, NULL, NULL },
};
