#include "admin/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/log.h"
#include "base/settings.h"

/* --- values ------------------------------------------------------------------------------------------------------------ */

static bool is_unset(const char *text)
{
	return strcmp(text, "unset") == 0 || strcmp(text, "off") == 0;
}

static int read_number(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	if (*text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19) {
		*out = strtoull(text, NULL, 10);
		if (*out >= least && *out <= most)
			return 0;
	}
	return command_fail(EXIT_USAGE, "--%s is a number from %llu to %llu, not %s", option, (unsigned long long)least,
		(unsigned long long)most, log_str(text));
}

static int read_duration(const char *option, const char *text, uint64_t *out)
{
	struct error err;

	*out = 0;
	if (is_unset(text))
		return 0;
	if (duration_parse(text, out, &err) != 0)
		return command_fail(EXIT_USAGE, "--%s: %s, or unset", option, err.text);
	if (*out == 0)
		return command_fail(EXIT_USAGE, "--%s: no time at all; `unset` turns the limit off", option);
	return 0;
}

static int read_limits(const struct environment_options *given, struct db_environment *out, unsigned *fields)
{
	uint64_t number;

	if (given->max) {
		number = 0;
		if (!is_unset(given->max) && read_number("max", given->max, 1, DB_SESSIONS_MAX, &number) != 0)
			return EXIT_USAGE;
		out->max_sessions = (uint32_t)number;
		*fields |= DB_ENV_MAX_SESSIONS;
	}
	if (given->idle) {
		if (read_duration("idle-timeout", given->idle, &out->idle_timeout_ms) != 0)
			return EXIT_USAGE;
		*fields |= DB_ENV_IDLE_TIMEOUT;
	}
	if (given->inactivity) {
		if (read_duration("inactivity-timeout", given->inactivity, &out->inactivity_timeout_ms) != 0)
			return EXIT_USAGE;
		*fields |= DB_ENV_INACTIVITY_TIMEOUT;
	}
	if (given->capacity) {
		if (read_number("capacity", given->capacity, 1, DB_SESSIONS_MAX, &number) != 0)
			return EXIT_USAGE;
		out->transport_capacity = (uint32_t)number;
		*fields |= DB_ENV_TRANSPORT_CAPACITY;
	}
	if (given->evict) {
		if (strcmp(given->evict, "all") != 0 && strcmp(given->evict, "one") != 0)
			return command_fail(EXIT_USAGE, "--evict is all or one, not %s", log_str(given->evict));
		out->evict = strcmp(given->evict, "all") == 0 ? SEAT_EVICT_ALL : SEAT_EVICT_ONE;
		*fields |= DB_ENV_EVICT;
	}
	return 0;
}

int environment_read(const struct environment_options *given, struct db_environment *out, unsigned *fields)
{
	uint64_t number;

	*fields = 0;
	if (given->type && db_environment_type_parse(given->type, &out->type) != 0)
		return command_fail(EXIT_USAGE, "--type is groupwise or cwa, not %s", log_str(given->type));
	if (given->host) {
		out->host = given->host;
		*fields |= DB_ENV_HOST;
	}
	if (given->port) {
		if (read_number("port", given->port, 1, 65535, &number) != 0)
			return EXIT_USAGE;
		out->port = (uint16_t)number;
		*fields |= DB_ENV_PORT;
	}
	if (given->transport) {
		out->transport = given->transport;
		*fields |= DB_ENV_TRANSPORT;
	}
	return read_limits(given, out, fields);
}

static json_t *number_or_null(uint64_t value)
{
	return value ? json_integer((json_int_t)value) : json_null();
}

json_t *environment_json(const struct db_environment *environment)
{
	json_t *out = json_object();

	json_object_set_new(out, "environment", control_json_text(environment->name));
	json_object_set_new(out, "type", json_string(db_environment_type_name(environment->type)));
	json_object_set_new(out, "host", control_json_text(environment->host));
	json_object_set_new(out, "port", json_integer(environment->port));
	json_object_set_new(out, "transport", control_json_text(environment->transport));
	json_object_set_new(out, "max_sessions", number_or_null(environment->max_sessions));
	json_object_set_new(out, "idle_timeout_ms", number_or_null(environment->idle_timeout_ms));
	json_object_set_new(out, "inactivity_timeout_ms", number_or_null(environment->inactivity_timeout_ms));
	json_object_set_new(out, "transport_capacity", json_integer(environment->transport_capacity));
	json_object_set_new(out, "evict", json_string(environment->evict == SEAT_EVICT_ALL ? "all" : "one"));
	return out;
}

/* --- commands ---------------------------------------------------------------------------------------------------------- */

static void take_environments(void *ctx, enum db_status status, const struct db_environment *environments, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, environment_json(&environments[i]));
}

static void ask_environments(struct store *store, const void *arg)
{
	(void)arg;
	db_environment_list(store->db, take_environments, store);
}

static int list(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "environment", "ENVIRONMENT" }, { "type", "TYPE" }, { "host", "HOST" }, { "port", "PORT" }, { "transport", "TRANSPORT" },
		{ NULL, NULL },
	};
	static const struct store_list environments = { .help = "Lists the IM environments.", .what = "the environments",
		.ask = ask_environments, .columns = columns };

	return store_list(argc, argv, &environments);
}

/* add and set differ in the verb and in what must be said. */
static int add_or_set(int argc, char **argv, bool is_new)
{
	struct environment_options given = { .type = is_new ? "groupwise" : NULL };
	struct command_option options[] = {
		{ .name = "host", .value = "HOST", .text = &given.host, .help = "the IM server" },
		{ .name = "port", .value = "PORT", .text = &given.port, .help = "its port (8300; cwa: 443)" },
		{ .name = "transport", .value = "tls|https|http", .text = &given.transport, .help = "how it is reached (tls; cwa: https)" },
		{ .name = "type", .value = "groupwise|cwa", .text = &given.type, .help = "which IM system it is (groupwise)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .options = options, .takes_place = true,
		.help = is_new ? "Adds an IM environment: an IM server that sessions are opened on, with limits of its own." :
			"Changes where an IM environment's server is. Sessions that are open stay where they are." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct db_environment environment = { .host = "127.0.0.1", .port = 8300, .transport = "tls" };
	struct store store;
	unsigned fields;
	int status;

	if (!is_new)
		options[3].name = NULL;
	command_parse(&usage, argc, argv, &common, args);
	environment.name = args[0];
	status = environment_read(&given, &environment, &fields);
	if (status != 0)
		return status;
	if (is_new && environment.type == DB_CWA && !given.port)
		environment.port = 443;
	if (is_new && environment.type == DB_CWA && !given.transport)
		environment.transport = "https";
	if (!is_new && !fields)
		return command_fail(EXIT_USAGE, "nothing to change: --host, --port or --transport");
	status = store_open(&store, &common, is_new ? DB_CREATE : DB_EXISTING);
	if (status == 0) {
		if (is_new)
			db_environment_add(store.db, &environment, store_done, &store);
		else
			db_environment_set(store.db, &environment, fields, store_done, &store);
		status = store_wait(&store, args[0]);
	}
	store_close(&store);
	return status;
}

static int add(int argc, char **argv)
{
	return add_or_set(argc, argv, true);
}

static int set(int argc, char **argv)
{
	return add_or_set(argc, argv, false);
}

int environment_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", "add one", add, false },
		{ "list", "list them", list, false },
		{ "set", "say where its server is", set, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "the IM servers that sessions are opened on; `bramble limits` has their limits", table, argc,
		argv);
}
