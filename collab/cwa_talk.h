#ifndef BRAMBLE_COLLAB_CWA_TALK_H
#define BRAMBLE_COLLAB_CWA_TALK_H

#include "collab/cwa_communicator.h"

/* Conversations of two. What the device says goes into the conversation that is connected, else begins one: its first message is the
 * invitation's, the others wait until the other side has answered. Invitations of others are accepted at once.
 * Source: document for conversations; that nobody is asked before accepting: ours (the message is on the device's screen by then). */
struct cwa_talk;

#define CWA_MESSAGE_MAX 8000         /* bytes of one message; longer texts become several. Source: ours, as our server's */

struct cwa_talk *cwa_talk_new(struct communicator *m);
void cwa_talk_free(struct cwa_talk **talk);

void cwa_talk_send(struct cwa_talk *talk, uint32_t ref, struct bytes to, struct bytes text);
void cwa_talk_typing(struct cwa_talk *talk, struct bytes to, bool on);

/* The event conference. */
void cwa_talk_event(struct cwa_talk *talk, const struct cwa_node *event);
/* Another session has begun: all conversations are over. */
void cwa_talk_forget(struct cwa_talk *talk);

#endif
