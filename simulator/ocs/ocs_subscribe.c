/* SUBSCRIBE and what it brings: the first news in the answer, then NOTIFY or BENOTIFY. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

static const struct {
	const char *name;
	bool once;                              /* asked for with Expires: 0 and told once */
} events[EVENT_KINDS] = {
	[EVENT_CONTACTS] = { "vnd-microsoft-roaming-contacts", false },
	[EVENT_SELF] = { "vnd-microsoft-roaming-self", false },
	[EVENT_PROVISIONING] = { "vnd-microsoft-provisioning-v2", true },
	[EVENT_PRESENCE] = { "presence", false },
};

/* --- what is told ----------------------------------------------------------------------------------------------------------------- */

static uint32_t seconds_left(const struct subscription *s)
{
	uint64_t now = loop_now_ms(s->endpoint->user->server->loop);

	return s->until_ms > now ? (uint32_t)((s->until_ms - now + 999) / 1000) : 0;
}

static void add_state(const struct subscription *s, struct sip_message *m)
{
	uint32_t left = seconds_left(s);

	sip_add(m, "Event", "%s", events[s->kind].name);
	if (left)
		sip_add(m, "subscription-state", "active;expires=%u", left);
	else
		sip_add(m, "subscription-state", "terminated;expires=0");
}

static void on_no_answer(void *arg)
{
	struct subscription *s = arg;

	log_info("subscription end user=%s event=%s reason=no-answer-to-notify", s->endpoint->user->seed->id, events[s->kind].name);
	subscription_free(s);
}

void subscription_notify(struct subscription *s, const char *content_type, struct bytes body)
{
	struct ocs_server *server = s->endpoint->user->server;
	struct sip_message *m = sip_dialog_request(&s->dialog, s->benotify ? "BENOTIFY" : "NOTIFY");

	add_via(s->endpoint->link, m, fresh(server, "z9hG4bK"));
	add_contact(s->endpoint->link, m);
	add_state(s, m);
	if (!s->benotify) {
		free(s->unanswered);
		s->unanswered = memory_printf("%u", s->dialog.local_cseq);
		if (!s->answer_timer)
			s->answer_timer = loop_timer_new(server->loop, on_no_answer, s);
		loop_timer_set(s->answer_timer, ANSWER_MS);
	}
	sip_body(m, content_type, body);
	server->notifications_total++;
	link_send_event(s->endpoint->link, s->endpoint->user, &m);
}

void on_notify_answer(struct ocs_server *server, const struct sip_message *m)
{
	struct user *user = user_find(server, m->to.address);

	for (struct endpoint *e = user ? user->endpoints : NULL; e; e = e->next) {
		for (struct subscription *s = e->subscriptions; s; s = s->next) {
			if (strcmp(s->dialog.call_id, m->call_id) != 0 || !s->unanswered || strtoul(s->unanswered, NULL, 10) != m->cseq || m->status < 200)
				continue;
			free(s->unanswered);
			s->unanswered = NULL;
			loop_timer_cancel(s->answer_timer);
			if (m->status >= 300)
				subscription_free(s);
			return;
		}
	}
}

void user_notify(struct user *user, enum event_kind kind, const char *content_type, struct bytes body)
{
	for (struct endpoint *e = user->endpoints; e; e = e->next)
		for (struct subscription *s = e->subscriptions; s; s = s->next)
			if (s->kind == kind)
				subscription_notify(s, content_type, body);
}

bool self_wants(const struct subscription *s, const char *what)
{
	for (size_t i = 0; i < s->wants.count; i++)
		if (strcmp(s->wants.items[i].type, what) == 0)
			return true;
	return s->wants.count == 0;
}

