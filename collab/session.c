#include "collab/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "collab/parts.h"
#include "collab/session_mark.h"
#include "collab/standing.h"
#include "protocol/srp.h"

/* --- the states ------------------------------------------------------------------------------------------------------- */

#define TO(state) (SESSION_##state + 1)         /* 0: not accepted there */

static const struct {
	const char *name;
	bool over;
	uint8_t to[SESSION_EVENTS];
} states[] = {
	[SESSION_CONNECTING] = { "connecting", false, {
		[SESSION_LOGGED_IN] = TO(ACTIVE), [SESSION_COVERAGE_GONE] = TO(CONNECTING), [SESSION_COVERAGE_BACK] = TO(CONNECTING),
		[SESSION_EVICT] = TO(EVICTED), [SESSION_CLOSE] = TO(CLOSED), [SESSION_SERVER_LOST] = TO(LOST) } },
	[SESSION_ACTIVE] = { "active", false, {
		[SESSION_COVERAGE_GONE] = TO(OUT_OF_COVERAGE), [SESSION_COVERAGE_BACK] = TO(ACTIVE), [SESSION_EVICT] = TO(EVICTED),
		[SESSION_EXPIRE] = TO(EXPIRED), [SESSION_CLOSE] = TO(CLOSED), [SESSION_SERVER_LOST] = TO(LOST) } },
	[SESSION_OUT_OF_COVERAGE] = { "out-of-coverage", false, {
		[SESSION_COVERAGE_GONE] = TO(OUT_OF_COVERAGE), [SESSION_COVERAGE_BACK] = TO(ACTIVE), [SESSION_EVICT] = TO(EVICTED),
		[SESSION_EXPIRE] = TO(EXPIRED), [SESSION_CLOSE] = TO(CLOSED), [SESSION_SERVER_LOST] = TO(LOST) } },
	[SESSION_EVICTED] = { "evicted", true, { 0 } },
	[SESSION_EXPIRED] = { "expired", true, { 0 } },
	[SESSION_CLOSED] = { "closed", true, { 0 } },
	[SESSION_LOST] = { "lost", true, { 0 } },
};

static const char *const event_names[SESSION_EVENTS] = {
	[SESSION_LOGGED_IN] = "logged-in", [SESSION_COVERAGE_GONE] = "coverage-gone", [SESSION_COVERAGE_BACK] = "coverage-back",
	[SESSION_EVICT] = "evict", [SESSION_EXPIRE] = "expire", [SESSION_CLOSE] = "close", [SESSION_SERVER_LOST] = "server-lost",
};

const char *session_state_name(enum session_state state)
{
	return states[state].name;
}

const char *session_event_name(enum session_event event)
{
	return event_names[event];
}

int session_next_state(enum session_state state, enum session_event event)
{
	return states[state].to[event] - 1;
}

bool session_state_is_over(enum session_state state)
{
	return states[state].over;
}

bool session_is_over(const struct session *s)
{
	return states[s->state].over;
}

static bool move(struct session *s, enum session_event event)
{
	int next = session_next_state(s->state, event);

	if (next < 0) {
		log_warning("session event not accepted session=%u state=%s event=%s", s->id, states[s->state].name, event_names[event]);
		return false;
	}
	if (next != (int)s->state)
		log_debug("session state session=%u login=%s from=%s to=%s", s->id, s->login_id, states[s->state].name, states[next].name);
	s->state = (enum session_state)next;
	return true;
}

/* What becomes of a session between its login and its end: in the process's trail alone, since it may happen often. */
void session_note(struct session *s, const char *event, const char *what)
{
	struct trail_entry entry = { .event = event, .pin = s->pin, .transaction = s->transaction, .numbers = { { "session", s->id } } };

	trail_text(&entry, "login=%s what=%s", s->login_id, what);
	collab_note(s->collab, &entry, s->id, false);
}

static enum session_event event_of(enum im_logout_reason reason)
{
	switch (reason) {
	case IM_REASON_EVICTED_COVERAGE:
	case IM_REASON_EVICTED_SILENT:
		return SESSION_EVICT;
	case IM_REASON_INACTIVE:
		return SESSION_EXPIRE;
	case IM_REASON_SERVER_LOST:
	case IM_REASON_ELSEWHERE:
	case IM_REASON_REFUSED:
	case IM_REASON_SERVICE_LOST:
		return SESSION_SERVER_LOST;
	default:
		return SESSION_CLOSE;
	}
}

