#include "collab/cwa_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/cwa/codes.h"
#include "protocol/groupwise/names.h"

enum {
	UNSENT_MAX = 64,                 /* messages, or parts, whose outcome is not known */
	CONVERSATIONS_MAX = 200,
	CONNECT_MS = 90000,              /* for the other side to answer; servers give up before. Source: ours */
};

/* What the device said, told when all of its parts are done. */
struct said {
	uint32_t ref;
	unsigned parts;
	struct cwa_refusal refusal;
};

struct part {
	struct part *prev, *next;
	struct cwa_talk *talk;
	struct cwa_person *person;
	struct said *said;
	uint64_t sent_into;              /* the conversation; 0: it began one */
	bool tried_again;
	char *text;
};

enum conversation_state { HEARD_OF, CONNECTING, CONNECTED, TERMINATED };

struct conversation {
	struct conversation *prev, *next;
	struct cwa_talk *talk;
	uint64_t id;
	enum conversation_state state;
	struct cwa_person *person;       /* NULL while only its events are known: the answer that says whose it is may come after them */
	struct part *first;              /* the invitation's message, until the other side has answered */
	struct cwa_refusal failure;      /* why the invitation failed */
	struct loop_timer *connect;
};

/* Of one person. */
struct cwa_talk_state {
	struct conversation *conversation;       /* where messages go; NULL: none */
	bool beginning;                          /* one has been asked for */
	struct part *waiting;
	bool typing;
};

struct cwa_talk {
	struct communicator *m;
	struct conversation *conversations;
	unsigned conversation_count;
	struct part *parts;                      /* on their way to the server, or their outcome to us */
	unsigned unsent, beginning;
};

/* --- parts -------------------------------------------------------------------------------------------------------------------------------- */

static void part_free(struct part *part)
{
	free(part->text);
	free(part);
}

/* It is in no list any more. */
static void part_done(struct part *part, const struct cwa_refusal *refusal)
{
	struct said *said = part->said;
	struct communicator *m = part->talk->m;

	part->talk->unsent--;
	if (refusal && refusal->code != IM_OK && said->refusal.code == IM_OK)
		said->refusal = *refusal;
	part_free(part);
	if (--said->parts)
		return;
	communicator_done(m, said->ref, &said->refusal);
	free(said);
}

static void fail_waiting(struct cwa_talk_state *state, const struct cwa_refusal *refusal)
{
	while (state->waiting) {
		struct part *part = state->waiting;

		DL_DELETE(state->waiting, part);
		part_done(part, refusal);
	}
}

/* --- conversations -------------------------------------------------------------------------------------------------------------------------- */

static struct conversation *find(const struct cwa_talk *t, uint64_t id)
{
	struct conversation *c;

	DL_FOREACH(t->conversations, c)
		if (c->id == id)
			break;
	return c;
}

static struct cwa_talk_state *state_of(struct cwa_person *p)
{
	if (!p->talk)
		p->talk = memory_new(sizeof *p->talk);
	return p->talk;
}

/* NULL: there are too many. */
static struct conversation *get(struct cwa_talk *t, uint64_t id)
{
	struct conversation *c = find(t, id);

	if (c || t->conversation_count == CONVERSATIONS_MAX)
		return c;
	c = memory_new(sizeof *c);
	*c = (struct conversation){ .talk = t, .id = id };
	DL_APPEND(t->conversations, c);
	t->conversation_count++;
	return c;
}

static void drop(struct conversation *c)
{
	DL_DELETE(c->talk->conversations, c);
	c->talk->conversation_count--;
	if (c->person && c->person->talk->conversation == c)
		c->person->talk->conversation = NULL;
	loop_timer_free(&c->connect);
	if (c->first) {
		c->talk->unsent--;
		if (--c->first->said->parts == 0)
			free(c->first->said);
		part_free(c->first);
	}
	free(c);
}

