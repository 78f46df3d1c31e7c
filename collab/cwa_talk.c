#include "collab/cwa_talk.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_rooms.h"
#include "collab/cwa_said.h"
#include "protocol/cwa/codes.h"

enum {
	UNSENT_MAX = 64,                 /* messages, or parts, whose outcome is not known */
	CONNECT_MS = 90000,              /* for the other side to answer; servers give up before. Source: ours */
	DOUBT_MS = 2000,                 /* after "not possible now", for the event that says why. Source: ours */
};

struct part {
	struct part *prev, *next;
	struct cwa_talk *talk;
	struct cwa_person *person;
	struct cwa_said *said;
	uint64_t sent_into;              /* the conversation; 0: it began one */
	bool tried_again;
	char *text;
};

/* A conversation with one person. */
struct dialogue {
	struct dialogue *prev, *next;
	struct cwa_talk *talk;
	struct cwa_conversation *c;
	struct cwa_person *person;
	struct part *first;              /* the invitation's message, until the other side has answered */
	struct cwa_refusal failure;      /* why the invitation failed */
	bool doubted;                    /* the server has taken no message: nothing is said until it says why */
	struct loop_timer *timer;        /* CONNECT_MS or DOUBT_MS */
};

/* Of one person. */
struct cwa_talk_state {
	struct dialogue *dialogue;       /* where messages go; NULL: none */
	bool beginning;                  /* one has been asked for */
	struct part *waiting;
	bool typing;
};

struct cwa_talk {
	struct communicator *m;
	struct dialogue *dialogues;
	struct part *parts;              /* on their way to the server, or their outcome to us */
	unsigned unsent;
};

static struct cwa_talk_state *state_of(struct cwa_person *p)
{
	if (!p->talk)
		p->talk = memory_new(sizeof *p->talk);
	return p->talk;
}

/* --- parts -------------------------------------------------------------------------------------------------------------------------------- */

static void part_free(struct part *part)
{
	part->talk->unsent--;
	free(part->text);
	free(part);
}

/* It is in no list any more. */
static void part_done(struct part *part, const struct cwa_refusal *refusal)
{
	struct cwa_said *said = part->said;

	part_free(part);
	cwa_said_part(said, refusal);
}

static void abandon(struct part *part)
{
	cwa_said_abandon(part->said);
	part_free(part);
}

static void fail_waiting(struct cwa_talk_state *state, const struct cwa_refusal *refusal)
{
	while (state->waiting) {
		struct part *part = state->waiting;

		DL_DELETE(state->waiting, part);
		part_done(part, refusal);
	}
}

static void send_part(struct part *part);

static void say_all_that_waits(struct cwa_talk_state *state)
{
	struct part *waiting = state->waiting;

	state->waiting = NULL;
	while (waiting) {
		struct part *part = waiting;

		DL_DELETE(waiting, part);
		send_part(part);
	}
}

/* --- dialogues ------------------------------------------------------------------------------------------------------------------------------ */

static void timed_out(void *arg);
static void happened(void *owner, struct cwa_conversation *c, const struct cwa_happening *happening);

static struct dialogue *dialogue_new(struct cwa_talk *t, struct cwa_conversation *c, struct cwa_person *person)
{
	struct dialogue *d = memory_new(sizeof *d);

	*d = (struct dialogue){ .talk = t, .c = c, .person = person };
	d->timer = loop_timer_new(t->m->loop, timed_out, d);
	DL_APPEND(t->dialogues, d);
	return d;
}

/* The conversation is somebody else's, or gone. */
static void drop(struct dialogue *d)
{
	DL_DELETE(d->talk->dialogues, d);
	if (d->person->talk->dialogue == d) {
		d->person->talk->dialogue = NULL;
		d->person->talk->typing = false;
	}
	loop_timer_free(&d->timer);
	free(d);
}

/* It is over. What was to be said in it and has not been, has not been delivered. */
static void end(struct dialogue *d, struct cwa_refusal why)
{
	struct part *first = d->first;
	struct cwa_talk_state *state = d->person->talk;
	bool is_current = state->dialogue == d;

	if (d->failure.code)
		why = d->failure;
	drop(d);
	if (first)
		part_done(first, &why);
	if (is_current)
		fail_waiting(state, &why);
}

/* The session is another. Whether the invitation has arrived nobody knows. */
static void lost(struct dialogue *d, const struct cwa_refusal *why)
{
	struct part *first = d->first;
	struct cwa_talk_state *state = d->person->talk;
	bool is_current = state->dialogue == d;

	drop(d);
	if (first)
		part_done(first, why);
	if (is_current)
		say_all_that_waits(state);
}

