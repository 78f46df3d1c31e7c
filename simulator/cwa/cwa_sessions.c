/* Sessions: their events, the request that waits for them, and what ends them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_state.h"

/* --- for the history ------------------------------------------------------------------------------------------------------------------ */

void cwa_session_record(const struct session *s, const char *event, uint64_t bytes)
{
	struct trail_entry entry = { .event = event, .numbers = { { "bytes", bytes } } };

	if (!trail_is_heard(s->server->settings.records))
		return;
	trail_text(&entry, "sid=%ju user=%s", (uintmax_t)s->sid, log_str(s->user->seed->id));
	trail_record(s->server->settings.records, &entry);
}

void cwa_server_count(void *ctx, struct trail_entry *entry)
{
	const struct cwa_server *server = ctx;
	uint64_t signed_on = 0;

	for (const struct session *s = server->sessions; s; s = s->hh.next)
		signed_on += s->signed_on;
	history_number(entry, "sessions", signed_on);
}

/* --- the request for events ------------------------------------------------------------------------------------------------------- */

uint32_t session_poll_wait_ms(const struct session *s)
{
	uint64_t wait = (uint64_t)(s->conferences ? s->server->settings.busy_poll_ms : s->server->settings.poll_ms) * s->server->load;

	return wait > POLL_WAIT_MAX_MS ? POLL_WAIT_MAX_MS : (uint32_t)wait;
}

static const struct event *first_after(const struct session *s, uint64_t ack)
{
	const struct event *e = s->events;

	while (e && e->eid <= ack)
		e = e->next;
	return e;
}

/* The events stay until they are acknowledged: the answer borrows their items. */
static void fill_answer(const struct session *s, struct call *call, uint64_t ack)
{
	uint64_t now = loop_now_ms(s->server->loop), due = s->seen_ms + s->server->settings.idle_ms;
	uint64_t last = s->events ? s->events->eid - 1 : s->counter;
	unsigned count = 0;

	call->format = s->format;
	call->native = s->native;
	call->root = cwa_root(&call->out, &cwa_events);
	for (const struct event *e = first_after(s, ack); e && count < EVENTS_OF_ANSWER; e = e->next, count++) {
		cwa_append(call->root, e->tree.root->first);
		last = e->eid;
	}
	cwa_set_number(&call->out, call->root, "sid", s->sid);
	cwa_set_number(&call->out, call->root, "ackId", last);
	cwa_set_number(&call->out, call->root, "pollWaitTime", session_poll_wait_ms(s));
	cwa_set_number(&call->out, call->root, "sessionTimeout", due > now ? (due - now) / 1000 : 0);
	if (call->fault.action == FAULT_NONE && count)
		call->fault = faults_next(s->server->faults, loop_now_ms(s->server->loop), s->user->seed->id, FAULT_EVENT);
}

/* Its ticket is looked at again, because time has passed. */
static void answer_poll(struct session *s)
{
	struct call call = { .server = s->server, .request = s->poll, .fault = s->poll_fault };

	s->poll = NULL;
	loop_timer_cancel(s->hold);
	http_request_on_gone(call.request, NULL, NULL);
	ticket_user(&call);
	fill_answer(s, &call, s->poll_ack);
	call_send_envelope(&call, 200);
	session_ticket(s, &call);
}

static void on_hold_over(void *arg)
{
	struct session *s = arg;

	if (s->poll)
		answer_poll(s);
}

static void on_poll_gone(void *arg)
{
	struct session *s = arg;

	log_debug("poll gone user=%s sid=%ju", s->user->seed->id, (uintmax_t)s->sid);
	http_drop(&s->poll);
	loop_timer_cancel(s->hold);
	cwa_session_seen(s);
}

static void on_wake(void *arg)
{
	struct session *s = arg;

	if (s->event_count > EVENTS_MAX)
		cwa_session_end(s, CWA_INTERNAL, "too many events wait for it");
	else if (s->poll && s->ready && first_after(s, s->poll_ack))
		answer_poll(s);
}

