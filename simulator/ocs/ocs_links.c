/* Links of the simulated Communications Server: who is at the other end, messages in, messages out, and their end. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"


static const char *const special_kinds[] = { FAULT_EVENT, NULL };

#define LINGER_MS 2000

/* --- out --------------------------------------------------------------------------------------------------------------------- */

static void send_now(void *arg, struct bytes message)
{
	struct link *link = arg;

	connection_send(link->connection, message);
}

static void cut(void *arg);

/* As if the network had gone: nothing leaves, nothing is read, the connection stays. */
static void fall_into_hole(struct link *link, struct fault fault)
{
	if (!link->hole)
		link->hole = fault_hole_new(link->server->loop, link->server->faults, cut, link);
	fault_outlet_clear(link->outlet);
	connection_pause(link->connection);
	fault_hole_open(link->hole, fault);
}

void link_send(struct link *link, struct sip_message **message, struct fault fault)
{
	struct buf *scratch = &link->server->scratch;

	buf_clear(scratch);
	sip_encode(*message, scratch);
	log_debug("sent peer=%s %s=%s", connection_peer(link->connection), (*message)->method ? "request" : "answer",
		(*message)->method ? (*message)->method : log_str((*message)->reason));
	if (fault.action == FAULT_HALF_OPEN && !fault_hole_is_open(link->hole))
		fall_into_hole(link, fault);
	if (!link->ending && !fault_hole_is_open(link->hole))
		fault_outlet_send(link->outlet, fault, buf_bytes(scratch));
	sip_free(message);
}

/* Which of his endpoints it meets is not always known. */
static void record_fault(const struct user *user)
{
	for (const struct endpoint *e = user->endpoints; e; e = e->next)
		endpoint_record(e, "server.fault", 0);
}

void link_send_event(struct link *link, const struct user *user, struct sip_message **message)
{
	struct fault fault = faults_next(link->server->faults, loop_now_ms(link->server->loop), user->seed->id, FAULT_EVENT);

	if (fault.action != FAULT_NONE)
		record_fault(user);
	link_send(link, message, fault);
}

const char *fresh(struct ocs_server *server, const char *prefix)
{
	static char texts[8][48];
	static unsigned next;
	char *text = texts[next++ % 8];

	snprintf(text, sizeof texts[0], "%s%08x%08x", prefix, server->salt, ++server->next);
	return text;
}

const char *link_transport(const struct link *link)
{
	return connection_is_tls(link->connection) ? "tls" : "tcp";
}

void add_via(const struct link *link, struct sip_message *message, const char *branch)
{
	const struct ocs_server *server = link->server;

	sip_add_first(message, "Via", "SIP/2.0/%s %s;branch=%s", connection_is_tls(link->connection) ? "TLS" : "TCP", server->name, branch);
}

void add_contact(const struct link *link, struct sip_message *message)
{
	sip_add(message, "Contact", "<sip:%s;transport=%s>", link->server->name, link_transport(link));
}

struct sip_message *answer_new(const struct request *r, int status)
{
	struct sip_message *m = sip_answer(r->message, status, NULL, r->tag ? r->tag : fresh(r->server, ""));

	sip_add(m, "Server", "RTC/%s", r->server->settings.lcs2005 ? "2.0" : "3.0");
	return m;
}

void answer_send(struct request *r, struct sip_message **message)
{
	link_send(r->link, message, r->fault);
}

void answer(struct request *r, int status)
{
	struct sip_message *m = answer_new(r, status);

	answer_send(r, &m);
}

void answer_because(struct request *r, int status, unsigned id, const char *why)
{
	struct sip_message *m = answer_new(r, status);

	/* Numbers of 60000 and up are ours: nobody else's mean that. */
	sip_add(m, "ms-diagnostics", "%u;reason=\"%s\";source=\"%s\"", id ? id : 60000, why, r->server->name);
	log_info("refused user=%s peer=%s method=%s status=%d reason=%s", r->user ? r->user->seed->id : "-",
		connection_peer(r->link->connection), r->message->method, status, log_str(why));
	answer_send(r, &m);
}

