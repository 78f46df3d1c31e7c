#include "admin/demo_stage.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/trace_read.h"
#include "admin/trace_steps.h"
#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

extern char **environ;

/* --- words -------------------------------------------------------------------------------------------------------------- */

void demo_heading(const char *words)
{
	printf("\n== %s\n", words);
	fflush(stdout);
}

/* One line of verdict; what differs from the documents fails the run. */
bool demo_verdict(struct demo *demo, bool good, const char *what, const char *expected)
{
	demo->checks++;
	if (!good)
		demo->differs++;
	printf("  => %s%s%s\n", what, good ? ": as documented" : "; DIFFERS, documented is: ", good ? "" : expected);
	fflush(stdout);
	return good;
}

bool demo_broken(struct demo *demo)
{
	demo->checks++;
	demo->differs++;
	printf("  => DIFFERS: %s\n", demo->err.text);
	return false;
}

/* --- what happens -------------------------------------------------------------------------------------------------------- */

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static bool demo_start_device(struct demo *demo, int user)
{
	char key_file[PATH_MAX + 64], log_file[PATH_MAX + 64], router[32];
	json_t *up;

	snprintf(key_file, sizeof key_file, "%s/devices/%s.json", lab_dir(demo->lab), pin_text(lab_users[user].pin));
	snprintf(log_file, sizeof log_file, "%s/log/device-%s.log", lab_dir(demo->lab), pin_text(lab_users[user].pin));
	snprintf(router, sizeof router, "127.0.0.1:%u", lab_port(demo->lab, LAB_ROUTER));
	demo->devices[user] = demo_device_start(demo->sim, key_file, router, log_file, &demo->err);
	if (!demo->devices[user])
		return demo_broken(demo);
	up = demo_device_await(demo->devices[user], "link-up", DEMO_ANSWER_MS, &demo->err);
	json_decref(up);
	return up ? true : demo_broken(demo);
}

/* What the device said and what the processes and the database know of it, as numbered steps. */
static int tell_steps(struct demo *demo, uint32_t pin, const json_t *sent, const json_t *answer)
{
	const struct command_common common = { .dir = lab_dir(demo->lab) };
	const char *id = text(answer, "login_id"), *missing;
	struct trace_source source = { 0 };
	struct store store;
	json_t *told = NULL;
	int rc = -1;

	if (store_open(&store, &common, DB_EXISTING) != EXIT_DONE || trace_read(&source, &store, pin) != EXIT_DONE) {
		error_set(&demo->err, "the database of the lab cannot be read");
		goto out;
	}
	source.sent = sent;
	source.answer = answer;
	told = trace_explain(&source, id);
	missing = told ? trace_missing(told) : "no process knows of it";
	if (missing) {
		error_set(&demo->err, "login %s: %s", id, missing);
		goto out;
	}
	trace_print_steps(told);
	rc = 0;
out:
	json_decref(demo->told);
	demo->told = told;
	trace_source_free(&source);
	store_close(&store);
	return rc;
}

/* One login: told as steps, then judged. status: what the device must show; NULL: it must be accepted. */
bool demo_login(struct demo *demo, int user, const char *status, json_int_t code, const char *documented)
{
	const struct lab_user *who = &lab_users[user];
	json_t *sent = NULL, *answer = NULL;
	char what[128];
	bool accepted, good = false;

	printf("\nLogin %u: %s from %s\n", ++demo->logins, who->name, pin_text(who->pin));
	if (!demo->devices[user] && !demo_start_device(demo, user))
		goto out;
	if (demo_device_say(demo->devices[user], &demo->err, "login %s %s", who->name, who->password))
		goto out;
	sent = demo_device_await(demo->devices[user], "login-sent", DEMO_ANSWER_MS, &demo->err);
	answer = sent ? demo_device_await(demo->devices[user], "login-ok|login-failed", DEMO_ANSWER_MS, &demo->err) : NULL;
	if (!answer || tell_steps(demo, who->pin, sent, answer))
		goto out;
	accepted = strcmp(text(answer, "event"), "login-ok") == 0;
	if (accepted)
		snprintf(what, sizeof what, "logged in after %.1f ms", (double)json_integer_value(json_object_get(answer, "elapsed_us")) / 1000);
	else
		snprintf(what, sizeof what, "refused, the device shows \"%s\"", text(answer, "status_text"));
	good = status ? !accepted && strcmp(text(answer, "status_text"), status) == 0 &&
		json_integer_value(json_object_get(answer, "code")) == code : accepted;
	demo_verdict(demo, good, what, documented);
	demo->err.text[0] = '\0';
out:
	if (demo->err.text[0])
		demo_broken(demo);
	json_decref(sent);
	json_decref(answer);
	return good;
}

bool demo_chat(struct demo *demo, int from, int to, const char *words)
{
	json_t *message;
	char what[256];
	bool good;

	if (demo_device_say(demo->devices[from], &demo->err, "send %s %s", lab_users[to].name, words))
		return demo_broken(demo);
	message = demo_device_await(demo->devices[to], "message", DEMO_ANSWER_MS, &demo->err);
	if (!message)
		return demo_broken(demo);
	good = strcmp(text(message, "text"), words) == 0;
	snprintf(what, sizeof what, "%s's device shows \"%s\" from %s", lab_users[to].name, text(message, "text"), text(message, "from"));
	json_decref(message);
	return demo_verdict(demo, good, what, words);
}

