#include "collab/cwa_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_access.h"
#include "collab/cwa_changes.h"
#include "collab/cwa_communicator.h"
#include "collab/cwa_contacts.h"
#include "collab/cwa_presence.h"
#include "collab/cwa_rooms.h"
#include "collab/cwa_search.h"
#include "collab/cwa_talk.h"

struct backend {
	struct communicator m;
	struct cwa_person *listed;       /* where contacts() goes on */
	size_t listed_at;
};

static const struct cwa_channel_callbacks channel_callbacks;

static uint32_t availability(void *ctx)
{
	const struct backend *b = ctx;

	return cwa_presence_availability(b->m.presence);
}

static char *base_of(const struct backend_target *target)
{
	char *address = address_text(target->host, target->port), *base = memory_printf("%s://%s", target->clear ? "http" : "https", address);

	free(address);
	return base;
}

static struct backend *cwa_open(const struct backend_target *target, struct bytes user, struct bytes password,
	const struct backend_events *events, void *ctx)
{
	struct backend *b = memory_new(sizeof *b);
	struct cwa_server server = { .loop = target->loop, .http = target->http, .kerberos = target->kerberos, .base = base_of(target),
		.host = memory_str(target->host),
		.format = target->json ? CWA_JSON : CWA_XML, .domain = memory_str(target->domain ? target->domain : "") };

	b->m.loop = target->loop;
	b->m.events = *events;
	b->m.ctx = ctx;
	cwa_people_init(&b->m.people);
	b->m.presence = cwa_presence_new(&b->m);
	b->m.changes = cwa_changes_new(&b->m);
	b->m.access = cwa_access_new(&b->m);
	b->m.searches = cwa_searches_new(&b->m);
	b->m.conversations = cwa_conversations_new(&b->m);
	b->m.talk = cwa_talk_new(&b->m);
	b->m.rooms = cwa_rooms_new(&b->m);
	b->m.channel = cwa_channel_new(&server, user, password, availability, &channel_callbacks, b);
	free(server.base);
	free(server.host);
	free(server.domain);
	return b;
}

static void cwa_free(struct backend **backend)
{
	struct backend *b = *backend;

	if (!b)
		return;
	*backend = NULL;
	cwa_channel_free(&b->m.channel);
	cwa_rooms_free(&b->m.rooms);
	cwa_talk_free(&b->m.talk);
	cwa_conversations_free(&b->m.conversations);
	cwa_searches_free(&b->m.searches);
	cwa_changes_free(&b->m.changes);
	cwa_access_free(&b->m.access);
	cwa_presence_free(&b->m.presence);
	cwa_people_free(&b->m.people);
	free(b);
}

/* --- what the channel says ---------------------------------------------------------------------------------------------------------------- */

static void connected(void *ctx, const struct cwa_signed_in *how)
{
	struct backend *b = ctx;

	b->m.events.connected(b->m.ctx, how->peer, how->local, how->tls_version);
}

static void step(void *ctx, const char *event, const char *text)
{
	struct backend *b = ctx;

	b->m.events.step(b->m.ctx, event, text);
}

static void begun(void *ctx, const char *uri, bool first)
{
	struct backend *b = ctx;

	cwa_people_own(&b->m.people, uri);
	if (!first) {
		cwa_conversations_lost(b->m.conversations);
		cwa_access_forget(b->m.access);
	}
	cwa_presence_begun(b->m.presence);
}

static void ready(void *ctx)
{
	struct backend *b = ctx;
	const char *name = cwa_presence_own_name(b->m.presence);
	const char *uri = b->m.people.own_uri;

	if (b->m.online)
		return;
	cwa_people_changes(&b->m.people, NULL, NULL);
	b->m.online = true;
	if (!*name)
		name = strncmp(uri, "sip:", 4) == 0 ? uri + 4 : uri;
	b->m.events.logged_in(b->m.ctx, bytes_str(name), false);
}

static void tell_contact(void *ctx, struct im_contact_event *event)
{
	struct backend *b = ctx;

	b->m.events.contact(b->m.ctx, event);
}

static void list_changed(struct backend *b, const struct cwa_node *event)
{
	cwa_people_read(&b->m.people, event);
	cwa_presence_watch(b->m.presence);
	if (b->m.online)
		cwa_people_changes(&b->m.people, tell_contact, b);
}

static void users_seen(struct backend *b, const struct cwa_node *event)
{
	cwa_presence_users(b->m.presence, event);
	cwa_search_event(b->m.searches, event);
	/* A contact may call himself something else from now on. */
	if (b->m.online)
		cwa_people_changes(&b->m.people, tell_contact, b);
}

static void event(void *ctx, const struct cwa_node *event)
{
	struct backend *b = ctx;

	if (cwa_is(event, "contactGroup"))
		list_changed(b, event);
	else if (cwa_is(event, "userPresence"))
		users_seen(b, event);
	else if (cwa_is(event, "selfPresence"))
		cwa_presence_self(b->m.presence, event);
	else if (cwa_is(event, "containers"))
		cwa_access_read(b->m.access, event);
	else if (cwa_is(event, "subscribers"))
		cwa_access_subscribers(b->m.access, event);
	else if (cwa_is(event, "searchResult"))
		cwa_search_event(b->m.searches, event);
	else if (cwa_is(event, "conference"))
		cwa_conversations_event(b->m.conversations, event);
	cwa_changes_look(b->m.changes);
}

