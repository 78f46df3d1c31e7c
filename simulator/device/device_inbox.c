#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/device/device_private.h"

#define EARLY_MAX 100

/* A message of a session whose LOGIN_OK is still to come: that one had to be sealed again under a higher id, and what was sent after it
 * overtook it. Nothing else would bring it again, since it was received. */
struct device_early {
	struct device_early *prev, *next;
	uint32_t message_id;
	struct channel_sizes sizes;
	size_t len;
	uint8_t clear[];
};

static void hold_early(struct device *d, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes)
{
	struct device_early *early;

	if (d->early_count == EARLY_MAX) {
		log_warning("message left out device=%s reason=too many before the answer to the login", pin_text(device_own_pin(d)));
		return;
	}
	early = memory_new(sizeof *early + clear.len);
	early->message_id = message_id;
	early->sizes = *sizes;
	early->len = clear.len;
	memcpy(early->clear, clear.data, clear.len);
	DL_APPEND(d->early, early);
	d->early_count++;
}

void device_drop_early(struct device *d)
{
	struct device_early *early, *next;

	DL_FOREACH_SAFE(d->early, early, next)
		free(early);
	d->early = NULL;
	d->early_count = 0;
}

/* Those of another session fall away: they are of a login that was given up. */
static void take_early(struct device *d)
{
	while (d->early && d->session) {
		struct device_early *early = d->early;

		DL_DELETE(d->early, early);          /* before: it may begin or end a session */
		d->early_count--;
		device_take(d, bytes_of(early->clear, early->len), early->message_id, &early->sizes);
		free(early);
	}
	device_drop_early(d);
}

struct device_event device_event_of(enum device_event_type type, const struct device_incoming *in)
{
	return (struct device_event){
		.type = type, .sequence = in->sequence, .transaction = in->message_id, .sizes = *in->sizes,
	};
}

/* The answer came after the login was given up: the service must not keep a session that nobody uses. */
static void decline_session(struct device *d, uint32_t number)
{
	struct im_session session = { .session = number };
	struct channel_sizes sizes;

	buf_clear(&d->scratch);
	im_encode(&im_logout_msg, 1, &session, &d->scratch);
	device_record(d, "im.once", number, 1, "type", IM_LOGOUT);
	if (device_link_send(d->link, buf_bytes(&d->scratch), false, &d->once, &sizes, NULL))
		log_info("session left behind device=%s session=%u", pin_text(device_own_pin(d)), number);
}

static void take_login_ok(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_login_ok *ok = message;

	if (in->sequence != d->login_sequence || ok->session == d->session)
		return;
	if (d->state == DEVICE_LOGGED_OUT) {
		decline_session(d, ok->session);
		return;
	}
	device_happen(d, ON_ACCEPTED, &(struct device_accepted){ ok, in->message_id, in->sizes });
	take_early(d);
}

static void take_login_fail(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_login_fail *fail = message;

	if (in->sequence != d->login_sequence)
		return;
	device_drop_early(d);
	device_happen(d, ON_REFUSED, &(struct device_event){
		.code = fail->code, .text = fail->status_text, .reason = im_code_reason(fail->code), .login_id = fail->login_id,
		.transaction = in->message_id, .sizes = *in->sizes,
	});
}

static void take_contacts(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_contacts *contacts = message;
	struct device_event event = device_event_of(DEVICE_EVENT_CONTACTS, in);

	device_contacts_take(&d->contacts, contacts);
	event.contacts = contacts->contacts;
	event.contact_count = contacts->count;
	event.more = contacts->more;
	device_tell(d, event);
}

/* What the device sent is done with: its user is told, and it is not sent again. */
static void answered(struct device *d, struct device_letter *letter, struct device_event event)
{
	enum im_type type = letter->type;
	uint32_t room = letter->room;

	event.message = type;
	event.user = bytes_str(letter->to);
	event.room = room;
	event.elapsed_us = loop_real_us() - letter->first_us;
	device_tell(d, event);
	device_outbox_remove(&d->outbox, letter);
	if (room)
		device_room_answered(d, type, room, event.code);
	if (type == IM_SEARCH && event.code != IM_OK)
		device_search_over(d);
	if (type == IM_LOGOUT)
		device_happen(d, ON_LOGOUT_DONE, NULL);
}

void device_turned_away(struct device *d, struct device_letter *letter)
{
	uint32_t code = IM_OVERLOADED;

	device_record(d, "im.refused", d->session, letter->sequence, "code", code);
	answered(d, letter, (struct device_event){ .type = DEVICE_EVENT_ACK, .sequence = letter->sequence,
		.transaction = letter->sealed.message_id, .code = code, .reason = im_code_reason(code) });
}

