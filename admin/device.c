#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/device_key.h"
#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/packet.h"
#include "protocol/srp.h"

static const char suites_help[] = "ciphers that the key may be used with (aes256-cbc,3des-cbc)";

static int take_pin(const char *text, uint32_t *pin)
{
	if (pin_parse(bytes_str(text), pin) == 0 && *pin)
		return 0;
	return command_fail(EXIT_USAGE, "%s is no PIN; it is 8 hex digits, such as 2100000A", log_str(text));
}

static int take_suites(const char *text, unsigned *suites)
{
	struct error err;

	*suites = PACKET_SUITES_DOCUMENTED;
	if (!text || suites_parse(text, suites, &err) == 0)
		return 0;
	return command_fail(EXIT_USAGE, "--suites: %s", err.text);
}

static int add(int argc, char **argv)
{
	const char *suites_text = NULL;
	const struct command_option options[] = {
		{ .name = "suites", .value = "LIST", .text = &suites_text, .help = suites_help },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "USER PIN", .least = 2, .most = 2, .options = options, .takes_place = true,
		.help = "Gives a user a device with a new transport key. `bramble device export` writes the key for the device." };
	struct command_common common;
	const char *args[2] = { NULL, NULL };
	uint8_t secret[DB_KEY_SECRET_SIZE];
	struct store store;
	unsigned suites;
	uint32_t pin;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	status = take_pin(args[1], &pin);
	if (status == 0)
		status = take_suites(suites_text, &suites);
	if (status != 0)
		return status;
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		secret_new(secret, sizeof secret);
		db_device_add(store.db, args[0], pin, bytes_of(secret, sizeof secret), suites, store_done, &store);
		status = store_wait(&store, args[0]);
		explicit_bzero(secret, sizeof secret);
	}
	store_close(&store);
	return status;
}

static void take_devices(void *ctx, enum db_status status, const struct db_device *devices, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *keys = json_array();

		for (size_t k = 0; k < devices[i].key_count; k++) {
			const struct db_device_key *key = &devices[i].keys[k];

			json_array_append_new(keys, json_pack("{s:i, s:s, s:o, s:I, s:I}", "serial", (int)key->serial, "state",
				db_key_state_name(key->state), "suites", suites_json(key->suites), "send_ceiling",
				(json_int_t)key->send_ceiling, "receive_ceiling", (json_int_t)key->receive_ceiling));
		}
		json_array_append_new(store->rows, json_pack("{s:s, s:o, s:o}", "pin", pin_text(devices[i].pin), "user",
			control_json_text(devices[i].user), "keys", keys));
	}
}

/* One line per key: a device with a pending key has two. */
static void print_devices(const json_t *devices)
{
	static const struct table_column columns[] = {
		{ "pin", "PIN" }, { "user", "USER" }, { "serial", "KEY" }, { "state", "STATE" }, { "suites", "SUITES" },
		{ "send_ceiling", "SENT TO" }, { "receive_ceiling", "RECEIVED TO" }, { NULL, NULL },
	};
	json_t *lines = json_array(), *device, *key;
	size_t i, k;

	json_array_foreach(devices, i, device) {
		json_array_foreach(json_object_get(device, "keys"), k, key) {
			json_t *line = json_copy(key);

			json_object_set(line, "pin", json_object_get(device, "pin"));
			json_object_set(line, "user", json_object_get(device, "user"));
			json_array_append_new(lines, line);
		}
	}
	table_print(lines, columns);
	json_decref(lines);
}

static void ask_devices(struct store *store, const void *arg)
{
	(void)arg;
	db_device_list(store->db, take_devices, store);
}

static int list(int argc, char **argv)
{
	static const struct store_list devices = { .what = "the devices", .ask = ask_devices, .print = print_devices,
		.help = "Lists the devices with their keys (never the secrets) and the message ids reserved on each." };

	return store_list(argc, argv, &devices);
}

/* --- export: the device's side of its keys ------------------------------------------------------------------------------ */

struct export {
	struct store store;
	uint32_t pin;
	char *server, *srp_id;
	struct device_identity identity;
};

static void find_server(void *ctx, enum db_status status, const struct db_user *users, size_t count)
{
	struct export *e = ctx;

	e->store.status = status;
	for (size_t i = 0; i < count; i++) {
		if (users[i].pin == e->pin && !e->server)
			e->server = memory_str(users[i].server);
	}
}

