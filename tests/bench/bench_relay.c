/* The least that passes bytes on: bench_relay LISTEN BACKEND copies between each connection that it accepts and one of its own to the
 * backend, one recv and one send per readiness, and says READY. Ends with its parent. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/pump.h"

struct end { int fd; struct end *other; };

static char scratch[262144];

static void watch(int epoll, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		instrument_die("epoll: %s", strerror(errno));
}

static void accept_one(int epoll, int listener, unsigned backend)
{
	struct end *ends = memory_new(2 * sizeof *ends);

	ends[0] = (struct end){ pump_accept(listener), &ends[1] };
	ends[1] = (struct end){ pump_dial(backend), &ends[0] };
	watch(epoll, ends[0].fd, &ends[0]);
	watch(epoll, ends[1].fd, &ends[1]);
}

/* What the other end does not take at once ends the program: frames under way are few and small. */
static void pass_on(int epoll, const struct end *end)
{
	ssize_t got = recv(end->fd, scratch, sizeof scratch, 0);

	if (got > 0 && send(end->other->fd, scratch, (size_t)got, MSG_NOSIGNAL) != got)
		instrument_die("a peer does not read");
	if (got == 0 || (got < 0 && errno != EAGAIN)) {
		epoll_ctl(epoll, EPOLL_CTL_DEL, end->fd, NULL);
		shutdown(end->other->fd, SHUT_WR);
	}
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];
	unsigned port = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0, backend = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC), listener;

	if (!port || !backend)
		instrument_die("usage: bench_relay LISTEN BACKEND");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	listener = pump_listen(&port);
	watch(epoll, listener, NULL);
	printf("READY\n");
	fflush(stdout);
	for (;;) {
		int count = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				pass_on(epoll, events[i].data.ptr);
			else
				accept_one(epoll, listener, backend);
		}
	}
}
