#include "admin/store.h"

#include "base/log.h"

int store_open(struct store *store, const struct command_common *common, enum db_open_mode mode)
{
	struct error err = { "" };

	*store = (struct store){ 0 };
	if (place_open(&store->place, common->dir, common->config, &err) != 0)
		return command_fail(EXIT_CONFIG, "%s", err.text);
	store->loop = loop_new();
	store->db = db_open(store->loop, store->place.database, store->place.install_key, mode, true, &err);
	if (!store->db)
		return command_fail(EXIT_DATABASE, "%s", err.text);
	return EXIT_DONE;
}

void store_close(struct store *store)
{
	if (store->db)
		db_close(&store->db);
	if (store->loop)
		loop_free(&store->loop);
	place_close(&store->place);
	json_decref(store->rows);
	store->rows = NULL;
}

void store_done(void *ctx, enum db_status status)
{
	struct store *store = ctx;

	store->status = status;
}

int store_wait(struct store *store, const char *what)
{
	const char *why;

	db_wait(store->db);
	if (store->status == DB_OK)
		return EXIT_DONE;
	why = db_last_error(store->db);
	if (why && *why)
		return command_fail(store->status == DB_UNAVAILABLE ? EXIT_DATABASE : EXIT_REFUSED, "%s: %s", what, why);
	return command_fail(store->status == DB_UNAVAILABLE ? EXIT_DATABASE : EXIT_REFUSED, "%s: %s", what,
		db_status_text(store->status));
}

int store_change(const struct command_common *common, store_ask_fn *ask, const void *arg, const char *what)
{
	struct store store;
	int status = store_open(&store, common, DB_EXISTING);

	if (status == 0) {
		ask(&store, arg);
		status = store_wait(&store, what);
	}
	store_close(&store);
	return status;
}

int store_list(int argc, char **argv, const struct store_list *list)
{
	const struct command_usage usage = { .takes_place = true, .takes_json = true, .help = list->help };
	struct command_common common;
	struct store store;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		list->ask(&store, NULL);
		status = store_wait(&store, list->what);
	}
	if (status == 0 && common.json)
		table_json(store.rows);
	else if (status == 0 && list->print)
		list->print(store.rows);
	else if (status == 0)
		table_print(store.rows, list->columns);
	store_close(&store);
	return status;
}
