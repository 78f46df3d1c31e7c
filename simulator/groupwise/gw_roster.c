/* The contact list of one user: folders and contacts in the order they came. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/groupwise/gw_state.h"

struct list_folder *roster_folder(const struct person *person, uint32_t id)
{
	for (size_t i = 0; i < person->folder_count; i++)
		if (person->folders[i].id == id)
			return &person->folders[i];
	return NULL;
}

struct list_contact *roster_contact(const struct person *person, uint32_t id)
{
	for (size_t i = 0; i < person->contact_count; i++)
		if (person->contacts[i].id == id)
			return &person->contacts[i];
	return NULL;
}

static bool is_listed(const struct person *person, const struct person *other)
{
	for (size_t i = 0; i < person->contact_count; i++)
		if (person->contacts[i].person == other)
			return true;
	return false;
}

/* Room for one more; capacities are powers of two. */
static void *room(void *items, size_t count, size_t size)
{
	return (count & (count - 1)) == 0 ? memory_resize(items, (count ? count * 2 : 1) * size) : items;
}

struct list_folder *roster_add_folder(struct person *person, uint32_t id, struct bytes name)
{
	struct list_folder *folder;

	person->folders = room(person->folders, person->folder_count, sizeof *person->folders);
	folder = &person->folders[person->folder_count];
	*folder = (struct list_folder){ .id = id, .sequence = (uint32_t)person->folder_count, .name = bytes_dup(name) };
	person->folder_count++;
	return folder;
}

struct list_contact *roster_add_contact(struct person *person, uint32_t id, uint32_t folder, struct person *other,
	struct bytes name)
{
	struct list_contact *contact;

	/* Looked up here and not among the watchers: everybody may have the same one on the list. */
	if (!is_listed(person, other))
		gw_people_append(&other->watchers, person);
	person->contacts = room(person->contacts, person->contact_count, sizeof *person->contacts);
	contact = &person->contacts[person->contact_count];
	*contact = (struct list_contact){ .id = id, .folder = folder, .sequence = (uint32_t)person->contact_count, .person = other,
		.name = bytes_dup(name) };
	person->contact_count++;
	return contact;
}

void roster_drop_folder(struct person *person, struct list_folder *folder)
{
	size_t at = (size_t)(folder - person->folders);

	free(folder->name);
	person->folder_count--;
	memmove(folder, folder + 1, (person->folder_count - at) * sizeof *folder);
}

void roster_drop_contact(struct person *person, struct list_contact *contact)
{
	struct person *other = contact->person;
	size_t at = (size_t)(contact - person->contacts);

	free(contact->name);
	person->contact_count--;
	memmove(contact, contact + 1, (person->contact_count - at) * sizeof *contact);
	if (!is_listed(person, other))
		people_remove(&other->watchers, person);
}

void roster_clear(struct person *person)
{
	while (person->contact_count)
		roster_drop_contact(person, &person->contacts[person->contact_count - 1]);
	while (person->folder_count)
		roster_drop_folder(person, &person->folders[person->folder_count - 1]);
	free(person->contacts);
	free(person->folders);
	person->contacts = NULL;
	person->folders = NULL;
}
