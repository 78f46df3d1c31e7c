#include "simulator/device/device_contacts.h"

#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"

void device_contacts_clear(struct device_contacts *contacts)
{
	for (size_t i = 0; i < contacts->count; i++) {
		free(contacts->list[i].user);
		free(contacts->list[i].name);
		free(contacts->list[i].folder);
		free(contacts->list[i].text);
	}
	free(contacts->list);
	*contacts = (struct device_contacts){ 0 };
}

void device_contacts_take(struct device_contacts *contacts, const struct im_contacts *part)
{
	if (!contacts->more_follow)
		device_contacts_clear(contacts);
	contacts->more_follow = part->more;
	if (contacts->count + part->count > contacts->room) {
		contacts->room = contacts->count + part->count;
		contacts->list = memory_resize(contacts->list, contacts->room * sizeof contacts->list[0]);
	}
	for (size_t i = 0; i < part->count && contacts->count < DEVICE_CONTACTS_MAX; i++) {
		const struct im_contact *from = &part->contacts[i];

		contacts->list[contacts->count++] = (struct device_contact){
			.user = bytes_dup(from->user), .name = bytes_dup(from->name), .folder = bytes_dup(from->folder),
			.text = bytes_dup(from->text), .presence = from->presence,
		};
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
