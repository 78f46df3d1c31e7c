#include "dispatcher/dispatcher_private.h"

static void put_number(json_t *into, const char *name, uint64_t value)
{
	json_object_set_new(into, name, json_integer((json_int_t)value));
}

static json_t *routers_json(const struct dispatcher *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < d->router_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "address", router_link_address(d->routers[i]), "state",
			router_link_state_name(router_link_state(d->routers[i])), "why", router_link_why(d->routers[i])));
	return list;
}

static json_t *services_json(struct dispatcher *d)
{
	json_t *list = json_array();
	struct link_service *service = NULL;

	while ((service = link_service_next(d->services, service)))
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:b}", "content", link_service_content_id(service),
			"instance", link_service_instance(service), "peer", link_service_peer(service), "role",
			link_service_role(service) ? "active" : "standby", "health", (json_int_t)link_service_health(service),
			"tls", link_service_is_tls(service)));
	return list;
}

static json_t *counters_json(const struct dispatcher *d)
{
	struct uplink_counts up = uplink_count(d->uplink);
	struct outbound_counts down = outbound_count(d->outbound);
	struct device_keys_counts keys = device_keys_count(d->keys);
	const struct { const char *name; uint64_t value; } rows[] = {
		{ "opened", up.opened }, { "parts", up.parts }, { "duplicates", up.duplicates }, { "receipts", up.receipts },
		{ "refused_envelope", up.refused[0] }, { "refused_unknown_key", up.refused[GME_UNKNOWN_KEY] },
		{ "refused_bad_format", up.refused[GME_BAD_FORMAT] }, { "refused_unknown_content", up.refused[GME_UNKNOWN_CONTENT] },
		{ "refused_no_service", up.refused[GME_NO_SERVICE] }, { "refused_not_permitted", up.refused[GME_NOT_PERMITTED] },
		{ "refused_too_large", up.refused[GME_TOO_LARGE] }, { "resume_asked", up.resumed },
		{ "errors_from_devices", up.errors_received },
		{ "sealed", down.sealed }, { "envelopes", down.envelopes }, { "delivered", down.delivered }, { "returned", down.returned },
		{ "refused_by_router", down.refused }, { "invalid", down.invalid }, { "sealed_again", down.resealed },
		{ "notices", down.notices }, { "notices_dropped", down.dropped },
		{ "key_reads", keys.reads }, { "ceilings_stored", keys.commits }, { "keys_promoted", keys.promotions },
		{ "database_failures", keys.failures }, { "services_refused", service_listener_refused(d->services) },
	};
	json_t *out = json_object();

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		put_number(out, rows[i].name, rows[i].value);
	return out;
}

void dispatcher_status(void *ctx, json_t *into)
{
	struct dispatcher *d = ctx;
	struct device_keys_counts keys = device_keys_count(d->keys);
	unsigned up = 0, back = 0;

	for (unsigned i = 0; i < d->router_count; i++)
		up += router_link_state(d->routers[i]) == ROUTER_UP;
	for (unsigned i = 0; i < d->router_count; i++)
		back += router_link_has_stepped_back(d->routers[i]);
	json_object_set_new(into, "linked", json_boolean(up > 0 && up == d->router_count));
	json_object_set_new(into, "stepped_back", json_boolean(up == 0 && back > 0));
	json_object_set_new(into, "address", json_string(dispatcher_address(d)));
	json_object_set_new(into, "srp_id", json_string(d->srp_id));
	put_number(into, "routers_up", up);
	json_object_set_new(into, "routers", routers_json(d));
	put_number(into, "services_registered", service_listener_count(d->services));
	json_object_set_new(into, "services", services_json(d));
	json_object_set_new(into, "pools", pools_json(d->pools));
	put_number(into, "covered", coverage_count(d->coverage));
	put_number(into, "devices_cached", keys.devices);
	put_number(into, "unknown_cached", keys.unknown);
	put_number(into, "outstanding", outbound_outstanding(d->outbound));
	put_number(into, "waiting_down", outbound_waiting(d->outbound));
	put_number(into, "waiting_up", intake_count(d->intake) + uplink_waiting(d->uplink));
	json_object_set_new(into, "counters", counters_json(d));
}
