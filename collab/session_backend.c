/* What the IM server says in a session: most of it goes on to the device as it is. */
#include "base/log.h"
#include "collab/parts.h"

static void drop_backend(struct session *s)
{
	collab_record(s->collab, "backend.closed", s->pin, s->id, 0, NULL, 0);
	s->collab->backend_type->free(&s->backend);
}

static void backend_connected(void *ctx, const char *peer, const char *local, const char *tls_version)
{
	struct session *s = ctx;
	struct trail_entry entry = { .event = "backend.connect", .pin = s->pin, .transaction = s->transaction,
		.numbers = { { "session", s->id } } };

	trail_text(&entry, "peer=%s local=%s tls=%s login=%s", peer, local, tls_version, s->login_id);
	collab_note(s->collab, &entry, s->id, false);
}

static void backend_step(void *ctx, const char *event, const char *text)
{
	struct session *s = ctx;
	struct trail_entry entry = { .event = event, .pin = s->pin, .transaction = s->transaction, .numbers = { { "session", s->id } } };

	trail_text(&entry, "login=%s %s", s->login_id, text);
	collab_note(s->collab, &entry, s->id, false);
}

static void backend_logged_in(void *ctx, struct bytes display_name, bool forget_password)
{
	struct session *s = ctx;

	if (s->login)
		admission_logged_in(s->login, display_name, forget_password);
}

static void backend_login_failed(void *ctx, uint32_t code, const char *why)
{
	struct session *s = ctx;
	struct login *login = s->login;

	session_hold(s);
	drop_backend(s);
	if (login)
		admission_login_failed(login, code, why);
	session_release(s);
}

static void backend_presence(void *ctx, struct bytes user, uint32_t presence, struct bytes text)
{
	struct session *s = ctx;

	session_tell(s, &im_presence_event_msg,
		&(struct im_presence_event){ .session = s->id, .user = user, .presence = presence, .text = text });
}

static void record_heard(const struct session *s, uint32_t kind, struct bytes from)
{
	struct trail_entry entry = { .event = "im.heard", .pin = s->pin, .numbers = { { "session", s->id }, { "sequence", 0 }, { "kind", kind } } };

	if (!trail_is_heard(s->collab->trail))
		return;
	if (from.len)
		trail_text(&entry, "from=%s", log_value(from));
	trail_record(s->collab->trail, &entry);
}

static void backend_message(void *ctx, struct im_message_event *message)
{
	struct session *s = ctx;

	s->messages_in++;
	s->collab->counts.messages_down++;
	message->session = s->id;
	record_heard(s, message->kind, message->from);
	session_tell(s, &im_message_event_msg, message);
}

static void backend_typing(void *ctx, struct im_typing *typing)
{
	struct session *s = ctx;

	typing->session = s->id;
	session_tell_now(s, &im_typing_event_msg, typing);
}

static void backend_room_event(void *ctx, struct im_room_event *event)
{
	struct session *s = ctx;

	event->session = s->id;
	session_tell(s, &im_room_event_msg, event);
}

static void backend_room_message(void *ctx, struct im_room_message_event *message)
{
	struct session *s = ctx;

	s->messages_in++;
	s->collab->counts.messages_down++;
	message->session = s->id;
	record_heard(s, IM_KIND_MESSAGE, (struct bytes){ 0 });
	session_tell(s, &im_room_message_event_msg, message);
}

static void backend_contact(void *ctx, struct im_contact_event *event)
{
	struct session *s = ctx;

	event->session = s->id;
	session_tell(s, &im_contact_event_msg, event);
}

static void backend_block(void *ctx, struct im_block *block)
{
	struct session *s = ctx;

	block->session = s->id;
	session_tell(s, &im_block_event_msg, block);
}

static void backend_found(void *ctx, struct im_search_result *result)
{
	struct session *s = ctx;

	result->session = s->id;
	session_tell(s, &im_search_result_msg, result);
}

static void backend_done(void *ctx, uint32_t ref, uint32_t code, const char *text)
{
	session_acknowledge(ctx, ref, code, text);
}

static void backend_lost(void *ctx, enum im_logout_reason reason, const char *why)
{
	struct session *s = ctx;

	session_hold(s);
	drop_backend(s);
	session_end(s, reason, why, true);
	session_release(s);
}

static void backend_ended(void *ctx)
{
	struct session *s = ctx;
	struct collab *c = s->collab;
	uint32_t id = s->id;

	session_hold(s);
	c->sessions.closing--;
	drop_backend(s);
	session_release(s);
	admission_closed(c->admission, id);
}

const struct backend_events session_backend_events = {
	.connected = backend_connected, .step = backend_step, .logged_in = backend_logged_in, .login_failed = backend_login_failed,
	.presence = backend_presence, .message = backend_message, .typing = backend_typing,
	.room_event = backend_room_event, .room_message = backend_room_message, .contact = backend_contact,
	.block = backend_block, .found = backend_found, .done = backend_done, .lost = backend_lost, .ended = backend_ended,
};
