#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/demo_device.h"
#include "admin/lab.h"
#include "admin/trace_read.h"
#include "admin/trace_steps.h"
#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

/* `bramble demo`: the documented login flows on real processes. It starts a lab of its own, drives simulated devices as a
 * person would, prints every login step by step, and says of each outcome whether it is the documented one. */

enum { ANSWER_MS = 10000, USERS = 4 };

extern char **environ;

struct demo {
	struct lab *lab;
	char dir[PATH_MAX];
	char tool[PATH_MAX], sim[PATH_MAX];
	struct demo_device *devices[USERS];      /* of lab_users, in that order */
	unsigned logins, checks, differs;
	struct error err;
};

/* --- words -------------------------------------------------------------------------------------------------------------- */

static void heading(const char *words)
{
	printf("\n== %s\n", words);
	fflush(stdout);
}

/* One line of verdict; what differs from the documents fails the run. */
static bool verdict(struct demo *demo, bool good, const char *what, const char *expected)
{
	demo->checks++;
	if (!good)
		demo->differs++;
	printf("  => %s%s%s\n", what, good ? ": as documented" : "; DIFFERS, documented is: ", good ? "" : expected);
	fflush(stdout);
	return good;
}

static bool broken(struct demo *demo)
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

static bool start_device(struct demo *demo, int user)
{
	char key_file[PATH_MAX + 64], log_file[PATH_MAX + 64], router[32];
	json_t *up;

	snprintf(key_file, sizeof key_file, "%s/devices/%s.json", lab_dir(demo->lab), pin_text(lab_users[user].pin));
	snprintf(log_file, sizeof log_file, "%s/log/device-%s.log", lab_dir(demo->lab), pin_text(lab_users[user].pin));
	snprintf(router, sizeof router, "127.0.0.1:%u", lab_port(demo->lab, LAB_ROUTER));
	demo->devices[user] = demo_device_start(demo->sim, key_file, router, log_file, &demo->err);
	if (!demo->devices[user])
		return broken(demo);
	up = demo_device_await(demo->devices[user], "link-up", ANSWER_MS, &demo->err);
	json_decref(up);
	return up ? true : broken(demo);
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
	json_decref(told);
	trace_source_free(&source);
	store_close(&store);
	return rc;
}

/* One login: told as steps, then judged. status: what the device must show; NULL: it must be accepted. */
static bool login(struct demo *demo, int user, const char *status, json_int_t code, const char *documented)
{
	const struct lab_user *who = &lab_users[user];
	json_t *sent = NULL, *answer = NULL;
	char what[128];
	bool accepted, good = false;

	printf("\nLogin %u: %s from %s\n", ++demo->logins, who->name, pin_text(who->pin));
	if (!demo->devices[user] && !start_device(demo, user))
		goto out;
	if (demo_device_say(demo->devices[user], &demo->err, "login %s %s", who->name, who->password))
		goto out;
	sent = demo_device_await(demo->devices[user], "login-sent", ANSWER_MS, &demo->err);
	answer = sent ? demo_device_await(demo->devices[user], "login-ok|login-failed", ANSWER_MS, &demo->err) : NULL;
	if (!answer || tell_steps(demo, who->pin, sent, answer))
		goto out;
	accepted = strcmp(text(answer, "event"), "login-ok") == 0;
	if (accepted)
		snprintf(what, sizeof what, "logged in after %.1f ms", (double)json_integer_value(json_object_get(answer, "elapsed_us")) / 1000);
	else
		snprintf(what, sizeof what, "refused, the device shows \"%s\"", text(answer, "status_text"));
	good = status ? !accepted && strcmp(text(answer, "status_text"), status) == 0 &&
		json_integer_value(json_object_get(answer, "code")) == code : accepted;
	verdict(demo, good, what, documented);
	demo->err.text[0] = '\0';
out:
	if (demo->err.text[0])
		broken(demo);
	json_decref(sent);
	json_decref(answer);
	return good;
}