static void timed_out(void *arg)
{
	struct dialogue *d = arg;
	struct cwa_talk_state *state = d->person->talk;

	cwa_conversation_leave(&d->c, NULL, NULL);
	if (!d->doubted) {
		end(d, cwa_refusal_of(IM_NOT_DELIVERED, "the other side did not answer"));
		return;
	}
	/* The server takes nothing in it and does not say why: another one. */
	drop(d);
	say_all_that_waits(state);
}

/* --- sending ---------------------------------------------------------------------------------------------------------------------------------- */

static bool can_say(const struct dialogue *d)
{
	return d->c->connected && d->c->mode != CWA_ESCALATING && !d->doubted;
}

static void doubt(struct dialogue *d, struct part *part)
{
	DL_APPEND(d->person->talk->waiting, part);
	d->doubted = true;
	loop_timer_set(d->timer, DOUBT_MS);
}

static void said_replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct part *part = arg;
	struct dialogue *d = state_of(part->person)->dialogue;

	(void)ctx;
	DL_DELETE(part->talk->parts, part);
	if (part->tried_again || (!reply->session_gone && reply->refusal.number != CWA_INVALID_OPERATION)) {
		part_done(part, &reply->refusal);
		return;
	}
	/* The conversation is gone without a word, is becoming one of several, or goes on in another session. */
	part->tried_again = true;
	if (reply->session_gone && d)
		DL_APPEND(part->person->talk->waiting, part);
	else if (d && d->c->id == part->sent_into && d->c->connected && d->c->mode != CWA_ESCALATING)
		doubt(d, part);
	else
		send_part(part);
}

