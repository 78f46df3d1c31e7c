#include "collab/groupwise_talk_private.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "collab/groupwise_rooms.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

/* An event about somebody whose details are asked for. */
struct held {
	struct held *prev, *next;
	char *dn;
	struct buf event;
};

/* --- one-to-one conversations ------------------------------------------------------------------------------------------- */

static struct person *by_conference(const struct talk *t, struct bytes id)
{
	struct person *p;

	for (p = t->m->people.first; p; p = p->next) {
		if (p->conversation && p->conversation->id[0] && gw_conference_same(bytes_str(p->conversation->id), id))
			break;
	}
	return p;
}

static void forget_conference(struct person *person, struct bytes id)
{
	if (person && person->conversation && gw_conference_same(bytes_str(person->conversation->id), id))
		person->conversation->id[0] = '\0';
}

/* The first message with an unknown conference is how the other side's conference is announced: answers go there. */
static void note_conference(struct person *person, struct bytes id)
{
	if (!person->conversation)
		person->conversation = memory_new(sizeof *person->conversation);
	if (id.len && !person->conversation->being_made)
		bytes_copy_str(id, person->conversation->id, sizeof person->conversation->id);
}

/* --- what happens ------------------------------------------------------------------------------------------------------- */

/* person: the source; NULL if it has none or is a stranger. */
typedef void event_handler(struct talk *t, const struct gw_event *event, struct person *person);

void talk_read_message(const struct gw_event *event, struct buf *text)
{
	if (event->type == GW_EVENT_MESSAGE)
		gw_rtf_text(event->text, (struct bytes){ 0 }, text);
	else
		utf8_repair(event->text, text);
}

/* What was said may be longer than the device's messages are. */
static void pass_on(struct talk *t, const struct person *person, const struct gw_event *event, uint32_t kind)
{
	struct im_message_event message = { .kind = kind };
	struct buf text = { 0 };
	struct bytes rest;

	message.from = bytes_str(person ? person->user : "");
	message.name = bytes_str(person ? person->name : "");
	talk_read_message(event, &text);
	rest = buf_bytes(&text);
	do {
		message.text = utf8_cut(rest, IM_TEXT_MAX);
		rest = bytes_slice(rest, message.text.len, rest.len);
		t->m->events.message(t->m->ctx, &message);
	} while (rest.len);
	buf_free(&text);
}

static void said_message(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (!person) {
		log_warning("message left out reason=no-sender");
		return;
	}
	note_conference(person, event->conference);
	pass_on(t, person, event, IM_KIND_MESSAGE);
}

static void said_auto_reply(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (person)
		pass_on(t, person, event, IM_KIND_AUTOMATIC_REPLY);
}

/* Nobody's conversation; the server's own have no sender. */
static void said_broadcast(struct talk *t, const struct gw_event *event, struct person *person)
{
	pass_on(t, person, event, IM_KIND_BROADCAST);
}

static void changed_status(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (!person)
		return;        /* nobody on the device's list */
	person_set_presence(person, event->status, event->text);
	t->m->events.presence(t->m->ctx, bytes_str(person->user), person->presence, bytes_str(person->text));
}

static void not_delivered(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (!person || !person->conversation)
		person = by_conference(t, event->conference);
	if (person)
		talk_undelivered(t, person);
}

static void types(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (person)
		t->m->events.typing(t->m->ctx, &(struct im_typing){ .user = bytes_str(person->user), .on = event->type == GW_EVENT_TYPING });
}

static void left(struct talk *t, const struct gw_event *event, struct person *person)
{
	(void)t;
	forget_conference(person, event->conference);
}

static void conference_closed(struct talk *t, const struct gw_event *event, struct person *person)
{
	(void)person;
	forget_conference(by_conference(t, event->conference), event->conference);
}

/* Somebody third is or comes into what was between two: from now on it is a room, which the user may join or not. */
static void widened(struct talk *t, const struct gw_event *event, struct person *person)
{
	struct person *partner = by_conference(t, event->conference);

	if (!person || !partner || person == partner)
		return;
	forget_conference(partner, event->conference);
	if (rooms_adopt(t->m->rooms, event->conference, partner))
		rooms_event(t->m->rooms, event, person);
}

static void invited(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (person)
		rooms_invited(t->m->rooms, event->conference, person, event->text);
}

static void nothing(struct talk *t, const struct gw_event *event, struct person *person)
{
	(void)t;
	(void)event;
	(void)person;          /* it is about rooms alone */
}

/* Each is offered to the rooms first. */
static const struct row {
	uint32_t type;
	bool asks;             /* told only when the source is known: a stranger's details are asked for */
	event_handler *run;
} rows[] = {
	{ GW_EVENT_STATUS, false, changed_status },
	{ GW_EVENT_MESSAGE, true, said_message },
	{ GW_EVENT_AUTO_REPLY, true, said_auto_reply },
	{ GW_EVENT_BROADCAST, true, said_broadcast },
	{ GW_EVENT_SYSTEM_BROADCAST, true, said_broadcast },
	{ GW_EVENT_UNDELIVERABLE, false, not_delivered },
	{ GW_EVENT_TYPING, false, types },
	{ GW_EVENT_TYPING_STOPPED, false, types },
	{ GW_EVENT_LEFT, false, left },
	{ GW_EVENT_CONFERENCE_CLOSED, false, conference_closed },
	{ GW_EVENT_INVITATION, true, invited },
	{ GW_EVENT_JOINED, true, widened },
	{ GW_EVENT_OTHER_INVITED, true, widened },
	{ GW_EVENT_REJECTED, true, nothing },
};

