#ifndef BRAMBLE_COLLAB_CWA_ACCESS_H
#define BRAMBLE_COLLAB_CWA_ACCESS_H

#include "collab/cwa_communicator.h"

/* Who may see and reach the user: the server's containers (access levels). The device knows of one: who is a member, by himself, of
 * CWA_CONTAINER_BLOCKED is blocked, everybody else allowed. Whole domains, and the other levels, it cannot show.
 * And who has the user on the list: the server wants that acknowledged, which is done without asking anybody (ours).
 * Source: document (numbers of the containers, the methods); the layout of members is ours. */
struct cwa_access;

enum {
	CWA_CONTAINER_BLOCKED = 32000,
	CWA_MEMBERS_MAX = 1024,              /* of all containers; the rest is left out */
};

struct cwa_access *cwa_access_new(struct communicator *m);
void cwa_access_free(struct cwa_access **access);

/* The events containers and subscribers. */
void cwa_access_read(struct cwa_access *access, const struct cwa_node *event);
void cwa_access_subscribers(struct cwa_access *access, const struct cwa_node *event);
/* Another session has begun. */
void cwa_access_forget(struct cwa_access *access);

/* Whom the user has blocked; the texts live until the next call. */
size_t cwa_access_blocks(struct cwa_access *access, size_t from, struct im_block *out, size_t max);
/* The device's; has one outcome, after the event of what changed. A rule for everybody else is refused: there is none. */
void cwa_access_block(struct cwa_access *access, uint32_t ref, const struct im_block *block);

#endif