static void full(struct part *part)
{
	part_done(part, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
}

static void say_in(struct dialogue *d, struct part *part)
{
	part->sent_into = d->c->id;
	/* Who has said it is known to type no more. */
	part->person->talk->typing = false;
	DL_APPEND(part->talk->parts, part);
	if (cwa_conversation_say(d->c, part->text, said_replied, part))
		return;
	DL_DELETE(part->talk->parts, part);
	full(part);
}

static void begun(struct communicator *m, void *arg, struct cwa_conversation *c, const struct cwa_reply *reply)
{
	struct part *part = arg;
	struct cwa_talk *t = m->talk;
	struct cwa_talk_state *state = state_of(part->person);
	struct dialogue *d;

	DL_DELETE(t->parts, part);
	state->beginning = false;
	if (c) {
		d = dialogue_new(t, c, part->person);
		d->first = part;
		state->dialogue = d;
		loop_timer_set(d->timer, CONNECT_MS);
		cwa_conversation_own(c, happened, d);
	} else if (reply->session_gone && !part->tried_again) {
		part->tried_again = true;
		send_part(part);
	} else {
		part_done(part, &reply->refusal);
		fail_waiting(state, &reply->refusal);
	}
}

static void begin(struct part *part)
{
	struct cwa_talk_state *state = state_of(part->person);
	const char *uri = part->person->uri;

	part->sent_into = 0;
	state->beginning = true;
	DL_APPEND(part->talk->parts, part);
	if (cwa_conversations_begin(part->talk->m->conversations, &uri, 1, part->text, begun, part))
		return;
	DL_DELETE(part->talk->parts, part);
	state->beginning = false;
	full(part);
}

static void send_part(struct part *part)
{
	struct cwa_talk_state *state = state_of(part->person);

	if (state->dialogue && can_say(state->dialogue))
		say_in(state->dialogue, part);
	else if (state->dialogue || state->beginning)
		DL_APPEND(state->waiting, part);
	else
		begin(part);
}

void cwa_talk_send(struct cwa_talk *t, uint32_t ref, struct bytes to, struct bytes text)
{
	struct cwa_person *person = cwa_people_user(&t->m->people, to);
	char *clean = communicator_text(text, IM_TEXT_MAX);
	struct bytes pieces[CWA_PARTS_MAX];
	struct part *parts[CWA_PARTS_MAX];
	struct cwa_said *said;
	size_t count;

	if (!person || t->unsent + CWA_PARTS_MAX > UNSENT_MAX) {
		t->m->events.done(t->m->ctx, ref, person ? IM_BACKEND_REFUSED : IM_NOT_DELIVERED,
			person ? "too many messages wait for the IM server" : log_value(to));
		free(clean);
		return;
	}
	count = cwa_said_split(bytes_str(clean), pieces);
	said = cwa_said_new(t->m, ref, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		parts[i] = memory_new(sizeof *parts[i]);
		*parts[i] = (struct part){ .talk = t, .person = person, .said = said, .text = bytes_dup(pieces[i]) };
		t->unsent++;
	}
	for (size_t i = 0; i < count; i++)
		send_part(parts[i]);
	free(clean);
}

void cwa_talk_typing(struct cwa_talk *t, struct bytes to, bool on)
{
	struct cwa_person *person = cwa_people_user(&t->m->people, to);
	const struct dialogue *d = person && person->talk ? person->talk->dialogue : NULL;

	if (!d || person->talk->typing == on)
		return;
	/* As soon as the conversation is connected. */
	person->talk->typing = on;
	if (d->c->connected)
		cwa_conversation_composing(d->c, on);
}

/* --- what comes -------------------------------------------------------------------------------------------------------------------------------- */

static void tell_message(struct cwa_talk *t, const struct cwa_person *from, const char *content)
{
	struct im_message_event event = { .from = bytes_str(from->user), .name = bytes_str(from->name), .kind = IM_KIND_MESSAGE };
	char *text;

	if (!*content)
		return;
	text = communicator_text(bytes_str(content), IM_TEXT_MAX);
	event.text = bytes_str(text);
	t->m->events.message(t->m->ctx, &event);
	free(text);
}

void cwa_talk_heard(struct cwa_talk *t, const char *uri, const char *text)
{
	const struct cwa_person *p = cwa_people_uri(&t->m->people, uri);

	if (p)
		tell_message(t, p, text);
}

void cwa_talk_invited(struct cwa_talk *t, struct cwa_conversation *c, struct cwa_person *person, const char *text)
{
	struct dialogue *d = dialogue_new(t, c, person);

	if (!state_of(person)->dialogue && !person->talk->beginning)
		person->talk->dialogue = d;
	(void)cwa_conversation_accept(c, NULL, NULL);
	tell_message(t, person, text);
	cwa_conversation_own(c, happened, d);
}

static void is_connected(struct dialogue *d)
{
	struct part *first = d->first;

	d->first = NULL;
	loop_timer_cancel(d->timer);
	if (first)
		part_done(first, NULL);
}

/* Nobody who speaks is named where there is but one. */
static const struct cwa_person *speaker(const struct dialogue *d, const char *uri)
{
	const struct cwa_person *p = *uri ? cwa_people_uri(&d->talk->m->people, uri) : NULL;

	return p ? p : d->person;
}

/* What is still to be said to that person alone is said in another conversation. */
static void becomes_room(struct dialogue *d)
{
	struct cwa_person *person = d->person;
	struct cwa_conversation *c = d->c;
	struct cwa_rooms *rooms = d->talk->m->rooms;

	if (d->first)
		is_connected(d);
	drop(d);
	say_all_that_waits(person->talk);
	cwa_rooms_adopt(rooms, c, person);
}

static void mode_changed(struct dialogue *d)
{
	if (d->doubted) {
		d->doubted = false;
		loop_timer_cancel(d->timer);
	}
	if (d->c->mode == CWA_ESCALATED)
		becomes_room(d);
	else if (can_say(d) && d->person->talk->dialogue == d)
		say_all_that_waits(d->person->talk);
}

static void happened(void *owner, struct cwa_conversation *c, const struct cwa_happening *h)
{
	struct dialogue *d = owner;
	struct cwa_talk *t = d->talk;
	struct im_typing typing = { .on = h->on };

	(void)c;
	switch (h->kind) {
	case CWA_CONNECTED:
		is_connected(d);
		if (d->person->talk->dialogue != d)
			break;
		if (d->person->talk->typing && !d->person->talk->waiting)
			cwa_conversation_composing(d->c, true);
		say_all_that_waits(d->person->talk);
		break;
	case CWA_OVER:
		end(d, h->refusal);
		break;
	case CWA_LOST:
		lost(d, &h->refusal);
		break;
	case CWA_INVITE_FAILED:
		d->failure = h->refusal;
		break;
	case CWA_MODE_CHANGED:
		mode_changed(d);
		break;
	case CWA_PARTICIPANT:
		break;
	case CWA_MESSAGE:
		tell_message(t, speaker(d, h->uri), h->text);
		break;
	case CWA_COMPOSING:
		typing.user = bytes_str(speaker(d, h->uri)->user);
		t->m->events.typing(t->m->ctx, &typing);
		break;
	}
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_talk *cwa_talk_new(struct communicator *m)
{
	struct cwa_talk *t = memory_new(sizeof *t);

	t->m = m;
	return t;
}

void cwa_talk_free(struct cwa_talk **talk)
{
	struct cwa_talk *t = *talk;
	struct part *part, *next;

	if (!t)
		return;
	*talk = NULL;
	while (t->dialogues) {
		if (t->dialogues->first)
			abandon(t->dialogues->first);
		drop(t->dialogues);
	}
	DL_FOREACH_SAFE(t->parts, part, next)
		abandon(part);
	for (struct cwa_person *p = t->m->people.first; p; p = p->next) {
		if (!p->talk)
			continue;
		DL_FOREACH_SAFE(p->talk->waiting, part, next)
			abandon(part);
		free(p->talk);
		p->talk = NULL;
	}
	free(t);
}