static void acknowledge(struct session *s, uint64_t ack)
{
	while (s->events && s->events->eid <= ack) {
		struct event *e = s->events;

		s->events = e->next;
		s->event_count--;
		cwa_tree_free(&e->tree);
		free(e);
	}
	if (!s->events)
		s->events_end = &s->events;
}

static bool query_number(const struct call *call, const char *name, uint64_t *out)
{
	struct buf text = { 0 };
	bool good = http_request_query(call->request, name, &text) && cwa_number(buf_cstr(&text), INT64_MAX, out);

	buf_free(&text);
	return good;
}

static bool query_true(const struct call *call, const char *name)
{
	struct buf text = { 0 };
	bool good = http_request_query(call->request, name, &text) && strcasecmp(buf_cstr(&text), "true") == 0;

	buf_free(&text);
	return good;
}

void serve_poll(struct call *call)
{
	struct session *s;
	uint64_t sid = 0, ack = 0;

	s = call->server->settings.native ? native_session(call) : NULL;
	if ((!call->native && !query_number(call, "sid", &sid)) || !query_number(call, "ackid", &ack)) {
		call_send_error(call, 200, CWA_INVALID_FORMAT, "Sid and AckID must be numbers");
		return;
	}
	if (!call->native)
		s = session_find(call->server, sid);
	if (!s || s->user != call->user) {
		call_send_error(call, 200, CWA_SESSION_NOT_FOUND, "no such session");
		return;
	}
	call->format = s->format;
	call->fault = faults_next(call->server->faults, loop_now_ms(call->server->loop), s->user->seed->id, "poll");
	if (call->fault.action == FAULT_REFUSE) {
		call_send_error(call, call->fault.value < 1000 ? call->fault.value : 200,
			call->fault.value < 1000 ? CWA_INTERNAL : call->fault.value, "told to");
		return;
	}
	if (s->poll)
		answer_poll(s);
	acknowledge(s, ack);
	session_ticket(s, call);
	if (query_true(call, "ua"))
		session_active(s);
	/* What a session begins with comes as one batch. Source: document. */
	if (s->ready && (!call->server->settings.hold_ms || first_after(s, ack))) {
		fill_answer(s, call, ack);
		call_send_envelope(call, 200);
		return;
	}
	s->poll = call->request;
	s->poll_ack = ack;
	s->poll_fault = call->fault;
	http_request_on_gone(s->poll, on_poll_gone, s);
	loop_timer_set(s->hold, call->server->settings.hold_ms ? call->server->settings.hold_ms : FIRST_BATCH_MS);
}

/* --- events ----------------------------------------------------------------------------------------------------------------------- */

struct event *event_new(const char *name, struct cwa_node **item)
{
	struct event *e = memory_new(sizeof *e);

	*item = cwa_add(&e->tree, cwa_root(&e->tree, &cwa_events), name);
	return e;
}

