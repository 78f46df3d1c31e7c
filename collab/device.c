#include "collab/device.h"

#include "base/log.h"
#include "collab/parts.h"
#include "collab/session_mark.h"
#include "protocol/srp.h"

/* Who says it, and where in the traces it is found. */
struct said_by {
	struct collab *collab;
	unsigned way;
	uint32_t pin, transaction, sequence;
	struct bytes clear;
};

union im_up {
	struct im_login login;
	struct im_session session;          /* the session is the first member of all but LOGIN */
	struct im_presence_set presence_set;
	struct im_message message;
	struct im_typing typing;
	struct im_room_open room_open;
	struct im_room_invite room_invite;
	struct im_room_leave room_leave;
	struct im_room_answer room_answer;
	struct im_room_message room_message;
	struct im_contact_change contact_change;
	struct im_block block;
	struct im_search search;
};

/* --- in a session ------------------------------------------------------------------------------------------------------ */

static void got_logout(struct session *s, uint32_t sequence, const union im_up *m)
{
	struct collab *c = s->collab;

	(void)m;
	collab_record(c, "im.answered", s->pin, s->id, sequence, "code", IM_OK);
	/* It outlives the session: a device that does not get it asks again. */
	courier_send(c->courier, s->pin, s->id, COURIER_KEEP | COURIER_LAST_WORD, collab_encode(c, &im_ack_msg, s->next_sequence++,
		&(struct im_ack){ .session = s->id, .sequence = sequence, .code = IM_OK }));
	session_end(s, IM_REASON_LOGOUT, "the device asked", true);
}

static void got_status(struct session *s, uint32_t sequence, const union im_up *m)
{
	(void)s;
	(void)sequence;
	(void)m;        /* that it came is all it says */
}

static void got_presence_set(struct session *s, uint32_t sequence, const union im_up *m)
{
	uint32_t presence = m->presence_set.presence;

	if (presence < IM_OFFLINE || presence > IM_IDLE) {
		session_acknowledge(s, sequence, IM_BACKEND_REFUSED, "no such availability");
		return;
	}
	s->collab->backend_type->set_presence(s->backend, sequence, presence, m->presence_set.text);
}

static void got_message(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->messages_out++;
	s->collab->counts.messages_up++;
	s->collab->backend_type->send(s->backend, sequence, m->message.to, m->message.text);
}

static void got_typing(struct session *s, uint32_t sequence, const union im_up *m)
{
	(void)sequence;
	s->collab->backend_type->typing(s->backend, &m->typing);
}

static void got_room_open(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->room_open(s->backend, sequence, &m->room_open);
}

static void got_room_invite(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->room_invite(s->backend, sequence, &m->room_invite);
}

static void got_room_leave(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->room_leave(s->backend, sequence, &m->room_leave);
}

static void got_room_answer(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->room_answer(s->backend, sequence, &m->room_answer);
}

static void got_room_message(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->messages_out++;
	s->collab->counts.messages_up++;
	s->collab->backend_type->room_say(s->backend, sequence, &m->room_message);
}

static void got_contact_change(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->contact_change(s->backend, sequence, &m->contact_change);
}

static void got_block(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->block(s->backend, sequence, &m->block);
}

static void got_search(struct session *s, uint32_t sequence, const union im_up *m)
{
	s->collab->backend_type->search(s->backend, sequence, &m->search);
}

static const struct row {
	const struct wire_msg *msg;
	bool action;           /* the user did it: counts for the inactivity timeout */
	bool answered;         /* by an ACK, which a device that missed it asks for again */
	void (*run)(struct session *s, uint32_t sequence, const union im_up *m);
} rows[] = {
	{ &im_logout_msg, true, true, got_logout },
	{ &im_status_msg, false, false, got_status },
	{ &im_presence_set_msg, true, true, got_presence_set },
	{ &im_message_msg, true, true, got_message },
	{ &im_typing_msg, true, false, got_typing },
	{ &im_room_open_msg, true, true, got_room_open },
	{ &im_room_invite_msg, true, true, got_room_invite },
	{ &im_room_leave_msg, true, true, got_room_leave },
	{ &im_room_answer_msg, true, true, got_room_answer },
	{ &im_room_message_msg, true, true, got_room_message },
	{ &im_contact_change_msg, true, true, got_contact_change },
	{ &im_block_msg, true, true, got_block },
	{ &im_search_msg, true, true, got_search },
};

/* The device got no answer to something we have done: the same answer again, unless it still waits to be delivered. */
static void answer_again(struct session *s, uint32_t sequence)
{
	size_t at = sequence % SESSION_ACKS;

	/* Older than the window: it may never have come before, so it is not called done. */
	if (s->acks[at].sequence != sequence)
		session_acknowledge(s, sequence, IM_BACKEND_REFUSED, "too old to know what became of it");
	else if (s->acks[at].answered)
		session_acknowledge(s, sequence, s->acks[at].code, "");
	/* Otherwise the IM server has not answered yet. */
}

