/* Users who live in the web server itself: who is signed on, contact lists, containers. */
#include "simulator/cwa/cwa_local.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/cwa/cwa_local_state.h"

static const struct outcome good = { .code = 0 };

/* --- helpers ----------------------------------------------------------------------------------------------------------------------- */

void *array_grow(void *array, size_t count, size_t size)
{
	return (count & (count - 1)) == 0 ? memory_resize(array, (count ? count * 2 : 1) * size) : array;
}

void array_drop(void *array, size_t *count, size_t size, size_t at)
{
	char *items = array;

	memmove(items + at * size, items + (at + 1) * size, (*count - at - 1) * size);
	(*count)--;
}

struct person *local_person(const struct local *local, const char *uri)
{
	struct person *person;

	HASH_FIND_STR(local->by_uri, uri, person);
	return person;
}

bool local_is_on(const struct person *person)
{
	for (const struct endpoint *e = person->endpoints; e; e = e->next)
		if (e->on)
			return true;
	return false;
}

bool local_blocks(const struct person *person, const struct person *other)
{
	for (size_t i = 0; i < person->member_count; i++)
		if (person->members[i].container == CONTAINER_BLOCKED && strcmp(person->members[i].type, "user") == 0 &&
		    strcmp(person->members[i].value, other->uri) == 0)
			return true;
	return false;
}

void local_fail(struct session *s, const char *rid, uint32_t code, const char *detail)
{
	home_done(s, rid, &(struct outcome){ .code = code, .detail = detail });
}

/* --- the contact list --------------------------------------------------------------------------------------------------------------- */

struct list_contact *local_contact(const struct person *p, const char *uri)
{
	for (size_t i = 0; i < p->contact_count; i++)
		if (strcmp(p->contacts[i].uri, uri) == 0)
			return &p->contacts[i];
	return NULL;
}

static struct list_group *find_group(const struct person *p, uint32_t id)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i].id == id)
			return &p->groups[i];
	return NULL;
}

static struct home_contact contact_out(const struct list_contact *c, enum home_change change)
{
	return (struct home_contact){ .uri = c->uri, .name = c->name, .subscribed = c->subscribed, .tag = c->tag, .groups = c->groups,
		.change = change };
}

static struct home_group group_out(const struct list_group *g, enum home_change change)
{
	return (struct home_group){ .id = g->id, .name = g->name, .external_uri = g->external_uri, .change = change };
}

static void tell_list(const struct endpoint *e)
{
	const struct person *p = e->person;
	struct home_group *groups = memory_new((p->group_count + 1) * sizeof *groups);
	struct home_contact *contacts = memory_new((p->contact_count + 1) * sizeof *contacts);
	struct home_contacts list = { .full = true, .number = p->number, .groups = groups, .group_count = p->group_count,
		.contacts = contacts, .contact_count = p->contact_count };

	for (size_t i = 0; i < p->group_count; i++)
		groups[i] = group_out(&p->groups[i], HOME_ADDED);
	for (size_t i = 0; i < p->contact_count; i++)
		contacts[i] = contact_out(&p->contacts[i], HOME_ADDED);
	front_contacts(e->session, &list);
	free(groups);
	free(contacts);
}

/* One change, to all clients of the person. */
static void tell_change(struct person *p, const struct home_group *group, const struct home_contact *contact)
{
	struct home_contacts list = { .number = ++p->number, .groups = group, .group_count = group != NULL, .contacts = contact,
		.contact_count = contact != NULL };

	for (const struct endpoint *e = p->endpoints; e; e = e->next)
		if (e->on)
			front_contacts(e->session, &list);
}

static struct list_group *add_group(struct person *p, const char *name, const char *external)
{
	p->groups = array_grow(p->groups, p->group_count, sizeof *p->groups);
	p->groups[p->group_count] = (struct list_group){ .id = p->next_group++, .name = memory_str(name), .external_uri = memory_str(external) };
	return &p->groups[p->group_count++];
}

static struct list_contact *add_contact(const struct local *local, struct person *p, const struct home_contact *c)
{
	p->contacts = array_grow(p->contacts, p->contact_count, sizeof *p->contacts);
	p->contacts[p->contact_count] = (struct list_contact){ .uri = memory_str(c->uri), .person = local_person(local, c->uri),
		.name = memory_str(c->name), .subscribed = c->subscribed, .tag = c->tag, .groups = memory_str(c->groups) };
	return &p->contacts[p->contact_count++];
}

static void free_contact(struct list_contact *c)
{
	free(c->uri);
	free(c->name);
	free(c->groups);
}

static void free_group(struct list_group *g)
{
	free(g->name);
	free(g->external_uri);
}

