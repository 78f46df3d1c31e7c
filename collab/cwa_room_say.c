/* What is said in a room. */
#include "collab/cwa_rooms_private.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"
#include "collab/cwa_said.h"
#include "protocol/cwa/codes.h"

enum { DOUBT_MS = 2000 };        /* after "not possible now", for the event that says why. Source: ours */

static void free_said(struct cwa_room_said *said)
{
	free(said->text);
	free(said);
}

/* It is in no list any more. */
static void done(struct cwa_room_said *said, const struct cwa_refusal *refusal)
{
	struct cwa_room *room = cwa_room_by_serial(said->rooms, said->room);
	struct cwa_said *whole = said->said;

	if (room)
		room->unsent--;
	free_said(said);
	cwa_said_part(whole, refusal);
}

void cwa_room_drop_said(struct cwa_room *room, const struct cwa_refusal *refusal)
{
	while (room->waiting) {
		struct cwa_room_said *said = room->waiting;

		DL_DELETE(room->waiting, said);
		done(said, refusal);
	}
}

void cwa_rooms_abandon_said(struct cwa_rooms *r)
{
	struct cwa_room *room;

	DL_FOREACH(r->list, room)
		DL_CONCAT(r->sent, room->waiting);
	while (r->sent) {
		struct cwa_room_said *said = r->sent;

		DL_DELETE(r->sent, said);
		cwa_said_abandon(said->said);
		free_said(said);
	}
}

/* --- saying ---------------------------------------------------------------------------------------------------------------------------------------- */

/* In the order in which it was said: before what has waited all the time. */
static void again(struct cwa_room *room, struct cwa_room_said *said)
{
	struct cwa_room_said *at = room->waiting;

	said->tried_again = true;
	while (at && at->tried_again)
		at = at->next;
	if (at)
		DL_PREPEND_ELEM(room->waiting, at, said);
	else
		DL_APPEND(room->waiting, said);
}

static void replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct cwa_room_said *said = arg;
	struct cwa_room *room = cwa_room_by_serial(said->rooms, said->room);

	(void)ctx;
	DL_DELETE(said->rooms->sent, said);
	/* Somebody is being invited, or the session is another. */
	if (room && !said->tried_again && (reply->session_gone || reply->refusal.number == CWA_INVALID_OPERATION)) {
		again(room, said);
		if (!reply->session_gone && room->state == ROOM_IN && room->c->mode != CWA_ESCALATING)
			loop_timer_set(room->doubt, DOUBT_MS);
	} else {
		done(said, &reply->refusal);
	}
}

void cwa_room_say_all(struct cwa_room *room)
{
	while (room->waiting && room->state == ROOM_IN && room->c->connected && room->c->mode != CWA_ESCALATING &&
	       !loop_timer_is_set(room->doubt)) {
		struct cwa_room_said *said = room->waiting;

		DL_DELETE(room->waiting, said);
		DL_APPEND(room->rooms->sent, said);
		if (cwa_conversation_say(room->c, said->text, replied, said))
			continue;
		DL_DELETE(room->rooms->sent, said);
		done(said, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
	}
}

static const char *fault_of(const struct cwa_room *room, uint32_t *code)
{
	*code = IM_BACKEND_REFUSED;
	if (!room || !cwa_room_is_decided(room))
		return CWA_NO_ROOM;
	if (room->unsent + CWA_PARTS_MAX > CWA_ROOM_UNSENT_MAX)
		return "too many messages wait for the IM server";
	*code = IM_NOT_DELIVERED;
	return room->state == ROOM_EMPTY ? "nobody is in the room" : NULL;
}

void cwa_rooms_say(struct cwa_rooms *r, uint32_t ref, uint32_t handle, struct bytes text)
{
	struct cwa_room *room = cwa_room_by_handle(r, handle);
	struct bytes pieces[CWA_PARTS_MAX];
	struct cwa_said *whole;
	uint32_t code;
	const char *fault = fault_of(room, &code);
	char *clean;
	size_t count;

	if (fault) {
		r->m->events.done(r->m->ctx, ref, code, fault);
		return;
	}
	clean = communicator_text(text, IM_TEXT_MAX);
	count = cwa_said_split(bytes_str(clean), pieces);
	whole = cwa_said_new(r->m, ref, (unsigned)count);
	for (size_t i = 0; i < count; i++) {
		struct cwa_room_said *said = memory_new(sizeof *said);

		*said = (struct cwa_room_said){ .rooms = r, .said = whole, .room = room->serial, .text = bytes_dup(pieces[i]) };
		DL_APPEND(room->waiting, said);
		room->unsent++;
	}
	cwa_room_say_all(room);
	free(clean);
}

/* --- hearing --------------------------------------------------------------------------------------------------------------------------------------- */

static void tell(const struct cwa_room *room, const struct cwa_person *person, const char *text)
{
	struct communicator *m = room->rooms->m;
	struct im_room_message_event in_room = { .room = room->handle, .from = bytes_str(person->user), .name = bytes_str(person->name),
		.text = bytes_str(text) };
	struct im_message_event alone = { .from = in_room.from, .name = in_room.name, .text = in_room.text, .kind = IM_KIND_MESSAGE };

	/* In a room that the user has not decided upon, what his partner says is still said to him alone. */
	if (room->state == ROOM_ADOPTED)
		m->events.message(m->ctx, &alone);
	else
		m->events.room_message(m->ctx, &in_room);
}

void cwa_room_heard(struct cwa_room *room, struct cwa_person *person, const char *text)
{
	char *clean = *text ? communicator_text(bytes_str(text), IM_TEXT_MAX) : NULL;
	struct cwa_held *held;

	if (!clean)
		return;
	if (room->state != ROOM_TAKEN && room->state != ROOM_INVITED) {
		tell(room, person, clean);
		free(clean);
		return;
	}
	if (room->held_count == CWA_ROOM_HELD_MAX) {
		held = room->held;
		DL_DELETE(room->held, held);
		free(held->text);
	} else {
		held = memory_new(sizeof *held);
		room->held_count++;
	}
	*held = (struct cwa_held){ .person = person, .text = clean };
	DL_APPEND(room->held, held);
}

void cwa_room_tell_held(struct cwa_room *room)
{
	const struct cwa_held *held;

	DL_FOREACH(room->held, held)
		tell(room, held->person, held->text);
	cwa_room_drop_held(room);
}

void cwa_room_drop_held(struct cwa_room *room)
{
	while (room->held) {
		struct cwa_held *held = room->held;

		DL_DELETE(room->held, held);
		free(held->text);
		free(held);
	}
	room->held_count = 0;
}
