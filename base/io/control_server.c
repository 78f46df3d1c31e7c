#include "base/io/control_server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/connection.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

enum { MAX_PEERS = 64, MAX_TABLES = 16, MAX_OPEN_REQUESTS = 64 };

struct peer {
	struct control_server *server;
	struct connection *c;
	struct control_request *requests;
	unsigned open;
	struct peer *next, *previous;
};

struct control_request {
	struct peer *peer;        /* NULL: the caller has gone, or the server */
	uint64_t id;
	json_t *params;
	struct control_request *next, *previous;
};

struct control_server {
	struct listener *listener;
	struct peer *peers;
	struct {
		const struct control_verb *verbs;
		void *ctx;
	} tables[MAX_TABLES];
	size_t table_count;
};

static void request_unlink(struct control_request *request)
{
	if (!request->peer)
		return;
	request->peer->open--;
	if (request->previous)
		request->previous->next = request->next;
	else
		request->peer->requests = request->next;
	if (request->next)
		request->next->previous = request->previous;
	request->peer = NULL;
}

static void peer_free(struct peer *peer)
{
	while (peer->requests)
		request_unlink(peer->requests);
	if (peer->previous)
		peer->previous->next = peer->next;
	else
		peer->server->peers = peer->next;
	if (peer->next)
		peer->next->previous = peer->previous;
	connection_free(&peer->c);
	free(peer);
}

static void answer(struct peer *peer, const struct control_answer *what)
{
	struct buf line = { 0 };

	control_answer_encode(what, &line);
	if (line.len > CONTROL_MAX_LINE) {
		struct control_answer instead = { .id = what->id, .status = EXIT_REFUSED };

		snprintf(instead.error, sizeof instead.error, "the answer has %zu bytes, more than %d; ask for less", line.len,
			CONTROL_MAX_LINE);
		buf_clear(&line);
		control_answer_encode(&instead, &line);
	}
	connection_send(peer->c, buf_bytes(&line));
	buf_free(&line);
}

static void request_free(struct control_request **request)
{
	request_unlink(*request);
	json_decref((*request)->params);
	free(*request);
	*request = NULL;
}

void control_done(struct control_request **request, json_t *result)
{
	struct control_answer what = { .id = (*request)->id, .ok = true, .result = result };

	if ((*request)->peer)
		answer((*request)->peer, &what);
	control_answer_free(&what);
	request_free(request);
}

void control_refuse(struct control_request **request, int status, const char *format, ...)
{
	struct control_answer what = { .id = (*request)->id, .status = status };
	va_list args;

	va_start(args, format);
	vsnprintf(what.error, sizeof what.error, format, args);
	va_end(args);
	if ((*request)->peer)
		answer((*request)->peer, &what);
	request_free(request);
}

const json_t *control_params(const struct control_request *request)
{
	return request->params;
}

static const struct control_verb *find_verb(const struct control_server *server, const char *name, void **ctx)
{
	for (size_t i = 0; i < server->table_count; i++) {
		for (const struct control_verb *verb = server->tables[i].verbs; verb->name; verb++) {
			if (strcmp(verb->name, name) == 0) {
				*ctx = server->tables[i].ctx;
				return verb;
			}
		}
	}
	return NULL;
}

static void unknown_verb(const struct control_server *server, const char *name, char *text, size_t size)
{
	const char *names[256];
	size_t count = 0;
	char hint[128];

	for (size_t i = 0; i < server->table_count; i++) {
		for (const struct control_verb *verb = server->tables[i].verbs; verb->name && count < 255; verb++)
			names[count++] = verb->name;
	}
	names[count] = NULL;
	snprintf(text, size, "unknown verb %s%s", log_str(name), did_you_mean(name, names, hint, sizeof hint));
}

static ssize_t split_line(void *ctx, struct bytes in, struct error *err)
{
	const uint8_t *end = in.len ? memchr(in.data, '\n', in.len) : NULL;

	(void)ctx;
	(void)err;
	return end ? end - in.data + 1 : 0;
}