/* Without that id. A contact that was only there is in no group then. */
static void leave_group(struct list_contact *c, uint32_t id)
{
	struct buf left = { 0 };
	const char *at = c->groups;

	while (*at) {
		size_t len = strcspn(at, " ");

		if (strtoul(at, NULL, 10) != id)
			buf_printf(&left, "%s%.*s", left.len ? " " : "", (int)len, at);
		at += len + (at[len] == ' ');
	}
	free(c->groups);
	c->groups = bytes_dup(buf_bytes(&left));
	buf_free(&left);
}

static bool groups_are_there(const struct person *p, const char *groups)
{
	while (*groups) {
		size_t len = strcspn(groups, " ");

		if (!find_group(p, (uint32_t)strtoul(groups, NULL, 10)))
			return false;
		groups += len + (groups[len] == ' ');
	}
	return true;
}

static void watch_everywhere(struct person *p, struct person *other, bool subscribed)
{
	for (struct endpoint *e = p->endpoints; e; e = e->next) {
		if (!e->on || !other)
			continue;
		if (!subscribed) {
			endpoint_unwatch(e, other);
		} else {
			endpoint_watch(e, other);
			local_show(e, &other, 1);
		}
	}
}

static void local_change_contact(void *ctx, struct session *s, const char *rid, const struct home_contact *given)
{
	const struct local *local = ctx;
	struct endpoint *e = session_home(s);
	struct person *p = e->person;
	struct list_contact *c = local_contact(p, given->uri);
	bool is_new = !c;
	struct home_contact out;

	if (given->change != HOME_ADDED && !c) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "there is no such contact");
		return;
	}
	if (given->change == HOME_DELETED) {
		out = contact_out(c, HOME_DELETED);
		tell_change(p, NULL, &out);
		watch_everywhere(p, c->person, false);
		free_contact(c);
		array_drop(p->contacts, &p->contact_count, sizeof *c, (size_t)(c - p->contacts));
		home_done(s, rid, &good);
		return;
	}
	if (!c && p->contact_count == CONTACTS_MAX) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "too many contacts");
		return;
	}
	if (!groups_are_there(p, given->groups)) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "there is no such group");
		return;
	}
	if (is_new) {
		c = add_contact(local, p, given);
	} else {
		free(c->name);
		free(c->groups);
		c->name = memory_str(given->name);
		c->groups = memory_str(given->groups);
		c->subscribed = given->subscribed;
		c->tag = given->tag;
	}
	out = contact_out(c, is_new ? HOME_ADDED : HOME_UPDATED);
	tell_change(p, NULL, &out);
	watch_everywhere(p, c->person, c->subscribed);
	home_done(s, rid, &good);
}

static bool name_is_taken(const struct person *p, const char *name, uint32_t but)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i].id != but && strcasecmp(p->groups[i].name, name) == 0)
			return true;
	return false;
}

static void local_change_group(void *ctx, struct session *s, const char *rid, const struct home_group *given)
{
	struct endpoint *e = session_home(s);
	struct person *p = e->person;
	struct list_group *g = given->change == HOME_ADDED ? NULL : find_group(p, given->id);
	struct home_group out;

	(void)ctx;
	if (given->change != HOME_ADDED && !g) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "there is no such group");
	} else if (given->change != HOME_DELETED && name_is_taken(p, given->name, g ? g->id : 0)) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "another group has that name");
	} else if (given->change != HOME_ADDED && strcmp(g->name, "~") == 0) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "the group ~ stays as it is");
	} else if (given->change == HOME_ADDED && p->group_count == GROUPS_MAX) {
		local_fail(s, rid, CWA_INVALID_OPERATION, "too many groups");
	} else if (given->change == HOME_DELETED) {
		out = group_out(g, HOME_DELETED);
		tell_change(p, &out, NULL);
		for (size_t i = 0; i < p->contact_count; i++)
			leave_group(&p->contacts[i], g->id);
		free_group(g);
		array_drop(p->groups, &p->group_count, sizeof *g, (size_t)(g - p->groups));
		home_done(s, rid, &good);
	} else {
		if (!g) {
			g = add_group(p, given->name, given->external_uri);
		} else {
			free(g->name);
			g->name = memory_str(given->name);
		}
		out = group_out(g, given->change);
		tell_change(p, &out, NULL);
		home_done(s, rid, &good);
	}
}

/* --- signing on ----------------------------------------------------------------------------------------------------------------------- */

static void on_sign_on(void *arg)
{
	struct endpoint *e = arg;

	e->on = true;
	home_signed_on(e->session, &good);
	tell_list(e);
	local_changed(e->person);
	endpoint_watch_contacts(e);
	local_tell_containers(e);
	local_tell_subscribers(e->local, e);
	home_ready(e->session, &good);
}

