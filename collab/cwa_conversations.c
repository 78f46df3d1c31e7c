#include "collab/cwa_conversations.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_rooms.h"
#include "collab/cwa_talk.h"

/* A happening that is kept. */
struct cwa_heard {
	struct cwa_heard *prev, *next;
	struct cwa_happening happening;
	char *uri, *name, *text;
};

struct beginning {
	struct beginning *prev, *next;
	struct cwa_conversations *all;
	cwa_begun_fn *begun;
	void *arg;
};

struct cwa_conversations {
	struct communicator *m;
	struct cwa_conversation *list;
	unsigned count;
	struct beginning *beginnings;        /* without an answer: conversations of theirs may be heard of before */
};

/* --- the list --------------------------------------------------------------------------------------------------------------------------------- */

static struct cwa_conversation *find(const struct cwa_conversations *all, uint64_t id)
{
	struct cwa_conversation *c;

	DL_FOREACH(all->list, c)
		if (c->id == id)
			break;
	return c;
}

/* NULL: there are too many. */
static struct cwa_conversation *get(struct cwa_conversations *all, uint64_t id)
{
	struct cwa_conversation *c = find(all, id);

	if (c || all->count == CWA_CONVERSATIONS_MAX)
		return c;
	c = memory_new(sizeof *c);
	*c = (struct cwa_conversation){ .all = all, .id = id, .focus = memory_str("") };
	DL_APPEND(all->list, c);
	all->count++;
	return c;
}

static void forget_heard(struct cwa_conversation *c, struct cwa_heard *heard)
{
	DL_DELETE(c->heard, heard);
	c->heard_count--;
	free(heard->uri);
	free(heard->name);
	free(heard->text);
	free(heard);
}

static void drop(struct cwa_conversation *c)
{
	DL_DELETE(c->all->list, c);
	c->all->count--;
	while (c->heard)
		forget_heard(c, c->heard);
	free(c->focus);
	free(c);
}

/* What nobody has claimed when no answer is outstanding is nobody's. */
static void forget_strays(struct cwa_conversations *all)
{
	struct cwa_conversation *c, *next;

	if (all->beginnings)
		return;
	DL_FOREACH_SAFE(all->list, c, next)
		if (!c->happened)
			drop(c);
}

/* --- what happens -------------------------------------------------------------------------------------------------------------------------------- */

static void hear(struct cwa_conversation *c, const struct cwa_happening *h)
{
	struct cwa_heard *heard;

	if (c->heard_count == CWA_HEARD_MAX)
		return;
	heard = memory_new(sizeof *heard);
	heard->happening = *h;
	heard->happening.uri = heard->uri = memory_str(h->uri);
	heard->happening.name = heard->name = memory_str(h->name);
	heard->happening.text = heard->text = memory_str(h->text);
	DL_APPEND(c->heard, heard);
	c->heard_count++;
}

/* The conversation may be gone after this. */
static void tell(struct cwa_conversation *c, const struct cwa_happening *h)
{
	struct cwa_conversations *all = c->all;
	uint64_t id = c->id;

	if (!c->happened) {
		hear(c, h);
		return;
	}
	if (h->kind == CWA_CONNECTED)
		c->connected = true;
	c->happened(c->owner, c, h);
	if ((h->kind == CWA_OVER || h->kind == CWA_LOST) && find(all, id) == c)
		drop(c);
}

void cwa_conversation_own(struct cwa_conversation *c, cwa_happened_fn *happened, void *owner)
{
	struct cwa_conversations *all = c->all;
	uint64_t id = c->id;

	c->happened = happened;
	c->owner = owner;
	while (find(all, id) == c && c->heard) {
		struct cwa_heard *heard = c->heard;
		struct cwa_heard copy = *heard;

		DL_DELETE(c->heard, heard);
		c->heard_count--;
		free(heard);
		tell(c, &copy.happening);
		free(copy.uri);
		free(copy.name);
		free(copy.text);
	}
}

/* --- events -------------------------------------------------------------------------------------------------------------------------------------------- */

static enum cwa_mode mode_of(const char *text, enum cwa_mode otherwise)
{
	static const char *const names[] = { [CWA_INVITING_PEER] = "invitingPeer", [CWA_PEER] = "peer", [CWA_ESCALATING] = "escalating",
		[CWA_ESCALATED] = "escalated" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], text) == 0)
			return (enum cwa_mode)i;
	return otherwise;
}

