#include "collab/cwa_rooms_private.h"

#include <stdint.h>
#include <stdlib.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/cwa/codes.h"

static const struct cwa_refusal good = { .code = IM_OK };

/* --- the list --------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_room *cwa_room_by_handle(const struct cwa_rooms *r, uint32_t handle)
{
	struct cwa_room *room;

	DL_FOREACH(r->list, room)
		if (room->handle == handle)
			break;
	return room;
}

struct cwa_room *cwa_room_by_serial(const struct cwa_rooms *r, uint32_t serial)
{
	struct cwa_room *room;

	DL_FOREACH(r->list, room)
		if (room->serial == serial)
			break;
	return room;
}

bool cwa_room_is_decided(const struct cwa_room *room)
{
	return room->state != ROOM_INVITED && room->state != ROOM_TAKEN && room->state != ROOM_ADOPTED;
}

static void doubt_over(void *arg)
{
	cwa_room_say_all(arg);
}

static struct cwa_room *add(struct cwa_rooms *r, uint32_t handle, enum cwa_room_state state, struct cwa_conversation *c)
{
	struct cwa_room *room = memory_new(sizeof *room);

	*room = (struct cwa_room){ .rooms = r, .serial = ++r->last_serial, .handle = handle, .state = state, .c = c };
	room->settled = (struct loop_task){ .fn = cwa_room_settled, .arg = room };
	room->doubt = loop_timer_new(r->m->loop, doubt_over, room);
	DL_APPEND(r->list, room);
	r->count++;
	return room;
}

static void free_room(struct cwa_room *room)
{
	DL_DELETE(room->rooms->list, room);
	room->rooms->count--;
	loop_drop(room->rooms->m->loop, &room->settled);
	loop_timer_free(&room->doubt);
	cwa_room_drop_held(room);
	free(room);
}

void cwa_room_drop(struct cwa_room *room)
{
	const struct cwa_refusal none = cwa_refusal_of(IM_BACKEND_REFUSED, "%s", CWA_NO_ROOM);
	const struct cwa_refusal unheard = cwa_refusal_of(IM_NOT_DELIVERED, "%s", CWA_NO_ROOM);

	cwa_room_drop_invites(room, &none);
	cwa_room_drop_said(room, &unheard);
	free_room(room);
}

static void refuse(struct cwa_rooms *r, uint32_t ref, const char *why)
{
	r->m->events.done(r->m->ctx, ref, IM_BACKEND_REFUSED, why);
}

void cwa_room_tell(const struct cwa_room *room, enum im_room_happening event, const struct cwa_person *person, const char *text)
{
	struct communicator *m = room->rooms->m;
	char *clean = communicator_text(bytes_str(text), IM_STATUS_TEXT_MAX);
	struct im_room_event message = { .room = room->handle, .event = event, .user = bytes_str(person ? person->user : ""),
		.name = bytes_str(person ? person->name : ""), .text = bytes_str(clean) };

	m->events.room_event(m->ctx, &message);
	free(clean);
}

void cwa_room_close(struct cwa_room *room)
{
	cwa_room_tell(room, IM_ROOM_CLOSED, NULL, "");
	cwa_room_drop(room);
}

/* --- made, and left ------------------------------------------------------------------------------------------------------------------------------ */

void cwa_rooms_open(struct cwa_rooms *r, uint32_t ref, const struct im_room_open *open)
{
	struct cwa_room *room;

	if (open->room == 0 || open->room > IM_ROOM_DEVICE_MAX || cwa_room_by_handle(r, open->room)) {
		refuse(r, ref, "the room's handle cannot be used");
		return;
	}
	if (r->count >= CWA_ROOMS_MAX) {
		refuse(r, ref, "too many rooms");
		return;
	}
	room = add(r, open->room, ROOM_EMPTY, NULL);
	communicator_done(r->m, ref, &good);
	for (size_t i = 0; i < open->count; i++) {
		char *uri = cwa_people_uri_of(&r->m->people, open->users[i].user);
		struct im_room_event declined = { .room = room->handle, .event = IM_ROOM_DECLINED, .user = open->users[i].user,
			.name = open->users[i].user, .text = bytes_str("that is nobody's user ID or address") };

		if (uri)
			cwa_room_add_invite(room, 0, uri);
		else
			r->m->events.room_event(r->m->ctx, &declined);
		free(uri);
	}
	cwa_room_send_invites(room);
}

static void left(void *ctx, void *arg, const struct cwa_reply *reply)
{
	/* With the session he is out of it too. */
	communicator_done(ctx, (uint32_t)(uintptr_t)arg, reply->session_gone ? &good : &reply->refusal);
}

