#include "admin/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/session_watch.h"
#include "base/log.h"

static int list(int argc, char **argv)
{
	const char *most = "1000";
	bool watch = false;
	struct store store;
	struct session_view view = { .store = &store };
	const struct command_option options[] = {
		{ .name = "history", .set = &view.history, .help = "those that have ended, newest first: why, by which login, how long they lasted" },
		{ .name = "watch", .set = &watch, .help = "go on: redrawn every second on a terminal, else printed when something happens; with --json a line each" },
		{ .name = "most", .value = "N", .text = &most, .help = "at most so many (1000)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Lists the sessions of all Collaboration Services that share the database, newest first. Coverage, the age of the last status\n"
			"message and what is left of both timeouts come from the running service of this place; for sessions of others, and\n"
			"when it does not answer, they are \"-\". A timeout that is off is \"-\" as well." };
	struct command_common common;
	json_t *rows = NULL;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	if (!*most || strspn(most, "0123456789") != strlen(most) || strlen(most) > 7 || strtoul(most, NULL, 10) == 0)
		return command_fail(EXIT_USAGE, "--most is a number from 1, not %s", log_str(most));
	view.most = (uint32_t)strtoul(most, NULL, 10);
	view.json = common.json;
	status = store_open(&store, &common, DB_EXISTING);
	if (status == 0 && watch)
		session_view_watch(&view);
	else if (status == 0)
		rows = session_view_read(&view, &status);
	if (rows)
		session_view_print(&view, rows);
	json_decref(rows);
	store_close(&store);
	return status;
}

/* Of several services one has it; what the first said is what is told when none has. */
static json_t *log_out_of(const struct place *place, unsigned long long session, int *status, struct error *err)
{
	json_t *answer = NULL;

	for (size_t i = 0; !answer && place_services[i]; i++) {
		struct error why = { "" };
		int ended;

		answer = place_ask(place, place_services[i], "session.logout", json_pack("{s:I}", "session", (json_int_t)session), &ended, &why);
		if (i == 0) {
			*status = ended;
			*err = why;
		}
	}
	return answer;
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
		answer = log_out_of(&place, strtoull(args[0], NULL, 10), &status, &err);
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
