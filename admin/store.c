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
