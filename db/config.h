#ifndef BRAMBLE_DB_CONFIG_H
#define BRAMBLE_DB_CONFIG_H

#include "db/db.h"
#include "db/keys.h"
#include "db/seats.h"

/* What the administrator sets up: servers with their SRP identity, users, devices, permissions, IM environments.
 * Names are compared without regard to case, as the IM servers do. Texts given are copied; texts that a completion is handed
 * live until it returns. All changes: DB_EXISTS, DB_NOT_FOUND, DB_INVALID with the sentence in db_last_error. */

/* --- servers: ServerConfig and emu_SRPIdentity -------------------------------------------------------------------------- */

struct db_server {
	const char *name;                        /* MachineName */
	const char *srp_id;                      /* "T00000001" */
	struct bytes srp_key;                    /* secret; empty in lists */
};
typedef void db_servers_done(void *ctx, enum db_status status, const struct db_server *servers, size_t count);

void db_server_add(struct db *db, const struct db_server *server, db_status_done *done, void *ctx);
/* A new identity for a server that exists. */
void db_server_set(struct db *db, const struct db_server *server, db_status_done *done, void *ctx);
void db_server_get(struct db *db, const char *name, db_servers_done *done, void *ctx);       /* one, with its key */
void db_server_list(struct db *db, db_servers_done *done, void *ctx);

/* --- users: UserConfig and emu_IMPermission ----------------------------------------------------------------------------- */

struct db_user {
	uint64_t id;                             /* set by the database */
	const char *server;                      /* MachineName of its server */
	const char *name;                        /* DisplayName */
	const char *mail;                        /* MailboxSMTPAddr; may be NULL */
	const char *mailbox_dn;                  /* MailboxDN; may be NULL */
	uint32_t pin;                            /* 0: no device; set by db_device_add */
	bool permitted;                          /* may use the collaboration client */
};
typedef void db_users_done(void *ctx, enum db_status status, const struct db_user *users, size_t count);

void db_user_add(struct db *db, const struct db_user *user, db_status_done *done, void *ctx);      /* id and pin are not read */
void db_user_remove(struct db *db, const char *name, db_status_done *done, void *ctx);             /* with its device and keys */
void db_user_permit(struct db *db, const char *name, bool permitted, db_status_done *done, void *ctx);
void db_user_list(struct db *db, db_users_done *done, void *ctx);                                  /* by name */

/* --- devices: UserConfig.PIN and emu_DeviceKey -------------------------------------------------------------------------- */

/* Gives the user a device with its first key, current at once. secret: DB_KEY_SECRET_SIZE bytes. A user has one device at most
 * and a PIN one user (DB_EXISTS). */
void db_device_add(struct db *db, const char *user, uint32_t pin, struct bytes secret, unsigned suites, db_status_done *done,
	void *ctx);
void db_device_remove(struct db *db, uint32_t pin, db_status_done *done, void *ctx);
/* A pending key beside the current one; replaces an older pending one. */
typedef void db_rekey_done(void *ctx, enum db_status status, uint32_t serial);
void db_device_rekey(struct db *db, uint32_t pin, struct bytes secret, unsigned suites, db_rekey_done *done, void *ctx);
/* All devices, by PIN, their secrets left out (zero). */
typedef void db_devices_done(void *ctx, enum db_status status, const struct db_device *devices, size_t count);
void db_device_list(struct db *db, db_devices_done *done, void *ctx);

/* --- many at once -------------------------------------------------------------------------------------------------------- */

struct db_person {
	const char *name;                        /* DisplayName; permitted */
	const char *mail;                        /* may be NULL */
	uint32_t pin;                            /* of the device, not 0 */
	uint8_t secret[DB_KEY_SECRET_SIZE];      /* its first key, current at once */
};

/* Adds users with their devices in one transaction: all of them, or none. DB_EXISTS: one of the names or PINs is taken. The texts are
 * copied, the secrets are wiped from the verb's memory when it is done. */
void db_people_add(struct db *db, const char *server, const struct db_person *people, size_t count, unsigned suites,
	db_status_done *done, void *ctx);

/* --- IM environments: emu_IMServiceConfig -------------------------------------------------------------------------------- */

enum db_environment_type { DB_GROUPWISE, DB_CWA };
const char *db_environment_type_name(enum db_environment_type type);      /* "groupwise", "cwa" */
int db_environment_type_parse(const char *name, enum db_environment_type *out);

struct db_environment {
	const char *name;
	enum db_environment_type type;
	const char *host;
	uint16_t port;
	const char *transport;                   /* "tls", "tcp"; CWA: "https", "http" */
	uint32_t max_sessions;                   /* 0: not set */
	uint64_t idle_timeout_ms;                /* 0: not set */
	uint64_t inactivity_timeout_ms;          /* 0: off */
	uint32_t transport_capacity;             /* 0 in db_environment_add: the type's default, 5120 GroupWise, 1024 CWA */
	enum seat_evict evict;
};
#define DB_CAPACITY_GROUPWISE 5120           /* Source: document [NOVELL], the Messaging Agent's maximum users, reused: inferred */
#define DB_CAPACITY_CWA 1024                 /* Source: ours */
#define DB_SESSIONS_MAX 2147483647u

typedef void db_environments_done(void *ctx, enum db_status status, const struct db_environment *environments, size_t count);
void db_environment_add(struct db *db, const struct db_environment *environment, db_status_done *done, void *ctx);
void db_environment_get(struct db *db, const char *name, db_environments_done *done, void *ctx);
void db_environment_list(struct db *db, db_environments_done *done, void *ctx);

/* Which members of the struct a change carries; the others keep their values. */
enum db_environment_field {
	DB_ENV_HOST = 1, DB_ENV_PORT = 2, DB_ENV_TRANSPORT = 4, DB_ENV_MAX_SESSIONS = 8, DB_ENV_IDLE_TIMEOUT = 16,
	DB_ENV_INACTIVITY_TIMEOUT = 32, DB_ENV_TRANSPORT_CAPACITY = 64, DB_ENV_EVICT = 128,
};
/* environment->name says which one. Running services see it at their next login. */
void db_environment_set(struct db *db, const struct db_environment *environment, unsigned fields, db_status_done *done,
	void *ctx);

#endif
