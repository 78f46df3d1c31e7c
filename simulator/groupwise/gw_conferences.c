/* Conferences: everything said, also between two people, is said in one. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/groupwise/rtf.h"
#include "simulator/groupwise/gw_state.h"

/* --- the conferences and who is in them ------------------------------------------------------------------------------------------ */

static void make_key(struct bytes id, char key[GW_CONFERENCE_PREFIX + 1])
{
	struct bytes prefix = bytes_slice(id, 0, GW_CONFERENCE_PREFIX);

	for (size_t i = 0; i < prefix.len; i++)
		key[i] = (char)toupper(prefix.data[i]);
	key[prefix.len] = '\0';
}

static struct conference *conference_new(struct gw_server *server)
{
	struct conference *c = memory_new(sizeof *c);
	uint32_t number = ++server->conference_next;

	snprintf(c->id, sizeof c->id, "[%08X-%08X-%08X-%04X-%04X]", server->conference_salt, 0x1000u, number, 1u, 0u);
	make_key(bytes_str(c->id), c->key);
	HASH_ADD_STR(server->conferences, key, c);
	return c;
}

/* The conference that the request names. */
static struct conference *conference_of(const struct call *call)
{
	struct bytes id = gw_text(gw_find(call->in, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID);
	char key[GW_CONFERENCE_PREFIX + 1];
	struct conference *c;

	if (id.len < GW_CONFERENCE_PREFIX)
		return NULL;
	make_key(id, key);
	HASH_FIND_STR(call->session->server->conferences, key, c);
	return c;
}

static struct member *member_of(const struct conference *c, const struct person *person)
{
	for (struct member *m = c ? c->members : NULL; m; m = m->next)
		if (m->person == person)
			return m;
	return NULL;
}

static struct member *member_add(struct conference *c, struct person *person)
{
	struct member *m = memory_new(sizeof *m), **end = &c->members;

