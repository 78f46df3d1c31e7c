/* What the home tells us becomes events. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "simulator/cwa/cwa_state.h"

#define USERS_OF_EVENT 50               /* more become several events, so that no event is too large */

/* --- what the home may know -------------------------------------------------------------------------------------------------------- */

const char *session_uri(const struct session *s)
{
	return s->user->uri;
}

uint64_t session_number(const struct session *s)
{
	return s->sid;
}

const struct world_user *session_user(const struct session *s)
{
	return s->user->seed;
}

void *session_home(const struct session *s)
{
	return s->home;
}

void session_set_home(struct session *s, void *data)
{
	s->home = data;
}

const char *conference_uri(const struct conference *c)
{
	return c->session->user->uri;
}

struct session *conference_session(const struct conference *c)
{
	return c->session;
}

bool session_publishes_machine(const struct session *s)
{
	return s->auto_machine;
}

/* --- outcomes ------------------------------------------------------------------------------------------------------------------------ */

void home_done(struct session *s, const char *rid, const struct outcome *outcome)
{
	struct cwa_node *item;
	struct event *e = event_new(outcome->code ? "requestFailed" : "requestSucceeded", &item);

	cwa_set(&e->tree, item, "rid", rid);
	if (outcome->code)
		answer_error(&e->tree, item, outcome);
	session_post(s, e);
}

static void tell_configuration(struct session *s)
{
	struct cwa_node *item;
	struct event *e = event_new("configuration", &item);

	cwa_set(&e->tree, cwa_add(&e->tree, item, "search"), "defaultFunction", "or");
	/* First and last name, display name and address: all that is asked for. Source: inferred - a sample has "0100". */
	cwa_set(&e->tree, item->last, "defaultFields", "1111");
	cwa_add_text(&e->tree, item, "enableAppearOffline", "true");
	/* Seconds. Source: a document's sample. */
	cwa_set(&e->tree, cwa_add(&e->tree, item, "imComposingTimers"), "refreshInterval", "3");
	cwa_set(&e->tree, item->last, "timeout", "60");
	session_post(s, e);
}

void home_signed_on(struct session *s, const struct outcome *outcome)
{
	struct call *call = s->parked;

	s->parked = NULL;
	s->signed_on = !outcome->code;
	if (s->signed_on)
		cwa_session_record(s, "server.login", 0);
	if (call) {
		answer_status(call, outcome->code ? "requestFailed" : "requestAccepted", s->rid, outcome->code ? outcome : NULL);
		if (!outcome->code) {
			cwa_add_number(&call->out, call->root->last, "sid", s->sid);
			cwa_add_text(&call->out, call->root->last, "uri", s->user->uri);
			cwa_add_number(&call->out, call->root->last, "pollWaitTime", session_poll_wait_ms(s));
		}
		answer_finish(call);
		free(call);
	}
	if (outcome->code)
		cwa_session_end(s, outcome->code, outcome->detail);
}

void home_ready(struct session *s, const struct outcome *outcome)
{
	tell_configuration(s);
	s->ready = true;
	home_done(s, s->rid, outcome);
}

void home_ended(struct session *s, const struct outcome *outcome)
{
	cwa_session_end(s, outcome->code, outcome->detail);
}

/* --- contacts and presence -------------------------------------------------------------------------------------------------------------- */

static const char *const change_names[] = { [HOME_ADDED] = "added", [HOME_UPDATED] = "updated", [HOME_DELETED] = "deleted" };

void front_contacts(struct session *s, const struct home_contacts *list)
{
	struct cwa_node *event, *item;
	struct event *e = event_new("contactGroup", &event);

	cwa_set(&e->tree, event, "fullList", list->full ? "true" : "false");
	cwa_set_number(&e->tree, event, "deltaNum", list->number);
	for (size_t i = 0; i < list->group_count; i++) {
		const struct home_group *g = &list->groups[i];

		item = cwa_add(&e->tree, event, "group");
		cwa_set_number(&e->tree, item, "id", g->id);
		cwa_set(&e->tree, item, "name", g->name);
		cwa_set(&e->tree, item, "externalUri", g->external_uri);
		if (!list->full)
			cwa_set(&e->tree, item, "action", change_names[g->change]);
	}
	for (size_t i = 0; i < list->contact_count; i++) {
		const struct home_contact *c = &list->contacts[i];

		item = cwa_add(&e->tree, event, "contact");
		cwa_set(&e->tree, item, "uri", c->uri);
		cwa_set(&e->tree, item, "name", c->name);
		cwa_set(&e->tree, item, "subscribed", c->subscribed ? "true" : "false");
		cwa_set(&e->tree, item, "tag", c->tag ? "true" : "false");
		cwa_set(&e->tree, item, "groups", c->groups);
		if (!list->full)
			cwa_set(&e->tree, item, "action", change_names[c->change]);
	}
	session_post(s, e);
}

