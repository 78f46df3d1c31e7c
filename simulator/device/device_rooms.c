#include "simulator/device/device_rooms.h"

#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"

const char *device_room_state_name(enum device_room_state state)
{
	static const char *const names[] = {
		[DEVICE_ROOM_INVITED] = "invited",
		[DEVICE_ROOM_PENDING] = "pending",
		[DEVICE_ROOM_OPEN] = "open",
		[DEVICE_ROOM_LEAVING] = "leaving",
	};

	return names[state];
}

struct device_room *device_rooms_add(struct device_rooms *rooms, uint32_t handle, enum device_room_state state,
	struct bytes inviter)
{
	struct device_room **at = &rooms->first;
	struct device_room *room;

	if (rooms->count == DEVICE_ROOMS_MAX)
		return NULL;
	while (*at)
		at = &(*at)->next;
	room = memory_new(sizeof *room);
	room->number = ++rooms->last_number;
	room->handle = handle ? handle : room->number;
	room->state = state;
	room->inviter = bytes_dup(inviter);
	rooms->count++;
	*at = room;
	return room;
}

struct device_room *device_rooms_find(const struct device_rooms *rooms, uint32_t number)
{
	struct device_room *room = rooms->first;

	while (room && room->number != number)
		room = room->next;
	return room;
}

struct device_room *device_rooms_by_handle(const struct device_rooms *rooms, uint32_t handle)
{
	struct device_room *room = rooms->first;

	while (room && room->handle != handle)
		room = room->next;
	return room;
}

void device_rooms_remove(struct device_rooms *rooms, struct device_room *room)
{
	struct device_room **at = &rooms->first;

	while (*at && *at != room)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = room->next;
	rooms->count--;
	for (size_t i = 0; i < room->count; i++)
		free(room->people[i]);
	free(room->people);
	free(room->inviter);
	free(room);
}

void device_rooms_clear(struct device_rooms *rooms)
{
	while (rooms->first)
		device_rooms_remove(rooms, rooms->first);
	rooms->last_number = 0;
}

bool device_rooms_pending(const struct device_rooms *rooms)
{
	for (const struct device_room *room = rooms->first; room; room = room->next) {
		if (room->state == DEVICE_ROOM_PENDING)
			return true;
	}
	return false;
}

static size_t place_of(const struct device_room *room, const char *user)
{
	size_t i = 0;

	while (i < room->count && strcasecmp(room->people[i], user) != 0)
		i++;
	return i;
}

void device_room_enter(struct device_room *room, struct bytes user)
{
	char *name = bytes_dup(user);

	if (place_of(room, name) < room->count || room->count == DEVICE_ROOM_PEOPLE_MAX) {
		free(name);
		return;
	}
	room->people = memory_resize(room->people, (room->count + 1) * sizeof(char *));
	room->people[room->count++] = name;
}

void device_room_exit(struct device_room *room, struct bytes user)
{
	char *name = bytes_dup(user);
	size_t i = place_of(room, name);

	free(name);
	if (i == room->count)
		return;
	free(room->people[i]);
	for (room->count--; i < room->count; i++)
		room->people[i] = room->people[i + 1];
}