static bool chat(struct demo *demo, int from, int to, const char *words)
{
	json_t *message;
	char what[256];
	bool good;

	if (demo_device_say(demo->devices[from], &demo->err, "send %s %s", lab_users[to].name, words))
		return broken(demo);
	message = demo_device_await(demo->devices[to], "message", ANSWER_MS, &demo->err);
	if (!message)
		return broken(demo);
	good = strcmp(text(message, "text"), words) == 0;
	snprintf(what, sizeof what, "%s's device shows \"%s\" from %s", lab_users[to].name, text(message, "text"), text(message, "from"));
	json_decref(message);
	return verdict(demo, good, what, words);
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

static bool set_limits(struct demo *demo, const char *words, const char *arguments)
{
	int status;

	heading(words);
	printf("  bramble %s\n", arguments);
	fflush(stdout);
	status = run_tool(demo, arguments);
	if (status == EXIT_DONE)
		return true;
	error_set(&demo->err, "bramble %s ended with %d", arguments, status);
	return broken(demo);
}

static json_t *ask(struct demo *demo, const char *process, const char *verb)
{
	int status;

	return control_ask(lab_socket(demo->lab, process), verb, NULL, ANSWER_MS, &status, &demo->err);
}

/* The Collaboration Service learns of lost coverage by way of Router and Dispatcher: asked until it says so. */
static bool await_mark(struct demo *demo, int user)
{
	uint64_t end_us = loop_real_us() + (uint64_t)ANSWER_MS * 1000;

	while (loop_real_us() < end_us) {
		json_t *result = ask(demo, "collab", "sessions");
		const json_t *row;
		bool marked = false;
		size_t i;

		if (!result)
			return broken(demo);
		json_array_foreach(json_object_get(result, "sessions"), i, row)
			marked = marked || (strcmp(text(row, "pin"), pin_text(lab_users[user].pin)) == 0 && *text(row, "mark"));
		json_decref(result);
		if (marked)
			return true;
	}
	error_set(&demo->err, "the session of %s was not marked out of coverage", lab_users[user].name);
	return broken(demo);
}

static bool lose_coverage(struct demo *demo, int user)
{
	json_t *waiting;

	printf("\n%s's device leaves coverage\n", lab_users[user].name);
	if (demo_device_say(demo->devices[user], &demo->err, "coverage off"))
		return broken(demo);
	waiting = demo_device_await(demo->devices[user], "waiting", ANSWER_MS, &demo->err);
	json_decref(waiting);
	return waiting ? await_mark(demo, user) : broken(demo);
}

static bool regain_coverage(struct demo *demo, int user)
{
	json_t *told;
	char what[160];
	bool good;

	printf("\n%s's device is back in coverage\n", lab_users[user].name);
	if (demo_device_say(demo->devices[user], &demo->err, "coverage on"))
		return broken(demo);
	told = demo_device_await(demo->devices[user], "forced-logout", ANSWER_MS, &demo->err);
	if (!told)
		return broken(demo);
	good = strcmp(text(told, "reason"), "evicted-coverage") == 0;
	snprintf(what, sizeof what, "it is told that its session was logged out (%s)", text(told, "reason"));
	json_decref(told);
	return verdict(demo, good, what, "evicted-coverage");
}

/* N sessions are N connections, by the IM server's own count. */
static bool census(struct demo *demo, json_int_t sessions)
{
	json_t *result = ask(demo, "groupwise", "census");
	json_int_t connections = json_integer_value(json_object_get(result, "connections"));
	char what[128], expected[64];

	if (!result)
		return broken(demo);
	json_decref(result);
	snprintf(what, sizeof what, "GroupWise Messenger counts %lld connections", (long long)connections);
	snprintf(expected, sizeof expected, "%lld", (long long)sessions);
	return verdict(demo, connections == sessions, what, expected);
}

static void story(struct demo *demo)
{
	enum { ALICE, BOB, CAROL, DAVE };

	heading("Two devices log in and chat");
	if (!login(demo, ALICE, NULL, 0, "accepted") || !login(demo, BOB, NULL, 0, "accepted"))
		return;
	printf("\nA conversation\n");
	if (!chat(demo, ALICE, BOB, "Hello Bob, this is a BlackBerry") || !chat(demo, BOB, ALICE, "Hello Alice, so is this"))
		return;
	census(demo, 2);

	if (!set_limits(demo, "The maximum is two, with an idle timeout of 10 minutes; nobody is idle", "limits set --max 2 --idle-timeout 10m"))
		return;
	login(demo, CAROL, "Server Busy", 100, "Server Busy");

	heading("One device loses coverage; the next login takes its place");
	if (!lose_coverage(demo, BOB) || !login(demo, CAROL, NULL, 0, "accepted, the session out of coverage is logged out"))
		return;
	census(demo, 2);
	regain_coverage(demo, BOB);

	if (!set_limits(demo, "No maximum is set, and the capacity of the transport is two", "limits set --max unset --capacity 2"))
		return;
	login(demo, DAVE, "Failed (300)", 300, "Failed (300)");
}

/* --- start and end ------------------------------------------------------------------------------------------------------- */

static int start_lab(struct demo *demo, bool keep)
{
	struct lab_options options = { .dir = demo->dir, .has_offset = true };
	int offset = lab_free_offset(LAB_BACKEND_GROUPWISE, 0);
	int status = EXIT_BIND;

	if (offset < 0)
		return command_fail(EXIT_BIND, "no free ports were found for router, dispatcher and IM server");
	options.port_offset = (unsigned)offset;
	demo->lab = lab_start(&options, &status, &demo->err);
	if (!demo->lab)
		return command_fail(status, "%s", demo->err.text);
	printf("Bramble: Router 127.0.0.1:%u, Dispatcher 127.0.0.1:%u, GroupWise Messenger 127.0.0.1:%u (TLS)%s\n",
		lab_port(demo->lab, LAB_ROUTER), lab_port(demo->lab, LAB_DISPATCHER), lab_port(demo->lab, LAB_GROUPWISE),
		offset ? "\nThe usual ports 3101, 3200 or 8300 are taken, so all have moved up." : "");
	if (keep)
		printf("Everything is in %s\n", lab_dir(demo->lab));
	return EXIT_DONE;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about;
	(void)kind;
	(void)place;
	return remove(path);
}

static int run_story(struct demo *demo)
{
	uint64_t started_us = loop_real_us();

	story(demo);
	for (int i = 0; i < USERS; i++)
		demo_device_stop(&demo->devices[i]);
	lab_stop(&demo->lab);
	printf("\n%u logins, %u checks, %u differ from the documents; %.1f s\n", demo->logins, demo->checks, demo->differs,
		(double)(loop_real_us() - started_us) / 1e6);
	return demo->differs || demo->logins < 5 ? EXIT_REFUSED : EXIT_DONE;
}

int demo_command(int argc, char **argv)
{
	bool keep = false;
	const struct command_option options[] = {
		{ .name = "keep", .help = "leave the lab's folder with its logs and captures behind, and say where", .set = &keep },
		{ 0 },
	};
	const struct command_usage usage = { .help = "Starts a lab of its own, runs the documented login flows on it, and prints each as the "
		"numbered steps of the vendor's process flow with what really happened. Ends with 1 if anything differs from "
		"the documented outcome.", .options = options };
	struct command_common common;
	struct demo demo = { 0 };
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	snprintf(demo.dir, sizeof demo.dir, "%s/bramble-demo-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(demo.dir))
		return command_fail(EXIT_CONFIG, "no folder can be made like %s", demo.dir);
	if (readlink("/proc/self/exe", demo.tool, sizeof demo.tool - 1) < 0)
		return command_fail(EXIT_INTERNAL, "/proc/self/exe cannot be read");
	snprintf(demo.sim, sizeof demo.sim, "%.*s/bramble-sim", (int)(strrchr(demo.tool, '/') - demo.tool), demo.tool);
	status = start_lab(&demo, keep);
	if (status == EXIT_DONE)
		status = run_story(&demo);
	if (!keep && status == EXIT_DONE)
		nftw(demo.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	else
		printf("The logs are in %s/log\n", demo.dir);
	return status;
}