static const struct row *row_of(uint32_t type)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].type == type)
			return &rows[i];
	}
	return NULL;
}

static void act(struct talk *t, const struct gw_event *event, struct person *person)
{
	if (!rooms_event(t->m->rooms, event, person))
		row_of(event->type)->run(t, event, person);
}

/* --- strangers ---------------------------------------------------------------------------------------------------------- */

static void free_held(struct talk *t, struct held *held)
{
	t->held_count--;
	t->held_bytes -= held->event.len;
	free(held->dn);
	buf_free(&held->event);
	free(held);
}

void talk_free_held(struct talk *t)
{
	struct held *held, *next;

	DL_FOREACH_SAFE(t->held, held, next)
		free_held(t, held);
	t->held = NULL;
}

/* Asks for a stranger's details; dn is who. */
struct asked {
	struct talk *talk;
	char *dn;
};

static void let_go(struct talk *t, struct held *held, struct person *person)
{
	struct gw_event event;
	struct error err;

	if (!person)
		log_warning("event left out from=%s reason=too-many-people", log_str(held->dn));
	else if (gw_event_decode(buf_bytes(&held->event), &event, &err) != 0)
		bug("a held event cannot be read: %s", err.text);
	else
		act(t, &event, person);
	free_held(t, held);
}

/* The record that is about the one who was asked for: what he said must not be taken for somebody else's. */
static const struct gw_field *details_of(const struct gw_field *fields, const char *dn)
{
	const struct gw_field *f = gw_find(fields, GW_TAG_RESULTS);

	while (f && gw_text(f, GW_TAG_DN).len && !gw_dn_same(gw_text(f, GW_TAG_DN), bytes_str(dn)))
		f = gw_find_next(f);
	return f;
}

static void stranger_known(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct asked *asked = arg;
	struct talk *t = asked->talk;
	struct held *held, *next, *mine = NULL;
	struct person *person = NULL;

	(void)ctx;
	if (answer) {
		/* Without details the DN is all that is known; what was said must not be lost for that. */
		person = people_add(&t->m->people, details_of(fields, asked->dn), bytes_str(asked->dn));
		DL_FOREACH_SAFE(t->held, held, next) {
			if (!gw_dn_same(bytes_str(held->dn), bytes_str(asked->dn)))
				continue;
			DL_DELETE(t->held, held);
			DL_APPEND(mine, held);
		}
	}
	DL_FOREACH_SAFE(mine, held, next)
		let_go(t, held, person);
	free(asked->dn);
	free(asked);
}

static bool is_being_asked(const struct talk *t, struct bytes dn)
{
	const struct held *held;

	DL_FOREACH(t->held, held) {
		if (gw_dn_same(bytes_str(held->dn), dn))
			return true;
	}
	return false;
}

static void hold(struct talk *t, const struct gw_event *event)
{
	bool ask = !is_being_asked(t, event->source);
	struct held *held;
	struct asked *asked;

	if (t->held_count >= TALK_HELD_MAX || t->held_bytes >= TALK_HELD_BYTES || event->source.len > PEOPLE_DN_MAX) {
		log_warning("event left out type=%s from=%s reason=%s", gw_event_name(event->type), log_value(event->source),
			event->source.len > PEOPLE_DN_MAX ? "bad-name" : "too-many-strangers");
		return;
	}
	held = memory_new(sizeof *held);
	held->dn = bytes_dup(event->source);
	gw_event_encode(event, &held->event);
	DL_APPEND(t->held, held);
	t->held_count++;
	t->held_bytes += held->event.len;
	if (!ask)
		return;
	asked = memory_new(sizeof *asked);
	asked->talk = t;
	asked->dn = bytes_dup(event->source);
	gw_tree_clear(&t->m->fields);
	gw_add_text(&t->m->fields, NULL, GW_TAG_DN, event->source);
	if (!groupwise_link_request(t->m->link, "getdetails", NULL, &t->m->fields, stranger_known, asked))
		stranger_known(NULL, asked, &(struct gw_answer){ 0 }, NULL);
}

void talk_event(struct talk *t, const struct gw_event *event)
{
	const struct row *row = row_of(event->type);
	struct person *person;

	if (!row) {
		/* The rest (invalid recipient, contact added, files) says nothing that could be passed on. */
		log_debug("groupwise event not passed on type=%s from=%s", gw_event_name(event->type), log_value(event->source));
		return;
	}
	/* The user's own comings and goings. */
	if (event->source.len && gw_dn_same(event->source, bytes_str(t->m->own_dn)))
		return;
	person = people_by_dn(&t->m->people, event->source);
	/* What follows a stranger's first words waits with them. */
	if (!person && event->source.len && (row->asks || is_being_asked(t, event->source)))
		hold(t, event);
	else
		act(t, event, person);
}
