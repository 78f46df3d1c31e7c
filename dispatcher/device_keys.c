#include "dispatcher/device_keys.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

#define UNKNOWN_MAX 4096
#define REREAD_US 1000000
/* The server keeps opening what was queued under a replaced key for as long as a device keeps such keys.
 * Source: document [STO-B 21], 7 days. */
#define PREVIOUS_MAX_AGE_MS (UINT64_C(7) * 24 * 3600 * 1000)

struct device_keys {
	unsigned generation;           /* counts how often it started over */
	struct db *db;
	unsigned suites;
	size_t max_devices;
	device_ready_fn *ready;
	void *ctx;
	struct device *devices;    /* in the order of their last use */
	size_t unknown;
	unsigned calls;            /* verbs whose completion is still to come */
	bool is_closed;
	struct device_keys_counts counts;
};

/* One verb on its way. It names its device by PIN: the device may be gone when the answer comes. */
struct call {
	struct device_keys *keys;
	uint32_t pin, serial, ceiling;
	enum db_key_direction direction;
	bool is_awaited;
};

static struct call *call_new(struct device_keys *keys, uint32_t pin)
{
	struct call *call = memory_new(sizeof *call);

	call->keys = keys;
	call->pin = pin;
	keys->calls++;
	return call;
}

/* The device that the answer is for; NULL if nobody waits for it any more. */
static struct device *call_end(struct call *call)
{
	struct device_keys *keys = call->keys;
	struct device *device = keys->is_closed ? NULL : device_keys_find(keys, call->pin);

	if (--keys->calls == 0 && keys->is_closed) {
		free(keys);
		call->keys = NULL;
	}
	return device;
}

struct device_keys_counts device_keys_count(const struct device_keys *keys)
{
	struct device_keys_counts counts = keys->counts;

	counts.devices = HASH_COUNT(keys->devices) - keys->unknown;
	counts.unknown = keys->unknown;
	return counts;
}

/* --- what is kept ----------------------------------------------------------------------------------------------------- */

struct device *device_keys_find(struct device_keys *keys, uint32_t pin)
{
	struct device *device;

	HASH_FIND(hh, keys->devices, &pin, sizeof pin, device);
	return device;
}

struct device *device_keys_next(struct device_keys *keys, struct device *after)
{
	return after ? after->hh.next : keys->devices;
}

static void forget(struct device_keys *keys, struct device *device)
{
	HASH_DEL(keys->devices, device);
	if (device->state == DEVICE_UNKNOWN)
		keys->unknown--;
	channel_peer_free(&device->peer);
	OPENSSL_cleanse(device, sizeof *device);
	free(device);
}

static bool is_idle(const struct device *device)
{
	return !device->waiting && !device->is_reading && !device->is_committing && device->stores == 0;
}

/* Makes room for one more; if all are at work, the bound gives way to them, as they are bounded by what is under way. */
static void forget_oldest(struct device_keys *keys)
{
	bool too_many_unknown = keys->unknown >= UNKNOWN_MAX;
	struct device *device, *next;

	if (!too_many_unknown && HASH_COUNT(keys->devices) - keys->unknown < keys->max_devices)
		return;
	HASH_ITER(hh, keys->devices, device, next) {
		if (is_idle(device) && too_many_unknown == (device->state == DEVICE_UNKNOWN)) {
			forget(keys, device);
			return;
		}
	}
}

static void used(struct device_keys *keys, struct device *device)
{
	HASH_DEL(keys->devices, device);
	HASH_ADD(hh, keys->devices, pin, sizeof device->pin, device);
}

