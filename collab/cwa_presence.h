#ifndef BRAMBLE_COLLAB_CWA_PRESENCE_H
#define BRAMBLE_COLLAB_CWA_PRESENCE_H

#include "collab/cwa_communicator.h"

/* What others see of the user, and the user of others. What the user has set is published again every 5 minutes.
 * Source: document (the categories, the five minutes); which availability is shown as which of ours: ours. */
struct cwa_presence;

struct cwa_presence *cwa_presence_new(struct communicator *m);
void cwa_presence_free(struct cwa_presence **presence);

/* The device's. */
void cwa_presence_set(struct cwa_presence *presence, uint32_t ref, uint32_t value, struct bytes text);
/* What a new session is to begin with, and what it is told besides. */
uint32_t cwa_presence_availability(const struct cwa_presence *presence);
void cwa_presence_begun(struct cwa_presence *presence);

/* Contacts whom the server does not watch by itself: they are subscribed to, for as long as the session lasts. */
void cwa_presence_watch(struct cwa_presence *presence);

/* What is to be seen of one: the element user of userPresence. A category that is not there says nothing and changes nothing, one without
 * content that there is nothing to be seen. Texts are owned; NULL: nothing was said. */
struct cwa_seen {
	uint32_t presence;               /* enum im_presence */
	char *text, *called;             /* note; as the person calls himself */
};
void cwa_presence_read(const struct cwa_node *user, struct cwa_seen *seen);

/* The events userPresence and selfPresence. */
void cwa_presence_users(struct cwa_presence *presence, const struct cwa_node *event);
void cwa_presence_self(struct cwa_presence *presence, const struct cwa_node *event);
/* As the server's directory has the user; "" until it has said so. */
const char *cwa_presence_own_name(const struct cwa_presence *presence);

/* Both ways between the server's number and enum im_presence. */
uint32_t cwa_presence_shown(uint64_t availability);
uint32_t cwa_presence_published(uint32_t presence);

#endif
