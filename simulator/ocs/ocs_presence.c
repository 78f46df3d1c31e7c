/* Presence: what users publish, what the server makes of it, and who is told what. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define AGGREGATE_INSTANCE 1
#define AGGREGATE_CONTAINER 2

static char *time_text(void)
{
	uint64_t now = loop_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	return memory_printf("%s.%03u", text, (unsigned)(now % 1000));
}

static struct sip_category category_copy(const struct sip_category *c)
{
	return (struct sip_category){ .name = memory_str(c->name), .instance = c->instance, .publish_time = memory_str(c->publish_time),
		.container = c->container, .version = c->version, .expire_type = memory_str(c->expire_type), .content = memory_str(c->content) };
}

static void category_free(struct sip_category *c)
{
	free(c->name);
	free(c->publish_time);
	free(c->expire_type);
	free(c->content);
}

static void append(struct sip_categories *list, struct sip_category item)
{
	list->items = memory_resize(list->items, (list->count + 1) * sizeof *list->items);
	list->items[list->count++] = item;
}

/* --- the state that others see ------------------------------------------------------------------------------------------------- */

/* From what the user chose and how active his machines are. The most active machine counts, and makes nobody more available than he
 * chose to be. Source: inferred from MS-PRES's description; the arithmetic is ours. */
static uint32_t aggregate(const struct user *user)
{
	uint32_t chosen = 0, machine = 0;

	if (!user->endpoint_count)
		return SIP_OFFLINE;
	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;
		uint32_t availability;

		if (strcmp(c->name, "state") != 0 || c->container != AGGREGATE_CONTAINER || sip_state_read(c->content, &availability) < 0)
			continue;
		if (strstr(c->content, "machineState"))
			machine = machine && machine < availability ? machine : availability;
		else if (availability > chosen)
			chosen = availability;
	}
	if (chosen >= SIP_OFFLINE)
		return SIP_OFFLINE;
	if (!chosen && !machine)
		return SIP_ONLINE;
	return machine > chosen ? machine : chosen;
}

static struct sip_category state_item(uint32_t availability)
{
	struct buf content = { 0 };
	struct sip_category item = { .name = memory_str("state"), .instance = AGGREGATE_INSTANCE, .publish_time = time_text() };

	sip_state_write("aggregateState", false, availability, &content);
	item.content = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	return item;
}

/* --- containers ------------------------------------------------------------------------------------------------------------------ */

static bool member_is(const struct sip_member *member, const struct user *user)
{
	const char *value = member->value ? member->value : "", *at = strchr(user_plain(user), '@');

	if (strcmp(member->type, "user") == 0)
		return strcasecmp(strncasecmp(value, "sip:", 4) == 0 ? value + 4 : value, user_plain(user)) == 0;
	if (strcmp(member->type, "domain") == 0)
		return at && strcasecmp(value, at + 1) == 0;
	return strcmp(member->type, "sameEnterprise") == 0 || strcmp(member->type, "everyone") == 0;
}

/* Which of the user's containers the other one looks into: one that names him goes before one for all. */
static uint32_t container_for(const struct user *user, const struct user *other)
{
	uint32_t found = SIP_CONTAINER_OF_NOTES;
	unsigned rank = 0;

	for (size_t c = 0; c < user->containers.count; c++) {
		const struct sip_container_members *container = &user->containers.items[c];

		for (size_t i = 0; i < container->count; i++) {
			unsigned its = strcmp(container->members[i].type, "user") == 0 ? 3 : strcmp(container->members[i].type, "domain") == 0 ? 2 : 1;

			if (its > rank && member_is(&container->members[i], other)) {
				rank = its;
				found = container->id;
			}
		}
	}
	return found;
}

bool presence_blocks(const struct user *user, const struct user *other)
{
	return container_for(user, other) == SIP_CONTAINER_BLOCKED;
}

/* --- what a watcher sees ---------------------------------------------------------------------------------------------------------- */

static bool asked_for(const struct subscription *s, const char *category)
{
	for (size_t i = 0; i < s->categories.count; i++)
		if (strcmp(s->categories.items[i].name, category) == 0)
			return true;
	return s->categories.count == 0;
}

