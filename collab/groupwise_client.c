#include "collab/groupwise_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/groupwise_lists.h"
#include "collab/groupwise_login.h"
#include "collab/groupwise_privacy.h"
#include "collab/groupwise_refresh.h"
#include "collab/groupwise_rooms.h"
#include "collab/groupwise_search.h"
#include "collab/groupwise_talk.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

enum {
	KEEP_ALIVE_MINUTES = 10,     /* where the server names none. Source: capture (its usual value) */
	LOGOUT_MS = 2000,
};

enum phase { CONNECTING, LOGGING_IN, ONLINE, LEAVING, OVER };

struct backend {
	struct messenger m;
	char *display_name;
	bool forget_password;            /* the server does not let clients keep it */
	enum phase phase;
	struct groupwise_login login;
	struct refresh *refresh;
	uint32_t presence;               /* as it was last set */
	struct buf status_text;
	struct person *listed;           /* where contacts() goes on */
	size_t listed_at;
	struct loop_timer *ping;         /* on the loop's clock: the interval is the server's rule for sessions */
	struct loop_timer *leaving;      /* on the real clock */
	struct loop_task ended;
	uint64_t ping_ms;
};

static const struct groupwise_link_callbacks link_callbacks;
static const struct refresh_callbacks refresh_callbacks;

static void tell_ended(void *arg)
{
	struct backend *b = arg;

	b->phase = OVER;
	groupwise_link_free(&b->m.link);
	b->m.events.ended(b->m.ctx);
}

/* Not at once: the call may come from inside the link or the talk. */
static void leave_now(void *arg)
{
	struct backend *b = arg;

	loop_timer_cancel(b->leaving);
	loop_defer(b->m.loop, &b->ended);
}

static void send_ping(void *arg);

static struct backend *groupwise_open(const struct backend_target *target, struct bytes user, struct bytes password,
	const struct backend_events *events, void *ctx)
{
	struct backend *b = memory_new(sizeof *b);

	b->m.events = *events;
	b->m.ctx = ctx;
	b->m.loop = target->loop;
	groupwise_login_set(&b->login, target, user, password);
	b->refresh = refresh_new(&b->m, &b->login, target->refresh_ms, &refresh_callbacks, b);
	b->ended = (struct loop_task){ .fn = tell_ended, .arg = b };
	b->ping = loop_timer_new(b->m.loop, send_ping, b);
	b->leaving = loop_timer_new_real(b->m.loop, leave_now, b);
	b->m.link = groupwise_link_new(b->m.loop, b->login.host_line, target->tls, &link_callbacks, b);
	return b;
}

static void groupwise_free(struct backend **backend)
{
	struct backend *b = *backend;

	if (!b)
		return;
	*backend = NULL;
	groupwise_link_free(&b->m.link);
	refresh_free(&b->refresh);
	lookups_free(&b->m.lookups);
	privacy_free(&b->m.privacy);
	lists_free(&b->m.lists);
	rooms_free(&b->m.rooms);
	talk_free(&b->m.talk);
	people_free(&b->m.people);
	free(b->m.own_dn);
	loop_timer_free(&b->ping);
	loop_timer_free(&b->leaving);
	loop_drop(b->m.loop, &b->ended);
	gw_tree_free(&b->m.fields);
	groupwise_login_free(&b->login);
	free(b->display_name);
	buf_free(&b->status_text);
	free(b);
}

/* The login is over, or will not come about. The session may free the backend inside. */
static void over(struct backend *b, enum im_logout_reason reason, uint32_t code, const char *why)
{
	enum phase was = b->phase;

	if (was == OVER || (was == ONLINE && refresh_takes_loss(b->refresh, reason, why)))
		return;
	refresh_stop(b->refresh);
	loop_timer_cancel(b->ping);
	if (was == LEAVING) {
		leave_now(b);
		return;
	}
	b->phase = OVER;
	if (was == ONLINE)
		b->m.events.lost(b->m.ctx, reason, why);
	else
		b->m.events.login_failed(b->m.ctx, code, why);
}

/* --- login ------------------------------------------------------------------------------------------------------------ */

static void answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	const struct backend *b = ctx;
	const char *command = arg;

	(void)fields;
	if (answer && !groupwise_accepted(answer))
		log_warning("groupwise refused user=%s command=%s reason=%s", log_str(b->login.user), command,
			groupwise_refusal(answer, REFUSAL_OF_CHANGE).text);
}

static void write_status(struct backend *b)
{
	struct bytes text = buf_bytes(&b->status_text);

	gw_tree_clear(&b->m.fields);
	gw_add_decimal(&b->m.fields, NULL, GW_TAG_STATUS, b->presence);
	if (!text.len)
		return;
	gw_add_text(&b->m.fields, NULL, GW_TAG_STATUS_TEXT, text);
	/* Away and busy also carry it as the auto-reply. Source: capture (libpurple). */
	if (b->presence == IM_AWAY || b->presence == IM_BUSY)
		gw_add_text(&b->m.fields, NULL, GW_TAG_MESSAGE_BODY, text);
}

