#include "dispatcher/dispatcher.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/config.h"
#include "dispatcher/dispatcher_private.h"

#define IDENTITY_RETRY_MS 1000
/* Of messages that wait for devices, all together. Source: ours */
#define WAITING_BYTES_HIGH (32u << 20)
#define WAITING_BYTES_LOW (8u << 20)

/* The question for the identity, which may outlive the dispatcher. */
struct identity_call { struct dispatcher *dispatcher; };

/* --- coverage ----------------------------------------------------------------------------------------------------------- */

static void tell_service_covered(void *ctx, uint32_t pin)
{
	link_service_send(ctx, &link_coverage_msg, &(struct link_coverage){ .pin = pin, .available = 1 });
}

static void tell_all(struct dispatcher *d, uint32_t pin, bool available)
{
	struct link_service *service = NULL;

	while ((service = link_service_next(d->services, service)))
		link_service_send(service, &link_coverage_msg, &(struct link_coverage){ .pin = pin, .available = available });
}

static void uncovered(void *ctx, uint32_t pin)
{
	struct dispatcher *d = ctx;

	/* First what waits for it goes back, then its services hear why. */
	outbound_uncovered(d->outbound, pin);
	tell_all(d, pin, false);
}

static void on_coverage(void *ctx, unsigned router, const struct srp_coverage *coverage)
{
	struct dispatcher *d = ctx;
	int before = coverage_router(d->coverage, coverage->pin), now;
	bool changed;

	if (coverage->pin == 0) {
		coverage_forget_router(d->coverage, router, uncovered, d);
		return;
	}
	changed = coverage_set(d->coverage, coverage->pin, router, coverage->available != 0);
	log_debug("coverage pin=%s available=%u router=%s", pin_text(coverage->pin), coverage->available,
		router_link_address(d->routers[router]));
	now = coverage_router(d->coverage, coverage->pin);
	if (before >= 0 && now >= 0 && before != now)
		outbound_moved(d->outbound, coverage->pin);
	if (!changed)
		return;
	if (coverage->available) {
		tell_all(d, coverage->pin, true);
		outbound_continue(d->outbound, coverage->pin);
	} else {
		uncovered(d, coverage->pin);
	}
}

/* --- routers ------------------------------------------------------------------------------------------------------------ */

static void note_router(struct dispatcher *d, const char *event, unsigned router)
{
	struct trail_entry entry = { .event = event };

	trail_text(&entry, "router=%s srp_id=%s", router_link_address(d->routers[router]), d->srp_id);
	trail_note(d->trail, &entry);
}

static void on_router_up(void *ctx, unsigned router)
{
	note_router(ctx, "router.up", router);
}

static void on_router_down(void *ctx, unsigned router)
{
	struct dispatcher *d = ctx;

	note_router(d, "router.down", router);
	intake_router_lost(d->intake, router);
	coverage_forget_router(d->coverage, router, uncovered, d);
	outbound_router_lost(d->outbound, router);
}

static void on_receive(void *ctx, unsigned router, const struct srp_receive *receive)
{
	struct dispatcher *d = ctx;

	(void)router;
	/* What is said of a message under way is heard before its STATUS, which comes next. */
	if (gme_is_message(receive->gme))
		intake_envelope(d->intake, receive->pin, receive->gme);
	else
		uplink_receive(d->uplink, receive->pin, receive->gme);
}

static void on_mark(void *ctx, unsigned router, uint32_t nonce)
{
	struct dispatcher *d = ctx;

	intake_mark(d->intake, router, nonce);
}

static void take_in(void *ctx, uint32_t pin, struct bytes gme)
{
	struct dispatcher *d = ctx;

	uplink_receive(d->uplink, pin, gme);
}

static void answer_mark(void *ctx, unsigned router, uint32_t nonce)
{
	struct dispatcher *d = ctx;

	router_link_answer_mark(d->routers[router], nonce);
}

static void on_intake_full(void *ctx, bool is_full)
{
	struct dispatcher *d = ctx;

	log_warning("reading from routers %s waiting=%zu", is_full ? "rests" : "goes on", intake_count(d->intake));
	for (unsigned i = 0; i < d->router_count; i++)
		router_link_pause(d->routers[i], is_full);
}

static const struct intake_callbacks intake_calls = { .envelope = take_in, .mark = answer_mark, .full = on_intake_full };

static void on_srp_status(void *ctx, unsigned router, const struct srp_status_msg *status)
{
	struct dispatcher *d = ctx;

	if (!outbound_status(d->outbound, router, status))
		log_debug("status for no tag of ours router=%s tag=%u status=%s", router_link_address(d->routers[router]), status->tag,
			srp_status_text(status->status));
}

