/* What a user publishes, and what he is told of himself. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "protocol/cwa/category.h"
#include "simulator/cwa/cwa_uplink_state.h"

#define PUBLISHED_MAX 32                /* different items of one client */
#define CONTAINERS_MAX 4

/* One item as the client wants it published. xml NULL: it is taken back. */
struct published {
	char *name;
	uint32_t instance;
	bool machine;                           /* goes with this endpoint */
	char *xml;
};

/* Into which containers a category goes: states where the server makes the aggregate of them, the rest for those whose access level
 * is company or above. Source: code (SIPE: state, note); calendarData, services, contactCard: ours. */
static const struct {
	const char *name;
	uint32_t containers[CONTAINERS_MAX];    /* 0: no more */
} places[] = {
	{ "state", { 2, 3 } },
	{ "note", { 200, 300, 400 } },
	{ "calendarData", { 200, 300, 400 } },
	{ "services", { 200, 300, 400 } },
	{ "contactCard", { 100, 200, 300, 400 } },
};

static void published_clear(struct published *p)
{
	free(p->name);
	free(p->xml);
	*p = (struct published){ 0 };
}

/* --- what is told -------------------------------------------------------------------------------------------------------------------- */

static void own_drop(struct endpoint *e, size_t at)
{
	struct sip_category *c = &e->own.items[at];

	free(c->name);
	free(c->publish_time);
	free(c->expire_type);
	free(c->content);
	memmove(c, c + 1, (--e->own.count - at) * sizeof *c);
}

/* What is told of a category is all there is of it. */
static void take_categories(struct endpoint *e, struct sip_categories *told)
{
	for (size_t n = 0; n < told->count; n++)
		for (size_t i = e->own.count; i-- > 0;)
			if (strcmp(e->own.items[i].name, told->items[n].name) == 0)
				own_drop(e, i);
	for (size_t n = 0; n < told->count; n++) {
		if (!told->items[n].content)
			continue;
		e->own.items = memory_resize(e->own.items, (e->own.count + 1) * sizeof *e->own.items);
		e->own.items[e->own.count++] = told->items[n];
		told->items[n] = (struct sip_category){ 0 };
	}
}

static void tell(struct endpoint *e)
{
	struct home_category categories[SHOWN];
	struct sip_category *items = memory_new((e->own.count + 1) * sizeof *items);
	struct buf state = { 0 };
	size_t count = 0;

	for (size_t i = 0; i < e->own.count; i++) {
		const struct sip_category *c = &e->own.items[i];

		/* Of the states only what the server makes of them. */
		if (strcmp(c->name, "state") != 0 || (c->content && strstr(c->content, "aggregateState")))
			items[count++] = *c;
	}
	presence_shown(items, count, categories, &state);
	front_self(e->session, categories, SHOWN);
	buf_free(&state);
	free(items);
}

int self_take(struct endpoint *e, struct bytes body)
{
	struct sip_roaming_data data;

	if (xml_form_read(body, &sip_roaming_data_form, &data, NULL) < 0)
		return -1;
	if (data.categories)
		take_categories(e, data.categories);
	if (data.containers)
		access_take_containers(e, data.containers);
	if (data.subscribers)
		access_take_subscribers(e, data.subscribers);
	/* Before the first publication it would be what was left from the last time. */
	if (data.categories && e->step > STEP_PUBLISH)
		tell(e);
	xml_form_clear(&sip_roaming_data_form, &data);
	return 0;
}

void self_forget(struct endpoint *e)
{
	xml_form_clear(&sip_categories_form, &e->own);
	while (e->published_count)
		published_clear(&e->published[--e->published_count]);
	free(e->published);
	e->published = NULL;
}

/* --- publishing -------------------------------------------------------------------------------------------------------------------------- */

/* What one request publishes. */
struct publishing {
	struct published items[PUBLISHED_MAX];
	size_t count;
};

static void publishing_free(void *what)
{
	struct publishing *p = what;

	while (p->count)
		published_clear(&p->items[--p->count]);
	free(p);
}

static uint32_t version_of(const struct endpoint *e, const char *name, uint32_t instance, uint32_t container)
{
	for (size_t i = 0; i < e->own.count; i++)
		if (strcmp(e->own.items[i].name, name) == 0 && e->own.items[i].instance == instance && e->own.items[i].container == container)
			return e->own.items[i].version;
	return 0;
}

static const uint32_t *containers_of(const char *name)
{
	size_t i = 0;

	while (strcmp(places[i].name, name) != 0)
		i++;
	return places[i].containers;
}

static void write_publishing(struct endpoint *e, const void *what, struct buf *out)
{
	const struct publishing *p = what;
	struct sip_publication items[PUBLISHED_MAX * CONTAINERS_MAX];
	struct sip_publications list = { .uri = e->address, .items = items };
	struct sip_publish publish = { &list };
	static char for_endpoint[] = "endpoint", for_ever[] = "static";

	for (size_t i = 0; i < p->count; i++) {
		const uint32_t *containers = containers_of(p->items[i].name);

		for (size_t c = 0; c < CONTAINERS_MAX && containers[c]; c++)
			items[list.count++] = (struct sip_publication){ .category = p->items[i].name, .instance = p->items[i].instance,
				.container = containers[c], .version = version_of(e, p->items[i].name, p->items[i].instance, containers[c]),
				.expire_type = p->items[i].machine ? for_endpoint : for_ever, .content = p->items[i].xml };
	}
	xml_form_write(&sip_publish_form, &publish, out);
}

