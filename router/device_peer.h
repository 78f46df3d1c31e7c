#ifndef BRAMBLE_ROUTER_DEVICE_PEER_H
#define BRAMBLE_ROUTER_DEVICE_PEER_H

#include "router/peer.h"

/* A device: registers its PIN and the service it belongs to, then hands over and takes envelopes, and confirms each one
 * with STATUS DELIVERED as soon as it has come over the link. PAUSE takes it out of coverage until RESUME (ours).
 * It proves nothing: that is the encryption's matter, which the Router has no key for. */
struct device_peer;

/* The first frame of a peer was REGISTER. */
void device_peer_start(struct peer *peer, struct bytes frame);

struct peer *device_peer_of(const struct device_peer *device);
struct pin *device_pin(const struct device_peer *device);
void device_status(struct device_peer *device, uint32_t tag, enum srp_status status, const char *text);
void device_data(struct device_peer *device, uint32_t tag, struct bytes gme);

/* Its service is blocked: nothing more is read from it until device_peers_release. */
void device_hold(struct device_peer *device);
/* Reads on from all devices that were held for this service. */
void device_peers_release(struct router *router, const char *srp_id);

#endif
