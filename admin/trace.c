#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/trace_failover.h"
#include "admin/trace_list.h"
#include "admin/trace_read.h"
#include "admin/trace_record.h"
#include "admin/trace_steps.h"
#include "base/log.h"
#include "protocol/srp.h"

/* `bramble trace`: any login of a lab or an installation, as the vendor's numbered steps. */

static int unknown(struct store *store, const char *login_id)
{
	struct trace_source all;
	char near[48];
	const char *found = NULL;
	int status = trace_read_stored(&all, store, 0);

	if (status == EXIT_DONE) {
		found = trace_nearest(&all, login_id, near, sizeof near);
		status = command_fail(EXIT_REFUSED, "no login %s is known here, neither to the running processes nor to the database%s%s%s",
			log_str(login_id), found ? "; the nearest is " : "", found ? found : "", found ? "" : " (`bramble trace list` shows them)");
	}
	trace_source_free(&all);
	return status;
}

static int show(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "ID", .least = 1, .most = 1, .takes_place = true, .takes_json = true,
		.help = "Prints one login as the numbered steps of the vendor's process flow, with what really happened at each, and what became of\n"
			"its session. ID is what answers, logs, `bramble trace list` and `bramble session list` call the login, such as 2100000A-17:\n"
			"PIN and message id. Asks the running processes, and the database for what they have forgotten." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct trace_source source = { 0 };
	uint32_t pin, transaction;
	struct store store;
	json_t *login;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	if (trace_id_parse(args[0], &pin, &transaction) != 0)
		return command_fail(EXIT_USAGE, "%s is no login's id; it is the device's PIN, a dash and a number, such as 2100000A-17",
			log_str(args[0]));
	status = store_open(&store, &common, DB_EXISTING);
	if (status == EXIT_DONE)
		status = trace_read(&source, &store, pin);
	if (status == EXIT_DONE) {
		login = trace_explain(&source, args[0]);
		if (!login)
			status = unknown(&store, args[0]);
		else if (common.json)
			table_json(login);
		else
			trace_print(login);
		json_decref(login);
	}
	trace_source_free(&source);
	store_close(&store);
	return status;
}

static int list(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "login_id", "LOGIN" }, { "time", "TIME" }, { "user", "USER" }, { "outcome", "OUTCOME" }, { "status_text", "STATUS" },
		{ "session", "SESSION" }, { "ended", "NOW" }, { "arithmetic", "ARITHMETIC" }, { NULL, NULL },
	};
	const char *pin_option = NULL, *user = NULL, *most = "50";
	const struct command_option options[] = {
		{ .name = "pin", .value = "PIN", .text = &pin_option, .help = "of this device only" },
		{ .name = "user", .value = "USER", .text = &user, .help = "of this IM user only" },
		{ .name = "most", .value = "N", .text = &most, .help = "at most so many (50)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Lists the logins that the database remembers, newest first: how each ended, the numbers it was decided from, and what its\n"
			"session is now, or the reason for which it ended." };
	struct command_common common;
	struct trace_source source = { 0 };
	struct store store;
	json_t *rows;
	uint32_t pin = 0;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	if (!*most || strspn(most, "0123456789") != strlen(most) || strlen(most) > 6 || strtoul(most, NULL, 10) == 0)
		return command_fail(EXIT_USAGE, "--most is a number from 1, not %s", log_str(most));
	if (pin_option && pin_parse(bytes_str(pin_option), &pin) != 0)
		return command_fail(EXIT_USAGE, "--pin: %s is no PIN; it is 8 hex digits", log_str(pin_option));
	status = store_open(&store, &common, DB_EXISTING);
	if (status == EXIT_DONE)
		status = trace_read_stored(&source, &store, pin);
	if (status == EXIT_DONE) {
		rows = trace_list(&source, user, strtoul(most, NULL, 10));
		if (common.json)
			table_json(rows);
		else
			table_print(rows, columns);
		json_decref(rows);
	}
	trace_source_free(&source);
	store_close(&store);
	return status;
}

int trace_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "failover", "switches of active and standby Collaboration Services, step by step", trace_failover_command, false },
		{ "list", "recent logins, and how each ended", list, false },
		{ "record", "what happens in a lab, as a scenario that can be played again", trace_record_command, false },
		{ "show", "one login, step by step", show, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "logins and switches of services, told from end to end; records of what happened", table, argc, argv);
}