/* arg of a request is not const; these are only read. */
static char setstatus_name[] = "setstatus", ping_name[] = "ping";

static void tell_status(struct backend *b)
{
	write_status(b);
	groupwise_link_request(b->m.link, "setstatus", NULL, &b->m.fields, answered, setstatus_name);
}

/* Everybody whom the device is to be shown is known. */
static void ready(void *arg, bool connection_over)
{
	struct backend *b = arg;

	if (connection_over || b->phase != LOGGING_IN)
		return;
	b->phase = ONLINE;
	lists_show(b->m.lists, false);
	loop_timer_set(b->ping, b->ping_ms);
	b->presence = IM_AVAILABLE;
	tell_status(b);
	refresh_start(b->refresh);
	b->m.events.logged_in(b->m.ctx, bytes_str(b->display_name), b->forget_password);
}

static void login_answered(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct backend *b = ctx;
	uint32_t minutes = 0;
	struct refusal refusal;
	struct bytes name;

	(void)arg;
	if (!answer || b->phase != LOGGING_IN)
		return;
	refusal = groupwise_refusal(answer, REFUSAL_OF_LOGIN);
	if (refusal.code != IM_OK) {
		over(b, 0, refusal.code, refusal.text);
		return;
	}
	b->m.own_dn = bytes_dup(gw_text(fields, GW_TAG_DN));
	b->m.talk = talk_new(&b->m);
	b->m.rooms = rooms_new(&b->m);
	b->m.lists = lists_new(&b->m);
	b->m.privacy = privacy_new(&b->m, fields);
	b->m.lookups = lookups_new(&b->m, fields);
	lists_read(b->m.lists, gw_find(fields, GW_TAG_CONTACT_LIST));
	gw_number(gw_find(fields, GW_TAG_KEEPALIVE), &minutes);
	if (minutes == 0 || minutes > 1440)
		minutes = KEEP_ALIVE_MINUTES;
	b->ping_ms = minutes * 60000ULL;
	name = gw_text(fields, GW_TAG_FULL_NAME);
	b->forget_password = bytes_is(gw_text(fields, GW_TAG_PASSWORD_REMEMBER), "0");
	b->display_name = name.len ? bytes_dup(name) : memory_str(b->login.user);
	/* A server may leave the details out for clients of version 3 and up, and tells none of those on the privacy lists. */
	messenger_know_everybody(&b->m, b->m.privacy, ready, b);
}

static void up(void *ctx)
{
	struct backend *b = ctx;
	const struct connection *c = groupwise_link_connection(b->m.link);

	/* It came up in the very round in which it was told to finish: nobody logs in who has no seat any more. */
	if (b->phase == LEAVING)
		return;
	b->phase = LOGGING_IN;
	groupwise_login_send(&b->login, b->m.link, &b->m.fields, login_answered, NULL);
	b->m.events.connected(b->m.ctx, connection_peer(c), connection_local(c), connection_tls_version(c));
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	(void)end;
	over(ctx, IM_REASON_SERVER_LOST, IM_UNREACHABLE, why);
}

static void event(void *ctx, const struct gw_event *e)
{
	struct backend *b = ctx;

	if (e->type == GW_EVENT_ELSEWHERE)
		over(b, IM_REASON_ELSEWHERE, IM_BACKEND_REFUSED, "the same user logged in elsewhere");
	else if (e->type == GW_EVENT_SERVER_DOWN)
		over(b, IM_REASON_SERVER_LOST, IM_UNREACHABLE, "the IM server goes down");
	else if (e->type == GW_EVENT_CONTACT_ADDED)
		refresh_want(b->refresh);
	else if (b->m.talk && (b->phase == ONLINE || b->phase == LOGGING_IN))
		talk_event(b->m.talk, e);
}

static const struct groupwise_link_callbacks link_callbacks = { .up = up, .event = event, .closed = closed };

/* --- another connection ------------------------------------------------------------------------------------------------- */

static void moved(void *ctx, struct groupwise_link *link)
{
	struct backend *b = ctx;
	struct groupwise_link *old = b->m.link;
	const struct connection *c = groupwise_link_connection(link);

	b->m.link = link;
	groupwise_link_own(link, &link_callbacks, b);
	groupwise_link_pause(link, false);
	tell_status(b);
	/* Conferences end with their connection, and what waited there for an answer was not done. */
	talk_forget_conferences(b->m.talk);
	groupwise_link_abandon(&old, GW_NO_SESSION);
	rooms_close(b->m.rooms);
	b->m.events.connected(b->m.ctx, connection_peer(c), connection_local(c), connection_tls_version(c));
}

static void lost(void *ctx, enum im_logout_reason reason, const char *why)
{
	over(ctx, reason, IM_UNREACHABLE, why);
}

static const struct refresh_callbacks refresh_callbacks = { .moved = moved, .lost = lost };

/* --- while it lives ----------------------------------------------------------------------------------------------------- */

