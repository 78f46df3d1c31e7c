/* What a test or the operator's tool asks of the running simulator: census, ends of links. */
#include "base/io/control_server.h"
#include "base/log.h"
#include "simulator/ocs/ocs_state.h"

static json_t *endpoint_json(const struct endpoint *e)
{
	return json_pack("{s:o, s:s, s:s, s:I}", "epid", control_json_text(e->epid ? e->epid : ""), "peer",
		connection_peer(e->link->connection), "link", e->link->kind == LINK_SERVER ? "server" : "client", "subscriptions",
		(json_int_t)e->subscription_count);
}

static void verb_census(void *ctx, struct control_request *request)
{
	struct ocs_server *server = ctx;
	json_t *users = json_object(), *all;
	size_t servers = 0;

	for (size_t i = 0; i < server->world->user_count; i++) {
		const struct user *user = &server->users[i];
		json_t *endpoints = json_array();

		for (const struct endpoint *e = user->endpoints; e; e = e->next)
			json_array_append_new(endpoints, endpoint_json(e));
		json_object_set_new(users, user->seed->id, json_pack("{s:o, s:I, s:I, s:I, s:I}", "endpoints", endpoints, "registers",
			(json_int_t)user->registers, "refused", (json_int_t)user->refused, "availability", (json_int_t)user->availability,
			"conversations", (json_int_t)user->call_count));
	}
	for (const struct link *link = server->links; link; link = link->next)
		servers += link->kind == LINK_SERVER && !link->ending;
	all = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "listen", server->address, "links",
		(json_int_t)server->link_count, "server_links", (json_int_t)servers, "links_total", (json_int_t)server->links_total,
		"registers_total", (json_int_t)server->registers_total, "refused_total", (json_int_t)server->refused_total, "messages_total",
		(json_int_t)server->messages_total, "notifications_total", (json_int_t)server->notifications_total, "conversations",
		(json_int_t)HASH_COUNT(server->calls), "conferences", (json_int_t)HASH_COUNT(server->meetings), "conferences_total",
		(json_int_t)server->conferences_total, "waiting", (json_int_t)HASH_COUNT(server->forks), "users", users);
	if (server->tcp_address)
		json_object_set_new(all, "listen_tcp", json_string(server->tcp_address));
	control_done(&request, all);
}

static void verb_kick(void *ctx, struct control_request *request)
{
	struct ocs_server *server = ctx;
	const char *name = control_text(control_params(request), "user", "");
	const struct world_user *seed = world_find(server->world, bytes_str(name));
	struct user *user = seed ? &server->users[seed - server->world->users] : NULL;

	if (!user) {
		control_refuse(&request, EXIT_REFUSED, "there is no user %s in this world", log_str(name));
		return;
	}
	if (!user->endpoints) {
		control_refuse(&request, EXIT_REFUSED, "%s is not signed on", user->seed->id);
		return;
	}
	while (user->endpoints) {
		struct endpoint *e = user->endpoints;

		if (e->link->kind == LINK_SERVER)
			endpoint_end(e, "kicked");
		else
			link_end(e->link, "kicked");
	}
	control_done(&request, json_object());
}

static const struct control_param kick_params[] = {
	{ "user", CONTROL_TEXT, true, "whose endpoints end; a client's link is closed, a server's stays" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb ocs_server_verbs[] = {
	{ "census", "links, endpoints, presence and conversations, in all and by user", NULL, verb_census },
	{ "kick", "signs a user off", kick_params, verb_kick },
	{ NULL, NULL, NULL, NULL },
};
