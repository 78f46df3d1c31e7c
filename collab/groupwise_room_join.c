/* Invitations into rooms, and how one comes into them and out again. */
#include "collab/groupwise_rooms_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "protocol/groupwise/tags.h"

static uint32_t take_handle(struct rooms *r)
{
	uint32_t handle;

	do {
		handle = r->next_handle++;
		if (r->next_handle <= IM_ROOM_DEVICE_MAX)
			r->next_handle = IM_ROOM_DEVICE_MAX + 1;
	} while (rooms_by_handle(r, handle));
	return handle;
}

void rooms_invited(struct rooms *r, struct bytes conference, const struct person *by, struct bytes text)
{
	struct room *room = rooms_by_conference(r, conference);
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
		room = rooms_add(r, take_handle(r), ROOM_INVITED);
		bytes_copy_str(conference, room->id, sizeof room->id);
	}
	utf8_repair(text, &words);
	rooms_tell(r, room, IM_ROOM_INVITED, by, buf_bytes(&words));
	buf_free(&words);
}

bool rooms_adopt(struct rooms *r, struct bytes conference, struct person *partner)
{
	struct room *room;

	if (r->count >= ROOMS_MAX || conference.len > GW_CONFERENCE_LEN)
		return false;
	room = rooms_add(r, take_handle(r), ROOM_ADOPTED);
	bytes_copy_str(conference, room->id, sizeof room->id);
	room_add_member(room, partner);
	rooms_tell(r, room, IM_ROOM_INVITED, partner, (struct bytes){ 0 });
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
		struct room *room = rooms_by_serial(r, j->serial);

		if (person && room && i < j->here)
			room_add_member(room, person);
		if (person && room)
			rooms_tell(r, room, i < j->here ? IM_ROOM_PRESENT : IM_ROOM_OTHER_INVITED, person, (struct bytes){ 0 });
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
	struct room *room = rooms_by_serial(r, a.serial);
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
		rooms_drop(r, room);
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
		rooms_tell(r, room, IM_ROOM_PRESENT, room->members[i], (struct bytes){ 0 });
}

void rooms_answer(struct rooms *r, uint32_t ref, uint32_t handle, bool accept)
{
	struct room *room = rooms_by_handle(r, handle);
	struct answering *a;

	if (!room || (room->state != ROOM_INVITED && room->state != ROOM_ADOPTED)) {
		rooms_refuse(r, ref, "no invitation waits for an answer");
		return;
	}
	if (!accept) {
		messenger_in_conference(r->m, room->id);
		messenger_request(r->m, room->state == ROOM_INVITED ? "rejectconf" : "leaveconf", ref, REFUSAL_OF_CHANGE);
		rooms_drop(r, room);
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
	rooms_refuse(r, ref, MESSENGER_FULL);
}

void rooms_leave(struct rooms *r, uint32_t ref, uint32_t handle)
{
	struct room *room = rooms_by_handle(r, handle);

	if (!room) {
		rooms_refuse(r, ref, NO_ROOM);
		return;
	}
	if (room->state == ROOM_MAKING) {
		r->m->events.done(r->m->ctx, ref, IM_OK, "");       /* left as soon as it is made */
	} else {
		messenger_in_conference(r->m, room->id);
		messenger_request(r->m, room->state == ROOM_INVITED ? "rejectconf" : "leaveconf", ref, REFUSAL_OF_CHANGE);
	}
	rooms_drop(r, room);
}