/* --- in ---------------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	bool signed_on;                         /* only for users who are signed on over this link */
	void (*run)(struct request *r);
} methods[] = {
	{ "REGISTER", false, on_register },
	{ "SUBSCRIBE", true, on_subscribe },
	{ "SERVICE", true, on_service },
	{ "INVITE", true, on_proxied },
	{ "ACK", true, on_ack },
	{ "CANCEL", true, on_cancel },
	{ "MESSAGE", true, on_proxied },
	{ "INFO", true, on_proxied },
	{ "OPTIONS", true, on_proxied },
	{ "BYE", true, on_proxied },
};

/* The URI of a route is ours: our name and port, or the name alone. Another proxy may be on the same host. */
static bool is_us(const struct ocs_server *server, const char *uri)
{
	size_t host = strcspn(server->name, ":"), len;

	if (strncasecmp(uri, "sip:", 4) != 0)
		return false;
	uri += 4;
	len = strcspn(uri, ";?");
	return (len == host || len == strlen(server->name)) && strncasecmp(uri, server->name, len) == 0;
}

static void drop_our_routes(struct request *r)
{
	char *route;

	while ((route = sip_first_route(r->message))) {
		const char *start = strchr(route, '<');
		char *uri = start ? bytes_dup(bytes_of(start + 1, strcspn(start + 1, ">"))) : memory_str(route);
		bool ours = is_us(r->server, uri);

		free(uri);
		free(route);
		if (!ours)
			return;
		sip_pop_route(r->message);
	}
}

static void run(struct request *r)
{
	bool is_ack = strcmp(r->message->method, "ACK") == 0;
	size_t i = 0;

	while (i < sizeof methods / sizeof methods[0] && strcmp(methods[i].name, r->message->method) != 0)
		i++;
	if (r->link->kind == LINK_REFUSED) {
		if (!is_ack)
			answer_because(r, 403, 0, r->link->refusal);
		link_end(r->link, r->link->refusal);
	} else if (i == sizeof methods / sizeof methods[0]) {
		struct sip_message *m = answer_new(r, 405);

		sip_add(m, "Allow", "REGISTER, SUBSCRIBE, SERVICE, INVITE, ACK, CANCEL, MESSAGE, INFO, OPTIONS, BYE");
		answer_send(r, &m);
	} else if (!is_ack && r->fault.action == FAULT_REFUSE) {
		answer(r, (int)r->fault.value);
	} else if (!is_ack && sip_number(r->message, "Max-Forwards", 70) == 0) {
		answer(r, 483);
	} else if (methods[i].signed_on && !r->endpoint) {
		if (!is_ack)
			answer_because(r, 403, 0, "the user in From has not registered over this connection");
	} else if (!methods[i].signed_on || !on_conference(r)) {
		methods[i].run(r);
	}
}

static void on_request(struct link *link, struct sip_message *message)
{
	struct ocs_server *server = link->server;
	struct request r = { .server = server, .link = link, .message = message };

	drop_our_routes(&r);
	r.user = user_find(server, message->from.address);
	r.endpoint = r.user ? endpoint_on(r.user, link, message->from.epid) : NULL;
	r.fault = faults_next(server->faults, loop_now_ms(server->loop), r.user ? r.user->seed->id : "-", message->method);
	if (r.fault.action != FAULT_NONE && r.user)
		record_fault(r.user);
	if (r.fault.action == FAULT_HALF_OPEN) {
		fall_into_hole(link, r.fault);
		return;
	}
	if (r.fault.action == FAULT_CLOSE) {
		link_end(link, "fault");
		return;
	}
	run(&r);
	if (r.fault.action == FAULT_HALF_CLOSE)
		link_end(link, "fault");
}

static void on_message(void *ctx, struct bytes raw)
{
	struct link *link = ctx;
	struct sip_message *message;
	struct error err = { "" };

	if (link->ending)
		return;
	link_rearm(link);
	if (sip_is_keep_alive(raw))
		return;
	message = sip_decode(raw, &err);
	if (!message) {
		/* Whom to answer cannot be told. A server's link carries many users: one bad message does not cost them all. */
		log_warning("malformed message peer=%s: %s", connection_peer(link->connection), err.text);
		if (link->kind != LINK_SERVER)
			link_end(link, "malformed");
		return;
	}
	log_debug("came peer=%s %s=%s from=%s call=%s cseq=%u", connection_peer(link->connection), message->method ? "request" : "answer",
		message->method ? message->method : log_str(message->reason), log_str(message->from.address), log_str(message->call_id),
		message->cseq);
	if (message->method)
		on_request(link, message);
	else if (link->kind != LINK_REFUSED && strcmp(message->cseq_method, "NOTIFY") == 0)
		on_notify_answer(link->server, message);
	else if (link->kind != LINK_REFUSED && !on_mcu_answer(link->server, message))
		on_proxied_answer(link, message);
	sip_free(&message);
}

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	(void)ctx;
	return sip_split(in, err);
}

