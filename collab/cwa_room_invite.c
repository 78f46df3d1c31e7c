/* Whom the user takes into a room: by beginning a conversation with them, or by inviting them into the one that there is. */
#include "collab/cwa_rooms_private.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/memory.h"
#include "protocol/cwa/codes.h"

#define NO_WORDS "invited; the IM server has no place for the words"

/* --- one of them ---------------------------------------------------------------------------------------------------------------------------------- */

struct cwa_invite *cwa_room_add_invite(struct cwa_room *room, uint32_t ref, const char *uri)
{
	struct cwa_invite *i = memory_new(sizeof *i);

	*i = (struct cwa_invite){ .ref = ref, .serial = ++room->rooms->last_invite, .uri = memory_str(uri) };
	DL_APPEND(room->invites, i);
	room->invite_count++;
	return i;
}

static void forget(struct cwa_room *room, struct cwa_invite *i)
{
	DL_DELETE(room->invites, i);
	room->invite_count--;
	free(i->uri);
	free(i);
}

static void declined(struct cwa_room *room, const char *uri, const char *why)
{
	const struct cwa_person *person = cwa_people_uri(&room->rooms->m->people, uri);

	if (person)
		cwa_room_tell(room, IM_ROOM_DECLINED, person, why);
}

static void fail(struct cwa_room *room, struct cwa_invite *i, const struct cwa_refusal *refusal)
{
	struct communicator *m = room->rooms->m;
	char *uri = memory_str(i->uri);
	uint32_t ref = i->ref;

	forget(room, i);
	if (ref)
		communicator_done(m, ref, refusal);
	else
		declined(room, uri, refusal->text);
	free(uri);
}

static struct cwa_invite *find(const struct cwa_room *room, const char *uri)
{
	struct buf clean = { 0 };
	struct cwa_invite *i;

	(void)cwa_uri(uri, &clean);
	DL_FOREACH(room->invites, i)
		if (i->asked && strcmp(i->uri, buf_cstr(&clean)) == 0)
			break;
	buf_free(&clean);
	return i;
}

/* Of somebody whose invitation had its outcome: he has been asked, and does not come. */
void cwa_room_invite_failed(struct cwa_room *room, const char *uri, const struct cwa_refusal *refusal)
{
	struct cwa_invite *i = find(room, uri);

	if (i)
		fail(room, i, refusal);
	else
		declined(room, uri, refusal->text);
}

void cwa_room_calling_over(struct cwa_room *room, const struct cwa_refusal *refusal)
{
	struct cwa_invite *i, *next;

	DL_FOREACH_SAFE(room->invites, i, next)
		if (i->asked)
			fail(room, i, refusal);
}

void cwa_room_drop_invites(struct cwa_room *room, const struct cwa_refusal *refusal)
{
	while (room->invites) {
		uint32_t ref = room->invites->ref;

		forget(room, room->invites);
		if (ref && refusal)
			communicator_done(room->rooms->m, ref, refusal);
	}
}

/* --- a conversation of their own ---------------------------------------------------------------------------------------------------------------------- */

static void called(struct communicator *m, void *arg, struct cwa_conversation *c, const struct cwa_reply *reply)
{
	struct cwa_room *room = cwa_room_by_serial(m->rooms, (uint32_t)(uintptr_t)arg);

	if (!room) {
		if (c)
			(void)cwa_conversation_leave(&c, NULL, NULL);
	} else if (c) {
		room->c = c;
		room->state = room->state == ROOM_COMING_BACK ? ROOM_COMING_BACK : ROOM_CONNECTING;
		cwa_conversation_own(c, cwa_room_happened, room);
	} else if (room->state == ROOM_COMING_BACK) {
		cwa_room_close(room);
	} else {
		room->state = ROOM_EMPTY;
		cwa_room_calling_over(room, &reply->refusal);
		cwa_room_drop_said(room, &reply->refusal);
		cwa_room_send_invites(room);
	}
}

/* All who wait: several become a conversation of several at once. */
static void call(struct cwa_room *room)
{
	const char *uris[CWA_ROOM_INVITES_MAX];
	struct cwa_rooms *r = room->rooms;
	struct cwa_invite *i;
	size_t count = 0;

	DL_FOREACH(room->invites, i) {
		i->asked = true;
		uris[count++] = i->uri;
	}
	room->state = ROOM_CALLING;
	if (cwa_conversations_begin(r->m->conversations, uris, count, "", called, (void *)(uintptr_t)room->serial))
		return;
	room->state = ROOM_EMPTY;
	cwa_room_calling_over(room, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
}

void cwa_room_come_back(struct cwa_room *room, const char *focus)
{
	room->state = ROOM_COMING_BACK;
	if (!cwa_conversations_begin(room->rooms->m->conversations, &focus, 1, "", called, (void *)(uintptr_t)room->serial))
		cwa_room_close(room);
}

/* --- into the one that there is ------------------------------------------------------------------------------------------------------------------------- */

/* An invitation that has failed at once has had its outcome by then. */
static void replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct communicator *m = ctx;
	struct cwa_room *room;
	struct cwa_invite *i = NULL;

	DL_FOREACH(m->rooms->list, room) {
		DL_FOREACH(room->invites, i)
			if (i->serial == (uint32_t)(uintptr_t)arg)
				break;
		if (i)
			break;
	}
	if (!i)
		return;
	if (reply->refusal.code != IM_OK || !i->ref) {
		fail(room, i, &reply->refusal);
	} else {
		uint32_t ref = i->ref;
		const char *text = i->has_words ? NO_WORDS : "";

		forget(room, i);
		m->events.done(m->ctx, ref, IM_OK, text);
	}
}

void cwa_room_send_invites(struct cwa_room *room)
{
	struct cwa_invite *i, *next;

	if (room->state == ROOM_EMPTY && room->invites)
		call(room);
	if (room->state != ROOM_IN)
		return;
	DL_FOREACH_SAFE(room->invites, i, next) {
		if (i->asked)
			continue;
		i->asked = true;
		if (!cwa_conversation_invite(room->c, i->uri, replied, (void *)(uintptr_t)i->serial))
			fail(room, i, &(struct cwa_refusal){ .code = IM_BACKEND_REFUSED, .text = COMMUNICATOR_FULL });
	}
}

void cwa_rooms_invite(struct cwa_rooms *r, uint32_t ref, const struct im_room_invite *invite)
{
	struct cwa_room *room = cwa_room_by_handle(r, invite->room);
	char *uri = cwa_people_uri_of(&r->m->people, invite->user);
	const char *fault = NULL;

	if (!room || !cwa_room_is_decided(room))
		fault = CWA_NO_ROOM;
	else if (!uri)
		fault = "that is nobody's user ID or address";
	else if (room->invite_count == CWA_ROOM_INVITES_MAX)
		fault = "too many invitations wait for the IM server";
	if (fault) {
		r->m->events.done(r->m->ctx, ref, IM_BACKEND_REFUSED, fault);
	} else {
		cwa_room_add_invite(room, ref, uri)->has_words = invite->text.len;
		cwa_room_send_invites(room);
	}
	free(uri);
}
