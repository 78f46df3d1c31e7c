#ifndef BRAMBLE_COLLAB_GROUPWISE_ROOMS_PRIVATE_H
#define BRAMBLE_COLLAB_GROUPWISE_ROOMS_PRIVATE_H

#include "collab/groupwise_rooms.h"
#include "protocol/groupwise/names.h"

/* What groupwise_rooms.c (the rooms, and what is said in them) and groupwise_room_join.c (coming and going) share. */

#define NO_ROOM "no such room"

enum room_state {
	ROOM_MAKING,                 /* createconf is on its way */
	ROOM_INVITED,                /* the user has not answered */
	ROOM_ADOPTED,                /* the same, but the server has him in it already */
	ROOM_JOINING,
	ROOM_IN,
};

struct room {
	struct room *prev, *next;
	uint32_t serial;             /* never used again, unlike handles */
	uint32_t handle;
	enum room_state state;
	char id[GW_CONFERENCE_LEN + 1];
	struct person *members[ROOM_MEMBERS_MAX];
	size_t member_count;
	struct room_said *sent;      /* without an answer yet */
	uint32_t last_ref;           /* the last message that the server took */
	const struct person *last_missed;   /* who did not get it: the device was told */
};

struct rooms {
	struct messenger *m;
	struct room *list;
	size_t count;
	uint32_t next_serial, next_handle;
};

struct room *rooms_by_handle(const struct rooms *r, uint32_t handle);
struct room *rooms_by_serial(const struct rooms *r, uint32_t serial);
struct room *rooms_by_conference(const struct rooms *r, struct bytes id);
struct room *rooms_add(struct rooms *r, uint32_t handle, enum room_state state);
void rooms_drop(struct rooms *r, struct room *room);
void room_add_member(struct room *room, struct person *person);

void rooms_tell(struct rooms *r, const struct room *room, enum im_room_happening event, const struct person *person, struct bytes text);
/* Ours, not the server's. */
void rooms_refuse(struct rooms *r, uint32_t ref, const char *why);

#endif
