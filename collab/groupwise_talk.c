#include "collab/groupwise_talk_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

/* What the device said, or a part of it: on its way to a conference, or waiting for one. */
struct said {
	struct said *prev, *next;
	struct talk *talk;
	struct person *person;
	struct outcome *outcome;
	uint32_t ref;
	bool tried_again;                /* the conference was gone once already */
	bool undelivered;                /* the server said so before it answered */
	char conference[GW_CONFERENCE_LEN + 1];     /* the one it was sent into */
	size_t len;
	char text[];
};

struct talk *talk_new(struct messenger *m)
{
	struct talk *t = memory_new(sizeof *t);

	t->m = m;
	return t;
}

static void drop_said(struct said *said)
{
	said->talk->unsent--;
	outcome_drop(&said->outcome);
	free(said);
}

void talk_free(struct talk **talk)
{
	struct talk *t = *talk;

	if (!t)
		return;
	for (struct person *p = t->m->people.first; p; p = p->next) {
		struct said *said, *next;

		if (!p->conversation)
			continue;
		DL_FOREACH_SAFE(p->conversation->waiting, said, next)
			drop_said(said);
		free(p->conversation);
		p->conversation = NULL;
	}
	talk_free_held(t);
	buf_free(&t->rtf);
	free(t);
	*talk = NULL;
}

/* --- a message on its way ----------------------------------------------------------------------------------------------- */

static void finish_said(struct said *said, uint32_t code, const char *text)
{
	struct outcome *outcome = said->outcome;

	said->talk->unsent--;
	free(said);
	outcome_part(&outcome, code, text);
}

static void refuse_said(struct said *said, const struct gw_answer *answer)
{
	struct refusal refusal = groupwise_refusal(answer, REFUSAL_OF_DELIVERY);

	finish_said(said, refusal.code, refusal.text);
}

static void send_into_conference(struct said *said);

static void said_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct said *said = arg;
	struct conversation *conversation = said->person->conversation;

	(void)ctx;
	(void)fields;
	DL_DELETE(conversation->sent, said);
	if (!answer) {
		drop_said(said);
		return;
	}
	if (groupwise_accepted(answer)) {
		conversation->last_ref = said->ref;
		conversation->last_undelivered = said->undelivered;
		finish_said(said, said->undelivered ? IM_NOT_DELIVERED : IM_OK, said->undelivered ? said->person->user : "");
	} else if ((answer->code == GW_NO_CONFERENCE || answer->code == GW_NO_SESSION) && !said->tried_again) {
		/* The conference is gone without a word, as after the other side's reconnect or our own: a new one, once. */
		said->tried_again = true;
		if (strcmp(conversation->id, said->conference) == 0)
			conversation->id[0] = '\0';
		send_into_conference(said);
	} else {
		refuse_said(said, answer);
	}
}

void talk_undelivered(struct talk *t, struct person *person)
{
	struct conversation *conversation = person->conversation;
	struct said *said;

	/* It may overtake the answer: events come when they like. Nothing in it says which message it means, so it is taken for
	 * the last that was answered unless that one's fate is known. */
	if (conversation->sent && (!conversation->last_ref || conversation->last_undelivered)) {
		for (said = conversation->sent; said->undelivered && said->next;)
			said = said->next;
		said->undelivered = true;
	} else if (conversation->last_ref) {
		conversation->last_undelivered = true;
		t->m->events.done(t->m->ctx, conversation->last_ref, IM_NOT_DELIVERED, person->user);
	}
}

void talk_write_message(struct talk *t, const char *conference, struct bytes text)
{
	struct messenger *m = t->m;
	struct gw_field *part;

	buf_clear(&t->rtf);
	gw_rtf_write(text, &t->rtf);
	messenger_in_conference(m, conference);
	part = gw_add_array(&m->fields, NULL, GW_TAG_MESSAGE);
	gw_add_text(&m->fields, part, GW_TAG_MESSAGE_BODY, buf_bytes(&t->rtf));
	gw_add_number(&m->fields, part, GW_TAG_MESSAGE_TYPE, GW_TYPE_UDWORD, 0);
	gw_add_text(&m->fields, part, GW_TAG_MESSAGE_TEXT, text);
}

