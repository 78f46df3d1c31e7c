#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/lab.h"
#include "admin/lab_log.h"
#include "admin/lab_process.h"
#include "admin/lab_steer.h"
#include "admin/place.h"
#include "admin/table.h"
#include "base/io/control_client.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

enum { DOWN_MS = 15000, STATUS_MS = 2000 };

static const char *dir_of(const struct command_common *common)
{
	return common->dir ? common->dir : PLACE_DEFAULT_DIR;
}

/* --- up ---------------------------------------------------------------------------------------------------------------- */

static void tell(const struct lab *lab, bool detached, struct buf *out)
{
	char sim[PATH_MAX];
	struct error err;

	if (lab_programs(sim, sizeof sim, &err) != 0)
		snprintf(sim, sizeof sim, ".");
	buf_printf(out, "The lab in %s is up (process %d%s).\n\n", lab_dir(lab), getpid(), detached ? "" : "; Ctrl-C ends it");
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (lab_port(lab, role))
			buf_printf(out, "  %-12s  127.0.0.1:%-5u  %s\n", lab_roles[role].name, lab_port(lab, role), lab_roles[role].what);
		else if (!lab_roles[role].port && lab_socket(lab, lab_roles[role].name))
			buf_printf(out, "  %-12s  no port          %s\n", lab_roles[role].name, lab_roles[role].what);
	}
	buf_printf(out, "\n  user    password       PIN\n");
	for (const struct lab_user *user = lab_users; user->name; user++)
		buf_printf(out, "  %-6s  %-13s  %s\n", user->name, user->password, pin_text(user->pin));
	buf_printf(out, "\nChat as alice from a simulated BlackBerry:\n"
		"  %s/bramble-sim device --lab %s --pin %s\n"
		"and type `login alice alice-secret`, then `send bob hello`.\n", sim, lab_dir(lab), pin_text(lab_users[0].pin));
	if (lab_backend(lab) == LAB_BACKEND_CWA)
		buf_printf(out, "\nAs bob from Pidgin with its SIPE plugin: protocol Office Communicator, user bob@corp.test, server 127.0.0.1:%u,\n"
			"connection SSL/TLS.\n", lab_port(lab, LAB_OCS));
	else
		buf_printf(out, "\nAs bob from Pidgin: protocol GroupWise, user bob, password bob-secret, server address 127.0.0.1, port %u.\n",
			lab_port(lab, LAB_GROUPWISE));
	buf_printf(out, "\nWatch and end it:\n  %s/bramble session list --watch --dir %s\n  %s/bramble lab down --dir %s\n", sim,
		lab_dir(lab), sim, lab_dir(lab));
}

static int live(struct lab **lab)
{
	int status = lab_live(*lab);

	lab_stop(lab);
	return status;
}

static int up_here(const struct lab_options *options)
{
	struct error err = { "" };
	struct buf text = { 0 };
	int status;
	struct lab *lab = lab_start(options, &status, &err);

	if (!lab)
		return command_fail(status, "%s", err.text);
	tell(lab, false, &text);
	fputs(buf_cstr(&text), stdout);
	fflush(stdout);
	buf_free(&text);
	return live(&lab);
}

/* The child that stays: tells the parent through the pipe how the start went, first the exit status, then the words. */
static void up_detached_child(const struct lab_options *options, int pipe_fd)
{
	struct error err = { "" };
	struct buf text = { 0 };
	struct lab *lab;
	int status, null;

	setsid();
	lab = lab_start(options, &status, &err);
	buf_u8(&text, (uint8_t)status);
	if (lab)
		tell(lab, true, &text);
	else
		buf_text(&text, err.text);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (lab) {
		char *path = memory_printf("%s/log/lab.log", lab_dir(lab));
		int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

		free(path);
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(log >= 0 ? log : null, STDERR_FILENO);
		if (log >= 0)
			close(log);
	}
	if (null >= 0)
		close(null);
	if (write(pipe_fd, text.data, text.len) != (ssize_t)text.len)
		status = EXIT_INTERNAL;
	close(pipe_fd);
	buf_free(&text);
	exit(lab ? live(&lab) : status);
}