void session_post(struct session *s, struct event *e)
{
	e->eid = ++s->counter;
	cwa_set_number(&e->tree, e->tree.root->first, "eid", e->eid);
	*s->events_end = e;
	s->events_end = &e->next;
	s->event_count++;
	loop_defer(s->server->loop, &s->wake);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------- */

struct session *session_find(const struct cwa_server *server, uint64_t sid)
{
	struct session *s;

	HASH_FIND(hh, server->sessions, &sid, sizeof sid, s);
	return s;
}

/* A request that waits keeps its session; it is given up with the connection at the latest. */
static void watch(struct session *s)
{
	uint64_t due = s->ticket_expires_ms;

	if (!s->poll && s->seen_ms + s->server->settings.idle_ms < due)
		due = s->seen_ms + s->server->settings.idle_ms;
	if (!s->machine_idle && s->active_ms + MACHINE_IDLE_MS < due)
		due = s->active_ms + MACHINE_IDLE_MS;
	loop_timer_set_at(s->watch, due);
}

void cwa_session_seen(struct session *s)
{
	s->seen_ms = loop_now_ms(s->server->loop);
	watch(s);
}

void session_ticket(struct session *s, const struct call *call)
{
	if (call->ticket_expires_ms > s->ticket_expires_ms)
		s->ticket_expires_ms = call->ticket_expires_ms;
	cwa_session_seen(s);
}

void session_active(struct session *s)
{
	struct home *home = s->server->home;

	s->active_ms = loop_now_ms(s->server->loop);
	if (s->machine_idle && s->signed_on)
		home->activity(home->ctx, s, true);
	s->machine_idle = false;
	watch(s);
}

static void on_watch(void *arg)
{
	struct session *s = arg;
	struct home *home = s->server->home;
	uint64_t now = loop_now_ms(s->server->loop);

	if (now >= s->ticket_expires_ms) {
		cwa_session_end(s, CWA_SESSION_NOT_FOUND, "its ticket has expired");
		return;
	}
	if (!s->poll && now >= s->seen_ms + s->server->settings.idle_ms) {
		cwa_session_end(s, CWA_SESSION_NOT_FOUND, "idle");
		return;
	}
	if (!s->machine_idle && now >= s->active_ms + MACHINE_IDLE_MS) {
		s->machine_idle = true;
		if (s->signed_on)
			home->activity(home->ctx, s, false);
	}
	watch(s);
}

struct session *cwa_session_new(struct cwa_server *server, struct user *user, enum cwa_format format, const char *rid)
{
	struct session *s = memory_new(sizeof *s);

	*s = (struct session){ .server = server, .user = user, .format = format, .rid = memory_str(rid), .sid = server->next_sid++ };
	s->events_end = &s->events;
	s->wake = (struct loop_task){ .fn = on_wake, .arg = s };
	s->hold = loop_timer_new(server->loop, on_hold_over, s);
	s->watch = loop_timer_new(server->loop, on_watch, s);
	s->active_ms = loop_now_ms(server->loop);
	HASH_ADD(hh, server->sessions, sid, sizeof s->sid, s);
	DL_APPEND(user->sessions, s);
	user->session_count++;
	server->sessions_total++;
	return s;
}

bool session_may(struct session *s)
{
	uint64_t now = loop_now_ms(s->server->loop);

	if (!s->server->settings.throttle)
		return true;
	if (now - s->window_ms >= 1000) {
		s->window_ms = now;
		s->in_window = 0;
	}
	return ++s->in_window <= s->server->settings.throttle;
}

static void end_poll(struct session *s, uint32_t code, const char *why)
{
	struct call call = { .server = s->server, .request = s->poll, .format = s->format,
		.native = s->native };

	if (!s->poll)
		return;
	s->poll = NULL;
	http_request_on_gone(call.request, NULL, NULL);
	ticket_user(&call);
	call_send_error(&call, 200, code, why);
}

void cwa_session_end(struct session *s, uint32_t code, const char *why)
{
	struct cwa_server *server = s->server;
	struct home *home = server->home;

	log_info("session ended user=%s sid=%ju reason=%s", s->user->seed->id, (uintmax_t)s->sid, log_str(why));
	s->ending = true;
	if (s->signed_on)
		cwa_session_record(s, "server.end", 0);
	while (s->conferences) {
		struct conference *c = s->conferences;
		struct leg *leg = c->leg;

		conference_free(c);
		home->leave(home->ctx, leg, false);
	}
	home->sign_off(home->ctx, s);
	if (s->parked) {
		struct call *call = s->parked;

		answer_status(call, "requestFailed", s->rid, &(struct outcome){ .code = code, .detail = why });
		answer_finish(call);
		free(call);
	}
	end_poll(s, code, why);
	HASH_DEL(server->sessions, s);
	DL_DELETE(s->user->sessions, s);
	s->user->session_count--;
	acknowledge(s, UINT64_MAX);
	loop_drop(server->loop, &s->wake);
	loop_timer_free(&s->hold);
	loop_timer_free(&s->watch);
	free(s->rid);
	free(s);
}
