/* Presence of others: one subscription of each endpoint for all whom its client watches, and queries. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "protocol/cwa/category.h"
#include "simulator/cwa/cwa_uplink_state.h"

/* The five that clients are told, in the order of recorded traffic. */
static const char *const shown_names[SHOWN] = { "calendarData", "contactCard", "note", "state", "services" };

/* Somebody whom the client watches, and the newest that was told of him. */
struct watched {
	char *uri;
	UT_hash_handle hh;
	bool contact, asked_by_client;          /* why; neither: not any more */
	bool asked;                             /* the other server knows */
	bool is_new;                            /* has just been made a contact: he is to be told */
	bool known;                             /* something was told */
	struct sip_category items[SHOWN];       /* name NULL: nothing yet */
};

/* --- what clients are told ----------------------------------------------------------------------------------------------------------- */

static uint64_t time_of(const char *text)
{
	struct tm tm = { 0 };

	return text && strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) ? (uint64_t)timegm(&tm) : 0;
}

/* The state is written anew: a public client minds every space in it. */
void presence_shown(const struct sip_category *items, size_t count, struct home_category *out, struct buf *state)
{
	for (size_t n = 0; n < SHOWN; n++) {
		const struct sip_category *c = NULL;
		struct cwa_state told = { .type = "aggregateState" };

		for (size_t i = 0; i < count; i++)
			if (items[i].name && strcmp(items[i].name, shown_names[n]) == 0)
				c = &items[i];
		out[n] = (struct home_category){ .name = shown_names[n] };
		if (!c || !c->content)
			continue;
		out[n] = (struct home_category){ .name = shown_names[n], .instance = c->instance, .published_s = time_of(c->publish_time),
			.xml = c->content };
		if (strcmp(c->name, "state") != 0)
			continue;
		out[n].xml = NULL;
		if (sip_state_read(c->content, &told.availability) == 0) {
			cwa_state_encode(&told, state);
			out[n].xml = buf_cstr(state);
		}
	}
}

static void show(const struct endpoint *e, const char *uri, const struct sip_category *items, size_t count)
{
	struct home_category categories[SHOWN];
	struct home_presence user = { .uri = uri, .network = "sameEnterprise", .categories = categories, .category_count = SHOWN };
	struct buf state = { 0 };

	presence_shown(items, count, categories, &state);
	front_presence(e->session, &user, 1);
	buf_free(&state);
}

/* --- who is watched -------------------------------------------------------------------------------------------------------------------- */

static void item_clear(struct sip_category *c)
{
	free(c->name);
	free(c->publish_time);
	free(c->content);
	*c = (struct sip_category){ 0 };
}

static struct watched *watched_find(const struct endpoint *e, const char *uri)
{
	struct watched *w;

	HASH_FIND_STR(e->watched, uri, w);
	return w;
}

/* NULL: too many. */
static struct watched *watched_get(struct endpoint *e, const char *uri)
{
	struct watched *w = watched_find(e, uri);

	if (w || HASH_COUNT(e->watched) >= WATCHED_MAX)
		return w;
	w = memory_new(sizeof *w);
	w->uri = memory_str(uri);
	HASH_ADD_KEYPTR(hh, e->watched, w->uri, strlen(w->uri), w);
	return w;
}

void presence_of_contact(struct endpoint *e, const char *uri, bool wanted, bool is_new)
{
	struct watched *w = wanted ? watched_get(e, uri) : watched_find(e, uri);

	if (!w)
		return;
	w->contact = wanted;
	w->is_new = w->is_new || (wanted && is_new);
	if (is_new)
		w->asked = false;
}

void presence_lost(struct endpoint *e)
{
	for (struct watched *w = e->watched; w; w = w->hh.next) {
		w->asked = w->known = false;
		for (size_t i = 0; i < SHOWN; i++)
			item_clear(&w->items[i]);
	}
}

void presence_forget(struct endpoint *e)
{
	struct watched *w, *next;

	presence_lost(e);
	HASH_ITER(hh, e->watched, w, next) {
		HASH_DEL(e->watched, w);
		free(w->uri);
		free(w);
	}
}

/* --- asking ------------------------------------------------------------------------------------------------------------------------------ */

static void write_batch(const struct endpoint *e, struct sip_resource *resources, size_t count, struct buf *out)
{
	struct sip_name names[SHOWN];
	struct sip_resources list = { resources, count };
	struct sip_names categories = { names, SHOWN };
	struct sip_batch_action action = { .name = memory_str("subscribe"), .id = memory_str("1"), .resources = &list, .categories = &categories };
	struct sip_batch batch = { .uri = e->address, .name = NULL, .actions = &action, .count = 1 };

	for (size_t i = 0; i < SHOWN; i++)
		names[i].name = memory_str(shown_names[i]);
	xml_form_write(&sip_batch_form, &batch, out);
	for (size_t i = 0; i < SHOWN; i++)
		free(names[i].name);
	free(action.name);
	free(action.id);
}