	m->conference = c;
	m->person = person;
	while (*end)
		end = &(*end)->next;
	*end = m;
	c->member_count++;
	return m;
}

/* From now on these sessions of his know of the conference (0: none yet, he is invited); it ends for him with the last. */
static void member_enter(struct member *m, uint32_t slots)
{
	m->in |= slots;
	if (m->linked)
		return;
	m->linked = true;
	m->next_of_person = m->person->memberships;
	m->person->memberships = m;
	m->person->membership_count++;
}

static void member_unlink(struct member *m)
{
	struct member **at;

	if (m->linked) {
		for (at = &m->person->memberships; *at != m; at = &(*at)->next_of_person)
			;
		*at = m->next_of_person;
		m->person->membership_count--;
	}
	for (at = &m->conference->members; *at != m; at = &(*at)->next)
		;
	*at = m->next;
	m->conference->member_count--;
	free(m);
}

/* A conference in which nobody is any more and nobody may still come is gone. */
static void drop_if_empty(struct gw_server *server, struct conference *c)
{
	for (const struct member *m = c->members; m; m = m->next)
		if (m->in || m->invited)
			return;
	while (c->members)
		member_unlink(c->members);
	HASH_DEL(server->conferences, c);
	free(c);
}

/* 1: archived by the administrator. Source: code. */
static uint32_t flags_of(const struct conference *c)
{
	for (const struct member *m = c->members; m; m = m->next)
		if (m->person->policies.values[POLICY_ARCHIVE])
			return 1;
	return 0;
}

/* To all whose clients know of it, but one. */
static void tell_members(const struct conference *c, const struct person *but, struct gw_event event)
{
	event.conference = bytes_str(c->id);
	event.flags = flags_of(c);
	for (const struct member *m = c->members; m; m = m->next)
		if (!m->invited && m->person != but)
			person_event(m->person, m->in, &event);
}

static void leave(struct gw_server *server, struct member *m)
{
	struct conference *c = m->conference;
	bool was_there = !m->invited;
	const struct person *person = m->person;

	member_unlink(m);
	if (was_there)
		tell_members(c, person, (struct gw_event){ .type = GW_EVENT_LEFT, .source = person->dn });
	else
		tell_members(c, person, (struct gw_event){ .type = GW_EVENT_REJECTED, .source = person->dn });
	drop_if_empty(server, c);
}

static void leave_by(struct session *session, struct member *m)
{
	m->in &= ~(1u << session->slot);
	if (!m->in && !m->invited)
		leave(session->server, m);
}

void conferences_leave(struct session *session)
{
	bool last = session->person->slots == 1u << session->slot;
	struct member *next;

	for (struct member *m = session->person->memberships; m; m = next) {
		next = m->next_of_person;
		if (last)
			leave(session->server, m);
		else
			leave_by(session, m);
	}
}

void conferences_free(struct gw_server *server)
{
	struct conference *c, *next;

	HASH_ITER(hh, server->conferences, c, next) {
		while (c->members)
			member_unlink(c->members);
		HASH_DEL(server->conferences, c);
		free(c);
	}
}

/* --- createconf, joinconf, leaveconf, sendinvite, rejectconf ----------------------------------------------------------------------- */

static uint32_t createconf(struct call *call)
{
	struct session *s = call->session;
	struct conference *c;
	struct gw_field *answer;

	if (s->person->membership_count >= CONFERENCES_OF_USER)
		return GW_SERVER_BUSY;
	for (const struct gw_field *f = gw_find(call->in, GW_TAG_DN); f; f = gw_find_next(f))
		if (!person_find(s->server, f->text))
			return GW_USER_NOT_FOUND;
	c = conference_new(s->server);
	member_enter(member_add(c, s->person), 1u << s->slot);
	for (const struct gw_field *f = gw_find(call->in, GW_TAG_DN); f && c->member_count < MEMBERS_MAX; f = gw_find_next(f)) {
		struct person *other = person_find(s->server, f->text);

		/* He is not asked: the first message tells his client of the conference. */
		if (!member_of(c, other))
			member_add(c, other);
	}
	/* Anything before this array crashes the stock plugin. */
	answer = gw_add_array(call->out, NULL, GW_TAG_CONVERSATION);
	gw_add_str(call->out, answer, GW_TAG_OBJECT_ID, c->id);
	return GW_OK;
}

/* The caller's own place in the conference he names; NULL if there is none. */
static struct member *own_member(const struct call *call)
{
	return member_of(conference_of(call), call->session->person);
}

static uint32_t joinconf(struct call *call)
{
	struct member *own = own_member(call);
	struct gw_field *here, *invited;
	const struct conference *c;
	bool was_there;

	if (!own)
		return GW_NO_CONFERENCE;
	c = own->conference;
	was_there = own->in != 0;
	/* Both arrays, also when they are empty. */
	here = gw_add_array(call->out, NULL, GW_TAG_CONTACT_LIST);
	invited = gw_add_array(call->out, NULL, GW_TAG_RESULTS);
	for (const struct member *m = c->members; m; m = m->next)
		if (m != own)
			gw_add_text(call->out, m->invited ? invited : here, GW_TAG_DN, m->person->dn);
	own->invited = false;
	member_enter(own, 1u << call->session->slot);
	call_answer(call, GW_OK);
	if (!was_there)
		tell_members(c, own->person, (struct gw_event){ .type = GW_EVENT_JOINED, .source = own->person->dn });
	return GW_OK;
}

static uint32_t leaveconf(struct call *call)
{
	struct member *own = own_member(call);

	if (!own)
		return GW_NO_CONFERENCE;
	call_answer(call, GW_OK);
	if (own->invited)
		leave(call->session->server, own);
	else
		leave_by(call->session, own);   /* his other sessions stay */
	return GW_OK;
}

static uint32_t rejectconf(struct call *call)
{
	struct member *own = own_member(call);

	if (!own || !own->invited)
		return GW_NO_CONFERENCE;
	call_answer(call, GW_OK);
	leave(call->session->server, own);
	return GW_OK;
}

static uint32_t check_invited(const struct conference *c, const struct person *from, const struct person *invited)
{
	const struct member *there = invited ? member_of(c, invited) : NULL;

	if (!invited)
		return GW_USER_NOT_FOUND;
	if (there && there->in && !there->invited)
		return GW_ALREADY_PARTICIPANT;
	if (!invited->slots || invited->status == GW_OFFLINE || person_blocks(invited, from))
		return GW_NOT_REACHABLE;
	return GW_OK;
}

static uint32_t sendinvite(struct call *call)
{
	struct session *s = call->session;
	struct member *own = own_member(call);
	struct bytes text = utf8_cut(gw_text(call->in, GW_TAG_MESSAGE_BODY), STATUS_TEXT_MAX);
	struct conference *c;

	if (!own || own->invited)
		return GW_NO_CONFERENCE;
	c = own->conference;
	for (const struct gw_field *f = gw_find(call->in, GW_TAG_DN); f; f = gw_find_next(f)) {
		uint32_t code = check_invited(c, s->person, person_find(s->server, f->text));

		if (code)
			return code;
	}
	call_answer(call, GW_OK);
	for (const struct gw_field *f = gw_find(call->in, GW_TAG_DN); f && c->member_count < MEMBERS_MAX; f = gw_find_next(f)) {
		struct person *invited = person_find(s->server, f->text);
		struct member *m = member_of(c, invited);

		if (!m)
			m = member_add(c, invited);
		m->invited = true;
		member_enter(m, 0);
		person_event(invited, invited->slots, &(struct gw_event){ .type = GW_EVENT_INVITATION, .source = s->person->dn,
			.conference = bytes_str(c->id), .text = text });
		tell_members(c, s->person, (struct gw_event){ .type = GW_EVENT_OTHER_INVITED, .source = invited->dn });
	}
	return GW_OK;
}

/* --- sendmessage, sendtyping ---------------------------------------------------------------------------------------------------------- */

static bool reachable(const struct person *person, const struct person *from)
{
	return person->slots && !person_blocks(person, from);
}

/* Polite: once in each conference for each status. Stock clients read the text as plain. */
static void auto_reply(struct session *to, struct member *m)
{
	const struct person *person = m->person;

	if (!person->auto_reply || (person->status != GW_BUSY && person->status != GW_AWAY && person->status != GW_IDLE) ||
	    m->replied == person->status_changes + 1)
		return;
	m->replied = person->status_changes + 1;
	session_event(to, &(struct gw_event){ .type = GW_EVENT_AUTO_REPLY, .source = person->dn,
		.conference = bytes_str(m->conference->id), .flags = flags_of(m->conference), .text = bytes_str(person->auto_reply) });
}

static void deliver(struct session *from, struct conference *c, struct bytes rtf)
{
	for (struct member *m = c->members; m; m = m->next) {
		if (m->person == from->person || m->invited)
			continue;
		if (!reachable(m->person, from->person)) {
			session_event(from, &(struct gw_event){ .type = GW_EVENT_UNDELIVERABLE, .source = m->person->dn,
				.conference = bytes_str(c->id) });
			continue;
		}
		member_enter(m, m->person->slots);
		person_event(m->person, m->in, &(struct gw_event){ .type = GW_EVENT_MESSAGE, .source = from->person->dn,
			.conference = bytes_str(c->id), .flags = flags_of(c), .text = rtf });
		from->server->messages_total++;
		auto_reply(from, m);
	}
}

static uint32_t sendmessage(struct call *call)
{
	struct session *s = call->session;
	struct member *own = own_member(call);
	const struct gw_field *message = gw_find(call->in, GW_TAG_MESSAGE);
	struct buf rtf = { 0 };
	struct conference *c;

	if (!message)
		return GW_PROTOCOL_ERROR;
	if (!own || own->invited)
		return GW_NO_CONFERENCE;
	c = own->conference;
	gw_rtf_pass(gw_text(message, GW_TAG_MESSAGE_BODY), gw_text(message, GW_TAG_MESSAGE_TEXT), &rtf);
	if (rtf.len > GW_RTF_MAX) {
		log_info("message too long user=%s bytes=%zu max=%d", s->person->seed->id, rtf.len, GW_RTF_MAX);
		buf_free(&rtf);
		return GW_PROTOCOL_ERROR;
	}
	/* A recipient who has left the conference gets the message as well. */
	for (const struct gw_field *f = gw_find(call->in, GW_TAG_DN); f && c->member_count < MEMBERS_MAX; f = gw_find_next(f)) {
		struct person *other = person_find(s->server, f->text);

		if (other && !member_of(c, other))
			member_add(c, other);
	}
	session_record(s, "server.accepted", rtf.len);
	call_answer(call, GW_OK);
	deliver(s, c, buf_bytes(&rtf));
	buf_free(&rtf);
	return GW_OK;
}

static uint32_t sendtyping(struct call *call)
{
	struct member *own = own_member(call);
	uint32_t type;

	if (!gw_number(gw_find(gw_find(call->in, GW_TAG_CONVERSATION), GW_TAG_TYPE), &type) ||
	    (type != GW_EVENT_TYPING && type != GW_EVENT_TYPING_STOPPED))
		return GW_PROTOCOL_ERROR;
	if (!own || own->invited)
		return GW_NO_CONFERENCE;
	call_answer(call, GW_OK);
	for (const struct member *m = own->conference->members; m; m = m->next)
		if (m != own && !m->invited && !person_blocks(m->person, own->person))
			person_event(m->person, m->in, &(struct gw_event){ .type = type, .source = own->person->dn,
				.conference = bytes_str(own->conference->id) });
	return GW_OK;
}

const struct command conference_commands[] = {
	{ "createconf", false, NULL, createconf },
	{ "joinconf", false, NULL, joinconf },
	{ "leaveconf", false, NULL, leaveconf },
	{ "rejectconf", false, NULL, rejectconf },
	{ "sendinvite", false, NULL, sendinvite },
	{ "sendmessage", false, NULL, sendmessage },
	{ "sendtyping", false, NULL, sendtyping },
	{ NULL, false, NULL, NULL },
};