static void on_can_send(void *ctx, unsigned router)
{
	struct dispatcher *d = ctx;

	(void)router;
	outbound_continue_all(d->outbound);
}

static const struct router_link_callbacks router_calls = {
	.up = on_router_up, .down = on_router_down, .receive = on_receive, .mark = on_mark, .status = on_srp_status, .coverage = on_coverage,
	.can_send = on_can_send, .stepped_back = dispatcher_stepped_back, .back = dispatcher_is_back,
};

static bool can_send(void *ctx, unsigned router)
{
	struct dispatcher *d = ctx;

	return router_link_can_send(d->routers[router]);
}

static void send_to_router(void *ctx, unsigned router, const struct srp_send *send)
{
	struct dispatcher *d = ctx;

	router_link_send(d->routers[router], send);
}

/* What cannot be handed on stays where it is: messages of devices in the intake while a service does not read or too much waits for
 * the database, those to devices with the services while too much waits here. At once, because one message may be large when it is
 * inflated and many may have come together; going on again comes at the end of the round. */
static void rest_intake(struct dispatcher *d)
{
	struct link_service *service = NULL;
	bool rests = d->is_uplink_full;

	while (!rests && (service = link_service_next(d->services, service)))
		rests = link_service_is_full(service);
	if (rests == d->is_resting)
		return;
	d->is_resting = rests;
	log_debug("intake %s waiting=%zu", rests ? "rests" : "goes on", intake_count(d->intake));
	intake_rest(d->intake, rests);
}

static void pause_services(struct dispatcher *d)
{
	size_t limit = d->are_services_paused ? WAITING_BYTES_LOW : WAITING_BYTES_HIGH;

	d->are_services_paused = outbound_waiting_bytes(d->outbound) > limit;
	service_listener_pause(d->services, d->are_services_paused);
}

static void go_on(void *arg)
{
	struct dispatcher *d = arg;

	rest_intake(d);
	pause_services(d);
}

static void on_full(void *ctx)
{
	rest_intake(ctx);
}

static void on_uplink_full(void *ctx, bool is_full)
{
	struct dispatcher *d = ctx;

	d->is_uplink_full = is_full;
	if (is_full)
		rest_intake(d);
	else
		loop_defer(d->loop, &d->pause);
}

/* --- services ----------------------------------------------------------------------------------------------------------- */

static void on_registered(void *ctx, struct link_service *service)
{
	struct dispatcher *d = ctx;
	struct trail_entry entry = { .event = "service.up" };

	trail_text(&entry, "content=%s instance=%s peer=%s", link_service_content_id(service),
		log_str(link_service_instance(service)), link_service_peer(service));
	trail_note(d->trail, &entry);
	link_service_send(service, &link_coverage_msg, &(struct link_coverage){ .pin = 0 });
	coverage_each(d->coverage, tell_service_covered, service);
	pools_registered(d->pools, service);
}

static void on_service_gone(void *ctx, struct link_service *service)
{
	struct dispatcher *d = ctx;
	struct trail_entry entry = { .event = "service.down" };

	trail_text(&entry, "content=%s instance=%s", link_service_content_id(service), log_str(link_service_instance(service)));
	trail_note(d->trail, &entry);
	uplink_service_gone(d->uplink, link_service_id(service));
	pools_gone(d->pools, service);
}

static void answer_down(struct link_service *service, uint32_t pin, uint32_t transaction, enum srp_status status,
	const char *text)
{
	link_service_send(service, &link_status_msg, &(struct link_status){ .pin = pin, .transaction = transaction,
		.status = status, .text = bytes_str(text) });
}

static void on_down(void *ctx, struct link_service *service, const struct link_down *down)
{
	struct dispatcher *d = ctx;
	struct device *device;

	if (!bytes_is(down->content_id, link_service_content_id(service))) {
		answer_down(service, down->pin, down->transaction, SRP_INVALID, "content id is not the registered one");
		return;
	}
	if (down->pin == 0) {
		answer_down(service, down->pin, down->transaction, SRP_INVALID, "0 is no PIN");
		return;
	}
	device = device_keys_find(d->keys, down->pin);
	/* A last word of one that stands by does not make the device its own again. */
	if (device && link_service_takes_its_own(service)) {
		device->service = link_service_id(service);
		device->instance = link_service_instance_tag(service);
	}
	outbound_message(d->outbound, link_service_id(service), down->pin, down->transaction, link_service_content_id(service),
		down->clear);
	pause_services(d);
}

static void on_outcome(void *ctx, uint64_t id, uint32_t pin, uint32_t transaction, enum srp_status status, const char *text)
{
	struct dispatcher *d = ctx;
	struct link_service *service = link_service_find(d->services, id);

	if (service)
		answer_down(service, pin, transaction, status, text);
	if (d->are_services_paused)
		loop_defer(d->loop, &d->pause);
}