static void send_now(struct said *said)
{
	struct messenger *m = said->talk->m;

	snprintf(said->conference, sizeof said->conference, "%s", said->person->conversation->id);
	talk_write_message(said->talk, said->conference, bytes_of(said->text, said->len));
	gw_add_dn(&m->fields, NULL, GW_TAG_DN, bytes_str(said->person->dn));
	if (groupwise_link_request(m->link, "sendmessage", NULL, &m->fields, said_answered, said))
		DL_APPEND(said->person->conversation->sent, said);
	else
		finish_said(said, IM_BACKEND_REFUSED, MESSENGER_FULL);
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
	if (groupwise_accepted(answer))
		bytes_copy_str(id, conversation->id, sizeof conversation->id);
	while (waiting) {
		said = waiting;
		DL_DELETE(waiting, said);
		if (conversation->id[0]) {
			send_now(said);
		} else if (answer->code == GW_NO_SESSION && !said->tried_again) {
			said->tried_again = true;
			send_into_conference(said);
		} else if (!groupwise_accepted(answer)) {
			refuse_said(said, answer);
		} else {
			finish_said(said, IM_BACKEND_REFUSED, "it answered createconf without a usable conference");
		}
	}
}

static void send_into_conference(struct said *said)
{
	struct messenger *m = said->talk->m;
	struct person *person = said->person;
	struct conversation *conversation = person->conversation;

	if (!conversation)
		conversation = person->conversation = memory_new(sizeof *conversation);
	if (conversation->id[0]) {
		send_now(said);
		return;
	}
	DL_APPEND(conversation->waiting, said);
	if (conversation->being_made)
		return;
	messenger_in_conference(m, GW_CONFERENCE_BLANK);
	gw_add_dn(&m->fields, NULL, GW_TAG_DN, bytes_str(person->dn));
	gw_add_dn(&m->fields, NULL, GW_TAG_DN, bytes_str(m->own_dn));
	conversation->being_made = groupwise_link_request(m->link, "createconf", NULL, &m->fields, conference_made, person);
	if (!conversation->being_made) {
		DL_DELETE(conversation->waiting, said);
		finish_said(said, IM_BACKEND_REFUSED, MESSENGER_FULL);
	}
}

/* --- what the device says ------------------------------------------------------------------------------------------------ */

/* To somebody known. Long texts go as several messages, all at once, so that nothing comes between them. */
static void send_to(struct talk *t, struct person *person, uint32_t ref, struct bytes text)
{
	struct said *parts[TALK_UNSENT_MAX];
	struct outcome *outcome;
	unsigned count = 0;

	do {
		struct bytes part = gw_rtf_fit(text, GW_RTF_MAX);
		struct said *said = memory_new(sizeof *said + part.len);

		said->talk = t;
		said->person = person;
		said->ref = ref;
		said->len = part.len;
		if (part.len)
			memcpy(said->text, part.data, part.len);
		text = bytes_slice(text, part.len, text.len);
		parts[count++] = said;
	} while (text.len && count < TALK_UNSENT_MAX);
	outcome = outcome_new(t->m, ref, count);
	t->unsent += count;
	for (unsigned i = 0; i < count; i++) {
		parts[i]->outcome = outcome;
		send_into_conference(parts[i]);
	}
}

/* A message to somebody whose details may have to be asked for first. */
struct addressed {
	struct talk *talk;
	uint32_t ref;
	size_t len;
	char text[];
};

static void recipient_found(void *arg, struct person *person, const struct refusal *refusal)
{
	struct addressed *addressed = arg;
	struct talk *t = addressed->talk;

	t->unsent--;
	if (person)
		send_to(t, person, addressed->ref, bytes_of(addressed->text, addressed->len));
	else if (refusal)
		t->m->events.done(t->m->ctx, addressed->ref, refusal->code, refusal->text);
	free(addressed);
}

void talk_send(struct talk *t, uint32_t ref, struct bytes to, struct bytes text)
{
	struct addressed *addressed;

	if (t->unsent >= TALK_UNSENT_MAX) {
		t->m->events.done(t->m->ctx, ref, IM_BACKEND_REFUSED, "too many messages wait for the IM server");
		return;
	}
	addressed = memory_new(sizeof *addressed + text.len);
	addressed->talk = t;
	addressed->ref = ref;
	addressed->len = text.len;
	if (text.len)
		memcpy(addressed->text, text.data, text.len);
	t->unsent++;
	messenger_find(t->m, to, recipient_found, addressed);
}

void talk_forget_conferences(struct talk *t)
{
	for (struct person *p = t->m->people.first; p; p = p->next) {
		if (p->conversation)
			p->conversation->id[0] = '\0';
	}
}

void talk_typing(struct talk *t, struct bytes to, bool on)
{
	const struct person *person = people_by_name(&t->m->people, to);

	if (person && person->conversation && person->conversation->id[0])
		messenger_tell_typing(t->m, person->conversation->id, on);
}