/* --- timers and the mark ---------------------------------------------------------------------------------------------- */

/* What a timeout rests on: the times as the service has them, which the checker compares with what it has seen. */
static void record_times(const struct session *s, const char *event, const char *name, uint64_t value)
{
	if (trail_is_heard(s->collab->trail))
		trail_record(s->collab->trail, &(struct trail_entry){ .event = event, .pin = s->pin, .numbers = { { "session", s->id },
			{ name, value }, { "seen_ms", s->seen_ms }, { "active_ms", s->active_ms } } });
}

/* One timer each, set lazily: traffic only notes the time, the timer looks at it when it comes. */
static void evaluate(struct session *s)
{
	uint64_t idle_ms = environment_now(s->collab->environment)->idle_timeout_ms;
	uint64_t quiet_ms = loop_now_ms(s->collab->loop) - s->seen_ms;
	int mark = 0;

	if (s->state == SESSION_CONNECTING)
		return;
	if (s->state == SESSION_OUT_OF_COVERAGE)
		mark = IM_REASON_EVICTED_COVERAGE;
	else if (idle_ms && quiet_ms >= idle_ms)
		mark = IM_REASON_EVICTED_SILENT;
	if (mark != s->mark.wanted)
		record_times(s, mark ? "mark.wanted" : "mark.unwanted", "reason", (uint64_t)mark);
	session_mark_want(s, mark);
	if (idle_ms && quiet_ms < idle_ms)
		loop_timer_set(s->silence, idle_ms - quiet_ms);
	else
		loop_timer_cancel(s->silence);
}

static void silence_due(void *arg)
{
	evaluate(arg);
}

static void inactivity_due(void *arg)
{
	struct session *s = arg;
	uint64_t limit_ms = environment_now(s->collab->environment)->inactivity_timeout_ms;
	uint64_t quiet_ms = loop_now_ms(s->collab->loop) - s->active_ms;

	if (limit_ms == 0 || s->state == SESSION_CONNECTING)
		return;
	if (quiet_ms >= limit_ms)
		session_end(s, IM_REASON_INACTIVE, "no user activity", true);
	else
		loop_timer_set(s->inactivity, limit_ms - quiet_ms);
}

void session_limits_changed(struct session *s)
{
	loop_timer_cancel(s->inactivity);
	evaluate(s);
	inactivity_due(s);
}

void session_seen(struct session *s, bool action)
{
	s->seen_ms = loop_now_ms(s->collab->loop);
	if (action)
		s->active_ms = s->seen_ms;
	if (!loop_timer_is_set(s->silence))
		evaluate(s);
}

static void note_dropped(struct session *s)
{
	struct trail_entry entry = { .event = "events.dropped", .pin = s->pin, .transaction = s->transaction,
		.numbers = { { "session", s->id }, { "dropped", s->dropped } } };

	trail_text(&entry, "user=%s login=%s", log_str(s->user), s->login_id);
	collab_note(s->collab, &entry, s->id, true);
	log_warning("events dropped session=%u login=%s dropped=%llu", s->id, s->login_id, (unsigned long long)s->dropped);
	s->dropped_told = s->dropped;
}

void session_dropped(struct session *s)
{
	s->dropped++;
	if (!s->dropping)
		note_dropped(s);
	s->dropping = true;
}

void session_coverage(struct session *s, bool available)
{
	if (!move(s, available ? SESSION_COVERAGE_BACK : SESSION_COVERAGE_GONE))
		return;
	session_note(s, "session.coverage", available ? "back" : "gone");
	log_info("session coverage session=%u login=%s available=%s", s->id, s->login_id, available ? "yes" : "no");
	if (available) {
		if (s->dropped != s->dropped_told)
			note_dropped(s);
		s->dropping = false;
	}
	evaluate(s);
}

/* --- its life --------------------------------------------------------------------------------------------------------- */

struct session *session_new(struct collab *c, uint32_t id, uint32_t pin, const char *user, const char *login_id, uint32_t transaction)
{
	struct session *s = memory_new(sizeof *s);

