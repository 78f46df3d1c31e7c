/* What watchers are told of a user, and what he is told of himself, as categories. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

#define AGGREGATE_INSTANCE 1
#define CARD "contactCard"

static struct sip_category category_copy(const struct sip_category *c)
{
	return (struct sip_category){ .name = memory_str(c->name), .instance = c->instance, .publish_time = memory_str(c->publish_time),
		.container = c->container, .version = c->version, .expire_type = memory_str(c->expire_type), .content = memory_str(c->content) };
}

static void append(struct sip_categories *list, struct sip_category item)
{
	list->items = memory_resize(list->items, (list->count + 1) * sizeof *list->items);
	list->items[list->count++] = item;
}

static struct sip_category state_item(uint32_t availability)
{
	struct buf content = { 0 };
	struct sip_category item = { .name = memory_str("state"), .instance = AGGREGATE_INSTANCE, .publish_time = presence_time() };

	sip_state_write("aggregateState", false, availability, &content);
	item.content = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	return item;
}

/* --- what a watcher sees ---------------------------------------------------------------------------------------------------------- */

static bool asked_for(const struct subscription *s, const char *category)
{
	for (size_t i = 0; i < s->categories.count; i++)
		if (strcmp(s->categories.items[i].name, category) == 0)
			return true;
	return s->categories.count == 0;
}

/* The directory's card of him. Source: inferred - a user's own data begin with it, and it is nobody's publication. */
static struct sip_category card_item(const struct user *user)
{
	struct buf content = { 0 };
	struct sip_category item = { .name = memory_str(CARD), .publish_time = presence_time() };

	sip_card_write(user->seed->name, user->seed->mail, &content);
	item.content = bytes_dup(buf_bytes(&content));
	buf_free(&content);
	return item;
}

static bool has(const struct sip_categories *list, const char *category)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].name, category) == 0)
			return true;
	return false;
}

static void append_gone(struct sip_categories *list, const char *category)
{
	if (!has(list, category))
		append(list, (struct sip_category){ .name = memory_str(category), .publish_time = presence_time() });
}

/* What this watcher may not see any more, because it was taken back or he has another access level, is told as a category without
 * content. A name is nothing that is taken back. Source: seen, of what is taken back. */
static void add_gone(const struct user *user, const struct subscription *s, const char *only, struct sip_categories *list)
{
	for (size_t i = 0; i < s->categories.count; i++)
		if ((!only || strcmp(only, s->categories.items[i].name) == 0) && strcmp(s->categories.items[i].name, CARD) != 0)
			append_gone(list, s->categories.items[i].name);
	for (size_t i = 0; !only && s->categories.count == 0 && i < user->publication_count; i++)
		append_gone(list, user->publications[i].item.name);
	if (only && s->categories.count == 0)
		append_gone(list, only);
}

void watch_write(const struct user *user, const struct subscription *s, const char *only, bool changes, struct buf *out)
{
	const struct user *watcher = s->endpoint->user;
	uint32_t container = access_container(user, watcher);
	bool blocked = watcher != user && access_hides(user, watcher);
	struct sip_categories list = { .uri = memory_str(user->address) };

	if (asked_for(s, "state") && (!only || strcmp(only, "state") == 0))
		append(&list, state_item(blocked ? SIP_OFFLINE : user->availability));
	if (!blocked && asked_for(s, CARD) && (!only || strcmp(only, CARD) == 0))
		append(&list, card_item(user));
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
	}
	if (changes)
		add_gone(user, s, only, &list);
	xml_form_write(&sip_categories_form, &list, out);
	xml_form_clear(&sip_categories_form, &list);
}

static void tell_document(const struct user *user, struct subscription *s)
{
	struct buf body = { 0 };

	if (s->form == FORM_PLAIN)
		document_write_plain(user, s->endpoint->user, &body);
	else
		document_write(user, s->endpoint->user, &body);
	subscription_notify(s, s->form == FORM_PLAIN ? SIP_TYPE_PLAIN_PIDF : SIP_TYPE_PIDF, buf_bytes(&body));
	buf_free(&body);
}

static void tell_categories(const struct user *user, struct subscription *s, const char *only)
{
	struct buf body = { 0 };

	watch_write(user, s, only, true, &body);
	subscription_notify(s, SIP_TYPE_CATEGORIES, buf_bytes(&body));
	buf_free(&body);
}

void watch_tell(struct user *user, const char *category)
{
	for (size_t i = 0; i < user->watcher_count; i++)
		if (user->watchers[i]->form == FORM_CATEGORIES && asked_for(user->watchers[i], category))
			tell_categories(user, user->watchers[i], category);
}

void watch_tell_documents(struct user *user)
{
	for (size_t i = 0; i < user->watcher_count; i++)
		if (user->watchers[i]->form != FORM_CATEGORIES)
			tell_document(user, user->watchers[i]);
}

void watch_tell_all(struct user *user)
{
	for (size_t i = 0; i < user->watcher_count; i++)
		if (user->watchers[i]->form == FORM_CATEGORIES)
			tell_categories(user, user->watchers[i], NULL);
	watch_tell_documents(user);
}

/* --- what the user is told of himself ---------------------------------------------------------------------------------------------- */

struct sip_categories watch_own_items(const struct user *user, const char *const *names, size_t name_count)
{
	struct sip_categories list = { .uri = memory_str(user->address) };
	bool state = !names, card = !names;

	for (size_t n = 0; n < name_count; n++) {
		state = state || strcmp(names[n], "state") == 0;
		card = card || strcmp(names[n], CARD) == 0;
	}
	/* Before those that he has published himself: of several the last counts. */
	if (card)
		append(&list, card_item(user));
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
	for (size_t n = 0; n < name_count; n++)
		if (!has(&list, names[n]))
			append(&list, (struct sip_category){ .name = memory_str(names[n]) });
	return list;
}

void watch_write_self(const struct user *user, const struct subscription *s, struct buf *out)
{
	struct sip_categories items = watch_own_items(user, NULL, 0);
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

void watch_tell_self(struct user *user, struct sip_roaming_data data)
{
	struct buf body = { 0 };

	xml_form_write(&sip_roaming_data_form, &data, &body);
	user_notify(user, EVENT_SELF, SIP_TYPE_ROAMING_SELF, buf_bytes(&body));
	buf_free(&body);
}
