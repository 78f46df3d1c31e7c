#ifndef BRAMBLE_DISPATCHER_DEVICE_KEYS_H
#define BRAMBLE_DISPATCHER_DEVICE_KEYS_H

#include <uthash.h>

#include "db/keys.h"
#include "protocol/channel.h"
#include "protocol/link.h"

/* The devices whose traffic passes here: user, transport keys and their counters, read from the database when first needed and
 * kept. When another process changes the database, what is kept is read again without losing which ids were seen. Both
 * devices and PINs that are nobody's are bounded; the ones used longest ago go first (a device that comes back is told to
 * resume above its stored ceiling). */
struct device_keys;

enum device_state {
	DEVICE_LOADING,       /* being read; device_ready comes */
	DEVICE_READY,
	DEVICE_UNKNOWN,       /* no user has this PIN */
	DEVICE_FAILED,        /* the database cannot be read now; forgotten again after device_ready */
};

struct device {
	uint32_t pin;
	enum device_state state;
	bool is_committing;            /* a message waits until a ceiling is stored; device_ready comes */
	char user[257];
	struct channel_peer peer;
	uint64_t service;              /* the service that this device talks with; 0: none yet */
	uint32_t instance;             /* and the tag of that one's name, which outlives its link */
	void *waiting;                 /* of the uplink: envelopes that wait; a device with some is not forgotten */

	/* of this module */
	bool is_stale, is_reading;
	unsigned generation, reading;  /* of what is kept, and of what is being read */
	uint64_t reread_us;            /* when it was last read because a message did not fit */
	unsigned stores;               /* ceilings on their way to the database */
	UT_hash_handle hh;
};

static inline bool device_is_busy(const struct device *device)
{
	return device->state == DEVICE_LOADING || device->is_committing;
}

typedef void device_ready_fn(void *ctx, struct device *device);

/* suites: what this side allows. ready: a device is no longer busy; called from the loop, never inside a call. */
struct device_keys *device_keys_new(struct db *db, unsigned suites, size_t max_devices, uint32_t watch_ms,
	device_ready_fn *ready, void *ctx);
/* Completions that are still to come find nobody and are dropped. */
void device_keys_free(struct device_keys **keys);

/* Another Dispatcher has had the devices meanwhile: its counters stand in the database, and what is kept here no longer counts. */
void device_keys_start_over(struct device_keys *keys);

/* The device of a PIN; begins to read it if it is not known yet. Lives at least until the caller returns to the loop. */
struct device *device_keys_get(struct device_keys *keys, uint32_t pin);
struct device *device_keys_find(struct device_keys *keys, uint32_t pin);   /* only if it is kept; or NULL */

struct device *device_keys_next(struct device_keys *keys, struct device *after);   /* all kept; NULL begins */

/* A message came for which there is no key, or no user: perhaps the database was changed a moment ago. true: it is being read
 * again and the device is busy; false: that was done within the last second. */
bool device_keys_reread(struct device_keys *keys, struct device *device);

/* A ceiling must be stored before the message in hand may go on: the device is busy until then. */
void device_keys_commit(struct device_keys *keys, struct device *device, struct channel_key *key,
	enum db_key_direction direction, uint32_t message_id);
/* After a message: stores ceilings ahead, and a promotion, while traffic goes on. */
void device_keys_settle(struct device_keys *keys, struct device *device, struct channel_key *key, bool promoted);

struct device_keys_counts { size_t devices, unknown; uint64_t reads, commits, promotions, failures; };
struct device_keys_counts device_keys_count(const struct device_keys *keys);

#endif