static void add_card(const struct user *user, struct sip_categories *list)
{
	struct buf content = { 0 };
	struct sip_category item = { .name = memory_str("contactCard"), .publish_time = time_text() };

	sip_card_write(user->seed->name, user->seed->mail, &content);
	item.content = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	append(list, item);
}

void presence_write(const struct user *user, const struct subscription *s, const char *only, struct buf *out)
{
	const struct user *watcher = s->endpoint->user;
	uint32_t container = container_for(user, watcher);
	bool blocked = container == SIP_CONTAINER_BLOCKED && watcher != user;
	struct sip_categories list = { .uri = memory_str(user->address) };
	size_t others = 0;

	if (asked_for(s, "state") && (!only || strcmp(only, "state") == 0))
		append(&list, state_item(blocked ? SIP_OFFLINE : user->availability));
	if (!blocked && asked_for(s, "contactCard") && !only)
		add_card(user, &list);
	for (size_t i = 0; !blocked && i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;
		struct sip_category item;

		if (strcmp(c->name, "state") == 0 || c->container != container || !asked_for(s, c->name) || (only && strcmp(only, c->name) != 0))
			continue;
		item = category_copy(c);
		free(item.expire_type);
		item.expire_type = NULL;
		item.container = item.version = 0;
		append(&list, item);
		others++;
	}
	/* A category that is gone is told as one without content. */
	if (only && strcmp(only, "state") != 0 && !others && asked_for(s, only))
		append(&list, (struct sip_category){ .name = memory_str(only), .publish_time = time_text() });
	xml_form_write(&sip_categories_form, &list, out);
	xml_form_clear(&sip_categories_form, &list);
}

static void tell_watchers(struct user *user, const char *category)
{
	struct buf body = { 0 };

	for (size_t i = 0; i < user->watcher_count; i++) {
		if (!asked_for(user->watchers[i], category))
			continue;
		buf_clear(&body);
		presence_write(user, user->watchers[i], category, &body);
		subscription_notify(user->watchers[i], SIP_TYPE_CATEGORIES, buf_bytes(&body));
	}
	buf_free(&body);
}

static void tell_everything_to(struct user *user)
{
	struct buf body = { 0 };

	for (size_t i = 0; i < user->watcher_count; i++) {
		buf_clear(&body);
		presence_write(user, user->watchers[i], NULL, &body);
		subscription_notify(user->watchers[i], SIP_TYPE_CATEGORIES, buf_bytes(&body));
	}
	buf_free(&body);
}

/* --- what the user is told of himself ---------------------------------------------------------------------------------------------- */

/* All items of the named categories: clients replace what they know of a category by what is told of it. names NULL: of all. */
static struct sip_categories own_items(const struct user *user, const char *const *names, size_t name_count)
{
	struct sip_categories list = { .uri = memory_str(user->address) };
	bool state = !names;

	for (size_t n = 0; n < name_count; n++)
		state = state || strcmp(names[n], "state") == 0;
	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;
		bool wanted = !names;

		for (size_t n = 0; n < name_count; n++)
			wanted = wanted || strcmp(names[n], c->name) == 0;
		if (wanted)
			append(&list, category_copy(c));
	}
	if (state) {
		struct sip_category item = state_item(user->availability);

		item.container = AGGREGATE_CONTAINER;
		item.version = user->state_version;
		append(&list, item);
	}
	for (size_t n = 0; n < name_count; n++) {
		bool there = false;

		for (size_t i = 0; i < list.count; i++)
			there = there || strcmp(list.items[i].name, names[n]) == 0;
		if (!there)
			append(&list, (struct sip_category){ .name = memory_str(names[n]) });
	}
	return list;
}

void presence_write_self(const struct user *user, const struct subscription *s, struct buf *out)
{
	struct sip_categories items = own_items(user, NULL, 0);
	struct sip_containers containers = user->containers;
	struct sip_subscribers subscribers = user->subscribers;
	struct sip_roaming_data data = {
		.categories = self_wants(s, "categories") ? &items : NULL,
		.containers = self_wants(s, "containers") ? &containers : NULL,
		.subscribers = self_wants(s, "subscribers") ? &subscribers : NULL,
	};

	xml_form_write(&sip_roaming_data_form, &data, out);
	xml_form_clear(&sip_categories_form, &items);
}

