/* The contact list: as the Communications Server tells it, and the SOAP commands that change it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/cwa/cwa_uplink_state.h"

/* --- the list ------------------------------------------------------------------------------------------------------------------------ */

void contacts_forget(struct endpoint *e)
{
	xml_form_clear(&sip_contact_list_form, &e->contacts);
}

static struct sip_contact *contact_find(const struct endpoint *e, const char *uri)
{
	for (size_t i = 0; i < e->contacts.contact_count; i++)
		if (strcmp(e->contacts.contacts[i].uri, uri) == 0)
			return &e->contacts.contacts[i];
	return NULL;
}

static struct sip_group *group_find(const struct endpoint *e, uint32_t id)
{
	for (size_t i = 0; i < e->contacts.group_count; i++)
		if (e->contacts.groups[i].id == id)
			return &e->contacts.groups[i];
	return NULL;
}

static struct home_contact contact_out(const struct sip_contact *c, enum home_change change)
{
	return (struct home_contact){ .uri = c->uri, .name = c->name ? c->name : "", .subscribed = c->subscribed,
		.tag = c->tag && strcmp(c->tag, "true") == 0, .groups = c->groups ? c->groups : "", .change = change };
}

static struct home_group group_out(const struct sip_group *g, enum home_change change)
{
	return (struct home_group){ .id = g->id, .name = g->name ? g->name : "", .external_uri = g->external_uri ? g->external_uri : "",
		.change = change };
}

/* Addresses as they are with us. What is none stays as it is: it is nobody's. */
static void normalise(struct sip_contact *contacts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *uri = uplink_uri(contacts[i].uri);

		if (!uri)
			continue;
		free(contacts[i].uri);
		contacts[i].uri = uri;
	}
}

static void watch_contacts(struct endpoint *e)
{
	for (size_t i = 0; i < e->contacts.contact_count; i++)
		presence_of_contact(e, e->contacts.contacts[i].uri, e->contacts.contacts[i].subscribed, false);
}

static void tell_list(struct endpoint *e)
{
	const struct sip_contact_list *list = &e->contacts;
	struct home_group *groups = memory_new((list->group_count + 1) * sizeof *groups);
	struct home_contact *contacts = memory_new((list->contact_count + 1) * sizeof *contacts);

	for (size_t i = 0; i < list->group_count; i++)
		groups[i] = group_out(&list->groups[i], HOME_ADDED);
	for (size_t i = 0; i < list->contact_count; i++)
		contacts[i] = contact_out(&list->contacts[i], HOME_ADDED);
	front_contacts(e->session, &(struct home_contacts){ .full = true, .number = list->delta, .groups = groups,
		.group_count = list->group_count, .contacts = contacts, .contact_count = list->contact_count });
	free(groups);
	free(contacts);
}

static int take_list(struct endpoint *e, struct bytes body)
{
	struct sip_contact_list list;
	bool is_news;

	if (xml_form_read(body, &sip_contact_list_form, &list, NULL) < 0)
		return -1;
	is_news = e->list_due || list.delta != e->contacts.delta;
	contacts_forget(e);
	e->contacts = list;
	normalise(e->contacts.contacts, e->contacts.contact_count);
	watch_contacts(e);
	if (is_news)
		tell_list(e);
	if (is_news && e->step == STEP_READY)
		(void)presence_ask(e);
	e->list_due = false;
	return 0;
}

/* --- changes that are told -------------------------------------------------------------------------------------------------------------- */

static void replace(char **into, const char *text)
{
	free(*into);
	*into = memory_str(text);
}

static void put_contact(struct endpoint *e, const struct sip_contact *c)
{
	struct sip_contact_list *list = &e->contacts;
	struct sip_contact *into = contact_find(e, c->uri);
	bool is_new = !into;

	if (is_new) {
		if (list->contact_count == SIP_CONTACTS_MAX)
			return;
		list->contacts = memory_resize(list->contacts, (list->contact_count + 1) * sizeof *list->contacts);
		into = &list->contacts[list->contact_count++];
		*into = (struct sip_contact){ .uri = memory_str(c->uri) };
	}
	replace(&into->name, c->name);
	replace(&into->groups, c->groups);
	replace(&into->external_uri, c->external_uri);
	replace(&into->tag, c->tag);
	into->subscribed = c->subscribed;
	presence_of_contact(e, into->uri, into->subscribed, is_new);
}

static void drop_contact(struct endpoint *e, const char *uri)
{
	struct sip_contact *c = contact_find(e, uri);
	size_t at;

	if (!c)
		return;
	at = (size_t)(c - e->contacts.contacts);
	presence_of_contact(e, uri, false, false);
	free(c->uri);
	free(c->name);
	free(c->groups);
	free(c->external_uri);
	free(c->tag);
	memmove(c, c + 1, (--e->contacts.contact_count - at) * sizeof *c);
}

