#include "collab/groupwise_rooms_private.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "collab/groupwise_talk.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

struct rooms *rooms_new(struct messenger *m)
{
	struct rooms *r = memory_new(sizeof *r);

	r->m = m;
	r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	return r;
}

void rooms_drop(struct rooms *r, struct room *room)
{
	DL_DELETE(r->list, room);
	r->count--;
	free(room);
}

void rooms_free(struct rooms **rooms)
{
	if (!*rooms)
		return;
	while ((*rooms)->list)
		rooms_drop(*rooms, (*rooms)->list);
	free(*rooms);
	*rooms = NULL;
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

struct room *rooms_by_handle(const struct rooms *r, uint32_t handle)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->handle == handle)
			break;
	}
	return room;
}

struct room *rooms_by_serial(const struct rooms *r, uint32_t serial)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->serial == serial)
			break;
	}
	return room;
}

struct room *rooms_by_conference(const struct rooms *r, struct bytes id)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->id[0] && gw_conference_same(bytes_str(room->id), id))
			break;
	}
	return room;
}

struct room *rooms_add(struct rooms *r, uint32_t handle, enum room_state state)
{
	struct room *room = memory_new(sizeof *room);

	room->serial = ++r->next_serial;
	room->handle = handle;
	room->state = state;
	DL_APPEND(r->list, room);
	r->count++;
	return room;
}

void room_add_member(struct room *room, struct person *person)
{
	for (size_t i = 0; i < room->member_count; i++) {
		if (room->members[i] == person)
			return;
	}
	if (room->member_count < ROOM_MEMBERS_MAX)
		room->members[room->member_count++] = person;
}

static void remove_member(struct room *room, const struct person *person)
{
	for (size_t i = 0; i < room->member_count; i++) {
		if (room->members[i] == person) {
			room->members[i] = room->members[--room->member_count];
			return;
		}
	}
}

/* --- telling the device --------------------------------------------------------------------------------------------------- */

void rooms_tell(struct rooms *r, const struct room *room, enum im_room_happening event, const struct person *person, struct bytes text)
{
	struct im_room_event message = { .room = room->handle, .event = event, .text = utf8_cut(text, IM_STATUS_TEXT_MAX) };

	message.user = bytes_str(person ? person->user : "");
	message.name = bytes_str(person ? person->name : "");
	r->m->events.room_event(r->m->ctx, &message);
}

void rooms_refuse(struct rooms *r, uint32_t ref, const char *why)
{
	r->m->events.done(r->m->ctx, ref, IM_BACKEND_REFUSED, why);
}

size_t rooms_count(const struct rooms *r)
{
	return r->count;
}

void rooms_close(struct rooms *r)
{
	while (r->list) {
		rooms_tell(r, r->list, IM_ROOM_CLOSED, NULL, (struct bytes){ 0 });
		rooms_drop(r, r->list);
	}
}

/* --- inviting ------------------------------------------------------------------------------------------------------------- */

/* ref 0: one of those that a room was opened with; the device hears of a failure as if he had declined. */
struct inviting {
	struct rooms *rooms;
	uint32_t serial, ref;
	char *user, *text;
};

static void end_inviting(struct inviting *i, const struct refusal *refusal)
{
	struct rooms *r = i->rooms;
	const struct room *room = rooms_by_serial(r, i->serial);

	if (refusal && i->ref) {
		r->m->events.done(r->m->ctx, i->ref, refusal->code, refusal->text);
	} else if (refusal && refusal->code != IM_OK && room) {
		const struct person *person = people_by_name(&r->m->people, bytes_str(i->user));
		struct im_room_event message = { .room = room->handle, .event = IM_ROOM_DECLINED, .user = bytes_str(person ? person->user :
			i->user), .name = bytes_str(person ? person->name : i->user), .text = bytes_str(refusal->text) };

		r->m->events.room_event(r->m->ctx, &message);
	}
	free(i->user);
	free(i->text);
	free(i);
}

