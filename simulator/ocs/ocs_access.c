/* Who may see and reach a user: his containers and their members, and the watchers he is told of. What the access entries of the older
 * dialect add to that is in ocs_acl.c. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/ocs/ocs_state.h"

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

uint32_t access_container(const struct user *user, const struct user *other)
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
	/* An entry of his own for somebody goes before a container for all. */
	if (found == SIP_CONTAINER_BLOCKED && rank < 3 && strcmp(acl_entry(user, other)->type, "USER") == 0)
		return SIP_CONTAINER_OF_NOTES;
	return found;
}

bool access_blocks(const struct user *user, const struct user *other)
{
	return access_container(user, other) == SIP_CONTAINER_BLOCKED;
}

bool access_hides(const struct user *user, const struct user *other)
{
	const struct sip_ace *ace = acl_entry(user, other);

	return access_blocks(user, other) || (ace->rights[0] == 'P' && (strcmp(ace->type, "USER") == 0 || !contacts_have(user, other)));
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

void access_add_subscriber(struct user *user, const struct user *watcher)
{
	struct sip_subscribers one;

	if (subscriber_find(user, user_plain(watcher)) || user->subscribers.count == SUBSCRIBERS_OF_USER)
		return;
	subscribers_grow(&user->subscribers, (struct sip_subscriber){ .user = memory_str(user_plain(watcher)),
		.display_name = memory_str(watcher->seed->name), .type = memory_str("sameEnterprise") });
	user_changed(user);
	one = (struct sip_subscribers){ &user->subscribers.items[user->subscribers.count - 1], 1 };
	watch_tell_self(user, (struct sip_roaming_data){ .subscribers = &one });
	acl_tell_pending(user);
}

void access_watched(struct user *user, const struct user *watcher)
{
	if (user != watcher && !contacts_have(user, watcher) && strcmp(acl_entry(user, watcher)->type, "USER") != 0)
		access_add_subscriber(user, watcher);
}

void on_set_subscribers(struct request *r)
{
	struct sip_subscribers body, all = r->user->subscribers;
	struct error err = { "" };

	if (xml_form_read(buf_bytes(&r->message->body), &sip_set_subscribers_form, &body, &err) < 0) {
		answer_unreadable(r, &err);
		return;
	}
	for (size_t i = 0; i < body.count; i++) {
		struct sip_subscriber *known = subscriber_find(r->user, body.items[i].user);

		if (known)
			known->acknowledged = body.items[i].acknowledged;
	}
	user_changed(r->user);
	answer(r, 200);
	watch_tell_self(r->user, (struct sip_roaming_data){ .subscribers = &all });
	acl_tell_pending(r->user);
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
		answer_unreadable(r, &err);
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
		for (size_t m = 0; m < body.items[i].count; m++) {
			const struct sip_member *member = &body.items[i].members[m];

			member_change(into, member);
			if (into->id == SIP_CONTAINER_BLOCKED)
				acl_follow(r->user, member, member_find(into, member) >= 0);
		}
	}
	user_changed(r->user);
	answer(r, 200);
	all = r->user->containers;
	watch_tell_self(r->user, (struct sip_roaming_data){ .containers = &all });
	/* Who has another access level now sees something else. */
	watch_tell_all(r->user);
	xml_form_clear(&sip_set_members_form, &body);
}

void access_set_blocked(struct user *user, struct sip_member *member, bool blocked)
{
	struct sip_container_members *into = container_find(user, SIP_CONTAINER_BLOCKED);
	struct sip_containers all;

	if (blocked != (into && member_find(into, member) >= 0)) {
		into = container_make(user, SIP_CONTAINER_BLOCKED);
		into->version++;
		member->action = blocked ? "add" : "remove";
		member_change(into, member);
		user_changed(user);
		all = user->containers;
		watch_tell_self(user, (struct sip_roaming_data){ .containers = &all });
	}
	watch_tell_all(user);
}

/* --- from the file that keeps it ---------------------------------------------------------------------------------------------------------- */

static int restore_container(struct user *user, const struct sip_container_members *from, struct error *err)
{
	struct sip_container_members *into;

	if (container_find(user, from->id) || !from->version)
		return error_set(err, "the version of container %u, which is there once", from->id);
	into = container_make(user, from->id);
	into->version = from->version;
	for (size_t i = 0; i < from->count; i++) {
		if (member_find(into, &from->members[i]) >= 0)
			return error_set(err, "container %u has a member twice", from->id);
		member_change(into, &(struct sip_member){ .type = from->members[i].type, .value = from->members[i].value });
	}
	return 0;
}

static int restore_subscriber(struct user *user, const struct sip_subscriber *from, struct error *err)
{
	const struct user *watcher = user_find(user->server, from->user);

	if (!watcher) {
		log_warning("state of user=%s: watcher %s is left out, world.xml has no such user", user->seed->id, log_str(from->user));
		return 0;
	}
	if (subscriber_find(user, user_plain(watcher)))
		return error_set(err, "watcher %s is there twice", log_str(from->user));
	subscribers_grow(&user->subscribers, (struct sip_subscriber){ .user = memory_str(user_plain(watcher)),
		.display_name = memory_str(watcher->seed->name), .acknowledged = from->acknowledged, .type = memory_str("sameEnterprise") });
	return 0;
}

int access_restore(struct user *user, struct sip_containers *containers, struct sip_subscribers *subscribers, struct error *err)
{
	xml_form_clear(&sip_set_members_form, &user->containers);
	xml_form_clear(&sip_set_subscribers_form, &user->subscribers);
	for (size_t i = 0; containers && i < containers->count; i++)
		if (restore_container(user, &containers->items[i], err) < 0)
			return -1;
	for (size_t i = 0; subscribers && i < subscribers->count; i++)
		if (restore_subscriber(user, &subscribers->items[i], err) < 0)
			return -1;
	return 0;
}