static void send_ping(void *arg)
{
	struct backend *b = arg;

	gw_tree_clear(&b->m.fields);
	groupwise_link_request(b->m.link, "ping", NULL, &b->m.fields, answered, ping_name);
	loop_timer_set(b->ping, b->ping_ms);
}

static size_t groupwise_contacts(struct backend *b, size_t from, struct im_contact *out, size_t max)
{
	size_t count = 0;

	if (from == 0 || from != b->listed_at) {
		b->listed = b->m.people.first;
		b->listed_at = 0;
	}
	for (; b->listed && count < max; b->listed = b->listed->next) {
		const struct person *p = b->listed;

		if (!p->is_contact)
			continue;
		if (b->listed_at++ < from)
			continue;
		out[count++] = (struct im_contact){ .user = bytes_str(p->user), .name = bytes_str(p->name), .folder = bytes_str(p->folder),
			.presence = p->presence, .text = bytes_str(p->text) };
	}
	return count;
}

static void groupwise_send(struct backend *b, uint32_t ref, struct bytes to, struct bytes text)
{
	if (b->phase == ONLINE)
		talk_send(b->m.talk, ref, to, text);
}

static void groupwise_set_presence(struct backend *b, uint32_t ref, uint32_t presence, struct bytes text)
{
	if (b->phase != ONLINE)
		return;
	b->presence = presence;
	buf_clear(&b->status_text);
	buf_append(&b->status_text, text);
	write_status(b);
	messenger_request(&b->m, "setstatus", ref, REFUSAL_OF_CHANGE);
}

static void groupwise_typing(struct backend *b, const struct im_typing *typing)
{
	if (b->phase == ONLINE && typing->room)
		rooms_typing(b->m.rooms, typing->room, typing->on);
	else if (b->phase == ONLINE)
		talk_typing(b->m.talk, typing->user, typing->on);
}

static void groupwise_room_open(struct backend *b, uint32_t ref, const struct im_room_open *open)
{
	if (b->phase == ONLINE)
		rooms_open(b->m.rooms, ref, open);
}

static void groupwise_room_invite(struct backend *b, uint32_t ref, const struct im_room_invite *invite)
{
	if (b->phase == ONLINE)
		rooms_invite(b->m.rooms, ref, invite);
}

static void groupwise_room_leave(struct backend *b, uint32_t ref, const struct im_room_leave *leave)
{
	if (b->phase == ONLINE)
		rooms_leave(b->m.rooms, ref, leave->room);
}

static void groupwise_room_answer(struct backend *b, uint32_t ref, const struct im_room_answer *answer)
{
	if (b->phase == ONLINE)
		rooms_answer(b->m.rooms, ref, answer->room, answer->accept);
}

static void groupwise_contact_change(struct backend *b, uint32_t ref, const struct im_contact_change *change)
{
	if (b->phase == ONLINE)
		lists_change(b->m.lists, ref, change);
}

static size_t groupwise_blocks(struct backend *b, size_t from, struct im_block *out, size_t max)
{
	return b->phase == ONLINE ? privacy_blocks(b->m.privacy, from, out, max) : 0;
}

static void groupwise_block(struct backend *b, uint32_t ref, const struct im_block *block)
{
	if (b->phase == ONLINE)
		privacy_block(b->m.privacy, ref, block);
}

static void groupwise_search(struct backend *b, uint32_t ref, const struct im_search *search)
{
	if (b->phase == ONLINE)
		lookups_begin(b->m.lookups, ref, search);
}

static void groupwise_room_say(struct backend *b, uint32_t ref, const struct im_room_message *message)
{
	if (b->phase == ONLINE)
		rooms_say(b->m.rooms, ref, message->room, message->text);
}

/* --- its end ---------------------------------------------------------------------------------------------------------- */

static void logged_out(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields)
{
	struct backend *b = ctx;

	(void)arg;
	(void)fields;
	/* The server has heard it and forgotten the session: from here on nothing of ours counts there. */
	if (answer)
		leave_now(b);
}

static void groupwise_finish(struct backend *b)
{
	enum phase was = b->phase;

	if (was == LEAVING)
		return;
	refresh_stop(b->refresh);
	loop_timer_cancel(b->ping);
	b->phase = LEAVING;
	gw_tree_clear(&b->m.fields);
	if (was == ONLINE && groupwise_link_request(b->m.link, "logout", NULL, &b->m.fields, logged_out, NULL))
		loop_timer_set(b->leaving, LOGOUT_MS);
	else
		leave_now(b);
}

const struct backend_type groupwise_backend = {
	.name = "groupwise",
	.open = groupwise_open,
	.contacts = groupwise_contacts,
	.send = groupwise_send,
	.set_presence = groupwise_set_presence,
	.typing = groupwise_typing,
	.room_open = groupwise_room_open,
	.room_invite = groupwise_room_invite,
	.room_leave = groupwise_room_leave,
	.room_answer = groupwise_room_answer,
	.room_say = groupwise_room_say,
	.contact_change = groupwise_contact_change,
	.blocks = groupwise_blocks,
	.block = groupwise_block,
	.search = groupwise_search,
	.finish = groupwise_finish,
	.free = groupwise_free,
};
