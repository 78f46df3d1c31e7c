/* Connections of the simulated Messenger server: requests in, answers and events out, and the end of a session. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/groupwise/gw_state.h"

#define LINGER_MS 2000

static const char *const special_kinds[] = { FAULT_EVENT, NULL };

static const char *user_of(const struct session *s)
{
	return s->person ? s->person->seed->id : "-";
}

static void end(struct session *s, uint32_t event, const char *why, bool replaced);
static void cut(void *arg);

/* As if the network had gone: nothing leaves, nothing is read, the connection stays. */
static void fall_into_hole(struct session *s, struct fault fault)
{
	if (!s->hole)
		s->hole = fault_hole_new(s->server->loop, s->server->faults, cut, s);
	fault_outlet_clear(s->outlet);
	connection_pause(s->connection);
	fault_hole_open(s->hole, fault);
}

/* --- for the history -------------------------------------------------------------------------------------------------------- */

void session_record(const struct session *s, const char *event, uint64_t bytes)
{
	struct trail_entry entry = { .event = event, .numbers = { { "bytes", bytes } } };

	if (!trail_is_heard(s->server->settings.records))
		return;
	trail_text(&entry, "peer=%s local=%s user=%s", connection_peer(s->connection), connection_local(s->connection), log_str(user_of(s)));
	trail_record(s->server->settings.records, &entry);
}

void gw_server_count(void *ctx, struct trail_entry *entry)
{
	const struct gw_server *server = ctx;

	history_number(entry, "sessions", server->session_count);
	history_number(entry, "connections", server->connection_count);
}

/* --- out -------------------------------------------------------------------------------------------------------------------- */

void session_event(struct session *s, const struct gw_event *event)
{
	struct gw_server *server = s->server;
	struct fault fault;

	/* A type that the client's version does not know would make it drop the connection. */
	if (s->ending || fault_hole_is_open(s->hole) || gw_event_min_build(event->type) > s->build)
		return;
	buf_clear(&server->scratch);
	gw_event_encode(event, &server->scratch);
	fault = faults_next(server->faults, loop_now_ms(server->loop), user_of(s), FAULT_EVENT);
	if (fault.action)
		session_record(s, "server.fault", 0);
	if (fault.action == FAULT_HALF_OPEN) {
		fall_into_hole(s, fault);
		return;
	}
	if (event->type == GW_EVENT_MESSAGE)
		session_record(s, "server.delivered", event->text.len);
	fault_outlet_send(s->outlet, fault, buf_bytes(&server->scratch));
	log_debug("event user=%s type=%s about=%s", user_of(s), gw_event_name(event->type), log_value(event->source));
}

void call_answer(struct call *call, uint32_t code)
{
	struct session *s = call->session;
	struct gw_server *server = s->server;
	struct error err;

	if (call->answered)
		bug("a request answered twice");
	call->answered = true;
	buf_clear(&server->scratch);
	if (gw_answer_encode(code == GW_OK ? call->out : NULL, code, call->transaction, loop_wall_ms(), &server->scratch, &err) < 0)
		bug("an answer that clients cannot take: %s", err.text);
	fault_outlet_send(s->outlet, call->fault, buf_bytes(&server->scratch));
}

/* A client learns the differences from the answer to its own request; no command tells them to the others. */
void call_changed(struct call *call)
{
	struct person *person = call->session->person;

	person_changed(call->session->server, person);
	person_event(person, person->slots & ~(1u << call->session->slot), &(struct gw_event){ .type = GW_EVENT_CONTACT_ADDED,
		.source = person->dn });
}

static void send_now(void *arg, struct bytes message)
{
	struct session *s = arg;

	connection_send(s->connection, message);
}

/* --- in --------------------------------------------------------------------------------------------------------------------- */

static const struct command *const command_tables[] = {
	session_commands, list_commands, privacy_commands, conference_commands, search_commands,
};

