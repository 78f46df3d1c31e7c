/* The web server's end of conversations, and the methods that speak of them. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_state.h"

struct conference *conference_find(const struct session *s, uint64_t id)
{
	struct conference *c;

	DL_FOREACH(s->conferences, c)
		if (c->id == id)
			break;
	return c;
}

/* Of the clients of this user that were asked, the one where the person did something last. */
static bool is_most_active(const struct conference *c)
{
	const struct session *other;
	const struct conference *its;

	DL_FOREACH(c->session->user->sessions, other)
		DL_FOREACH(other->conferences, its)
			if (its->invitation == c->invitation && other->active_ms > c->session->active_ms)
				return false;
	return true;
}

static void on_accept(void *arg)
{
	struct conference *c = arg;
	struct home *home = c->session->server->home;

	if (c->invitation && is_most_active(c))
		home->accept(home->ctx, c->leg);
}

struct conference *conference_new(struct session *s, uint64_t id)
{
	struct conference *c;

	if (s->conference_count == CONFERENCES_OF_SESSION)
		return NULL;
	/* Never one that the session has had: its client may not have heard yet that that one is over. */
	if (!id)
		id = s->last_conference + 1;
	if (id > s->last_conference)
		s->last_conference = id;
	c = memory_new(sizeof *c);
	*c = (struct conference){ .session = s, .id = id };
	c->accept = loop_timer_new(s->server->loop, on_accept, c);
	DL_APPEND(s->conferences, c);
	s->conference_count++;
	return c;
}

void conference_free(struct conference *c)
{
	DL_DELETE(c->session->conferences, c);
	c->session->conference_count--;
	loop_timer_free(&c->accept);
	free(c->rid);
	free(c);
}

/* --- methods -------------------------------------------------------------------------------------------------------------------------- */

static void accepted(struct call *call, const char *rid)
{
	answer_status(call, "requestAccepted", rid, NULL);
}

static void refused(struct call *call, const char *rid, uint32_t code, const char *detail)
{
	const struct outcome outcome = { .code = code, .detail = detail };

	answer_status(call, "requestFailed", rid, &outcome);
}

/* NULL, and that has been answered, when the text cannot be taken. */
static bool read_message(struct call *call, const char *rid, const char *format, const char *content, struct home_message *out)
{
	*out = (struct home_message){ .format = *format ? format : "text/plain", .content = content };
	if (strlen(content) > CONTENT_MAX)
		refused(call, rid, CWA_INVALID_OPERATION, "a message has at most 8000 bytes");
	else if (strlen(format) > TEXT_MAX)
		refused(call, rid, CWA_INVALID_OPERATION, "a format has at most 256 bytes");
	else
		return true;
	return false;
}

static void note_length(struct conference *c, const struct home_message *message)
{
	size_t len = strlen(message->content);

	c->longest = len > c->longest ? len : c->longest;
}

/* The client may say which number the conversation is to have; 0, or one that is taken: the next one. Source: ours, for
 * a public client that counts by itself and never reads the answer. */
static void initiate(struct call *call, const struct cwa_node *node, const char *rid, uint64_t wanted)
{
	struct session *s = call->session;
	struct home *home = call->server->home;
	const struct cwa_node *given = cwa_child(node, "message");
	const char *subject = cwa_child_text(node, "subject");
	struct home_message message;
	struct conference *c;
	struct cwa_node *status;
	struct uris uris;

	if (!read_message(call, rid, given ? cwa_child_text(given, "format") : "", given ? cwa_child_text(given, "content") : "", &message))
		return;
	if (strlen(subject) > TEXT_MAX) {
		refused(call, rid, CWA_INVALID_OPERATION, "a subject has at most 256 bytes");
		return;
	}
	c = conference_new(s, wanted && !conference_find(s, wanted) ? wanted : 0);
	if (!c) {
		refused(call, rid, CWA_THROTTLED, "too many conversations");
		return;
	}
	status = cwa_add(&call->out, call->root, "initiateImSessionAccepted");
	cwa_set(&call->out, status, "rid", rid);
	cwa_set_number(&call->out, status, "confId", c->id);
	if (uris_of(cwa_child(node, "uris"), &uris) == 0) {
		c->rid = uris.count == 1 ? memory_str(rid) : NULL;
		c->has_first_text = *message.content;
		note_length(c, &message);
		front_escalation(c, HOME_INVITING);
		c->leg = home->invite(home->ctx, c, (const char *const *)uris.items, uris.count, subject, &message);
		if (!c->leg)
			front_ended(c);
	} else {
		front_ended(c);
	}
	uris_free(&uris);
}

static void accept_im(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;

	(void)node;
	if (!c->invitation) {
		refused(call, rid, CWA_INVALID_OPERATION, "nobody waits for an answer in this conversation");
		return;
	}
	accepted(call, rid);
	home->accept(home->ctx, c->leg);
}

static void terminate_im(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	struct leg *leg = c->leg;

	(void)node;
	accepted(call, rid);
	front_ended(c);
	home->leave(home->ctx, leg, true);
}

