/* Rule server: what the IM server took from a connection and gave to it, against what the service said and heard there. The two ends of a
 * connection are brought together by their addresses (check_ends.h); with Communicator Web Access, whose sessions go over any connection, by the
 * session's sid. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "admin/check_ends.h"
#include "admin/check_rules.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"

#define ON_ITS_WAY_US 5000000u         /* real: what was given so long ago has arrived */

/* Longer ones may be cut into several on either side: of RTF, and of a text for CWA, which has 8000 bytes at most. */
enum { LONG_BYTES = 30000, LONG_CWA_BYTES = 7900 };

struct line {
	char key[CHECK_ENDS_SIZE];    /* both ends as the service knows them, or "sid N" */
	uint32_t session;
	const struct check_process *service, *server;
	uint64_t accepted, delivered; /* by the server */
	uint64_t heard;               /* by the service */
	bool is_cwa, is_long, faulty, closed, loose;
	bool held_up;                 /* perhaps: nobody knows whose connection a fault befell */
	struct check_place opened, last;
	UT_hash_handle hh, by_session;
};

/* What the service answered with OK, until its session is over. */
struct speaker {
	uint32_t session;
	uint64_t said_ok;
	bool is_exchanged;            /* its connection was, for one that the server has forgotten meanwhile */
	struct check_place last;
	UT_hash_handle hh;
};

struct pending { uint64_t key; UT_hash_handle hh; };       /* session and sequence of a MESSAGE that waits for its answer */

/* One life of an IM server: what it held ended with it, if it was killed without a line for each. */
struct server {
	const struct check_process *process;
	uint64_t sessions;
	UT_hash_handle hh;
};

struct check_servers {
	struct line *lines, *by_session;
	struct speaker *speakers;
	struct pending *pending;
	struct server *servers;
	struct check_ends *relayed;
};

static struct check_servers *state(struct check *c)
{
	if (!c->servers)
		c->servers = memory_new(sizeof *c->servers);
	return c->servers;
}

static struct server *server_of(struct check *c, const struct check_entry *e)
{
	struct server *server;

	HASH_FIND_PTR(state(c)->servers, &e->process, server);
	if (!server) {
		server = memory_new(sizeof *server);
		server->process = e->process;
		HASH_ADD_PTR(c->servers->servers, process, server);
	}
	return server;
}

static struct line *line_at(struct check *c, const char *key)
{
	struct line *line;

	HASH_FIND(hh, state(c)->lines, key, strlen(key), line);
	return line;
}

static struct line *line_of(struct check *c, uint64_t session)
{
	uint32_t id = (uint32_t)session;
	struct line *line;

	HASH_FIND(by_session, state(c)->by_session, &id, sizeof id, line);
	return line;
}

static struct speaker *speaker_of(struct check *c, uint64_t session)
{
	uint32_t id = (uint32_t)session;
	struct speaker *speaker;

	HASH_FIND(hh, state(c)->speakers, &id, sizeof id, speaker);
	if (!speaker) {
		speaker = memory_new(sizeof *speaker);
		speaker->session = id;
		HASH_ADD(hh, c->servers->speakers, session, sizeof speaker->session, speaker);
	}
	return speaker;
}

static void drop(struct check *c, struct line *line)
{
	HASH_DELETE(hh, c->servers->lines, line);
	if (line->session)
		HASH_DELETE(by_session, c->servers->by_session, line);
	free(line);
}

static uint64_t said_ok(struct check *c, const struct line *line)
{
	return line->session ? speaker_of(c, line->session)->said_ok : 0;
}

static bool gave_as_heard(const struct line *line)
{
	return line->heard == line->delivered || (line->heard > line->delivered && line->is_long);
}

static bool took_as_said(struct check *c, const struct line *line)
{
	uint64_t said = said_ok(c, line);

	return line->accepted == said || (line->accepted > said && line->is_long);
}