static void add_categories(struct cwa_tree *tree, struct cwa_node *parent, const struct home_category *categories, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct home_category *c = &categories[i];
		struct cwa_node *node = cwa_add(tree, parent, "cwaCategory");
		time_t at = (time_t)c->published_s;
		char time_text[32];
		struct tm parts;

		cwa_set(tree, node, "name", c->name);
		if (!c->xml)
			continue;
		gmtime_r(&at, &parts);
		strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%SZ", &parts);
		cwa_set_number(tree, node, "instance", c->instance);
		cwa_set(tree, node, "version", "0");
		cwa_set(tree, node, "publishTime", time_text);
		cwa_set_text(tree, node, c->xml);
	}
}

void front_presence(struct session *s, const struct home_presence *users, size_t count)
{
	for (size_t from = 0; from < count; from += USERS_OF_EVENT) {
		struct cwa_node *event, *user;
		struct event *e = event_new("userPresence", &event);

		for (size_t i = from; i < count && i < from + USERS_OF_EVENT; i++) {
			user = cwa_add(&e->tree, event, "user");
			cwa_set(&e->tree, user, "uri", users[i].uri);
			cwa_set(&e->tree, user, "sourceNetwork", users[i].network);
			add_categories(&e->tree, user, users[i].categories, users[i].category_count);
		}
		session_post(s, e);
	}
}

void front_self(struct session *s, const struct home_category *categories, size_t count)
{
	struct cwa_node *event;
	struct event *e = event_new("selfPresence", &event);

	add_categories(&e->tree, event, categories, count);
	session_post(s, e);
}

void front_subscribers(struct session *s, const struct home_subscriber *subscribers, size_t count)
{
	struct cwa_node *event, *item;
	struct event *e = event_new("subscribers", &event);

	for (size_t i = 0; i < count; i++) {
		item = cwa_add(&e->tree, event, "subscriber");
		cwa_set(&e->tree, item, "uri", subscribers[i].uri);
		cwa_set(&e->tree, item, "displayName", subscribers[i].name);
		cwa_set(&e->tree, item, "sourceNetwork", subscribers[i].network);
		cwa_set(&e->tree, item, "acknowledged", subscribers[i].acknowledged ? "true" : "false");
	}
	session_post(s, e);
}

void front_found(struct session *s, const char *rid, const struct home_found *users, size_t count, bool more)
{
	struct cwa_node *event, *item;
	struct event *e = event_new("searchResult", &event);

	for (size_t i = 0; i < count && i < HOME_FOUND_MAX; i++) {
		item = cwa_add(&e->tree, event, "user");
		cwa_set(&e->tree, item, "uri", users[i].uri);
		cwa_set(&e->tree, item, "displayName", users[i].name);
		cwa_set(&e->tree, item, "title", users[i].title);
		cwa_set(&e->tree, item, "phone", users[i].phone);
		cwa_set(&e->tree, item, "email", users[i].mail);
	}
	cwa_set(&e->tree, event, "rid", rid);
	cwa_set_number(&e->tree, event, "returned", count < HOME_FOUND_MAX ? count : HOME_FOUND_MAX);
	cwa_set(&e->tree, event, "moreAvailable", more || count > HOME_FOUND_MAX ? "true" : "false");
	session_post(s, e);
}

void front_containers(struct session *s, const struct home_container *containers, size_t count)
{
	struct cwa_node *event, *item, *member;
	struct event *e = event_new("containers", &event);

	for (size_t i = 0; i < count; i++) {
		item = cwa_add(&e->tree, event, "container");
		cwa_set_number(&e->tree, item, "id", containers[i].id);
		for (size_t m = 0; m < containers[i].member_count; m++) {
			member = cwa_add(&e->tree, item, "member");
			cwa_set(&e->tree, member, "type", strcmp(containers[i].members[m].type, "user") == 0 ? "uri" : containers[i].members[m].type);
			if (*containers[i].members[m].value)
				cwa_set(&e->tree, member, "value", containers[i].members[m].value);
		}
	}
	session_post(s, e);
}

/* --- conversations ---------------------------------------------------------------------------------------------------------------------- */

static const char *const escalations[] = { [HOME_INVITING] = "invitingPeer", [HOME_PEER] = "peer", [HOME_ESCALATING] = "escalating",
	[HOME_ESCALATED] = "escalated" };

static struct event *conference_event(const struct conference *c, struct cwa_node **item)
{
	struct event *e = event_new("conference", item);

	cwa_set_number(&e->tree, *item, "confId", c->id);
	return e;
}

static void tell_text(const struct conference *c, const char *element, const char *text)
{
	struct cwa_node *item;
	struct event *e = conference_event(c, &item);

	cwa_add_text(&e->tree, item, element, text);
	session_post(c->session, e);
}

static void add_message(struct cwa_tree *tree, struct cwa_node *parent, const struct home_message *message)
{
	struct cwa_node *node = cwa_add(tree, parent, "message");

	cwa_add_text(tree, node, "format", message->format);
	cwa_add_text(tree, node, "content", message->content);
}