static const struct command *command_find(struct bytes name)
{
	for (size_t t = 0; t < sizeof command_tables / sizeof command_tables[0]; t++)
		for (const struct command *c = command_tables[t]; c->name; c++)
			if (bytes_is(name, c->name))
				return c;
	return NULL;
}

/* Whose request it is: before login the one it names. */
static const char *fault_user(const struct session *s, const struct gw_field *in)
{
	const struct person *named = s->person ? s->person : person_find(s->server, gw_text(in, GW_TAG_USERID));

	return named ? named->seed->id : "-";
}

/* Before login a deadline of its own; then two keep-alive periods from the last request on. */
static void rearm(struct session *s)
{
	loop_timer_set(s->timer, s->person ? 2ull * 60000 * s->server->settings.keepalive_minutes : LOGIN_DEADLINE_MS);
}

static void on_message(void *ctx, struct bytes raw)
{
	struct session *s = ctx;
	struct gw_server *server = s->server;
	struct gw_request request;
	struct call call = { .session = s, .in = &server->in.root, .out = &server->out };
	const struct command *command;
	struct error err;
	int rc;

	if (s->ending)
		return;
	rc = gw_request_decode(raw, &server->in, &request, &err);
	gw_tree_clear(&server->out);
	call.transaction = request.transaction;
	command = command_find(request.command);
	log_debug("request user=%s peer=%s command=%s transaction=%s", user_of(s), connection_peer(s->connection),
		log_value(request.command), log_value(request.transaction));
	if (s->person)
		rearm(s);
	call.fault = faults_next(server->faults, loop_now_ms(server->loop), fault_user(s, call.in), command ? command->name : "-");
	if (call.fault.action)
		session_record(s, "server.fault", 0);
	if (call.fault.action == FAULT_HALF_OPEN) {
		gw_tree_clear(&server->in);
		fall_into_hole(s, call.fault);
		return;
	}
	if (call.fault.action == FAULT_CLOSE) {
		gw_tree_clear(&server->in);
		end(s, 0, "fault", false);
		return;
	}
	if (rc < 0) {
		log_warning("malformed request user=%s peer=%s: %s", user_of(s), connection_peer(s->connection), err.text);
		call_answer(&call, GW_PROTOCOL_ERROR);
	} else if (!s->person && !(command && command->before_login)) {
		call_answer(&call, GW_NO_SESSION);
	} else if (!command) {
		log_info("unknown command user=%s command=%s", user_of(s), log_value(request.command));
		call_answer(&call, GW_NOT_SUPPORTED);
	} else if (call.fault.action == FAULT_REFUSE && s->person) {
		call_answer(&call, call.fault.value);
	} else if (s->person && command->lock && policies_lock(&s->person->policies, command->lock)) {
		call_answer(&call, GW_LOCKED_BY_ADMIN);
	} else {
		uint32_t code = command->run(&call);

		if (!call.answered)
			call_answer(&call, code);
		if (code && command->run)
			log_debug("refused user=%s command=%s code=%04X (%s)", user_of(s), command->name, code, gw_code_text(code));
	}
	if (call.fault.action == FAULT_HALF_CLOSE)
		end(s, 0, "fault", false);
	/* The request may hold a password. */
	gw_tree_clear(&server->in);
}

static ssize_t split(void *ctx, struct bytes in, struct error *err)
{
	struct session *s = ctx;

	return gw_request_split(&s->scan, in, err);
}

/* --- the end of a session ----------------------------------------------------------------------------------------------------- */

static void logged_out(struct session *s, bool replaced)
{
	struct person *person = s->person;

	if (!person)
		return;
	session_record(s, "server.end", 0);
	conferences_leave(s);
	s->person = NULL;
	s->server->session_count--;
	person->sessions[s->slot] = NULL;
	person->slots &= ~(1u << s->slot);
	if (replaced || person->slots)
		return;
	person->status = GW_OFFLINE;
	if (person->announced)
		person_announce(person);
	person->announced = false;
	person_changed(s->server, person);
}

