#include "router/forward.h"

#include <stdio.h>

#include "base/log.h"
#include "protocol/gme_answer.h"

static void note(struct router *router, const char *event, uint32_t pin, const struct gme *gme, uint32_t tag, size_t bytes)
{
	struct trail_entry entry = { .event = event, .pin = pin, .transaction = gme->message_id,
		.numbers = { { "tag", tag }, { "bytes", bytes }, { "kind", gme->kind } } };

	trail_note(router->trail, &entry);
}

static void wait_for_confirmation(struct router *router)
{
	uint64_t due_ms = pins_next_expiry_ms(router->pins);

	/* Later ones expire later: a timer that is set is never too late. */
	if (due_ms != UINT64_MAX && !loop_timer_is_set(router->expiry))
		loop_timer_set_at(router->expiry, due_ms);
}

static void invalid_down(struct router *router, struct service_peer *service, const struct srp_send *send, const char *why)
{
	router->counts.invalid++;
	log_warning("invalid srp=%s pin=%s tag=%u why=%s", service_id(service), pin_text(send->pin), send->tag, log_str(why));
	service_status(service, send->tag, SRP_INVALID, why);
}

/* The envelope says what the frame says: from this service, to this PIN. */
static int check_down(const struct service_peer *service, const struct srp_send *send, struct gme *gme, struct error *err)
{
	if (gme_decode(send->gme, gme, err) != 0)
		return -1;
	if (!gme->destination.is_pin || gme->destination.pin != send->pin)
		return error_set(err, "the envelope is not for PIN %s", pin_text(send->pin));
	if (gme->source.is_pin || !bytes_is(gme->source.srp_id, service_id(service)))
		return error_set(err, "the envelope does not come from %s", service_id(service));
	return 0;
}

static void hand_down(struct router *router, struct service_peer *service, const struct srp_send *send, const struct gme *gme,
	struct pin *pin)
{
	uint32_t tag;

	switch (pin_take(router->pins, pin, send->tag, service_serial(service), send->flags, loop_now_ms(router->loop), &tag)) {
	case PIN_WINDOW_FULL:
		invalid_down(router, service, send, "five messages for this PIN are outstanding already");
		return;
	case PIN_TAG_IN_USE:
		invalid_down(router, service, send, "a message with this tag is outstanding already");
		return;
	case PIN_TAKEN:
		break;
	}
	device_data(pin_device(pin), tag, send->gme);
	router->counts.down++;
	note(router, "down", send->pin, gme, tag, send->gme.len);
	wait_for_confirmation(router);
}

void forward_down(struct router *router, struct service_peer *service, const struct srp_send *send)
{
	struct pin *pin;
	struct error err;
	struct gme gme;

	if (check_down(service, send, &gme, &err) != 0) {
		err.text[255] = '\0';     /* STATUS takes no longer ones */
		invalid_down(router, service, send, err.text);
		return;
	}
	pin = pins_find(router->pins, send->pin);
	if (!pin || !pin_belongs_to(pin, bytes_str(service_id(service)))) {
		router->counts.refused++;
		note(router, "refused", send->pin, &gme, send->tag, send->gme.len);
		service_status(service, send->tag, SRP_REFUSED, "this PIN is not registered here");
	} else if (pin_is_available(pin)) {
		hand_down(router, service, send, &gme, pin);
	} else if (send->flags & SRP_RETURN_IF_UNAVAILABLE) {
		router->counts.returned++;
		note(router, "returned", send->pin, &gme, send->tag, send->gme.len);
		service_status(service, send->tag, SRP_UNAVAILABLE, "out of coverage");
	} else {
		router->counts.dropped++;
		note(router, "dropped", send->pin, &gme, send->tag, send->gme.len);
	}
}

/* The connection that a message came on, if it is still the one that is up. */
static struct service_peer *sender_of(const struct router *router, const char *srp_id, const struct outstanding *was)
{
	struct service_peer *service = service_find(router, bytes_str(srp_id));

	return service && service_serial(service) == was->service_serial ? service : NULL;
}

