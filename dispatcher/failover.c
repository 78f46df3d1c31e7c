#include "base/io/control_server.h"
#include "base/log.h"
#include "db/trail.h"
#include "dispatcher/dispatcher_private.h"

/* What the Dispatcher does about fail-over besides the pool's own part: the steps go into the trails, the devices of a dead service to
 * its successor, and the administrator may look and switch. */

static void stored(void *ctx, enum db_status status)
{
	(void)ctx;
	if (status != DB_OK)
		log_debug("event not stored status=%s", db_status_text(status));
}

/* In the database as well, so that it is known after all who took part in it have ended. */
static void on_step(void *ctx, const struct pool_step *step)
{
	struct dispatcher *d = ctx;
	struct trail_entry entry = { .event = step->event, .numbers = { { "switch", step->number }, { "step", step->step },
		{ "health", step->health } } };
	struct db_trail_entry row = { .wall_ms = loop_wall_ms(), .process = "dispatcher", .event = step->event };
	struct buf text = { 0 };

	trail_text(&entry, "instance=%s other=%s why=%s", log_str(step->instance), log_str(step->other), log_str(step->why));
	trail_note(d->trail, &entry);
	log_info("%s switch=%u step=%u instance=%s other=%s health=%u why=%s", step->event, step->number, step->step,
		log_str(step->instance), log_str(step->other), step->health, log_str(step->why));
	buf_printf(&text, "switch=%u step=%u health=%u %s", step->number, step->step, step->health, entry.text);
	row.text = buf_cstr(&text);
	db_trail_append(d->db, &row, 1, stored, NULL);
	buf_free(&text);
}

static void send_lost(struct link_service *to, struct link_moved *moved, bool more)
{
	moved->more = more;
	link_service_send(to, &link_moved_msg, moved);
	moved->count = 0;
}

/* Those that talked with it last, as far as this Dispatcher remembers; the database says which of them had a session. */
static void on_lost(void *ctx, struct link_service *to, uint32_t number, const char *instance)
{
	struct dispatcher *d = ctx;
	struct link_moved moved = { .number = number, .instance = bytes_str(instance), .lost = 1 };
	uint32_t tag = instance_tag(instance);

	for (struct device *device = device_keys_next(d->keys, NULL); device; device = device_keys_next(d->keys, device)) {
		if (device->instance != tag)
			continue;
		device->service = 0;
		device->instance = 0;
		if (moved.count == LINK_MOVED_MAX)
			send_lost(to, &moved, true);
		moved.devices[moved.count++] = (struct link_moved_device){ .pin = device->pin };
	}
	send_lost(to, &moved, false);
}

/* --- two Dispatchers of one SRP identity ------------------------------------------------------------------------------------- */

static void note_identity(struct dispatcher *d, const char *event, unsigned router, const char *why)
{
	struct trail_entry entry = { .event = event };
	struct db_trail_entry row = { .wall_ms = loop_wall_ms(), .process = "dispatcher", .event = event };

	trail_text(&entry, "instance=%s other=%s why=%s", dispatcher_address(d), router_link_address(d->routers[router]), log_str(why));
	trail_note(d->trail, &entry);
	row.text = entry.text;
	db_trail_append(d->db, &row, 1, stored, NULL);
}

void dispatcher_stepped_back(void *d, unsigned router)
{
	note_identity(d, "srp.stepped-back", router, "a newer connection of this identifier is at the router");
}

void dispatcher_is_back(void *ctx, unsigned router, bool is_claimed)
{
	struct dispatcher *d = ctx;

	note_identity(d, is_claimed ? "srp.claimed" : "srp.free", router, is_claimed ? "the administrator asked" : "nobody else was connected with it");
	/* The other one has counted on. */
	device_keys_start_over(d->keys);
}

const struct pool_callbacks dispatcher_pool_calls = { .step = on_step, .lost = on_lost };

/* --- the administrator ------------------------------------------------------------------------------------------------------ */

static void verb_show(void *ctx, struct control_request *request)
{
	const struct dispatcher *d = ctx;

	control_done(&request, json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "srp_id", d->srp_id, "failover",
		d->settings->failover == DISPATCHER_FAILOVER_MANUAL ? "manual" : "automatic", "health_dead_ms",
		(json_int_t)d->settings->health_dead_ms, "promotion_threshold", (json_int_t)d->settings->promotion_threshold,
		"failover_threshold", (json_int_t)d->settings->failover_threshold, "pools", pools_json(d->pools)));
}

static void verb_switch(void *ctx, struct control_request *request)
{
	struct dispatcher *d = ctx;
	const char *content = control_text(control_params(request), "content", "BBIM"), *to = control_text(control_params(request), "to", "");
	struct error err;
	uint32_t number;

	if (pools_switch(d->pools, content, *to ? to : NULL, &number, &err))
		control_refuse(&request, EXIT_REFUSED, "%s", err.text);
	else
		control_done(&request, json_pack("{s:I}", "switch", (json_int_t)number));
}

static void verb_claim(void *ctx, struct control_request *request)
{
	struct dispatcher *d = ctx;
	json_int_t count = 0;

	for (unsigned i = 0; i < d->router_count; i++) {
		count += router_link_has_stepped_back(d->routers[i]);
		router_link_claim(d->routers[i]);
	}
	if (count == 0)
		control_refuse(&request, EXIT_REFUSED, "this Dispatcher has not stepped back anywhere");
	else
		control_done(&request, json_pack("{s:I}", "routers", count));
}

static const struct control_param switch_params[] = {
	{ "to", CONTROL_TEXT, false, "instance that becomes active [the standby one with the highest score]" },
	{ "content", CONTROL_TEXT, false, "content id [BBIM]" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb dispatcher_verbs[] = {
	{ "failover", "the pools: who is active, scores, thresholds", NULL, verb_show },
	{ "failover.switch", "a planned switch of the active connection; answered when it has begun", switch_params, verb_switch },
	{ "srp.claim", "takes the SRP identity back after stepping back for a newer Dispatcher", NULL, verb_claim },
	{ NULL, NULL, NULL, NULL },
};