static void session_free(struct session *s)
{
	struct gw_server *server = s->server;

	DL_DELETE(server->sessions, s);
	server->connection_count--;
	searches_free(s);
	loop_timer_free(&s->timer);
	fault_outlet_free(&s->outlet);
	fault_hole_free(&s->hole);
	connection_free(&s->connection);
	free(s);
	if (server->shutting_down && !server->sessions && server->shutdown_done)
		server->shutdown_done(server->shutdown_arg);
}

static void end(struct session *s, uint32_t event, const char *why, bool replaced)
{
	if (s->ending)
		return;
	log_info("session end user=%s peer=%s reason=%s", user_of(s), connection_peer(s->connection), why);
	if (event && s->person)
		session_event(s, &(struct gw_event){ .type = event, .source = s->person->dn });
	logged_out(s, replaced);
	s->ending = true;
	loop_timer_cancel(s->timer);
	if (fault_hole_is_open(s->hole))
		return;         /* the client hears nothing of it before the connection is cut */
	fault_outlet_finish(s->outlet);
	connection_finish(s->connection, LINGER_MS);
}

/* The end of being half-open. */
static void cut(void *arg)
{
	struct session *s = arg;

	if (!s->ending) {
		log_info("session end user=%s peer=%s reason=half-open", user_of(s), connection_peer(s->connection));
		logged_out(s, false);
	}
	session_free(s);
}

void gw_session_end(struct session *s, uint32_t event, const char *why)
{
	end(s, event, why, false);
}

void session_login(struct session *s, struct person *person)
{
	unsigned slot = 0;

	if (person->slots && !s->server->settings.several_sessions)
		end(person->sessions[__builtin_ctz(person->slots)], GW_EVENT_ELSEWHERE, "signed-on-elsewhere", true);
	while (person->slots & 1u << slot)
		slot++;
	s->person = person;
	s->slot = slot;
	person->sessions[slot] = s;
	person->slots |= 1u << slot;
	s->server->session_count++;
	if (s->server->sessions_most < s->server->session_count)
		s->server->sessions_most = s->server->session_count;
	/* Available until he says otherwise, which clients do at once; others are told only then. */
	if (!person->announced && !person->restored && person_session_count(person) == 1) {
		person->status = GW_AVAILABLE;
		free(person->status_text);
		free(person->auto_reply);
		person->status_text = person->auto_reply = NULL;
	}
	person->restored = false;
	rearm(s);
}

static void on_closed(void *ctx, enum connection_end how, const char *why)
{
	struct session *s = ctx;

	if (!s->ending) {
		if (how == CONNECTION_MALFORMED || how == CONNECTION_TOO_SLOW || how == CONNECTION_OVERFLOW)
			log_warning("session end user=%s peer=%s reason=%s: %s", user_of(s), connection_peer(s->connection),
				connection_end_name(how), why);
		else
			log_info("session end user=%s peer=%s reason=%s", user_of(s), connection_peer(s->connection),
				connection_end_name(how));
		logged_out(s, false);
	}
	session_free(s);
}

static void on_timer(void *arg)
{
	struct session *s = arg;

	gw_session_end(s, 0, s->person ? "no-request-for-two-keep-alive-periods" : "no-login-in-time");
}

/* --- what fault words may name --------------------------------------------------------------------------------------------------- */

/* Faults go by the plain id. */
static bool is_user(void *ctx, const char *name)
{
	const struct person *person = person_find(ctx, bytes_str(name));

	return person && strcasecmp(person->seed->id, name) == 0;
}

static bool is_kind(void *ctx, const char *name)
{
	(void)ctx;
	return command_find(bytes_str(name)) != NULL;
}