static void on_line(void *ctx, struct bytes line)
{
	struct peer *peer = ctx;
	struct control_answer refusal = { .status = EXIT_USAGE };
	struct control_request *request;
	const struct control_verb *verb;
	struct control_call call;
	struct error err = { "" };
	void *verb_ctx = NULL;

	if (control_call_decode(line, &call, &err) != 0) {
		snprintf(refusal.error, sizeof refusal.error, "%s", err.text);
		answer(peer, &refusal);
		return;
	}
	refusal.id = call.id;
	verb = find_verb(peer->server, call.verb, &verb_ctx);
	if (!verb)
		unknown_verb(peer->server, call.verb, refusal.error, sizeof refusal.error);
	else if (peer->open >= MAX_OPEN_REQUESTS)
		snprintf(refusal.error, sizeof refusal.error, "%d requests of this caller are not answered yet", MAX_OPEN_REQUESTS);
	else if (control_check(verb, call.params, &err) != 0)
		snprintf(refusal.error, sizeof refusal.error, "%s", err.text);
	if (refusal.error[0]) {
		answer(peer, &refusal);
		control_call_free(&call);
		return;
	}
	request = memory_new(sizeof *request);
	request->peer = peer;
	request->id = call.id;
	request->params = call.params;
	request->next = peer->requests;
	if (request->next)
		request->next->previous = request;
	peer->requests = request;
	peer->open++;
	verb->run(verb_ctx, request);
}

static void on_closed(void *ctx, enum connection_end end, const char *why)
{
	if (end != CONNECTION_PEER_CLOSED)
		log_debug("control peer ended reason=%s why=%s", connection_end_name(end), log_str(why));
	peer_free(ctx);
}

static const struct connection_callbacks peer_callbacks = {
	.split = split_line, .message = on_line, .closed = on_closed,
};

static void on_accept(void *ctx, struct connection *c)
{
	struct control_server *server = ctx;
	struct peer *peer = memory_new(sizeof *peer);

	peer->server = server;
	peer->c = c;
	peer->next = server->peers;
	if (peer->next)
		peer->next->previous = peer;
	server->peers = peer;
	connection_own(c, &peer_callbacks, peer);
}

/* A socket file that somebody answers on belongs to a living process; a stale one is replaced. */
static bool is_alive(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool alive;

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	alive = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
	if (fd >= 0)
		close(fd);
	return alive;
}

struct control_server *control_server_new(struct loop *loop, const char *path, struct error *err)
{
	static const struct connection_limits limits = { .max_message = CONTROL_MAX_LINE, .max_queued = 4 * CONTROL_MAX_LINE };
	struct control_server *server;
	size_t longest = sizeof ((struct sockaddr_un *)0)->sun_path - 1;
	char *address;

	if (strlen(path) > longest) {
		error_set(err, "the control socket %s has %zu bytes in its path, the system allows %zu; choose a shorter run_dir",
			path, strlen(path), longest);
		return NULL;
	}
	if (is_alive(path)) {
		error_set(err, "another process answers on the control socket %s already; stop it or choose another run_dir", path);
		return NULL;
	}
	server = memory_new(sizeof *server);
	address = memory_printf("unix:%s", path);
	server->listener = listener_new(loop, address, NULL, &limits, MAX_PEERS, on_accept, server, err);
	free(address);
	if (!server->listener) {
		free(server);
		return NULL;
	}
	return server;
}

void control_server_add(struct control_server *server, const struct control_verb *verbs, void *ctx)
{
	if (server->table_count == MAX_TABLES)
		bug("more than %d tables of control verbs", MAX_TABLES);
	server->tables[server->table_count].verbs = verbs;
	server->tables[server->table_count++].ctx = ctx;
}

void control_server_free(struct control_server **server)
{
	if (!*server)
		return;
	while ((*server)->peers)
		peer_free((*server)->peers);
	listener_free(&(*server)->listener);
	free(*server);
	*server = NULL;
}
