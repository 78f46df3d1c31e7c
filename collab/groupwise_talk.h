#ifndef BRAMBLE_COLLAB_GROUPWISE_TALK_H
#define BRAMBLE_COLLAB_GROUPWISE_TALK_H

#include "collab/backend.h"
#include "collab/groupwise_link.h"
#include "collab/groupwise_people.h"

/* Conversations of one GroupWise session. Everything said there is in a conference: one is made for the first message to a
 * person, used for the following ones, and forgotten when the other side leaves or the server no longer knows it.
 * Source: code (both free clients), capture (libpurple 2.14.12). */
struct talk;

enum {
	TALK_HELD_MAX = 100,      /* events that wait for their sender's details */
	TALK_UNSENT_MAX = 100,    /* messages that wait for a conference or for their recipient's details */
};

/* link and people outlive it; own_dn is copied. */
struct talk *talk_new(struct groupwise_link *link, struct people *people, struct bytes own_dn, const struct backend_events *events,
	void *ctx);
/* After the link, so that the pending requests have given back what they hold. */
void talk_free(struct talk **talk);

void talk_send(struct talk *talk, uint32_t ref, struct bytes to, struct bytes text);
/* Any event but the ones that end the login. */
void talk_event(struct talk *talk, const struct gw_event *event);

#endif
