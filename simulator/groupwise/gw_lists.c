/* Changes of the contact list. world.xml is a seed and stays as it is. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "simulator/groupwise/gw_state.h"

static bool parent_exists(const struct person *person, uint32_t id)
{
	return id == 0 || roster_folder(person, id);
}

static const struct list_contact *contact_in(const struct person *person, const struct person *other, uint32_t folder)
{
	for (size_t i = 0; i < person->contact_count; i++)
		if (person->contacts[i].person == other && person->contacts[i].folder == folder)
			return &person->contacts[i];
	return NULL;
}

/* --- how differences are told: everything about the item, method add or delete --------------------------------------------------- */

static void tell_folder(struct gw_tree *out, struct gw_field *list, enum gw_method method, const struct list_folder *folder)
{
	struct gw_field *item = gw_add_array(out, list, GW_TAG_FOLDER);

	item->method = (uint8_t)method;
	gw_add_decimal(out, item, GW_TAG_OBJECT_ID, folder->id);
	gw_add_decimal(out, item, GW_TAG_PARENT_ID, 0);
	gw_add_str(out, item, GW_TAG_TYPE, "1");
	gw_add_decimal(out, item, GW_TAG_SEQUENCE, folder->sequence);
	gw_add_str(out, item, GW_TAG_DISPLAY_NAME, folder->name);
}

static void tell_contact(struct gw_tree *out, struct gw_field *list, enum gw_method method, const struct list_contact *contact)
{
	struct gw_field *item = gw_add_array(out, list, GW_TAG_CONTACT);

	item->method = (uint8_t)method;
	gw_add_decimal(out, item, GW_TAG_OBJECT_ID, contact->id);
	gw_add_decimal(out, item, GW_TAG_PARENT_ID, contact->folder);
	gw_add_decimal(out, item, GW_TAG_SEQUENCE, contact->sequence);
	gw_add_str(out, item, GW_TAG_DISPLAY_NAME, contact->name);
	gw_add_text(out, item, GW_TAG_DN, contact->person->dn);
}

/* The result array, which the stock plugin wants as the very first field; returns the list inside it. */
static struct gw_field *begin_results(struct gw_tree *out, struct gw_field **results)
{
	*results = gw_add_array(out, NULL, GW_TAG_RESULTS);
	return gw_add_array(out, *results, GW_TAG_CONTACT_LIST);
}

/* --- commands ---------------------------------------------------------------------------------------------------------------------- */

static uint32_t createfolder(struct call *call)
{
	struct person *person = call->session->person;
	struct bytes name = utf8_cut(gw_text(call->in, GW_TAG_DISPLAY_NAME), NAME_MAX_BYTES);
	struct gw_field *results, *list;
	struct list_folder *folder;
	uint32_t parent = 0;

	gw_number(gw_find(call->in, GW_TAG_PARENT_ID), &parent);
	if (!name.len)
		return GW_PROTOCOL_ERROR;
	if (parent != 0)
		return GW_OBJECT_NOT_FOUND;             /* one level of folders */
	for (size_t i = 0; i < person->folder_count; i++)
		if (bytes_is(name, person->folders[i].name))
			return GW_FOLDER_EXISTS;
	if (person->folder_count >= person->policies.values[POLICY_MAX_FOLDERS])
		return GW_TOO_MANY_FOLDERS;
	folder = roster_add_folder(person, person->next_id++, name);
	call_changed(call);
	list = begin_results(call->out, &results);
	tell_folder(call->out, list, GW_ADD, folder);
	gw_add_decimal(call->out, results, GW_TAG_OBJECT_ID, folder->id);
	return GW_OK;
}

static uint32_t createcontact(struct call *call)
{
	struct person *person = call->session->person, *other;
	struct bytes user = gw_text(call->in, GW_TAG_USERID);
	const struct gw_field *name = gw_find(call->in, GW_TAG_DISPLAY_NAME);
	struct gw_field *results, *list;
	struct list_contact *contact;
	uint32_t parent = 0;

	other = person_find(call->session->server, user.len ? user : gw_text(call->in, GW_TAG_DN));
	gw_number(gw_find(call->in, GW_TAG_PARENT_ID), &parent);
	if (!other)
		return GW_USER_NOT_FOUND;
	if (other == person)
		return GW_USER_NOT_ALLOWED;
	if (!parent_exists(person, parent))
		return GW_OBJECT_NOT_FOUND;
	if (name && !name->text.len)
		return GW_PROTOCOL_ERROR;               /* an explicitly empty name is refused by real servers */
	if (contact_in(person, other, parent))
		return GW_CONTACT_EXISTS;
	if (person->contact_count >= person->policies.values[POLICY_MAX_CONTACTS])
		return GW_TOO_MANY_CONTACTS;
	contact = roster_add_contact(person, person->next_id++, parent, other,
		name ? utf8_cut(name->text, NAME_MAX_BYTES) : bytes_str(other->seed->name));
	call_changed(call);
	list = begin_results(call->out, &results);
	tell_contact(call->out, list, GW_ADD, contact);
	gw_add_decimal(call->out, results, GW_TAG_OBJECT_ID, contact->id);
	return GW_OK;
}

