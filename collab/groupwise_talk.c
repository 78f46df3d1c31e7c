#include "collab/groupwise_talk_private.h"

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
		talk_free_held(held);
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