static void tell_self(struct user *user, struct sip_roaming_data data)
{
	struct buf body = { 0 };

	xml_form_write(&sip_roaming_data_form, &data, &body);
	user_notify(user, EVENT_SELF, SIP_TYPE_ROAMING_SELF, buf_bytes(&body));
	buf_free(&body);
}

/* --- changes ------------------------------------------------------------------------------------------------------------------------ */

static bool update_state(struct user *user)
{
	uint32_t now = aggregate(user);

	if (now == user->availability)
		return false;
	log_info("presence user=%s availability=%u was=%u", user->seed->id, now, user->availability);
	user->availability = now;
	user->state_version++;
	return true;
}

static void publication_drop(struct user *user, size_t at)
{
	category_free(&user->publications[at].item);
	memmove(&user->publications[at], &user->publications[at + 1], (--user->publication_count - at) * sizeof *user->publications);
}

/* Names of categories that changed, each once. */
struct names {
	const char *items[PUBLICATIONS_OF_USER + 1];
	size_t count;
};

/* name outlives the list. */
static void note_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return;
	if (names->count < PUBLICATIONS_OF_USER + 1)
		names->items[names->count++] = name;
}

/* Tells the user and the others what has changed. */
static void changed(struct user *user, struct names *names)
{
	bool state = update_state(user);
	struct sip_categories own;

	if (state)
		note_name(names, "state");
	if (!names->count)
		return;
	own = own_items(user, names->items, names->count);
	tell_self(user, (struct sip_roaming_data){ .categories = &own });
	xml_form_clear(&sip_categories_form, &own);
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], "state") != 0 || state)
			tell_watchers(user, names->items[i]);
}

static void set_expiry(struct user *user)
{
	uint64_t first = UINT64_MAX;

	for (size_t i = 0; i < user->publication_count; i++)
		if (user->publications[i].expires_at_ms && user->publications[i].expires_at_ms < first)
			first = user->publications[i].expires_at_ms;
	if (first == UINT64_MAX)
		loop_timer_cancel(user->expiry);
	else
		loop_timer_set_at(user->expiry, first);
}

/* Takes away what `goes` says; the names are copies. */
static void sweep(struct user *user, const struct endpoint *gone, uint64_t now)
{
	struct names names = { .count = 0 };
	char *copies[PUBLICATIONS_OF_USER];
	size_t copy_count = 0;

	for (size_t i = 0; i < user->publication_count;) {
		const struct publication *p = &user->publications[i];
		bool of_user = p->item.expire_type && strcmp(p->item.expire_type, "user") == 0;

		if ((gone && p->endpoint == gone) || (of_user && !user->endpoint_count) || (p->expires_at_ms && p->expires_at_ms <= now)) {
			copies[copy_count] = memory_str(p->item.name);
			note_name(&names, copies[copy_count++]);
			publication_drop(user, i);
		} else {
			i++;
		}
	}
	set_expiry(user);
	changed(user, &names);
	while (copy_count)
		free(copies[--copy_count]);
}

void presence_endpoint_changed(struct user *user, const struct endpoint *gone)
{
	if (!user->server->shutting_down)
		sweep(user, gone, 0);
}

void presence_expire(void *arg)
{
	struct user *user = arg;

	sweep(user, NULL, loop_now_ms(user->server->loop));
}

/* --- SERVICE: publish ------------------------------------------------------------------------------------------------------------------ */

static ssize_t find(const struct user *user, const struct sip_publication *p)
{
	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;

		if (strcmp(c->name, p->category) == 0 && c->instance == p->instance && c->container == p->container)
			return (ssize_t)i;
	}
	return -1;
}

/* Versions must be the ones that are there; -1: answered with those that are wrong. Source: code (SIPE reads this answer). */
static int check_versions(struct request *r, const struct sip_publications *list)
{
	struct sip_fault_details details = { .operations = memory_new((list->count + 1) * sizeof *details.operations) };
	struct sip_fault fault = { .code = memory_str(SIP_FAULT_WRONG_DELTA), .details = &details };
	struct buf body = { 0 };
	struct sip_message *m;

	for (size_t i = 0; i < list->count; i++) {
		ssize_t at = find(r->user, &list->items[i]);
		uint32_t is = at < 0 ? 0 : r->user->publications[at].item.version;

		if (list->items[i].version != is)
			details.operations[details.count++] = (struct sip_fault_operation){ (uint32_t)i, is };
	}
	if (details.count) {
		xml_form_write(&sip_fault_form, &fault, &body);
		m = answer_new(r, 409);
		sip_body(m, SIP_TYPE_FAULT, buf_bytes(&body));
		answer_send(r, &m);
		buf_free(&body);
	}
	free(details.operations);
	free(fault.code);
	return details.count ? -1 : 0;
}

