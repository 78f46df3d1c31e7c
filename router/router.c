#include "router/router.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/io/simulated.h"
#include "base/log.h"
#include "base/memory.h"
#include "router/device_peer.h"
#include "router/forward.h"
#include "router/service_peer.h"
#include "router/state.h"

#define ROW(key_, type_, member_, fallback_, min_, max_, help_) \
	{ .key = (key_), .type = (type_), .offset = offsetof(struct router_settings, member_), .fallback = (fallback_), \
	  .min = (min_), .max = (max_), .help = (help_) }

const struct setting router_setting_table[] = {
	DAEMON_SETTINGS(struct router_settings, common),
	ROW("listen", SETTING_ADDRESS, listen, "127.0.0.1:3101", 0, 0, "where services connect, and devices if they have no listener"),
	ROW("device_listen", SETTING_ADDRESS, device_listen, NULL, 0, 0, "where devices connect instead; empty: to listen as well"),
	ROW("device_share", SETTING_SWITCH, device_share, "no", 0, 0,
		"routers of this user with the same device_listen share it: the kernel deals devices out among them"),
	ROW("device_networks", SETTING_TEXT, device_networks, NULL, 0, 0,
		"CIDR networks that devices may come from, space separated; needed when they may come from beyond loopback"),
	ROW("proxies", SETTING_TEXT, proxies, NULL, 0, 0,
		"CIDR networks of TCP proxies, space separated: where devices connect, they must begin with a PROXY header, version 2"),
	ROW("identities", SETTING_PATH, identities, "srp.keys", 0, 0, "file of SRP identifiers and keys, mode 0600"),
	ROW("state", SETTING_PATH, state, "router.state", 0, 0, "file of deactivated SRP identifiers"),
	ROW("deactivate_connects", SETTING_NUMBER, deactivate_connects, "5", 1, 1000,
		"so many connects and disconnects within the window deactivate an SRP identifier"),
	ROW("deactivate_window", SETTING_DURATION, deactivate_window_ms, "60s", 1000, 86400000, "that window"),
	ROW("ping_interval", SETTING_DURATION, ping_interval_ms, "60s", 1000, 86400000, "a peer that was silent so long is asked"),
	ROW("ping_misses", SETTING_NUMBER, ping_misses, "3", 1, 100, "so many unanswered questions end its connection"),
	ROW("handshake_timeout", SETTING_DURATION, handshake_timeout_ms, "10s", 100, 600000,
		"from the connection to the accepted proof or registration (real time)"),
	ROW("frame_timeout", SETTING_DURATION, frame_timeout_ms, "10s", 100, 600000,
		"from the first byte of a frame to its last (real time)"),
	ROW("delivery_timeout", SETTING_DURATION, delivery_timeout_ms, "10m", 1000, 86400000,
		"a message that its device has not confirmed by then has expired"),
	ROW("max_peers", SETTING_NUMBER, max_peers, "20000", 1, 1000000, "connections at once, on each listener"),
	ROW("max_unproven", SETTING_NUMBER, max_unproven, "256", 1, 100000,
		"connections at once that have not proved or registered yet; the oldest goes first"),
	ROW("max_pins", SETTING_NUMBER, max_pins, "20000", 1, 10000000,
		"PINs remembered; beyond, the one out of coverage longest is forgotten"),
	ROW("register_limit", SETTING_NUMBER, register_limit, "5", 1, 1000,
		"so many registrations of one PIN may supersede a living link within the window"),
	ROW("register_window", SETTING_DURATION, register_window_ms, "60s", 1000, 86400000, "that window"),
	ROW("backlog", SETTING_NUMBER, backlog, "8192", SERVICE_FEW, 1000000,
		"messages of devices that may wait for one service unread; more are refused as overloaded"),
	ROW("backlog_age", SETTING_DURATION, backlog_age_ms, "250ms", 1, 3600000,
		"and more than a few are, too, while the oldest have waited for so long (real time)"),
	{ .key = NULL },
};

static bool is_set(const char *text)
{
	return text && *text;
}

static void check_networks(const char *key, const char *networks)
{
	struct error err;

	if (is_set(networks) && address_in_networks("127.0.0.1:1", networks, &err) < 0)
		fatal(EXIT_CONFIG, "[router] %s: %s", key, err.text);
}