static int up_detached(const struct lab_options *options)
{
	struct buf text = { 0 };
	int ends[2];
	ssize_t got;
	pid_t child;
	int status;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return command_fail(EXIT_INTERNAL, "no pipe: %s", strerror(errno));
	fflush(NULL);
	child = fork();
	if (child < 0)
		return command_fail(EXIT_INTERNAL, "no process: %s", strerror(errno));
	if (child == 0) {
		close(ends[0]);
		up_detached_child(options, ends[1]);
	}
	close(ends[1]);
	do {
		got = read(ends[0], buf_extend(&text, 4096), 4096);
		text.len -= (size_t)(4096 - (got > 0 ? got : 0));
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(ends[0]);
	status = text.len ? text.data[0] : EXIT_INTERNAL;
	if (status == 0)
		fputs(buf_cstr(&text) + 1, stdout);
	else
		command_fail(status, "%s", text.len > 1 ? buf_cstr(&text) + 1 : "the lab's process ended without a word");
	/* A failed one is waited for, so that nothing of it is left when this returns. */
	if (status != 0)
		waitpid(child, NULL, 0);
	buf_free(&text);
	return status;
}

static int up(int argc, char **argv)
{
	const char *services = "1", *dispatchers = "1";
	const char *offset = NULL, *clock = NULL, *users = NULL, *backend = NULL, *profile = NULL, *database = NULL;
	const char **overrides = NULL;
	bool detach = false;
	const struct command_option options[] = {
		{ .name = "backend", .value = "groupwise|cwa", .text = &backend, .help = "the IM system, when the folder is made (groupwise)" },
		{ .name = "profile", .value = "ocs2007|lcs2005", .text = &profile, .help = "of cwa: XML and OCS 2007, or JSON and LCS 2005 (ocs2007)" },
		{ .name = "database", .value = "URL", .text = &database, .help = "postgresql://..., an empty database or schema, when the folder is\n"
			"made (a file in the folder)" },
		{ .name = "port-offset", .value = "N", .text = &offset, .help = "added to the ports 3101, 3200, 8300; 5061 and 10443 of cwa" },
		{ .name = "detach", .set = &detach, .help = "return when it is ready; `bramble lab down` ends it" },
		{ .name = "clock", .value = "manual", .text = &clock, .help = "clocks that stand until `bramble clock advance` moves them" },
		{ .name = "users", .value = "N", .text = &users, .help = "so many users more, when the folder is made: user0001, PIN 22000001, ..." },
		{ .name = "services", .value = "1|2", .text = &services, .help = "2: also collab-2, a second Collaboration Service of the same pool" },
		{ .name = "dispatchers", .value = "1|2", .text = &dispatchers, .help = "2: also dispatcher-2, of the same SRP identity" },
		{ .name = "option", .value = "S.KEY=VALUE", .list = &overrides, .help = "a setting, stronger than the file; may be repeated; also -o" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .options = options, .takes_place = true,
		.help = "Starts the whole pipeline on loopback, in a folder that is made when it is missing: the simulated IM server\n"
			"(GroupWise Messenger; or Communicator Web Access with a Communications Server behind it), router, dispatcher\n"
			"and Collaboration Service. It returns, or says that it is up, when they are linked." };
	struct command_common common;
	struct lab_options lab = { 0 };
	char *end = NULL;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	lab.dir = dir_of(&common);
	lab.overrides = overrides;
	lab.backend = backend;
	lab.profile = profile;
	if ((strcmp(services, "1") != 0 && strcmp(services, "2") != 0) || (strcmp(dispatchers, "1") != 0 && strcmp(dispatchers, "2") != 0))
		return command_fail(EXIT_USAGE, "--services and --dispatchers are 1 or 2, not %s and %s", log_str(services), log_str(dispatchers));
	lab.services = (unsigned)(*services - '0');
	lab.dispatchers = (unsigned)(*dispatchers - '0');
	lab.database = database;
	if (common.config)
		return command_fail(EXIT_USAGE, "a lab has its settings in its folder: use --dir");
	if (offset) {
		lab.has_offset = true;
		lab.port_offset = (unsigned)strtoul(offset, &end, 10);
		if (strspn(offset, "0123456789") != strlen(offset) || !*offset || strlen(offset) > 5)
			return command_fail(EXIT_USAGE, "--port-offset is a number, added to every port, not %s", log_str(offset));
	}
	if (clock && strcmp(clock, "manual") != 0)
		return command_fail(EXIT_USAGE, "--clock is manual, not %s", log_str(clock));
	lab.manual_clock = clock != NULL;
	if (users) {
		lab.users = (unsigned)strtoul(users, NULL, 10);
		if (strspn(users, "0123456789") != strlen(users) || !*users || strlen(users) > 5 || lab.users > LAB_USERS_MAX)
			return command_fail(EXIT_USAGE, "--users is a number from 0 to %d, not %s", LAB_USERS_MAX, log_str(users));
	}
	status = detach ? up_detached(&lab) : up_here(&lab);
	free(overrides);
	return status;
}

/* --- down -------------------------------------------------------------------------------------------------------------- */

static int down(int argc, char **argv)
{
	const struct command_usage usage = { .takes_place = true,
		.help = "Ends the lab of a folder: all its processes. The folder stays, so that the next `lab up` finds the same users." };
	struct command_common common;
	struct pollfd fd = { .events = POLLIN };
	pid_t pid;
	int rc;

	command_parse(&usage, argc, argv, &common, NULL);
	pid = lab_running(dir_of(&common));
	if (!pid)
		return command_fail(EXIT_REFUSED, "no lab runs in %s", dir_of(&common));
	fd.fd = pidfd_open(pid, 0);
	if (fd.fd < 0)
		return command_fail(EXIT_REFUSED, "the lab's process %d: %s", pid, strerror(errno));
	if (pidfd_send_signal(fd.fd, SIGTERM, NULL, 0) != 0) {
		close(fd.fd);
		return command_fail(EXIT_REFUSED, "the lab's process %d cannot be told: %s", pid, strerror(errno));
	}
	rc = poll(&fd, 1, DOWN_MS);
	close(fd.fd);
	if (rc != 1)
		return command_fail(EXIT_TIMEOUT, "the lab's process %d did not end within %d s", pid, DOWN_MS / 1000);
	printf("The lab in %s is down.\n", dir_of(&common));
	return EXIT_DONE;
}

/* --- status ------------------------------------------------------------------------------------------------------------ */

static json_t *read_state(const char *dir)
{
	char *path = memory_printf("%s/lab.json", dir);
	json_t *state = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);

	free(path);
	return state;
}

static bool is_simulator(const char *name)
{
	for (enum lab_role role = 0; role < LAB_ROLES; role++) {
		if (name && strcmp(name, lab_roles[role].name) == 0)
			return lab_roles[role].is_simulator;
	}
	return false;
}

/* What each process says of itself goes into its row. true when all answered. */
static bool ask_all(json_t *state)
{
	const json_t *listen = json_object_get(state, "listen");
	bool all = true;
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(state, "processes"), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));
		const char *path = json_string_value(json_object_get(row, "socket"));
		struct error err = { "" };
		int status;
		/* The simulator is no daemon of ours: it counts its connections instead. */
		const char *verb = is_simulator(name) ? "census" : "status";
		json_t *answer = control_ask(path ? path : "", verb, NULL, STATUS_MS, &status, &err);

		json_object_set_new(row, "answers", json_boolean(answer != NULL));
		json_object_set(row, "listen", json_object_get(listen, name ? name : ""));
		json_object_set_new(row, "linked", json_null());
		if (answer) {
			json_object_update_missing(row, answer);
			if (json_object_get(answer, "linked"))
				json_object_set(row, "linked", json_object_get(answer, "linked"));
		} else {
			json_object_set_new(row, "error", json_string(err.text));
			all = false;
		}
		json_decref(answer);
	}
	return all;
}