static void take_ack(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_ack *ack = message;
	struct device_letter *letter = device_outbox_by_sequence(&d->outbox, ack->sequence);
	struct device_event event = device_event_of(DEVICE_EVENT_ACK, in);

	device_record(d, letter ? "im.acked" : "im.acked.again", ack->session, ack->sequence, "code", ack->code);
	/* The IM server took the message and could not deliver it after all: the text says to whom. Any other second answer is to
	 * something that was sent twice. */
	if (!letter && ack->code != IM_NOT_DELIVERED)
		return;
	event.message = IM_MESSAGE;
	event.sequence = ack->sequence;
	event.code = ack->code;
	event.text = ack->text;
	event.reason = im_code_reason(ack->code);
	if (letter)
		answered(d, letter, event);
	else
		device_tell(d, event);
}

static void take_forced_logout(struct device *d, const void *message, const struct device_incoming *in)
{
	(void)in;
	device_happen(d, ON_FORCED, message);
}

/* The service that is active now asks: about a session that the other one has ended, or, if that word is still on its way, about one
 * that is over all the same. Who has logged out himself meanwhile, or in again, is not asked. */
static void take_please_login(struct device *d, const void *message, const struct device_incoming *in)
{
	const struct im_please_login *please = message;
	uint32_t session = please->session;

	(void)in;
	if (d->session && (session == 0 || session == d->session))
		device_happen(d, ON_FORCED, &(struct im_forced_logout){ .session = d->session, .reason = IM_REASON_SWITCHED });
	if (d->state != DEVICE_LOGGED_OUT || !d->forced_session || (session && session != d->forced_session))
		return;
	device_tell(d, (struct device_event){ .type = DEVICE_EVENT_PLEASE_LOGIN, .session = d->forced_session, .text = please->text,
		.code = d->password_user != NULL });
	d->forced_session = 0;
	device_again_asked(d);
}

/* Messages that belong to a session carry its number first; the others repeat the LOGIN's sequence number instead. */
static const struct handler {
	const struct wire_msg *msg;
	bool of_session;
	bool in_order;        /* counted by the session's window; a last word is not: it may come from a service that lost the count */
	device_take_fn *take;
} handlers[] = {
	{ &im_login_ok_msg, false, false, take_login_ok },
	{ &im_login_fail_msg, false, false, take_login_fail },
	{ &im_presence_event_msg, true, true, device_take_presence },
	{ &im_contacts_msg, true, true, take_contacts },
	{ &im_message_event_msg, true, true, device_take_message },
	{ &im_typing_event_msg, true, true, device_take_typing },
	{ &im_room_event_msg, true, true, device_take_room_event },
	{ &im_room_message_event_msg, true, true, device_take_room_message },
	{ &im_contact_event_msg, true, true, device_take_contact },
	{ &im_block_event_msg, true, true, device_take_block },
	{ &im_search_result_msg, true, true, device_take_search_result },
	{ &im_ack_msg, true, true, take_ack },
	{ &im_forced_logout_msg, true, false, take_forced_logout },
	{ &im_please_login_msg, false, false, take_please_login },
};

static bool is_new(struct device *d, const struct handler *h, const union im_any *any, uint32_t sequence)
{
	if (h->of_session && (d->session == 0 || any->session.session != d->session))
		return false;     /* of a session that is over */
	if (!h->in_order)
		return true;
	if (replay_check(&d->received, sequence) != REPLAY_NEW) {
		d->counts.duplicates++;
		device_record(d, "event.again", d->session, sequence, "type", h->msg->code);
		return false;
	}
	replay_accept(&d->received, sequence);
	return true;
}

void device_take(struct device *d, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes)
{
	struct device_incoming in = { .message_id = message_id, .sizes = sizes };
	const struct handler *h = NULL;
	union im_any any;
	enum im_type type;
	struct error err;

	if (im_peek(clear, &type, &in.sequence, &err)) {
		log_warning("message refused device=%s: %s", pin_text(device_own_pin(d)), err.text);
		return;
	}
	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
		if (handlers[i].msg->code == type)
			h = &handlers[i];
	}
	if (!h || im_decode(h->msg, clear, &any, &err)) {
		log_warning("message refused device=%s: %s", pin_text(device_own_pin(d)), h ? err.text : "only devices say that");
		return;
	}
	if (h->of_session && d->state == DEVICE_LOGGING_IN && any.session.session != d->session) {
		hold_early(d, clear, message_id, sizes);
		return;
	}
	if (!is_new(d, h, &any, in.sequence))
		return;
	if (h->of_session)
		device_record(d, "event.shown", any.session.session, in.sequence, "type", type);
	h->take(d, &any, &in);
}
