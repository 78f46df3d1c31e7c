#include "base/log.h"
#include "simulator/device/device_private.h"

struct incoming {
	uint32_t sequence, message_id;
	const struct channel_sizes *sizes;
};

/* The answer came after the login was given up: the service must not keep a session that nobody uses. */
static void decline_session(struct device *d, uint32_t number)
{
	struct im_session session = { .session = number };
	struct channel_sizes sizes;
	uint32_t message_id;

	buf_clear(&d->scratch);
	im_encode(&im_logout_msg, 1, &session, &d->scratch);
	if (device_link_send(d->link, buf_bytes(&d->scratch), false, &message_id, &sizes, NULL))
		log_info("session left behind device=%s session=%u", pin_text(device_own_pin(d)), number);
}

static void take_login_ok(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_login_ok *ok = message;

	if (in->sequence != d->login_sequence || ok->session == d->session)
		return;
	if (d->state == DEVICE_LOGGED_OUT)
		decline_session(d, ok->session);
	else
		device_happen(d, ON_ACCEPTED, &(struct device_accepted){ ok, in->message_id, in->sizes });
}

static void take_login_fail(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_login_fail *fail = message;

	if (in->sequence == d->login_sequence)
		device_happen(d, ON_REFUSED, &(struct device_event){
			.code = fail->code, .text = fail->status_text, .reason = im_code_reason(fail->code),
			.transaction = in->message_id, .sizes = *in->sizes,
		});
}

static void take_presence(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_presence_event *event = message;

	device_contacts_presence(&d->contacts, event);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_PRESENCE, .user = event->user, .code = event->presence, .text = event->text,
		.sequence = in->sequence, .transaction = in->message_id, .sizes = *in->sizes,
	});
}

static void take_contacts(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_contacts *contacts = message;

	device_contacts_take(&d->contacts, contacts);
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_CONTACTS, .contacts = contacts, .sequence = in->sequence, .transaction = in->message_id,
		.sizes = *in->sizes,
	});
}

static void take_message(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_message_event *event = message;

	d->counts.messages_in++;
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_MESSAGE, .user = event->from, .name = event->name, .text = event->text,
		.sequence = in->sequence, .transaction = in->message_id, .sizes = *in->sizes,
	});
}

static void take_ack(struct device *d, const void *message, const struct incoming *in)
{
	const struct im_ack *ack = message;
	struct device_letter *letter = device_outbox_by_sequence(&d->outbox, ack->sequence);
	bool is_logout = letter && letter->type == IM_LOGOUT;

	/* The IM server took the message and could not deliver it after all: the text says to whom. Any other second answer is to
	 * something that was sent twice. */
	if (!letter && ack->code == IM_NOT_DELIVERED)
		device_tell(d, (struct device_event){
			.type = DEVICE_EVENT_ACK, .sequence = ack->sequence, .code = ack->code, .text = ack->text,
			.reason = im_code_reason(ack->code), .transaction = in->message_id, .sizes = *in->sizes,
		});
	if (!letter)
		return;
	device_tell(d, (struct device_event){
		.type = DEVICE_EVENT_ACK, .sequence = ack->sequence, .code = ack->code, .text = ack->text,
		.user = bytes_str(letter->to), .reason = im_code_reason(ack->code), .elapsed_us = loop_real_us() - letter->first_us,
		.transaction = in->message_id, .sizes = *in->sizes,
	});
	device_outbox_remove(&d->outbox, letter);
	if (is_logout)
		device_happen(d, ON_LOGOUT_DONE, NULL);
}

static void take_forced_logout(struct device *d, const void *message, const struct incoming *in)
{
	(void)in;
	device_happen(d, ON_FORCED, message);
}

/* Messages that belong to a session carry its number first; the others repeat the LOGIN's sequence number instead. */
static const struct handler {
	const struct wire_msg *msg;
	bool of_session;
	bool in_order;        /* counted by the session's window; a last word is not: it may come from a service that lost the count */
	void (*take)(struct device *d, const void *message, const struct incoming *in);
} handlers[] = {
	{ &im_login_ok_msg, false, false, take_login_ok },
	{ &im_login_fail_msg, false, false, take_login_fail },
	{ &im_presence_event_msg, true, true, take_presence },
	{ &im_contacts_msg, true, true, take_contacts },
	{ &im_message_event_msg, true, true, take_message },
	{ &im_ack_msg, true, true, take_ack },
	{ &im_forced_logout_msg, true, false, take_forced_logout },
};

static bool is_new(struct device *d, const struct handler *h, const union im_any *any, uint32_t sequence)
{
	if (h->of_session && (d->session == 0 || any->session.session != d->session))
		return false;     /* of a session that is over */
	if (!h->in_order)
		return true;
	if (replay_check(&d->received, sequence) != REPLAY_NEW) {
		d->counts.duplicates++;
		return false;
	}
	replay_accept(&d->received, sequence);
	return true;
}

void device_take(struct device *d, struct bytes clear, uint32_t message_id, const struct channel_sizes *sizes)
{
	struct incoming in = { .message_id = message_id, .sizes = sizes };
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
	if (is_new(d, h, &any, in.sequence))
		h->take(d, &any, &in);
}
