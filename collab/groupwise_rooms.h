#ifndef BRAMBLE_COLLAB_GROUPWISE_ROOMS_H
#define BRAMBLE_COLLAB_GROUPWISE_ROOMS_H

#include "collab/groupwise_messenger.h"

/* Conversations of several: conferences that one makes for himself and invites others into. Whether something was said in a room or
 * between two is told by what its conference is: a server, or a client, may well use a room in which one other is left.
 * Source: capture (libpurple 2.14.12: rooms by createconf with oneself alone, then sendinvite), code for 118 and 119. */
struct rooms;
struct person;

enum {
	ROOMS_MAX = 32,              /* at once; an invitation beyond is declined */
	ROOM_MEMBERS_MAX = 64,       /* known by name; more may be there */
};

struct rooms *rooms_new(struct messenger *messenger);
void rooms_free(struct rooms **rooms);

size_t rooms_count(const struct rooms *rooms);
/* The connection that they were on is gone: the device is told. */
void rooms_close(struct rooms *rooms);

/* What the device asks; each has one outcome. */
void rooms_open(struct rooms *rooms, uint32_t ref, const struct im_room_open *open);
void rooms_invite(struct rooms *rooms, uint32_t ref, const struct im_room_invite *invite);
void rooms_leave(struct rooms *rooms, uint32_t ref, uint32_t handle);
void rooms_answer(struct rooms *rooms, uint32_t ref, uint32_t handle, bool accept);
void rooms_say(struct rooms *rooms, uint32_t ref, uint32_t handle, struct bytes text);
void rooms_typing(struct rooms *rooms, uint32_t handle, bool on);

/* The user is invited. */
void rooms_invited(struct rooms *rooms, struct bytes conference, const struct person *by, struct bytes text);
/* A conversation with one becomes one of several: the user is in it, and is asked as if he were invited. */
bool rooms_adopt(struct rooms *rooms, struct bytes conference, struct person *partner);
/* false: it is not about a room. person: its source, if that is known. */
bool rooms_event(struct rooms *rooms, const struct gw_event *event, struct person *person);

#endif
