#ifndef BRAMBLE_COLLAB_CWA_CONTACTS_H
#define BRAMBLE_COLLAB_CWA_CONTACTS_H

#include "collab/cwa_communicator.h"

/* Changes of the contact list that the device asks for. A folder is a group; for the device a contact is in one, so that moving takes it
 * out of all others. Source: document (methods, the group ~, names of groups); what a device's change becomes: ours. */

/* The device's; has one outcome, after the event of what changed. */
void cwa_contacts_change(struct communicator *m, uint32_t ref, const struct im_contact_change *change);

#endif
