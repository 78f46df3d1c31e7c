#include "router/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/memory.h"
#include "router/deactivation.h"
#include "router/identities.h"

enum verb { OPEN_IDENTITIES = 'i', STORE_STATE = 's', REMOVE_SOCKETS = 'r' };

enum { STATE_MAX = IDENTITIES_MAX * (SRP_ID_MAX + 1) + 4096 };

struct keeper { int fd; };

struct question { uint32_t verb, len; };

/* --- both sides ---------------------------------------------------------------------------------------------------------------------- */

/* -1 with errno; the end of the other side is EPIPE. */
static int read_all(int fd, void *into, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t got = recv(fd, (uint8_t *)into + at, len - at, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got < 0 ? errno : EPIPE;
			return -1;
		}
		at += (size_t)got;
	}
	return 0;
}

static int write_all(int fd, const void *from, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t put = send(fd, (const uint8_t *)from + at, len - at, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		at += (size_t)put;
	}
	return 0;
}

/* An errno and, with it or not, a descriptor. */
union passed {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static int answer(int fd, int wrong, int opened)
{
	union passed passed = { { 0 } };
	struct iovec text = { &wrong, sizeof wrong };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1 };

	if (opened >= 0) {
		message.msg_control = passed.room;
		message.msg_controllen = sizeof passed.room;
		passed.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof opened) };
		memcpy(CMSG_DATA(&passed.align), &opened, sizeof opened);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == sizeof wrong ? 0 : -1;
}

/* -1 with errno. */
static int read_answer(int fd, int *opened)
{
	union passed passed = { { 0 } };
	int wrong = EPIPE;
	struct iovec text = { &wrong, sizeof wrong };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = passed.room, .msg_controllen = sizeof passed.room };
	const struct cmsghdr *with;
	ssize_t got;

	*opened = -1;
	do
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -1;
	with = CMSG_FIRSTHDR(&message);
	if (with && with->cmsg_level == SOL_SOCKET && with->cmsg_type == SCM_RIGHTS && with->cmsg_len == CMSG_LEN(sizeof *opened))
		memcpy(opened, CMSG_DATA(with), sizeof *opened);
	if (got == sizeof wrong && wrong == 0)
		return 0;
	errno = wrong;
	return -1;
}

/* --- the keeper ---------------------------------------------------------------------------------------------------------------------- */

static int open_identities(int fd, const struct keeper_files *files)
{
	int opened = open(files->identities, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), status;

	status = answer(fd, opened < 0 ? errno : 0, opened);
	if (opened >= 0)
		close(opened);
	return status;
}

static int store_state(int fd, const struct keeper_files *files, uint32_t len)
{
	struct buf text = { 0 };
	int status = -1;

	buf_reserve(&text, len);
	text.len = len;
	if (read_all(fd, text.data, len) == 0)
		status = answer(fd, deactivation_store(files->state, buf_bytes(&text), NULL) == 0 ? 0 : errno, -1);
	buf_free(&text);
	return status;
}

static int remove_sockets(int fd, const struct keeper_files *files)
{
	for (size_t i = 0; i < KEEPER_SOCKETS; i++)
		if (files->sockets[i])
			unlink(files->sockets[i]);
	return answer(fd, 0, -1);
}

/* Until the Router is gone, or says what we do not understand. */
static void serve(int fd, const struct keeper_files *files)
{
	struct question question;
	int status = 0;

	while (status == 0 && read_all(fd, &question, sizeof question) == 0) {
		if (question.verb == OPEN_IDENTITIES)
			status = open_identities(fd, files);
		else if (question.verb == REMOVE_SOCKETS)
			status = remove_sockets(fd, files);
		else if (question.verb == STORE_STATE && question.len <= STATE_MAX)
			status = store_state(fd, files, question.len);
		else
			return;
	}
}

static void keep(int fd, const struct keeper_files *files) __attribute__((noreturn));

/* Nothing is shared with the Router but the socket: its log, its links and its signals are not ours. */
static void keep(int fd, const struct keeper_files *files)
{
	struct confine *policy = confine_new();
	struct confined confined;
	sigset_t all;
	int nowhere = open("/dev/null", O_RDWR);

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int i = 0; i <= STDERR_FILENO; i++)
		dup2(nowhere, i);
	fd = dup2(fd, STDERR_FILENO + 1);
	close_range(STDERR_FILENO + 2, ~0U, 0);
	confine_read_beside(policy, files->identities);
	confine_write_beside(policy, files->state);
	for (size_t i = 0; i < KEEPER_SOCKETS; i++)
		confine_write_beside(policy, files->sockets[i]);
	if (confine_enter(policy, CONFINE_FILES, CONFINE_YES, &confined, NULL) == 0 && answer(fd, 0, -1) == 0)
		serve(fd, files);
	_exit(0);
}

/* --- the Router's side --------------------------------------------------------------------------------------------------------------- */

struct keeper *keeper_start(const struct keeper_files *files, struct error *err)
{
	const struct timeval patience = { .tv_sec = KEEPER_MS / 1000 };
	struct keeper *keeper;
	int pair[2], none;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		goto failed;
	child = fork();
	if (child == 0)
		keep(pair[1], files);
	close(pair[1]);
	if (child < 0 || setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
		setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 || read_answer(pair[0], &none) != 0) {
		close(pair[0]);
		goto failed;
	}
	keeper = memory_new(sizeof *keeper);
	keeper->fd = pair[0];
	return keeper;
failed:
	error_set(err, "the process that keeps the router's files cannot be started: %s; confine = no does without it", strerror(errno));
	return NULL;
}

static int ask(const struct keeper *keeper, enum verb verb, struct bytes with, int *opened)
{
	struct question question = { verb, (uint32_t)with.len };

	if (write_all(keeper->fd, &question, sizeof question) != 0 || write_all(keeper->fd, with.data, with.len) != 0)
		return -1;
	return read_answer(keeper->fd, opened);
}

int keeper_identities(struct keeper *keeper)
{
	int opened;

	return ask(keeper, OPEN_IDENTITIES, bytes_of(NULL, 0), &opened) == 0 ? opened : -1;
}

int keeper_store(struct keeper *keeper, struct bytes state)
{
	int none;

	return ask(keeper, STORE_STATE, state, &none);
}

void keeper_end(struct keeper **keeper)
{
	struct keeper *gone = *keeper;
	int none;

	if (!gone)
		return;
	*keeper = NULL;
	ask(gone, REMOVE_SOCKETS, bytes_of(NULL, 0), &none);
	close(gone->fd);
	free(gone);
}
