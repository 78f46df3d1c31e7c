#ifndef BRAMBLE_COLLAB_GROUPWISE_TALK_PRIVATE_H
#define BRAMBLE_COLLAB_GROUPWISE_TALK_PRIVATE_H

#include "collab/groupwise_talk.h"
#include "protocol/groupwise/names.h"

/* What the two halves of a talk share: groupwise_talk.c is what the device says, groupwise_hear.c what the server says. */

struct said;                             /* a message of the device, on its way */

struct conversation {
	char id[GW_CONFERENCE_LEN + 1];  /* "": none yet */
	bool being_made;
	struct said *waiting;
	uint32_t last_ref;               /* the last message that the server took */
};

/* Something a stranger said, while his details are asked for. */
struct held {
	struct held *prev, *next;
	char *dn;
	char *conference;
	char *text;
};

struct talk {
	struct groupwise_link *link;
	struct people *people;
	char *own_dn;
	struct backend_events events;
	void *ctx;
	struct held *held;
	size_t held_count;
	size_t unsent;
	struct gw_tree fields;
	struct buf rtf;
};

void talk_free_held(struct held *held);

#endif