/* A repeated COVERAGE makes services send again what went back to them although the device is there. */
static void on_again(void *ctx, uint32_t pin)
{
	tell_all(ctx, pin, true);
}

static void on_link_status(void *ctx, struct link_service *service, const struct link_status *status)
{
	struct dispatcher *d = ctx;

	uplink_status(d->uplink, link_service_id(service), status);
}

static void on_drained(void *ctx)
{
	struct dispatcher *d = ctx;

	loop_defer(d->loop, &d->pause);
}

static void on_health(void *ctx, struct link_service *service, const struct link_health *health)
{
	struct dispatcher *d = ctx;

	pools_health(d->pools, service, health->health);
}

static void on_role(void *ctx, struct link_service *service, const struct link_role *role)
{
	struct dispatcher *d = ctx;

	pools_role(d->pools, service, role);
}

static void on_moved(void *ctx, struct link_service *service, const struct link_moved *moved)
{
	struct dispatcher *d = ctx;

	pools_moved(d->pools, service, moved);
}

static const struct service_callbacks service_calls = {
	.registered = on_registered, .gone = on_service_gone, .down = on_down, .status = on_link_status, .drained = on_drained,
	.full = on_full, .health = on_health, .role = on_role, .moved = on_moved,
};

/* A device's keys are there, or its ceiling is stored. */
static void on_ready(void *ctx, struct device *device)
{
	struct dispatcher *d = ctx;
	uint32_t pin = device->pin;

	uplink_continue(d->uplink, device);
	outbound_continue(d->outbound, pin);
}

/* --- start -------------------------------------------------------------------------------------------------------------- */

/* The identity is known: what needs it is made, and the routers are dialled. */
static void start_routers(struct dispatcher *d, const struct db_server *server)
{
	struct router_link_settings link = { .srp_id = d->srp_id, .ping_interval_ms = d->settings->ping_interval_ms,
		.standby_ms = d->settings->srp_standby_ms, .connects = (uint32_t)d->settings->srp_connects, .ping_misses = (unsigned)d->settings->ping_misses };
	char *copy = memory_str(d->settings->routers), *rest = copy, *address;

	bytes_copy_str(bytes_str(server->srp_id), d->srp_id, sizeof d->srp_id);
	memcpy(link.key, server->srp_key.data, sizeof link.key);
	while ((address = strsep(&rest, " \t")))
		if (*address) {
			d->routers[d->router_count] = router_link_new(d->loop, d->router_count, address, &link, &router_calls, d);
			d->router_count++;
		}
	explicit_bzero(&link, sizeof link);
	free(copy);
	log_info("identity server=%s srp_id=%s routers=%u", log_str(d->settings->server), d->srp_id, d->router_count);
}

static void on_identity(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct identity_call *call = ctx;
	struct dispatcher *d = call->dispatcher;

	free(call);
	if (!d)
		return;
	d->asking = NULL;
	if (status == DB_NOT_FOUND || (status == DB_OK && count == 0))
		fatal(EXIT_CONFIG, "[dispatcher] server = %s: the database has no server of this name; `bramble srp` adds one",
			log_str(d->settings->server));
	if (status != DB_OK) {
		log_error("the identity of server %s cannot be read: %s: %s", log_str(d->settings->server), db_status_text(status),
			db_last_error(d->db));
		loop_timer_set(d->identity, IDENTITY_RETRY_MS);
		return;
	}
	if (!srp_id_valid(bytes_str(servers[0].srp_id)) || servers[0].srp_key.len != SRP_KEY_SIZE)
		fatal(EXIT_CONFIG, "[dispatcher] server = %s: its SRP identifier or key in the database is none (a key has %d bytes)",
			log_str(d->settings->server), SRP_KEY_SIZE);
	start_routers(d, &servers[0]);
}

static void ask_identity(void *arg)
{
	struct dispatcher *d = arg;

	d->asking = memory_new(sizeof *d->asking);
	d->asking->dispatcher = d;
	db_server_get(d->db, d->settings->server, on_identity, d->asking);
}

static int check_routers(const char *routers, struct error *err)
{
	char *copy = memory_str(routers ? routers : ""), *rest = copy, *address;
	unsigned count = 0;
	int result = 0;

	while (result == 0 && (address = strsep(&rest, " \t"))) {
		struct address parsed;

		if (!*address)
			continue;
		if (++count > COVERAGE_ROUTERS_MAX)
			result = error_set(err, "[dispatcher] routers: more than %d", COVERAGE_ROUTERS_MAX);
		else if (address_parse(address, &parsed, err))
			result = error_prefix(err, "[dispatcher] routers: ");
	}
	if (result == 0 && count == 0)
		result = error_set(err, "[dispatcher] routers is empty: HOST:PORT of at least one router is needed");
	free(copy);
	return result;
}

