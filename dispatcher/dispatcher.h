#ifndef BRAMBLE_DISPATCHER_DISPATCHER_H
#define BRAMBLE_DISPATCHER_DISPATCHER_H

#include <jansson.h>

#include "base/io/daemon.h"
#include "base/trail.h"
#include "db/db.h"

/* The Dispatcher: holds the devices' transport keys. Opens what devices send and hands it to the service of its content id; seals
 * what services send and hands it to the Router, five envelopes per device at a time.
 * Source: document [STO-A 31], [FTO5 98]: the Dispatcher does the encryption and compression. */
struct dispatcher;

enum dispatcher_failover { DISPATCHER_FAILOVER_AUTOMATIC, DISPATCHER_FAILOVER_MANUAL };
enum dispatcher_crypto { DISPATCHER_DOCUMENTED, DISPATCHER_HARDENED };

struct dispatcher_settings {
	struct daemon_settings common;
	char *database, *install_key;
	char *routers;                   /* "HOST:PORT HOST:PORT" */
	char *listen;
	char *server;                    /* whose SRP identity: a MachineName of ServerConfig */
	int crypto;                      /* enum dispatcher_crypto */
	char *tls_certificate, *tls_key, *tls_ca;
	uint64_t ping_interval_ms, ping_misses;
	uint64_t delivery_ms, queue, backlog, devices, database_check_ms;
	uint64_t srp_connects;
	uint64_t srp_standby_ms;
	int failover;                    /* enum dispatcher_failover */
	uint64_t health_dead_ms, switch_ms, promotion_threshold, failover_threshold;
};
extern const struct setting dispatcher_setting_table[];

/* Reads the server's identity from the database, then dials the routers; listens for services from the start.
 * trail may be NULL. NULL with a sentence, and in *status how the process should end, if it cannot start. */
struct dispatcher *dispatcher_new(struct loop *loop, const struct dispatcher_settings *settings, struct db *db, struct trail *trail,
	int *status, struct error *err);
void dispatcher_free(struct dispatcher **dispatcher);

const char *dispatcher_address(const struct dispatcher *dispatcher);   /* for services, with the real port */
/* Linked, registered, counted: for the control verb status. */
void dispatcher_status(void *dispatcher, json_t *into);

/* failover, failover.switch: for control_server_add, with the dispatcher as ctx. */
extern const struct control_verb dispatcher_verbs[];

#endif