/* A device says idle by itself, because its user did nothing. */
static bool is_user_action(const struct row *row, const union im_up *m)
{
	return row->action && !(row->msg == &im_presence_set_msg && m->presence_set.presence == IM_IDLE);
}

static void record_taken(struct session *s, const struct row *row, uint32_t sequence, bool action)
{
	if (trail_is_heard(s->collab->trail))
		trail_record(s->collab->trail, &(struct trail_entry){ .event = "im.taken", .pin = s->pin, .numbers = { { "session", s->id },
			{ "sequence", sequence }, { "type", row->msg->code }, { "action", action }, { "answered", row->answered } } });
}

static void act(struct session *s, const struct row *row, uint32_t sequence, const union im_up *m)
{
	if (s->state == SESSION_CONNECTING) {
		log_warning("message before the login was answered session=%u type=%s", s->id, row->msg->name);
		return;
	}
	if (replay_check(&s->received, sequence) != REPLAY_NEW) {
		session_seen(s, false);
		s->collab->counts.duplicates++;
		collab_record(s->collab, "im.again", s->pin, s->id, sequence, "type", row->msg->code);
		if (row->answered)
			answer_again(s, sequence);
		return;
	}
	replay_accept(&s->received, sequence);
	record_taken(s, row, sequence, is_user_action(row, m));
	session_seen(s, is_user_action(row, m));
	/* A logout makes room for others. */
	if (row->answered && !session_request(s, sequence) && row->run != got_logout) {
		s->collab->counts.overloaded++;
		session_acknowledge(s, sequence, IM_OVERLOADED, "too many requests wait for the IM server");
		return;
	}
	row->run(s, sequence, m);
}

/* --- without a session -------------------------------------------------------------------------------------------------- */

static void no_session(const struct said_by *by, const struct row *row, uint32_t session)
{
	struct collab *c = by->collab;

	c->counts.unknown_session++;
	log_info("no such session device=%s session=%u type=%s", pin_text(by->pin), session, row->msg->name);
	/* If the reason why it ended has not reached the device yet, that is on its way now. */
	if (courier_has(c->courier, by->pin, session))
		return;
	courier_send(c->courier, by->pin, session, COURIER_LAST_WORD, collab_encode(c, &im_forced_logout_msg, 0,
		&(struct im_forced_logout){ .session = session, .reason = IM_REASON_UNKNOWN_SESSION }));
}

static void in_session(const struct said_by *by, const struct row *row, const union im_up *m)
{
	struct session *s = session_table_find(&by->collab->sessions, m->session.session);

	if (!s || s->pin != by->pin) {
		no_session(by, row, m->session.session);
		return;
	}
	s->way = by->way;
	if (session_mark_admits(s, by->transaction, by->clear))
		act(s, row, by->sequence, m);
}

static const struct row *find_row(enum im_type type)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].msg->code == type)
			return &rows[i];
	}
	return NULL;
}

static void malformed(const struct said_by *by, const char *why)
{
	by->collab->counts.malformed++;
	log_warning("message refused device=%s transaction=%u reason=%s", pin_text(by->pin), by->transaction, log_str(why));
}

void device_message(struct collab *c, unsigned way, const struct link_up *up)
{
	struct said_by by = { .collab = c, .way = way, .pin = up->pin, .transaction = up->transaction, .clear = up->clear };
	enum im_type type;
	const struct row *row;
	union im_up m;
	struct error err;

	courier_seen(c->courier, way, up->pin);
	if (im_peek(up->clear, &type, &by.sequence, &err) != 0) {
		malformed(&by, err.text);
		return;
	}
	if (type == IM_LOGIN) {
		if (im_decode(&im_login_msg, up->clear, &m.login, &err) != 0)
			malformed(&by, err.text);
		else
			admission_login(c->admission, way, up->pin, up->transaction, by.sequence, &m.login);
		return;
	}
	row = find_row(type);
	if (!row)
		malformed(&by, "a message that devices do not send");
	else if (im_decode(row->msg, up->clear, &m, &err) != 0)
		malformed(&by, err.text);
	else
		in_session(&by, row, &m);
}

void device_message_again(struct session *s, uint32_t transaction, struct bytes clear)
{
	struct said_by by = { .collab = s->collab, .pin = s->pin, .transaction = transaction, .clear = clear };
	enum im_type type;
	const struct row *row;
	union im_up m;
	struct error err;

	/* It was decoded once before. */
	if (im_peek(clear, &type, &by.sequence, &err) == 0 && (row = find_row(type)) && im_decode(row->msg, clear, &m, &err) == 0)
		act(s, row, by.sequence, &m);
	else
		malformed(&by, err.text);
}
