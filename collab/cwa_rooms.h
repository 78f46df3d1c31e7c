#ifndef BRAMBLE_COLLAB_CWA_ROOMS_H
#define BRAMBLE_COLLAB_CWA_ROOMS_H

#include "collab/cwa_conversations.h"

/* Conversations of several, as the device has them: rooms. A room outlives the server's conversation: with nobody in it there is none, and
 * the next invitation begins another. A room with one other is, for him, a conversation of two until somebody third comes.
 * Source: document (inviteParticipants, escalationMode, confUri); how rooms are made of it: ours (docs/cwa.md). */
struct cwa_rooms;

enum {
	CWA_ROOMS_MAX = 32,              /* at once; an invitation beyond is declined */
	CWA_ROOM_MEMBERS_MAX = 100,      /* known by name; more may be there */
	CWA_ROOM_UNSENT_MAX = 64,        /* messages, or parts, of one room whose outcome is not known */
	CWA_ROOM_INVITES_MAX = 32,       /* of one room, without an outcome */
	CWA_ROOM_HELD_MAX = 50,          /* messages kept for a user who has not answered and is in the conversation already */
};

struct cwa_rooms *cwa_rooms_new(struct communicator *m);
void cwa_rooms_free(struct cwa_rooms **rooms);       /* before the conversations and the people */

/* What the device asks; each has one outcome. */
void cwa_rooms_open(struct cwa_rooms *rooms, uint32_t ref, const struct im_room_open *open);
void cwa_rooms_invite(struct cwa_rooms *rooms, uint32_t ref, const struct im_room_invite *invite);
void cwa_rooms_leave(struct cwa_rooms *rooms, uint32_t ref, uint32_t handle);
void cwa_rooms_answer(struct cwa_rooms *rooms, uint32_t ref, uint32_t handle, bool accept);
void cwa_rooms_say(struct cwa_rooms *rooms, uint32_t ref, uint32_t handle, struct bytes text);
void cwa_rooms_typing(struct cwa_rooms *rooms, uint32_t handle, bool on);

/* The user is invited into a conversation of several, with a text that may be empty. */
void cwa_rooms_invited(struct cwa_rooms *rooms, struct cwa_conversation *conversation, struct cwa_person *by, const char *text);
/* A conversation with one becomes one of several: the user is in it, and is asked as if he were invited. */
void cwa_rooms_adopt(struct cwa_rooms *rooms, struct cwa_conversation *conversation, struct cwa_person *partner);

#endif