/* The room goes, and what waited in it has its outcome first; then out of the conversation, if there is one. */
static void leave(struct cwa_room *room, uint32_t ref)
{
	struct cwa_rooms *r = room->rooms;
	struct cwa_conversation *c = room->c;

	cwa_room_drop(room);
	if (!c)
		communicator_done(r->m, ref, &good);         /* one that has been asked for is left as soon as it is there */
	else if (!cwa_conversation_leave(&c, left, (void *)(uintptr_t)ref))
		refuse(r, ref, COMMUNICATOR_FULL);
}

void cwa_rooms_leave(struct cwa_rooms *r, uint32_t ref, uint32_t handle)
{
	struct cwa_room *room = cwa_room_by_handle(r, handle);

	if (room)
		leave(room, ref);
	else
		refuse(r, ref, CWA_NO_ROOM);
}

/* --- invited -------------------------------------------------------------------------------------------------------------------------------------- */

static uint32_t take_handle(struct cwa_rooms *r)
{
	uint32_t handle;

	do {
		handle = r->next_handle++;
		if (r->next_handle <= IM_ROOM_DEVICE_MAX)
			r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	} while (cwa_room_by_handle(r, handle));
	return handle;
}

static void asked(struct cwa_rooms *r, struct cwa_conversation *c, enum cwa_room_state state, struct cwa_person *by, const char *text)
{
	struct cwa_room *room;

	if (r->count >= CWA_ROOMS_MAX) {
		log_warning("invitation declined from=%s rooms=%zu", log_str(by->user), r->count);
		(void)cwa_conversation_leave(&c, NULL, NULL);
		return;
	}
	room = add(r, take_handle(r), state, c);
	room->members[room->member_count++] = (struct cwa_member){ .person = by };
	cwa_room_tell(room, IM_ROOM_INVITED, by, text);
	cwa_conversation_own(c, cwa_room_happened, room);
}

void cwa_rooms_invited(struct cwa_rooms *r, struct cwa_conversation *c, struct cwa_person *by, const char *text)
{
	asked(r, c, ROOM_INVITED, by, text);
}

void cwa_rooms_adopt(struct cwa_rooms *r, struct cwa_conversation *c, struct cwa_person *partner)
{
	asked(r, c, ROOM_ADOPTED, partner, "");
}

/* "Not possible": the server has accepted for the user meanwhile, or it is over; it says which. */
static void accepted(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct communicator *m = ctx;
	struct cwa_room *room = cwa_room_by_serial(m->rooms, (uint32_t)(uintptr_t)arg);
	uint32_t ref = room ? room->answer_ref : 0;

	if (!ref)
		return;
	room->answer_ref = 0;
	if (reply->refusal.code == IM_OK || reply->refusal.number == CWA_INVALID_OPERATION) {
		communicator_done(m, ref, &good);
		return;
	}
	if (room->c)
		(void)cwa_conversation_leave(&room->c, NULL, NULL);
	cwa_room_drop(room);
	communicator_done(m, ref, &reply->refusal);
}

void cwa_rooms_answer(struct cwa_rooms *r, uint32_t ref, uint32_t handle, bool accept)
{
	struct cwa_room *room = cwa_room_by_handle(r, handle);

	if (!room || cwa_room_is_decided(room)) {
		refuse(r, ref, "no invitation waits for an answer");
	} else if (!accept) {
		leave(room, ref);
	} else if (room->state != ROOM_INVITED) {
		room->state = ROOM_IN;
		communicator_done(r->m, ref, &good);
		cwa_room_present(room);
	} else if (cwa_conversation_accept(room->c, accepted, (void *)(uintptr_t)room->serial)) {
		room->state = ROOM_JOINING;
		room->answer_ref = ref;
	} else {
		refuse(r, ref, COMMUNICATOR_FULL);
	}
}

void cwa_rooms_typing(struct cwa_rooms *r, uint32_t handle, bool on)
{
	const struct cwa_room *room = cwa_room_by_handle(r, handle);

	if (room && room->state == ROOM_IN && room->c && room->c->connected)
		cwa_conversation_composing(room->c, on);
}

/* --- life -------------------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_rooms *cwa_rooms_new(struct communicator *m)
{
	struct cwa_rooms *r = memory_new(sizeof *r);

	r->m = m;
	r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	return r;
}

void cwa_rooms_free(struct cwa_rooms **rooms)
{
	struct cwa_rooms *r = *rooms;

	if (!r)
		return;
	*rooms = NULL;
	cwa_rooms_abandon_said(r);
	while (r->list) {
		cwa_room_drop_invites(r->list, NULL);
		free_room(r->list);
	}
	free(r);
}
