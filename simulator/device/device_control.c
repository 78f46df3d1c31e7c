#include "simulator/device/device_control.h"

#include "base/io/control_server.h"
#include "protocol/srp.h"

#define LISTED_MAX 1000         /* devices of one answer; the counts are of all */

static json_t *device_json(const struct device *d)
{
	struct device_counts counts;

	device_count(d, &counts);
	return json_pack("{s:s, s:s, s:o, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "pin", pin_text(device_own_pin(d)), "state",
		device_state_name(device_state(d)), "user", control_json_text(device_login_name(d) ? device_login_name(d) : ""), "session",
		(json_int_t)device_session(d), "linked", device_is_linked(d), "unacknowledged", (json_int_t)device_unacknowledged(d),
		"messages_in", (json_int_t)counts.messages_in, "messages_out", (json_int_t)counts.messages_out, "resent",
		(json_int_t)counts.resent, "duplicates", (json_int_t)counts.duplicates, "status_sent", (json_int_t)counts.status_sent,
		"returned", (json_int_t)counts.returned);
}

static void verb_status(void *ctx, struct control_request *request)
{
	const struct device_crowd *crowd = ctx;
	json_t *list = json_array();
	json_int_t linked = 0, sessions = 0;

	for (size_t i = 0; i < crowd->count; i++) {
		linked += device_is_linked(crowd->devices[i]);
		sessions += device_session(crowd->devices[i]) != 0;
		if (i < LISTED_MAX)
			json_array_append_new(list, device_json(crowd->devices[i]));
	}
	control_done(&request, json_pack("{s:s, s:b, s:I, s:I, s:I, s:o}", "name", "device", "linked",
		linked == (json_int_t)crowd->count, "count", (json_int_t)crowd->count, "links", linked, "sessions", sessions, "devices", list));
}

const struct control_verb device_verbs[] = {
	{ "status", "the devices of this process: state, session, link and counts of each, the first 1000 of them", NULL, verb_status },
	{ NULL, NULL, NULL, NULL },
};