/* The conversation is over. What was to be said in it and has not been, has not been delivered. */
static void end(struct conversation *c, struct cwa_refusal why)
{
	struct part *first = c->first;
	struct cwa_talk_state *state = c->person ? c->person->talk : NULL;
	bool is_current = state && state->conversation == c;

	c->first = NULL;
	drop(c);
	if (first)
		part_done(first, &why);
	if (is_current)
		fail_waiting(state, &why);
}

static void took_too_long(void *arg)
{
	struct conversation *c = arg;
	struct cwa_command *command = cwa_command_in(c->id, "terminateImSession");

	communicator_tell(c->talk->m, &command);
	end(c, cwa_refusal_of(IM_NOT_DELIVERED, "the other side did not answer"));
}

/* --- sending ---------------------------------------------------------------------------------------------------------------------------------- */

static void send_part(struct part *part);

static void add_message(struct cwa_command *command, struct cwa_node *into, const char *text)
{
	cwa_add_text(cwa_command_tree(command), into, "format", "text/plain");
	cwa_add_text(cwa_command_tree(command), into, "content", text);
}

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

static void said_replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct part *part = arg;
	struct cwa_talk_state *state = state_of(part->person);

	(void)ctx;
	DL_DELETE(part->talk->parts, part);
	/* The conversation is gone without a word, or goes on in another session: a new one, once. */
	if ((reply->session_gone || reply->refusal.number == CWA_INVALID_OPERATION) && !part->tried_again) {
		part->tried_again = true;
		if (state->conversation && state->conversation->id == part->sent_into)
			end(state->conversation, reply->refusal);
		send_part(part);
		return;
	}
	part_done(part, &reply->refusal);
}

static void say_in(struct conversation *c, struct part *part)
{
	struct cwa_command *command = cwa_command_in(c->id, "sendMessage");

	part->sent_into = c->id;
	/* Who has said it is known to type no more. */
	part->person->talk->typing = false;
	add_message(command, cwa_command_method(command), part->text);
	DL_APPEND(part->talk->parts, part);
	if (!cwa_channel_send(part->talk->m->channel, &command, true, said_replied, part)) {
		DL_DELETE(part->talk->parts, part);
		part_done(part, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
	}
}

static void is_connected(struct conversation *c)
{
	struct part *first = c->first;

	c->state = CONNECTED;
	c->first = NULL;
	loop_timer_free(&c->connect);
	if (first)
		part_done(first, NULL);
	if (c->person->talk->conversation == c)
		say_all_that_waits(c->person->talk);
}

/* Events of it may have come before this answer. */
static void takes_its_place(struct conversation *c, struct part *part)
{
	struct cwa_talk_state *state = state_of(part->person);

	c->person = part->person;
	c->first = part;
	state->conversation = c;
	if (c->state == CONNECTED) {
		is_connected(c);
	} else if (c->state == TERMINATED) {
		end(c, c->failure.code ? c->failure : cwa_refusal_of(IM_NOT_DELIVERED, "the conversation did not come about"));
	} else {
		c->state = CONNECTING;
		c->connect = loop_timer_new(c->talk->m->loop, took_too_long, c);
		loop_timer_set(c->connect, CONNECT_MS);
	}
}

/* What nobody has claimed when no answer is outstanding is nobody's. */
static void forget_strays(struct cwa_talk *t)
{
	struct conversation *c, *next;

	if (t->beginning)
		return;
	DL_FOREACH_SAFE(t->conversations, c, next)
		if (!c->person)
			drop(c);
}

static void begun(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct part *part = arg;
	struct cwa_talk *t = part->talk;
	struct cwa_talk_state *state = state_of(part->person);
	struct cwa_refusal refusal = reply->refusal;
	struct conversation *c = reply->conference ? get(t, reply->conference) : NULL;

	(void)ctx;
	DL_DELETE(t->parts, part);
	t->beginning--;
	state->beginning = false;
	if (reply->session_gone && !part->tried_again) {
		part->tried_again = true;
		send_part(part);
		return;
	}
	if (refusal.code == IM_OK && c && !c->person) {
		takes_its_place(c, part);
	} else {
		if (refusal.code == IM_OK)
			refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "it accepted a conversation without a number that can be used");
		part_done(part, &refusal);
		fail_waiting(state, &refusal);
	}
	forget_strays(t);
}

