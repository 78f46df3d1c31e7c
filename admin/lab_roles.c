#include "admin/lab_roles.h"

#include <string.h>

#include "admin/place.h"
#include "base/log.h"
#include "base/nearest.h"

static const char *const backend_names[] = { "groupwise", "cwa", NULL };

const char *lab_backend_name(enum lab_backend backend)
{
	return backend_names[backend];
}

int lab_backend_parse(const char *name, enum lab_backend *out, struct error *err)
{
	char hint[64];

	for (int i = 0; i < LAB_BACKENDS; i++) {
		if (strcmp(name, backend_names[i]) == 0) {
			*out = (enum lab_backend)i;
			return 0;
		}
	}
	return error_set(err, "the back end is groupwise or cwa, not %s%s", log_str(name), did_you_mean(name, backend_names, hint, sizeof hint));
}

const struct lab_role_about lab_roles[LAB_ROLES] = {
	[LAB_GROUPWISE] = { "groupwise", 8300, true, NULL, "the simulated GroupWise Messenger (TLS)" },
	[LAB_OCS] = { "ocs", 5061, true, NULL, "the simulated Communications Server (SIP, mutual TLS)" },
	[LAB_CWA] = { "cwa", 10443, true, NULL, "the simulated Communicator Web Access (HTTPS)" },
	[LAB_ROUTER] = { "router", 3101, false, NULL, "devices and the dispatcher dial here (SRP)" },
	[LAB_DISPATCHER] = { "dispatcher", 3200, false, NULL, "the Collaboration Service dials here" },
	[LAB_DISPATCHER_2] = { "dispatcher-2", 3201, false, "dispatcher", "another one, of the same SRP identity" },
	[LAB_COLLAB] = { "collab", 0, false, NULL, "dials the dispatcher, and the IM server for each session" },
	[LAB_COLLAB_2] = { "collab-2", 0, false, "collab", "another one, of the same pool" },
};

enum lab_role lab_backend_server(enum lab_backend backend)
{
	return backend == LAB_BACKEND_CWA ? LAB_CWA : LAB_GROUPWISE;
}

bool lab_backend_has(enum lab_backend backend, enum lab_role role)
{
	if (role == LAB_GROUPWISE)
		return backend == LAB_BACKEND_GROUPWISE;
	if (role == LAB_OCS || role == LAB_CWA)
		return backend == LAB_BACKEND_CWA;
	return !lab_roles[role].second_of;
}

const struct lab_sim_setting lab_sim_settings[] = {
	{ LAB_GROUPWISE, "world", "--world", offsetof(struct place, groupwise_world) },
	{ LAB_GROUPWISE, "state", "--state", offsetof(struct place, groupwise_state) },
	{ LAB_GROUPWISE, "sessions", "--sessions", offsetof(struct place, groupwise_sessions) },
	{ LAB_OCS, "world", "--world", offsetof(struct place, ocs_world) },
	{ LAB_OCS, "state", "--state", offsetof(struct place, ocs_state) },
	{ LAB_OCS, "profile", "--profile", offsetof(struct place, ocs_profile) },
	{ LAB_CWA, "world", "--world", offsetof(struct place, cwa_world) },
	{ LAB_CWA, "sign_in", "--sign-in", offsetof(struct place, cwa_sign_in) },
	{ LAB_CWA, "capacity", "--capacity", offsetof(struct place, cwa_capacity) },
	{ LAB_CWA, "hold", "--hold", offsetof(struct place, cwa_hold) },
	{ LAB_CWA, "poll", "--poll", offsetof(struct place, cwa_poll) },
	{ LAB_CWA, "idle", "--idle", offsetof(struct place, cwa_idle) },
	{ LAB_ROLES, NULL, NULL, 0 },
};