/* --- life of a link -------------------------------------------------------------------------------------------------------------- */

void link_rearm(struct link *link)
{
	bool waits_for_user = !link->endpoint_count;

	if (link->kind == LINK_SERVER || link->ending || (!waits_for_user && !link->keeps_alive))
		loop_timer_cancel(link->timer);
	else if (!waits_for_user)
		loop_timer_set(link->timer, 2000ull * KEEP_ALIVE_S);
	else if (!loop_timer_is_set(link->timer))
		loop_timer_set(link->timer, LOGIN_DEADLINE_MS);
}

static void on_timer(void *arg)
{
	struct link *link = arg;

	link_end(link, link->endpoint_count ? "no-keep-alive" : "nobody-registered-in-time");
}

static void link_gone(struct link *link, const char *why)
{
	endpoints_of_link_end(link, why);
	proxy_link_gone(link);
}

void link_end(struct link *link, const char *why)
{
	if (link->ending)
		return;
	log_info("link end peer=%s reason=%s", connection_peer(link->connection), log_str(why));
	link->ending = true;
	loop_timer_cancel(link->timer);
	link_gone(link, why);
	if (fault_hole_is_open(link->hole))
		return;         /* the peer hears nothing of it before the connection is cut */
	fault_outlet_finish(link->outlet);
	connection_finish(link->connection, LINGER_MS);
}

static void link_free(struct link *link)
{
	struct ocs_server *server = link->server;

	DL_DELETE(server->links, link);
	server->link_count--;
	loop_timer_free(&link->timer);
	fault_outlet_free(&link->outlet);
	fault_hole_free(&link->hole);
	connection_free(&link->connection);
	free(link);
	if (server->shutting_down && !server->links && server->shutdown_done)
		server->shutdown_done(server->shutdown_arg);
}

/* The end of being half-open. */
static void cut(void *arg)
{
	struct link *link = arg;

	if (!link->ending) {
		log_info("link end peer=%s reason=half-open", connection_peer(link->connection));
		link->ending = true;
		link_gone(link, "half-open");
	}
	link_free(link);
}

static void on_closed(void *ctx, enum connection_end how, const char *why)
{
	struct link *link = ctx;

	if (!link->ending) {
		if (how == CONNECTION_PEER_CLOSED)
			log_info("link end peer=%s reason=%s", connection_peer(link->connection), connection_end_name(how));
		else
			log_warning("link end peer=%s reason=%s: %s", connection_peer(link->connection), connection_end_name(how), why);
		link->ending = true;
		link_gone(link, connection_end_name(how));
	}
	link_free(link);
}

/* The handshake is over: what is the peer? Source: document for the trusted-server list; the outcomes are ours. */
static void on_up(void *ctx)
{
	struct link *link = ctx;
	const struct ocs_server_settings *set = &link->server->settings;

	if (connection_has_certificate(link->connection)) {
		for (size_t i = 0; i < set->trusted_count && !link->trusted; i++)
			if (connection_is_named(link->connection, set->trusted[i]))
				link->trusted = set->trusted[i];
		link->kind = link->trusted ? LINK_SERVER : LINK_REFUSED;
		if (!link->trusted)
			link->refusal = "the certificate names no trusted server";
	} else if (connection_is_tls(link->connection) && !set->tls_clients) {
		link->kind = LINK_REFUSED;
		link->refusal = "clients are not let in here";
	}
	log_info("link peer=%s kind=%s name=%s transport=%s", connection_peer(link->connection),
		link->kind == LINK_SERVER ? "server" : link->kind == LINK_CLIENT ? "client" : "refused",
		link->trusted ? log_str(link->trusted) : "-", link_transport(link));
	link_rearm(link);
}

static const struct connection_callbacks callbacks = { .up = on_up, .split = split, .message = on_message, .closed = on_closed };

static const struct connection_limits limits = {
	.max_message = SIP_MESSAGE_MAX,
	.max_queued = 16 * 1024 * 1024,
	.first_message_ms = LOGIN_DEADLINE_MS,
};