/* What the client starts with counts as set by the person unless it is plainly on line. Source: ours. */
static void local_sign_on(void *ctx, struct session *s, uint32_t availability)
{
	struct local *local = ctx;
	struct endpoint *e = memory_new(sizeof *e);

	*e = (struct endpoint){ .local = local, .session = s, .machine = CWA_ONLINE };
	e->person = &local->persons[session_user(s) - local->world->users];
	e->signing_on = (struct loop_task){ .fn = on_sign_on, .arg = e };
	e->person->user_state = availability == CWA_ONLINE ? 0 : availability;
	e->person->state_s = local->wall_s(local->wall_arg);
	DL_APPEND(e->person->endpoints, e);
	session_set_home(s, e);
	loop_defer(local->loop, &e->signing_on);
}

static void local_sign_off(void *ctx, struct session *s)
{
	struct local *local = ctx;
	struct endpoint *e = session_home(s);
	struct person *p = e->person;
	bool was_on = e->on;

	loop_drop(local->loop, &e->signing_on);
	while (e->watched_count)
		endpoint_unwatch(e, e->watched[0]);
	free(e->watched);
	DL_DELETE(p->endpoints, e);
	free(e);
	session_set_home(s, NULL);
	if (!was_on)
		return;
	if (!local_is_on(p))
		p->user_state = 0;
	p->state_s = local->wall_s(local->wall_arg);
	local_changed(p);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------------ */

/* All contacts are in ~; folders are groups beside it. */
static void seed_list(struct local *local, struct person *p)
{
	const struct world_user *seed = p->seed;

	if (!seed->contact_count && !seed->folder_count)
		return;
	add_group(p, "~", "");
	for (size_t i = 0; i < seed->folder_count; i++)
		add_group(p, seed->folders[i].name, "");
	for (size_t i = 0; i < seed->contact_count; i++) {
		const struct world_contact *c = &seed->contacts[i];
		const struct person *other = &local->persons[c->user - local->world->users];
		struct list_contact *there = local_contact(p, other->uri);
		char *groups = c->folder ? memory_printf("%s %zu", there ? there->groups : "1", c->folder + 1) : memory_str("1");

		if (!there) {
			add_contact(local, p, &(struct home_contact){ .uri = other->uri, .name = c->name ? c->name : other->seed->name,
				.subscribed = true, .groups = groups });
		} else if (c->folder) {
			free(there->groups);
			there->groups = memory_str(groups);
		}
		free(groups);
	}
}

static void make_person(struct local *local, struct person *p, const struct world_user *seed)
{
	char *name = memory_printf("%s@%s", seed->id, local->world->domain);
	struct buf uri = { 0 };

	p->seed = seed;
	p->next_group = 1;
	p->state_s = p->passed_s[PASSED_CARD] = local->wall_s(local->wall_arg);
	if (cwa_uri(name, &uri) < 0)
		bug("user %s makes no URI", seed->id);
	p->uri = bytes_dup(buf_bytes(&uri));
	HASH_ADD_KEYPTR(hh, local->by_uri, p->uri, strlen(p->uri), p);
	buf_free(&uri);
	free(name);
}

static void free_person(struct person *p)
{
	for (size_t i = 0; i < p->group_count; i++)
		free_group(&p->groups[i]);
	for (size_t i = 0; i < p->contact_count; i++)
		free_contact(&p->contacts[i]);
	while (p->member_count)
		local_drop_member(p, p->member_count - 1);
	for (int i = 0; i < PASSED; i++)
		free(p->passed[i]);
	free(p->groups);
	free(p->contacts);
	free(p->members);
	free(p->acknowledged);
	free(p->watchers);
	free(p->note);
	free(p->uri);
}

static void local_free(void *ctx)
{
	struct local *local = ctx;

	HASH_CLEAR(hh, local->by_uri);
	for (size_t i = 0; i < local->world->user_count; i++)
		free_person(&local->persons[i]);
	free(local->persons);
	free(local);
}

struct home *cwa_local_new(struct loop *loop, const struct world *world, uint64_t (*wall_s)(void *arg), void *arg)
{
	struct local *local = memory_new(sizeof *local);

	*local = (struct local){ .loop = loop, .world = world, .wall_s = wall_s, .wall_arg = arg };
	local->home = (struct home){ .says = "its users live here", .ctx = local, .free = local_free, .sign_on = local_sign_on,
		.sign_off = local_sign_off, .activity = local_activity, .change_contact = local_change_contact,
		.change_group = local_change_group, .acknowledge = local_acknowledge, .change_member = local_change_member,
		.publish = local_publish, .query = local_query, .search = local_search, .invite = local_invite, .accept = local_accept, .leave = local_leave,
		.say = local_say, .composing = local_composing, .info = local_info, .invite_more = local_invite_more, .eject = local_eject,
		.promote = local_promote, .lock = local_lock };
	local->persons = memory_new((world->user_count + 1) * sizeof *local->persons);
	for (size_t i = 0; i < world->user_count; i++)
		make_person(local, &local->persons[i], &world->users[i]);
	for (size_t i = 0; i < world->user_count; i++)
		seed_list(local, &local->persons[i]);
	return &local->home;
}