static void ask_more(struct endpoint *e)
{
	(void)presence_ask(e);
}

bool presence_ask(struct endpoint *e)
{
	struct sip_resource *resources = memory_new((HASH_COUNT(e->watched) + 1) * sizeof *resources);
	struct sip_empty empty = { 0 };
	bool there = subscription_is_there(e, SUBSCRIBED_PRESENCE), none = subscription_is_none(e, SUBSCRIBED_PRESENCE);
	struct buf body = { 0 };
	size_t count = 0;

	/* While a request is on its way the others wait for its answer. */
	for (struct watched *w = e->watched; w && (there || none) && e->step >= STEP_PRESENCE; w = w->hh.next) {
		if (w->asked || (!w->contact && !w->asked_by_client))
			continue;
		resources[count++] = (struct sip_resource){ .uri = w->uri, .context = w->is_new ? &empty : NULL };
		w->asked = true;
		w->is_new = false;
	}
	if (count) {
		write_batch(e, resources, count, &body);
		if (there)
			subscription_again(e, SUBSCRIBED_PRESENCE, buf_bytes(&body), ask_more);
		else
			subscribe(e, SUBSCRIBED_PRESENCE, buf_bytes(&body));
	}
	buf_free(&body);
	free(resources);
	return count > 0;
}

/* Whom the client watches already is shown again from what is known of him. */
void uplink_query(void *ctx, struct session *s, const char *rid, const char *const *uris, size_t count, bool watch)
{
	struct endpoint *e = session_home(s);
	struct sip_resource *resources = memory_new((count + 1) * sizeof *resources);
	const struct outcome good = { .code = 0 }, lost = uplink_lost(ctx), many = { .code = CWA_THROTTLED, .detail = "too many are watched" };
	const struct outcome *outcome = &good;
	const struct uplink *u = ctx;
	struct buf body = { 0 };
	size_t asked = 0;

	for (size_t i = 0; i < count && u->state == UPLINK_UP; i++) {
		struct watched *w = watch ? watched_get(e, uris[i]) : watched_find(e, uris[i]);

		if (watch && !w)
			outcome = &many;
		if (watch && w)
			w->asked_by_client = true;
		if (w && w->known && (w->contact || w->asked_by_client))
			show(e, w->uri, w->items, SHOWN);
		else if (!watch)
			resources[asked++].uri = memory_str(uris[i]);
	}
	if (u->state != UPLINK_UP)
		outcome = &lost;
	if (asked) {
		write_batch(e, resources, asked, &body);
		subscribe_once(e, buf_bytes(&body), rid);
	} else {
		home_done(s, rid, outcome);
	}
	if (watch && e->step == STEP_READY)
		(void)presence_ask(e);
	while (asked)
		free(resources[--asked].uri);
	free(resources);
	buf_free(&body);
}

/* --- news -------------------------------------------------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* true: it is not what was known. */
static bool put(struct watched *w, const struct sip_category *c)
{
	for (size_t n = 0; n < SHOWN; n++) {
		struct sip_category *into = &w->items[n];
		bool differs;

		if (strcmp(shown_names[n], c->name) != 0)
			continue;
		differs = !same(into->content, c->content);
		item_clear(into);
		*into = (struct sip_category){ .name = memory_str(c->name), .instance = c->instance, .publish_time = memory_str(c->publish_time),
			.content = memory_str(c->content) };
		return differs;
	}
	return false;
}

static void take_of(struct endpoint *e, const char *uri, const struct sip_categories *list)
{
	struct watched *w = watched_find(e, uri);
	bool differs;

	if (!w || (!w->contact && !w->asked_by_client))
		return;
	differs = !w->known;
	for (size_t i = 0; i < list->count; i++)
		differs = put(w, &list->items[i]) || differs;
	w->known = true;
	if (differs)
		show(e, w->uri, w->items, SHOWN);
}

int presence_take(struct endpoint *e, struct bytes body, bool query)
{
	struct sip_categories list;
	char *uri;

	if (xml_form_read(body, &sip_categories_form, &list, NULL) < 0)
		return -1;
	uri = uplink_uri(list.uri);
	if (uri && query)
		show(e, uri, list.items, list.count);
	else if (uri)
		take_of(e, uri, &list);
	xml_form_clear(&sip_categories_form, &list);
	free(uri);
	return 0;
}
