#include "router/device_peer.h"

#include <stdlib.h>

#include <utlist.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "router/forward.h"
#include "router/service_peer.h"

#define FRAME_AROUND_ENVELOPE 64     /* header and items of DATA */

struct device_peer {
	struct peer *peer;
	struct router *router;
	struct pin *pin;        /* NULL: not registered, or superseded */
	bool is_held;
	struct device_peer *prev, *next;     /* among the held ones */
};

struct peer *device_peer_of(const struct device_peer *device)
{
	return device->peer;
}

struct pin *device_pin(const struct device_peer *device)
{
	return device->pin;
}

void device_status(struct device_peer *device, uint32_t tag, enum srp_status status, const char *text)
{
	struct srp_status_msg answer = { .tag = tag, .status = status, .text = bytes_str(text) };

	peer_send(device->peer, &srp_status_msg_msg, &answer);
}

void device_data(struct device_peer *device, uint32_t tag, struct bytes gme)
{
	struct srp_data data = { .tag = tag, .gme = gme };

	peer_send(device->peer, &srp_data_msg, &data);
}

void device_hold(struct device_peer *device)
{
	if (device->is_held)
		return;
	device->is_held = true;
	DL_APPEND(device->router->held, device);
	peer_hold(device->peer, true);
}

static void release(struct device_peer *device)
{
	if (!device->is_held)
		return;
	device->is_held = false;
	DL_DELETE(device->router->held, device);
	peer_hold(device->peer, false);
}

void device_peers_release(struct router *router, const char *srp_id)
{
	struct device_peer *next;

	for (struct device_peer *device = router->held; device; device = next) {
		next = device->next;
		if (bytes_is(bytes_str(pin_srp_id(device->pin)), srp_id))
			release(device);
	}
}

static void tell_coverage(struct router *router, const char *srp_id, uint32_t pin, bool available)
{
	struct service_peer *service = service_find(router, bytes_str(srp_id));

	if (service)
		service_coverage(service, pin, available);
}

static void note(const struct device_peer *device, const char *event, uint32_t pin, const char *text)
{
	struct trail_entry entry = { .event = event, .pin = pin };

	trail_text(&entry, "peer=%s why=%s", peer_address(device->peer), log_str(text));
	trail_note(device->router->trail, &entry);
}

/* Where this device comes from must be inside device_networks, if there are any. */
static bool check_network(const struct device_peer *device)
{
	const char *networks = device->router->set->device_networks;
	struct error err;

	if (!(peer_may_be(device->peer) & PEER_MAY_BE_DEVICE)) {
		peer_refuse(device->peer, SRP_NOT_PERMITTED, "devices have a listener of their own here");
		return false;
	}
	if (!networks || !*networks)
		return true;
	int inside = address_in_networks(peer_address(device->peer), networks, &err);
	if (inside <= 0)
		peer_refuse(device->peer, SRP_NOT_PERMITTED, "%s", inside < 0 ? err.text : "devices from your network are not taken here");
	return inside > 0;
}

/* A newer link has the PIN now: this one ends, and coverage stays as it is. */
static void supersede(struct device_peer *old, const struct device_peer *newer)
{
	release(old);
	old->pin = NULL;
	old->router->counts.superseded++;
	peer_disconnect(old->peer, SRP_SUPERSEDED, "the PIN registered again from %s", peer_address(newer->peer));
}

static void registered(struct device_peer *device, uint32_t pin, struct device_peer *old, const char *old_id,
	enum pins_registered outcome)
{
	struct router *router = device->router;
	struct srp_return accepted = { .code = SRP_OK, .text = bytes_str(srp_result_text(SRP_OK)) };
	const char *srp_id = pin_srp_id(device->pin);

	peer_name(device->peer, "pin=%s", pin_text(pin));
	peer_proven(device->peer);
	if (old) {
		forward_return_all(router, device->pin, old_id);
		supersede(old, device);
	}
	if (old && !bytes_is(bytes_str(old_id), srp_id))
		tell_coverage(router, old_id, pin, false);
	log_info("device up pin=%s srp=%s peer=%s as=%s", pin_text(pin), srp_id, peer_address(device->peer),
		pins_registered_name(outcome));
	note(device, "device.up", pin, pins_registered_name(outcome));
	peer_send(device->peer, &srp_return_msg, &accepted);
	/* Also when it was available before: what came back just now is to be sent again. */
	tell_coverage(router, srp_id, pin, true);
}

