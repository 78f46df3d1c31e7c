#include <stdlib.h>
#include <string.h>

#include "admin/session.h"
#include "admin/session_rows.h"
#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "db/trail.h"
#include "protocol/srp.h"

json_t *session_event_json(const struct db_trail_entry *entry)
{
	json_t *row = json_object();

	json_object_set_new(row, "id", json_integer((json_int_t)entry->id));
	json_object_set_new(row, "time", time_json(entry->wall_ms));
	json_object_set_new(row, "process", control_json_text(entry->process));
	json_object_set_new(row, "event", control_json_text(entry->event));
	json_object_set_new(row, "pin", entry->pin ? json_string(pin_text(entry->pin)) : json_null());
	json_object_set_new(row, "session", entry->session ? json_integer(entry->session) : json_null());
	json_object_set_new(row, "transaction", entry->transaction ? json_integer(entry->transaction) : json_null());
	json_object_set_new(row, "text", control_json_text(entry->text ? entry->text : ""));
	return row;
}

void store_take_events(void *ctx, enum db_status status, const struct db_trail_entry *entries, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, session_event_json(&entries[i]));
}

int session_events(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "time", "TIME" }, { "event", "EVENT" }, { "pin", "PIN" }, { "session", "SESSION" }, { "text", "WHAT" }, { NULL, NULL },
	};
	const char *pin_option = NULL, *most = "50";
	const struct command_option options[] = {
		{ .name = "pin", .value = "PIN", .text = &pin_option, .help = "of this device only" },
		{ .name = "most", .value = "N", .text = &most, .help = "the last N (50)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Lists what happened to logins and sessions, oldest first: each decision with the numbers it was made from, each\n"
			"answer with what the device shows, each end with its reason." };
	struct command_common common;
	struct store store;
	uint32_t pin = 0;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	if (!*most || strspn(most, "0123456789") != strlen(most) || strlen(most) > 6 || strtoul(most, NULL, 10) == 0)
		return command_fail(EXIT_USAGE, "--most is a number from 1, not %s", log_str(most));
	if (pin_option && pin_parse(bytes_str(pin_option), &pin) != 0)
		return command_fail(EXIT_USAGE, "--pin: %s is no PIN; it is 8 hex digits", log_str(pin_option));
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0) {
		db_trail_list(store.db, UINT64_MAX, pin, (uint32_t)strtoul(most, NULL, 10), store_take_events, &store);
		status = store_wait(&store, "the events");
	}
	if (status == 0 && common.json)
		table_json(store.rows);
	else if (status == 0)
		table_print(store.rows, columns);
	store_close(&store);
	return status;
}
