#include "collab/groupwise_rooms.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/groupwise_talk.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"

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
	uint32_t last_ref;           /* the last message that the server took */
};

struct rooms {
	struct messenger *m;
	struct room *list;
	size_t count;
	uint32_t next_serial, next_handle;
};

struct rooms *rooms_new(struct messenger *m)
{
	struct rooms *r = memory_new(sizeof *r);

	r->m = m;
	r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	return r;
}

static void drop_room(struct rooms *r, struct room *room)
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
		drop_room(*rooms, (*rooms)->list);
	free(*rooms);
	*rooms = NULL;
}

/* --- the list ------------------------------------------------------------------------------------------------------------ */

static struct room *by_handle(const struct rooms *r, uint32_t handle)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->handle == handle)
			break;
	}
	return room;
}

static struct room *by_serial(const struct rooms *r, uint32_t serial)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->serial == serial)
			break;
	}
	return room;
}

static struct room *by_conference(const struct rooms *r, struct bytes id)
{
	struct room *room;

	DL_FOREACH(r->list, room) {
		if (room->id[0] && gw_conference_same(bytes_str(room->id), id))
			break;
	}
	return room;
}

static struct room *add_room(struct rooms *r, uint32_t handle, enum room_state state)
{
	struct room *room = memory_new(sizeof *room);

	room->serial = ++r->next_serial;
	room->handle = handle;
	room->state = state;
	DL_APPEND(r->list, room);
	r->count++;
	return room;
}

static uint32_t take_handle(struct rooms *r)
{
	uint32_t handle;

	do {
		handle = r->next_handle++;
		if (r->next_handle <= IM_ROOM_DEVICE_MAX)
			r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	} while (by_handle(r, handle));
	return handle;
}

static void add_member(struct room *room, struct person *person)
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

static void tell(struct rooms *r, const struct room *room, enum im_room_happening event, const struct person *person, struct bytes text)
{
	struct im_room_event message = { .room = room->handle, .event = event, .text = gw_utf8_cut(text, IM_STATUS_TEXT_MAX) };

	message.user = bytes_str(person ? person->user : "");
	message.name = bytes_str(person ? person->name : "");
	r->m->events.room_event(r->m->ctx, &message);
}