	s->collab = c;
	s->id = id;
	s->pin = pin;
	s->user = memory_str(user);
	snprintf(s->login_id, sizeof s->login_id, "%s", login_id);
	s->transaction = transaction;
	s->started_ms = s->seen_ms = s->active_ms = loop_now_ms(c->loop);
	s->silence = loop_timer_new(c->loop, silence_due, s);
	s->inactivity = loop_timer_new(c->loop, inactivity_due, s);
	s->next_sequence = 1;
	/* Sequence numbers live as long as the session, so there is no ceiling to commit. */
	replay_start(&s->received, 0);
	s->received.committed = UINT32_MAX;
	session_table_add(&c->sessions, s);
	return s;
}

static void send_early(struct session *s)
{
	struct bytes rest = buf_bytes(&s->early);

	while (rest.len >= 4) {
		uint32_t len;
		struct bytes message;

		memcpy(&len, rest.data, 4);
		message = bytes_slice(rest, 4, len);
		/* The number goes in now, so that the contact list comes first. */
		s->early.data[message.data - s->early.data + 1] = (uint8_t)(s->next_sequence >> 24);
		s->early.data[message.data - s->early.data + 2] = (uint8_t)(s->next_sequence >> 16);
		s->early.data[message.data - s->early.data + 3] = (uint8_t)(s->next_sequence >> 8);
		s->early.data[message.data - s->early.data + 4] = (uint8_t)s->next_sequence;
		s->next_sequence++;
		courier_send(s->collab->courier, s->pin, s->id, 0, message);
		rest = bytes_slice(rest, 4 + len, rest.len);
	}
	buf_free(&s->early);
}

static void send_contacts(struct session *s)
{
	const struct backend_type *type = s->collab->backend_type;
	struct im_contacts contacts = { .session = s->id };
	size_t at = 0;

	do {
		contacts.count = type->contacts(s->backend, at, contacts.contacts, IM_CONTACTS_MAX);
		at += contacts.count;
		contacts.more = contacts.count == IM_CONTACTS_MAX;
		session_tell(s, &im_contacts_msg, &contacts);
	} while (contacts.more);
}

static void send_blocks(struct session *s)
{
	/* One message each: a longer list would push other events out of the queue. */
	struct im_block blocks[SESSION_BLOCKS_MAX];
	size_t count = s->collab->backend_type->blocks(s->backend, 0, blocks, SESSION_BLOCKS_MAX);

	for (size_t i = 0; i < count; i++) {
		blocks[i].session = s->id;
		session_tell(s, &im_block_event_msg, &blocks[i]);
	}
	if (count == SESSION_BLOCKS_MAX)
		log_warning("privacy list cut session=%u login=%s told=%zu", s->id, s->login_id, count);
}

void session_start(struct session *s)
{
	struct collab *c = s->collab;

	if (!move(s, SESSION_LOGGED_IN))
		return;
	s->login = NULL;
	s->active_ms = s->seen_ms = loop_now_ms(c->loop);
	send_contacts(s);
	send_blocks(s);
	send_early(s);
	if (!courier_available(c->courier, s->pin))
		move(s, SESSION_COVERAGE_GONE);
	session_limits_changed(s);
}

void session_tell(struct session *s, const struct wire_msg *msg, const void *in)
{
	if (session_is_over(s))
		return;
	if (s->login) {
		struct bytes early = collab_encode(s->collab, msg, 0, in);
		uint32_t len = (uint32_t)early.len;

		if (s->early_count >= SESSION_EARLY_MAX) {
			session_dropped(s);
			return;
		}
		s->early_count++;
		buf_append(&s->early, bytes_of(&len, 4));
		buf_append(&s->early, early);
		return;
	}
	courier_send(s->collab->courier, s->pin, s->id, msg == &im_presence_event_msg ? COURIER_SOFT : 0,
		collab_encode(s->collab, msg, s->next_sequence++, in));
}

void session_tell_now(struct session *s, const struct wire_msg *msg, const void *in)
{
	if (!s->login && s->state == SESSION_ACTIVE)
		courier_send(s->collab->courier, s->pin, s->id, COURIER_NOW, collab_encode(s->collab, msg, s->next_sequence++, in));
}

/* One of its requests waits no longer. */
static void settle_request(struct session *s, size_t at)
{
	if (!s->acks[at].sequence || s->acks[at].answered || session_is_over(s))
		return;
	s->requests--;
	s->collab->requests--;
}

bool session_request(struct session *s, uint32_t sequence)
{
	struct collab *c = s->collab;
	size_t at = sequence % SESSION_ACKS;

	settle_request(s, at);      /* a device that did not wait for the answer to one so old gets none */
	s->acks[at].sequence = sequence;
	s->acks[at].answered = false;
	s->requests++;
	return c->requests++ < c->settings->requests;
}

