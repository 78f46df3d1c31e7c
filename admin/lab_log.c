#include "admin/lab_log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/lab_roles.h"
#include "admin/place.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

/* Of its processes, and of the lab itself. */
enum { LOGS = LAB_ROLES + 1, TIME_LEN = 24 };
static const char *log_names[LOGS + 1];

struct line {
	char *text;
	char *key;               /* its time; a line without one belongs to the line before it */
	size_t order;
};

struct lines {
	struct line *list;
	size_t count, room;
};

struct log {
	FILE *file;
	char last_time[TIME_LEN + 1];
};

static bool has_time(const char *text)
{
	return strlen(text) > TIME_LEN && text[4] == '-' && text[10] == 'T' && text[TIME_LEN - 1] == 'Z';
}

/* What has been added since the last call. The name goes in front of lines that do not start like ours. */
static void gather(struct log *log, const char *name, struct lines *lines)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	clearerr(log->file);
	while ((len = getline(&text, &size, log->file)) > 0) {
		struct line *line;

		if (text[len - 1] == '\n')
			text[len - 1] = '\0';
		if (lines->count == lines->room) {
			lines->room = lines->room ? lines->room * 2 : 256;
			lines->list = memory_resize(lines->list, lines->room * sizeof *lines->list);
		}
		if (has_time(text))
			snprintf(log->last_time, sizeof log->last_time, "%.*s", TIME_LEN, text);
		line = &lines->list[lines->count];
		line->text = has_time(text) ? memory_str(text) : memory_printf("%s | %s", name, text);
		line->key = memory_str(log->last_time);
		line->order = lines->count++;
	}
	free(text);
}

static int by_time(const void *a, const void *b)
{
	const struct line *left = a, *right = b;
	int order = strcmp(left->key, right->key);

	return order ? order : (left->order > right->order) - (left->order < right->order);
}

static void print_and_clear(struct lines *lines, size_t most)
{
	qsort(lines->list, lines->count, sizeof *lines->list, by_time);
	for (size_t i = 0; i < lines->count; i++) {
		if (!most || i + most >= lines->count)
			puts(lines->list[i].text);
		free(lines->list[i].text);
		free(lines->list[i].key);
	}
	fflush(stdout);
	lines->count = 0;
}

/* Waits until a file of the folder was written to. */
static bool wait_change(int watch)
{
	char events[4096];
	struct pollfd fd = { .fd = watch, .events = POLLIN };

	return poll(&fd, 1, -1) == 1 && read(watch, events, sizeof events) > 0;
}

static int choose(const char *name, bool *wanted)
{
	char hint[64];

	for (size_t i = 0; i < LOGS; i++) {
		wanted[i] = !name || strcmp(name, log_names[i]) == 0;
		if (name && wanted[i])
			return 0;
	}
	if (!name)
		return 0;
	return command_fail(EXIT_USAGE, "%s is no process of a lab; they are groupwise, ocs, cwa, router, dispatcher, collab and lab%s",
		log_str(name), did_you_mean(name, log_names, hint, sizeof hint));
}

int lab_logs(int argc, char **argv)
{
	const char *most_text = "200";
	bool follow = false;
	const struct command_option options[] = {
		{ .name = "lines", .value = "N", .text = &most_text, .help = "the last N lines; 0: all (200)" },
		{ .name = "follow", .set = &follow, .help = "go on with what is written from now" },
		{ .name = NULL },
	};
	const struct command_usage usage = { .arguments = "[PROCESS]", .most = 1, .options = options, .takes_place = true,
		.help = "Prints what the lab's processes wrote, in the order of time. PROCESS is router, dispatcher, collab, lab,\n"
			"or a simulated server: groupwise, or cwa and ocs." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct log logs[LOGS] = { { 0 } };
	struct lines lines = { 0 };
	bool wanted[LOGS] = { false };
	size_t found = 0;
	const char *dir;
	char *folder;
	int watch = -1, status;

	command_parse(&usage, argc, argv, &common, args);
	for (enum lab_role role = 0; role < LAB_ROLES; role++)
		log_names[role] = lab_roles[role].name;
	log_names[LAB_ROLES] = "lab";
	status = choose(args[0], wanted);
	if (status != 0)
		return status;
	if (!*most_text || strspn(most_text, "0123456789") != strlen(most_text) || strlen(most_text) > 9)
		return command_fail(EXIT_USAGE, "--lines is a number, not %s", log_str(most_text));
	dir = common.dir ? common.dir : PLACE_DEFAULT_DIR;
	folder = memory_printf("%s/log", dir);
	if (follow) {
		/* `... --follow | head` ends with its reader. */
		signal(SIGPIPE, SIG_DFL);
		watch = inotify_init1(IN_CLOEXEC);
		if (watch < 0 || inotify_add_watch(watch, folder, IN_MODIFY | IN_CREATE) < 0)
			status = command_fail(EXIT_REFUSED, "%s cannot be watched: %s", folder, strerror(errno));
	}
	for (size_t i = 0; status == 0 && i < LOGS; i++) {
		char *path = memory_printf("%s/%s.log", folder, log_names[i]);

		logs[i].file = wanted[i] ? fopen(path, "re") : NULL;
		found += logs[i].file != NULL;
		free(path);
	}
	if (status == 0 && found == 0)
		status = command_fail(EXIT_REFUSED, "there are no logs in %s", folder);
	for (bool first = true; status == 0; first = false) {
		for (size_t i = 0; i < LOGS; i++) {
			if (logs[i].file)
				gather(&logs[i], log_names[i], &lines);
		}
		print_and_clear(&lines, first ? strtoul(most_text, NULL, 10) : 0);
		if (!follow || !wait_change(watch))
			break;
	}
	for (size_t i = 0; i < LOGS; i++) {
		if (logs[i].file)
			fclose(logs[i].file);
	}
	if (watch >= 0)
		close(watch);
	free(lines.list);
	free(folder);
	return status;
}
