#include "router/pins.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "base/log.h"
#include "base/memory.h"

struct pin {
	uint32_t number;
	char srp_id[SRP_ID_MAX + 1];
	uint8_t srp_id_len;
	bool is_paused;
	unsigned takeovers;                    /* since takeovers_from_ms */
	uint64_t takeovers_from_ms;
	struct device_peer *device;
	struct outstanding window[SRP_WINDOW];
	struct pin *prev, *next;               /* among those without a link, the one lost first at the head */
	UT_hash_handle hh;
};

struct pins {
	struct pins_limits limits;
	struct pin *by_number;
	struct pin *lost;
	uint32_t available;
	uint32_t last_tag;
	struct outstanding *oldest;            /* of all PINs: the time to expire is the same for all, so it is a queue */
};

struct pins *pins_new(const struct pins_limits *limits)
{
	struct pins *pins = memory_new(sizeof *pins);

	pins->limits = *limits;
	return pins;
}

static void give_back(struct pins *pins, struct outstanding *place)
{
	DL_DELETE(pins->oldest, place);
	memset(place, 0, sizeof *place);
}

static void forget(struct pins *pins, struct pin *pin)
{
	for (unsigned i = 0; i < SRP_WINDOW; i++)
		if (pin->window[i].device_tag)
			give_back(pins, &pin->window[i]);
	if (!pin->device)
		DL_DELETE(pins->lost, pin);
	HASH_DEL(pins->by_number, pin);
	free(pin);
}

void pins_free(struct pins **pins)
{
	struct pins *gone = *pins;
	struct pin *pin, *next;

	if (!gone)
		return;
	*pins = NULL;
	pin = gone->by_number;
	HASH_CLEAR(hh, gone->by_number);
	for (; pin; pin = next) {
		next = pin->hh.next;
		free(pin);
	}
	free(gone);
}

const char *pins_registered_name(enum pins_registered outcome)
{
	static const char *const names[] = {
		[PINS_NEW] = "new", [PINS_BACK] = "back", [PINS_SUPERSEDES] = "supersedes", [PINS_TOO_OFTEN] = "too-often",
		[PINS_FULL] = "table-full",
	};

	return names[outcome];
}

/* Counts one takeover; false if it is one too many for this stretch of time. */
static bool takeover_allowed(const struct pins *pins, struct pin *pin, uint64_t now_ms)
{
	if (pin->takeovers == 0 || now_ms - pin->takeovers_from_ms >= pins->limits.takeover_window_ms) {
		pin->takeovers = 0;
		pin->takeovers_from_ms = now_ms;
	}
	if (pin->takeovers >= pins->limits.takeovers)
		return false;
	pin->takeovers++;
	return true;
}

/* A new row without a link; NULL when the table is full of PINs that have one. */
static struct pin *add(struct pins *pins, uint32_t number)
{
	if (HASH_COUNT(pins->by_number) >= pins->limits.max_pins) {
		if (!pins->lost)
			return NULL;
		forget(pins, pins->lost);
	}
	struct pin *pin = memory_new(sizeof *pin);
	pin->number = number;
	HASH_ADD(hh, pins->by_number, number, sizeof pin->number, pin);
	DL_APPEND(pins->lost, pin);
	return pin;
}

enum pins_registered pins_register(struct pins *pins, uint32_t number, struct bytes srp_id, struct device_peer *device,
	uint64_t now_ms, struct pin **pin, struct device_peer **old, char *old_id)
{
	struct pin *row = pins_find(pins, number);
	enum pins_registered outcome = PINS_BACK;

	if (!row) {
		outcome = PINS_NEW;
		row = add(pins, number);
		if (!row)
			return PINS_FULL;
	} else if (row->device) {
		outcome = PINS_SUPERSEDES;
		if (!takeover_allowed(pins, row, now_ms))
			return PINS_TOO_OFTEN;
	}
	*old = row->device;
	memcpy(old_id, row->srp_id, sizeof row->srp_id);
	if (!row->device)
		DL_DELETE(pins->lost, row);
	if (!pin_is_available(row))
		pins->available++;
	if (!bytes_copy_str(srp_id, row->srp_id, sizeof row->srp_id))
		bug("a PIN of an SRP identifier of %zu bytes", srp_id.len);
	row->srp_id_len = (uint8_t)srp_id.len;
	row->is_paused = false;
	row->device = device;
	*pin = row;
	return outcome;
}

