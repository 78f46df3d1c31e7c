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
	struct said *sent;               /* without an answer yet */
	uint32_t last_ref;               /* the last message that the server took */
	bool last_undelivered;           /* and could not deliver after all: the device was told */
};

struct held;                             /* an event about a stranger, while his details are asked for */

struct talk {
	struct messenger *m;
	struct held *held;
	size_t held_count, held_bytes;
	size_t unsent;
	struct buf rtf;
};

/* The server says that a message did not reach the person. */
void talk_undelivered(struct talk *talk, struct person *person);
void talk_free_held(struct talk *talk);

#endif