/* The answer has the new versions: a change that waits must know them. The aggregate is that of before; the news come behind it. */
static void on_published(struct endpoint *e, const struct sip_message *answer)
{
	struct sip_roaming_data data;

	if (xml_form_read(buf_bytes(&answer->body), &sip_roaming_data_form, &data, NULL) < 0)
		return;
	if (data.categories)
		take_categories(e, data.categories);
	xml_form_clear(&sip_roaming_data_form, &data);
}

static const struct job_kind publish_kind = { .content_type = SIP_TYPE_PUBLISH, .news = SUBSCRIBED_SELF, .write = write_publishing,
	.answered = on_published, .free = publishing_free };

static struct published *find(struct endpoint *e, const char *name, uint32_t instance)
{
	for (size_t i = 0; i < e->published_count; i++)
		if (e->published[i].instance == instance && strcmp(e->published[i].name, name) == 0)
			return &e->published[i];
	return NULL;
}

/* Kept, so that it can be published again; added to what is published now. false: too much. */
static bool keep(struct endpoint *e, struct publishing *now, const struct published *item)
{
	struct published *kept = find(e, item->name, item->instance);

	if (!kept) {
		if (e->published_count == PUBLISHED_MAX)
			return false;
		e->published = memory_resize(e->published, (e->published_count + 1) * sizeof *e->published);
		kept = &e->published[e->published_count++];
		*kept = (struct published){ .name = memory_str(item->name), .instance = item->instance, .machine = item->machine };
	}
	free(kept->xml);
	kept->xml = memory_str(item->xml);
	now->items[now->count++] = (struct published){ .name = memory_str(item->name), .instance = item->instance, .machine = item->machine,
		.xml = memory_str(item->xml) };
	return true;
}

/* A mask and what is this endpoint's: each machine has a state of its own. Source: inferred from the name instanceMask. */
static uint32_t machine_instance(const struct endpoint *e)
{
	return HOME_MACHINE_INSTANCE | ((uint32_t)strtoul(e->epid + 4, NULL, 16) & 0x0fffffff);
}

static bool keep_state(struct endpoint *e, struct publishing *now, bool machine, bool manual, uint32_t availability)
{
	struct cwa_state state = { .type = "userState", .manual = manual, .availability = availability };
	struct published item = { .name = memory_str("state"), .instance = HOME_USER_INSTANCE, .machine = machine };
	struct buf xml = { 0 };
	bool kept;

	if (machine) {
		state = (struct cwa_state){ .type = "machineState", .availability = availability };
		item.instance = machine_instance(e);
	}
	cwa_state_encode(&state, &xml);
	item.xml = bytes_dup(buf_bytes(&xml));
	buf_free(&xml);
	kept = keep(e, now, &item);
	published_clear(&item);
	return kept;
}

void self_publish_first(struct endpoint *e)
{
	struct publishing *now = memory_new(sizeof *now);

	if (!e->published_count) {
		keep_state(e, now, false, e->availability != CWA_ONLINE, e->availability);
		if (session_publishes_machine(e->session))
			keep_state(e, now, true, false, CWA_ONLINE);
	} else {
		for (size_t i = 0; i < e->published_count; i++)
			now->items[now->count++] = (struct published){ .name = memory_str(e->published[i].name), .instance = e->published[i].instance,
				.machine = e->published[i].machine, .xml = memory_str(e->published[i].xml) };
	}
	job_add(e, &publish_kind, now, NULL, true);
}

void uplink_publish(void *ctx, struct session *s, const char *rid, const struct home_category *categories, size_t count)
{
	struct endpoint *e = session_home(s);
	struct publishing *now = memory_new(sizeof *now);
	bool fits = true;

	(void)ctx;
	for (size_t i = 0; fits && i < count && i < PUBLISHED_MAX; i++) {
		const struct home_category *c = &categories[i];
		struct published item = { .name = memory_str(c->name), .instance = c->instance, .xml = *c->xml ? memory_str(c->xml) : NULL };

		if (strcmp(c->name, "state") == 0) {
			item.machine = home_is_machine_state(c);
			item.instance = item.machine ? machine_instance(e) : HOME_USER_INSTANCE;
		}
		fits = keep(e, now, &item);
		published_clear(&item);
	}
	if (fits) {
		job_add(e, &publish_kind, now, rid, false);
		return;
	}
	publishing_free(now);
	home_done(s, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = "too many items are published" });
}

void uplink_activity(void *ctx, struct session *s, bool active)
{
	struct endpoint *e = session_home(s);
	struct publishing *now;

	(void)ctx;
	if (!session_publishes_machine(s))
		return;
	now = memory_new(sizeof *now);
	keep_state(e, now, true, false, active ? SIP_ONLINE : SIP_IDLE);
	job_add(e, &publish_kind, now, NULL, false);
}
