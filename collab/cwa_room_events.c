/* What the server tells of a room's conversation. */
#include "collab/cwa_rooms_private.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/memory.h"

/* --- who is there ----------------------------------------------------------------------------------------------------------------------------------- */

static struct cwa_member *member(struct cwa_room *room, const struct cwa_person *person)
{
	for (size_t i = 0; i < room->member_count; i++)
		if (room->members[i].person == person)
			return &room->members[i];
	return NULL;
}

static void forget(struct cwa_room *room, struct cwa_member *gone)
{
	*gone = room->members[--room->member_count];
}

void cwa_room_member_came(struct cwa_room *room, struct cwa_person *person)
{
	struct cwa_member *there = member(room, person);

	if (there) {
		there->in_doubt = false;
		return;
	}
	if (room->member_count < CWA_ROOM_MEMBERS_MAX)
		room->members[room->member_count++] = (struct cwa_member){ .person = person };
	if (cwa_room_is_decided(room))
		cwa_room_tell(room, room->settling ? IM_ROOM_PRESENT : IM_ROOM_JOINED, person, "");
}

static void member_left(struct cwa_room *room, struct cwa_person *person)
{
	struct cwa_member *there = member(room, person);

	if (!there)
		return;
	forget(room, there);
	if (cwa_room_is_decided(room))
		cwa_room_tell(room, IM_ROOM_LEFT, person, "");
}

void cwa_room_present(struct cwa_room *room)
{
	for (size_t i = 0; i < room->member_count; i++)
		cwa_room_tell(room, IM_ROOM_PRESENT, room->members[i].person, "");
	cwa_room_tell_held(room);
}

/* Who has not been named with the user's coming back has gone meanwhile. */
void cwa_room_settled(void *arg)
{
	struct cwa_room *room = arg;

	room->settling = false;
	for (size_t i = room->member_count; i-- > 0;)
		if (room->members[i].in_doubt)
			member_left(room, room->members[i].person);
}

/* --- coming and going ------------------------------------------------------------------------------------------------------------------------------- */

/* Those who are there are named in the same answer of the server. */
static void settle(struct cwa_room *room)
{
	room->settling = true;
	loop_defer(room->rooms->m->loop, &room->settled);
}

static struct cwa_invite *only_one(const struct cwa_room *room)
{
	struct cwa_invite *i, *only = NULL;

	DL_FOREACH(room->invites, i) {
		if (!i->asked)
			continue;
		if (only)
			return NULL;
		only = i;
	}
	return only;
}

/* One of those asked for with the conversation has come. Who, is told by events when there are several; the others may follow. */
static void somebody_came(struct cwa_room *room)
{
	const struct cwa_invite *only = only_one(room);
	struct cwa_person *person = only ? cwa_people_uri(&room->rooms->m->people, only->uri) : NULL;
	const struct cwa_refusal good = { .code = IM_OK };
	struct cwa_invite *i, *next;

	room->state = ROOM_IN;
	DL_FOREACH_SAFE(room->invites, i, next) {
		uint32_t ref = i->ref;

		if (!i->asked)
			continue;
		DL_DELETE(room->invites, i);
		room->invite_count--;
		free(i->uri);
		free(i);
		if (ref)
			communicator_done(room->rooms->m, ref, &good);
	}
	if (person)
		cwa_room_member_came(room, person);
}

static void connected(struct cwa_room *room)
{
	switch (room->state) {
	case ROOM_CONNECTING:
		somebody_came(room);
		break;
	case ROOM_COMING_BACK:
		room->state = ROOM_IN;
		settle(room);
		break;
	case ROOM_JOINING:
		room->state = ROOM_IN;
		settle(room);
		cwa_room_present(room);
		break;
	case ROOM_INVITED:
		room->state = ROOM_TAKEN;
		settle(room);
		break;
	default:
		break;
	}
	cwa_room_send_invites(room);
	cwa_room_say_all(room);
}

/* With nobody left there is no conversation; the room is still there. */
static void is_empty(struct cwa_room *room, const struct cwa_refusal *why)
{
	room->c = NULL;
	room->state = ROOM_EMPTY;
	loop_timer_cancel(room->doubt);
	while (room->member_count)
		member_left(room, room->members[0].person);
	cwa_room_calling_over(room, why);
	cwa_room_drop_said(room, why);
	cwa_room_send_invites(room);
}

static void answer_lost(struct cwa_room *room, const struct cwa_refusal *why)
{
	uint32_t ref = room->answer_ref;

	room->answer_ref = 0;
	if (ref)
		communicator_done(room->rooms->m, ref, why);
}

static void over(struct cwa_room *room, const struct cwa_refusal *why)
{
	bool of_several = room->c->mode == CWA_ESCALATED;

	if (room->state == ROOM_CONNECTING || (room->state == ROOM_IN && !of_several)) {
		is_empty(room, why);
		return;
	}
	room->c = NULL;
	answer_lost(room, why);
	cwa_room_close(room);
}

/* The session is another: back into a conversation of several by its focus. */
static void lost(struct cwa_room *room, const struct cwa_refusal *why)
{
	bool of_several = room->c->mode == CWA_ESCALATED && *room->c->focus;
	char *focus = memory_str(room->c->focus);

	room->c = NULL;
	loop_timer_cancel(room->doubt);
	answer_lost(room, why);
	if (room->state == ROOM_IN && of_several) {
		for (size_t i = 0; i < room->member_count; i++)
			room->members[i].in_doubt = true;
		cwa_room_calling_over(room, why);
		cwa_room_come_back(room, focus);
	} else {
		cwa_room_close(room);
	}
	free(focus);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------------------------- */

static void about_person(struct cwa_room *room, const struct cwa_happening *h)
{
	struct communicator *m = room->rooms->m;
	struct cwa_person *person = *h->uri ? cwa_people_uri(&m->people, h->uri) : room->member_count == 1 ? room->members[0].person : NULL;
	struct im_typing typing = { .room = room->handle, .on = h->on };

	if (!person || person == cwa_people_known(&m->people, m->people.own_uri))
		return;
	if (h->kind == CWA_MESSAGE) {
		cwa_room_heard(room, person, h->text);
	} else if (h->kind == CWA_PARTICIPANT) {
		if (*h->name && !*person->called)
			cwa_person_called(person, h->name);
		if (h->on)
			cwa_room_member_came(room, person);
		else
			member_left(room, person);
	} else if (cwa_room_is_decided(room)) {
		typing.user = bytes_str(person->user);
		m->events.typing(m->ctx, &typing);
	}
}

void cwa_room_happened(void *owner, struct cwa_conversation *c, const struct cwa_happening *h)
{
	struct cwa_room *room = owner;

	(void)c;
	switch (h->kind) {
	case CWA_CONNECTED:
		connected(room);
		break;
	case CWA_OVER:
		over(room, &h->refusal);
		break;
	case CWA_LOST:
		lost(room, &h->refusal);
		break;
	case CWA_INVITE_FAILED:
		/* Of the focus: the user himself may not come back, and is told so when it is over. */
		if (room->state != ROOM_COMING_BACK)
			cwa_room_invite_failed(room, h->uri, &h->refusal);
		break;
	case CWA_MODE_CHANGED:
		loop_timer_cancel(room->doubt);
		cwa_room_say_all(room);
		break;
	default:
		about_person(room, h);
	}
}
