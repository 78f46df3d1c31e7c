#include "collab/groupwise_lists_private.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/tags.h"

/* --- the copy ------------------------------------------------------------------------------------------------------------- */

static struct folder *folder_by_id(const struct lists *l, const char *id)
{
	struct folder *f;

	DL_FOREACH(l->folders, f) {
		if (strcmp(f->id, id) == 0)
			break;
	}
	return f;
}

struct contact *lists_contact(const struct lists *l, const char *id)
{
	struct contact *c;

	DL_FOREACH(l->contacts, c) {
		if (strcmp(c->id, id) == 0)
			break;
	}
	return c;
}

void lists_drop_contact(struct lists *l, struct contact *c)
{
	DL_DELETE(l->contacts, c);
	free(c->id);
	free(c->parent);
	free(c->sequence);
	free(c->name);
	free(c);
}

/* It goes with what is in it. */
static void drop_folder(struct lists *l, struct folder *f)
{
	struct contact *c, *next;

	DL_FOREACH_SAFE(l->contacts, c, next) {
		if (strcmp(c->parent, f->id) == 0)
			lists_drop_contact(l, c);
	}
	DL_DELETE(l->folders, f);
	free(f->id);
	free(f->name);
	free(f);
}

static void read_folder(struct lists *l, const struct gw_field *item, const char *id)
{
	struct folder *f = folder_by_id(l, id);

	if (item->method == GW_DELETE) {
		if (f)
			f->gone = true;
		return;
	}
	if (!f) {
		f = memory_new(sizeof *f);
		f->id = memory_str(id);
		DL_APPEND(l->folders, f);
	}
	f->gone = false;
	people_set(&f->name, gw_text(item, GW_TAG_DISPLAY_NAME), IM_NAME_MAX);
}

static void read_contact(struct lists *l, const struct gw_field *item, const char *id)
{
	struct contact *c = lists_contact(l, id);
	struct bytes dn = gw_text(item, GW_TAG_DN), parent = gw_text(item, GW_TAG_PARENT_ID);
	struct person *person;

	if (item->method == GW_DELETE) {
		if (c)
			c->gone = true;
		return;
	}
	person = people_add(&l->m->people, gw_find(item, GW_TAG_USER_DETAILS), dn);
	if (!person && c)
		person = c->person;          /* only its place has changed */
	if (!person) {
		log_warning("contact left out dn=%s known=%zu", log_value(dn), l->m->people.count);
		return;
	}
	if (!c) {
		c = memory_new(sizeof *c);
		c->id = memory_str(id);
		DL_APPEND(l->contacts, c);
	}
	c->gone = false;
	c->person = person;
	people_set(&c->parent, parent.len ? parent : bytes_str("0"), ID_MAX);
	people_set(&c->sequence, gw_text(item, GW_TAG_SEQUENCE), ID_MAX);
	people_set(&c->name, gw_text(item, GW_TAG_DISPLAY_NAME), IM_NAME_MAX);
}

static void read_items(struct lists *l, const struct gw_field *contact_list, bool going)
{
	for (const struct gw_field *item = contact_list ? contact_list->first : NULL; item; item = item->next) {
		char id[ID_MAX + 1];

		if (!gw_is_array(item) || !bytes_copy_str(gw_text(item, GW_TAG_OBJECT_ID), id, sizeof id) || !id[0])
			continue;
		if ((item->method == GW_DELETE) != going)
			continue;
		if (bytes_is(item->tag, GW_TAG_FOLDER))
			read_folder(l, item, id);
		else if (bytes_is(item->tag, GW_TAG_CONTACT))
			read_contact(l, item, id);
	}
}

/* The whole list, or a list of differences. What moves goes and comes under one id, in whatever order the server names it, and a
 * folder that only has another place among the others keeps what is in it. */
