#include "admin/demo_device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/io/loop.h"
#include "base/memory.h"

enum { READ_SIZE = 65536 };

extern char **environ;

struct demo_device {
	pid_t pid;
	int to, from;
	struct buf in;
	char *name;
};

static int spawn(char *const argv[], const char *log_file, int in, int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int failed;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
	failed = posix_spawn(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return failed;
}

struct demo_device *demo_device_start(const char *program, const char *key_file, const char *router, const char *log_file,
	struct error *err)
{
	char *argv[] = { memory_str(program), memory_str("device"), memory_str("--json"), memory_str("--key-file"),
		memory_str(key_file), memory_str("--router"), memory_str(router), NULL };
	struct demo_device *device = NULL;
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	pid_t pid;
	int failed = 0;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		failed = errno;
	else
		failed = spawn(argv, log_file, to[0], from[1], &pid);
	if (failed) {
		error_set(err, "%s cannot be started: %s", program, strerror(failed));
	} else {
		device = memory_new(sizeof *device);
		*device = (struct demo_device){ .pid = pid, .to = to[1], .from = from[0], .name = memory_str(key_file) };
		to[1] = from[0] = -1;
	}
	for (int i = 0; i < 2; i++) {
		if (to[i] >= 0)
			close(to[i]);
		if (from[i] >= 0)
			close(from[i]);
	}
	for (size_t i = 0; argv[i]; i++)
		free(argv[i]);
	return device;
}

/* Reads what has come; false at the end of the stream or when nothing came within wait_ms. */
static bool read_more(struct demo_device *device, int wait_ms)
{
	struct pollfd ready = { .fd = device->from, .events = POLLIN };
	ssize_t got;

	if (poll(&ready, 1, wait_ms) <= 0)
		return false;
	buf_reserve(&device->in, READ_SIZE);
	got = read(device->from, device->in.data + device->in.len, READ_SIZE);
	if (got <= 0)
		return false;
	device->in.len += (size_t)got;
	return true;
}

/* Until the end of its output, which its death brings: no waiting for a guess. */
static void drain(struct demo_device *device, uint64_t for_us)
{
	uint64_t end_us = loop_real_us() + for_us;

	for (uint64_t now_us; (now_us = loop_real_us()) < end_us;) {
		if (!read_more(device, (int)((end_us - now_us) / 1000 + 1)))
			return;
		buf_clear(&device->in);
	}
}

void demo_device_stop(struct demo_device **device)
{
	struct demo_device *d = *device;

	if (!d)
		return;
	close(d->to);
	drain(d, 1000000);
	if (waitpid(d->pid, NULL, WNOHANG) == 0) {
		kill(d->pid, SIGTERM);
		drain(d, 1000000);
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	close(d->from);
	buf_free(&d->in);
	free(d->name);
	free(d);
	*device = NULL;
}

int demo_device_say(struct demo_device *device, struct error *err, const char *format, ...)
{
	struct buf line = { 0 };
	va_list args;
	ssize_t wrote;

	va_start(args, format);
	buf_vprintf(&line, format, args);
	va_end(args);
	buf_u8(&line, '\n');
	wrote = write(device->to, line.data, line.len);
	buf_wipe(&line);
	return wrote > 0 ? 0 : error_set(err, "device %s does not listen: %s", device->name, strerror(errno));
}

/* The first whole line as JSON, or NULL when there is none; *any tells whether there was a line at all. */
static json_t *next_line(struct demo_device *device, bool *any)
{
	const uint8_t *end = device->in.len ? memchr(device->in.data, '\n', device->in.len) : NULL;
	size_t len = end ? (size_t)(end - device->in.data) : 0;
	json_t *line;

	*any = end != NULL;
	if (!end)
		return NULL;
	line = json_loadb((const char *)device->in.data, len, JSON_REJECT_DUPLICATES, NULL);
	buf_consume(&device->in, len + 1);
	return line;
}

static bool is_one_of(const char *name, const char *names)
{
	size_t len = strlen(name);

	for (const char *at = names; *at; at += strcspn(at, "|"), at += *at == '|')
		if (strcspn(at, "|") == len && memcmp(at, name, len) == 0)
			return true;
	return false;
}

json_t *demo_device_await(struct demo_device *device, const char *events, unsigned timeout_ms, struct error *err)
{
	uint64_t end_us = loop_real_us() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		bool any;
		json_t *line = next_line(device, &any);
		const char *event = json_string_value(json_object_get(line, "event"));
		uint64_t now_us;

		if (event && is_one_of(event, events))
			return line;
		json_decref(line);
		if (any)
			continue;
		now_us = loop_real_us();
		if (now_us >= end_us || !read_more(device, (int)((end_us - now_us) / 1000 + 1))) {
			error_set(err, "device %s: none of %s came within %u ms", device->name, events, timeout_ms);
			return NULL;
		}
	}
}