/* A device has nothing to prove itself with, so on any address but loopback, and behind a proxy, the networks it may come from must be
 * named. A service has: its HMAC is the authentication that a listener beyond loopback needs. */
static void check_listeners(const struct router_settings *set)
{
	bool is_shared = !is_set(set->device_listen);
	const char *devices = is_shared ? set->listen : set->device_listen;

	if (set->device_share && is_shared)
		fatal(EXIT_CONFIG, "[router] device_share = yes is about device_listen, which is not set; services find a router at an address of its own");
	check_networks("device_networks", set->device_networks);
	check_networks("proxies", set->proxies);
	if (is_set(set->device_networks))
		return;
	if (is_set(set->proxies))
		fatal(EXIT_CONFIG, "[router] proxies = %s lets devices come from wherever the proxy listens, and they only say who they are: "
			"set device_networks = CIDR... to where they may come from", set->proxies);
	if (address_is_loopback(devices))
		return;
	if (is_shared)
		fatal(EXIT_CONFIG, "[router] listen = %s takes devices too, which only say who they are: set device_networks = CIDR... "
			"to where they may come from, or device_listen = 127.0.0.1:PORT to keep them on loopback", devices);
	fatal(EXIT_CONFIG, "[router] device_listen = %s is not on loopback, and devices only say who they are: set "
		"device_networks = CIDR... to where they may come from", devices);
}

void router_store_state(struct router *router)
{
	const char *path = router->set->state;
	struct buf text = { 0 };
	struct error err;
	int status;

	/* What the dead make of their links, which all end at once, changes no file. */
	if (loop_is_dead(router->loop))
		return;
	deactivation_text(router->deactivation, &text);
	status = router->keeper ? keeper_store(router->keeper, buf_bytes(&text)) : deactivation_store(path, buf_bytes(&text), &err);
	if (status != 0 && router->keeper)
		error_set(&err, "cannot write the router's state %s: %s", path, strerror(errno));
	if (status != 0)
		log_error("%s; a restart would forget what was deactivated or enabled just now", err.text);
	buf_free(&text);
}

static struct identities *load_identities(const struct router *router, struct error *err)
{
	const char *path = router->set->identities;

	return router->keeper ? identities_read(keeper_identities(router->keeper), path, err) : identities_load(path, err);
}

void router_use(struct router *router, struct keeper *keeper)
{
	router->keeper = keeper;
}

bool router_enable(struct router *router, const char *srp_id)
{
	if (!deactivation_enable(router->deactivation, srp_id))
		return false;
	log_info("enabled srp=%s", log_str(srp_id));
	router_store_state(router);
	return true;
}

int router_reload_identities(struct router *router, struct error *err)
{
	struct identities *fresh = load_identities(router, err);

	if (!fresh)
		return -1;
	struct identities *old = router->identities;
	router->identities = fresh;
	for (struct service_peer *service = service_next(router, NULL), *next; service; service = next) {
		struct bytes id = bytes_str(service_id(service));
		const struct identity *was = identities_find(old, id), *is = identities_find(fresh, id);
		next = service_next(router, service);
		if (!was || !is || memcmp(was->key, is->key, sizeof is->key) != 0)
			peer_disconnect(service_peer_of(service), is ? SRP_BAD_PROOF : SRP_UNKNOWN_ID, "the %s of %s was %s",
				is ? "key" : "identifier", service_id(service), is ? "changed" : "removed");
	}
	identities_free(&old);
	log_info("identities read file=%s count=%zu", log_str(router->set->identities), identities_count(fresh));
	return 0;
}

/* What a peer is, is told by its first frame. */
static void first_frame(struct peer *peer, struct bytes frame)
{
	uint8_t opcode = frame_opcode(frame);
	bool is_service = opcode == SRP_INFO || opcode == SRP_INFO_REQUEST || opcode == SRP_CONNECT;

	if (is_service && !(peer_may_be(peer) & PEER_MAY_BE_SERVICE))
		peer_refuse(peer, SRP_NOT_PERMITTED, "this listener is for devices");
	else if (is_service)
		service_peer_start(peer, frame);
	else if (opcode == SRP_REGISTER)
		device_peer_start(peer, frame);
	else
		peer_refuse(peer, SRP_PROTOCOL_ERROR, "opcode 0x%02x: a service begins with INFO or CONNECT, a device with REGISTER",
			opcode);
}