static void publish_one(struct request *r, struct sip_publication *p, struct names *names)
{
	struct user *user = r->user;
	ssize_t at = find(user, p);
	struct publication *into;
	uint32_t version = at < 0 ? 0 : user->publications[at].item.version;

	note_name(names, p->category);
	if (at >= 0)
		publication_drop(user, (size_t)at);
	if (!p->content)
		return;
	user->publications = memory_resize(user->publications, (user->publication_count + 1) * sizeof *user->publications);
	into = &user->publications[user->publication_count++];
	*into = (struct publication){ .item = { .name = memory_str(p->category), .instance = p->instance, .publish_time = time_text(),
		.container = p->container, .version = version + 1, .expire_type = memory_str(p->expire_type), .content = p->content } };
	p->content = NULL;
	if (p->expire_type && strcmp(p->expire_type, "endpoint") == 0)
		into->endpoint = r->endpoint;
	if (p->expire_type && strcmp(p->expire_type, "time") == 0)
		into->expires_at_ms = loop_now_ms(r->server->loop) + 1000ull * (p->expires ? p->expires : 1);
}

static void publish(struct request *r, struct sip_publications *list)
{
	struct user *user = r->user;
	struct names names = { .count = 0 };
	struct sip_categories own;
	struct sip_roaming_data data = { .categories = &own };
	struct buf body = { 0 };
	struct sip_message *m;

	if (user_find(r->server, list->uri) != user) {
		answer_because(r, 403, 0, "a user publishes for himself alone");
		return;
	}
	if (list->count + user->publication_count > PUBLICATIONS_OF_USER) {
		size_t added = 0;

		for (size_t i = 0; i < list->count; i++)
			added += find(user, &list->items[i]) < 0;
		if (added + user->publication_count > PUBLICATIONS_OF_USER) {
			answer_because(r, 403, 0, "too many publications of this user");
			return;
		}
	}
	if (check_versions(r, list) < 0)
		return;
	for (size_t i = 0; i < list->count; i++)
		publish_one(r, &list->items[i], &names);
	set_expiry(user);
	own = own_items(user, names.items, names.count);
	xml_form_write(&sip_roaming_data_form, &data, &body);
	xml_form_clear(&sip_categories_form, &own);
	m = answer_new(r, 200);
	sip_body(m, SIP_TYPE_ROAMING_SELF, buf_bytes(&body));
	answer_send(r, &m);
	buf_free(&body);
	changed(user, &names);
}

static void unreadable(struct request *r, const struct error *err)
{
	log_info("body refused user=%s: %s", r->user->seed->id, err->text);
	answer_because(r, 400, 0, "the body cannot be read");
}

void on_publish(struct request *r)
{
	struct sip_publish body;
	struct error err = { "" };

	if (xml_form_read(buf_bytes(&r->message->body), &sip_publish_form, &body, &err) < 0) {
		unreadable(r, &err);
		return;
	}
	publish(r, body.publications);
	xml_form_clear(&sip_publish_form, &body);
}

/* --- SERVICE: subscribers ----------------------------------------------------------------------------------------------------------------- */

static struct sip_subscriber *subscriber_find(const struct user *user, const char *who)
{
	if (strncasecmp(who, "sip:", 4) == 0)
		who += 4;
	for (size_t i = 0; i < user->subscribers.count; i++)
		if (strcasecmp(user->subscribers.items[i].user, who) == 0)
			return &user->subscribers.items[i];
	return NULL;
}

static void subscribers_grow(struct sip_subscribers *list, struct sip_subscriber item)
{
	size_t at = list->count++;

	if ((at & (at - 1)) == 0)
		list->items = memory_resize(list->items, (at ? at * 2 : 1) * sizeof *list->items);
	list->items[at] = item;
}

