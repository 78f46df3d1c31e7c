#include "admin/session.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin/store.h"
#include "base/control.h"
#include "base/log.h"
#include "db/seats.h"
#include "protocol/srp.h"

enum { WATCH_MS = 250 };

json_t *time_json(uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[48];
	struct tm utc;
	size_t len;

	if (!wall_ms)
		return json_null();
	gmtime_r(&seconds, &utc);
	len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(wall_ms % 1000));
	return json_string(text);
}

static json_t *text_json(const char *text)
{
	return text && *text ? control_json_text(text) : json_null();
}

static void take_sessions(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	json_decref(store->rows);
	store->rows = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *row = json_object();

		json_object_set_new(row, "session", json_integer((json_int_t)rows[i].session));
		json_object_set_new(row, "user", text_json(rows[i].user));
		json_object_set_new(row, "pin", json_string(pin_text(rows[i].pin)));
		json_object_set_new(row, "environment", text_json(rows[i].environment));
		json_object_set_new(row, "instance", text_json(rows[i].instance));
		json_object_set_new(row, "state", text_json(rows[i].state));
		json_object_set_new(row, "evictable", rows[i].mark ? json_string(seat_reason_name(rows[i].mark)) : json_null());
		json_object_set_new(row, "reason", text_json(rows[i].reason));
		json_object_set_new(row, "login_id", text_json(rows[i].login_id));
		json_object_set_new(row, "started", time_json(rows[i].started_wall_ms));
		json_object_set_new(row, "ended", time_json(rows[i].ended_wall_ms));
		json_array_append_new(store->rows, row);
	}
}

struct watch {
	struct store *store;
	json_t *shown;
	bool history, json, is_asked;
	uint32_t most;
};

static void print_sessions(const struct watch *w, const json_t *rows)
{
	static const struct table_column live[] = {
		{ "session", "SESSION" }, { "user", "USER" }, { "pin", "PIN" }, { "state", "STATE" }, { "evictable", "EVICTABLE" },
		{ "instance", "INSTANCE" }, { "started", "STARTED" }, { NULL, NULL },
	};
	static const struct table_column ended[] = {
		{ "session", "SESSION" }, { "user", "USER" }, { "pin", "PIN" }, { "reason", "ENDED BY" }, { "started", "STARTED" },
		{ "ended", "ENDED" }, { NULL, NULL },
	};

	if (w->json)
		table_json(rows);
	else
		table_print(rows, w->history ? ended : live);
	fflush(stdout);
}

/* Under --watch: prints when something is different from what was printed last. */
static void show_changed(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct watch *w = ctx;
	char *line;

	w->is_asked = false;
	take_sessions(w->store, status, rows, count);
	if (status != DB_OK) {
		log_warning("the sessions cannot be read: %s", db_last_error(w->store->db));
		return;
	}
	if (w->shown && json_equal(w->shown, w->store->rows))
		return;
	json_decref(w->shown);
	w->shown = json_incref(w->store->rows);
	if (w->json) {
		/* One line per state of things, for scripts. */
		line = json_dumps(w->shown, JSON_COMPACT);
		puts(line);
		free(line);
		fflush(stdout);
		return;
	}
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	print_sessions(w, w->shown);
	if (!isatty(STDOUT_FILENO))
		puts("");
	fflush(stdout);
}

static void ask_again(void *arg)
{
	struct watch *w = arg;

	if (w->is_asked)
		return;
	w->is_asked = true;
	db_session_list(w->store->db, w->history, w->most, show_changed, w);
}

static void stop_watching(void *arg)
{
	loop_stop(arg);
}

static int list(int argc, char **argv)
{
	const char *most = "1000";
	bool watch = false;
	struct store store;
	struct watch w = { .store = &store };
	const struct command_option options[] = {
		{ .name = "history", .set = &w.history, .help = "those that have ended, newest first, with the reason" },
		{ .name = "watch", .set = &watch, .help = "go on and print when something changes; with --json a line each time" },
		{ .name = "most", .value = "N", .text = &most, .help = "at most so many (1000)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Lists the sessions of all Collaboration Services that share the database." };
	struct command_common common;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	if (!*most || strspn(most, "0123456789") != strlen(most) || strlen(most) > 7 || strtoul(most, NULL, 10) == 0)
		return command_fail(EXIT_USAGE, "--most is a number from 1, not %s", log_str(most));
	w.most = (uint32_t)strtoul(most, NULL, 10);
	w.json = common.json;
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0 && watch) {
		/* `... --watch | head` ends with its reader. */
		signal(SIGPIPE, SIG_DFL);
		loop_signal(store.loop, SIGINT, stop_watching, store.loop);
		loop_signal(store.loop, SIGTERM, stop_watching, store.loop);
		db_watch(store.db, WATCH_MS, ask_again, &w);
		ask_again(&w);
		loop_run(store.loop);
		db_wait(store.db);
		json_decref(w.shown);
	} else if (status == 0) {
		db_session_list(store.db, w.history, w.most, take_sessions, &store);
		status = store_wait(&store, "the sessions");
		if (status == 0)
			print_sessions(&w, store.rows);
	}
	store_close(&store);
	return status;
}

static int logout(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "SESSION", .least = 1, .most = 1, .takes_place = true, .takes_json = true,
		.help = "Ends a session: its device is told that the administrator did it, its seat is free. The Collaboration Service\n"
			"that holds it must be running." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct error err = { "" };
	struct place place;
	json_t *answer = NULL;
	int status = EXIT_CONFIG;

	command_parse(&usage, argc, argv, &common, args);
	if (!*args[0] || strspn(args[0], "0123456789") != strlen(args[0]) || strlen(args[0]) > 10)
		return command_fail(EXIT_USAGE, "a session is a number, as `bramble session list` shows it, not %s", log_str(args[0]));
	if (place_open(&place, common.dir, common.config, &err) == 0)
		answer = place_ask(&place, "collab", "session.logout",
			json_pack("{s:I}", "session", (json_int_t)strtoull(args[0], NULL, 10)), &status, &err);
	place_close(&place);
	if (!answer)
		return command_fail(status, "%s", err.text);
	if (common.json)
		table_json(answer);
	else
		printf("Session %s of %s ends.\n", args[0], json_string_value(json_object_get(answer, "user")));
	json_decref(answer);
	return EXIT_DONE;
}

int session_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "list", "list the live ones, or those that ended", list, false },
		{ "events", "what happened to logins and sessions, refusals with their numbers", session_events, false },
		{ "logout", "end one", logout, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "IM sessions", table, argc, argv);
}