static void invited(struct cwa_conversations *all, uint64_t id, const struct cwa_node *received)
{
	struct communicator *m = all->m;
	const struct cwa_node *inviter = cwa_child(received, "inviter"), *message = cwa_child(received, "message");
	struct cwa_person *p = cwa_people_uri(&m->people, cwa_attribute(inviter, "uri"));
	struct cwa_conversation *c = find(all, id) ? NULL : get(all, id);
	const char *name = cwa_attribute(inviter, "name"), *text = message ? cwa_child_text(message, "content") : "";

	if (!p || !c) {
		log_warning("cwa invitation passed over user=%s conversations=%u", log_str(m->people.own_uri), all->count);
		if (c)
			drop(c);
		return;
	}
	if (name && *name && !*p->called)
		cwa_person_called(p, name);
	c->mode = mode_of(cwa_child_text(received, "escalationMode"), CWA_INVITING_PEER);
	if (c->mode == CWA_ESCALATED || c->mode == CWA_ESCALATING)
		cwa_rooms_invited(m->rooms, c, p, *text ? text : cwa_child_text(received, "subject"));
	else
		cwa_talk_invited(m->talk, c, p, text);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* In a conversation that is nobody's (any more): it is said all the same. */
static void heard_from_nowhere(struct cwa_conversations *all, const struct cwa_node *received)
{
	const struct cwa_node *message = cwa_child(received, "message");

	if (message)
		cwa_talk_heard(all->m->talk, or_empty(cwa_attribute(received, "sender")), cwa_child_text(message, "content"));
}

/* false: the element is none of those that tell of a happening. */
static bool read_happening(struct cwa_conversation *c, const struct cwa_node *node, struct cwa_happening *out)
{
	const struct cwa_node *message;

	*out = (struct cwa_happening){ .uri = "", .name = "", .text = node->text };
	if (cwa_is(node, "imSessionState") && strcmp(node->text, "connected") == 0) {
		out->kind = CWA_CONNECTED;
	} else if (cwa_is(node, "imSessionState") && strcmp(node->text, "terminated") == 0) {
		out->kind = CWA_OVER;
		out->refusal = cwa_refusal_of(IM_NOT_DELIVERED, "the other side ended the conversation");
	} else if (cwa_is(node, "inviteFailed")) {
		out->kind = CWA_INVITE_FAILED;
		out->uri = or_empty(cwa_attribute(node, "uri"));
		/* The documents have no reason here; it comes with requestFailed, which does not say of whom it speaks. */
		out->refusal = cwa_child(node, "error") ? cwa_refusal(cwa_child(node, "error"), CWA_ASKED_DELIVERY) :
			cwa_refusal_of(IM_NOT_DELIVERED, "the invitation was not accepted");
	} else if (cwa_is(node, "escalationMode")) {
		out->kind = CWA_MODE_CHANGED;
		c->mode = mode_of(node->text, c->mode);
	} else if (cwa_is(node, "participant")) {
		out->kind = CWA_PARTICIPANT;
		out->uri = cwa_attribute(node, "uri");
		out->name = or_empty(cwa_attribute(node, "name"));
		out->on = true;
	} else if (cwa_is(node, "participantRemoved")) {
		out->kind = CWA_PARTICIPANT;
		out->uri = node->text;
	} else if (cwa_is(node, "messageReceived")) {
		message = cwa_child(node, "message");
		out->kind = CWA_MESSAGE;
		out->uri = or_empty(cwa_attribute(node, "sender"));
		out->text = message ? cwa_child_text(message, "content") : "";
	} else if (cwa_is(node, "composingState")) {
		out->kind = CWA_COMPOSING;
		out->uri = or_empty(cwa_attribute(node, "sender"));
		out->on = strcmp(node->text, "composing") == 0;
	} else {
		return false;
	}
	return true;
}

void cwa_conversations_event(struct cwa_conversations *all, const struct cwa_node *event)
{
	struct cwa_happening happening;
	uint64_t id;

	if (!cwa_number(cwa_attribute(event, "confId"), INT64_MAX, &id) || id == 0)
		return;
	for (const struct cwa_node *node = event->first; node; node = node->next) {
		struct cwa_conversation *c;

		if (cwa_is(node, "imSessionReceived")) {
			invited(all, id, node);
			continue;
		}
		c = all->beginnings ? get(all, id) : find(all, id);
		if (c && cwa_is(node, "confUri"))
			cwa_people_set(&c->focus, node->text);
		else if (c && read_happening(c, node, &happening))
			tell(c, &happening);
		else if (!c && cwa_is(node, "messageReceived"))
			heard_from_nowhere(all, node);
	}
}

void cwa_conversations_lost(struct cwa_conversations *all)
{
	const struct cwa_happening lost = { .kind = CWA_LOST, .uri = "", .name = "", .text = "",
		.refusal = cwa_refusal_of(IM_NOT_DELIVERED, "the session on the IM server was lost meanwhile") };

	while (all->list) {
		struct cwa_conversation *c = all->list;

		if (c->happened)
			tell(c, &lost);
		else
			drop(c);
	}
}

/* --- what is said in it --------------------------------------------------------------------------------------------------------------------------------- */

static void add_message(struct cwa_command *command, struct cwa_node *into, const char *text)
{
	cwa_add_text(cwa_command_tree(command), into, "format", "text/plain");
	cwa_add_text(cwa_command_tree(command), into, "content", text);
}

static void answered(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct beginning b = *(struct beginning *)arg;
	struct cwa_conversation *c = reply->conference ? get(b.all, reply->conference) : NULL;
	struct cwa_reply failed = *reply;

	(void)ctx;
	DL_DELETE(b.all->beginnings, (struct beginning *)arg);
	free(arg);
	if (reply->refusal.code == IM_OK && c && !c->happened) {
		b.begun(b.all->m, b.arg, c, reply);
	} else {
		if (failed.refusal.code == IM_OK)
			failed.refusal = cwa_refusal_of(IM_BACKEND_REFUSED, "it accepted a conversation without a number that can be used");
		b.begun(b.all->m, b.arg, NULL, &failed);
	}
	forget_strays(b.all);
}

bool cwa_conversations_begin(struct cwa_conversations *all, const char *const *uris, size_t count, const char *text, cwa_begun_fn *begun,
	void *arg)
{
	struct cwa_command *command = cwa_command_in(0, "initiateImSession");
	struct cwa_tree *tree = cwa_command_tree(command);
	struct cwa_node *method = cwa_command_method(command), *list = cwa_add(tree, method, "uris");
	struct beginning *b = memory_new(sizeof *b);

	for (size_t i = 0; i < count; i++)
		cwa_add_text(tree, list, "uri", uris[i]);
	add_message(command, cwa_add(tree, method, "message"), text);
	cwa_add(tree, method, "subject");
	*b = (struct beginning){ .all = all, .begun = begun, .arg = arg };
	DL_APPEND(all->beginnings, b);
	if (cwa_channel_send(all->m->channel, &command, true, answered, b))
		return true;
	DL_DELETE(all->beginnings, b);
	free(b);
	return false;
}

bool cwa_conversation_say(const struct cwa_conversation *c, const char *text, cwa_replied_fn *replied, void *arg)
{
	struct cwa_command *command = cwa_command_in(c->id, "sendMessage");

	add_message(command, cwa_command_method(command), text);
	return cwa_channel_send(c->all->m->channel, &command, true, replied, arg);
}

void cwa_conversation_composing(const struct cwa_conversation *c, bool on)
{
	struct cwa_command *command = cwa_command_in(c->id, "notifyComposing");

	cwa_set_text(cwa_command_tree(command), cwa_command_method(command), on ? "composing" : "idle");
	communicator_tell(c->all->m, &command);
}

bool cwa_conversation_accept(const struct cwa_conversation *c, cwa_replied_fn *replied, void *arg)
{
	struct cwa_command *command = cwa_command_in(c->id, "acceptImSession");

	return cwa_channel_send(c->all->m->channel, &command, false, replied, arg);
}

bool cwa_conversation_invite(const struct cwa_conversation *c, const char *uri, cwa_replied_fn *replied, void *arg)
{
	struct cwa_command *command = cwa_command_in(c->id, "inviteParticipants");
	struct cwa_tree *tree = cwa_command_tree(command);

	cwa_add_text(tree, cwa_add(tree, cwa_command_method(command), "uris"), "uri", uri);
	return cwa_channel_send(c->all->m->channel, &command, true, replied, arg);
}

bool cwa_conversation_leave(struct cwa_conversation **conversation, cwa_replied_fn *replied, void *arg)
{
	struct cwa_conversation *c = *conversation;
	struct cwa_command *command = cwa_command_in(c->id, "terminateImSession");
	struct cwa_channel *channel = c->all->m->channel;

	*conversation = NULL;
	drop(c);
	return cwa_channel_send(channel, &command, false, replied, arg);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_conversations *cwa_conversations_new(struct communicator *m)
{
	struct cwa_conversations *all = memory_new(sizeof *all);

	all->m = m;
	return all;
}

void cwa_conversations_free(struct cwa_conversations **conversations)
{
	struct cwa_conversations *all = *conversations;
	struct beginning *b, *next;

	if (!all)
		return;
	*conversations = NULL;
	while (all->list)
		drop(all->list);
	DL_FOREACH_SAFE(all->beginnings, b, next)
		free(b);
	free(all);
}
