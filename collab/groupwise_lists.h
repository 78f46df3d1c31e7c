#ifndef BRAMBLE_COLLAB_GROUPWISE_LISTS_H
#define BRAMBLE_COLLAB_GROUPWISE_LISTS_H

#include "collab/groupwise_messenger.h"

/* Our copy of the contact list: folders of one level, and contacts in them. The server reports what a request of ours has changed as a
 * list of differences in its answer; changes made elsewhere are in the answer to another login (groupwise_refresh.h).
 * The same person may stand in several folders, as several contacts: the device is shown the first.
 * Source: capture (login answer), code (both free clients: the requests and the differences). */
struct lists;

enum { LISTS_CHANGES_MAX = 32 };     /* waiting; they are made one after the other */

struct lists *lists_new(struct messenger *messenger);
void lists_free(struct lists **lists);       /* after the link */

/* The login answer's list. */
void lists_read(struct lists *lists, const struct gw_field *contact_list);
/* The list of another login's answer in its place; of who is shown already the device is told the availability if that is another. */
void lists_renew(struct lists *lists, const struct gw_field *contact_list);
bool lists_is_changing(const struct lists *lists);      /* a change of the device's is under way */
/* Brings what the device is shown of people up to the list; tell: it is told what that changes. */
void lists_show(struct lists *lists, bool tell);
/* What the device asks; has one outcome, after the events of what changed. */
void lists_change(struct lists *lists, uint32_t ref, const struct im_contact_change *change);

#endif
