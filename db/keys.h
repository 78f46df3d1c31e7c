#ifndef BRAMBLE_DB_KEYS_H
#define BRAMBLE_DB_KEYS_H

#include "db/db.h"
#include "db/seats.h"

/* Device transport keys, as the Dispatcher needs them: which user a PIN belongs to, and its keys with their counters. */

#define DB_KEY_SECRET_SIZE 32

/* Numbered like the protocol's channel_key_state. Source: document [STO-B 21] for pending, current, previous. */
enum db_key_state { DB_KEY_NONE, DB_KEY_PENDING, DB_KEY_CURRENT, DB_KEY_PREVIOUS };
const char *db_key_state_name(enum db_key_state state);       /* "current" */

struct db_device_key {
	uint32_t serial;                         /* 1 is the device's first; never used again for the same PIN */
	enum db_key_state state;
	unsigned suites;                         /* mask: bit 1 3des-cbc, bit 2 aes256-cbc, bit 3 aes256-gcm */
	uint8_t secret[DB_KEY_SECRET_SIZE];
	uint32_t send_ceiling, receive_ceiling;  /* message ids that may have been used up; 0: none yet */
	uint64_t created_wall_ms;
	uint64_t retired_wall_ms;                /* when it became "previous"; else 0 */
};

/* At most one key per state. */
struct db_device {
	uint32_t pin;
	uint64_t user_id;
	const char *user;                        /* DisplayName */
	struct db_device_key keys[3];
	size_t key_count;
};

/* DB_NOT_FOUND: no user has this PIN. DB_UNAVAILABLE also when a key cannot be unsealed (another install key, an edited row).
 * The device, its secrets included, lives until done returns, and is wiped then. */
typedef void db_device_done(void *ctx, enum db_status status, const struct db_device *device);
void db_device_keys(struct db *db, uint32_t pin, db_device_done *done, void *ctx);

/* Stores a ceiling before ids up to it are used. It never goes down: a lower one is DB_OK and changes nothing.
 * DB_NOT_FOUND: there is no such key (any more). */
enum db_key_direction { DB_KEY_SEND, DB_KEY_RECEIVE };
void db_key_ceiling(struct db *db, uint32_t pin, uint32_t serial, enum db_key_direction direction, uint32_t ceiling,
	db_status_done *done, void *ctx);

/* The pending key becomes current, the current one previous, an older previous one is deleted. DB_OK also if it is current
 * already; DB_CONFLICT if it is previous; DB_NOT_FOUND if it is gone. */
void db_key_promote(struct db *db, uint32_t pin, uint32_t serial, uint64_t now_wall_ms, db_status_done *done, void *ctx);

#endif
