#include "base/io/clock_member.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"

enum { READ_SIZE = 4096 };

void clock_member_free(struct clock_member *m)
{
	if (m->fd >= 0)
		close(m->fd);
	buf_free(&m->in);
	free(m->name);
	free(m->path);
	free(m);
}

struct clock_member *clock_member_dial(const char *run_dir, const char *file)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred who = { 0 };
	socklen_t len = sizeof who;
	struct clock_member *m;
	int fd;

	if ((size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", run_dir, file) >= sizeof address.sun_path)
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	/* A socket that was left behind by a killed process answers nobody. */
	if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
		close(fd);
		return NULL;
	}
	m = memory_new(sizeof *m);
	m->name = memory_printf("%.*s", (int)(strlen(file) - strlen(".sock")), file);
	m->path = memory_str(address.sun_path);
	m->fd = fd;
	m->pid = who.pid;
	return m;
}

/* The state letter of a process; '\0': there is none. */
static char state_of(pid_t pid)
{
	char path[64], text[512];
	const char *end;
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return '\0';
	got = read(fd, text, sizeof text - 1);
	close(fd);
	if (got <= 0)
		return '\0';
	text[got] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' ? end[2] : '\0';
}

bool clock_member_is_stopped(const struct clock_member *m)
{
	char state = state_of(m->pid);

	return state == 'T' || state == 't';
}

void clock_member_ask(struct clock_member *m, const char *verb, const json_t *params)
{
	struct control_call call = { .id = ++m->asked, .params = params ? json_deep_copy(params) : NULL };
	struct buf line = { 0 };
	size_t at = 0;

	snprintf(call.verb, sizeof call.verb, "%s", verb);
	control_call_encode(&call, &line);
	control_call_free(&call);
	while (at < line.len) {
		ssize_t sent = send(m->fd, line.data + at, line.len - at, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			m->gone = true;
			break;
		}
		at += (size_t)sent;
	}
	buf_free(&line);
}

static uint64_t number(const json_t *object, const char *name, uint64_t fallback)
{
	const json_t *value = json_object_get(object, name);

	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : fallback;
}

static int take_answer(struct clock_member *m, struct bytes line, struct error *err)
{
	struct control_answer answer = { 0 };

	if (control_answer_decode(line, &answer, err) != 0)
		return error_prefix(err, "%s: ", m->path);
	m->answered = answer.id;
	if (answer.ok && json_is_boolean(json_object_get(answer.result, "manual"))) {
		m->manual = json_is_true(json_object_get(answer.result, "manual"));
		m->now_ms = number(answer.result, "now_ms", 0);
		m->next_due_ms = number(answer.result, "next_due_ms", UINT64_MAX);
		m->work.done = number(answer.result, "work", 0);
		m->work.balance = number(answer.result, "balance", 0);
	} else if (answer.ok || answer.status == EXIT_USAGE) {
		m->deaf = true;
	} else {
		error_set(err, "%s: %s", m->name, answer.error);
		control_answer_free(&answer);
		return -1;
	}
	control_answer_free(&answer);
	return 0;
}

int clock_member_take(struct clock_member *m, struct error *err)
{
	ssize_t got = recv(m->fd, buf_extend(&m->in, READ_SIZE), READ_SIZE, MSG_DONTWAIT);
	uint8_t *end;
	int rc = 0;

	m->in.len -= (size_t)(READ_SIZE - (got > 0 ? got : 0));
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		m->gone = true;
	while (rc == 0 && m->in.len && (end = memchr(m->in.data, '\n', m->in.len)) != NULL) {
		size_t len = (size_t)(end - m->in.data);

		rc = take_answer(m, bytes_of(m->in.data, len), err);
		buf_consume(&m->in, len + 1);
	}
	if (m->in.len > CONTROL_MAX_LINE)
		m->gone = true;
	return rc;
}

bool clock_member_owes(const struct clock_member *m)
{
	return m->answered < m->asked && !m->gone && !m->stopped;
}