/* --- limits and sessions --------------------------------------------------------------------------------------------------- */

/* The very command a person would type, by the program that runs now. arguments: words with single spaces. */
static int run_tool(struct demo *demo, const char *arguments)
{
	char *words = memory_str(arguments), *rest = words;
	char *argv[16] = { demo->tool };
	size_t count = 1;
	posix_spawn_file_actions_t quiet;
	int status = -1;
	pid_t pid;

	while (count + 3 < sizeof argv / sizeof *argv && (argv[count] = strsep(&rest, " ")))
		count++;
	argv[count++] = memory_str("--dir");
	argv[count++] = memory_str(lab_dir(demo->lab));
	argv[count] = NULL;
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawn(&pid, demo->tool, &quiet, NULL, argv, environ) == 0 && waitpid(pid, &status, 0) == pid)
		status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
	posix_spawn_file_actions_destroy(&quiet);
	free(argv[count - 1]);
	free(argv[count - 2]);
	free(words);
	return status;
}

bool demo_set_limits(struct demo *demo, const char *words, const char *arguments)
{
	int status;

	demo_heading(words);
	printf("  bramble %s\n", arguments);
	fflush(stdout);
	status = run_tool(demo, arguments);
	if (status == EXIT_DONE)
		return true;
	error_set(&demo->err, "bramble %s ended with %d", arguments, status);
	return demo_broken(demo);
}

json_t *demo_ask(struct demo *demo, const char *process, const char *verb, json_t *params)
{
	int status;

	return control_ask(lab_socket(demo->lab, process), verb, params, DEMO_ANSWER_MS, &status, &demo->err);
}

bool demo_fault(struct demo *demo, const char *word)
{
	const char *process = lab_backend_name(lab_backend(demo->lab));
	json_t *answer;

	printf("\n  bramble control %s fault word=%s\n", process, word);
	fflush(stdout);
	answer = demo_ask(demo, process, "fault", json_pack("{s:s}", "word", word));
	json_decref(answer);
	return answer ? true : demo_broken(demo);
}

/* The Collaboration Service learns of lost coverage by way of Router and Dispatcher: asked until it says so. */
static bool await_mark(struct demo *demo, int user)
{
	uint64_t end_us = loop_real_us() + (uint64_t)DEMO_ANSWER_MS * 1000;

	while (loop_real_us() < end_us) {
		json_t *result = demo_ask(demo, "collab", "sessions", NULL);
		const json_t *row;
		bool marked = false;
		size_t i;

		if (!result)
			return demo_broken(demo);
		json_array_foreach(json_object_get(result, "sessions"), i, row)
			marked = marked || (strcmp(text(row, "pin"), pin_text(lab_users[user].pin)) == 0 && *text(row, "mark"));
		json_decref(result);
		if (marked)
			return true;
	}
	error_set(&demo->err, "the session of %s was not marked out of coverage", lab_users[user].name);
	return demo_broken(demo);
}

bool demo_lose_coverage(struct demo *demo, int user)
{
	json_t *waiting;

	printf("\n%s's device leaves coverage\n", lab_users[user].name);
	if (demo_device_say(demo->devices[user], &demo->err, "coverage off"))
		return demo_broken(demo);
	waiting = demo_device_await(demo->devices[user], "waiting", DEMO_ANSWER_MS, &demo->err);
	json_decref(waiting);
	return waiting ? await_mark(demo, user) : demo_broken(demo);
}

bool demo_regain_coverage(struct demo *demo, int user)
{
	json_t *told;
	char what[160];
	bool good;

	printf("\n%s's device is back in coverage\n", lab_users[user].name);
	if (demo_device_say(demo->devices[user], &demo->err, "coverage on"))
		return demo_broken(demo);
	told = demo_device_await(demo->devices[user], "forced-logout", DEMO_ANSWER_MS, &demo->err);
	if (!told)
		return demo_broken(demo);
	good = strcmp(text(told, "reason"), "evicted-coverage") == 0;
	snprintf(what, sizeof what, "it is told that its session was logged out (%s)", text(told, "reason"));
	json_decref(told);
	return demo_verdict(demo, good, what, "evicted-coverage");
}

bool demo_went(struct demo *demo, const char *what, const char *const *steps)
{
	const char *const *next = steps;
	char words[256] = "";
	const json_t *step;
	size_t i;

	json_array_foreach(json_object_get(demo->told, "steps"), i, step) {
		char line[512];

		snprintf(line, sizeof line, "%s: %s", text(step, "what"), text(step, "detail"));
		if (*next && strstr(line, *next))
			next++;
	}
	if (*next)
		snprintf(words, sizeof words, "a step \"%s\"", *next);
	return demo_verdict(demo, !*next, what, words);
}