/* All of the three, or none. */
static int make_tls(struct dispatcher *d, struct error *err)
{
	const struct dispatcher_settings *set = d->settings;
	struct tls_settings tls = { .server = true, .certificate_file = set->tls_certificate, .key_file = set->tls_key,
		.ca_file = set->tls_ca, .only_tls13 = true };

	if (!set->tls_certificate && !set->tls_key && !set->tls_ca)
		return 0;
	if (!set->tls_certificate || !set->tls_key || !set->tls_ca)
		return error_set(err, "[dispatcher] tls_certificate, tls_key and tls_ca go together: services and dispatcher check each "
			"other's certificate; set all three or none");
	d->tls = tls_new(&tls, err);
	return d->tls ? 0 : -1;
}

static int start(struct dispatcher *d, int *status, struct error *err)
{
	const struct dispatcher_settings *set = d->settings;
	struct service_listener_settings listener = { .listen = set->listen, .ping_interval_ms = set->ping_interval_ms,
		.ping_misses = (unsigned)set->ping_misses, .backlog = (uint32_t)set->backlog };
	struct outbound_settings outbound = { .srp_id = d->srp_id, .queue = (unsigned)set->queue, .delivery_ms = set->delivery_ms };
	static const struct outbound_callbacks outbound_calls = { .can_send = can_send, .send = send_to_router,
		.again = on_again, .outcome = on_outcome };
	struct pool_settings pool = { .dead_ms = set->health_dead_ms, .switch_ms = set->switch_ms,
		.promote_at = (uint32_t)set->promotion_threshold, .failover_at = (uint32_t)set->failover_threshold,
		.is_manual = set->failover == DISPATCHER_FAILOVER_MANUAL };

	*status = EXIT_CONFIG;
	if (!set->server || !*set->server)
		return error_set(err, "[dispatcher] server is empty: the name of a server in the database is needed");
	if (check_routers(set->routers, err) || make_tls(d, err))
		return -1;
	listener.tls = d->tls;
	*status = !d->tls && !address_is_loopback(set->listen) ? EXIT_CONFIG : EXIT_BIND;
	d->services = service_listener_new(d->loop, &listener, &service_calls, d, err);
	if (!d->services)
		return -1;
	d->pools = pools_new(d->loop, &pool, d->services, &dispatcher_pool_calls, d);
	d->channel = channel_new();
	d->coverage = coverage_new();
	d->keys = device_keys_new(d->db, set->crypto == DISPATCHER_HARDENED ? PACKET_SUITES_HARDENED : PACKET_SUITES_ALL,
		set->devices, (uint32_t)set->database_check_ms, on_ready, d);
	d->outbound = outbound_new(d->loop, d->channel, d->keys, d->coverage, d->trail, &outbound, &outbound_calls, d);
	d->intake = intake_new(d->loop, &intake_calls, d);
	d->uplink = uplink_new(d->channel, d->keys, d->outbound, d->services, d->trail, d->srp_id, on_uplink_full, d);
	log_info("listening services=%s tls=%s crypto=%s", dispatcher_address(d), d->tls ? "mutual-1.3" : "no",
		set->crypto == DISPATCHER_HARDENED ? "hardened" : "documented");
	ask_identity(d);
	return 0;
}

struct dispatcher *dispatcher_new(struct loop *loop, const struct dispatcher_settings *settings, struct db *db, struct trail *trail,
	int *status, struct error *err)
{
	struct dispatcher *d = memory_new(sizeof *d);

	d->loop = loop;
	d->settings = settings;
	d->db = db;
	d->trail = trail;
	d->identity = loop_timer_new(loop, ask_identity, d);
	d->pause = (struct loop_task){ .fn = go_on, .arg = d };
	if (start(d, status, err))
		dispatcher_free(&d);
	return d;
}

void dispatcher_free(struct dispatcher **d_at)
{
	struct dispatcher *d = *d_at;

	if (!d)
		return;
	*d_at = NULL;
	if (d->asking)
		d->asking->dispatcher = NULL;
	loop_timer_free(&d->identity);
	loop_drop(d->loop, &d->pause);
	for (unsigned i = 0; i < d->router_count; i++)
		router_link_free(&d->routers[i]);
	intake_free(&d->intake);
	service_listener_free(&d->services);
	pools_free(&d->pools);
	uplink_free(&d->uplink);
	outbound_free(&d->outbound);
	device_keys_free(&d->keys);
	coverage_free(&d->coverage);
	channel_free(&d->channel);
	tls_free(&d->tls);
	free(d);
}

const char *dispatcher_address(const struct dispatcher *d)
{
	return service_listener_address(d->services);
}
