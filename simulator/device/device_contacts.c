#include "simulator/device/device_contacts.h"

#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"

static void drop(struct device_contact *contact)
{
	free(contact->user);
	free(contact->name);
	free(contact->folder);
	free(contact->text);
}

void device_contacts_clear(struct device_contacts *contacts)
{
	for (size_t i = 0; i < contacts->count; i++)
		drop(&contacts->list[i]);
	free(contacts->list);
	*contacts = (struct device_contacts){ 0 };
}

static void add(struct device_contacts *contacts, struct bytes user, struct bytes name, struct bytes folder, uint32_t presence,
	struct bytes text)
{
	if (contacts->count == DEVICE_CONTACTS_MAX)
		return;
	if (contacts->count == contacts->room) {
		contacts->room = contacts->room ? contacts->room * 2 : IM_CONTACTS_MAX;
		contacts->list = memory_resize(contacts->list, contacts->room * sizeof contacts->list[0]);
	}
	contacts->list[contacts->count++] = (struct device_contact){
		.user = bytes_dup(user), .name = bytes_dup(name), .folder = bytes_dup(folder), .text = bytes_dup(text),
		.presence = presence,
	};
}

void device_contacts_take(struct device_contacts *contacts, const struct im_contacts *part)
{
	if (!contacts->more_follow)
		device_contacts_clear(contacts);
	contacts->more_follow = part->more;
	for (size_t i = 0; i < part->count; i++) {
		const struct im_contact *from = &part->contacts[i];

		add(contacts, from->user, from->name, from->folder, from->presence, from->text);
	}
}

void device_contacts_presence(struct device_contacts *contacts, const struct im_presence_event *event)
{
	char *user = bytes_dup(event->user);

	for (size_t i = 0; i < contacts->count; i++) {
		struct device_contact *contact = &contacts->list[i];

		/* A contact may stand in several folders. */
		if (strcasecmp(contact->user, user) != 0)
			continue;
		contact->presence = event->presence;
		free(contact->text);
		contact->text = bytes_dup(event->text);
	}
	free(user);
}

/* Takes away the entries of the user, or only the one in a folder. */
static void take_away(struct device_contacts *contacts, const char *user, const char *folder)
{
	size_t kept = 0, before = contacts->count;

	for (size_t i = 0; i < before; i++) {
		struct device_contact *contact = &contacts->list[i];

		if (strcasecmp(contact->user, user) == 0 && (!folder || strcasecmp(contact->folder, folder) == 0))
			drop(contact);
		else
			contacts->list[kept++] = *contact;
	}
	contacts->count = kept;
}

static void rename_all(struct device_contacts *contacts, const char *user, struct bytes name)
{
	for (size_t i = 0; i < contacts->count; i++) {
		struct device_contact *contact = &contacts->list[i];

		if (strcasecmp(contact->user, user) != 0)
			continue;
		free(contact->name);
		contact->name = bytes_dup(name);
	}
}

void device_contacts_change(struct device_contacts *contacts, const struct im_contact_event *event)
{
	char *user = bytes_dup(event->user), *folder = bytes_dup(event->folder);

	switch (event->action) {
	case IM_CONTACT_ADD:
		take_away(contacts, user, folder);
		add(contacts, event->user, event->name, event->folder, event->presence, event->text);
		break;
	case IM_CONTACT_RENAME:
		rename_all(contacts, user, event->name);
		break;
	case IM_CONTACT_MOVE:
		take_away(contacts, user, NULL);
		add(contacts, event->user, event->name, event->folder, event->presence, event->text);
		break;
	case IM_CONTACT_REMOVE:
		take_away(contacts, user, NULL);
		break;
	}
	free(user);
	free(folder);
}
