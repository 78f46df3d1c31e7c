#include "admin/place.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/control_client.h"
#include "base/memory.h"
#include "base/settings.h"

enum { ASK_TIMEOUT_MS = 5000 };

#define ROW(key_, type_, member, fallback_) \
	{ .key = key_, .type = type_, .offset = offsetof(struct place, member), .fallback = fallback_, .common = true, .help = "" }
static const struct setting common_rows[] = {
	ROW("run_dir", SETTING_PATH, run_dir, "run"),
	ROW("log_level", SETTING_TEXT, log_level, "info"),
	ROW("database", SETTING_PATH, database, "bramble.db"),
	ROW("install_key", SETTING_PATH, install_key, "install.key"),
	ROW("history", SETTING_PATH, history, NULL),
	{ .key = NULL },
};
static const struct setting router_rows[] = {
	ROW("listen", SETTING_ADDRESS, router_listen, "127.0.0.1:3101"),
	ROW("identities", SETTING_PATH, router_identities, "srp.keys"),
	{ .key = NULL },
};
static const struct setting dispatcher_rows[] = {
	ROW("listen", SETTING_ADDRESS, dispatcher_listen, "127.0.0.1:3200"),
	ROW("server", SETTING_TEXT, dispatcher_server, NULL),
	{ .key = NULL },
};
static const struct setting collab_rows[] = {
	ROW("environment", SETTING_TEXT, collab_environment, "groupwise"),
	{ .key = NULL },
};
static const struct setting groupwise_rows[] = {
	ROW("listen", SETTING_ADDRESS, groupwise_listen, "127.0.0.1:8300"),
	ROW("world", SETTING_PATH, groupwise_world, "world.xml"),
	ROW("state", SETTING_PATH, groupwise_state, NULL),
	ROW("sessions", SETTING_TEXT, groupwise_sessions, NULL),
	{ .key = NULL },
};
static const struct setting ocs_rows[] = {
	ROW("listen", SETTING_ADDRESS, ocs_listen, "127.0.0.1:5061"),
	ROW("world", SETTING_PATH, ocs_world, "world.xml"),
	ROW("state", SETTING_PATH, ocs_state, NULL),
	ROW("profile", SETTING_TEXT, ocs_profile, NULL),
	{ .key = NULL },
};
static const struct setting cwa_rows[] = {
	ROW("listen", SETTING_ADDRESS, cwa_listen, "127.0.0.1:10443"),
	ROW("world", SETTING_PATH, cwa_world, "world.xml"),
	ROW("sign_in", SETTING_TEXT, cwa_sign_in, NULL),
	ROW("capacity", SETTING_TEXT, cwa_capacity, NULL),
	ROW("hold", SETTING_TEXT, cwa_hold, NULL),
	ROW("poll", SETTING_TEXT, cwa_poll, NULL),
	ROW("idle", SETTING_TEXT, cwa_idle, NULL),
	{ .key = NULL },
};
static const struct setting lab_rows[] = {
	ROW("backend", SETTING_TEXT, lab_backend, "groupwise"),
	{ .key = NULL },
};

static const struct {
	const char *section;
	const struct setting *rows;
} sections[] = {
	{ "common", common_rows }, { "router", router_rows }, { "dispatcher", dispatcher_rows }, { "collab", collab_rows },
	{ "lab", lab_rows }, { "groupwise", groupwise_rows }, { "ocs", ocs_rows }, { "cwa", cwa_rows },
};

int place_open(struct place *place, const char *dir, const char *config, struct error *err)
{
	*place = (struct place){ 0 };
	if (config)
		place->file = memory_str(config);
	else if (dir)
		place->file = memory_printf("%s/bramble.ini", dir);
	else if (access(PLACE_DEFAULT_DIR "/bramble.ini", F_OK) == 0)
		place->file = memory_str(PLACE_DEFAULT_DIR "/bramble.ini");
	else if (access("bramble.ini", F_OK) == 0)
		place->file = memory_str("bramble.ini");
	else
		return error_set(err, "no settings file: neither " PLACE_DEFAULT_DIR "/bramble.ini nor bramble.ini is there; "
			"name one by --dir D or --config FILE, or start a lab by `bramble lab up`");
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		if (settings_peek(sections[i].rows, place, sections[i].section, place->file, err) != 0)
			return -1;
	}
	return 0;
}

void place_close(struct place *place)
{
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		settings_free(sections[i].rows, place);
	free(place->file);
	*place = (struct place){ 0 };
}

const char *const place_services[] = { "collab", "collab-2", NULL };

json_t *place_ask(const struct place *place, const char *name, const char *verb, json_t *params, int *status, struct error *err)
{
	char *path = memory_printf("%s/%s.sock", place->run_dir, name);
	json_t *result = control_ask(path, verb, params, ASK_TIMEOUT_MS, status, err);

	free(path);
	return result;
}
