#include "base/io/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/log.h"

/* What is left of the time, for one call of the kernel; 0 when it is over. */
static bool arm(int fd, int option, uint64_t until_us)
{
	uint64_t now = loop_real_us();
	struct timeval left = { 0 };

	if (now >= until_us)
		return false;
	left.tv_sec = (time_t)((until_us - now) / 1000000);
	left.tv_usec = (suseconds_t)((until_us - now) % 1000000);
	return setsockopt(fd, SOL_SOCKET, option, &left, sizeof left) == 0;
}

static bool is_late(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINPROGRESS;
}

static int dial(const char *path, uint64_t until_us, int *status, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	*status = EXIT_REFUSED;
	if (strlen(path) >= sizeof address.sun_path)
		return error_set(err, "the control socket %s has %zu bytes in its path, the system allows %zu", path,
			strlen(path), sizeof address.sun_path - 1);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set(err, "no socket: %s", strerror(errno));
	if (!arm(fd, SO_SNDTIMEO, until_us) || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
		if (is_late(errno))
			*status = EXIT_TIMEOUT;
		error_set(err, "nobody answers on the control socket %s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int send_all(int fd, struct bytes line, uint64_t until_us)
{
	while (line.len) {
		ssize_t sent;

		if (!arm(fd, SO_SNDTIMEO, until_us)) {
			errno = EAGAIN;
			return -1;
		}
		sent = send(fd, line.data, line.len, MSG_NOSIGNAL);
		if (sent < 0 && errno != EINTR)
			return -1;
		if (sent > 0)
			line = bytes_slice(line, (size_t)sent, line.len);
	}
	return 0;
}

/* One line into the buf, without what may follow it. */
static int receive_line(int fd, struct buf *line, uint64_t until_us)
{
	for (;;) {
		uint8_t *end;
		ssize_t got;

		if (!arm(fd, SO_RCVTIMEO, until_us)) {
			errno = EAGAIN;
			return -1;
		}
		got = recv(fd, buf_extend(line, 65536), 65536, 0);
		line->len -= (size_t)(65536 - (got > 0 ? got : 0));
		if (got == 0)
			errno = ECONNRESET;
		if (got == 0 || (got < 0 && errno != EINTR))
			return -1;
		end = memchr(line->data, '\n', line->len);
		if (end) {
			line->len = (size_t)(end - line->data);
			return 0;
		}
		if (line->len > CONTROL_MAX_LINE) {
			errno = EMSGSIZE;
			return -1;
		}
	}
}

json_t *control_ask(const char *socket_path, const char *verb, json_t *params, unsigned timeout_ms, int *status,
	struct error *err)
{
	uint64_t until_us = loop_real_us() + timeout_ms * UINT64_C(1000);
	struct control_call call = { .id = 1, .params = params };
	struct control_answer answer = { 0 };
	struct buf line = { 0 };
	json_t *result = NULL;
	int fd;

	snprintf(call.verb, sizeof call.verb, "%s", verb);
	control_call_encode(&call, &line);
	control_call_free(&call);
	fd = dial(socket_path, until_us, status, err);
	if (fd < 0)
		goto out;
	if (send_all(fd, buf_bytes(&line), until_us) != 0) {
		*status = is_late(errno) ? EXIT_TIMEOUT : EXIT_REFUSED;
		error_set(err, "%s: the request %s could not be sent: %s", socket_path, verb, strerror(errno));
		goto out;
	}
	buf_clear(&line);
	if (receive_line(fd, &line, until_us) != 0) {
		*status = is_late(errno) ? EXIT_TIMEOUT : EXIT_REFUSED;
		error_set(err, is_late(errno) ? "%s: no answer to %s within %u ms" : "%s: no answer to %s (waited up to %u ms), "
			"the other side ended", socket_path, verb, timeout_ms);
		goto out;
	}
	if (control_answer_decode(buf_bytes(&line), &answer, err) != 0) {
		*status = EXIT_INTERNAL;
		error_prefix(err, "%s: the answer to %s cannot be read: ", socket_path, verb);
		goto out;
	}
	*status = answer.status;
	if (answer.ok)
		result = json_incref(answer.result);
	else
		error_set(err, "%s", answer.error);
	control_answer_free(&answer);
out:
	if (fd >= 0)
		close(fd);
	buf_free(&line);
	return result;
}
