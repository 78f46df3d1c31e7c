#ifndef BRAMBLE_ROUTER_FORWARD_H
#define BRAMBLE_ROUTER_FORWARD_H

#include "router/device_peer.h"
#include "router/service_peer.h"

/* The rules of delivery between services and devices. Envelopes are read for their addresses only; what is in them stays
 * closed, because the Router has no key.
 *
 * Down (SEND): the envelope must go from this service to this PIN, else INVALID. A PIN that never registered for this service:
 * REFUSED. Unavailable: returned as UNAVAILABLE if the flag asks for that, else nothing is said. Available: handed to the device as
 * one of at most five outstanding ones (a sixth: INVALID), and DELIVERED once it has confirmed, if that was asked for. One that
 * it does not confirm in time has EXPIRED.
 * Source: document [PAT-COV], [FTO5-SEND] (the PIN is checked before sending); codes, flags and the deadline are ours.
 *
 * Up (DATA): the envelope must come from the PIN that registered here and go to the service it registered for, else INVALID.
 * Handed to that service: QUEUED. No such service connected, or more waits for it than may: an error envelope, at once.
 * Source: document [PAT-WR]; codes are ours. */
void forward_down(struct router *router, struct service_peer *service, const struct srp_send *send);
void forward_up(struct router *router, struct device_peer *device, const struct srp_data *data);

/* The device answered a DATA of ours. */
void forward_confirmed(struct router *router, struct device_peer *device, const struct srp_status_msg *status);

/* The PIN's link is gone: what was outstanding on it goes back to the service of this identifier. Returns how many. */
unsigned forward_return_all(struct router *router, struct pin *pin, const char *srp_id);

/* For the timer: what was not confirmed in time. */
void forward_expire(void *router);

#endif
