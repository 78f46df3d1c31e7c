/* What a test or the operator's tool asks of the running simulator: census, ends of sessions, faults. */
#include <string.h>
#include <stdlib.h>

#include "base/io/control_server.h"
#include "base/log.h"
#include "simulator/groupwise/gw_state.h"

static const struct person *person_at(const struct gw_server *server, size_t i)
{
	return &server->persons[i];
}

static void verb_census(void *ctx, struct control_request *request)
{
	struct gw_server *server = ctx;
	json_t *users = json_object();

	for (size_t i = 0; i < server->world->user_count; i++) {
		const struct person *person = person_at(server, i);

		json_object_set_new(users, person->seed->id, json_pack("{s:I, s:I, s:I, s:s}", "sessions",
			(json_int_t)person_session_count(person), "logins", (json_int_t)person->logins, "refused",
			(json_int_t)person->refused, "status", gw_status_name(person->slots ? person->status : GW_OFFLINE)));
	}
	control_done(&request, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "listen", gw_server_address(server),
		"connections", (json_int_t)server->connection_count, "sessions", (json_int_t)server->session_count,
		"sessions_most", (json_int_t)server->sessions_most,
		"connections_total", (json_int_t)server->connections_total, "logins_total", (json_int_t)server->logins_total,
		"refused_total", (json_int_t)server->refused_total, "messages_total", (json_int_t)server->messages_total,
		"conferences", (json_int_t)HASH_COUNT(server->conferences), "users", users));
}

/* The user of a verb's parameter; refuses and returns NULL if there is none. */
static struct person *person_param(struct gw_server *server, struct control_request **request)
{
	const char *user = control_text(control_params(*request), "user", "");
	struct person *person = person_find(server, bytes_str(user));

	if (!person)
		control_refuse(request, EXIT_REFUSED, "there is no user %s in this world", log_str(user));
	return person;
}

/* What somebody made the server do, for its history. user: whom it meets, "": everybody. */
static void record(const struct gw_server *server, const char *event, const char *user, const char *how)
{
	struct trail_entry entry = { .event = event };

	if (!trail_is_heard(server->settings.records))
		return;
	trail_text(&entry, "user=%s how=%s", log_str(user), log_str(how));
	trail_record(server->settings.records, &entry);
}

static void verb_kick(void *ctx, struct control_request *request)
{
	struct gw_server *server = ctx;
	const char *how = control_text(control_params(request), "how", "close");
	struct person *person = person_param(server, &request);
	uint32_t event;

	if (!person)
		return;
	if (strcmp(how, "close") != 0 && strcmp(how, "elsewhere") != 0 && strcmp(how, "down") != 0) {
		control_refuse(&request, EXIT_USAGE, "how is close, elsewhere or down, not %s", log_str(how));
		return;
	}
	if (!person->slots) {
		control_refuse(&request, EXIT_REFUSED, "%s is not signed on", person->seed->id);
		return;
	}
	record(server, "server.kick", person->seed->id, how);
	event = strcmp(how, "elsewhere") == 0 ? GW_EVENT_ELSEWHERE : strcmp(how, "down") == 0 ? GW_EVENT_SERVER_DOWN : 0;
	for (unsigned i = 0; i < SESSIONS_OF_USER; i++)
		if (person->sessions[i])
			gw_session_end(person->sessions[i], event, "kicked");
	control_done(&request, json_object());
}

/* The short form of two fault words. */
static void verb_fault_login(void *ctx, struct control_request *request)
{
	struct gw_server *server = ctx;
	const json_t *params = control_params(request);
	const char *user = control_text(params, "user", "");
	uint64_t count = control_number(params, "count", 0);
	struct buf word = { 0 };
	struct error err;

	buf_printf(&word, "refuse=%s,on=login", control_text(params, "code", ""));
	if (*user)
		buf_printf(&word, ",user=%s", user);
	if (count)
		buf_printf(&word, ",count=%ju", (uintmax_t)count);
	if (faults_add(server->faults, buf_cstr(&word), loop_now_ms(server->loop), &err) < 0)
		control_refuse(&request, EXIT_USAGE, "%s", err.text);
	else
		control_done(&request, json_object());
	buf_free(&word);
}

static void verb_capacity(void *ctx, struct control_request *request)
{
	struct gw_server *server = ctx;
	uint64_t sessions = control_number(control_params(request), "sessions", 0);

	record(server, "server.capacity", "", "");
	server->settings.capacity = sessions > UINT32_MAX ? UINT32_MAX : (uint32_t)sessions;
	control_done(&request, json_object());
}

/* Without a sender it is the system's. Clients whose version does not know broadcasts are left alone: they would hang up. */
static void verb_broadcast(void *ctx, struct control_request *request)
{
	struct gw_server *server = ctx;
	const json_t *params = control_params(request);
	struct bytes text = bytes_str(control_text(params, "text", ""));
	const char *from_name = control_text(params, "from", ""), *to_name = control_text(params, "to", "");
	const struct person *from = person_find(server, bytes_str(from_name)), *to = person_find(server, bytes_str(to_name));
	struct gw_event event = { .type = from ? GW_EVENT_BROADCAST : GW_EVENT_SYSTEM_BROADCAST, .text = text };
	unsigned told = 0, too_old = 0;

	if ((*from_name && !from) || (*to_name && !to)) {
		control_refuse(&request, EXIT_REFUSED, "there is no user %s in this world", log_str(*from_name && !from ? from_name : to_name));
		return;
	}
	if (!text.len || text.len > GW_TEXT_MAX) {
		control_refuse(&request, EXIT_USAGE, "text has 1 to %d bytes, not %zu", GW_TEXT_MAX, text.len);
		return;
	}
	record(server, "server.broadcast", to_name, "");
	for (struct session *s = server->sessions; s; s = s->next) {
		if (!s->person || (to && s->person != to))
			continue;
		if (gw_event_min_build(event.type) > s->build) {
			too_old++;
			continue;
		}
		event.source = from ? from->dn : s->person->dn;
		session_event(s, &event);
		told++;
	}
	control_done(&request, json_pack("{s:i, s:i}", "told", (int)told, "too_old", (int)too_old));
}

static const struct control_param broadcast_params[] = {
	{ "text", CONTROL_TEXT, true, "what is said" },
	{ "from", CONTROL_TEXT, false, "the user who says it (event 122); left out: the system (event 123)" },
	{ "to", CONTROL_TEXT, false, "this user alone; left out: everybody" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_param kick_params[] = {
	{ "user", CONTROL_TEXT, true, "whose session ends" },
	{ "how", CONTROL_TEXT, false, "close (nothing is said), elsewhere (event 114) or down (event 115) [close]" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_param fault_login_params[] = {
	{ "code", CONTROL_TEXT, true, "result code in hex, such as D123" },
	{ "user", CONTROL_TEXT, false, "for this user only" },
	{ "count", CONTROL_NUMBER, false, "so many logins; left out: until fault.clear" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_param capacity_params[] = {
	{ "sessions", CONTROL_NUMBER, true, "sessions at once; 0: no limit" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb gw_server_verbs[] = {
	{ "census", "connections, sessions and logins, in all and by user", NULL, verb_census },
	{ "kick", "ends a user's session", kick_params, verb_kick },
	{ "fault.login", "logins are refused with a result code: short for fault refuse=CODE,on=login", fault_login_params, verb_fault_login },
	{ "broadcast", "says something to everybody whose client knows broadcasts (version 4 and up)", broadcast_params, verb_broadcast },
	{ "capacity", "how many sessions are taken at once", capacity_params, verb_capacity },
	{ NULL, NULL, NULL, NULL },
};