void pin_lost(struct pins *pins, struct pin *pin)
{
	if (!pin->device)
		return;
	if (pin_is_available(pin))
		pins->available--;
	pin->device = NULL;
	pin->is_paused = false;
	DL_APPEND(pins->lost, pin);
}

void pin_set_paused(struct pins *pins, struct pin *pin, bool is_paused)
{
	bool was = pin_is_available(pin);

	pin->is_paused = is_paused;
	if (was && !pin_is_available(pin))
		pins->available--;
	else if (!was && pin_is_available(pin))
		pins->available++;
}

struct pin *pins_find(const struct pins *pins, uint32_t number)
{
	struct pin *pin;

	HASH_FIND(hh, pins->by_number, &number, sizeof number, pin);
	return pin;
}

uint32_t pin_number(const struct pin *pin)
{
	return pin->number;
}

const char *pin_srp_id(const struct pin *pin)
{
	return pin->srp_id;
}

struct device_peer *pin_device(const struct pin *pin)
{
	return pin->device;
}

bool pin_is_available(const struct pin *pin)
{
	return pin->device && !pin->is_paused;
}

bool pin_belongs_to(const struct pin *pin, struct bytes srp_id)
{
	return bytes_equal(bytes_of(pin->srp_id, pin->srp_id_len), srp_id);
}

uint32_t pins_new_tag(struct pins *pins)
{
	if (++pins->last_tag == 0)
		++pins->last_tag;
	return pins->last_tag;
}

enum pin_taken pin_take(struct pins *pins, struct pin *pin, uint32_t service_tag, uint32_t service_serial, uint32_t flags,
	uint64_t now_ms, uint32_t *device_tag)
{
	struct outstanding *place = NULL;

	for (unsigned i = 0; i < SRP_WINDOW; i++) {
		struct outstanding *at = &pin->window[i];
		if (!at->device_tag)
			place = place ? place : at;
		else if (at->service_tag == service_tag && at->service_serial == service_serial)
			return PIN_TAG_IN_USE;
	}
	if (!place)
		return PIN_WINDOW_FULL;
	*place = (struct outstanding){ .service_tag = service_tag, .device_tag = pins_new_tag(pins), .service_serial = service_serial,
		.flags = flags, .expires_ms = now_ms + pins->limits.delivery_ms, .pin = pin };
	DL_APPEND(pins->oldest, place);
	*device_tag = place->device_tag;
	return PIN_TAKEN;
}

unsigned pin_outstanding(const struct pin *pin)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SRP_WINDOW; i++)
		count += pin->window[i].device_tag != 0;
	return count;
}

bool pin_settle(struct pins *pins, struct pin *pin, uint32_t device_tag, struct outstanding *was)
{
	for (unsigned i = 0; device_tag && i < SRP_WINDOW; i++)
		if (pin->window[i].device_tag == device_tag) {
			*was = pin->window[i];
			give_back(pins, &pin->window[i]);
			return true;
		}
	return false;
}

bool pin_return(struct pins *pins, struct pin *pin, struct outstanding *was)
{
	const struct outstanding *first = NULL;

	/* Tags count up; the difference keeps that true where they wrap. */
	for (unsigned i = 0; i < SRP_WINDOW; i++) {
		const struct outstanding *at = &pin->window[i];
		if (at->device_tag && (!first || (int32_t)(at->device_tag - first->device_tag) < 0))
			first = at;
	}
	return first && pin_settle(pins, pin, first->device_tag, was);
}

bool pins_expire(struct pins *pins, uint64_t now_ms, struct outstanding *was)
{
	struct outstanding *first = pins->oldest;

	if (!first || first->expires_ms > now_ms)
		return false;
	*was = *first;
	give_back(pins, first);
	return true;
}

uint64_t pins_next_expiry_ms(const struct pins *pins)
{
	return pins->oldest ? pins->oldest->expires_ms : UINT64_MAX;
}

void pins_drop_service(struct pins *pins, uint32_t service_serial)
{
	struct outstanding *next;

	for (struct outstanding *at = pins->oldest; at; at = next) {
		next = at->next;
		if (at->service_serial == service_serial)
			give_back(pins, at);
	}
}

void pins_each(const struct pins *pins, struct bytes srp_id, pins_each_fn *fn, void *ctx)
{
	for (const struct pin *pin = pins->by_number; pin; pin = pin->hh.next)
		if (srp_id.len == 0 || pin_belongs_to(pin, srp_id))
			fn(ctx, pin);
}

uint32_t pins_count(const struct pins *pins)
{
	return HASH_COUNT(pins->by_number);
}

uint32_t pins_available(const struct pins *pins)
{
	return pins->available;
}
