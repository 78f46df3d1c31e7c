#ifndef BRAMBLE_COLLAB_GROUPWISE_PRIVACY_H
#define BRAMBLE_COLLAB_GROUPWISE_PRIVACY_H

#include "collab/groupwise_messenger.h"

/* Who may see and reach the user: a default, a list of those denied where it allows, and one of those allowed where it denies. The
 * lists come with a login and change by our own requests; changes made elsewhere are in the answer to another (groupwise_refresh.h).
 * Source: capture (login answer, nnmBlocking and its lists), code (both free clients: the requests). */
struct privacy;

enum {
	PRIVACY_ENTRIES_MAX = 1024,
	PRIVACY_CHANGES_MAX = 32,            /* waiting; they are made one after the other */
};

/* login: the fields of the login answer. */
struct privacy *privacy_new(struct messenger *messenger, const struct gw_field *login);
void privacy_free(struct privacy **privacy);     /* after the link */

/* Takes over what another login has said, and tells the device what that changes; frees fresh. */
void privacy_renew(struct privacy *privacy, struct privacy **fresh);
bool privacy_is_changing(const struct privacy *privacy);        /* a change of the device's is under way */

size_t privacy_count(const struct privacy *privacy);
/* Who stands on the lists: fills privacy_count DNs, which live as long as the lists stay. */
void privacy_people(const struct privacy *privacy, struct bytes *dns);

/* What the device is to know after a login: fills at most max from the from-th on and returns how many. The default is among it if it
 * denies. */
size_t privacy_blocks(const struct privacy *privacy, size_t from, struct im_block *out, size_t max);
/* What the device asks; has one outcome, after the event of what changed. */
void privacy_block(struct privacy *privacy, uint32_t ref, const struct im_block *block);

#endif