static void find_identity(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct export *e = ctx;

	e->store.status = status;
	if (status == DB_OK && count)
		e->srp_id = memory_str(servers[0].srp_id);
}

static void make_key(void *ctx, enum db_status status, const struct db_device *device)
{
	struct export *e = ctx;

	e->store.status = status;
	if (status == DB_OK)
		device_key_identity(device, e->srp_id, &e->identity);
}

static int gather_key(struct export *e, const char *pin)
{
	int status;

	db_user_list(e->store.db, find_server, e);
	status = store_wait(&e->store, "the users");
	if (status != 0)
		return status;
	if (!e->server)
		return command_fail(EXIT_REFUSED, "no user has the PIN %s", pin);
	db_server_get(e->store.db, e->server, find_identity, e);
	status = store_wait(&e->store, e->server);
	if (status != 0)
		return status;
	db_device_keys(e->store.db, e->pin, make_key, e);
	return store_wait(&e->store, pin);
}

static int export_key(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "PIN [FILE]", .least = 1, .most = 2, .takes_place = true,
		.help = "Writes the device's key file (mode 0600; standard output without FILE), for `bramble-sim device --key-file`.\n"
			"In place of a serial cable: who has this file is the device." };
	struct command_common common;
	const char *args[2] = { NULL, NULL };
	struct export e = { .pin = 0 };
	struct error err = { "" };
	int status;

	command_parse(&usage, argc, argv, &common, args);
	status = take_pin(args[0], &e.pin);
	if (status != 0)
		return status;
	status = store_open(&e.store, &common, DB_EXISTING);
	if (status == 0)
		status = gather_key(&e, args[0]);
	if (status == 0 && args[1] && strcmp(args[1], "-") != 0) {
		if (device_key_write(args[1], &e.identity, &err) != 0)
			status = command_fail(EXIT_REFUSED, "%s", err.text);
	} else if (status == 0) {
		struct buf text = { 0 };

		device_keys_text(&e.identity, &text);
		fputs(buf_cstr(&text), stdout);
		buf_wipe(&text);
	}
	device_identity_free(&e.identity);
	free(e.server);
	free(e.srp_id);
	store_close(&e.store);
	return status;
}

struct rekey { struct store store; uint32_t serial; };

static void rekeyed(void *ctx, enum db_status status, uint32_t serial)
{
	struct rekey *r = ctx;

	r->store.status = status;
	r->serial = serial;
}

static int rekey(int argc, char **argv)
{
	const char *suites_text = NULL;
	const struct command_option options[] = {
		{ .name = "suites", .value = "LIST", .text = &suites_text, .help = suites_help },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "PIN", .least = 1, .most = 1, .options = options, .takes_place = true,
		.help = "Makes a pending key beside the current one. Export it to the device: the first message under it makes it current." };
	struct command_common common;
	const char *args[1] = { NULL };
	uint8_t secret[DB_KEY_SECRET_SIZE];
	struct rekey r = { .serial = 0 };
	unsigned suites;
	uint32_t pin;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	status = take_pin(args[0], &pin);
	if (status == 0)
		status = take_suites(suites_text, &suites);
	if (status != 0)
		return status;
	status = store_open(&r.store, &common, DB_EXISTING);
	if (status == 0) {
		secret_new(secret, sizeof secret);
		db_device_rekey(r.store.db, pin, bytes_of(secret, sizeof secret), suites, rekeyed, &r);
		status = store_wait(&r.store, args[0]);
		explicit_bzero(secret, sizeof secret);
	}
	if (status == 0)
		printf("Key %u of %s is pending.\n", r.serial, pin_text(pin));
	store_close(&r.store);
	return status;
}

static void ask_remove(struct store *store, const void *arg)
{
	const uint32_t *pin = arg;

	db_device_remove(store->db, *pin, store_done, store);
}

static int remove_device(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "PIN", .least = 1, .most = 1, .takes_place = true,
		.help = "Takes a device and its keys away from its user. Nothing it sends can be opened after that." };
	struct command_common common;
	const char *args[1] = { NULL };
	uint32_t pin;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	status = take_pin(args[0], &pin);
	return status == 0 ? store_change(&common, ask_remove, &pin, args[0]) : status;
}

int device_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", "give a user a device with a new key", add, false },
		{ "list", "list devices and keys", list, false },
		{ "export", "write a device's key file", export_key, false },
		{ "rekey", "make a pending key", rekey, false },
		{ "remove", "take a device away", remove_device, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "devices with their PINs and transport keys", table, argc, argv);
}
