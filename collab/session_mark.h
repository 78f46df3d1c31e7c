#ifndef BRAMBLE_COLLAB_SESSION_MARK_H
#define BRAMBLE_COLLAB_SESSION_MARK_H

#include "collab/session.h"

/* The mark that says "may be evicted" in the database. Status messages never write: the owner marks a session when its device is
 * out of coverage or it turns silent, and takes the mark back, by compare-and-swap, before it acts on new traffic. Until that is
 * settled the traffic waits, because another login may have taken the seat. Source: ours (design). */

enum { SESSION_HELD_MAX = 64, SESSION_MARK_RETRY_MS = 5000 };

/* A message of the device that waits; handed to device_message_again in the order it came. */
struct held_message {
	struct held_message *next;
	uint32_t transaction;
	size_t len;
	uint8_t clear[];
};

/* What the session should be marked as now: enum im_logout_reason, or 0. */
void session_mark_want(struct session *session, int reason);
/* Traffic came: true if it may be acted on at once; else it is kept (copied), and the mark is being taken back. */
bool session_mark_admits(struct session *session, uint32_t transaction, struct bytes clear);
void session_mark_free(struct session *session);

#endif
