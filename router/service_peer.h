#ifndef BRAMBLE_ROUTER_SERVICE_PEER_H
#define BRAMBLE_ROUTER_SERVICE_PEER_H

#include "router/peer.h"

/* A service (the Dispatcher): proves its SRP identifier in the opening sequence, then sends and receives envelopes of the devices
 * that belong to that identifier. At most one connection per identifier is up; a newer one supersedes it.
 * Source: document [STO-A 90-91][WIKI-SRP]. */
struct service_peer;
struct device_peer;

/* The first frame of a peer was INFO, INFO REQUEST or CONNECT: it becomes a service, and that frame is its first. */
void service_peer_start(struct peer *peer, struct bytes frame);

/* The one that is up under this identifier, or NULL. */
struct service_peer *service_find(const struct router *router, struct bytes srp_id);
struct service_peer *service_next(const struct router *router, struct service_peer *after);   /* after NULL: the first */

struct peer *service_peer_of(const struct service_peer *service);
const char *service_id(const struct service_peer *service);
uint32_t service_serial(const struct service_peer *service);
unsigned service_count(const struct router *router);

void service_coverage(struct service_peer *service, uint32_t pin, bool available);
void service_status(struct service_peer *service, uint32_t tag, enum srp_status status, const char *text);

/* It asked for a pause: devices that have something for it are held until it goes on. */
bool service_is_paused(const struct service_peer *service);

/* Source: ours. */
enum {
	SERVICE_MARK_EVERY = 64,      /* envelopes: how exactly is known what waits for a service */
	SERVICE_FEW = 256,            /* messages that may wait however long: a service that rests for a moment loses nobody one */
};

/* May an envelope be handed to it now? Not while as many messages wait for it unread, here or on their way, as the setting backlog allows, or
 * some for longer than backlog_age (real time): what is added then would only grow old. What devices say about messages to them may go on
 * until 4 MiB wait here.
 * Source: ours. */
bool service_takes(struct service_peer *service, bool is_message);
void service_receive(struct service_peer *service, const struct srp_receive *receive);

#endif