void session_acknowledge(struct session *s, uint32_t sequence, uint32_t code, const char *text)
{
	size_t at = sequence % SESSION_ACKS;

	if (s->acks[at].sequence == sequence) {
		settle_request(s, at);
		s->acks[at].answered = true;
		s->acks[at].code = code;
	}
	standing_progress(s->collab);
	collab_record(s->collab, "im.answered", s->pin, s->id, sequence, "code", code);
	session_tell(s, &im_ack_msg, &(struct im_ack){ .session = s->id, .sequence = sequence, .code = code,
		.text = bytes_slice(bytes_str(text), 0, IM_STATUS_TEXT_MAX) });
}

void session_hold(struct session *s)
{
	s->holds++;
}

/* The struct goes when the session is over, its backend is closed and no completion will come back to it. */
static void free_if_done(struct session *s)
{
	if (!session_is_over(s) || s->holds || s->backend)
		return;
	loop_timer_free(&s->silence);
	loop_timer_free(&s->inactivity);
	session_mark_free(s);
	buf_free(&s->early);
	free(s->user);
	free(s);
}

bool session_release(struct session *s)
{
	bool over = session_is_over(s);

	s->holds--;
	free_if_done(s);
	return !over;
}

static void count_end(struct collab *c, enum im_logout_reason reason)
{
	switch (event_of(reason)) {
	case SESSION_EVICT:
		c->counts.evicted++;
		break;
	case SESSION_EXPIRE:
		c->counts.expired++;
		break;
	case SESSION_SERVER_LOST:
		c->counts.lost++;
		break;
	default:
		c->counts.closed++;
		c->counts.replaced += reason == IM_REASON_REPLACED;
	}
}

static void tell_end(struct session *s, enum im_logout_reason reason)
{
	struct im_forced_logout logout = { .session = s->id, .reason = reason };

	/* A logout was asked for by the device, and has its ACK; a login that was under way gets LOGIN_FAIL. */
	if (reason == IM_REASON_LOGOUT || s->state == SESSION_CONNECTING)
		return;
	courier_send(s->collab->courier, s->pin, s->id, COURIER_KEEP | COURIER_LAST_WORD,
		collab_encode(s->collab, &im_forced_logout_msg, s->next_sequence++, &logout));
}

void session_end(struct session *s, enum im_logout_reason reason, const char *why, bool release)
{
	struct collab *c = s->collab;
	struct login *login = s->login;
	struct trail_entry entry = { .event = event_of(reason) == SESSION_EVICT ? "evict" : "session.end", .pin = s->pin,
		.transaction = s->transaction, .numbers = { { "session", s->id }, { "reason", reason },
		{ "lasted_ms", loop_now_ms(c->loop) - s->started_ms } } };

	if (session_is_over(s))
		return;
	log_info("session ended device=%s user=%s session=%u login=%s reason=%s why=%s", pin_text(s->pin), log_str(s->user), s->id,
		s->login_id, im_reason_name(reason), log_str(why));
	trail_text(&entry, "login=%s reason=%s why=%s user=%s", s->login_id, im_reason_name(reason), log_str(why), log_str(s->user));
	if (s->dropped != s->dropped_told)
		note_dropped(s);
	collab_store(c, &entry, s->id);
	history_number(&entry, "release", release);
	trail_note(c->trail, &entry);
	count_end(c, reason);
	if (reason == IM_REASON_SERVER_LOST && s->state != SESSION_CONNECTING)
		standing_im_server(c, false);
	session_hold(s);
	c->requests -= s->requests;
	s->requests = 0;
	courier_forget(c->courier, s->pin, s->id);
	tell_end(s, reason);
	move(s, event_of(reason));
	session_table_remove(&c->sessions, s);
	loop_timer_cancel(s->silence);
	loop_timer_cancel(s->inactivity);
	session_mark_free(s);
	if (release)
		owner_release(c->owner, s->id, reason, s->backend != NULL);
	if (s->backend) {
		c->sessions.closing++;
		c->backend_type->finish(s->backend);
	} else if (!release) {
		admission_closed(c->admission, s->id);
	}
	s->login = NULL;
	if (login)
		admission_abandoned(login, reason, why);
	standing_progress(c);
	session_release(s);
}
