#ifndef BRAMBLE_COLLAB_CWA_TALK_H
#define BRAMBLE_COLLAB_CWA_TALK_H

#include "collab/cwa_conversations.h"

/* Conversations of two. What the device says goes into the conversation that is connected, else begins one: its first message is the
 * invitation's, the others wait until the other side has answered. Invitations of others are accepted at once. When the other side takes
 * somebody third into it, it becomes a room, which the user may join or not (cwa_rooms.h).
 * Source: document for conversations; that nobody is asked before accepting: ours (the message is on the device's screen by then). */
struct cwa_talk;

struct cwa_talk *cwa_talk_new(struct communicator *m);
void cwa_talk_free(struct cwa_talk **talk);          /* before the conversations and the people */

void cwa_talk_send(struct cwa_talk *talk, uint32_t ref, struct bytes to, struct bytes text);
void cwa_talk_typing(struct cwa_talk *talk, struct bytes to, bool on);

/* Somebody has begun one, with a text that may be empty. */
void cwa_talk_invited(struct cwa_talk *talk, struct cwa_conversation *conversation, struct cwa_person *person, const char *text);
/* Somebody has said this to the user alone. */
void cwa_talk_heard(struct cwa_talk *talk, const char *uri, const char *text);

#endif