/* "D123" or "0xD123". */
static int parse_code(const char *text, uint32_t *out)
{
	char *stop;
	unsigned long value;

	if (strncmp(text, "0x", 2) == 0)
		text += 2;
	value = strtoul(text, &stop, 16);
	if (*stop || stop == text || strlen(text) > 4 || !value)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

/* --- the server ------------------------------------------------------------------------------------------------------------------ */

static const struct connection_callbacks callbacks = { .split = split, .message = on_message, .closed = on_closed };

static const struct connection_limits limits = {
	.max_message = GW_REQUEST_MAX,
	.max_queued = 16 * 1024 * 1024,
};

static void on_accept(void *ctx, struct connection *c)
{
	struct gw_server *server = ctx;
	struct session *s;

	if (server->shutting_down) {
		connection_free(&c);
		return;
	}
	s = memory_new(sizeof *s);
	s->server = server;
	s->connection = c;
	s->build = GW_BUILD_CLIENT;
	s->timer = loop_timer_new(server->loop, on_timer, s);
	s->outlet = fault_outlet_new(server->loop, send_now, s);
	DL_PREPEND(server->sessions, s);
	server->connection_count++;
	server->connections_total++;
	rearm(s);
	connection_own(c, &callbacks, s);
}

struct gw_server *gw_server_new(struct loop *loop, const struct world *world, const struct gw_server_settings *settings,
	struct error *err)
{
	struct gw_server *server = memory_new(sizeof *server);

	server->loop = loop;
	server->world = world;
	server->settings = *settings;
	if (!server->settings.keepalive_minutes)
		server->settings.keepalive_minutes = 10;
	/* Ids of an earlier run mean nothing to this one. */
	server->conference_salt = (uint32_t)loop_wall_ms();
	server->listener = listener_new(loop, settings->listen, settings->tls, &limits, 0, on_accept, server, err);
	if (!server->listener) {
		free(server);
		return NULL;
	}
	server->faults = faults_new(&(struct fault_terms){ .whom = "user", .where = "in this world", .is_whom = is_user,
		.is_kind = is_kind, .special = special_kinds, .kind_noun = "request", .kind_help = FAULT_EVENT " and all", .suits = fault_suits_server,
		.parse_code = parse_code, .code_help = "a result code in hex such as D123", .ctx = server });
	server->address = memory_str(listener_address(server->listener));
	persons_make(server);
	return server;
}

struct faults *gw_server_faults(struct gw_server *server)
{
	return server->faults;
}

const char *gw_server_address(const struct gw_server *server)
{
	return server->address;
}

void gw_server_shutdown(struct gw_server *server, loop_fn *done, void *arg)
{
	struct session *next;

	if (server->shutting_down)
		return;
	server->shutting_down = true;
	server->shutdown_done = done;
	server->shutdown_arg = arg;
	/* What follows is the server's own end, and is not kept. */
	keep_free(&server->keep);
	listener_free(&server->listener);
	if (!server->sessions) {
		done(arg);
		return;
	}
	/* All are told before the first leaves: nobody needs to hear that the others went offline. */
	for (struct session *s = server->sessions; s; s = s->next)
		if (s->person)
			session_event(s, &(struct gw_event){ .type = GW_EVENT_SERVER_DOWN, .source = s->person->dn });
	for (struct session *s = server->sessions; s; s = next) {
		next = s->next;
		if (s->person)
			s->person->announced = false;
		if (fault_hole_is_open(s->hole))
			cut(s);
		else
			gw_session_end(s, 0, "server-shutdown");
	}
}

void gw_server_free(struct gw_server **pointer)
{
	struct gw_server *server = *pointer;

	if (!server)
		return;
	server->shutdown_done = NULL;
	keep_free(&server->keep);
	while (server->sessions) {
		struct session *s = server->sessions;

		if (s->person)
			s->person->announced = false;
		logged_out(s, false);
		session_free(s);
	}
	listener_free(&server->listener);
	conferences_free(server);
	persons_free(server);
	faults_free(&server->faults);
	gw_tree_free(&server->in);
	gw_tree_free(&server->out);
	buf_free(&server->scratch);
	free(server->address);
	free(server);
	*pointer = NULL;
}
