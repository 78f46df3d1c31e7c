#include "tests/support/postgres_proxy.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

enum { PAIRS = 16, TURN_MS = 5 };

struct shared { _Atomic int mode; };

struct postgres_proxy {
	struct shared *shared;     /* in memory that both processes have */
	pid_t child;
	char path[108];
};

struct pair { int client, server; bool drop_answer; };

static struct sockaddr_un at_path(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	return address;
}

static int dial(const char *path)
{
	struct sockaddr_un address = at_path(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	close(fd);
	return -1;
}

static void drop(struct pair *pair)
{
	close(pair->client);
	close(pair->server);
	*pair = (struct pair){ -1, -1, false };
}

static bool pass_on(int to, const char *data, ssize_t len)
{
	while (len > 0) {
		ssize_t sent = send(to, data, (size_t)len, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		data += sent;
		len -= sent;
	}
	return true;
}

static void from_client(struct pair *pair, _Atomic int *mode)
{
	char data[65536];
	ssize_t len = recv(pair->client, data, sizeof data, 0);
	bool commit = len > 0 && memmem(data, (size_t)len, "COMMIT", 7) != NULL;

	if (len <= 0 || (commit && *mode == PROXY_COMMIT_LOST)) {
		if (commit)
			*mode = PROXY_PASS;
		drop(pair);
		return;
	}
	pair->drop_answer = commit && (*mode == PROXY_ANSWER_LOST || *mode == PROXY_ANSWER_LOST_AWAY);
	if (!pass_on(pair->server, data, len))
		drop(pair);
}

static void from_server(struct pair *pair, _Atomic int *mode)
{
	char data[65536];
	ssize_t len = recv(pair->server, data, sizeof data, 0);

	if (len > 0 && pair->drop_answer)
		*mode = *mode == PROXY_ANSWER_LOST_AWAY ? PROXY_REFUSE : PROXY_PASS;
	if (len <= 0 || pair->drop_answer || !pass_on(pair->client, data, len))
		drop(pair);
}

static void take(int listener, struct pair *pairs, const char *server, int mode)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	for (unsigned i = 0; fd >= 0 && mode != PROXY_REFUSE && i < PAIRS; i++) {
		if (pairs[i].client >= 0)
			continue;
		pairs[i] = (struct pair){ fd, dial(server), false };
		if (pairs[i].server < 0)
			drop(&pairs[i]);
		return;
	}
	close(fd);
}

static void run(int listener, const char *server, _Atomic int *mode)
{
	struct pair pairs[PAIRS];

	for (unsigned i = 0; i < PAIRS; i++)
		pairs[i] = (struct pair){ -1, -1, false };
	for (;;) {
		struct pollfd wait[1 + 2 * PAIRS] = { { .fd = listener, .events = POLLIN } };

		for (unsigned i = 0; i < PAIRS; i++) {
			if (*mode == PROXY_REFUSE && pairs[i].client >= 0)
				drop(&pairs[i]);
			wait[1 + 2 * i] = (struct pollfd){ .fd = pairs[i].client, .events = POLLIN };
			wait[2 + 2 * i] = (struct pollfd){ .fd = pairs[i].server, .events = POLLIN };
		}
		if (*mode == PROXY_STALL) {
			poll(NULL, 0, TURN_MS);
			continue;
		}
		if (poll(wait, 1 + 2 * PAIRS, TURN_MS) <= 0)
			continue;
		for (unsigned i = 0; i < PAIRS; i++) {
			if (wait[1 + 2 * i].revents)
				from_client(&pairs[i], mode);
			else if (wait[2 + 2 * i].revents)
				from_server(&pairs[i], mode);
		}
		if (wait[0].revents)
			take(listener, pairs, server, *mode);
	}
}

/* host=%2Ftmp%2Fx: the folder of the server's socket. */
static void folder_of(const char *url, char *out, size_t size)
{
	const char *at = strstr(url, "host=");
	size_t len = 0;

	for (at = at ? at + 5 : ""; *at && *at != '&' && len + 1 < size; at++) {
		bool slash = strncmp(at, "%2F", 3) == 0;

		out[len++] = slash ? '/' : *at;
		at += slash ? 2 : 0;
	}
	out[len] = '\0';
}

struct postgres_proxy *postgres_proxy_new(const char *url, const char *folder, char *through, size_t size)
{
	struct postgres_proxy *p = memory_new(sizeof *p);
	char there[80], server[108];
	struct sockaddr_un address;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	p->shared = mmap(NULL, sizeof *p->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	folder_of(url, there, sizeof there);
	snprintf(server, sizeof server, "%s/.s.PGSQL.5432", there);
	snprintf(p->path, sizeof p->path, "%s/.s.PGSQL.5432", folder);
	address = at_path(p->path);
	if (p->shared == MAP_FAILED || bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listener, PAIRS) != 0)
		fatal(EXIT_INTERNAL, "no proxy at %s: %s", p->path, strerror(errno));
	p->shared->mode = PROXY_PASS;
	p->child = fork();
	if (p->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(listener, server, &p->shared->mode);
	}
	close(listener);
	snprintf(through, size, "%.*shost=%s", (int)(strstr(url, "host=") - url), url, folder);
	return p;
}

void postgres_proxy_mode(struct postgres_proxy *proxy, enum proxy_mode mode)
{
	proxy->shared->mode = mode;
}

void postgres_proxy_free(struct postgres_proxy **proxy)
{
	struct postgres_proxy *p = *proxy;

	kill(p->child, SIGKILL);
	waitpid(p->child, NULL, 0);
	unlink(p->path);
	munmap(p->shared, sizeof *p->shared);
	free(p);
	*proxy = NULL;
}