/* The first news; its content type, or NULL when there are none. n: of the users in a presence subscription. */
static const char *first_body(const struct subscription *s, size_t n, struct buf *out)
{
	struct sip_provision_group group = { "ServerConfiguration" };
	struct sip_provision provision = { &group, 1 };

	switch (s->kind) {
	case EVENT_CONTACTS:
		contacts_write(s->endpoint->user, out);
		return SIP_TYPE_CONTACTS;
	case EVENT_SELF:
		watch_write_self(s->endpoint->user, s, out);
		return SIP_TYPE_ROAMING_SELF;
	case EVENT_PROVISIONING:
		xml_form_write(&sip_provision_form, &provision, out);
		return SIP_TYPE_PROVISIONING;
	case EVENT_PRESENCE:
		if (n >= s->watched_count)
			return NULL;
		watch_write(s->watched[n], s, NULL, out);
		return SIP_TYPE_CATEGORIES;
	case EVENT_KINDS:
		break;
	}
	return NULL;
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

static void unwatch(struct subscription *s, struct user *user)
{
	for (size_t i = 0; i < user->watcher_count; i++) {
		if (user->watchers[i] != s)
			continue;
		user->watchers[i] = user->watchers[--user->watcher_count];
		return;
	}
}

static bool watches(const struct subscription *s, const struct user *user)
{
	for (size_t i = 0; i < s->watched_count; i++)
		if (s->watched[i] == user)
			return true;
	return false;
}

static void watch(struct subscription *s, struct user *user)
{
	if (watches(s, user) || s->watched_count == WATCHED_MAX)
		return;
	s->watched = memory_resize(s->watched, (s->watched_count + 1) * sizeof(*s->watched));
	s->watched[s->watched_count++] = user;
	user->watchers = memory_resize(user->watchers, (user->watcher_count + 1) * sizeof(*user->watchers));
	user->watchers[user->watcher_count++] = s;
}

void subscription_free(struct subscription *s)
{
	struct subscription **at = &s->endpoint->subscriptions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	s->endpoint->subscription_count--;
	for (size_t i = 0; i < s->watched_count; i++)
		unwatch(s, s->watched[i]);
	free(s->watched);
	sip_dialog_clear(&s->dialog);
	loop_timer_free(&s->timer);
	loop_timer_free(&s->answer_timer);
	free(s->unanswered);
	xml_form_clear(&sip_roaming_list_form, &s->wants);
	for (size_t i = 0; i < s->categories.count; i++)
		free(s->categories.items[i].name);
	free(s->categories.items);
	free(s);
}

static void on_expired(void *arg)
{
	struct subscription *s = arg;

	log_info("subscription end user=%s event=%s reason=expired", s->endpoint->user->seed->id, events[s->kind].name);
	subscription_free(s);
}

static struct subscription *subscription_new(struct request *r, enum event_kind kind)
{
	struct subscription *s = memory_new(sizeof *s);

	s->endpoint = r->endpoint;
	s->kind = kind;
	s->timer = loop_timer_new(r->server->loop, on_expired, s);
	s->benotify = sip_lists(r->message, "Supported", "ms-benotify");
	r->tag = fresh(r->server, "");
	sip_dialog_from_request(&s->dialog, r->message, r->tag);
	s->next = r->endpoint->subscriptions;
	r->endpoint->subscriptions = s;
	r->endpoint->subscription_count++;
	return s;
}

/* --- the request's body -------------------------------------------------------------------------------------------------------------- */

static int read_batch(struct request *r, struct subscription *s, struct error *err)
{
	struct sip_batch batch;

	if (xml_form_read(buf_bytes(&r->message->body), &sip_batch_form, &batch, err) < 0)
		return -1;
	for (size_t a = 0; a < batch.count; a++) {
		struct sip_batch_action *action = &batch.actions[a];

		for (size_t i = 0; action->resources && i < action->resources->count; i++) {
			struct user *user = user_find(r->server, action->resources->items[i].uri);

			if (!user)
				continue;
			watch(s, user);
			if (action->resources->items[i].context && user != r->user)
				access_add_subscriber(user, r->user);
		}
		/* The first list says for all: SIPE writes one action. */
		if (action->categories && !s->categories.count) {
			s->categories = *action->categories;
			*action->categories = (struct sip_names){ 0 };
		}
	}
	xml_form_clear(&sip_batch_form, &batch);
	return 0;
}

/* -1: what there is cannot be read. */
static int read_body(struct request *r, struct subscription *s, struct error *err)
{
	if (s->kind == EVENT_SELF && r->message->body.len)
		return xml_form_read(buf_bytes(&r->message->body), &sip_roaming_list_form, &s->wants, err);
	if (s->kind != EVENT_PRESENCE)
		return 0;
	if (r->message->body.len)
		return read_batch(r, s, err);
	/* Without a list it is about whom the request goes to. */
	if (user_find(r->server, r->message->uri))
		watch(s, user_find(r->server, r->message->uri));
	return 0;
}

/* --- the request ----------------------------------------------------------------------------------------------------------------------- */

static uint32_t lifetime(const struct request *r, enum event_kind kind)
{
	uint32_t seconds = sip_number(r->message, "Expires", events[kind].once ? 0 : SUBSCRIBE_MAX_S);

	return seconds > SUBSCRIBE_MAX_S ? SUBSCRIBE_MAX_S : seconds;
}

static void accept(struct request *r, struct subscription *s, uint32_t seconds)
{
	bool piggyback = sip_lists(r->message, "Supported", "ms-piggyback-first-notify");
	struct sip_message *m = answer_new(r, 200);
	const char *type;
	struct buf body = { 0 };

	s->until_ms = loop_now_ms(r->server->loop) + 1000ull * seconds;
	if (seconds)
		loop_timer_set(s->timer, 1000ull * seconds);
	add_contact(r->link, m);
	sip_add(m, "Expires", "%u", seconds);
	sip_add(m, "Supported", "ms-benotify");
	add_state(s, m);
	type = s->condemned ? NULL : first_body(s, 0, &body);
	if (piggyback && type) {
		sip_add(m, "Supported", "ms-piggyback-first-notify");
		sip_add(m, "ms-piggyback-cseq", "%u", ++s->dialog.local_cseq);
		sip_body(m, type, buf_bytes(&body));
	}
	answer_send(r, &m);
	if (!piggyback && type)
		subscription_notify(s, type, buf_bytes(&body));
	/* The others of a list come one by one. */
	for (size_t n = 1; type && n < s->watched_count; n++) {
		buf_clear(&body);
		type = first_body(s, n, &body);
		subscription_notify(s, type, buf_bytes(&body));
	}
	buf_free(&body);
}

static struct subscription *find_dialog(const struct request *r)
{
	for (struct subscription *s = r->endpoint->subscriptions; s; s = s->next)
		if (sip_dialog_has(&s->dialog, r->message))
			return s;
	return NULL;
}

static void on_first(struct request *r, enum event_kind kind)
{
	struct error err = { "" };
	struct subscription *s;

	if (r->endpoint->subscription_count == SUBSCRIPTIONS_OF_ENDPOINT) {
		answer_because(r, 403, 0, "too many subscriptions of this endpoint");
		return;
	}
	s = subscription_new(r, kind);
	if (read_body(r, s, &err) < 0) {
		answer_because(r, 400, 0, "the body cannot be read");
		log_info("subscription refused user=%s event=%s: %s", r->user->seed->id, events[kind].name, err.text);
		subscription_free(s);
		return;
	}
	accept(r, s, lifetime(r, kind));
	if (!seconds_left(s))
		subscription_free(s);
}

static void on_again(struct request *r)
{
	struct subscription *s = find_dialog(r);
	uint32_t seconds;
	struct error err;

	if (!s) {
		answer(r, 481);
		return;
	}
	s->dialog.remote_cseq = r->message->cseq;
	seconds = lifetime(r, s->kind);
	if (s->kind == EVENT_PRESENCE && r->message->body.len && seconds && read_batch(r, s, &err) < 0) {
		answer_because(r, 400, 0, "the body cannot be read");
		return;
	}
	s->condemned = !seconds;
	accept(r, s, seconds);
	if (s->condemned)
		subscription_free(s);
}

void on_subscribe(struct request *r)
{
	const char *event = sip_get(r->message, "Event", 0);

	if (r->message->to.tag) {
		on_again(r);
		return;
	}
	for (int kind = 0; event && kind < EVENT_KINDS; kind++) {
		size_t len = strlen(events[kind].name);

		if (strncasecmp(event, events[kind].name, len) == 0 && (event[len] == '\0' || event[len] == ';' || event[len] == ' ')) {
			on_first(r, (enum event_kind)kind);
			return;
		}
	}
	answer_because(r, 489, 0, "there is no such event here");
}