/* At rest nothing is on its way. */
static void judge_at_rest(struct check *c, struct line *line)
{
	if (!line->session || line->faulty || line->loose)
		return;
	if (gave_as_heard(line) && took_as_said(c, line)) {
		check_good(c->report, RULE_SERVER, 1);
		return;
	}
	if (!gave_as_heard(line))
		check_violated(c->report, RULE_SERVER, line->last, line->opened, "the IM server gave %" PRIu64
			" messages to the connection of session %u, and the service heard %" PRIu64, line->delivered, line->session, line->heard);
	else
		check_violated(c->report, RULE_SERVER, speaker_of(c, line->session)->last, line->opened, "the service answered %" PRIu64
			" messages of session %u with OK, and the IM server took %" PRIu64, said_ok(c, line), line->session, line->accepted);
	line->faulty = true;
}

/* Both ends are done with it. */
static void judge_closed(struct check *c, struct line *line)
{
	struct speaker *speaker = line->session ? speaker_of(c, line->session) : NULL;

	if (!line->session)
		;      /* a client of somebody else's, or the second login of a look at the list */
	else if (line->faulty)
		check_unknown(c->report, RULE_SERVER, "connections that were made to misbehave", 1);
	else if (line->loose)
		check_unknown(c->report, RULE_SERVER, "connections that ended with something on its way, or were exchanged for another", 1);
	else if (!line->closed)
		check_unknown(c->report, RULE_SERVER, "connections of services that were killed, or whose history is cut", 1);
	else
		check_good(c->report, RULE_SERVER, 1);
	if (speaker) {
		HASH_DEL(c->servers->speakers, speaker);
		free(speaker);
	}
	drop(c, line);
}

static struct line *add_line(struct check *c, const char *key, const struct check_entry *e)
{
	struct line *line = memory_new(sizeof *line);

	snprintf(line->key, sizeof line->key, "%s", key);
	line->opened = line->last = check_place(e);
	HASH_ADD_KEYPTR(hh, c->servers->lines, line->key, strlen(line->key), line);
	return line;
}

static void bind(struct check *c, struct line *line, uint32_t session, const struct check_entry *e)
{
	line->session = session;
	line->service = e->process;
	HASH_ADD(by_session, c->servers->by_session, session, sizeof line->session, line);
}

static const char *sid_key(const struct check_entry *e, char key[CHECK_ENDS_SIZE])
{
	char sid[48];

	snprintf(key, CHECK_ENDS_SIZE, "sid %s", check_value(e, "sid", sid, sizeof sid));
	return key;
}

/* --- the relay's lines ---------------------------------------------------------------------------------------------------------- */

/* What leaves in pieces arrives as it was. */
static void take_relay_fault(struct check *c, const struct check_entry *e)
{
	char key[CHECK_ENDS_SIZE], what[24];
	struct line *line = line_at(c, check_ends(e, "from", "at", key));

	if (strcmp(check_value(e, "what", what, sizeof what), "split") == 0)
		return;
	if (line) {
		line->faulty = true;
		return;
	}
	for (line = state(c)->lines; line; line = line->hh.next)
		line->held_up = line->held_up || line->is_cwa;
}

/* --- the server's lines --------------------------------------------------------------------------------------------------------- */

static void take_server(struct check *c, const struct check_entry *e)
{
	bool is_cwa = strcmp(e->process->name, "cwa") == 0;
	char buffer[CHECK_ENDS_SIZE];
	const char *key;
	struct line *line;

	if (e->event == EVENT_SERVER_LOGIN)
		server_of(c, e)->sessions++;
	else if (e->event == EVENT_SERVER_END && server_of(c, e)->sessions)
		server_of(c, e)->sessions--;
	if (strcmp(e->process->name, "ocs") == 0)
		return;       /* check_registrations.c */
	key = is_cwa ? sid_key(e, buffer) : check_ends_dialled(state(c)->relayed, e, buffer);
	line = line_at(c, key);
	if (e->event == EVENT_SERVER_LOGIN) {
		if (line && line->session)
			return;
		if (line)
			drop(c, line);
		add_line(c, key, e)->is_cwa = is_cwa;
		return;
	}
	if (!line)
		return;
	line->last = check_place(e);
	line->server = e->process;
	line->is_long = line->is_long || check_number(e, "bytes") > (is_cwa ? LONG_CWA_BYTES : LONG_BYTES);
	if (e->event == EVENT_SERVER_ACCEPTED)
		line->accepted++;
	else if (e->event == EVENT_SERVER_DELIVERED)
		line->delivered++;
	else if (e->event == EVENT_SERVER_FAULT)
		line->faulty = true;
}

