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
	[EVENT_PROVISIONING_V1] = { "vnd-microsoft-provisioning", true },
	[EVENT_ACL] = { "vnd-microsoft-roaming-ACL", false },
	[EVENT_PENDING] = { "presence.wpending", false },
	[EVENT_PRESENCE] = { "presence", false },
	[EVENT_CONFERENCE] = { "conference", false },
};

/* --- what is told ----------------------------------------------------------------------------------------------------------------- */

static uint32_t seconds_left(const struct subscription *s)
{
	uint64_t now = loop_now_ms(s->endpoint->user->server->loop);

	return s->until_ms > now ? (uint32_t)((s->until_ms - now + 999) / 1000) : 0;
}

/* From now on. */
static void set_end(struct subscription *s, uint32_t seconds)
{
	s->until_ms = loop_now_ms(s->endpoint->user->server->loop) + 1000ull * seconds;
	if (seconds)
		loop_timer_set(s->timer, 1000ull * seconds);
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

	if (s->extended_by_s && seconds_left(s))
		set_end(s, s->extended_by_s);
	add_via(s->endpoint->link, m, fresh(server, "z9hG4bK"));
	add_contact(s->endpoint->link, m);
	add_state(s, m);
	if (s->listed)
		sip_add(m, "Require", "eventlist");
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

/* The older dialect's news about those whom it watches, from the n-th on: the next n. */
static size_t documents(struct subscription *s, size_t n, char type[CONTENT_TYPE_MAX], struct buf *out)
{
	if (s->listed)
		return document_write_list(s, n, type, out);
	bytes_copy_str(bytes_str(s->form == FORM_PLAIN ? SIP_TYPE_PLAIN_PIDF : SIP_TYPE_PIDF), type, CONTENT_TYPE_MAX);
	if (s->form == FORM_PLAIN)
		document_write_plain(s->watched[n], s->endpoint->user, out);
	else
		document_write(s->watched[n], s->endpoint->user, out);
	return n + 1;
}

/* Where clients make conferences. */
static void provisioning(const struct user *user, struct buf *out)
{
	static char name[] = "ServerConfiguration";
	char *factory = user->server->settings.lcs2005 ? NULL : sip_conference_uri(user->address, SIP_FOCUS_FACTORY, NULL);
	struct sip_provision_group group = { name, factory };
	struct sip_provision provision = { &group, 1 };

	xml_form_write(&sip_provision_form, &provision, out);
	free(factory);
}

static void provisioning_v1(const struct user *user, struct buf *out)
{
	struct sip_provisioned_user provisioned = { .uri = user->address };
	struct sip_provision_v1 provision = { &provisioned };

	xml_form_write(&sip_provision_v1_form, &provision, out);
}

/* The first news, one notification after the other: *n counts what was told, and starts with 0. false: there are none any more. */
static bool first_news(struct subscription *s, size_t *n, char type[CONTENT_TYPE_MAX], struct buf *out)
{
	const struct user *user = s->endpoint->user;
	const char *its = NULL;

	if (*n >= (s->kind == EVENT_PRESENCE ? s->watched_count : 1))
		return false;
	if (s->kind == EVENT_PRESENCE && s->form != FORM_CATEGORIES) {
		*n = documents(s, *n, type, out);
		return true;
	}
	switch (s->kind) {
	case EVENT_CONTACTS: its = SIP_TYPE_CONTACTS, contacts_write(user, out); break;
	case EVENT_SELF: its = SIP_TYPE_ROAMING_SELF, watch_write_self(user, s, out); break;
	case EVENT_PROVISIONING: its = SIP_TYPE_PROVISIONING, provisioning(user, out); break;
	case EVENT_PROVISIONING_V1: its = SIP_TYPE_PROVISIONING_V1, provisioning_v1(user, out); break;
	case EVENT_ACL: its = SIP_TYPE_ACL, acl_write(user, out); break;
	case EVENT_PENDING: its = SIP_TYPE_PENDING, acl_write_pending(user, out); break;
	case EVENT_PRESENCE: its = SIP_TYPE_CATEGORIES, watch_write(s->watched[*n], s, NULL, false, out); break;
	case EVENT_CONFERENCE: its = SIP_TYPE_CONFERENCE_INFO, meeting_write(s, out); break;
	case EVENT_KINDS: return false;
	}
	++*n;
	return bytes_copy_str(bytes_str(its), type, CONTENT_TYPE_MAX);
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

static void leave(struct subscription *s, struct user *user)
{
	for (size_t i = 0; i < s->watched_count; i++) {
		if (s->watched[i] != user)
			continue;
		memmove(&s->watched[i], &s->watched[i + 1], (--s->watched_count - i) * sizeof(*s->watched));
		unwatch(s, user);
		return;
	}
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
		bool leaves = strcmp(action->name, "unsubscribe") == 0;

		for (size_t i = 0; action->resources && i < action->resources->count; i++) {
			struct user *user = user_find(r->server, action->resources->items[i].uri);

			if (user && leaves)
				leave(s, user);
			if (!user || leaves)
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

static void watch_each(struct request *r, struct subscription *s, const struct sip_resources *list)
{
	for (size_t i = 0; list && i < list->count; i++) {
		struct user *user = user_find(r->server, list->items[i].uri);

		if (!user)
			continue;
		watch(s, user);
		access_watched(user, r->user);
	}
}

/* The older dialect's list: made anew, added to, or taken from. */
static int read_adhoc_list(struct request *r, struct subscription *s, struct error *err)
{
	struct sip_adhoc_list list;

	if (xml_form_read(buf_bytes(&r->message->body), &sip_adhoc_list_form, &list, err) < 0)
		return -1;
	if (!list.create && !list.add && !list.remove) {
		xml_form_clear(&sip_adhoc_list_form, &list);
		return error_set(err, "<adhoclist> needs <create>, <add> or <delete>");
	}
	while (list.create && s->watched_count)
		leave(s, s->watched[s->watched_count - 1]);
	watch_each(r, s, list.create);
	watch_each(r, s, list.add);
	for (size_t i = 0; list.remove && i < list.remove->count; i++)
		if (user_find(r->server, list.remove->items[i].uri))
			leave(s, user_find(r->server, list.remove->items[i].uri));
	xml_form_clear(&sip_adhoc_list_form, &list);
	return 0;
}

/* Without a list: what the client can read; among several, what this server is about. */
static int choose_form(const struct request *r, struct subscription *s)
{
	bool any = !sip_get(r->message, "Accept", 0) || sip_lists(r->message, "Accept", "*/*");
	bool categories = any || sip_lists(r->message, "Accept", SIP_TYPE_CATEGORIES);
	bool document = any || sip_lists(r->message, "Accept", SIP_TYPE_PIDF);

	if (categories && (!document || !r->server->settings.lcs2005))
		s->form = FORM_CATEGORIES;
	else if (document)
		s->form = FORM_DOCUMENT;
	else if (sip_lists(r->message, "Accept", SIP_TYPE_PLAIN_PIDF))
		s->form = FORM_PLAIN;
	else
		return -1;
	return 0;
}

static int read_presence(struct request *r, struct subscription *s, struct error *err)
{
	struct user *user;

	if (sip_is_type(r->message, SIP_TYPE_ADHOC_LIST)) {
		s->form = FORM_DOCUMENT;
		s->listed = true;
		return read_adhoc_list(r, s, err);
	}
	if (r->message->body.len)
		return read_batch(r, s, err);
	/* Without a list it is about whom the request goes to. */
	user = user_find(r->server, r->message->uri);
	if (user)
		watch(s, user);
	if (user && s->form != FORM_CATEGORIES)
		access_watched(user, r->user);
	return 0;
}

/* -1: what there is cannot be read. */
static int read_body(struct request *r, struct subscription *s, struct error *err)
{
	if (s->kind == EVENT_SELF && r->message->body.len)
		return xml_form_read(buf_bytes(&r->message->body), &sip_roaming_list_form, &s->wants, err);
	return s->kind == EVENT_PRESENCE ? read_presence(r, s, err) : 0;
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
	char type[CONTENT_TYPE_MAX];
	struct buf body = { 0 };
	size_t told = 0;
	bool news;

	set_end(s, seconds);
	s->extended_by_s = sip_lists(r->message, "Supported", "com.microsoft.autoextend") ? seconds : 0;
	add_contact(r->link, m);
	sip_add(m, "Expires", "%u", seconds);
	sip_add(m, "Supported", "ms-benotify");
	if (s->extended_by_s)
		sip_add(m, "Supported", "com.microsoft.autoextend");
	if (s->listed)
		sip_add(m, "Require", "eventlist");
	add_state(s, m);
	news = !s->condemned && first_news(s, &told, type, &body);
	if (piggyback && news) {
		sip_add(m, "Supported", "ms-piggyback-first-notify");
		sip_add(m, "ms-piggyback-cseq", "%u", ++s->dialog.local_cseq);
		sip_body(m, type, buf_bytes(&body));
		buf_clear(&body);
		news = first_news(s, &told, type, &body);
	}
	answer_send(r, &m);
	/* What one does not hold comes one by one. */
	while (news) {
		subscription_notify(s, type, buf_bytes(&body));
		buf_clear(&body);
		news = first_news(s, &told, type, &body);
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
	struct meeting *meeting = NULL;
	struct error err = { "" };
	struct subscription *s;

	if (r->endpoint->subscription_count == SUBSCRIPTIONS_OF_ENDPOINT) {
		answer_because(r, 403, 0, "too many subscriptions of this endpoint");
		return;
	}
	if (kind == EVENT_CONFERENCE) {
		meeting = meeting_find(r->server, r->message->uri);
		if (!meeting || !member_of(meeting, r->user)) {
			answer_because(r, meeting ? 403 : 404, 0, meeting ? "only who is in a conference is told of it" : "there is no such conference");
			return;
		}
	}
	s = subscription_new(r, kind);
	s->meeting = meeting;
	if (kind == EVENT_PRESENCE && !r->message->body.len && choose_form(r, s) < 0) {
		answer_because(r, 406, 0, "presence is told as " SIP_TYPE_CATEGORIES ", " SIP_TYPE_PIDF " or " SIP_TYPE_PLAIN_PIDF);
		subscription_free(s);
		return;
	}
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
	if (s->kind == EVENT_PRESENCE && r->message->body.len && seconds && read_presence(r, s, &err) < 0) {
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
