#ifndef BRAMBLE_ROUTER_PINS_H
#define BRAMBLE_ROUTER_PINS_H

#include "base/bytes.h"
#include "protocol/srp.h"

/* Every PIN that ever registered here: the link it is behind now, the service it belongs to, and the messages on their way
 * to it. A PIN is available while its device's link is there and the device has not asked for a pause.
 * Source: document [PAT-COV] for available and unavailable; [WITPRO-06] for five outstanding messages per device.
 *
 * Pure: times are arguments (milliseconds of the loop's clock), devices are pointers that are only kept. */
struct pins;
struct pin;
struct device_peer;

struct pins_limits {
	uint32_t max_pins;             /* beyond, the PIN that was out of coverage longest is forgotten */
	unsigned takeovers;            /* so many registrations may supersede a living one ... */
	uint64_t takeover_window_ms;   /* ... in so long a time, per PIN */
	uint64_t delivery_ms;          /* an outstanding message that is not confirmed by then has expired */
};

/* A message on its way to the device. */
struct outstanding {
	uint32_t service_tag;      /* as the service numbered it */
	uint32_t device_tag;       /* as we number it towards the device; 0: the place is free */
	uint32_t service_serial;   /* the connection of the service that sent it: its tags mean nothing on another */
	uint32_t flags;            /* of the SEND */
	uint64_t expires_ms;
	struct pin *pin;
	struct outstanding *prev, *next;   /* of all PINs, oldest first */
};

struct pins *pins_new(const struct pins_limits *limits);
void pins_free(struct pins **pins);

enum pins_registered {
	PINS_NEW,          /* never seen before */
	PINS_BACK,         /* known, its link had been lost */
	PINS_SUPERSEDES,   /* another link had it: *old is that link's device, which the caller ends */
	PINS_TOO_OFTEN,    /* superseded too often within the window: nothing was changed */
	PINS_FULL,         /* every PIN of a full table is in coverage: nothing was changed */
};
const char *pins_registered_name(enum pins_registered outcome);

/* A device registers. *old and *old_id (SRP_ID_MAX + 1 bytes) tell what was before: the device that is superseded or NULL, and the
 * service it belonged to ("" for a new PIN). Messages outstanding on the old link stay until pin_return. */
enum pins_registered pins_register(struct pins *pins, uint32_t number, struct bytes srp_id, struct device_peer *device,
	uint64_t now_ms, struct pin **pin, struct device_peer **old, char *old_id);

/* The link of the device is gone; the PIN stays known. */
void pin_lost(struct pins *pins, struct pin *pin);
void pin_set_paused(struct pins *pins, struct pin *pin, bool is_paused);

/* NULL: never registered, or forgotten since. */
struct pin *pins_find(const struct pins *pins, uint32_t number);
uint32_t pin_number(const struct pin *pin);
const char *pin_srp_id(const struct pin *pin);
struct device_peer *pin_device(const struct pin *pin);     /* NULL: no link */
bool pin_is_available(const struct pin *pin);
bool pin_belongs_to(const struct pin *pin, struct bytes srp_id);

/* Takes one of the five places. */
enum pin_taken { PIN_TAKEN, PIN_WINDOW_FULL, PIN_TAG_IN_USE };
enum pin_taken pin_take(struct pins *pins, struct pin *pin, uint32_t service_tag, uint32_t service_serial, uint32_t flags,
	uint64_t now_ms, uint32_t *device_tag);
/* A number towards a device for a message of our own, which nobody waits for. */
uint32_t pins_new_tag(struct pins *pins);
unsigned pin_outstanding(const struct pin *pin);

/* The device confirmed this tag: gives the place back and tells what it was. false: there is no such tag (any more). */
bool pin_settle(struct pins *pins, struct pin *pin, uint32_t device_tag, struct outstanding *was);
/* Takes back the oldest one outstanding of the PIN; false when there is none left. For a link that was lost. */
bool pin_return(struct pins *pins, struct pin *pin, struct outstanding *was);
/* Takes back the oldest one of all if it has expired. */
bool pins_expire(struct pins *pins, uint64_t now_ms, struct outstanding *was);
uint64_t pins_next_expiry_ms(const struct pins *pins);     /* UINT64_MAX when nothing is outstanding */
/* A connection of a service is gone: nobody waits for its messages any more, their places are free. */
void pins_drop_service(struct pins *pins, uint32_t service_serial);

/* Walks the PINs of one service (empty: of all), in no special order. The table must not change meanwhile. */
typedef void pins_each_fn(void *ctx, const struct pin *pin);
void pins_each(const struct pins *pins, struct bytes srp_id, pins_each_fn *fn, void *ctx);

uint32_t pins_count(const struct pins *pins);
uint32_t pins_available(const struct pins *pins);

#endif