static void refuse(struct rooms *r, uint32_t ref, const char *why)
{
	r->m->events.done(r->m->ctx, ref, IM_BACKEND_REFUSED, why);
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
	const struct room *room = by_serial(r, i->serial);

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
	const struct room *room = by_serial(i->rooms, i->serial);

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
	const struct room *room = by_handle(r, invite->room);

	if (!room || room->state != ROOM_IN)
		refuse(r, ref, NO_ROOM);
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
	struct room *room = by_serial(r, o->serial);
	char conference[GW_CONFERENCE_LEN + 1];

	if (!bytes_copy_str(id, conference, sizeof conference) || !conference[0]) {
		if (room)
			drop_room(r, room);
		refuse(r, o->ref, "it answered createconf without a usable conference");
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
	struct room *room = by_serial(r, o->serial);

	(void)ctx;
	if (answer && groupwise_accepted(answer)) {
		room_made(o, gw_text(gw_find(fields, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID));
	} else if (answer) {
		struct refusal refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);

		if (room)
			drop_room(r, room);
		r->m->events.done(r->m->ctx, o->ref, refusal.code, refusal.text);
	}
	free_opening(o);
}

void rooms_open(struct rooms *r, uint32_t ref, const struct im_room_open *open)
{
	struct opening *o;
	struct room *room;

	if (open->room == 0 || open->room > IM_ROOM_DEVICE_MAX || by_handle(r, open->room)) {
		refuse(r, ref, "the room's handle cannot be used");
		return;
	}
	if (r->count >= ROOMS_MAX) {
		refuse(r, ref, "too many rooms");
		return;
	}
	room = add_room(r, open->room, ROOM_MAKING);
	o = memory_new(sizeof *o);
	o->rooms = r;
	o->serial = room->serial;
	o->ref = ref;
	for (; o->count < open->count; o->count++)
		o->users[o->count] = bytes_dup(open->users[o->count].user);
	messenger_in_conference(r->m, GW_CONFERENCE_BLANK);
	gw_add_dn(&r->m->fields, NULL, GW_TAG_DN, bytes_str(r->m->own_dn));
	if (!groupwise_link_request(r->m->link, "createconf", NULL, &r->m->fields, open_answered, o)) {
		drop_room(r, room);
		free_opening(o);
		refuse(r, ref, MESSENGER_FULL);
	}
}

/* --- joining and leaving -------------------------------------------------------------------------------------------------- */

void rooms_invited(struct rooms *r, struct bytes conference, const struct person *by, struct bytes text)
{
	struct room *room = by_conference(r, conference);
	struct buf words = { 0 };

	if (!room && (r->count >= ROOMS_MAX || !conference.len || conference.len > GW_CONFERENCE_LEN)) {
		log_warning("invitation declined from=%s rooms=%zu", log_str(by->user), r->count);
		gw_tree_clear(&r->m->fields);
		gw_add_text(&r->m->fields, gw_add_array(&r->m->fields, NULL, GW_TAG_CONVERSATION), GW_TAG_OBJECT_ID, conference);
		messenger_tell(r->m, "rejectconf");
		return;
	}
	if (room && room->state != ROOM_INVITED)
		return;
	if (!room) {
		room = add_room(r, take_handle(r), ROOM_INVITED);
		bytes_copy_str(conference, room->id, sizeof room->id);
	}
	gw_utf8_repair(text, &words);
	tell(r, room, IM_ROOM_INVITED, by, buf_bytes(&words));
	buf_free(&words);
}

bool rooms_adopt(struct rooms *r, struct bytes conference, struct person *partner)
{
	struct room *room;

	if (r->count >= ROOMS_MAX || conference.len > GW_CONFERENCE_LEN)
		return false;
	room = add_room(r, take_handle(r), ROOM_ADOPTED);
	bytes_copy_str(conference, room->id, sizeof room->id);
	add_member(room, partner);
	tell(r, room, IM_ROOM_INVITED, partner, (struct bytes){ 0 });
	return true;
}

/* Who is there, and who is still expected, after a join. */
struct joined {
	struct rooms *rooms;
	uint32_t serial;
	size_t count, here;              /* the first so many are there */
	char *dns[ROOM_MEMBERS_MAX];
};

static void tell_present(void *arg, bool over)
{
	struct joined *j = arg;
	struct rooms *r = j->rooms;

	for (size_t i = 0; i < j->count; i++) {
		struct person *person = over ? NULL : people_by_dn(&r->m->people, bytes_str(j->dns[i]));
		struct room *room = by_serial(r, j->serial);

		if (person && room && i < j->here)
			add_member(room, person);
		if (person && room)
			tell(r, room, i < j->here ? IM_ROOM_PRESENT : IM_ROOM_OTHER_INVITED, person, (struct bytes){ 0 });
		free(j->dns[i]);
	}
	free(j);
}

static void note_dns(struct joined *j, const struct gw_field *list, const char *own_dn)
{
	for (const struct gw_field *f = gw_find(list, GW_TAG_DN); f && j->count < ROOM_MEMBERS_MAX; f = gw_find_next(f)) {
		if (f->text.len && !gw_dn_same(f->text, bytes_str(own_dn)))
			j->dns[j->count++] = bytes_dup(f->text);
	}
}

struct answering {
	struct rooms *rooms;
	uint32_t serial, ref;
};

static void join_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct answering a = *(struct answering *)arg;
	struct rooms *r = a.rooms;
	struct room *room = by_serial(r, a.serial);
	struct bytes dns[ROOM_MEMBERS_MAX];
	struct refusal refusal;
	struct joined *j;

	(void)ctx;
	free(arg);
	if (!answer)
		return;
	refusal = groupwise_refusal(answer, REFUSAL_OF_CHANGE);
	r->m->events.done(r->m->ctx, a.ref, refusal.code, refusal.text);
	if (!room)
		return;
	if (refusal.code != IM_OK) {
		drop_room(r, room);
		return;
	}
	room->state = ROOM_IN;
	j = memory_new(sizeof *j);
	j->rooms = r;
	j->serial = a.serial;
	note_dns(j, gw_find(fields, GW_TAG_CONTACT_LIST), r->m->own_dn);
	j->here = j->count;
	note_dns(j, gw_find(fields, GW_TAG_RESULTS), r->m->own_dn);
	for (size_t i = 0; i < j->count; i++)
		dns[i] = bytes_str(j->dns[i]);
	messenger_know(r->m, dns, j->count, tell_present, j);
}

static void accept_adopted(struct rooms *r, uint32_t ref, struct room *room)
{
	room->state = ROOM_IN;
	r->m->events.done(r->m->ctx, ref, IM_OK, "");
	for (size_t i = 0; i < room->member_count; i++)
		tell(r, room, IM_ROOM_PRESENT, room->members[i], (struct bytes){ 0 });
}