static void put_group(struct endpoint *e, const struct sip_group *g)
{
	struct sip_contact_list *list = &e->contacts;
	struct sip_group *into = group_find(e, g->id);

	if (!into) {
		if (list->group_count == SIP_GROUPS_MAX)
			return;
		list->groups = memory_resize(list->groups, (list->group_count + 1) * sizeof *list->groups);
		into = &list->groups[list->group_count++];
		*into = (struct sip_group){ .id = g->id };
	}
	replace(&into->name, g->name);
	replace(&into->external_uri, g->external_uri);
}

static void drop_group(struct endpoint *e, uint32_t id)
{
	struct sip_group *g = group_find(e, id);
	size_t at;

	if (!g)
		return;
	at = (size_t)(g - e->contacts.groups);
	free(g->name);
	free(g->external_uri);
	memmove(g, g + 1, (--e->contacts.group_count - at) * sizeof *g);
}

static void tell_delta(struct endpoint *e, const struct sip_contact_delta *d)
{
	size_t group_max = d->added_group_count + d->modified_group_count + d->deleted_group_count;
	size_t contact_max = d->added_count + d->modified_count + d->deleted_count;
	struct home_group *groups = memory_new((group_max + 1) * sizeof *groups);
	struct home_contact *contacts = memory_new((contact_max + 1) * sizeof *contacts);
	struct home_contacts list = { .number = d->delta, .groups = groups, .contacts = contacts };

	for (size_t i = 0; i < d->added_group_count; i++)
		groups[list.group_count++] = group_out(&d->added_groups[i], HOME_ADDED);
	for (size_t i = 0; i < d->modified_group_count; i++)
		groups[list.group_count++] = group_out(&d->modified_groups[i], HOME_UPDATED);
	for (size_t i = 0; i < d->deleted_group_count; i++) {
		const struct sip_group *g = group_find(e, d->deleted_groups[i].id);

		groups[list.group_count++] = g ? group_out(g, HOME_DELETED) : (struct home_group){ .id = d->deleted_groups[i].id, .name = "",
			.external_uri = "", .change = HOME_DELETED };
	}
	for (size_t i = 0; i < d->added_count; i++)
		contacts[list.contact_count++] = contact_out(&d->added[i], HOME_ADDED);
	for (size_t i = 0; i < d->modified_count; i++)
		contacts[list.contact_count++] = contact_out(&d->modified[i], HOME_UPDATED);
	for (size_t i = 0; i < d->deleted_count; i++) {
		const struct sip_contact *c = contact_find(e, d->deleted[i].uri);

		contacts[list.contact_count++] = c ? contact_out(c, HOME_DELETED) : (struct home_contact){ .uri = d->deleted[i].uri, .name = "",
			.groups = "", .change = HOME_DELETED };
	}
	front_contacts(e->session, &list);
	free(groups);
	free(contacts);
}

static void apply(struct endpoint *e, const struct sip_contact_delta *d)
{
	for (size_t i = 0; i < d->added_group_count; i++)
		put_group(e, &d->added_groups[i]);
	for (size_t i = 0; i < d->modified_group_count; i++)
		put_group(e, &d->modified_groups[i]);
	for (size_t i = 0; i < d->deleted_group_count; i++)
		drop_group(e, d->deleted_groups[i].id);
	for (size_t i = 0; i < d->added_count; i++)
		put_contact(e, &d->added[i]);
	for (size_t i = 0; i < d->modified_count; i++)
		put_contact(e, &d->modified[i]);
	for (size_t i = 0; i < d->deleted_count; i++)
		drop_contact(e, d->deleted[i].uri);
	e->contacts.delta = d->delta;
}

static void normalise_gone(struct sip_gone_contact *gone, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *uri = uplink_uri(gone[i].uri);

		if (!uri)
			continue;
		free(gone[i].uri);
		gone[i].uri = uri;
	}
}

static int take_delta(struct endpoint *e, struct bytes body)
{
	struct sip_contact_delta delta;

	if (xml_form_read(body, &sip_contact_delta_form, &delta, NULL) < 0)
		return -1;
	if (delta.previous != e->contacts.delta) {
		/* A change was missed: the whole list tells. */
		subscription_again(e, SUBSCRIBED_CONTACTS, (struct bytes){ 0 }, NULL);
	} else {
		normalise(delta.added, delta.added_count);
		normalise(delta.modified, delta.modified_count);
		normalise_gone(delta.deleted, delta.deleted_count);
		tell_delta(e, &delta);
		apply(e, &delta);
		if (e->step == STEP_READY)
			(void)presence_ask(e);
	}
	xml_form_clear(&sip_contact_delta_form, &delta);
	return 0;
}