/* --- the service's lines -------------------------------------------------------------------------------------------------------- */

static void take_connect(struct check *c, const struct check_entry *e)
{
	uint32_t session = (uint32_t)check_number(e, "session");
	struct line *line = line_of(c, session);
	char key[CHECK_ENDS_SIZE];

	if (line) {
		line->loose = true;          /* the session goes on on another one: what was under way is not known */
		return;
	}
	line = line_at(c, check_ends(e, "local", "peer", key));
	if (line)
		drop(c, line);               /* an old one of these ports */
	bind(c, add_line(c, key, e), session, e);
}

/* The service has a session there: from here on that is the connection, and not the one that it signed in over. */
static void take_cwa_session(struct check *c, const struct check_entry *e)
{
	uint32_t session = (uint32_t)check_number(e, "session");
	struct line *line = line_of(c, session), *begun;
	char key[CHECK_ENDS_SIZE], outcome[16];

	if (strcmp(check_value(e, "outcome", outcome, sizeof outcome), "begun") != 0)
		return;
	if (line && line->is_cwa) {
		line->loose = true;          /* the session goes on in another one: what was under way is not known */
		return;
	}
	if (line)
		drop(c, line);
	begun = line_at(c, sid_key(e, key));
	if (begun && begun->session) {
		/* An old one, of a server that counts anew. Whose it was may go on in another one. */
		speaker_of(c, begun->session)->is_exchanged = true;
		drop(c, begun);
		begun = NULL;
	}
	if (!begun) {
		begun = add_line(c, key, e);
		begun->is_cwa = true;
	}
	bind(c, begun, session, e);
	begun->loose = speaker_of(c, session)->is_exchanged;
}

static uint64_t key_of(const struct check_entry *e)
{
	return check_number(e, "session") << 32 | (uint32_t)check_number(e, "sequence");
}

static void take_taken(struct check *c, const struct check_entry *e)
{
	uint64_t type = check_number(e, "type"), key = key_of(e);
	struct pending *pending;

	if (type != IM_MESSAGE && type != IM_ROOM_MESSAGE)
		return;
	HASH_FIND(hh, state(c)->pending, &key, sizeof key, pending);
	if (pending)
		return;
	pending = memory_new(sizeof *pending);
	pending->key = key;
	HASH_ADD(hh, c->servers->pending, key, sizeof pending->key, pending);
}

static void take_answered(struct check *c, const struct check_entry *e)
{
	uint64_t key = key_of(e);
	struct pending *pending;
	struct speaker *speaker;

	HASH_FIND(hh, state(c)->pending, &key, sizeof key, pending);
	if (!pending)
		return;
	HASH_DEL(c->servers->pending, pending);
	free(pending);
	if (check_number(e, "code") != IM_OK)
		return;
	speaker = speaker_of(c, check_number(e, "session"));
	speaker->said_ok++;
	speaker->last = check_place(e);
}

static void take_heard(struct check *c, const struct check_entry *e)
{
	struct line *line = line_of(c, check_number(e, "session"));

	if (line && check_number(e, "kind") == IM_KIND_MESSAGE)
		line->heard++;
}