void rooms_answer(struct rooms *r, uint32_t ref, uint32_t handle, bool accept)
{
	struct room *room = by_handle(r, handle);
	struct answering *a;

	if (!room || (room->state != ROOM_INVITED && room->state != ROOM_ADOPTED)) {
		refuse(r, ref, "no invitation waits for an answer");
		return;
	}
	if (!accept) {
		messenger_in_conference(r->m, room->id);
		messenger_request(r->m, room->state == ROOM_INVITED ? "rejectconf" : "leaveconf", ref, REFUSAL_OF_CHANGE);
		drop_room(r, room);
		return;
	}
	if (room->state == ROOM_ADOPTED) {
		accept_adopted(r, ref, room);
		return;
	}
	a = memory_new(sizeof *a);
	*a = (struct answering){ .rooms = r, .serial = room->serial, .ref = ref };
	messenger_in_conference(r->m, room->id);
	if (groupwise_link_request(r->m->link, "joinconf", NULL, &r->m->fields, join_answered, a)) {
		room->state = ROOM_JOINING;
		return;
	}
	free(a);
	refuse(r, ref, MESSENGER_FULL);
}

void rooms_leave(struct rooms *r, uint32_t ref, uint32_t handle)
{
	struct room *room = by_handle(r, handle);

	if (!room) {
		refuse(r, ref, NO_ROOM);
		return;
	}
	if (room->state == ROOM_MAKING) {
		r->m->events.done(r->m->ctx, ref, IM_OK, "");       /* left as soon as it is made */
	} else {
		messenger_in_conference(r->m, room->id);
		messenger_request(r->m, room->state == ROOM_INVITED ? "rejectconf" : "leaveconf", ref, REFUSAL_OF_CHANGE);
	}
	drop_room(r, room);
}

/* --- talking in it -------------------------------------------------------------------------------------------------------- */

struct room_said {
	struct rooms *rooms;
	struct outcome *outcome;
	uint32_t serial, ref;
};

static void say_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct room_said said = *(struct room_said *)arg;
	struct room *room = by_serial(said.rooms, said.serial);
	struct refusal refusal;

	(void)ctx;
	(void)fields;
	free(arg);
	if (!answer) {
		outcome_drop(&said.outcome);
		return;
	}
	refusal = groupwise_refusal(answer, REFUSAL_OF_DELIVERY);
	if (room && refusal.code == IM_OK) {
		room->last_ref = said.ref;
	} else if (room && answer->code == GW_NO_CONFERENCE) {
		tell(said.rooms, room, IM_ROOM_CLOSED, NULL, (struct bytes){ 0 });
		drop_room(said.rooms, room);
	}
	outcome_part(&said.outcome, refusal.code, refusal.text);
}

static void say_part(struct rooms *r, const struct room *room, uint32_t ref, struct outcome *outcome, struct bytes text)
{
	struct room_said *said = memory_new(sizeof *said);

	*said = (struct room_said){ .rooms = r, .outcome = outcome, .serial = room->serial, .ref = ref };
	talk_write_message(r->m->talk, room->id, text);
	for (size_t i = 0; i < room->member_count; i++)
		gw_add_dn(&r->m->fields, NULL, GW_TAG_DN, bytes_str(room->members[i]->dn));
	if (!groupwise_link_request(r->m->link, "sendmessage", NULL, &r->m->fields, say_answered, said)) {
		free(said);
		outcome_part(&outcome, IM_BACKEND_REFUSED, MESSENGER_FULL);
	}
}

void rooms_say(struct rooms *r, uint32_t ref, uint32_t handle, struct bytes text)
{
	const struct room *room = by_handle(r, handle);
	struct bytes rest = text;
	struct outcome *outcome;
	unsigned count = 0;

	if (!room || room->state != ROOM_IN) {
		refuse(r, ref, NO_ROOM);
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
	const struct room *room = by_handle(r, handle);

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
		in_room.text = alone.text = gw_utf8_cut(rest, IM_TEXT_MAX);
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
		add_member(room, person);
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
		if (room->last_ref)
			r->m->events.done(r->m->ctx, room->last_ref, IM_NOT_DELIVERED, person->user);
		return;
	default:
		break;
	}
	if (!undecided)
		tell(r, room, event->type == GW_EVENT_JOINED ? IM_ROOM_JOINED : event->type == GW_EVENT_LEFT ? IM_ROOM_LEFT :
			event->type == GW_EVENT_REJECTED ? IM_ROOM_DECLINED : IM_ROOM_OTHER_INVITED, person, (struct bytes){ 0 });
}

bool rooms_event(struct rooms *r, const struct gw_event *event, struct person *person)
{
	bool has_conference = gw_event_carries(event->type) & GW_EVENT_HAS_CONFERENCE;
	struct room *room = has_conference ? by_conference(r, event->conference) : NULL;

	/* An automatic reply is to the one who spoke, wherever he did. */
	if (!room || event->type == GW_EVENT_INVITATION || event->type == GW_EVENT_AUTO_REPLY)
		return false;
	if (event->type == GW_EVENT_CONFERENCE_CLOSED) {
		tell(r, room, IM_ROOM_CLOSED, NULL, (struct bytes){ 0 });
		drop_room(r, room);
	} else if (person) {
		about_person(r, room, event, person);
	}
	return true;
}
