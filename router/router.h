#ifndef BRAMBLE_ROUTER_ROUTER_H
#define BRAMBLE_ROUTER_ROUTER_H

#include "base/io/daemon.h"

/* The Router: services (the Dispatcher) prove their SRP identifier, devices register their PIN, and envelopes that it cannot read
 * go from one to the other. It is the vendor's Router and the BlackBerry Infrastructure in one (ours).
 *
 * Listeners. A service proves itself by HMAC, so its listener may be anywhere; a device only says its PIN, so a listener that
 * takes devices on another address than loopback needs device_networks. One address for both (the default) takes devices as well,
 * and so needs it too. Where devices connect, a TCP proxy may stand between (proxies): what comes from there begins with a PROXY
 * header, and the address in it is the peer's from then on. */
struct router;
struct keeper;

struct router_settings {
	struct daemon_settings common;
	char *listen;
	char *device_listen;          /* NULL or "": devices come to listen as well */
	bool device_share;            /* other routers listen on device_listen as well */
	char *device_networks;
	char *proxies;
	char *identities;
	char *state;
	uint64_t deactivate_connects, deactivate_window_ms;
	uint64_t ping_interval_ms, ping_misses;
	uint64_t handshake_timeout_ms, frame_timeout_ms, delivery_timeout_ms;
	uint64_t max_peers, max_unproven, max_pins;
	uint64_t register_limit, register_window_ms;
	uint64_t backlog, backlog_age_ms;
};
extern const struct setting router_setting_table[];

/* Reads identities and state and listens. Ends the process with a sentence when it cannot. */
struct router *router_new(struct loop *loop, const struct router_settings *set, struct trail *trail);
/* From now on its files are in the hands of the keeper, which it owns. */
void router_use(struct router *router, struct keeper *keeper);
/* Tells every peer that we are going, and lets the words leave. */
void router_shutdown(struct router *router);
void router_free(struct router **router);

/* Where it listens, with the real ports; the second is the first when devices have no listener of their own. */
const char *router_address(const struct router *router);
const char *router_device_address(const struct router *router);

/* Lets a deactivated identifier connect again; false if it was not deactivated. */
bool router_enable(struct router *router, const char *srp_id);
/* Reads the identities file again; services whose key changed or is gone are disconnected. -1 with a sentence, and the ones read
 * before stay in use. */
int router_reload_identities(struct router *router, struct error *err);

/* Its numbers, for the verb status. */
void router_status(void *router, json_t *into);

/* Verbs: srp.list, srp.enable, srp.reload, pin.list. ctx is the router. */
extern const struct control_verb router_verbs[];

#endif
