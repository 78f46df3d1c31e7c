/* What a test or the operator's tool asks of the running simulator: census, ends of sessions, load. */
#include <string.h>

#include "base/io/control_server.h"
#include "base/log.h"
#include "base/trail.h"
#include "simulator/cwa/cwa_state.h"

static json_t *session_json(const struct session *s)
{
	return json_pack("{s:I, s:s, s:b, s:I, s:I, s:I}", "sid", (json_int_t)s->sid, "profile", s->format == CWA_JSON ? "lcs2005" : "ocs2007",
		"held", s->poll != NULL, "events", (json_int_t)s->event_count, "last_event", (json_int_t)s->counter, "conversations",
		(json_int_t)s->conference_count);
}

static void verb_census(void *ctx, struct control_request *request)
{
	struct cwa_server *server = ctx;
	json_t *users = json_object(), *all;

	for (size_t i = 0; i < server->world->user_count; i++) {
		const struct user *user = &server->users[i];
		json_t *sessions = json_array();

		for (const struct session *s = user->sessions; s; s = s->next)
			json_array_append_new(sessions, session_json(s));
		json_object_set_new(users, user->seed->id, json_pack("{s:I, s:I, s:o}", "sign_ins", (json_int_t)user->sign_ins, "refused",
			(json_int_t)user->refused, "sessions", sessions));
	}
	all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "listen", cwa_server_address(server),
		"connections", (json_int_t)http_server_connections(server->http), "sessions", (json_int_t)HASH_COUNT(server->sessions),
		"requests_total", (json_int_t)server->requests_total, "logins_total", (json_int_t)server->sign_ins_total,
		"refused_total", (json_int_t)server->refused_total, "sessions_total", (json_int_t)server->sessions_total, "messages_total",
		(json_int_t)server->messages_total, "users", users);
	if (server->home->census)
		json_object_set_new(all, "uplink", server->home->census(server->home->ctx));
	control_done(&request, all);
}

/* What somebody made the server do, for its history. user: whom it meets, "": everybody. */
static void record(const struct cwa_server *server, const char *event, const char *user, const char *how)
{
	struct trail_entry entry = { .event = event };

	if (!trail_is_heard(server->settings.records))
		return;
	trail_text(&entry, "user=%s how=%s", log_str(user), log_str(how));
	trail_record(server->settings.records, &entry);
}

static void verb_kick(void *ctx, struct control_request *request)
{
	struct cwa_server *server = ctx;
	const char *name = control_text(control_params(request), "user", "");
	struct user *user = user_of_login(server, name);

	if (!user) {
		control_refuse(&request, EXIT_REFUSED, "there is no user %s in this world", log_str(name));
		return;
	}
	if (!user->sessions) {
		control_refuse(&request, EXIT_REFUSED, "%s has no session", user->seed->id);
		return;
	}
	record(server, "server.kick", user->seed->id, "close");
	while (user->sessions)
		cwa_session_end(user->sessions, CWA_SESSION_NOT_FOUND, "kicked");
	control_done(&request, json_object());
}

static void verb_load(void *ctx, struct control_request *request)
{
	struct cwa_server *server = ctx;
	uint64_t factor = control_number(control_params(request), "factor", 1);

	if (factor < 1 || factor > 100) {
		control_refuse(&request, EXIT_USAGE, "factor is 1 to 100, not %ju", (uintmax_t)factor);
		return;
	}
	record(server, "server.capacity", "", "");
	server->load = (uint32_t)factor;
	control_done(&request, json_object());
}

static void verb_capacity(void *ctx, struct control_request *request)
{
	struct cwa_server *server = ctx;
	uint64_t sessions = control_number(control_params(request), "sessions", 0);

	record(server, "server.capacity", "", "");
	server->settings.capacity = sessions > UINT32_MAX ? UINT32_MAX : (uint32_t)sessions;
	control_done(&request, json_object());
}

static const struct control_param kick_params[] = {
	{ "user", CONTROL_TEXT, true, "whose sessions end" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_param load_params[] = {
	{ "factor", CONTROL_NUMBER, true, "pollWaitTime is so many times what it is without load, at most 15000 ms" },
	{ NULL, CONTROL_TEXT, false, NULL },
};
static const struct control_param capacity_params[] = {
	{ "sessions", CONTROL_NUMBER, true, "sessions at once; 0: no limit" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb cwa_server_verbs[] = {
	{ "census", "connections, sessions, sign-ins and messages, in all and by user", NULL, verb_census },
	{ "kick", "ends the sessions of a user", kick_params, verb_kick },
	{ "load", "how loaded the server says it is", load_params, verb_load },
	{ "capacity", "how many sessions are taken at once", capacity_params, verb_capacity },
	{ NULL, NULL, NULL, NULL },
};
