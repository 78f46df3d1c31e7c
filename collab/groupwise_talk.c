#include "collab/groupwise_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

/* What the device said: on its way to a conference, or waiting for one. */
struct said {
	struct said *prev, *next;
	struct talk *talk;
	struct person *person;           /* NULL while the recipient is looked up */
	uint32_t ref;
	bool tried_again;                /* the conference was gone once already */
	char conference[GW_CONFERENCE_LEN + 1];     /* the one it was sent into */
	size_t len;
	char text[];
};

struct conversation {
	char id[GW_CONFERENCE_LEN + 1];  /* "": none yet */
	bool being_made;
	struct said *waiting;
	uint32_t last_ref;               /* the last message that the server took */
};

/* Something a stranger said, while his details are asked for. */
struct held {
	struct held *prev, *next;
	char *dn;
	char *conference;
	char *text;
};

struct talk {
	struct groupwise_link *link;
	struct people *people;
	char *own_dn;
	struct backend_events events;
	void *ctx;
	struct held *held;
	size_t held_count;
	size_t unsent;
	struct gw_tree fields;
	struct buf rtf;
};

struct talk *talk_new(struct groupwise_link *link, struct people *people, struct bytes own_dn, const struct backend_events *events,
	void *ctx)
{
	struct talk *t = memory_new(sizeof *t);

	t->link = link;
	t->people = people;
	t->own_dn = bytes_dup(own_dn);
	t->events = *events;
	t->ctx = ctx;
	return t;
}

static void free_held(struct held *held)
{
	free(held->dn);
	free(held->conference);
	free(held->text);
	free(held);
}

void talk_free(struct talk **talk)
{
	struct talk *t = *talk;
	struct held *held, *next_held;

	if (!t)
		return;
	for (struct person *p = t->people->first; p; p = p->next) {
		struct said *said, *next;

		if (!p->conversation)
			continue;
		DL_FOREACH_SAFE(p->conversation->waiting, said, next)
			free(said);
		free(p->conversation);
		p->conversation = NULL;
	}
	DL_FOREACH_SAFE(t->held, held, next_held)
		free_held(held);
	gw_tree_free(&t->fields);
	buf_free(&t->rtf);
	free(t->own_dn);
	free(t);
	*talk = NULL;
}

/* --- what the device says -------------------------------------------------------------------------------------------- */

static void finish_said(struct said *said, uint32_t code, const char *text)
{
	struct talk *t = said->talk;
	uint32_t ref = said->ref;

	free(said);
	t->unsent--;
	t->events.done(t->ctx, ref, code, text);
}

/* The server's code as a class the device knows, with the number in words where it knows none. */
static void refuse_said(struct said *said, const struct gw_answer *answer)
{
	char text[96];

	if (!answer->has_code) {
		snprintf(text, sizeof text, "HTTP status %u", answer->http_status);
		finish_said(said, IM_BACKEND_REFUSED, text);
		return;
	}
	switch (answer->code) {
	case GW_USER_NOT_FOUND:
	case GW_NOT_REACHABLE:
	case GW_BLOCKED:
		finish_said(said, IM_NOT_DELIVERED, gw_code_text(answer->code));
		return;
	default:
		snprintf(text, sizeof text, "%X: %s", answer->code, gw_code_text(answer->code));
		finish_said(said, IM_BACKEND_REFUSED, text);
	}
}

static void too_many(struct said *said)
{
	finish_said(said, IM_BACKEND_REFUSED, "too many requests wait for the IM server");
}

static void send_into_conference(struct said *said);

static void said_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct said *said = arg;
	struct conversation *conversation = said->person->conversation;

	(void)ctx;
	(void)fields;
	if (!answer) {
		free(said);
		return;
	}
	if (answer->has_code && answer->code == GW_OK) {
		conversation->last_ref = said->ref;
		finish_said(said, IM_OK, "");
	} else if (answer->code == GW_NO_CONFERENCE && !said->tried_again) {
		/* The conference is gone without a word, as after the other side's reconnect: a new one, once. */
		said->tried_again = true;
		if (strcmp(conversation->id, said->conference) == 0)
			conversation->id[0] = '\0';
		send_into_conference(said);
	} else {
		refuse_said(said, answer);
	}
}

static void send_now(struct said *said)
{
	struct talk *t = said->talk;
	struct gw_field *part;

	snprintf(said->conference, sizeof said->conference, "%s", said->person->conversation->id);
	buf_clear(&t->rtf);
	gw_rtf_write(bytes_of(said->text, said->len), &t->rtf);
	if (t->rtf.len > GW_RTF_MAX) {
		finish_said(said, IM_TOO_LARGE, "");
		return;
	}
	gw_tree_clear(&t->fields);
	part = gw_add_array(&t->fields, NULL, GW_TAG_CONVERSATION);
	gw_add_str(&t->fields, part, GW_TAG_OBJECT_ID, said->conference);
	part = gw_add_array(&t->fields, NULL, GW_TAG_MESSAGE);
	gw_add_text(&t->fields, part, GW_TAG_MESSAGE_BODY, buf_bytes(&t->rtf));
	gw_add_number(&t->fields, part, GW_TAG_MESSAGE_TYPE, GW_TYPE_UDWORD, 0);
	gw_add_text(&t->fields, part, GW_TAG_MESSAGE_TEXT, bytes_of(said->text, said->len));
	gw_add_dn(&t->fields, NULL, GW_TAG_DN, bytes_str(said->person->dn));
	if (!groupwise_link_request(t->link, "sendmessage", NULL, &t->fields, said_answered, said))
		too_many(said);
}

