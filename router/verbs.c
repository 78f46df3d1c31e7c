#include <string.h>

#include "base/log.h"
#include "router/service_peer.h"
#include "router/state.h"

/* What the tools may ask of a running Router. */

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

void router_status(void *ctx, json_t *into)
{
	const struct router *router = ctx;
	const struct router_counts *counts = &router->counts;

	json_object_set_new(into, "listen", json_string(router_address(router)));
	json_object_set_new(into, "device_listen", json_string(router_device_address(router)));
	put(into, "services_up", service_count(router));
	put(into, "identities", identities_count(router->identities));
	put(into, "devices_registered", pins_count(router->pins));
	put(into, "devices_covered", pins_available(router->pins));
	put(into, "unproven", router->unproven_count);
	put(into, "forwarded_up", counts->up);
	put(into, "forwarded_down", counts->down);
	put(into, "delivered", counts->delivered);
	put(into, "returned", counts->returned);
	put(into, "expired", counts->expired);
	put(into, "dropped", counts->dropped);
	put(into, "refused", counts->refused);
	put(into, "invalid", counts->invalid);
	put(into, "superseded", counts->superseded);
	put(into, "overloaded", counts->overloaded);
}

static void srp_list(void *ctx, struct control_request *request)
{
	const struct router *router = ctx;
	json_t *list = json_array();

	for (size_t i = 0; i < identities_count(router->identities); i++) {
		const char *id = identities_at(router->identities, i)->id;
		const struct service_peer *service = service_find(router, bytes_str(id));
		json_t *row = json_object();
		json_object_set_new(row, "srp_id", json_string(id));
		json_object_set_new(row, "connected", json_boolean(service != NULL));
		json_object_set_new(row, "deactivated", json_boolean(deactivation_is(router->deactivation, id)));
		json_object_set_new(row, "peer", service ? json_string(peer_address(service_peer_of(service))) : json_null());
		json_array_append_new(list, row);
	}
	control_done(&request, json_pack("{so}", "identities", list));
}

static void srp_enable(void *ctx, struct control_request *request)
{
	struct router *router = ctx;
	const char *id = control_text(control_params(request), "id", "");

	if (!identities_find(router->identities, bytes_str(id)) && !deactivation_is(router->deactivation, id)) {
		control_refuse(&request, EXIT_REFUSED, "the SRP identifier %s is not known here", log_str(id));
		return;
	}
	control_done(&request, json_pack("{ss sb}", "srp_id", id, "was_deactivated", router_enable(router, id)));
}

static void srp_reload(void *ctx, struct control_request *request)
{
	struct router *router = ctx;
	struct error err;

	if (router_reload_identities(router, &err) != 0)
		control_refuse(&request, EXIT_CONFIG, "%s; the identities read before stay in use", err.text);
	else
		control_done(&request, json_pack("{sI}", "identities", (json_int_t)identities_count(router->identities)));
}

struct pin_list {
	json_t *rows;
	size_t limit;
};

static void add_pin(void *ctx, const struct pin *pin)
{
	struct pin_list *list = ctx;

	if (json_array_size(list->rows) < list->limit)
		json_array_append_new(list->rows, json_pack("{ss ss sb si}", "pin", pin_text(pin_number(pin)), "srp_id",
			pin_srp_id(pin), "available", pin_is_available(pin), "outstanding", (int)pin_outstanding(pin)));
}

static void pin_list(void *ctx, struct control_request *request)
{
	const struct router *router = ctx;
	struct pin_list list = { json_array(), control_number(control_params(request), "limit", 1000) };

	pins_each(router->pins, bytes_str(control_text(control_params(request), "srp_id", "")), add_pin, &list);
	control_done(&request, json_pack("{sI so}", "count", (json_int_t)pins_count(router->pins), "pins", list.rows));
}

static const struct control_param id_param[] = {
	{ "id", CONTROL_TEXT, true, "SRP identifier" },
	{ .name = NULL },
};
static const struct control_param pin_params[] = {
	{ "srp_id", CONTROL_TEXT, false, "only PINs of this service" },
	{ "limit", CONTROL_NUMBER, false, "at most so many [1000]" },
	{ .name = NULL },
};

const struct control_verb router_verbs[] = {
	{ "srp.list", "known SRP identifiers: connected, deactivated", NULL, srp_list },
	{ "srp.enable", "lets a deactivated SRP identifier connect again", id_param, srp_enable },
	{ "srp.reload", "reads the identities file again; services whose key changed are disconnected", NULL, srp_reload },
	{ "pin.list", "PINs: their service, coverage, messages outstanding", pin_params, pin_list },
	{ .name = NULL },
};