static void begin(struct part *part)
{
	struct cwa_talk_state *state = state_of(part->person);
	struct cwa_command *command = cwa_command_in(0, "initiateImSession");
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *method = cwa_command_method(command);

	cwa_add_text(tree, cwa_add(tree, method, "uris"), "uri", part->person->uri);
	add_message(command, cwa_add(tree, method, "message"), part->text);
	cwa_add(tree, method, "subject");
	part->sent_into = 0;
	state->beginning = true;
	part->talk->beginning++;
	DL_APPEND(part->talk->parts, part);
	if (cwa_channel_send(part->talk->m->channel, &command, true, begun, part))
		return;
	DL_DELETE(part->talk->parts, part);
	part->talk->beginning--;
	state->beginning = false;
	part_done(part, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
}

static void send_part(struct part *part)
{
	struct cwa_talk_state *state = state_of(part->person);

	if (state->conversation && state->conversation->state == CONNECTED)
		say_in(state->conversation, part);
	else if (state->conversation || state->beginning)
		DL_APPEND(state->waiting, part);
	else
		begin(part);
}

void cwa_talk_send(struct cwa_talk *t, uint32_t ref, struct bytes to, struct bytes text)
{
	struct cwa_person *person = cwa_people_user(&t->m->people, to);
	char *clean = communicator_text(text, IM_TEXT_MAX);
	struct bytes rest = bytes_str(clean);
	struct part *parts[IM_TEXT_MAX / (CWA_MESSAGE_MAX - 4) + 1];
	struct said *said;
	size_t count = 0;

	if (!person || t->unsent + sizeof parts / sizeof *parts > UNSENT_MAX) {
		t->m->events.done(t->m->ctx, ref, person ? IM_BACKEND_REFUSED : IM_NOT_DELIVERED,
			person ? "too many messages wait for the IM server" : log_value(to));
		free(clean);
		return;
	}
	said = memory_new(sizeof *said);
	said->ref = ref;
	do {
		struct bytes now = gw_utf8_cut(rest, CWA_MESSAGE_MAX);
		struct part *part = memory_new(sizeof *part);

		*part = (struct part){ .talk = t, .person = person, .said = said, .text = bytes_dup(now) };
		rest = bytes_slice(rest, now.len, rest.len);
		parts[count++] = part;
	} while (rest.len && count < sizeof parts / sizeof *parts);
	said->parts = (unsigned)count;
	t->unsent += said->parts;
	for (size_t i = 0; i < count; i++)
		send_part(parts[i]);
	free(clean);
}

void cwa_talk_typing(struct cwa_talk *t, struct bytes to, bool on)
{
	struct cwa_person *person = cwa_people_user(&t->m->people, to);
	const struct conversation *c = person && person->talk ? person->talk->conversation : NULL;
	struct cwa_command *command;

	if (!c || c->state != CONNECTED || person->talk->typing == on)
		return;
	person->talk->typing = on;
	command = cwa_command_in(c->id, "notifyComposing");
	cwa_set_text(cwa_command_tree(command), cwa_command_method(command), on ? "composing" : "idle");
	communicator_tell(t->m, &command);
}

/* --- what comes -------------------------------------------------------------------------------------------------------------------------------- */

static void tell_message(struct cwa_talk *t, struct cwa_person *from, const struct cwa_node *message)
{
	const char *content = message ? cwa_child_text(message, "content") : "";
	char *text;
	struct im_message_event event = { .from = bytes_str(from->user), .name = bytes_str(from->name), .kind = IM_KIND_MESSAGE };

	if (!*content)
		return;
	text = communicator_text(bytes_str(content), IM_TEXT_MAX);
	event.text = bytes_str(text);
	t->m->events.message(t->m->ctx, &event);
	free(text);
}

static struct cwa_person *person_of(struct cwa_talk *t, const struct conversation *c, const char *uri)
{
	struct cwa_person *p = uri ? cwa_people_uri(&t->m->people, uri) : NULL;

	return p ? p : c ? c->person : NULL;
}

static void invited(struct cwa_talk *t, uint64_t id, const struct cwa_node *received)
{
	const struct cwa_node *inviter = cwa_child(received, "inviter");
	struct cwa_person *p = cwa_people_uri(&t->m->people, cwa_attribute(inviter, "uri"));
	struct conversation *c = find(t, id) ? NULL : get(t, id);
	const char *name = cwa_attribute(inviter, "name");
	struct cwa_command *command;

	if (!p || !c)
		return;
	if (name && *name && !p->is_contact) {
		free(p->name);
		p->name = communicator_text(bytes_str(name), IM_NAME_MAX);
	}
	c->person = p;
	c->state = CONNECTING;
	if (!state_of(p)->conversation && !p->talk->beginning)
		p->talk->conversation = c;
	command = cwa_command_in(id, "acceptImSession");
	communicator_tell(t->m, &command);
	tell_message(t, p, cwa_child(received, "message"));
}

static void state_changed(struct cwa_talk *t, uint64_t id, const char *state)
{
	struct conversation *c = find(t, id);
	bool connected = strcmp(state, "connected") == 0, over = strcmp(state, "terminated") == 0;

	if (!c && t->beginning)
		c = get(t, id);
	if (!c || (!connected && !over))
		return;
	if (!c->person)
		c->state = connected ? CONNECTED : TERMINATED;
	else if (connected)
		is_connected(c);
	else
		end(c, c->failure.code ? c->failure : cwa_refusal_of(IM_NOT_DELIVERED, "the other side ended the conversation"));
}

static void invite_failed(struct cwa_talk *t, uint64_t id, const struct cwa_node *failed)
{
	struct conversation *c = t->beginning ? get(t, id) : find(t, id);

	if (c)
		c->failure = cwa_refusal(cwa_child(failed, "error"), CWA_ASKED_DELIVERY);
}

static void composing(struct cwa_talk *t, const struct conversation *c, const struct cwa_node *node)
{
	const struct cwa_person *p = person_of(t, c, cwa_attribute(node, "sender"));
	struct im_typing typing = { .on = strcmp(node->text, "composing") == 0 };

	if (!p)
		return;
	typing.user = bytes_str(p->user);
	t->m->events.typing(t->m->ctx, &typing);
}

void cwa_talk_event(struct cwa_talk *t, const struct cwa_node *event)
{
	const struct cwa_node *part;
	struct cwa_person *p;
	uint64_t id;

	if (!cwa_number(cwa_attribute(event, "confId"), INT64_MAX, &id) || id == 0)
		return;
	if ((part = cwa_child(event, "imSessionReceived")) != NULL)
		invited(t, id, part);
	if ((part = cwa_child(event, "inviteFailed")) != NULL)
		invite_failed(t, id, part);
	if ((part = cwa_child(event, "messageReceived")) != NULL) {
		p = person_of(t, find(t, id), cwa_attribute(part, "sender"));
		if (p)
			tell_message(t, p, cwa_child(part, "message"));
	}
	if ((part = cwa_child(event, "composingState")) != NULL)
		composing(t, find(t, id), part);
	if ((part = cwa_child(event, "imSessionState")) != NULL)
		state_changed(t, id, part->text);
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------------------- */

void cwa_talk_forget(struct cwa_talk *t)
{
	const struct cwa_refusal why = cwa_refusal_of(IM_NOT_DELIVERED, "the session on the IM server was lost meanwhile");

	while (t->conversations)
		end(t->conversations, why);
}

struct cwa_talk *cwa_talk_new(struct communicator *m)
{
	struct cwa_talk *t = memory_new(sizeof *t);

	t->m = m;
	return t;
}

static void abandon(struct part *part)
{
	if (--part->said->parts == 0)
		free(part->said);
	part_free(part);
}

void cwa_talk_free(struct cwa_talk **talk)
{
	struct cwa_talk *t = *talk;
	struct part *part, *next;

	if (!t)
		return;
	*talk = NULL;
	while (t->conversations)
		drop(t->conversations);
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