static void invite_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	if (answer)
		refusal = groupwise_refusal(answer, REFUSAL_OF_DELIVERY);
	end_inviting(arg, answer ? &refusal : NULL);
}

static void invitee_found(void *arg, struct person *person, const struct refusal *refusal)
{
	struct inviting *i = arg;
	struct messenger *m = i->rooms->m;
	const struct room *room = rooms_by_serial(i->rooms, i->serial);

	if (!person || !room || room->state != ROOM_IN) {
		end_inviting(i, person ? &(struct refusal){ .code = IM_BACKEND_REFUSED, .text = NO_ROOM } : refusal);
		return;
	}
	messenger_in_conference(m, room->id);
	gw_add_dn(&m->fields, NULL, GW_TAG_DN, bytes_str(person->dn));
	if (i->text[0])
		gw_add_str(&m->fields, NULL, GW_TAG_MESSAGE_BODY, i->text);
	if (!groupwise_link_request(m->link, "sendinvite", NULL, &m->fields, invite_answered, i))
		end_inviting(i, &(struct refusal){ .code = IM_BACKEND_REFUSED, .text = MESSENGER_FULL });
}

/* Each in a request of its own: the server refuses all that one asks for if one of them is not there. */
static void invite_one(struct rooms *r, const struct room *room, uint32_t ref, struct bytes user, struct bytes text)
{
	struct inviting *i = memory_new(sizeof *i);

	i->rooms = r;
	i->serial = room->serial;
	i->ref = ref;
	i->user = bytes_dup(user);
	i->text = bytes_dup(text);
	messenger_find(r->m, user, invitee_found, i);
}

void rooms_invite(struct rooms *r, uint32_t ref, const struct im_room_invite *invite)
{
	const struct room *room = rooms_by_handle(r, invite->room);

	if (!room || room->state != ROOM_IN)
		rooms_refuse(r, ref, NO_ROOM);
	else
		invite_one(r, room, ref, invite->user, invite->text);
}

/* --- making one ----------------------------------------------------------------------------------------------------------- */

struct opening {
	struct rooms *rooms;
	uint32_t serial, ref;
	size_t count;
	char *users[IM_ROOM_USERS_MAX];
};

static void free_opening(struct opening *o)
{
	for (size_t i = 0; i < o->count; i++)
		free(o->users[i]);
	free(o);
}

static void room_made(struct opening *o, struct bytes id)
{
	struct rooms *r = o->rooms;
	struct room *room = rooms_by_serial(r, o->serial);
	char conference[GW_CONFERENCE_LEN + 1];

	if (!bytes_copy_str(id, conference, sizeof conference) || !conference[0]) {
		if (room)
			rooms_drop(r, room);
		rooms_refuse(r, o->ref, "it answered createconf without a usable conference");
		return;
	}
	r->m->events.done(r->m->ctx, o->ref, IM_OK, "");
	if (!room) {
		/* The device has left it while it was made. */
		messenger_in_conference(r->m, conference);
		messenger_tell(r->m, "leaveconf");
		return;
	}
	memcpy(room->id, conference, sizeof room->id);
	room->state = ROOM_IN;
	for (size_t i = 0; i < o->count; i++)
		invite_one(r, room, 0, bytes_str(o->users[i]), (struct bytes){ 0 });
}

static void open_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct opening *o = arg;
	struct rooms *r = o->rooms;
	struct room *room = rooms_by_serial(r, o->serial);

	(void)ctx;
	if (answer && groupwise_accepted(answer)) {
		room_made(o, gw_text(gw_find(fields, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID));
	} else if (answer) {
		struct refusal refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);

		if (room)
			rooms_drop(r, room);
		r->m->events.done(r->m->ctx, o->ref, refusal.code, refusal.text);
	}
	free_opening(o);
}

