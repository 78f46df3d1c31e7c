#include "admin/trace_record.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/lab.h"
#include "admin/place.h"
#include "admin/record.h"
#include "base/io/control_client.h"
#include "base/io/loop.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"

/* `bramble trace record`: waits while people play with a lab, and writes what happened as a scenario. */

enum { TICK_MS = 1000, ASK_MS = 1000, NAME_MAX_BYTES = 32 };

struct watch {
	const char *dir;
	struct loop *loop;
	struct loop_timer *tick, *deadline;
	pid_t lab;
	json_t *sockets;             /* of the Collaboration Services */
	char said[128];
	const char *why;
};

/* --- a lab that runs ------------------------------------------------------------------------------------------------------------------ */

/* lab.json; NULL: no lab runs there. */
static json_t *state_of(const char *dir)
{
	char *path = memory_printf("%s/lab.json", dir);
	json_t *state = lab_running(dir) ? json_load_file(path, JSON_REJECT_DUPLICATES, NULL) : NULL;

	free(path);
	return state;
}

static void add_counts(const char *socket, json_int_t *logins, json_int_t *refused, json_int_t *live, json_int_t *messages)
{
	struct error err;
	int status;
	json_t *answer = control_ask(socket, "status", NULL, ASK_MS, &status, &err);
	const json_t *counts = json_object_get(answer, "counts");

	*logins += json_integer_value(json_object_get(counts, "logins"));
	*refused += json_integer_value(json_object_get(counts, "refused"));
	*messages += json_integer_value(json_object_get(counts, "messages_up"));
	*live += json_integer_value(json_object_get(json_object_get(answer, "sessions"), "live"));
	json_decref(answer);
}

/* A line when something has happened. A service that is off has nothing to tell, and one that was started again begins anew. */
static void tell_progress(struct watch *w)
{
	json_int_t logins = 0, refused = 0, live = 0, messages = 0;
	char words[sizeof w->said];
	const json_t *socket;
	size_t i;

	json_array_foreach(w->sockets, i, socket) {
		add_counts(json_string_value(socket), &logins, &refused, &live, &messages);
	}
	snprintf(words, sizeof words, "%lld logins, %lld of them refused; %lld sessions; %lld messages of devices", (long long)logins, (long long)refused,
		(long long)live, (long long)messages);
	if (strcmp(words, w->said) == 0)
		return;
	snprintf(w->said, sizeof w->said, "%s", words);
	printf("%s\n", words);
	fflush(stdout);
}

static void tick(void *arg)
{
	struct watch *w = arg;

	if (lab_running(w->dir) != w->lab) {
		w->why = "the lab is down";
		loop_stop(w->loop);
		return;
	}
	tell_progress(w);
	loop_timer_set(w->tick, TICK_MS);
}

static void time_is_over(void *arg)
{
	struct watch *w = arg;

	w->why = "the time is over";
	loop_stop(w->loop);
}

static void signal_came(void *arg)
{
	struct watch *w = arg;

	w->why = "it was asked to end";
	loop_stop(w->loop);
}

static json_t *service_sockets(const json_t *state)
{
	json_t *sockets = json_array(), *row;
	size_t i;

	json_array_foreach(json_object_get(state, "processes"), i, row) {
		const char *name = json_string_value(json_object_get(row, "name"));

		for (size_t j = 0; name && place_services[j]; j++) {
			if (strcmp(place_services[j], name) == 0)
				json_array_append(sockets, json_object_get(row, "socket"));
		}
	}
	return sockets;
}

static void watch_lab(const char *dir, const json_t *state, uint64_t for_ms)
{
	struct watch w = { .dir = dir, .loop = loop_new(), .sockets = service_sockets(state),
		.lab = (pid_t)json_integer_value(json_object_get(state, "pid")) };

	loop_signal(w.loop, SIGINT, signal_came, &w);
	loop_signal(w.loop, SIGTERM, signal_came, &w);
	w.tick = loop_timer_new_real(w.loop, tick, &w);
	w.deadline = loop_timer_new_real(w.loop, time_is_over, &w);
	if (for_ms)
		loop_timer_set(w.deadline, for_ms);
	printf("Recording the lab in %s, from its start. Ctrl-C ends it%s.\n", dir, for_ms ? ", or the time" : "");
	tick(&w);
	loop_run(w.loop);
	printf("The record ends: %s.\n", w.why);
	loop_timer_free(&w.tick);
	loop_timer_free(&w.deadline);
	loop_free(&w.loop);
	json_decref(w.sockets);
}

/* --- the file ---------------------------------------------------------------------------------------------------------------------------- */

/* A scenario's name: a letter, then letters, digits, '_' and '-'. */
static void name_of(const char *file, char *name, size_t size)
{
	const char *slash = strrchr(file, '/'), *at = slash ? slash + 1 : file;
	size_t len = 0;

	if (!isalpha((unsigned char)*at))
		name[len++] = 'r';
	for (; *at && *at != '.' && len + 1 < size; at++)
		name[len++] = isalnum((unsigned char)*at) || *at == '_' ? *at : '-';
	name[len] = '\0';
}

