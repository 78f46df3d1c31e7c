#include "collab/cwa_people.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/cwa/codes.h"

enum { GROUPS_TEXT_MAX = 1024 };      /* of one contact; ours */

void cwa_people_set(char **into, const char *text)
{
	if (*into && strcmp(*into, text) == 0)
		return;
	free(*into);
	*into = memory_str(text);
}

static char *cut(const char *text, size_t max)
{
	return bytes_dup(utf8_cut(bytes_str(text), max));
}

void cwa_people_init(struct cwa_people *people)
{
	*people = (struct cwa_people){ .own_uri = memory_str(""), .domain = memory_str("") };
}

void cwa_people_own(struct cwa_people *people, const char *uri)
{
	struct buf clean = { 0 };
	const char *at;

	if (cwa_uri(uri, &clean) == 0) {
		cwa_people_set(&people->own_uri, buf_cstr(&clean));
		at = strchr(people->own_uri, '@');
		cwa_people_set(&people->domain, at ? at + 1 : "");
	}
	buf_free(&clean);
}

/* --- one of them ------------------------------------------------------------------------------------------------------------------------ */

char *cwa_people_user_of(const struct cwa_people *people, const char *uri)
{
	const char *address = uri + strlen("sip:"), *at = strchr(address, '@');

	if (at && *people->domain && strcmp(at + 1, people->domain) == 0)
		return bytes_dup(bytes_of(address, (size_t)(at - address)));
	return cut(address, IM_USER_MAX);
}

static void name_person(struct cwa_person *p)
{
	cwa_people_set(&p->name, p->is_contact && *p->listed_as ? p->listed_as : *p->called ? p->called : p->user);
}

void cwa_person_called(struct cwa_person *p, const char *name)
{
	free(p->called);
	p->called = cut(name, IM_NAME_MAX);
	name_person(p);
}

static struct cwa_person *find(const struct cwa_people *people, const char *uri)
{
	struct cwa_person *p;

	for (p = people->first; p; p = p->next)
		if (strcmp(p->uri, uri) == 0)
			break;
	return p;
}

static struct cwa_person *add(struct cwa_people *people, const char *uri)
{
	struct cwa_person *p = memory_new(sizeof *p);

	p->uri = memory_str(uri);
	p->user = cwa_people_user_of(people, uri);
	p->name = memory_str(p->user);
	p->listed_as = memory_str("");
	p->called = memory_str("");
	p->folder = memory_str("");
	p->text = memory_str("");
	p->groups = memory_str("");
	p->shown.name = memory_str("");
	p->shown.folder = memory_str("");
	if (people->last)
		people->last->next = p;
	else
		people->first = p;
	people->last = p;
	people->count++;
	return p;
}

struct cwa_person *cwa_people_uri(struct cwa_people *people, const char *uri)
{
	struct buf clean = { 0 };
	struct cwa_person *p = NULL;

	if (cwa_uri(uri, &clean) == 0) {
		p = find(people, buf_cstr(&clean));
		if (!p && people->count < CWA_PEOPLE_MAX)
			p = add(people, buf_cstr(&clean));
	}
	buf_free(&clean);
	return p;
}

struct cwa_person *cwa_people_known(const struct cwa_people *people, const char *uri)
{
	struct buf clean = { 0 };
	struct cwa_person *p = cwa_uri(uri, &clean) == 0 ? find(people, buf_cstr(&clean)) : NULL;

	buf_free(&clean);
	return p;
}

char *cwa_people_uri_of(const struct cwa_people *people, struct bytes user)
{
	char text[IM_USER_MAX + 1], *whole = NULL, *uri = NULL;
	struct buf clean = { 0 };

	if (!bytes_copy_str(user, text, sizeof text))
		return NULL;
	if (!strchr(text, '@'))
		whole = memory_printf("sip:%s@%s", text, people->domain);
	if (cwa_uri(whole ? whole : text, &clean) == 0)
		uri = bytes_dup(buf_bytes(&clean));
	free(whole);
	buf_free(&clean);
	return uri;
}

struct cwa_person *cwa_people_user(struct cwa_people *people, struct bytes user)
{
	char *uri = cwa_people_uri_of(people, user);
	struct cwa_person *p = uri ? cwa_people_uri(people, uri) : NULL;

	free(uri);
	return p;
}

/* --- groups ------------------------------------------------------------------------------------------------------------------------------- */

static struct cwa_group *group_of(const struct cwa_people *people, uint64_t id)
{
	for (size_t i = 0; i < people->group_count; i++)
		if (people->groups[i].id == id)
			return &people->groups[i];
	return NULL;
}

const struct cwa_group *cwa_people_group(const struct cwa_people *people, uint64_t id)
{
	return group_of(people, id);
}

const struct cwa_group *cwa_people_folder(const struct cwa_people *people, struct bytes name)
{
	for (size_t i = 0; i < people->group_count; i++)
		if (strlen(people->groups[i].name) == name.len && strncasecmp(people->groups[i].name, (const char *)name.data, name.len) == 0)
			return &people->groups[i];
	return NULL;
}

static void drop_group(struct cwa_people *people, struct cwa_group *g)
{
	free(g->name);
	*g = people->groups[--people->group_count];
}

