#ifndef BRAMBLE_COLLAB_GROUPWISE_TALK_H
#define BRAMBLE_COLLAB_GROUPWISE_TALK_H

#include "collab/groupwise_messenger.h"

/* Conversations of one GroupWise session. Everything said there is in a conference: one is made for the first message to a
 * person, used for the following ones, and forgotten when the other side leaves or the server no longer knows it.
 * Source: code (both free clients), capture (libpurple 2.14.12). */
struct talk;

enum {
	TALK_HELD_MAX = 100,      /* events that wait for their sender's details */
	TALK_HELD_BYTES = 1048576,
	TALK_UNSENT_MAX = 100,    /* messages, or parts of long ones, that wait for a conference, their recipient's details or an answer */
};

struct talk *talk_new(struct messenger *messenger);
/* After the link, so that the pending requests have given back what they hold. */
void talk_free(struct talk **talk);

/* Longer than a body may be: sent as several messages, cut between characters. */
void talk_send(struct talk *talk, uint32_t ref, struct bytes to, struct bytes text);
/* Told only where a conversation exists. */
void talk_typing(struct talk *talk, struct bytes to, bool on);
/* The connection that the conferences were on is gone: new ones are made. */
void talk_forget_conferences(struct talk *talk);
/* Writes a sendmessage of this text into the messenger's fields, without its recipients. */
void talk_write_message(struct talk *talk, const char *conference, struct bytes text);
/* What an event says, as plain text. */
void talk_read_message(const struct gw_event *event, struct buf *text);
/* Any event but the ones that end the login. */
void talk_event(struct talk *talk, const struct gw_event *event);

#endif