void rooms_open(struct rooms *r, uint32_t ref, const struct im_room_open *open)
{
	struct opening *o;
	struct room *room;

	if (open->room == 0 || open->room > IM_ROOM_DEVICE_MAX || rooms_by_handle(r, open->room)) {
		rooms_refuse(r, ref, "the room's handle cannot be used");
		return;
	}
	if (r->count >= ROOMS_MAX) {
		rooms_refuse(r, ref, "too many rooms");
		return;
	}
	room = rooms_add(r, open->room, ROOM_MAKING);
	o = memory_new(sizeof *o);
	o->rooms = r;
	o->serial = room->serial;
	o->ref = ref;
	for (; o->count < open->count; o->count++)
		o->users[o->count] = bytes_dup(open->users[o->count].user);
	messenger_in_conference(r->m, GW_CONFERENCE_BLANK);
	gw_add_dn(&r->m->fields, NULL, GW_TAG_DN, bytes_str(r->m->own_dn));
	if (!groupwise_link_request(r->m->link, "createconf", NULL, &r->m->fields, open_answered, o)) {
		rooms_drop(r, room);
		free_opening(o);
		rooms_refuse(r, ref, MESSENGER_FULL);
	}
}

/* --- talking in it -------------------------------------------------------------------------------------------------------- */

struct room_said {
	struct room_said *prev, *next;
	const struct person *missed;     /* the server said so before it answered */
	struct rooms *rooms;
	struct outcome *outcome;
	uint32_t serial, ref;
};

static void say_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct room_said said = *(struct room_said *)arg;
	struct room *room = rooms_by_serial(said.rooms, said.serial);
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	if (room)
		DL_DELETE(room->sent, (struct room_said *)arg);
	free(arg);
	if (!answer) {
		outcome_drop(&said.outcome);
		return;
	}
	refusal = groupwise_refusal(answer, REFUSAL_OF_DELIVERY);
	if (room && refusal.code == IM_OK) {
		room->last_ref = said.ref;
		room->last_missed = said.missed;
	} else if (room && answer->code == GW_NO_CONFERENCE) {
		rooms_tell(said.rooms, room, IM_ROOM_CLOSED, NULL, (struct bytes){ 0 });
		rooms_drop(said.rooms, room);
	}
	if (refusal.code == IM_OK && said.missed)
		outcome_part(&said.outcome, IM_NOT_DELIVERED, said.missed->user);
	else
		outcome_part(&said.outcome, refusal.code, refusal.text);
}

/* It may overtake the answer. Nothing in it says which message it means: the last that was answered, unless that one's fate with
 * this person is known. */
static void missed(struct rooms *r, struct room *room, const struct person *person)
{
	struct room_said *said = room->sent;

	if (said && (!room->last_ref || room->last_missed == person)) {
		while (said->missed == person && said->next)
			said = said->next;
		said->missed = person;
	} else if (room->last_ref) {
		room->last_missed = person;
		r->m->events.done(r->m->ctx, room->last_ref, IM_NOT_DELIVERED, person->user);
	}
}

static void say_part(struct rooms *r, struct room *room, uint32_t ref, struct outcome *outcome, struct bytes text)
{
	struct room_said *said = memory_new(sizeof *said);

	*said = (struct room_said){ .rooms = r, .outcome = outcome, .serial = room->serial, .ref = ref };
	talk_write_message(r->m->talk, room->id, text);
	for (size_t i = 0; i < room->member_count; i++)
		gw_add_dn(&r->m->fields, NULL, GW_TAG_DN, bytes_str(room->members[i]->dn));
	if (groupwise_link_request(r->m->link, "sendmessage", NULL, &r->m->fields, say_answered, said)) {
		DL_APPEND(room->sent, said);
	} else {
		free(said);
		outcome_part(&outcome, IM_BACKEND_REFUSED, MESSENGER_FULL);
	}
}

