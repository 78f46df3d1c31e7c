#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/device_key.h"
#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

/* The Router's file without the line of one identifier. A missing file is an empty one. */
static int identities_without(const char *path, const char *id, struct buf *out, struct error *err)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, len = strlen(id);
	int rc = 0;

	if (!file && errno == ENOENT) {
		buf_text(out, "# The Router's: SRP identifier and authentication key.\n");
		return 0;
	}
	if (!file)
		return error_set(err, "%s cannot be read: %s", path, strerror(errno));
	while (getline(&line, &size, file) > 0) {
		if (strncmp(line, id, len) != 0 || (line[len] != ' ' && line[len] != '\t'))
			buf_text(out, line);
	}
	if (ferror(file))
		rc = error_set(err, "%s cannot be read: %s", path, strerror(errno));
	if (out->len && out->data[out->len - 1] != '\n')
		buf_text(out, "\n");
	if (line)
		explicit_bzero(line, size);
	free(line);
	fclose(file);
	return rc;
}

static int identities_put(const char *path, const char *id, struct bytes key, struct error *err)
{
	struct buf text = { 0 };
	int rc = identities_without(path, id, &text, err);

	if (rc == 0) {
		buf_printf(&text, "%s ", id);
		buf_hex(&text, key);
		buf_text(&text, "\n");
		rc = file_write(path, buf_bytes(&text), 0600, err);
	}
	buf_wipe(&text);
	return rc;
}

/* A Router that runs reads its file again; one that does not will read it when it starts. */
static void tell_router(const struct place *place)
{
	struct error err;
	int status;
	json_t *answer = place_ask(place, "router", "srp.reload", NULL, &status, &err);

	puts(answer ? "The Router has read it." : "The Router does not run; it will read it when it starts.");
	json_decref(answer);
}

static int read_key(const char *hex, uint8_t key[SRP_KEY_SIZE])
{
	struct buf raw = { 0 };
	int rc;

	if (!hex) {
		secret_new(key, SRP_KEY_SIZE);
		return 0;
	}
	rc = hex_decode(bytes_str(hex), &raw) == 0 && raw.len == SRP_KEY_SIZE ? 0 : -1;
	if (rc == 0)
		memcpy(key, raw.data, SRP_KEY_SIZE);
	buf_wipe(&raw);
	return rc == 0 ? 0 : command_fail(EXIT_USAGE, "--key is %d hex digits", 2 * SRP_KEY_SIZE);
}

static int add(int argc, char **argv)
{
	const char *name = NULL, *hex = NULL;
	const struct command_option options[] = {
		{ .name = "server", .value = "NAME", .text = &name, .help = "the server it stands for (the identifier itself)" },
		{ .name = "key", .value = "HEX", .text = &hex, .help = "its key, 40 hex digits (a new random one)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "SRPID", .least = 1, .most = 1, .options = options, .takes_place = true,
		.help = "Gives a server an SRP identity: in the database for the Dispatcher, in the identities file for the Router.\n"
			"A server that has one gets the new one. The database is made when it is missing." };
	struct command_common common;
	const char *args[1] = { NULL };
	uint8_t key[SRP_KEY_SIZE];
	struct db_server server = { .srp_key = bytes_of(key, sizeof key) };
	struct error err = { "" };
	struct store store;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	if (!srp_id_valid(bytes_str(args[0])))
		return command_fail(EXIT_USAGE, "an SRP identifier has 1 to %d letters, digits, '-' and '_', which %s has not", SRP_ID_MAX,
			log_str(args[0]));
	status = read_key(hex, key);
	if (status != 0)
		return status;
	server.srp_id = args[0];
	server.name = name ? name : args[0];
	status = store_open(&store, &common, DB_CREATE);
	if (status == 0) {
		db_server_add(store.db, &server, store_done, &store);
		db_wait(store.db);
		if (store.status == DB_EXISTS)
			db_server_set(store.db, &server, store_done, &store);
		status = store_wait(&store, server.name);
	}
	if (status == 0 && identities_put(store.place.router_identities, args[0], server.srp_key, &err) != 0)
		status = command_fail(EXIT_CONFIG, "%s", err.text);
	if (status == 0)
		tell_router(&store.place);
	explicit_bzero(key, sizeof key);
	store_close(&store);
	return status;
}

static void take_servers(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, json_pack("{s:o, s:o}", "srp_id", control_json_text(servers[i].srp_id), "server",
			control_json_text(servers[i].name)));
}

/* What a running Router says of each identifier, put beside what the database knows. */
static void add_router_view(const struct place *place, json_t *rows)
{
	struct error err;
	int status;
	json_t *answer = place_ask(place, "router", "srp.list", NULL, &status, &err);
	json_t *row, *seen;
	size_t i, k;

	json_array_foreach(rows, i, row) {
		json_array_foreach(json_object_get(answer, "identities"), k, seen) {
			if (json_equal(json_object_get(row, "srp_id"), json_object_get(seen, "srp_id")))
				json_object_update_missing(row, seen);
		}
	}
	json_decref(answer);
}

static int list(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "srp_id", "SRP ID" }, { "server", "SERVER" }, { "connected", "CONNECTED" }, { "deactivated", "DEACTIVATED" },
		{ "peer", "PEER" }, { NULL, NULL },
	};
	const struct command_usage usage = { .takes_place = true, .takes_json = true,
		.help = "Lists the SRP identities, with what a running Router says of each." };
	struct command_common common;
	struct store store;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		db_server_list(store.db, take_servers, &store);
		status = store_wait(&store, "the servers");
	}
	if (status == 0) {
		add_router_view(&store.place, store.rows);
		if (common.json)
			table_json(store.rows);
		else
			table_print(store.rows, columns);
	}
	store_close(&store);
	return status;
}

static int enable(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "SRPID", .least = 1, .most = 1, .takes_place = true,
		.help = "Lets an identifier connect again that the Router deactivated because it connected too often." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct error err = { "" };
	struct place place;
	json_t *answer = NULL;
	int status = EXIT_CONFIG;

	command_parse(&usage, argc, argv, &common, args);
	if (place_open(&place, common.dir, common.config, &err) == 0)
		answer = place_ask(&place, "router", "srp.enable", json_pack("{s:o}", "id", control_json_text(args[0])), &status, &err);
	place_close(&place);
	if (!answer)
		return command_fail(status, "%s", err.text);
	printf(json_is_true(json_object_get(answer, "was_deactivated")) ? "%s may connect again.\n" : "%s was not deactivated.\n", args[0]);
	json_decref(answer);
	return EXIT_DONE;
}

int srp_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", "give a server an SRP identity", add, false },
		{ "list", "list them", list, false },
		{ "enable", "let a deactivated one connect again", enable, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "SRP identities of servers", table, argc, argv);
}
