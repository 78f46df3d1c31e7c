/* Changes of the contact list that the device asks for: each is one or more requests, and the next begins when the one before is answered. */
#include "collab/groupwise_lists_private.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "protocol/groupwise/tags.h"

enum step { MAKE_FOLDER = 1, MAKE_CONTACT = 2, GET_DETAILS = 4, GET_STATUS = 8, RENAME = 16, MOVE = 32, DELETE = 64 };

struct change {
	struct change *prev, *next;
	struct lists *lists;
	uint32_t ref, action;
	char *user, *name, *folder;
	struct person *person;       /* whom it is about, once that is known */
	enum step step;              /* the request that is on its way */
	unsigned taken;              /* steps taken so far */
	char target[ID_MAX + 1];     /* the contact that the last step is about */
};

static void free_change(struct change *change)
{
	DL_DELETE(change->lists->changes, change);
	change->lists->change_count--;
	free(change->user);
	free(change->name);
	free(change->folder);
	free(change);
}

void lists_free_changes(struct lists *l)
{
	while (l->changes)
		free_change(l->changes);
}

static void go_on(struct change *change);

static void finish(struct change *change, uint32_t code, const char *text)
{
	struct lists *l = change->lists;
	uint32_t ref = change->ref;

	free_change(change);
	/* Also after a refusal: a folder may have been made before. */
	lists_show(l, true);
	l->m->events.done(l->m->ctx, ref, code, text);
	if (l->changes)
		go_on(l->changes);
}

static const char *folder_id(const struct change *change)
{
	const struct folder *f;

	if (!change->folder[0])
		return "0";
	DL_FOREACH(change->lists->folders, f) {
		if (strcmp(f->name, change->folder) == 0)
			return f->id;
	}
	return NULL;
}

static struct contact *contact_of(const struct change *change)
{
	struct contact *c;

	DL_FOREACH(change->lists->contacts, c) {
		if (c->person == change->person)
			break;
	}
	return c;
}

/* A rename has no differences in its answer, and a server may leave out those of the others: what was accepted is done. */
static void note_done(struct change *change)
{
	struct contact *c = lists_contact(change->lists, change->target);
	const char *to = folder_id(change);

	if (!c)
		return;
	if (change->step == RENAME)
		people_set(&c->name, bytes_str(change->name), IM_NAME_MAX);
	else if (change->step == MOVE && to)
		people_set(&c->parent, bytes_str(to), ID_MAX);
	else if (change->step == DELETE)
		lists_drop_contact(change->lists, c);
}

static void note_answer(struct change *change, const struct gw_field *fields)
{
	const struct gw_field *results = gw_find(fields, GW_TAG_RESULTS);
	struct lists *l = change->lists;
	char id[ID_MAX + 1];
	uint32_t status;

	if (change->step == GET_DETAILS) {
		people_add(&l->m->people, results, bytes_str(change->person->dn));
	} else if (change->step == GET_STATUS) {
		if (gw_number(gw_find(fields, GW_TAG_STATUS), &status))
			person_set_presence(change->person, status, bytes_str(change->person->text));
	} else {
		lists_read(l, gw_find(results, GW_TAG_CONTACT_LIST));
		note_done(change);
	}
	if (change->step == MAKE_CONTACT) {
		const struct contact *c = bytes_copy_str(gw_text(results, GW_TAG_OBJECT_ID), id, sizeof id) ? lists_contact(l, id) : NULL;

		change->person = c ? c->person : people_by_name(&l->m->people, bytes_str(change->user));
		if (!contact_of(change))
			change->person = NULL;
	}
}

static void step_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct change *change = arg;
	struct refusal refusal;

	(void)ctx;
	if (!answer)
		return;                      /* it goes with the lists */
	refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);
	/* The contact stands though nothing more is known of him. */
	if (refusal.code != IM_OK && change->step != GET_DETAILS && change->step != GET_STATUS) {
		finish(change, refusal.code, refusal.text);
		return;
	}
	if (refusal.code == IM_OK)
		note_answer(change, fields);
	go_on(change);
}

static void take_step(struct change *change, enum step step, const char *command)
{
	struct messenger *m = change->lists->m;

	change->step = step;
	change->taken |= step;
	if (!groupwise_link_request(m->link, command, NULL, &m->fields, step_answered, change))
		finish(change, IM_BACKEND_REFUSED, MESSENGER_FULL);
}

static void write_contact(struct gw_tree *fields, struct gw_field *list, enum gw_method method, const struct contact *c, const char *name)
{
	struct gw_field *item = gw_add_array(fields, list, GW_TAG_CONTACT);

	item->method = (uint8_t)method;
	gw_add_str(fields, item, GW_TAG_OBJECT_ID, c->id);
	gw_add_str(fields, item, GW_TAG_PARENT_ID, c->parent);
	gw_add_str(fields, item, GW_TAG_SEQUENCE, c->sequence);
	gw_add_str(fields, item, GW_TAG_DISPLAY_NAME, name);
	gw_add_str(fields, item, GW_TAG_DN, c->person->dn);
}

static void make_folder(struct change *change)
{
	struct gw_tree *fields = &change->lists->m->fields;

	if (change->taken & MAKE_FOLDER) {
		finish(change, IM_BACKEND_REFUSED, "it answered createfolder without the folder");
		return;
	}
	gw_tree_clear(fields);
	gw_add_str(fields, NULL, GW_TAG_PARENT_ID, "0");
	gw_add_str(fields, NULL, GW_TAG_DISPLAY_NAME, change->folder);
	gw_add_str(fields, NULL, GW_TAG_SEQUENCE, "-1");
	take_step(change, MAKE_FOLDER, "createfolder");
}