static void on_accept(void *ctx, struct connection *c)
{
	struct ocs_server *server = ctx;
	struct link *link;

	if (server->shutting_down) {
		connection_free(&c);
		return;
	}
	link = memory_new(sizeof *link);
	link->server = server;
	link->connection = c;
	link->timer = loop_timer_new(server->loop, on_timer, link);
	link->outlet = fault_outlet_new(server->loop, send_now, link);
	DL_PREPEND(server->links, link);
	server->link_count++;
	server->links_total++;
	connection_own(c, &callbacks, link);
}

/* --- what fault words may name ----------------------------------------------------------------------------------------------------- */

static bool is_user(void *ctx, const char *name)
{
	const struct ocs_server *server = ctx;
	const struct world_user *user = world_find(server->world, bytes_str(name));

	return user && strcasecmp(user->id, name) == 0;
}

static bool is_kind(void *ctx, const char *name)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (strcmp(methods[i].name, name) == 0 && methods[i].run != on_ack)
			return true;
	return false;
}

static int parse_code(const char *text, uint32_t *out)
{
	char *stop;
	unsigned long value = strtoul(text, &stop, 10);

	if (*stop || strlen(text) != 3 || value < 300 || value > 699)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

/* --- the server ------------------------------------------------------------------------------------------------------------------- */

struct ocs_server *ocs_server_new(struct loop *loop, const struct world *world, const struct ocs_server_settings *settings,
	struct error *err)
{
	struct ocs_server *server = memory_new(sizeof *server);

	server->loop = loop;
	server->world = world;
	server->settings = *settings;
	/* Tags and branches of an earlier run mean nothing to this one. */
	server->salt = (uint32_t)loop_wall_ms();
	server->faults = faults_new(&(struct fault_terms){ .whom = "user", .where = "in this world", .is_whom = is_user, .is_kind = is_kind,
		.special = special_kinds, .kind_noun = "request", .kind_help = FAULT_EVENT " and all", .suits = fault_suits_server, .parse_code = parse_code,
		.code_help = "a SIP status from 300 to 699", .ctx = server });
	users_make(server);
	server->listener = listener_new(loop, settings->listen, settings->tls, &limits, 0, on_accept, server, err);
	if (server->listener && settings->listen_tcp)
		server->tcp_listener = listener_new(loop, settings->listen_tcp, NULL, &limits, 0, on_accept, server, err);
	if (!server->listener || (settings->listen_tcp && !server->tcp_listener)) {
		ocs_server_free(&server);
		return NULL;
	}
	server->address = memory_str(listener_address(server->listener));
	server->tcp_address = server->tcp_listener ? memory_str(listener_address(server->tcp_listener)) : NULL;
	server->name = memory_printf("%s:%d", settings->name, listener_port(server->listener));
	return server;
}

struct faults *ocs_server_faults(struct ocs_server *server)
{
	return server->faults;
}

const char *ocs_server_address(const struct ocs_server *server)
{
	return server->address;
}

const char *ocs_server_tcp_address(const struct ocs_server *server)
{
	return server->tcp_address;
}

void ocs_server_shutdown(struct ocs_server *server, loop_fn *done, void *arg)
{
	struct link *next;

	if (server->shutting_down)
		return;
	server->shutting_down = true;
	server->shutdown_done = done;
	server->shutdown_arg = arg;
	listener_free(&server->listener);
	listener_free(&server->tcp_listener);
	if (!server->links) {
		done(arg);
		return;
	}
	for (struct link *link = server->links; link; link = next) {
		next = link->next;
		if (fault_hole_is_open(link->hole))
			cut(link);
		else
			link_end(link, "server-shutdown");
	}
}

void ocs_server_free(struct ocs_server **pointer)
{
	struct ocs_server *server = *pointer;

	if (!server)
		return;
	server->shutdown_done = NULL;
	server->shutting_down = true;
	while (server->links) {
		struct link *link = server->links;

		link->ending = true;
		link_gone(link, "end");
		link_free(link);
	}
	listener_free(&server->listener);
	listener_free(&server->tcp_listener);
	meetings_free(server);
	proxy_free(server);
	users_free(server);
	faults_free(&server->faults);
	buf_free(&server->scratch);
	free(server->address);
	free(server->tcp_address);
	free(server->name);
	free(server);
	*pointer = NULL;
}