static void print_left(void *ctx, uint64_t count, const char *what)
{
	bool *is_first = ctx;

	if (*is_first)
		printf("What happened and is not in it, because a scenario has no word for it:\n");
	*is_first = false;
	printf("  %6llu  %s\n", (unsigned long long)count, what);
}

static void tell_end(const struct record *record, const char *file)
{
	bool is_first = true;

	printf("%s: %zu steps and %zu outcomes. Passwords and texts are not in it.\n", file, record_steps(record), record_outcomes(record));
	record_left(record, print_left, &is_first);
	printf("Play it: bramble-sim run --backend %s%s%s %s\n", record_backend(record), *record_profile(record) ? " --profile " : "",
		record_profile(record), file);
}

static int write_all(int fd, struct bytes text)
{
	while (text.len) {
		ssize_t len = write(fd, text.data, text.len);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -1;
		text = bytes_slice(text, (size_t)len, text.len);
	}
	return 0;
}

/* From the histories into the file that is open; the exit status. */
static int write_record(const char *const *histories, const char *file, int fd)
{
	struct error err;
	struct record *record = record_read(histories, &err);
	struct buf out = { 0 };
	char name[NAME_MAX_BYTES];
	int status = EXIT_DONE;

	name_of(file, name, sizeof name);
	if (!record)
		status = command_fail(EXIT_CONFIG, "%s", err.text);
	else if (record_steps(record) == 0)
		status = command_fail(EXIT_REFUSED, "nothing has happened in this lab: no device logged in, no limit was changed");
	else if (record_write(record, name, &out, &err) != 0)
		status = command_fail(EXIT_REFUSED, "%s", err.text);
	else if (write_all(fd, buf_bytes(&out)) != 0)
		status = command_fail(EXIT_CONFIG, "%s cannot be written: %s", file, strerror(errno));
	else
		tell_end(record, file);
	buf_free(&out);
	record_free(&record);
	return status;
}

/* Where the lab writes its histories. NULL: the sentence is printed. */
static const char *history_of(const char *dir, const json_t *state, int *status)
{
	const char *history = json_string_value(json_object_get(state, "history"));

	*status = EXIT_REFUSED;
	if (!state)
		command_fail(EXIT_REFUSED, "no lab runs in %s; --history takes what one has written", dir);
	else if (!history)
		command_fail(EXIT_REFUSED, "the lab in %s writes no histories into a folder: start it with `bramble lab up -o common.history=FOLDER`, or set "
			"history in [common] of its bramble.ini", dir);
	return state ? history : NULL;
}

static int record_live(const struct command_common *common, uint64_t for_ms, const char *file, int fd)
{
	const char *dir = common->dir ? common->dir : PLACE_DEFAULT_DIR;
	json_t *state = state_of(dir);
	int status;
	const char *histories[2] = { history_of(dir, state, &status), NULL };

	if (histories[0]) {
		watch_lab(dir, state, for_ms);
		status = write_record(histories, file, fd);
	}
	json_decref(state);
	return status;
}

int trace_record_command(int argc, char **argv)
{
	const char *duration = NULL, *args[1] = { NULL };
	const char **histories = NULL;
	const struct command_option options[] = {
		{ .name = "for", .value = "TIME", .text = &duration, .help = "ends after so long, as 10m" },
		{ .name = "history", .value = "PATH", .list = &histories, .help = "of a lab that is down: the folder of its histories, or a file of\n"
			"them; may be repeated" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "FILE.xml", .least = 1, .most = 1, .options = options, .takes_place = true,
		.help = "Writes what is done in a lab, and what comes of it, as a scenario that `bramble-sim run` plays: logins, messages, coverage,\n"
			"limits, faults, processes that are killed. It reads the histories that all processes of the lab write (setting\n"
			"common.history), from the lab's start on, until Ctrl-C, the end of the lab, or --for. Says at the end what a scenario has no\n"
			"word for. docs/scenarios.md has more." };
	struct command_common common;
	struct error err;
	uint64_t for_ms = 0;
	int fd, status;

	command_parse(&usage, argc, argv, &common, args);
	if (common.config)
		status = command_fail(EXIT_USAGE, "a lab has its settings in its folder: use --dir");
	else if (histories && (duration || common.dir))
		status = command_fail(EXIT_USAGE, "--history is for what is there already: neither --for nor --dir go with it");
	else if (duration && duration_parse(duration, &for_ms, &err) != 0)
		status = command_fail(EXIT_USAGE, "--for: %s", err.text);
	else
		status = EXIT_DONE;
	fd = status == EXIT_DONE ? open(args[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644) : -1;
	if (status == EXIT_DONE && fd < 0)
		status = command_fail(EXIT_REFUSED, "%s cannot be made: %s", args[0], strerror(errno));
	if (fd >= 0) {
		status = histories ? write_record(histories, args[0], fd) : record_live(&common, for_ms, args[0], fd);
		close(fd);
		if (status != EXIT_DONE)
			unlink(args[0]);
	}
	free(histories);
	return status;
}
