#ifndef BRAMBLE_COLLAB_CWA_COMMUNICATOR_H
#define BRAMBLE_COLLAB_CWA_COMMUNICATOR_H

#include "collab/backend.h"
#include "collab/cwa_channel.h"
#include "collab/cwa_people.h"

/* One login on a CWA server, as its parts share it: the parts live as long as it. */
struct communicator {
	struct loop *loop;
	struct cwa_channel *channel;
	struct cwa_people people;
	struct cwa_presence *presence;
	struct cwa_changes *changes;     /* that the device has asked for */
	struct cwa_access *access;
	struct cwa_searches *searches;
	struct cwa_conversations *conversations;
	struct cwa_talk *talk;           /* of two */
	struct cwa_rooms *rooms;         /* of several */
	struct backend_events events;
	void *ctx;                       /* of the events */
	bool online;                     /* the session has been told that it is logged in, and not that it is over */
};

#define COMMUNICATOR_FULL "too many requests wait for the IM server"

/* The outcome of what the device asked with this ref. */
void communicator_done(struct communicator *m, uint32_t ref, const struct cwa_refusal *refusal);
/* Sends a command whose outcome is that of ref. */
void communicator_command(struct communicator *m, struct cwa_command **command, uint32_t ref);
/* Sends one whose outcome nobody waits for. */
void communicator_tell(struct communicator *m, struct cwa_command **command);

/* What the server may be told: UTF-8 without the control characters that XML cannot say, at most max bytes, as a string of its own. */
char *communicator_text(struct bytes text, size_t max);

#endif