static uint32_t delete_folder(struct call *call, struct person *person, struct list_folder *folder)
{
	struct gw_field *results, *list = begin_results(call->out, &results);

	/* A folder goes with its contacts. */
	for (size_t i = person->contact_count; i > 0; i--) {
		if (person->contacts[i - 1].folder != folder->id)
			continue;
		tell_contact(call->out, list, GW_DELETE, &person->contacts[i - 1]);
		roster_drop_contact(person, &person->contacts[i - 1]);
	}
	tell_folder(call->out, list, GW_DELETE, folder);
	roster_drop_folder(person, folder);
	call_changed(call);
	return GW_OK;
}

/* Contacts and folders alike. */
static uint32_t deletecontact(struct call *call)
{
	struct person *person = call->session->person;
	struct gw_field *results;
	struct list_contact *contact;
	struct list_folder *folder;
	uint32_t id;

	if (!gw_number(gw_find(call->in, GW_TAG_OBJECT_ID), &id))
		return GW_PROTOCOL_ERROR;
	folder = roster_folder(person, id);
	if (folder)
		return delete_folder(call, person, folder);
	contact = roster_contact(person, id);
	if (!contact)
		return GW_OBJECT_NOT_FOUND;
	tell_contact(call->out, begin_results(call->out, &results), GW_DELETE, contact);
	roster_drop_contact(person, contact);
	call_changed(call);
	return GW_OK;
}

static uint32_t movecontact(struct call *call)
{
	struct person *person = call->session->person;
	const struct gw_field *item = gw_find(gw_find(call->in, GW_TAG_CONTACT_LIST), GW_TAG_CONTACT);
	struct gw_field *results, *list;
	struct list_contact *contact;
	uint32_t id, parent = 0;

	if (!gw_number(gw_find(item, GW_TAG_OBJECT_ID), &id) || !gw_number(gw_find(call->in, GW_TAG_PARENT_ID), &parent))
		return GW_PROTOCOL_ERROR;
	contact = roster_contact(person, id);
	if (!contact || !parent_exists(person, parent))
		return GW_OBJECT_NOT_FOUND;
	if (contact->folder != parent && contact_in(person, contact->person, parent))
		return GW_CONTACT_EXISTS;
	list = begin_results(call->out, &results);
	tell_contact(call->out, list, GW_DELETE, contact);
	contact->folder = parent;
	call_changed(call);
	tell_contact(call->out, list, GW_ADD, contact);
	gw_add_decimal(call->out, results, GW_TAG_OBJECT_ID, contact->id);
	return GW_OK;
}

/* Renames: each item comes as it was (delete) and as it shall be (add); the latter say it all. Checked before any is changed. */
static uint32_t updateitem(struct call *call)
{
	struct person *person = call->session->person;
	const struct gw_field *list = gw_find(call->in, GW_TAG_CONTACT_LIST);
	bool changed = false;

	for (int change = 0; change < 2; change++) {
		for (const struct gw_field *item = list ? list->first : NULL; item; item = item->next) {
			struct bytes name = gw_text(item, GW_TAG_DISPLAY_NAME);
			bool is_folder = bytes_is(item->tag, GW_TAG_FOLDER);
			uint32_t id;
			char **target;

			if (item->method != GW_ADD)
				continue;
			if (!gw_number(gw_find(item, GW_TAG_OBJECT_ID), &id) || !name.len)
				return GW_PROTOCOL_ERROR;
			if (is_folder ? !roster_folder(person, id) : !roster_contact(person, id))
				return GW_OBJECT_NOT_FOUND;
			if (!change)
				continue;
			changed = true;
			target = is_folder ? &roster_folder(person, id)->name : &roster_contact(person, id)->name;
			free(*target);
			*target = bytes_dup(utf8_cut(name, NAME_MAX_BYTES));
		}
	}
	if (changed)
		call_changed(call);
	return GW_OK;
}

const struct command list_commands[] = {
	{ "createfolder", false, LOCKS_LIST, createfolder },
	{ "createcontact", false, LOCKS_LIST, createcontact },
	{ "deletecontact", false, LOCKS_LIST, deletecontact },
	{ "movecontact", false, LOCKS_LIST, movecontact },
	{ "updateitem", false, LOCKS_LIST, updateitem },
	{ NULL, false, NULL, NULL },
};
