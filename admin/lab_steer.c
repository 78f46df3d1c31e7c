#include "admin/lab_steer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/command.h"
#include "admin/lab.h"
#include "admin/place.h"
#include "admin/table.h"
#include "base/io/control_client.h"
#include "base/log.h"
#include "base/memory.h"

enum { STEER_MS = 15000 };          /* the lab itself gives a process 10 s to be ready */

static const char name_help[] = "NAME is router, dispatcher, collab (also dispatcher-2, collab-2), or a simulated server of the lab: groupwise, or cwa and ocs.";

/* Asks the lab's own process. NULL with a sentence. */
static json_t *steer(const struct command_common *common, const char *verb, const char *name, const char *signal, int *status,
	struct error *err)
{
	const char *dir = common->dir ? common->dir : PLACE_DEFAULT_DIR;
	json_t *answer = NULL, *params;
	struct place place;
	char *socket;

	*status = EXIT_REFUSED;
	if (!lab_running(dir)) {
		error_set(err, "no lab runs in %s", dir);
		return NULL;
	}
	*status = EXIT_CONFIG;
	if (place_open(&place, dir, NULL, err) == 0) {
		params = json_pack("{s:s}", "name", name);
		if (signal)
			json_object_set_new(params, "signal", json_string(signal));
		socket = memory_printf("%s/lab.sock", place.run_dir);
		answer = control_ask(socket, verb, params, STEER_MS, status, err);
		free(socket);
	}
	place_close(&place);
	return answer;
}

static int tell(const struct command_common *common, json_t *answer, int status, const struct error *err)
{
	if (!answer)
		return command_fail(status, "%s", err->text);
	if (common->json)
		table_json(answer);
	else
		printf("%s is %s.\n", json_string_value(json_object_get(answer, "name")), json_string_value(json_object_get(answer, "state")));
	json_decref(answer);
	return EXIT_DONE;
}

int lab_kill(int argc, char **argv)
{
	const char *signal = NULL, *args[1] = { NULL };
	const struct command_option options[] = {
		{ .name = "signal", .value = "NAME", .text = &signal, .help = "KILL or TERM (KILL)" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .options = options, .takes_place = true,
		.takes_json = true, .help = name_help };
	struct command_common common;
	struct error err = { "" };
	int status;
	json_t *answer;

	command_parse(&usage, argc, argv, &common, args);
	answer = steer(&common, "process.kill", args[0], signal, &status, &err);
	return tell(&common, answer, status, &err);
}

/* argv[0] is the whole name: "lab restart". */
static bool is_word(const char *argv0, const char *word)
{
	const char *last = strrchr(argv0, ' ');

	return strcmp(last ? last + 1 : argv0, word) == 0;
}

int lab_restart(int argc, char **argv)
{
	const char *args[1] = { NULL };
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .takes_place = true, .takes_json = true,
		.help = name_help };
	struct command_common common;
	struct error err = { "" };
	json_t *answer;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	if (is_word(argv[0], "restart")) {
		answer = steer(&common, "process.kill", args[0], "TERM", &status, &err);
		if (!answer)
			return tell(&common, NULL, status, &err);
		json_decref(answer);
	}
	answer = steer(&common, "process.start", args[0], NULL, &status, &err);
	return tell(&common, answer, status, &err);
}

int lab_hold(int argc, char **argv)
{
	const char *args[1] = { NULL };
	const struct command_usage usage = { .arguments = "NAME", .least = 1, .most = 1, .takes_place = true, .takes_json = true,
		.help = name_help };
	struct command_common common;
	struct error err = { "" };
	json_t *answer;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	answer = steer(&common, is_word(argv[0], "stop") ? "process.stop" : "process.continue", args[0], NULL, &status, &err);
	return tell(&common, answer, status, &err);
}
