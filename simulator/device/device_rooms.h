#ifndef BRAMBLE_SIMULATOR_DEVICE_ROOMS_H
#define BRAMBLE_SIMULATOR_DEVICE_ROOMS_H

#include "base/bytes.h"

#define DEVICE_ROOMS_MAX 64         /* kept; an invitation beyond them is declined (ours) */
#define DEVICE_ROOM_PEOPLE_MAX 256  /* listed per room (ours) */

enum device_room_state {
	DEVICE_ROOM_INVITED,            /* not answered yet */
	DEVICE_ROOM_PENDING,            /* made or answered; the service has not said yet what became of it */
	DEVICE_ROOM_OPEN,
	DEVICE_ROOM_LEAVING,
};
const char *device_room_state_name(enum device_room_state state);      /* "invited" */

struct device_room {
	struct device_room *next;
	uint32_t number;                /* what the user calls it: 1, 2, ... of the session, none used twice */
	uint32_t handle;                /* what the service calls it */
	enum device_room_state state;
	char *inviter;                  /* empty for one of the user's own */
	char **people;                  /* who else is in it */
	size_t count;
};

/* The session's conversations of several people, oldest first. Zeroed is an empty one. */
struct device_rooms {
	struct device_room *first;
	uint32_t last_number;
	size_t count;
};

/* A new one; handle 0: the device picks it. NULL if there are as many as there may be. */
struct device_room *device_rooms_add(struct device_rooms *rooms, uint32_t handle, enum device_room_state state,
	struct bytes inviter);
struct device_room *device_rooms_find(const struct device_rooms *rooms, uint32_t number);
struct device_room *device_rooms_by_handle(const struct device_rooms *rooms, uint32_t handle);
void device_rooms_remove(struct device_rooms *rooms, struct device_room *room);
void device_rooms_clear(struct device_rooms *rooms);
bool device_rooms_pending(const struct device_rooms *rooms);    /* is an answer about one of them under way */

void device_room_enter(struct device_room *room, struct bytes user);
void device_room_exit(struct device_room *room, struct bytes user);

#endif