static void conference_made(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct person *person = arg;
	struct conversation *conversation = person->conversation;
	struct bytes id = gw_text(gw_find(fields, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID);
	struct said *said, *waiting;

	(void)ctx;
	if (!answer)
		return;
	waiting = conversation->waiting;
	conversation->waiting = NULL;
	conversation->being_made = false;
	if (answer->has_code && answer->code == GW_OK)
		bytes_copy_str(id, conversation->id, sizeof conversation->id);
	while (waiting) {
		said = waiting;
		DL_DELETE(waiting, said);
		if (conversation->id[0])
			send_now(said);
		else if (answer->has_code && answer->code != GW_OK)
			refuse_said(said, answer);
		else
			finish_said(said, IM_BACKEND_REFUSED, "it answered createconf without a usable conference");
	}
}

static void send_into_conference(struct said *said)
{
	struct talk *t = said->talk;
	struct person *person = said->person;
	struct conversation *conversation = person->conversation;
	struct gw_field *part;

	if (!conversation)
		conversation = person->conversation = memory_new(sizeof *conversation);
	if (conversation->id[0]) {
		send_now(said);
		return;
	}
	DL_APPEND(conversation->waiting, said);
	if (conversation->being_made)
		return;
	gw_tree_clear(&t->fields);
	part = gw_add_array(&t->fields, NULL, GW_TAG_CONVERSATION);
	gw_add_str(&t->fields, part, GW_TAG_OBJECT_ID, GW_CONFERENCE_BLANK);
	gw_add_dn(&t->fields, NULL, GW_TAG_DN, bytes_str(person->dn));
	gw_add_dn(&t->fields, NULL, GW_TAG_DN, bytes_str(t->own_dn));
	conversation->being_made = groupwise_link_request(t->link, "createconf", NULL, &t->fields, conference_made, person);
	if (!conversation->being_made) {
		DL_DELETE(conversation->waiting, said);
		too_many(said);
	}
}

static void recipient_found(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct said *said = arg;
	const struct gw_field *results = gw_find(fields, GW_TAG_RESULTS);

	(void)ctx;
	if (!answer) {
		free(said);
		return;
	}
	if (!answer->has_code || answer->code != GW_OK) {
		refuse_said(said, answer);
		return;
	}
	said->person = results ? people_add(said->talk->people, results, (struct bytes){ 0 }) : NULL;
	if (said->person)
		send_into_conference(said);
	else
		finish_said(said, IM_NOT_DELIVERED, gw_code_text(GW_USER_NOT_FOUND));
}

void talk_send(struct talk *t, uint32_t ref, struct bytes to, struct bytes text)
{
	struct said *said;

	if (t->unsent >= TALK_UNSENT_MAX) {
		t->events.done(t->ctx, ref, IM_BACKEND_REFUSED, "too many messages wait for the IM server");
		return;
	}
	said = memory_new(sizeof *said + text.len);
	said->talk = t;
	said->ref = ref;
	said->len = text.len;
	if (text.len)
		memcpy(said->text, text.data, text.len);
	t->unsent++;
	said->person = people_by_name(t->people, to);
	if (said->person) {
		send_into_conference(said);
		return;
	}
	gw_tree_clear(&t->fields);
	gw_add_text(&t->fields, NULL, GW_TAG_USERID, to);
	if (!groupwise_link_request(t->link, "getdetails", NULL, &t->fields, recipient_found, said))
		too_many(said);
}

/* --- what the server says -------------------------------------------------------------------------------------------- */

static struct person *by_conference(const struct talk *t, struct bytes id)
{
	struct person *p;

	for (p = t->people->first; p; p = p->next) {
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
static void pass_on(struct talk *t, struct person *person, struct bytes conference, struct bytes text)
{
	if (!person->conversation)
		person->conversation = memory_new(sizeof *person->conversation);
	if (conference.len && !person->conversation->being_made)
		bytes_copy_str(conference, person->conversation->id, sizeof person->conversation->id);
	t->events.message(t->ctx, bytes_str(person->user), bytes_str(person->name), text);
}

/* Asks for a stranger's details; dn is who. */
struct asked {
	struct talk *talk;
	char *dn;
};

static void stranger_known(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct asked *asked = arg;
	struct talk *t = asked->talk;
	const struct gw_field *results = gw_find(fields, GW_TAG_RESULTS);
	struct held *held, *next, *mine = NULL;
	struct person *person = NULL;

	(void)ctx;
	if (answer) {
		/* Without details the DN is all that is known; what was said must not be lost for that. */
		person = people_add(t->people, results, bytes_str(asked->dn));
		DL_FOREACH_SAFE(t->held, held, next) {
			if (!gw_dn_same(bytes_str(held->dn), bytes_str(asked->dn)))
				continue;
			DL_DELETE(t->held, held);
			DL_APPEND(mine, held);
		}
	}
	DL_FOREACH_SAFE(mine, held, next) {
		if (person)
			pass_on(t, person, bytes_str(held->conference), bytes_str(held->text));
		else
			log_warning("message left out from=%s reason=too-many-people", log_str(held->dn));
		t->held_count--;
		free_held(held);
	}
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

static void hold(struct talk *t, struct bytes dn, struct bytes conference, struct bytes text)
{
	bool ask = !is_being_asked(t, dn);
	struct held *held;
	struct asked *asked;

	if (t->held_count >= TALK_HELD_MAX || !dn.len || dn.len > PEOPLE_DN_MAX) {
		log_warning("message left out from=%s reason=%s", log_value(dn), t->held_count >= TALK_HELD_MAX ? "too-many-strangers" : "bad-name");
		return;
	}
	held = memory_new(sizeof *held);
	held->dn = bytes_dup(dn);
	held->conference = bytes_dup(conference);
	held->text = bytes_dup(text);
	DL_APPEND(t->held, held);
	t->held_count++;
	if (!ask)
		return;
	asked = memory_new(sizeof *asked);
	asked->talk = t;
	asked->dn = bytes_dup(dn);
	gw_tree_clear(&t->fields);
	gw_add_text(&t->fields, NULL, GW_TAG_DN, dn);
	if (!groupwise_link_request(t->link, "getdetails", NULL, &t->fields, stranger_known, asked))
		stranger_known(NULL, asked, &(struct gw_answer){ 0 }, NULL);
}

static void heard(struct talk *t, const struct gw_event *event)
{
	struct person *person = people_by_dn(t->people, event->source);
	struct buf text = { 0 };
	struct bytes said;

	if (event->type == GW_EVENT_MESSAGE)
		gw_rtf_text(event->text, (struct bytes){ 0 }, &text);
	else
		gw_utf8_repair(event->text, &text);
	said = gw_utf8_cut(buf_bytes(&text), IM_TEXT_MAX);
	if (person)
		pass_on(t, person, event->conference, said);
	else
		hold(t, event->source, event->conference, said);
	buf_free(&text);
}

static void changed_status(struct talk *t, const struct gw_event *event)
{
	struct person *person = people_by_dn(t->people, event->source);

	if (!person)
		return;        /* nobody on the device's list */
	person_set_presence(person, event->status, event->text);
	t->events.presence(t->ctx, bytes_str(person->user), person->presence, bytes_str(person->text));
}

static void not_delivered(struct talk *t, const struct gw_event *event)
{
	struct person *person = by_conference(t, event->conference);
	struct person *named = people_by_dn(t->people, event->source);

	if (named && named->conversation)
		person = named;
	if (person && person->conversation->last_ref)
		t->events.done(t->ctx, person->conversation->last_ref, IM_NOT_DELIVERED, person->user);
}

static void left(struct talk *t, const struct gw_event *event)
{
	forget_conference(people_by_dn(t->people, event->source), event->conference);
}

static void conference_closed(struct talk *t, const struct gw_event *event)
{
	forget_conference(by_conference(t, event->conference), event->conference);
}

static void answered_and_forgotten(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	(void)ctx;
	(void)arg;
	(void)answer;
	(void)fields;
}

/* The device has no rooms: who invites it is told so instead of waiting (ours). */
static void invited(struct talk *t, const struct gw_event *event)
{
	gw_tree_clear(&t->fields);
	gw_add_text(&t->fields, gw_add_array(&t->fields, NULL, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID, event->conference);
	groupwise_link_request(t->link, "rejectconf", NULL, &t->fields, answered_and_forgotten, NULL);
}

static const struct {
	uint32_t type;
	void (*run)(struct talk *t, const struct gw_event *event);
} handlers[] = {
	{ GW_EVENT_STATUS, changed_status },
	{ GW_EVENT_MESSAGE, heard },
	{ GW_EVENT_AUTO_REPLY, heard },
	{ GW_EVENT_UNDELIVERABLE, not_delivered },
	{ GW_EVENT_LEFT, left },
	{ GW_EVENT_CONFERENCE_CLOSED, conference_closed },
	{ GW_EVENT_INVITATION, invited },
};

void talk_event(struct talk *t, const struct gw_event *event)
{
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		if (handlers[i].type == event->type) {
			handlers[i].run(t, event);
			return;
		}
	}
	/* The rest (typing, joined, files ...) has no message of the device's. */
	log_debug("groupwise event not passed on type=%s from=%s", gw_event_name(event->type), log_value(event->source));
}