static void make_contact(struct change *change)
{
	struct gw_tree *fields = &change->lists->m->fields;
	const struct person *known = people_by_name(&change->lists->m->people, bytes_str(change->user));

	gw_tree_clear(fields);
	gw_add_str(fields, NULL, GW_TAG_PARENT_ID, folder_id(change));
	gw_add_str(fields, NULL, GW_TAG_USERID, known ? known->dn : change->user);
	/* An empty name is refused by real servers; without one they take the full name. Source: code. */
	if (change->name[0])
		gw_add_str(fields, NULL, GW_TAG_DISPLAY_NAME, change->name);
	take_step(change, MAKE_CONTACT, "createcontact");
}

static void ask_about(struct change *change, enum step step, const char *command)
{
	struct gw_tree *fields = &change->lists->m->fields;

	gw_tree_clear(fields);
	gw_add_str(fields, NULL, GW_TAG_DN, change->person->dn);
	take_step(change, step, command);
}

static void add(struct change *change)
{
	if (!(change->taken & MAKE_CONTACT)) {
		if (folder_id(change))
			make_contact(change);
		else
			make_folder(change);
		return;
	}
	if (!change->person)
		finish(change, IM_BACKEND_REFUSED, "it answered createcontact without the contact");
	else if (!change->person->is_detailed && !(change->taken & GET_DETAILS))
		ask_about(change, GET_DETAILS, "getdetails");
	else if (change->person->presence == IM_UNKNOWN && !(change->taken & GET_STATUS))
		ask_about(change, GET_STATUS, "getstatus");
	else
		finish(change, IM_OK, "");
}

static void aim(struct change *change, const struct contact *c)
{
	memcpy(change->target, c->id, strlen(c->id) + 1);
}

static void rename_contact(struct change *change, const struct contact *c)
{
	struct gw_tree *fields = &change->lists->m->fields;
	struct gw_field *list;

	if (strcmp(c->name, change->name) == 0) {
		finish(change, IM_OK, "");
		return;
	}
	if (!change->name[0]) {
		finish(change, IM_BACKEND_REFUSED, "a contact needs a name");
		return;
	}
	aim(change, c);
	gw_tree_clear(fields);
	list = gw_add_array(fields, NULL, GW_TAG_CONTACT_LIST);
	write_contact(fields, list, GW_DELETE, c, c->name);
	write_contact(fields, list, GW_ADD, c, change->name);
	take_step(change, RENAME, "updateitem");
}

static void move_contact(struct change *change, const struct contact *c)
{
	struct gw_tree *fields = &change->lists->m->fields;
	const char *to = folder_id(change);

	if (!to) {
		make_folder(change);
		return;
	}
	if (strcmp(c->parent, to) == 0 || (change->taken & MOVE)) {
		finish(change, IM_OK, "");
		return;
	}
	aim(change, c);
	gw_tree_clear(fields);
	write_contact(fields, gw_add_array(fields, NULL, GW_TAG_CONTACT_LIST), GW_DELETE, c, c->name);
	gw_add_str(fields, NULL, GW_TAG_SEQUENCE, "-1");
	gw_add_str(fields, NULL, GW_TAG_PARENT_ID, to);
	take_step(change, MOVE, "movecontact");
}

/* Out of every folder. */
static void delete_contact(struct change *change, const struct contact *c)
{
	struct gw_tree *fields = &change->lists->m->fields;

	aim(change, c);
	gw_tree_clear(fields);
	gw_add_str(fields, NULL, GW_TAG_PARENT_ID, c->parent);
	gw_add_str(fields, NULL, GW_TAG_OBJECT_ID, c->id);
	take_step(change, DELETE, "deletecontact");
}

/* Takes the next step that is missing, or finishes. */
static void go_on(struct change *change)
{
	const struct contact *c;

	if (change->action == IM_CONTACT_ADD) {
		add(change);
		return;
	}
	if (!change->person)
		change->person = people_by_name(&change->lists->m->people, bytes_str(change->user));
	c = change->person ? contact_of(change) : NULL;
	if (!c && (change->taken & DELETE))
		finish(change, IM_OK, "");
	else if (!c)
		finish(change, IM_BACKEND_REFUSED, "no such contact");
	else if (change->action == IM_CONTACT_RENAME)
		rename_contact(change, c);
	else if (change->action == IM_CONTACT_MOVE)
		move_contact(change, c);
	else
		delete_contact(change, c);
}

void lists_change(struct lists *l, uint32_t ref, const struct im_contact_change *message)
{
	struct change *change;

	if (message->action < IM_CONTACT_ADD || message->action > IM_CONTACT_REMOVE || !message->user.len) {
		l->m->events.done(l->m->ctx, ref, IM_BACKEND_REFUSED, "no such change");
		return;
	}
	if (l->change_count >= LISTS_CHANGES_MAX) {
		l->m->events.done(l->m->ctx, ref, IM_BACKEND_REFUSED, "too many changes wait for the IM server");
		return;
	}
	l->m->changes++;
	change = memory_new(sizeof *change);
	change->lists = l;
	change->ref = ref;
	change->action = message->action;
	change->user = people_text(message->user, IM_USER_MAX);
	change->name = people_text(message->name, IM_NAME_MAX);
	change->folder = people_text(message->folder, IM_NAME_MAX);
	DL_APPEND(l->changes, change);
	l->change_count++;
	if (l->changes == change)
		go_on(change);
}