void rooms_say(struct rooms *r, uint32_t ref, uint32_t handle, struct bytes text)
{
	struct room *room = rooms_by_handle(r, handle);
	struct bytes rest = text;
	struct outcome *outcome;
	unsigned count = 0;

	if (!room || room->state != ROOM_IN) {
		rooms_refuse(r, ref, NO_ROOM);
		return;
	}
	do {
		rest = bytes_slice(rest, gw_rtf_fit(rest, GW_RTF_MAX).len, rest.len);
		count++;
	} while (rest.len);
	outcome = outcome_new(r->m, ref, count);
	while (count--) {
		struct bytes part = gw_rtf_fit(text, GW_RTF_MAX);

		say_part(r, room, ref, outcome, part);
		text = bytes_slice(text, part.len, text.len);
	}
}

void rooms_typing(struct rooms *r, uint32_t handle, bool on)
{
	const struct room *room = rooms_by_handle(r, handle);

	if (room && room->state == ROOM_IN)
		messenger_tell_typing(r->m, room->id, on);
}

/* --- what the server says ------------------------------------------------------------------------------------------------- */

/* In a room that the user has not decided upon, what his partner says is still said to him alone. */
static void heard(struct rooms *r, const struct room *room, const struct gw_event *event, const struct person *person)
{
	struct im_room_message_event in_room = { .room = room->handle, .from = bytes_str(person->user), .name = bytes_str(person->name) };
	struct im_message_event alone = { .from = in_room.from, .name = in_room.name };
	struct buf text = { 0 };
	struct bytes rest;

	talk_read_message(event, &text);
	rest = buf_bytes(&text);
	do {
		in_room.text = alone.text = utf8_cut(rest, IM_TEXT_MAX);
		rest = bytes_slice(rest, in_room.text.len, rest.len);
		if (room->state == ROOM_ADOPTED)
			r->m->events.message(r->m->ctx, &alone);
		else
			r->m->events.room_message(r->m->ctx, &in_room);
	} while (rest.len);
	buf_free(&text);
}

static void about_person(struct rooms *r, struct room *room, const struct gw_event *event, struct person *person)
{
	bool undecided = room->state == ROOM_INVITED || room->state == ROOM_ADOPTED;

	switch (event->type) {
	case GW_EVENT_MESSAGE:
		heard(r, room, event, person);
		return;
	case GW_EVENT_JOINED:
		room_add_member(room, person);
		break;
	case GW_EVENT_LEFT:
		remove_member(room, person);
		break;
	case GW_EVENT_TYPING:
	case GW_EVENT_TYPING_STOPPED:
		if (!undecided)
			r->m->events.typing(r->m->ctx, &(struct im_typing){ .room = room->handle, .user = bytes_str(person->user),
				.on = event->type == GW_EVENT_TYPING });
		return;
	case GW_EVENT_UNDELIVERABLE:
		missed(r, room, person);
		return;
	default:
		break;
	}
	if (!undecided)
		rooms_tell(r, room, event->type == GW_EVENT_JOINED ? IM_ROOM_JOINED : event->type == GW_EVENT_LEFT ? IM_ROOM_LEFT :
			event->type == GW_EVENT_REJECTED ? IM_ROOM_DECLINED : IM_ROOM_OTHER_INVITED, person, (struct bytes){ 0 });
}

bool rooms_event(struct rooms *r, const struct gw_event *event, struct person *person)
{
	bool has_conference = gw_event_carries(event->type) & GW_EVENT_HAS_CONFERENCE;
	struct room *room = has_conference ? rooms_by_conference(r, event->conference) : NULL;

	/* An automatic reply is to the one who spoke, wherever he did. */
	if (!room || event->type == GW_EVENT_INVITATION || event->type == GW_EVENT_AUTO_REPLY)
		return false;
	if (event->type == GW_EVENT_CONFERENCE_CLOSED) {
		rooms_tell(r, room, IM_ROOM_CLOSED, NULL, (struct bytes){ 0 });
		rooms_drop(r, room);
	} else if (person) {
		about_person(r, room, event, person);
	}
	return true;
}