static void set_state(struct device_keys *keys, struct device *device, enum device_state state)
{
	keys->unknown -= device->state == DEVICE_UNKNOWN;
	keys->unknown += state == DEVICE_UNKNOWN;
	device->state = state;
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static void start_key(struct channel_key *key, uint32_t pin, const struct db_device_key *stored)
{
	*key = (struct channel_key){ .serial = stored->serial };
	snprintf(key->key.id, sizeof key->key.id, "%s+%u", pin_text(pin), stored->serial);
	memcpy(key->key.secret, stored->secret, sizeof key->key.secret);
	replay_start(&key->receive, stored->receive_ceiling);
	replay_counter_start(&key->send, stored->send_ceiling);
}

static const struct channel_key *same_key(const struct channel_peer *peer, const struct db_device_key *stored)
{
	for (unsigned i = 0; i < CHANNEL_KEYS; i++) {
		const struct channel_key *key = &peer->keys[i];

		if (key->state != CHANNEL_KEY_NONE && key->serial == stored->serial &&
		    CRYPTO_memcmp(key->key.secret, stored->secret, sizeof stored->secret) == 0)
			return key;
	}
	return NULL;
}

static enum channel_key_state state_of(const struct db_device_key *stored)
{
	/* Over days and restarts only the time of day can tell the age. */
	if (stored->state == DB_KEY_PREVIOUS && stored->retired_wall_ms + PREVIOUS_MAX_AGE_MS < loop_wall_ms())
		return CHANNEL_KEY_NONE;
	return (enum channel_key_state)stored->state;
}

/* A key promoted here whose promotion is not stored yet: the database is behind, and the keys keep their new places. */
static bool is_ahead(const struct channel_peer *peer, const struct db_device *stored)
{
	for (size_t i = 0; i < stored->key_count; i++) {
		const struct channel_key *kept = same_key(peer, &stored->keys[i]);

		if (kept && kept->state == CHANNEL_KEY_CURRENT && stored->keys[i].state == DB_KEY_PENDING)
			return true;
	}
	return false;
}

static void take_over(struct device_keys *keys, struct device *device, const struct db_device *stored)
{
	struct channel_key fresh[CHANNEL_KEYS] = { 0 };
	bool is_new = device->reading != device->generation, ahead = !is_new && is_ahead(&device->peer, stored);
	unsigned count = 0;

	snprintf(device->user, sizeof device->user, "%s", stored->user ? stored->user : "");
	for (size_t i = 0; i < stored->key_count && i < CHANNEL_KEYS; i++) {
		const struct channel_key *kept = is_new ? NULL : same_key(&device->peer, &stored->keys[i]);
		enum channel_key_state state = ahead && kept ? kept->state : state_of(&stored->keys[i]);

		if (state == CHANNEL_KEY_NONE || (ahead && !kept))
			continue;
		if (kept)
			fresh[count] = *kept;
		else
			start_key(&fresh[count], device->pin, &stored->keys[i]);
		fresh[count].state = state;
		fresh[count].key.suites = stored->keys[i].suites & PACKET_SUITES_ALL;
		count++;
	}
	memcpy(device->peer.keys, fresh, sizeof fresh);
	OPENSSL_cleanse(fresh, sizeof fresh);
	device->peer.suites = keys->suites;
	device->generation = device->reading;
}

static void read_done(void *ctx, enum db_status status, const struct db_device *stored)
{
	struct call *call = ctx;
	struct device_keys *keys = call->keys;
	struct device *device = call_end(call);
	bool was_known = device && device->user[0];

	free(call);
	if (!device)
		return;
	device->is_reading = false;
	if (status == DB_OK) {
		take_over(keys, device, stored);
		set_state(keys, device, DEVICE_READY);
	} else if (status == DB_NOT_FOUND) {
		if (was_known)
			log_info("device removed pin=%s user=%s", pin_text(device->pin), log_str(device->user));
		channel_peer_free(&device->peer);
		device->user[0] = '\0';
		set_state(keys, device, DEVICE_UNKNOWN);
	} else {
		keys->counts.failures++;
		log_error("keys of pin=%s cannot be read: %s: %s", pin_text(device->pin), db_status_text(status),
			db_last_error(keys->db));
		/* What is known goes on working; the next change or use reads again. */
		device->is_stale = was_known;
		set_state(keys, device, was_known ? DEVICE_READY : DEVICE_FAILED);
	}
	if (device->is_committing)
		return;
	keys->ready(keys->ctx, device);
	if (device->state == DEVICE_FAILED && is_idle(device))
		forget(keys, device);
}

static void read_keys(struct device_keys *keys, struct device *device)
{
	device->is_reading = true;
	device->is_stale = false;
	device->reading = keys->generation;
	keys->counts.reads++;
	db_device_keys(keys->db, device->pin, read_done, call_new(keys, device->pin));
}

struct device *device_keys_get(struct device_keys *keys, uint32_t pin)
{
	struct device *device = device_keys_find(keys, pin);

	if (!device) {
		forget_oldest(keys);
		device = memory_new(sizeof *device);
		device->pin = pin;
		device->state = DEVICE_LOADING;
		device->generation = keys->generation;
		HASH_ADD(hh, keys->devices, pin, sizeof device->pin, device);
		read_keys(keys, device);
		return device;
	}
	used(keys, device);
	if (device->is_reading)
		return device;
	if (device->state == DEVICE_FAILED || device->generation != keys->generation || (device->is_stale && device->state == DEVICE_UNKNOWN)) {
		set_state(keys, device, DEVICE_LOADING);
		read_keys(keys, device);
	} else if (device->is_stale) {
		read_keys(keys, device);      /* traffic goes on under what is known meanwhile */
	}
	return device;
}

void device_keys_start_over(struct device_keys *keys)
{
	keys->generation++;
}

bool device_keys_reread(struct device_keys *keys, struct device *device)
{
	uint64_t now_us = loop_real_us();

	if (device->is_reading || (device->reread_us && now_us - device->reread_us < REREAD_US))
		return false;
	device->reread_us = now_us;
	set_state(keys, device, DEVICE_LOADING);
	read_keys(keys, device);
	return true;
}

static void database_changed(void *arg)
{
	struct device_keys *keys = arg;

	for (struct device *device = keys->devices; device; device = device->hh.next)
		device->is_stale = true;
}

/* --- storing ----------------------------------------------------------------------------------------------------------- */

static struct channel_key *key_of(struct device *device, uint32_t serial)
{
	for (unsigned i = 0; i < CHANNEL_KEYS; i++)
		if (device->peer.keys[i].state != CHANNEL_KEY_NONE && device->peer.keys[i].serial == serial)
			return &device->peer.keys[i];
	return NULL;
}

static void ceiling_done(void *ctx, enum db_status status)
{
	struct call *call = ctx;
	struct device_keys *keys = call->keys;
	struct device *device = call_end(call);
	struct channel_key *key = device ? key_of(device, call->serial) : NULL;

	if (device) {
		device->stores--;
		if (status != DB_OK) {
			keys->counts.failures++;
			log_error("ceiling of key %s+%u cannot be stored: %s: %s", pin_text(call->pin), call->serial,
				db_status_text(status), db_last_error(keys->db));
			device->is_stale = true;
		} else if (key && call->direction == DB_KEY_SEND) {
			replay_counter_committed(&key->send, call->ceiling);
		} else if (key) {
			replay_committed(&key->receive, call->ceiling);
		}
		if (call->is_awaited) {
			device->is_committing = false;
			/* What waits for a ceiling that cannot be stored is refused by its owner, and not asked again at once. */
			if (status != DB_OK && device->state == DEVICE_READY)
				set_state(keys, device, DEVICE_FAILED);
			keys->ready(keys->ctx, device);
			if (device->state == DEVICE_FAILED)
				set_state(keys, device, DEVICE_READY);
		}
	}
	free(call);
}

static void store_ceiling(struct device_keys *keys, struct device *device, const struct channel_key *key,
	enum db_key_direction direction, uint32_t ceiling, bool is_awaited)
{
	struct call *call = call_new(keys, device->pin);

	call->serial = key->serial;
	call->direction = direction;
	call->ceiling = ceiling;
	call->is_awaited = is_awaited;
	device->stores++;
	keys->counts.commits++;
	db_key_ceiling(keys->db, device->pin, key->serial, direction, ceiling, ceiling_done, call);
}

void device_keys_commit(struct device_keys *keys, struct device *device, struct channel_key *key,
	enum db_key_direction direction, uint32_t message_id)
{
	uint32_t ceiling = direction == DB_KEY_SEND ? replay_counter_wanted(&key->send) :
		replay_wanted_ceiling(&key->receive, message_id);

	if (ceiling == 0)
		bug("a ceiling was asked for that is not wanted");
	device->is_committing = true;
	store_ceiling(keys, device, key, direction, ceiling, true);
}

static void promote_done(void *ctx, enum db_status status)
{
	struct call *call = ctx;
	struct device_keys *keys = call->keys;
	struct device *device = call_end(call);

	if (device) {
		device->stores--;
		if (status == DB_OK)
			log_info("key promoted pin=%s serial=%u", pin_text(call->pin), call->serial);
		else
			log_error("promotion of key %s+%u cannot be stored: %s: %s", pin_text(call->pin), call->serial,
				db_status_text(status), db_last_error(keys->db));
	}
	free(call);
}

void device_keys_settle(struct device_keys *keys, struct device *device, struct channel_key *key, bool promoted)
{
	uint32_t receive = replay_wanted_ceiling(&key->receive, 0), send = replay_counter_wanted(&key->send);
	struct call *call;

	/* One at a time is enough: it is asked again with the next message. */
	if (device->stores == 0) {
		if (receive)
			store_ceiling(keys, device, key, DB_KEY_RECEIVE, receive, false);
		if (send && key->state == CHANNEL_KEY_CURRENT)
			store_ceiling(keys, device, key, DB_KEY_SEND, send, false);
	}
	if (!promoted)
		return;
	call = call_new(keys, device->pin);
	call->serial = key->serial;
	device->stores++;
	keys->counts.promotions++;
	db_key_promote(keys->db, device->pin, key->serial, loop_wall_ms(), promote_done, call);
}

/* --- life -------------------------------------------------------------------------------------------------------------- */

struct device_keys *device_keys_new(struct db *db, unsigned suites, size_t max_devices, uint32_t watch_ms,
	device_ready_fn *ready, void *ctx)
{
	struct device_keys *keys = memory_new(sizeof *keys);

	keys->db = db;
	keys->suites = suites;
	keys->max_devices = max_devices;
	keys->ready = ready;
	keys->ctx = ctx;
	db_watch(db, watch_ms, database_changed, keys);
	return keys;
}

void device_keys_free(struct device_keys **keys_at)
{
	struct device_keys *keys = *keys_at;
	struct device *device, *next;

	if (!keys)
		return;
	*keys_at = NULL;
	db_watch(keys->db, 1000, NULL, NULL);
	HASH_ITER(hh, keys->devices, device, next)
		forget(keys, device);
	keys->is_closed = true;
	if (keys->calls == 0)
		free(keys);
}