/* There is always a message, though it may be empty: a public client needs the element. Source: code. */
struct conference *front_invited(struct session *s, struct leg *leg, const void *invitation, const char *inviter, const char *name,
	const char *subject, const struct home_message *message, enum home_escalation escalation)
{
	struct conference *c = conference_new(s, 0);
	struct cwa_node *item, *received, *node;
	struct event *e;

	if (!c)
		return NULL;
	c->leg = leg;
	c->invitation = invitation;
	e = conference_event(c, &item);
	received = cwa_add(&e->tree, item, "imSessionReceived");
	node = cwa_add(&e->tree, received, "inviter");
	cwa_set(&e->tree, node, "uri", inviter);
	cwa_set(&e->tree, node, "name", name);
	cwa_set(&e->tree, node, "sourceNetwork", "sameEnterprise");
	cwa_add_text(&e->tree, received, "role", "attendee");
	cwa_add_text(&e->tree, received, "escalationMode", escalations[escalation]);
	cwa_add_text(&e->tree, received, "subject", subject);
	add_message(&e->tree, received, message);
	session_post(s, e);
	/* In an invitation to a conversation of several it is no more than the invitation's text. */
	if (*message->content && escalation != HOME_ESCALATING && escalation != HOME_ESCALATED)
		cwa_session_record(s, "server.delivered", strlen(message->content));
	if (s->server->settings.accept_ms)
		loop_timer_set(c->accept, s->server->settings.accept_ms);
	return c;
}

/* Of an invitation of one person the reason is told by requestFailed, which comes next; that inviteFailed has it, too: ours, because of
 * several nobody would know whose it is. Source: document. */
void front_invite_failed(struct conference *c, const char *uri, const struct outcome *outcome)
{
	struct cwa_node *item, *failed;
	struct event *e;

	if (c->rid)
		tell_text(c, "escalationMode", "none");
	e = conference_event(c, &item);
	failed = cwa_add(&e->tree, item, "inviteFailed");
	cwa_set(&e->tree, failed, "uri", uri);
	answer_error(&e->tree, failed, outcome);
	session_post(c->session, e);
	if (c->rid)
		home_done(c->session, c->rid, outcome);
	free(c->rid);
	c->rid = NULL;
}

void front_escalation(struct conference *c, enum home_escalation escalation)
{
	tell_text(c, "escalationMode", escalations[escalation]);
	c->escalating = escalation == HOME_ESCALATING;
	if (escalation == HOME_INVITING)
		tell_text(c, "imSessionState", "connecting");
}

void front_connected(struct conference *c)
{
	c->invitation = NULL;
	c->connected = true;
	if (c->has_first_text)
		cwa_session_record(c->session, "server.accepted", c->longest);
	c->has_first_text = false;
	free(c->rid);
	c->rid = NULL;
	loop_timer_cancel(c->accept);
	tell_text(c, "imSessionState", "connected");
}

void front_message(struct conference *c, const char *sender, const struct home_message *message)
{
	struct cwa_node *item, *received;
	struct event *e = conference_event(c, &item);

	received = cwa_add(&e->tree, item, "messageReceived");
	cwa_set(&e->tree, received, "sender", sender);
	add_message(&e->tree, received, message);
	session_post(c->session, e);
	if (*message->content)
		cwa_session_record(c->session, "server.delivered", strlen(message->content));
	c->composing = NULL;
}

void front_sent(struct conference *c, const char *rid, uint32_t id, const struct outcome *outcome)
{
	struct cwa_node *item, *node;
	struct event *e = conference_event(c, &item);

	if (outcome->code) {
		node = cwa_add(&e->tree, item, "messageSendFailed");
		answer_error(&e->tree, node, outcome);
	} else {
		node = cwa_add(&e->tree, item, "messageIdReceived");
		cwa_session_record(c->session, "server.accepted", c->longest);
	}
	cwa_set_number(&e->tree, node, "messageId", id);
	cwa_set(&e->tree, node, "rid", rid);
	session_post(c->session, e);
}

/* It stays until it is replaced, so the same state is not told twice. Source: document. */
void front_composing(struct conference *c, const char *sender, bool composing)
{
	const char *state = composing ? "composing" : "idle";
	struct cwa_node *item, *node;
	struct event *e;

	if (c->composing == state)
		return;
	c->composing = state;
	e = conference_event(c, &item);
	node = cwa_add_text(&e->tree, item, "composingState", state);
	cwa_set(&e->tree, node, "sender", sender);
	session_post(c->session, e);
}

void front_role(struct conference *c, const char *role)
{
	tell_text(c, "role", role);
}

void front_participant(struct conference *c, const char *uri, const char *name, const char *role, bool joined)
{
	struct cwa_node *item, *node;
	struct event *e = conference_event(c, &item);

	if (joined) {
		node = cwa_add(&e->tree, item, "participant");
		cwa_set(&e->tree, node, "uri", uri);
		cwa_set(&e->tree, node, "name", name);
		cwa_set(&e->tree, node, "role", role);
	} else {
		cwa_add_text(&e->tree, item, "participantRemoved", uri);
	}
	session_post(c->session, e);
}

void front_conf_uri(struct conference *c, const char *uri)
{
	tell_text(c, "confUri", uri);
}

void front_locked(struct conference *c, bool locked)
{
	tell_text(c, "locked", locked ? "true" : "false");
}

void front_ended(struct conference *c)
{
	tell_text(c, "imSessionState", "terminated");
	conference_free(c);
}