/* What was on its way when it was closed was given and not heard, or taken and not answered. */
static void take_end(struct check *c, const struct check_entry *e)
{
	struct line *line = line_of(c, check_number(e, "session"));
	uint64_t arrived_us;

	if (!line)
		return;
	line->closed = true;
	arrived_us = line->last.at_us + (line->is_cwa ? CHECK_ON_ITS_WAY_CWA_US : ON_ITS_WAY_US);
	/* What a server gave may have died with it. */
	if (!line->held_up && !(line->server && check_has_stopped(line->server)) && e->at_us > arrived_us)
		judge_at_rest(c, line);
	line->loose = line->loose || !gave_as_heard(line) || !took_as_said(c, line);
}

/* Of the IM server itself, and of a service that says that nothing is under way. */
static void take_mark(struct check *c, const struct check_entry *e)
{
	uint64_t sessions = check_number(e, "sessions");
	struct line *line, *next;

	if (check_is_at_rest(e)) {
		HASH_ITER(hh, state(c)->lines, line, next) {
			if (line->service == e->process)
				judge_at_rest(c, line);
		}
	}
	if (strcmp(e->process->name, "groupwise") != 0 && strcmp(e->process->name, "cwa") != 0 && strcmp(e->process->name, "ocs") != 0)
		return;
	if (sessions == server_of(c, e)->sessions)
		check_good(c->report, RULE_SERVER, 1);
	else
		check_violated(c->report, RULE_SERVER, check_place(e), (struct check_place){ 0 }, "the IM server %s holds %" PRIu64
			" sessions, and by its history %" PRIu64, e->process->name, sessions, server_of(c, e)->sessions);
}

static void take(struct check *c, const struct check_entry *e)
{
	switch (e->event) {
	case EVENT_SERVER_LOGIN:
	case EVENT_SERVER_END:
	case EVENT_SERVER_ACCEPTED:
	case EVENT_SERVER_DELIVERED:
	case EVENT_SERVER_FAULT:
		take_server(c, e);
		break;
	case EVENT_RELAY_LINK:
		check_ends_relayed(&state(c)->relayed, e);
		break;
	case EVENT_RELAY_FAULT:
		take_relay_fault(c, e);
		break;
	case EVENT_BACKEND_CONNECT:
		if (c->has_server)
			take_connect(c, e);
		break;
	case EVENT_CWA_SESSION:
		if (c->has_server)
			take_cwa_session(c, e);
		break;
	case EVENT_IM_TAKEN:
		if (c->has_server)
			take_taken(c, e);
		break;
	case EVENT_IM_ANSWERED:
		if (c->has_server)
			take_answered(c, e);
		break;
	case EVENT_IM_HEARD:
		take_heard(c, e);
		break;
	case EVENT_SESSION_END:
	case EVENT_SESSION_EVICT:
		take_end(c, e);
		break;
	case EVENT_BACKEND_CLOSED:
		if (line_of(c, check_number(e, "session")))
			judge_closed(c, line_of(c, check_number(e, "session")));
		break;
	case EVENT_HISTORY_MARK:
		take_mark(c, e);
		break;
	default:
		break;
	}
}

static void finish(struct check *c)
{
	struct line *line, *next;

	HASH_ITER(hh, state(c)->lines, line, next)
		judge_closed(c, line);
	if (!c->has_server)
		check_unknown(c->report, RULE_SERVER, "IM server without a history", 1);
}

static void free_all(struct check *c)
{
	struct speaker *speaker, *next_speaker;
	struct pending *pending, *next_pending;
	struct server *server, *next_server;
	struct line *line, *next;

	if (!c->servers)
		return;
	check_ends_free(&c->servers->relayed);
	HASH_ITER(hh, c->servers->lines, line, next)
		drop(c, line);
	HASH_ITER(hh, c->servers->speakers, speaker, next_speaker) {
		HASH_DEL(c->servers->speakers, speaker);
		free(speaker);
	}
	HASH_ITER(hh, c->servers->pending, pending, next_pending) {
		HASH_DEL(c->servers->pending, pending);
		free(pending);
	}
	HASH_ITER(hh, c->servers->servers, server, next_server) {
		HASH_DEL(c->servers->servers, server);
		free(server);
	}
	free(c->servers);
	c->servers = NULL;
}

const struct check_rule_set check_servers = { take, finish, free_all };