int contacts_take(struct endpoint *e, struct bytes body)
{
	return take_list(e, body) < 0 ? take_delta(e, body) : 0;
}

/* --- changes that are asked for ----------------------------------------------------------------------------------------------------------- */

/* Either a contact or a group; texts are ours. */
struct change {
	enum home_change change;
	bool of_group;
	uint32_t id;
	char *uri, *name, *groups, *external_uri;
	bool subscribed, tag;
};

static void change_free(void *what)
{
	struct change *c = what;

	free(c->uri);
	free(c->name);
	free(c->groups);
	free(c->external_uri);
	free(c);
}

static void write_change(struct endpoint *e, const void *what, struct buf *out)
{
	const struct change *c = what;
	uint32_t delta = e->contacts.delta;
	static char yes[] = "true", no[] = "false";
	struct sip_set_contact set = { c->name, c->groups, c->subscribed, c->uri, c->external_uri, delta, c->tag ? yes : no };
	struct sip_delete_contact gone = { c->uri, delta };
	struct sip_add_group add = { .name = c->name, .external_uri = c->external_uri, .delta = delta };
	struct sip_modify_group modify = { c->id, c->name, c->external_uri, delta };
	struct sip_delete_group group_gone = { c->id, delta };
	struct sip_soap_body body = { 0 };
	struct sip_soap soap = { &body };

	if (!c->of_group && c->change == HOME_DELETED)
		body.delete_contact = &gone;
	else if (!c->of_group)
		body.set_contact = &set;
	else if (c->change == HOME_ADDED)
		body.add_group = &add;
	else if (c->change == HOME_UPDATED)
		body.modify_group = &modify;
	else
		body.delete_group = &group_gone;
	xml_form_write(&sip_soap_form, &soap, out);
}

static const struct job_kind change_kind = { .content_type = SIP_TYPE_SOAP, .news = SUBSCRIBED_CONTACTS, .write = write_change,
	.free = change_free };

static void refuse(struct session *s, const char *rid, const char *why)
{
	home_done(s, rid, &(struct outcome){ .code = CWA_INVALID_OPERATION, .detail = why });
}

static bool groups_are_there(const struct endpoint *e, const char *groups)
{
	while (*groups) {
		size_t len = strcspn(groups, " ");

		if (!group_find(e, (uint32_t)strtoul(groups, NULL, 10)))
			return false;
		groups += len + (groups[len] == ' ');
	}
	return true;
}

void uplink_change_contact(void *ctx, struct session *s, const char *rid, const struct home_contact *given)
{
	struct endpoint *e = session_home(s);
	const struct sip_contact *known = contact_find(e, given->uri);
	struct change *c;

	(void)ctx;
	if (given->change != HOME_ADDED && !known) {
		refuse(s, rid, "there is no such contact");
		return;
	}
	if (!groups_are_there(e, given->groups)) {
		refuse(s, rid, "there is no such group");
		return;
	}
	c = memory_new(sizeof *c);
	*c = (struct change){ .change = given->change, .uri = memory_str(given->uri), .name = memory_str(given->name),
		.groups = memory_str(given->groups), .external_uri = memory_str(known && known->external_uri ? known->external_uri : ""),
		.subscribed = given->subscribed, .tag = given->tag };
	job_add(e, &change_kind, c, rid, false);
}

static bool name_is_taken(const struct endpoint *e, const char *name, uint32_t but)
{
	for (size_t i = 0; i < e->contacts.group_count; i++)
		if (e->contacts.groups[i].id != but && e->contacts.groups[i].name && strcasecmp(e->contacts.groups[i].name, name) == 0)
			return true;
	return false;
}

void uplink_change_group(void *ctx, struct session *s, const char *rid, const struct home_group *given)
{
	struct endpoint *e = session_home(s);
	const struct sip_group *known = given->change == HOME_ADDED ? NULL : group_find(e, given->id);
	struct change *c;

	(void)ctx;
	if (given->change != HOME_ADDED && !known) {
		refuse(s, rid, "there is no such group");
	} else if (given->change != HOME_DELETED && name_is_taken(e, given->name, known ? known->id : 0)) {
		refuse(s, rid, "another group has that name");
	} else if (known && known->name && strcmp(known->name, "~") == 0) {
		refuse(s, rid, "the group ~ stays as it is");
	} else {
		c = memory_new(sizeof *c);
		*c = (struct change){ .change = given->change, .of_group = true, .id = given->id, .name = memory_str(given->name),
			.external_uri = memory_str(given->change == HOME_UPDATED && known->external_uri ? known->external_uri : given->external_uri) };
		job_add(e, &change_kind, c, rid, false);
	}
}
