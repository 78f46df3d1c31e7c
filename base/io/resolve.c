#include "base/io/resolve.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"

/* Shared with the thread, which may outlive the question by a minute: a name server that is silent must not hold up
 * whoever gave up asking. The last of the two to leave frees it. */
struct question {
	int holders;
	int bell_fd;
	char host[256];
	char port[8];
	struct addrinfo *found;
	int wrong;               /* of getaddrinfo */
};

struct resolve {
	struct question *question;
	struct loop_watch *watch;
	resolve_fn *fn;
	void *arg;
};

static int look_up(const char *host, const char *port, int flags, struct addrinfo **found)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags };

	return getaddrinfo(host, port, &hints, found);
}

struct addrinfo *resolve_numeric(const struct address *address)
{
	bool local = strcasecmp(address->host, "localhost") == 0;
	struct addrinfo *found = NULL;
	char port[8];

	snprintf(port, sizeof(port), "%u", address->port);
	if (look_up(local ? "127.0.0.1" : address->host, port, AI_NUMERICHOST, &found) != 0)
		return NULL;
	return found;
}

static void let_go(struct question *question)
{
	if (__atomic_sub_fetch(&question->holders, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (question->found)
		freeaddrinfo(question->found);
	close(question->bell_fd);
	free(question);
}

static void *ask(void *arg)
{
	struct question *question = arg;
	const uint64_t one = 1;

	question->wrong = look_up(question->host, question->port, 0, &question->found);
	if (question->wrong)
		question->found = NULL;
	if (write(question->bell_fd, &one, sizeof(one)) < 0)
		bug("an answer about a name cannot be told: %s", strerror(errno));
	let_go(question);
	return NULL;
}

static void answered(void *arg, int ready)
{
	struct resolve *resolve = arg;
	struct question *question = resolve->question;
	uint64_t count;

	(void)ready;
	if (read(question->bell_fd, &count, sizeof(count)) < 0)
		return;
	loop_watch_want(resolve->watch, 0);
	/* Kept for the length of the call, in which resolve may be freed. */
	__atomic_add_fetch(&question->holders, 1, __ATOMIC_RELAXED);
	resolve->fn(resolve->arg, question->found, question->wrong ? gai_strerror(question->wrong) : NULL);
	let_go(question);
}

/* Held by the thread that asks the name server, and by the caller. */
static struct question *put(const struct address *address)
{
	struct question *question = memory_new(sizeof(*question));
	sigset_t all;
	sigset_t before;
	pthread_t thread;
	int wrong;

	question->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (question->bell_fd < 0)
		fatal(EXIT_INTERNAL, "no descriptor to look up %s: %s", log_str(address->host), strerror(errno));
	snprintf(question->host, sizeof(question->host), "%s", address->host);
	snprintf(question->port, sizeof(question->port), "%u", address->port);
	question->holders = 2;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	wrong = pthread_create(&thread, NULL, ask, question);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (wrong)
		fatal(EXIT_INTERNAL, "no thread to look up %s: %s", log_str(address->host), strerror(wrong));
	pthread_detach(thread);
	return question;
}

struct resolve *resolve_new(struct loop *loop, const struct address *address, resolve_fn *fn, void *arg)
{
	struct resolve *resolve = memory_new(sizeof(*resolve));

	*resolve = (struct resolve){ .question = put(address), .fn = fn, .arg = arg };
	resolve->watch = loop_watch_new(loop, resolve->question->bell_fd, answered, resolve);
	loop_watch_want(resolve->watch, LOOP_READ);
	return resolve;
}

struct addrinfo *resolve_await(const struct address *address, uint64_t deadline_us, const char **why)
{
	struct addrinfo *found;
	struct question *question;
	struct pollfd bell = { .events = POLLIN };
	int rang;

	*why = NULL;
	if (address_is_numeric(address->host))
		return resolve_numeric(address);
	question = put(address);
	bell.fd = question->bell_fd;
	do {
		uint64_t now_us = loop_real_us();

		rang = poll(&bell, 1, now_us < deadline_us ? (int)((deadline_us - now_us) / 1000 + 1) : 0);
	} while (rang < 0 && errno == EINTR);
	found = rang > 0 ? question->found : NULL;
	if (found)
		question->found = NULL;
	else
		*why = rang > 0 ? gai_strerror(question->wrong) : "no name server answers in time";
	let_go(question);
	return found;
}

void resolve_free(struct resolve **resolve)
{
	if (!*resolve)
		return;
	loop_watch_free(&(*resolve)->watch);
	let_go((*resolve)->question);
	free(*resolve);
	*resolve = NULL;
}

char *resolve_text(const struct sockaddr *address, socklen_t len)
{
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];

	if (address->sa_family == AF_UNIX)
		return memory_str("unix");
	if (getnameinfo(address, len, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return memory_str("unknown");
	return memory_printf(address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