void presence_add_subscriber(struct user *user, const struct user *watcher)
{
	struct sip_subscribers one;

	if (subscriber_find(user, user_plain(watcher)) || user->subscribers.count == SUBSCRIBERS_OF_USER)
		return;
	subscribers_grow(&user->subscribers, (struct sip_subscriber){ .user = memory_str(user_plain(watcher)),
		.display_name = memory_str(watcher->seed->name), .type = memory_str("sameEnterprise") });
	one = (struct sip_subscribers){ &user->subscribers.items[user->subscribers.count - 1], 1 };
	tell_self(user, (struct sip_roaming_data){ .subscribers = &one });
}

void on_set_subscribers(struct request *r)
{
	struct sip_subscribers body, all = r->user->subscribers;
	struct error err = { "" };

	if (xml_form_read(buf_bytes(&r->message->body), &sip_set_subscribers_form, &body, &err) < 0) {
		unreadable(r, &err);
		return;
	}
	for (size_t i = 0; i < body.count; i++) {
		struct sip_subscriber *known = subscriber_find(r->user, body.items[i].user);

		if (known)
			known->acknowledged = body.items[i].acknowledged;
	}
	answer(r, 200);
	tell_self(r->user, (struct sip_roaming_data){ .subscribers = &all });
	xml_form_clear(&sip_set_subscribers_form, &body);
}

/* --- SERVICE: containers -------------------------------------------------------------------------------------------------------------------- */

static struct sip_container_members *container_find(const struct user *user, uint32_t id)
{
	for (size_t i = 0; i < user->containers.count; i++)
		if (user->containers.items[i].id == id)
			return &user->containers.items[i];
	return NULL;
}

static struct sip_container_members *container_make(struct user *user, uint32_t id)
{
	struct sip_containers *list = &user->containers;
	size_t at = list->count;

	if (container_find(user, id))
		return container_find(user, id);
	if ((at & (at - 1)) == 0)
		list->items = memory_resize(list->items, (at ? at * 2 : 1) * sizeof *list->items);
	list->items[list->count++] = (struct sip_container_members){ .id = id };
	return &list->items[at];
}

static ssize_t member_find(const struct sip_container_members *container, const struct sip_member *member)
{
	for (size_t i = 0; i < container->count; i++) {
		const struct sip_member *m = &container->members[i];

		if (strcmp(m->type, member->type) == 0 && strcasecmp(m->value ? m->value : "", member->value ? member->value : "") == 0)
			return (ssize_t)i;
	}
	return -1;
}

static void member_change(struct sip_container_members *container, const struct sip_member *member)
{
	ssize_t at = member_find(container, member);
	bool removes = member->action && strcmp(member->action, "remove") == 0;

	if (removes && at >= 0) {
		free(container->members[at].type);
		free(container->members[at].value);
		container->members[at] = container->members[--container->count];
	} else if (!removes && at < 0 && container->count < SUBSCRIBERS_OF_USER) {
		container->members = memory_resize(container->members, (container->count + 1) * sizeof *container->members);
		container->members[container->count++] = (struct sip_member){ .type = memory_str(member->type),
			.value = memory_str(member->value) };
	}
}

void on_set_members(struct request *r)
{
	struct sip_containers body, all;
	struct error err = { "" };

	if (xml_form_read(buf_bytes(&r->message->body), &sip_set_members_form, &body, &err) < 0) {
		unreadable(r, &err);
		return;
	}
	for (size_t i = 0; i < body.count; i++) {
		const struct sip_container_members *known = container_find(r->user, body.items[i].id);

		if (body.items[i].version != (known ? known->version : 0) || (!known && r->user->containers.count + i >= CONTAINERS_OF_USER)) {
			answer_because(r, 409, 0, "a container has another version");
			xml_form_clear(&sip_set_members_form, &body);
			return;
		}
	}
	for (size_t i = 0; i < body.count; i++) {
		struct sip_container_members *into = container_make(r->user, body.items[i].id);

		into->version++;
		for (size_t m = 0; m < body.items[i].count; m++)
			member_change(into, &body.items[i].members[m]);
	}
	answer(r, 200);
	all = r->user->containers;
	tell_self(r->user, (struct sip_roaming_data){ .containers = &all });
	/* Who has another access level now sees something else. */
	tell_everything_to(r->user);
	xml_form_clear(&sip_set_members_form, &body);
}