static void accept_any(void *ctx, struct connection *c)
{
	peer_accept(ctx, c, PEER_MAY_BE_SERVICE | PEER_MAY_BE_DEVICE, first_frame);
}

static void accept_service(void *ctx, struct connection *c)
{
	peer_accept(ctx, c, PEER_MAY_BE_SERVICE, first_frame);
}

static void accept_device(void *ctx, struct connection *c)
{
	peer_accept(ctx, c, PEER_MAY_BE_DEVICE, first_frame);
}

static struct listener *listen_on(struct router *router, const char *address, bool is_shared, listener_accept_fn *accepted)
{
	const struct router_settings *set = router->set;
	/* A peer that is late with its first frame is told so by peer.c; the connection's own deadline for that comes after. */
	struct connection_limits limits = { .max_message = FRAME_MAX, .message_ms = (uint32_t)set->frame_timeout_ms,
		.first_message_ms = (uint32_t)set->handshake_timeout_ms + 1000 };
	struct error err = { "" };
	struct listener *l = (is_shared ? listener_new_shared : listener_new)(router->loop, address, NULL, &limits, (uint32_t)set->max_peers,
		accepted, router, &err);

	if (!l)
		fatal(EXIT_BIND, "%s", err.text);
	return l;
}

static void count_round(void *arg)
{
	struct router *router = arg;

	router->rounds++;
}

static void read_files(struct router *router)
{
	const struct router_settings *set = router->set;
	struct error err;

	router->identities = load_identities(router, &err);
	if (!router->identities)
		fatal(EXIT_CONFIG, "%s", err.text);
	router->deactivation = deactivation_new((unsigned)set->deactivate_connects, set->deactivate_window_ms);
	/* Written at once as well: that it cannot be is better known now than when it matters. */
	if (deactivation_read(router->deactivation, set->state, &err) != 0 ||
		deactivation_write(router->deactivation, set->state, &err) != 0)
		fatal(EXIT_CONFIG, "%s", err.text);
}

struct router *router_new(struct loop *loop, const struct router_settings *set, struct trail *trail)
{
	struct router *router = memory_new(sizeof *router);
	struct pins_limits limits = { .max_pins = (uint32_t)set->max_pins, .takeovers = (unsigned)set->register_limit,
		.takeover_window_ms = set->register_window_ms, .delivery_ms = set->delivery_timeout_ms };
	bool is_shared = !is_set(set->device_listen);

	check_listeners(set);
	router->loop = loop;
	router->set = set;
	router->trail = trail;
	read_files(router);
	router->pins = pins_new(&limits);
	router->expiry = loop_timer_new(loop, forward_expire, router);
	router->round = (struct loop_task){ .fn = count_round, .arg = router };
	router->listener = listen_on(router, set->listen, false, is_shared ? accept_any : accept_service);
	if (!is_shared)
		router->device_listener = listen_on(router, set->device_listen, set->device_share, accept_device);
	log_info("listening services=%s devices=%s identities=%zu", router_address(router), router_device_address(router),
		identities_count(router->identities));
	return router;
}

const char *router_address(const struct router *router)
{
	return listener_address(router->listener);
}

const char *router_device_address(const struct router *router)
{
	return listener_address(router->device_listener ? router->device_listener : router->listener);
}

void router_shutdown(struct router *router)
{
	router->is_ending = true;
	listener_free(&router->listener);
	listener_free(&router->device_listener);
	peers_say_goodbye(router);
	loop_round(router->loop, 0);
}

void router_free(struct router **router)
{
	struct router *gone = *router;

	if (!gone)
		return;
	*router = NULL;
	gone->is_ending = true;
	listener_free(&gone->listener);
	listener_free(&gone->device_listener);
	peers_free(gone);
	loop_drop(gone->loop, &gone->round);
	loop_timer_free(&gone->expiry);
	pins_free(&gone->pins);
	deactivation_free(&gone->deactivation);
	identities_free(&gone->identities);
	keeper_end(&gone->keeper);
	buf_free(&gone->frame);
	buf_free(&gone->envelope);
	free(gone);
}
