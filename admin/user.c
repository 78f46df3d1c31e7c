#include <stdlib.h>
#include <string.h>

#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

static void take_servers(void *ctx, enum db_status status, const struct db_server *servers, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, control_json_text(servers[i].name));
}

/* The server that new users belong to: the one that was named, else the one of the Dispatcher's settings, else the only one. NULL with the sentence printed. */
static char *choose_server(struct store *store, const char *named)
{
	char *name = NULL;

	if (named || store->place.dispatcher_server)
		return memory_str(named ? named : store->place.dispatcher_server);
	db_server_list(store->db, take_servers, store);
	if (store_wait(store, "the servers") != 0)
		return NULL;
	if (json_array_size(store->rows) == 1)
		name = memory_str(json_string_value(json_array_get(store->rows, 0)));
	else if (json_array_size(store->rows) == 0)
		command_fail(EXIT_REFUSED, "there is no server yet; `bramble srp add` makes one");
	else
		command_fail(EXIT_USAGE, "there are %zu servers; say which by --server NAME", json_array_size(store->rows));
	json_decref(store->rows);
	store->rows = NULL;
	return name;
}

static int yes_or_no(const char *text, bool *out)
{
	if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0)
		return -1;
	*out = strcmp(text, "yes") == 0;
	return 0;
}

static int add(int argc, char **argv)
{
	const char *server = NULL, *mail = NULL, *dn = NULL, *permit = "yes";
	const struct command_option options[] = {
		{ .name = "server", .value = "NAME", .text = &server, .help = "its server (that of [dispatcher], or the only one)" },
		{ .name = "mail", .value = "ADDRESS", .text = &mail, .help = "its mail address" },
		{ .name = "dn", .value = "DN", .text = &dn, .help = "its mailbox" },
		{ .name = "permit", .value = "yes|no", .text = &permit, .help = "may it use the collaboration client (yes)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .options = options, .takes_place = true,
		.help = "Adds a user. Its name is the one the IM server knows it by." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct store store;
	char *chosen = NULL;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	struct db_user user = { .name = args[0], .mail = mail, .mailbox_dn = dn };

	if (yes_or_no(permit, &user.permitted) != 0)
		return command_fail(EXIT_USAGE, "--permit is yes or no, not %s", log_str(permit));
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		chosen = choose_server(&store, server);
		status = chosen ? 0 : EXIT_REFUSED;
	}
	if (status == 0) {
		user.server = chosen;
		db_user_add(store.db, &user, store_done, &store);
		status = store_wait(&store, args[0]);
	}
	free(chosen);
	store_close(&store);
	return status;
}

static void take_users(void *ctx, enum db_status status, const struct db_user *users, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		json_object_set_new(row, "name", control_json_text(users[i].name));
		json_object_set_new(row, "pin", users[i].pin ? json_string(pin_text(users[i].pin)) : json_null());
		json_object_set_new(row, "permitted", json_boolean(users[i].permitted));
		json_object_set_new(row, "server", control_json_text(users[i].server));
		json_object_set_new(row, "mail", users[i].mail ? control_json_text(users[i].mail) : json_null());
		json_object_set_new(row, "mailbox_dn", users[i].mailbox_dn ? control_json_text(users[i].mailbox_dn) : json_null());
		json_array_append_new(store->rows, row);
	}
}

static void ask_users(struct store *store, const void *arg)
{
	(void)arg;
	db_user_list(store->db, take_users, store);
}

static int list(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "name", "NAME" }, { "pin", "PIN" }, { "permitted", "PERMITTED" }, { "server", "SERVER" }, { "mail", "MAIL" }, { NULL, NULL },
	};
	static const struct store_list users = { .help = "Lists the users.", .what = "the users", .ask = ask_users, .columns = columns };

	return store_list(argc, argv, &users);
}

static void ask_remove(struct store *store, const void *name)
{
	db_user_remove(store->db, name, store_done, store);
}

static int remove_user(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .takes_place = true,
		.help = "Removes a user with its device and keys." };
	struct command_common common;
	const char *args[1] = { NULL };

	command_parse(&usage, argc, argv, &common, args);
	return store_change(&common, ask_remove, args[0], args[0]);
}

struct permission { const char *name; bool permitted; };

static void ask_permit(struct store *store, const void *arg)
{
	const struct permission *permission = arg;

	db_user_permit(store->db, permission->name, permission->permitted, store_done, store);
}

static int permit(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "NAME yes|no", .least = 2, .most = 2, .takes_place = true,
		.help = "Says whether a user may use the collaboration client. It is asked at each login." };
	struct command_common common;
	const char *args[2] = { NULL, NULL };
	struct permission permission;

	command_parse(&usage, argc, argv, &common, args);
	permission.name = args[0];
	if (yes_or_no(args[1], &permission.permitted) != 0)
		return command_fail(EXIT_USAGE, "say yes or no, not %s", log_str(args[1]));
	return store_change(&common, ask_permit, &permission, args[0]);
}

int user_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "add", "add a user", add, false },
		{ "list", "list the users", list, false },
		{ "remove", "remove a user with its device and keys", remove_user, false },
		{ "permit", "may it use the collaboration client: yes or no", permit, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "who there is, and who may use the collaboration client", table, argc, argv);
}
