/* Presence: what users publish, and the state that the server makes of it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

char *presence_time(void)
{
	uint64_t now = loop_wall_ms();
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	return memory_printf("%s.%03u", text, (unsigned)(now % 1000));
}

static void category_free(struct sip_category *c)
{
	free(c->name);
	free(c->publish_time);
	free(c->expire_type);
	free(c->content);
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
	for (const struct endpoint *e = user->endpoints; e; e = e->next) {
		uint32_t availability = e->device ? sip_availability_of(e->device->availability->aggregate, e->device->activity->aggregate) : 0;

		if (availability)
			machine = machine && machine < availability ? machine : availability;
	}
	if (chosen >= SIP_OFFLINE)
		return SIP_OFFLINE;
	if (!chosen && !machine)
		return SIP_ONLINE;
	return machine > chosen ? machine : chosen;
}

uint32_t presence_chosen(const struct user *user, char **since)
{
	const struct sip_category *found = NULL;
	uint32_t chosen = 0, availability;

	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;

		if (strcmp(c->name, "state") != 0 || c->container != AGGREGATE_CONTAINER || sip_state_read(c->content, &availability) < 0 ||
		    strstr(c->content, "machineState") || availability <= chosen)
			continue;
		chosen = availability;
		found = c;
	}
	/* Without the fraction of a second, as the older dialect has it. */
	*since = found ? memory_printf("%.19sZ", found->publish_time) : NULL;
	return chosen;
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
static bool is_named(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], name) == 0)
			return true;
	return false;
}

static void note_name(struct names *names, const char *name)
{
	if (!is_named(names, name) && names->count < PUBLICATIONS_OF_USER + 1)
		names->items[names->count++] = name;
}

/* Tells the user and the others what has changed; device: something of a device that published by the older dialect, too. */
static void changed(struct user *user, struct names *names, bool device)
{
	bool state = update_state(user);
	struct sip_categories own;

	if (state)
		note_name(names, "state");
	if (device || is_named(names, "state") || is_named(names, "note"))
		watch_tell_documents(user);
	if (!names->count)
		return;
	own = watch_own_items(user, names->items, names->count);
	watch_tell_self(user, (struct sip_roaming_data){ .categories = &own });
	xml_form_clear(&sip_categories_form, &own);
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], "state") != 0 || state)
			watch_tell(user, names->items[i]);
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
	changed(user, &names, gone && gone->device);
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

static ssize_t find(const struct user *user, const char *category, uint32_t instance, uint32_t container)
{
	for (size_t i = 0; i < user->publication_count; i++) {
		const struct sip_category *c = &user->publications[i].item;

		if (strcmp(c->name, category) == 0 && c->instance == instance && c->container == container)
			return (ssize_t)i;
	}
	return -1;
}

static ssize_t find_of(const struct user *user, const struct sip_publication *p)
{
	return find(user, p->category, p->instance, p->container);
}

/* Versions must be the ones that are there; -1: answered with those that are wrong. Source: code (SIPE reads this answer). */
static int check_versions(struct request *r, const struct sip_publications *list)
{
	struct sip_fault_details details = { .operations = memory_new((list->count + 1) * sizeof *details.operations) };
	struct sip_fault fault = { .code = memory_str(SIP_FAULT_WRONG_DELTA), .details = &details };
	struct buf body = { 0 };
	struct sip_message *m;

	for (size_t i = 0; i < list->count; i++) {
		ssize_t at = find_of(r->user, &list->items[i]);
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

/* In place of the same item there is; content is taken over. */
static struct publication *put(struct user *user, const char *category, uint32_t instance, uint32_t container, const char *expire_type,
	char *content)
{
	ssize_t at = find(user, category, instance, container);
	uint32_t version = at < 0 ? 0 : user->publications[at].item.version;
	struct publication *into;

	if (at >= 0)
		publication_drop(user, (size_t)at);
	if (!content)
		return NULL;
	user->publications = memory_resize(user->publications, (user->publication_count + 1) * sizeof *user->publications);
	into = &user->publications[user->publication_count++];
	*into = (struct publication){ .item = { .name = memory_str(category), .instance = instance, .publish_time = presence_time(),
		.container = container, .version = version + 1, .expire_type = memory_str(expire_type), .content = content } };
	return into;
}

static void publish_one(struct request *r, struct sip_publication *p, struct names *names)
{
	struct publication *into;

	note_name(names, p->category);
	into = put(r->user, p->category, p->instance, p->container, p->expire_type, p->content);
	p->content = NULL;
	if (into && p->expire_type && strcmp(p->expire_type, "endpoint") == 0)
		into->endpoint = r->endpoint;
	if (into && p->expire_type && strcmp(p->expire_type, "time") == 0)
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
			added += find_of(user, &list->items[i]) < 0;
		if (added + user->publication_count > PUBLICATIONS_OF_USER) {
			answer_because(r, 403, 0, "too many publications of this user");
			return;
		}
	}
	if (check_versions(r, list) < 0)
		return;
	for (size_t i = 0; i < list->count; i++)
		publish_one(r, &list->items[i], &names);
	user_changed(user);
	set_expiry(user);
	own = watch_own_items(user, names.items, names.count);
	xml_form_write(&sip_roaming_data_form, &data, &body);
	xml_form_clear(&sip_categories_form, &own);
	m = answer_new(r, 200);
	sip_body(m, SIP_TYPE_ROAMING_SELF, buf_bytes(&body));
	answer_send(r, &m);
	buf_free(&body);
	changed(user, &names, false);
}

void on_publish(struct request *r)
{
	struct sip_publish body;
	struct error err = { "" };

	if (xml_form_read(buf_bytes(&r->message->body), &sip_publish_form, &body, &err) < 0) {
		answer_unreadable(r, &err);
		return;
	}
	publish(r, body.publications);
	xml_form_clear(&sip_publish_form, &body);
}

bool presence_set(struct user *user, struct presence_item *items, size_t count)
{
	struct names names = { .count = 0 };
	size_t added = 0;
	bool fits;

	for (size_t i = 0; i < count; i++)
		added += items[i].content && find(user, items[i].category, items[i].instance, items[i].container) < 0;
	fits = added + user->publication_count <= PUBLICATIONS_OF_USER;
	for (size_t i = 0; i < count; i++) {
		struct presence_item *item = &items[i];
		ssize_t at = find(user, item->category, item->instance, item->container);
		bool same = at < 0 ? !item->content : item->content && strcmp(user->publications[at].item.content, item->content) == 0;

		if (same || !fits) {
			free(item->content);
			continue;
		}
		put(user, item->category, item->instance, item->container, "static", item->content);
		note_name(&names, item->category);
	}
	user_changed(user);
	set_expiry(user);
	changed(user, &names, true);
	return fits;
}

int presence_restore(struct user *user, struct sip_categories *list, struct error *err)
{
	while (user->publication_count)
		publication_drop(user, user->publication_count - 1);
	for (size_t i = 0; list && i < list->count; i++) {
		struct sip_category *c = &list->items[i];

		if (!c->content || !c->version || !c->publish_time || find(user, c->name, c->instance, c->container) >= 0 ||
		    user->publication_count == PUBLICATIONS_OF_USER)
			return error_set(err, "item %s of presence: content, version and publishTime are there, and no two are the same", log_str(c->name));
		put(user, c->name, c->instance, c->container, "static", c->content)->item.version = c->version;
		c->content = NULL;
		free(user->publications[user->publication_count - 1].item.publish_time);
		user->publications[user->publication_count - 1].item.publish_time = memory_str(c->publish_time);
	}
	update_state(user);
	return 0;
}
