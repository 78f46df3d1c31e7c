#ifndef BRAMBLE_ROUTER_STATE_H
#define BRAMBLE_ROUTER_STATE_H

#include "base/io/connection.h"
#include "base/trail.h"
#include "router/deactivation.h"
#include "router/identities.h"
#include "router/keeper.h"
#include "router/pins.h"
#include "router/router.h"

struct peer;
struct service_peer;
struct device_peer;

/* What happened since the start; control verb "router.status". */
struct router_counts {
	uint64_t up, down;                  /* envelopes handed on */
	uint64_t delivered;                 /* confirmed by the device */
	uint64_t returned;                  /* STATUS UNAVAILABLE, or "no such service" to a device */
	uint64_t expired;                   /* not confirmed in time */
	uint64_t dropped;                   /* unavailable, and nobody asked to be told */
	uint64_t refused;                   /* unknown PIN, and peers that were refused: wrong proof, not permitted ... */
	uint64_t invalid;                   /* packets that are none, and the sixth outstanding one */
	uint64_t superseded;
	uint64_t overloaded;                /* from devices, and not passed on because too much waits for the service */
};

/* The parts of one Router, for its own files. */
struct router {
	struct loop *loop;
	const struct router_settings *set;
	struct trail *trail;
	struct identities *identities;
	struct deactivation *deactivation;
	struct keeper *keeper;              /* opens the files; NULL: the router does */
	struct pins *pins;
	struct service_peer *services;      /* those that are up, by identifier */
	struct device_peer *held;           /* those that nothing is read from until their service takes more */
	struct peer *peers;                 /* all connections */
	struct peer *unproven;              /* those of them that have not proved or registered yet, oldest first */
	uint32_t unproven_count;
	uint32_t last_serial;
	struct loop_timer *expiry;
	struct loop_task round;             /* see keep_alive in peer.c */
	uint64_t rounds;
	bool is_ending;                     /* connections that end now are not their peers' doing */
	struct listener *listener, *device_listener;
	struct buf frame, envelope;         /* written and sent at once; kept for their memory */
	struct router_counts counts;
};

/* Stores who is deactivated, after a change. A failure is logged; what is in memory stays true. */
void router_store_state(struct router *router);

#endif