static void send_message(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	struct home_message message;

	if (!read_message(call, rid, cwa_child_text(node, "format"), cwa_child_text(node, "content"), &message))
		return;
	if (!c->connected || c->escalating) {
		refused(call, rid, CWA_INVALID_OPERATION, c->escalating ? "somebody is being invited" : "the conversation is not connected");
		return;
	}
	accepted(call, rid);
	call->server->messages_total++;
	note_length(c, &message);
	home->say(home->ctx, c->leg, rid, &message);
}

static void notify_composing(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	bool composing = strcmp(node->text, "composing") == 0;

	if (!composing && strcmp(node->text, "idle") != 0) {
		const struct outcome outcome = { .code = CWA_INVALID_REQUEST, .detail = "composing or idle" };

		answer_status(call, "requestInvalid", rid, &outcome);
		return;
	}
	accepted(call, rid);
	if (c->connected)
		home->composing(home->ctx, c->leg, composing);
}

static void invite_participants(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	struct uris uris;

	if (!c->connected) {
		refused(call, rid, CWA_INVALID_OPERATION, "the conversation is not connected");
		return;
	}
	if (uris_of(cwa_child(node, "uris"), &uris) < 0) {
		refused(call, rid, CWA_INVALID_REQUEST, "more than 300 uris");
	} else {
		accepted(call, rid);
		home->invite_more(home->ctx, c->leg, rid, (const char *const *)uris.items, uris.count);
	}
	uris_free(&uris);
}

static void on_participant(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid, bool eject)
{
	struct home *home = call->server->home;
	struct buf uri = { 0 };

	if (!c->connected || cwa_uri(node->text, &uri) < 0) {
		refused(call, rid, CWA_INVALID_OPERATION, "the conversation is not connected, or the uri is none");
	} else {
		accepted(call, rid);
		(eject ? home->eject : home->promote)(home->ctx, c->leg, rid, buf_cstr(&uri));
	}
	buf_free(&uri);
}

static void eject_participant(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	on_participant(call, c, node, rid, true);
}

static void promote_participant(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	on_participant(call, c, node, rid, false);
}

static void lock(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;

	if (!c->connected) {
		refused(call, rid, CWA_INVALID_OPERATION, "the conversation is not connected");
		return;
	}
	accepted(call, rid);
	home->lock(home->ctx, c->leg, rid, cwa_true(node->text));
}

/* "text/plain", "application/x-y; z=1": it becomes a header of SIP. */
static bool is_media_type(const char *text)
{
	static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$&^_.+-";
	size_t type = strspn(text, token), subtype = text[type] == '/' ? strspn(text + type + 1, token) : 0;
	const char *rest = text + type + 1 + subtype;

	if (!type || !subtype || (*rest && *rest != ';' && *rest != ' '))
		return false;
	while (*rest >= ' ' && *rest <= '~')
		rest++;
	return !*rest;
}

/* A system message. No event is documented that tells the other side of it. */
static void send_info(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid)
{
	struct home *home = call->server->home;
	struct home_message message;

	if (!read_message(call, rid, cwa_child_text(node, "contentType"), cwa_child_text(node, "content"), &message))
		return;
	if (!c->connected || c->escalating) {
		refused(call, rid, CWA_INVALID_OPERATION, c->escalating ? "somebody is being invited" : "the conversation is not connected");
	} else if (!is_media_type(message.format)) {
		refused(call, rid, CWA_INVALID_OPERATION, "contentType is no MIME type");
	} else {
		accepted(call, rid);
		home->info(home->ctx, c->leg, rid, &message);
	}
}

static const struct {
	const char *name;
	void (*run)(struct call *call, struct conference *c, const struct cwa_node *node, const char *rid);
} methods[] = {
	{ "acceptImSession", accept_im },
	{ "terminateImSession", terminate_im },
	{ "sendMessage", send_message },
	{ "notifyComposing", notify_composing },
	{ "inviteParticipants", invite_participants },
	{ "ejectParticipant", eject_participant },
	{ "promoteParticipant", promote_participant },
	{ "lock", lock },
	{ "sendInfo", send_info },
};

const char *conference_method(const struct cwa_node *node)
{
	return node->first ? node->first->element->name : "";
}

void run_conference(struct call *call, const struct cwa_node *node, const char *rid)
{
	const struct outcome invalid = { .code = CWA_INVALID_REQUEST, .detail = "conference needs a confId that is a number, and one method that there is" };
	const struct cwa_node *method = node->first;
	struct conference *c;
	uint64_t id;

	if (!cwa_number(cwa_attribute(node, "confId"), INT64_MAX, &id) || !method || method->next) {
		answer_status(call, "requestInvalid", rid, &invalid);
		return;
	}
	session_active(call->session);
	if (cwa_is(method, "initiateImSession")) {
		initiate(call, method, rid, id);
		return;
	}
	c = conference_find(call->session, id);
	if (!c) {
		refused(call, rid, CWA_INVALID_OPERATION, "no such conversation");
		return;
	}
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (cwa_is(method, methods[i].name))
			methods[i].run(call, c, method, rid);
}
