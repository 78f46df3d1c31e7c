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

/* Asked for a pause, or does not read what we send: devices that have something for it are held until it goes on. */
bool service_is_blocked(const struct service_peer *service);

#endif