static void on_register(struct device_peer *device, struct bytes frame)
{
	struct router *router = device->router;
	char old_id[SRP_ID_MAX + 1] = "";
	struct device_peer *old = NULL;
	struct srp_register claim;

	if (peer_decode(device->peer, &srp_register_msg, frame, &claim) != 0 || !check_network(device))
		return;
	if (claim.pin == 0) {
		peer_refuse(device->peer, SRP_UNKNOWN_PIN, "00000000 is no PIN");
		return;
	}
	if (!identities_find(router->identities, claim.srp_id)) {
		peer_refuse(device->peer, SRP_UNKNOWN_ID, "the SRP identifier %s is not known here", log_value(claim.srp_id));
		return;
	}
	enum pins_registered outcome = pins_register(router->pins, claim.pin, claim.srp_id, device, loop_now_ms(router->loop),
		&device->pin, &old, old_id);
	if (outcome == PINS_TOO_OFTEN)
		peer_refuse(device->peer, SRP_NOT_PERMITTED, "%s registered too often over a living link: %u times within %s",
			pin_text(claim.pin), (unsigned)router->set->register_limit, duration_text(router->set->register_window_ms));
	else if (outcome == PINS_FULL)
		peer_refuse(device->peer, SRP_NOT_PERMITTED, "this router has its %u PINs in coverage already",
			(unsigned)router->set->max_pins);
	else
		registered(device, claim.pin, old, old_id, outcome);
}

static void on_data(struct device_peer *device, struct bytes frame)
{
	struct srp_data data;

	if (peer_decode(device->peer, &srp_data_msg, frame, &data) == 0)
		forward_up(device->router, device, &data);
}

static void on_status(struct device_peer *device, struct bytes frame)
{
	struct srp_status_msg status;

	if (peer_decode(device->peer, &srp_status_msg_msg, frame, &status) == 0)
		forward_confirmed(device->router, device, &status);
}

static void set_paused(struct device_peer *device, bool is_paused)
{
	bool was = pin_is_available(device->pin);

	pin_set_paused(device->router->pins, device->pin, is_paused);
	if (was == pin_is_available(device->pin))
		return;
	note(device, is_paused ? "device.pause" : "device.resume", pin_number(device->pin), "it asked for it");
	tell_coverage(device->router, pin_srp_id(device->pin), pin_number(device->pin), !is_paused);
}

static void on_pause(struct device_peer *device, struct bytes frame)
{
	struct srp_session session;

	if (peer_decode(device->peer, &srp_pause_msg, frame, &session) == 0)
		set_paused(device, true);
}

static void on_resume(struct device_peer *device, struct bytes frame)
{
	struct srp_session session;

	if (peer_decode(device->peer, &srp_resume_msg, frame, &session) == 0)
		set_paused(device, false);
}

static const struct step {
	uint8_t opcode;
	bool registered;      /* before or after REGISTER was accepted */
	void (*run)(struct device_peer *device, struct bytes frame);
} steps[] = {
	{ SRP_DATA, true, on_data },
	{ SRP_STATUS, true, on_status },
	{ SRP_REGISTER, false, on_register },
	{ SRP_PAUSE, true, on_pause },
	{ SRP_RESUME, true, on_resume },
};

static void on_frame(void *as, struct bytes frame)
{
	struct device_peer *device = as;
	uint8_t opcode = frame_opcode(frame);

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (steps[i].opcode == opcode && steps[i].registered == (device->pin != NULL)) {
			steps[i].run(device, frame);
			return;
		}
	if (peer_common_frame(device->peer, frame))
		return;
	const struct wire_msg *msg = wire_find(srp_messages, opcode);
	peer_refuse(device->peer, SRP_PROTOCOL_ERROR, "%s (opcode 0x%02x) has no place in what a %sregistered device says",
		msg ? msg->name : "a frame of unknown kind", opcode, device->pin ? "" : "not yet ");
}

static void on_ended(void *as, const char *why)
{
	struct device_peer *device = as;
	struct router *router = device->router;
	struct pin *pin = device->pin;

	release(device);
	if (pin) {
		bool was_available = pin_is_available(pin);
		pin_lost(router->pins, pin);
		forward_return_all(router, pin, pin_srp_id(pin));
		if (was_available)
			tell_coverage(router, pin_srp_id(pin), pin_number(pin), false);
		log_info("device down pin=%s peer=%s why=%s", pin_text(pin_number(pin)), peer_address(device->peer), log_str(why));
		note(device, "device.down", pin_number(pin), why);
	}
	free(device);
}

static const struct peer_role device_role = {
	.name = "device", .max_frame = GME_MAX + FRAME_AROUND_ENVELOPE, .frame = on_frame, .ended = on_ended,
};

void device_peer_start(struct peer *peer, struct bytes frame)
{
	struct device_peer *device = memory_new(sizeof *device);

	device->peer = peer;
	device->router = peer_router(peer);
	peer_become(peer, &device_role, device);
	on_frame(device, frame);
}
