#ifndef BRAMBLE_COLLAB_CWA_ROOMS_PRIVATE_H
#define BRAMBLE_COLLAB_CWA_ROOMS_PRIVATE_H

#include "collab/cwa_rooms.h"

/* What cwa_rooms.c (the rooms, and how one comes into them and out again), cwa_room_invite.c (who else does), cwa_room_say.c (what is said in
 * them) and cwa_room_events.c (what the server tells) share. */

#define CWA_NO_ROOM "no such room"

enum cwa_room_state {
	ROOM_EMPTY,                  /* there is no conversation */
	ROOM_CALLING,                /* one has been asked for */
	ROOM_CONNECTING,             /* it is there, and nobody has come */
	ROOM_IN,
	ROOM_INVITED,                /* the user has not answered */
	ROOM_TAKEN,                  /* the same, and the server has accepted for him */
	ROOM_ADOPTED,                /* the same, because he was in it when it was one of two */
	ROOM_JOINING,                /* he has accepted */
	ROOM_COMING_BACK,            /* as ROOM_CALLING, after the session was lost */
};

struct cwa_member {
	struct cwa_person *person;
	bool in_doubt;               /* was there before the session was lost */
};

/* Somebody is invited. */
struct cwa_invite {
	struct cwa_invite *prev, *next;
	uint32_t ref;                /* 0: one of those that the room was opened with; the device hears of a failure as if he had declined */
	uint32_t serial;
	char *uri;
	bool asked;                  /* the server has been */
	bool has_words;
};

struct cwa_room_said {
	struct cwa_room_said *prev, *next;
	struct cwa_rooms *rooms;
	struct cwa_said *said;
	uint32_t room;               /* its serial */
	char *text;
	bool tried_again;
};

struct cwa_held {
	struct cwa_held *prev, *next;
	struct cwa_person *person;
	char *text;
};

struct cwa_room {
	struct cwa_room *prev, *next;
	struct cwa_rooms *rooms;
	uint32_t serial;             /* never used again, unlike handles */
	uint32_t handle;
	enum cwa_room_state state;
	struct cwa_conversation *c;
	struct cwa_member members[CWA_ROOM_MEMBERS_MAX];
	size_t member_count;
	struct cwa_invite *invites;
	unsigned invite_count;
	struct cwa_room_said *waiting;       /* to be said */
	unsigned unsent;
	struct loop_timer *doubt;            /* set: the server has taken no message; nothing is said until it says why */
	struct cwa_held *held;
	unsigned held_count;
	uint32_t answer_ref;                 /* of ROOM_JOINING, 0 when that has had its outcome */
	struct loop_task settled;            /* the round of events in which the user came in is over */
	bool settling;
};

struct cwa_rooms {
	struct communicator *m;
	struct cwa_room *list;
	size_t count;
	uint32_t last_serial, last_invite, next_handle;
	struct cwa_room_said *sent;          /* on their way to the server, or their outcome to us */
};

/* --- cwa_rooms.c */
struct cwa_room *cwa_room_by_handle(const struct cwa_rooms *rooms, uint32_t handle);
struct cwa_room *cwa_room_by_serial(const struct cwa_rooms *rooms, uint32_t serial);
bool cwa_room_is_decided(const struct cwa_room *room);       /* the user is in it, by his own will */
/* Frees it; what waits in it gets its outcome. Its conversation must be gone, or be left at once. */
void cwa_room_drop(struct cwa_room *room);
void cwa_room_tell(const struct cwa_room *room, enum im_room_happening event, const struct cwa_person *person, const char *text);
void cwa_room_close(struct cwa_room *room);                  /* tells the device, and drops it */

/* --- cwa_room_invite.c */
struct cwa_invite *cwa_room_add_invite(struct cwa_room *room, uint32_t ref, const char *uri);
/* Asks the server for those who wait. */
void cwa_room_send_invites(struct cwa_room *room);
void cwa_room_invite_failed(struct cwa_room *room, const char *uri, const struct cwa_refusal *refusal);
/* Nobody has come, or all have gone: those who have not answered will not. */
void cwa_room_calling_over(struct cwa_room *room, const struct cwa_refusal *refusal);
void cwa_room_drop_invites(struct cwa_room *room, const struct cwa_refusal *refusal);
/* Back into the conversation whose focus that is. */
void cwa_room_come_back(struct cwa_room *room, const char *focus);

/* --- cwa_room_say.c */
void cwa_room_say_all(struct cwa_room *room);                /* that waits, if it can be said now */
void cwa_room_drop_said(struct cwa_room *room, const struct cwa_refusal *refusal);
void cwa_rooms_abandon_said(struct cwa_rooms *rooms);
void cwa_room_heard(struct cwa_room *room, struct cwa_person *person, const char *text);
void cwa_room_tell_held(struct cwa_room *room);
void cwa_room_drop_held(struct cwa_room *room);

/* --- cwa_room_events.c */
void cwa_room_happened(void *room, struct cwa_conversation *conversation, const struct cwa_happening *happening);
void cwa_room_member_came(struct cwa_room *room, struct cwa_person *person);
void cwa_room_present(struct cwa_room *room);                /* the user is in it from now on: who is there */
void cwa_room_settled(void *room);                           /* task */

#endif
