#include <stdio.h>
#include <string.h>

#include "admin/environment.h"
#include "base/log.h"
#include "base/settings.h"

static void take_environment(void *ctx, enum db_status status, const struct db_environment *environments, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	json_decref(store->rows);
	store->rows = status == DB_OK && count ? environment_json(&environments[0]) : NULL;
}

static const char *duration_or(const json_t *value, const char *otherwise)
{
	return json_is_integer(value) ? duration_text((uint64_t)json_integer_value(value)) : otherwise;
}

static void print_limits(const json_t *limits)
{
	const json_t *max = json_object_get(limits, "max_sessions");

	printf("environment         %s (%s)\n", json_string_value(json_object_get(limits, "environment")),
		json_string_value(json_object_get(limits, "type")));
	if (json_is_integer(max))
		printf("max                 %lld\n", (long long)json_integer_value(max));
	else
		printf("max                 unset\n");
	printf("idle-timeout        %s\n", duration_or(json_object_get(limits, "idle_timeout_ms"), "unset"));
	printf("inactivity-timeout  %s\n", duration_or(json_object_get(limits, "inactivity_timeout_ms"), "unset"));
	printf("capacity            %lld\n", (long long)json_integer_value(json_object_get(limits, "transport_capacity")));
	printf("evict               %s\n", json_string_value(json_object_get(limits, "evict")));
}

/* The environment that was named, or the one that the Collaboration Service of the settings file serves. */
static int read_and_print(struct store *store, const char *name, bool json)
{
	int status;

	db_environment_get(store->db, name, take_environment, store);
	status = store_wait(store, name);
	if (status == 0 && json)
		table_json(store->rows);
	else if (status == 0)
		print_limits(store->rows);
	return status;
}

static int show(int argc, char **argv)
{
	const char *name = NULL;
	const struct command_option options[] = {
		{ .name = "environment", .value = "NAME", .text = &name, .help = "which one (that of [collab])" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Shows the limits of an IM environment." };
	struct command_common common;
	struct store store;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0)
		status = read_and_print(&store, name ? name : store.place.collab_environment, common.json);
	store_close(&store);
	return status;
}

static int set(int argc, char **argv)
{
	struct environment_options given = { 0 };
	const char *name = NULL;
	const struct command_option options[] = {
		{ .name = "max", .value = "N|unset", .text = &given.max, .help = "maximum simultaneous sessions" },
		{ .name = "idle-timeout", .value = "TIME|unset", .text = &given.idle,
		  .help = "at the maximum, sessions silent for so long make room (10m)" },
		{ .name = "inactivity-timeout", .value = "TIME|unset", .text = &given.inactivity,
		  .help = "sessions without an action of their user for so long end" },
		{ .name = "capacity", .value = "N", .text = &given.capacity, .help = "sessions that the transport to the IM server carries" },
		{ .name = "evict", .value = "all|one", .text = &given.evict, .help = "how many make room: every one that may, or as few as needed" },
		{ .name = "environment", .value = "NAME", .text = &name, .help = "which one (that of [collab])" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Changes limits of an IM environment, at once and without a restart, and shows them all. What is not named stays.\n"
			"TIME is written 250ms, 90s, 31m, 4h or 2d." };
	struct command_common common;
	struct db_environment environment = { 0 };
	struct store store;
	unsigned fields;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = environment_read(&given, &environment, &fields);
	if (status != 0)
		return status;
	if (!fields)
		return command_fail(EXIT_USAGE, "nothing to change: --max, --idle-timeout, --inactivity-timeout, --capacity or --evict");
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		environment.name = name ? name : store.place.collab_environment;
		db_environment_set(store.db, &environment, fields, store_done, &store);
		status = store_wait(&store, environment.name);
	}
	if (status == 0)
		status = read_and_print(&store, environment.name, common.json);
	store_close(&store);
	return status;
}

int limits_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "show", "show them", show, false },
		{ "set", "change them", set, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "maximum sessions, timeouts and capacity of an IM environment", table, argc, argv);
}