/* The session may free the backend inside. */
static void over(void *ctx, const struct cwa_refusal *why)
{
	struct backend *b = ctx;
	bool was_online = b->m.online;

	b->m.online = false;
	if (was_online)
		b->m.events.lost(b->m.ctx, IM_REASON_SERVER_LOST, why->text);
	else
		b->m.events.login_failed(b->m.ctx, why->code, why->text);
}

static void finished(void *ctx)
{
	struct backend *b = ctx;

	b->m.events.ended(b->m.ctx);
}

static const struct cwa_channel_callbacks channel_callbacks = { .connected = connected, .step = step, .begun = begun, .ready = ready,
	.event = event, .over = over, .finished = finished };

/* --- what the device says --------------------------------------------------------------------------------------------------------------------- */

static size_t cwa_contacts(struct backend *b, size_t from, struct im_contact *out, size_t max)
{
	size_t count = 0;

	if (from == 0 || from != b->listed_at) {
		b->listed = b->m.people.first;
		b->listed_at = 0;
	}
	for (; b->listed && count < max; b->listed = b->listed->next) {
		const struct cwa_person *p = b->listed;

		if (!p->is_contact)
			continue;
		if (b->listed_at++ < from)
			continue;
		out[count++] = (struct im_contact){ .user = bytes_str(p->user), .name = bytes_str(p->name), .folder = bytes_str(p->folder),
			.presence = p->presence, .text = bytes_str(p->text) };
	}
	return count;
}

/* false: the device will hear that the login is over. */
static bool acts(struct backend *b)
{
	if (b->m.online)
		cwa_channel_active(b->m.channel);
	return b->m.online;
}

static void cwa_send(struct backend *b, uint32_t ref, struct bytes to, struct bytes text)
{
	if (acts(b))
		cwa_talk_send(b->m.talk, ref, to, text);
}

static void cwa_set_presence(struct backend *b, uint32_t ref, uint32_t presence, struct bytes text)
{
	if (acts(b))
		cwa_presence_set(b->m.presence, ref, presence, text);
}

static void cwa_typing(struct backend *b, const struct im_typing *typing)
{
	if (acts(b) && typing->room)
		cwa_rooms_typing(b->m.rooms, typing->room, typing->on);
	else if (b->m.online)
		cwa_talk_typing(b->m.talk, typing->user, typing->on);
}

static void cwa_room_open(struct backend *b, uint32_t ref, const struct im_room_open *open)
{
	if (acts(b))
		cwa_rooms_open(b->m.rooms, ref, open);
}

static void cwa_room_invite(struct backend *b, uint32_t ref, const struct im_room_invite *invite)
{
	if (acts(b))
		cwa_rooms_invite(b->m.rooms, ref, invite);
}

static void cwa_room_leave(struct backend *b, uint32_t ref, const struct im_room_leave *leave)
{
	if (acts(b))
		cwa_rooms_leave(b->m.rooms, ref, leave->room);
}

static void cwa_room_answer(struct backend *b, uint32_t ref, const struct im_room_answer *answer)
{
	if (acts(b))
		cwa_rooms_answer(b->m.rooms, ref, answer->room, answer->accept);
}

static void cwa_room_say(struct backend *b, uint32_t ref, const struct im_room_message *message)
{
	if (acts(b))
		cwa_rooms_say(b->m.rooms, ref, message->room, message->text);
}

static void cwa_contact_change(struct backend *b, uint32_t ref, const struct im_contact_change *change)
{
	if (acts(b))
		cwa_contacts_change(&b->m, ref, change);
}

static size_t cwa_blocks(struct backend *b, size_t from, struct im_block *out, size_t max)
{
	return b->m.online ? cwa_access_blocks(b->m.access, from, out, max) : 0;
}

static void cwa_block(struct backend *b, uint32_t ref, const struct im_block *block)
{
	if (acts(b))
		cwa_access_block(b->m.access, ref, block);
}

static void cwa_search(struct backend *b, uint32_t ref, const struct im_search *search)
{
	if (acts(b))
		cwa_search_begin(b->m.searches, ref, search);
}

static void cwa_finish(struct backend *b)
{
	b->m.online = false;
	cwa_channel_finish(b->m.channel);
}

const struct backend_type cwa_backend = {
	.name = "cwa",
	.open = cwa_open,
	.contacts = cwa_contacts,
	.send = cwa_send,
	.set_presence = cwa_set_presence,
	.typing = cwa_typing,
	.room_open = cwa_room_open,
	.room_invite = cwa_room_invite,
	.room_leave = cwa_room_leave,
	.room_answer = cwa_room_answer,
	.room_say = cwa_room_say,
	.contact_change = cwa_contact_change,
	.blocks = cwa_blocks,
	.block = cwa_block,
	.search = cwa_search,
	.finish = cwa_finish,
	.free = cwa_free,
};