static int status_of(int argc, char **argv)
{
	static const struct table_column columns[] = {
		{ "name", "PROCESS" }, { "pid", "PID" }, { "listen", "LISTENS" }, { "answers", "ANSWERS" }, { "linked", "LINKED" },
		{ "uptime_ms", "UP MS" }, { NULL, NULL },
	};
	const struct command_usage usage = { .takes_place = true, .takes_json = true,
		.help = "Asks each process of the lab. Exit status 1 when none runs or one does not answer." };
	struct command_common common;
	json_t *state;
	bool all;
	pid_t pid;

	command_parse(&usage, argc, argv, &common, NULL);
	pid = lab_running(dir_of(&common));
	state = pid ? read_state(dir_of(&common)) : NULL;
	if (!state) {
		if (common.json)
			printf("{\n  \"running\": false\n}\n");
		return command_fail(EXIT_REFUSED, pid ? "the lab in %s is starting or ending" : "no lab runs in %s", dir_of(&common));
	}
	all = ask_all(state);
	json_object_set_new(state, "running", json_true());
	if (common.json) {
		table_json(state);
	} else {
		printf("The lab in %s, process %d\n\n", json_string_value(json_object_get(state, "dir")), pid);
		table_print(json_object_get(state, "processes"), columns);
	}
	json_decref(state);
	return all ? EXIT_DONE : EXIT_REFUSED;
}

int lab_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "up", "start it", up, false },
		{ "down", "end it", down, false },
		{ "status", "ask each process", status_of, false },
		{ "logs", "what the processes wrote", lab_logs, false },
		{ "kill", "end one process; the lab goes on without it", lab_kill, false },
		{ "start", "start a process that was ended", lab_restart, false },
		{ "restart", "end a process in good order and start it again", lab_restart, false },
		{ "stop", "stop a process where it is (SIGSTOP)", lab_hold, false },
		{ "continue", "let a stopped process go on", lab_hold, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "the whole pipeline on this machine, simulators included", table, argc, argv);
}
