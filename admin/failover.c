#include <stdio.h>
#include <string.h>

#include "admin/command.h"
#include "admin/place.h"
#include "admin/table.h"
#include "base/log.h"

/* `bramble failover`: the pool of Collaboration Services at a Dispatcher, and whose SRP identity it is. */

/* Asks the Dispatcher; NULL: it was said why not. */
static json_t *ask(const struct command_common *common, const char *process, const char *verb, json_t *params, int *status)
{
	struct error err = { "" };
	struct place place;
	json_t *answer = NULL;

	*status = EXIT_CONFIG;
	if (place_open(&place, common->dir, common->config, &err) == 0)
		answer = place_ask(&place, process, verb, params, status, &err);
	else
		json_decref(params);
	place_close(&place);
	if (!answer)
		command_fail(*status, "%s", err.text);
	return answer;
}

#define DISPATCHER_OPTION(variable) { .name = "dispatcher", .value = "NAME", .text = &(variable), .help = "which one (dispatcher)" }

static int show(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "instance", "INSTANCE" }, { "state", "STATE" }, { "health", "HEALTH" }, { "linked", "LINKED" }, { "dead", "DEAD" },
		{ "heard_ms_ago", "HEARD MS AGO" }, { NULL, NULL },
	};
	const char *process = "dispatcher";
	const struct command_option options[] = { DISPATCHER_OPTION(process), { .name = NULL } };
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Shows the Collaboration Services of the pool at a Dispatcher: who is active, each one's health score and when it was told." };
	struct command_common common;
	json_t *answer, *pool;
	size_t i;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	answer = ask(&common, process, "failover", NULL, &status);
	if (!answer)
		return status;
	if (common.json) {
		table_json(answer);
	} else {
		printf("Fail-over is %s; a service is dead after %lld ms, sick below a score of %lld, and takes over from a sick one with %lld.\n",
			json_string_value(json_object_get(answer, "failover")), (long long)json_integer_value(json_object_get(answer, "health_dead_ms")),
			(long long)json_integer_value(json_object_get(answer, "failover_threshold")),
			(long long)json_integer_value(json_object_get(answer, "promotion_threshold")));
		if (json_array_size(json_object_get(answer, "pools")) == 0)
			printf("No service has registered for a pool (role = active or standby in [collab]).\n");
		json_array_foreach(json_object_get(answer, "pools"), i, pool) {
			table_print(json_object_get(pool, "members"), columns);
		}
	}
	json_decref(answer);
	return EXIT_DONE;
}

static int switch_now(int argc, char **argv)
{
	const char *process = "dispatcher", *args[1] = { NULL };
	const struct command_option options[] = { DISPATCHER_OPTION(process), { .name = NULL } };
	const struct command_usage usage = { .arguments = "[INSTANCE]", .most = 1, .options = options, .takes_place = true, .takes_json = true,
		.help = "Makes another Collaboration Service the active one, in the documented seven steps: INSTANCE, or the standby one with the\n"
			"highest score. Returns when the switch has begun; `bramble trace failover` shows its steps." };
	struct command_common common;
	json_t *params = json_object(), *answer;
	int status;

	command_parse(&usage, argc, argv, &common, args);
	if (args[0])
		json_object_set_new(params, "to", json_string(args[0]));
	answer = ask(&common, process, "failover.switch", params, &status);
	if (!answer)
		return status;
	if (common.json)
		table_json(answer);
	else
		printf("Switch %lld has begun.\n", (long long)json_integer_value(json_object_get(answer, "switch")));
	json_decref(answer);
	return EXIT_DONE;
}

static int claim(int argc, char **argv)
{
	const char *process = "dispatcher";
	const struct command_option options[] = { DISPATCHER_OPTION(process), { .name = NULL } };
	const struct command_usage usage = { .options = options, .takes_place = true, .takes_json = true,
		.help = "Has a Dispatcher that stepped back for a newer one of its SRP identity connect again: the other one then steps back." };
	struct command_common common;
	json_t *answer;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	answer = ask(&common, process, "srp.claim", NULL, &status);
	if (!answer)
		return status;
	if (common.json)
		table_json(answer);
	else
		printf("%s claims its SRP identity at %lld router(s).\n", process, (long long)json_integer_value(json_object_get(answer, "routers")));
	json_decref(answer);
	return EXIT_DONE;
}

int failover_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "show", "who is active, who stands by, and how healthy they are", show, false },
		{ "switch", "make another Collaboration Service the active one", switch_now, false },
		{ "claim", "have a Dispatcher take its SRP identity back", claim, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "active and standby Collaboration Services, and Dispatchers of one SRP identity", table, argc, argv);
}
