#include "collab/groupwise_talk_private.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

void talk_free_held(struct held *held)
{
	free(held->dn);
	free(held->conference);
	free(held->text);
	free(held);
}

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
		talk_free_held(held);
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