void forward_confirmed(struct router *router, struct device_peer *device, const struct srp_status_msg *status)
{
	struct pin *pin = device_pin(device);
	struct outstanding was;

	/* Not one of a service's: our own error envelopes, and what has expired meanwhile. */
	if (!pin_settle(router->pins, pin, status->tag, &was))
		return;
	struct service_peer *service = sender_of(router, pin_srp_id(pin), &was);
	if (status->status == SRP_DELIVERED)
		router->counts.delivered++;
	else
		router->counts.invalid++;
	if (service && (status->status != SRP_DELIVERED || was.flags & SRP_WANT_DELIVERED))
		service_status(service, was.service_tag, status->status == SRP_DELIVERED ? SRP_DELIVERED : SRP_INVALID,
			status->status == SRP_DELIVERED ? "" : "the device did not take it");
}

unsigned forward_return_all(struct router *router, struct pin *pin, const char *srp_id)
{
	struct outstanding was;
	unsigned count = 0;

	while (pin_return(router->pins, pin, &was)) {
		struct service_peer *service = sender_of(router, srp_id, &was);
		count++;
		if (was.flags & SRP_RETURN_IF_UNAVAILABLE) {
			router->counts.returned++;
			if (service)
				service_status(service, was.service_tag, SRP_UNAVAILABLE, "the link was lost");
		} else {
			router->counts.dropped++;
		}
	}
	return count;
}

void forward_expire(void *arg)
{
	struct router *router = arg;
	struct outstanding was;

	while (pins_expire(router->pins, loop_now_ms(router->loop), &was)) {
		struct service_peer *service = sender_of(router, pin_srp_id(was.pin), &was);
		router->counts.expired++;
		log_warning("expired pin=%s srp=%s tag=%u", pin_text(pin_number(was.pin)), pin_srp_id(was.pin), was.service_tag);
		if (service)
			service_status(service, was.service_tag, SRP_EXPIRED, "the device did not confirm it in time");
	}
	wait_for_confirmation(router);
}

/* Why it was not passed on goes back to the device as an envelope, so that it can tell which message that was; but never as an answer
 * to a receipt or an error, or two ends could keep each other busy. */
static void return_up(struct router *router, struct device_peer *device, const struct srp_data *data, const struct gme *gme,
	enum gme_error_code code)
{
	if (gme->kind != GME_MESSAGE) {
		device_status(device, data->tag, SRP_UNAVAILABLE, gme_error_text(code));
		return;
	}
	buf_clear(&router->envelope);
	gme_answer_error(gme, NULL, code, "", &router->envelope);
	device_data(device, pins_new_tag(router->pins), buf_bytes(&router->envelope));
}

/* NULL, or what is wrong with where it claims to come from and go to. */
static const char *check_up(const struct pin *pin, const struct gme *gme)
{
	if (!gme->source.is_pin || gme->source.pin != pin_number(pin))
		return "the envelope does not come from the PIN that registered here";
	if (gme->destination.is_pin || !pin_belongs_to(pin, gme->destination.srp_id))
		return "the envelope is not for the service that the PIN registered for";
	return NULL;
}

void forward_up(struct router *router, struct device_peer *device, const struct srp_data *data)
{
	struct pin *pin = device_pin(device);
	struct service_peer *service;
	const char *wrong;
	struct error err;
	struct gme gme;

	if (gme_decode(data->gme, &gme, &err) != 0) {
		peer_refuse(device_peer_of(device), SRP_PROTOCOL_ERROR, "%s", err.text);
		return;
	}
	wrong = check_up(pin, &gme);
	if (wrong) {
		router->counts.invalid++;
		log_warning("invalid pin=%s peer=%s tag=%u why=%s", pin_text(pin_number(pin)),
			peer_address(device_peer_of(device)), data->tag, log_str(wrong));
		device_status(device, data->tag, SRP_INVALID, wrong);
		return;
	}
	service = service_find(router, gme.destination.srp_id);
	if (!service) {
		router->counts.returned++;
		note(router, "up.no-service", pin_number(pin), &gme, data->tag, data->gme.len);
		return_up(router, device, data, &gme, GME_NO_SERVICE);
		return;
	}
	if (!service_takes(service, gme.kind == GME_MESSAGE)) {
		/* Counted alone: a line for each would cost more than all else that is done for it. */
		router->counts.overloaded++;
		return_up(router, device, data, &gme, GME_OVERLOADED);
		return;
	}
	struct srp_receive receive = { .pin = pin_number(pin), .gme = data->gme };
	service_receive(service, &receive);
	router->counts.up++;
	note(router, "up", pin_number(pin), &gme, data->tag, data->gme.len);
	device_status(device, data->tag, SRP_QUEUED, "");
	if (service_is_paused(service))
		device_hold(device);
}