void lists_read(struct lists *l, const struct gw_field *contact_list)
{
	struct contact *c, *next_contact;
	struct folder *f, *next_folder;

	read_items(l, contact_list, true);
	read_items(l, contact_list, false);
	DL_FOREACH_SAFE(l->contacts, c, next_contact) {
		if (c->gone)
			lists_drop_contact(l, c);
	}
	DL_FOREACH_SAFE(l->folders, f, next_folder) {
		if (f->gone)
			drop_folder(l, f);
	}
}

static void hear_availability(struct lists *l, const struct gw_field *item)
{
	const struct gw_field *details = gw_find(item, GW_TAG_USER_DETAILS);
	struct person *person = people_by_dn(&l->m->people, gw_text(item, GW_TAG_DN));
	struct bytes text = gw_text(details, GW_TAG_MESSAGE_BODY);
	uint32_t presence;

	if (!person || !person->is_contact || !gw_number(gw_find(details, GW_TAG_STATUS), &presence) ||
	    (presence == person->presence && bytes_is(text, person->text)))
		return;
	person_set_presence(person, presence, text);
	l->m->events.presence(l->m->ctx, bytes_str(person->user), person->presence, bytes_str(person->text));
}

void lists_renew(struct lists *l, const struct gw_field *contact_list)
{
	for (const struct gw_field *item = gw_find(contact_list, GW_TAG_CONTACT); item; item = gw_find_next(item))
		hear_availability(l, item);
	while (l->contacts)
		lists_drop_contact(l, l->contacts);
	while (l->folders)
		drop_folder(l, l->folders);
	lists_read(l, contact_list);
}

bool lists_is_changing(const struct lists *l)
{
	return l->changes;
}

struct lists *lists_new(struct messenger *m)
{
	struct lists *l = memory_new(sizeof *l);

	l->m = m;
	return l;
}

void lists_free(struct lists **lists)
{
	struct lists *l = *lists;

	if (!l)
		return;
	lists_free_changes(l);
	while (l->contacts)
		lists_drop_contact(l, l->contacts);
	while (l->folders)
		drop_folder(l, l->folders);
	free(l);
	*lists = NULL;
}

/* --- what the device is shown --------------------------------------------------------------------------------------------- */

static void tell(struct lists *l, const struct person *p, enum im_contact_action action)
{
	struct im_contact_event event = { .action = action, .user = bytes_str(p->user), .name = bytes_str(p->name),
		.folder = bytes_str(p->folder), .presence = p->presence, .text = bytes_str(p->text) };

	l->m->events.contact(l->m->ctx, &event);
}

static void show_contact(struct lists *l, struct person *p, const struct contact *c, bool says)
{
	const struct folder *folder = folder_by_id(l, c->parent);
	const char *name = c->name[0] ? c->name : p->full_name, *folder_name = folder ? folder->name : "";
	bool renamed = strcmp(p->name, name) != 0, moved = strcmp(p->folder, folder_name) != 0, is_new = !p->is_contact;

	people_set(&p->name, bytes_str(name), IM_NAME_MAX);
	people_set(&p->folder, bytes_str(folder_name), IM_NAME_MAX);
	p->is_contact = true;
	if (says && is_new)
		tell(l, p, IM_CONTACT_ADD);
	if (says && !is_new && renamed)
		tell(l, p, IM_CONTACT_RENAME);
	if (says && !is_new && moved)
		tell(l, p, IM_CONTACT_MOVE);
}

void lists_show(struct lists *l, bool says)
{
	struct contact *c;

	for (struct person *p = l->m->people.first; p; p = p->next)
		p->contact = NULL;
	DL_FOREACH(l->contacts, c) {
		if (!c->person->contact)
			c->person->contact = c;
	}
	for (struct person *p = l->m->people.first; p; p = p->next) {
		if (p->contact) {
			show_contact(l, p, p->contact, says);
		} else if (p->is_contact) {
			p->is_contact = false;
			people_set(&p->folder, (struct bytes){ 0 }, 0);
			if (says)
				tell(l, p, IM_CONTACT_REMOVE);
		}
	}
}
