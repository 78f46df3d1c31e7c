#ifndef BRAMBLE_SIMULATOR_DEVICE_CONTACTS_H
#define BRAMBLE_SIMULATOR_DEVICE_CONTACTS_H

#include "protocol/im.h"

#define DEVICE_CONTACTS_MAX 1000    /* kept; more of a list are not (ours) */

struct device_contact {
	char *user, *name, *folder, *text;
	uint32_t presence;
};

/* The contact list as the device shows it. Zeroed is an empty one. */
struct device_contacts {
	struct device_contact *list;
	size_t count, room;
	bool more_follow;           /* the last part said that the list goes on */
};

void device_contacts_take(struct device_contacts *contacts, const struct im_contacts *part);
void device_contacts_presence(struct device_contacts *contacts, const struct im_presence_event *event);
/* ADD of who stands in that folder already replaces the entry; RENAME is for all entries of a user; MOVE makes one entry of them; REMOVE
 * takes all of them away. */
void device_contacts_change(struct device_contacts *contacts, const struct im_contact_event *event);
void device_contacts_clear(struct device_contacts *contacts);

#endif