static void read_group(struct cwa_people *people, const struct cwa_node *node)
{
	const char *name = cwa_attribute(node, "name"), *action = cwa_attribute(node, "action");
	struct cwa_group *g;
	uint64_t id;

	if (!cwa_number(cwa_attribute(node, "id"), INT64_MAX, &id))
		return;
	g = group_of(people, id);
	if (action && strcmp(action, "deleted") == 0) {
		if (g)
			drop_group(people, g);
		return;
	}
	if (!g) {
		if (people->group_count == CWA_GROUPS_MAX)
			return;
		if ((people->group_count & (people->group_count - 1)) == 0)
			people->groups = memory_resize(people->groups, (people->group_count ? people->group_count * 2 : 1) * sizeof *g);
		g = &people->groups[people->group_count++];
		*g = (struct cwa_group){ .id = id };
	}
	free(g->name);
	g->name = cut(name ? name : "", IM_NAME_MAX);
}

/* The device shows a contact in one folder: the first of its groups that is one. */
static const char *folder_of(const struct cwa_people *people, const char *groups)
{
	while (*groups) {
		size_t len = strcspn(groups, " ");
		const struct cwa_group *g = group_of(people, strtoull(groups, NULL, 10));

		if (len && g && strcmp(g->name, CWA_GROUP_ALL) != 0)
			return g->name;
		groups += len + (groups[len] == ' ');
	}
	return "";
}

/* --- contacts ------------------------------------------------------------------------------------------------------------------------------- */

static void read_contact(struct cwa_people *people, const struct cwa_node *node)
{
	const char *action = cwa_attribute(node, "action"), *name = cwa_attribute(node, "name"), *groups = cwa_attribute(node, "groups");
	const char *subscribed = cwa_attribute(node, "subscribed");
	bool deleted = action && strcmp(action, "deleted") == 0;
	const char *uri = cwa_attribute(node, "uri");
	struct cwa_person *p = deleted ? cwa_people_known(people, uri) : cwa_people_uri(people, uri);

	if (!p)
		return;
	p->is_contact = !deleted;
	if (p->is_contact) {
		free(p->listed_as);
		p->listed_as = cut(name ? name : "", IM_NAME_MAX);
	}
	name_person(p);
	if (!p->is_contact)
		return;
	free(p->groups);
	p->groups = cut(groups ? groups : "", GROUPS_TEXT_MAX);
	p->tag = cwa_true(cwa_attribute(node, "tag"));
	p->subscribed = !subscribed || cwa_true(subscribed);
}

static void forget_list(struct cwa_people *people)
{
	for (struct cwa_person *p = people->first; p; p = p->next)
		p->is_contact = false;
	while (people->group_count)
		drop_group(people, people->groups);
}

void cwa_people_read(struct cwa_people *people, const struct cwa_node *event)
{
	if (cwa_true(cwa_attribute(event, "fullList")))
		forget_list(people);
	for (const struct cwa_node *node = event->first; node; node = node->next) {
		if (cwa_is(node, "group"))
			read_group(people, node);
		else if (cwa_is(node, "contact"))
			read_contact(people, node);
	}
	for (struct cwa_person *p = people->first; p; p = p->next)
		cwa_people_set(&p->folder, p->is_contact ? folder_of(people, p->groups) : "");
}

static void tell(struct cwa_person *p, enum im_contact_action action, cwa_people_told *told, void *ctx)
{
	struct im_contact_event event = { .action = action, .user = bytes_str(p->user), .name = bytes_str(p->name),
		.folder = bytes_str(p->folder), .presence = p->presence, .text = bytes_str(p->text) };

	if (told)
		told(ctx, &event);
}

void cwa_people_changes(struct cwa_people *people, cwa_people_told *told, void *ctx)
{
	for (struct cwa_person *p = people->first; p; p = p->next) {
		if (!p->is_contact && !p->shown.is_contact)
			continue;
		if (!p->is_contact) {
			tell(p, IM_CONTACT_REMOVE, told, ctx);
		} else if (!p->shown.is_contact) {
			tell(p, IM_CONTACT_ADD, told, ctx);
		} else {
			if (strcmp(p->shown.name, p->name) != 0)
				tell(p, IM_CONTACT_RENAME, told, ctx);
			if (strcmp(p->shown.folder, p->folder) != 0)
				tell(p, IM_CONTACT_MOVE, told, ctx);
		}
		p->shown.is_contact = p->is_contact;
		cwa_people_set(&p->shown.name, p->name);
		cwa_people_set(&p->shown.folder, p->folder);
	}
}

void cwa_people_free(struct cwa_people *people)
{
	struct cwa_person *p, *next;

	for (p = people->first; p; p = next) {
		next = p->next;
		free(p->uri);
		free(p->user);
		free(p->name);
		free(p->listed_as);
		free(p->called);
		free(p->folder);
		free(p->text);
		free(p->groups);
		free(p->shown.name);
		free(p->shown.folder);
		free(p);
	}
	while (people->group_count)
		drop_group(people, people->groups);
	free(people->groups);
	free(people->own_uri);
	free(people->domain);
	*people = (struct cwa_people){ 0 };
}
