#include "base/io/http_sockets.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "base/io/connection_private.h"
#include "base/io/resolve.h"
#include "base/io/tcp_tally.h"
#include "base/memory.h"

struct http_socket {
	UT_hash_handle hh;
	struct http_sockets *all;
	int fd;
	bool is_pipe;                    /* libcurl's own: not made, closed or counted here */
	bool is_kept;                    /* libcurl waits for nothing on it: what comes then is its end */
	struct loop_watch *watch;
	uint64_t weight_in, weight_out;  /* as struct connection's; 0: not connected yet, or settled */
	uint64_t bytes_in, bytes_out;    /* that were counted */
};

struct http_sockets {
	struct loop *loop;
	http_socket_ready_fn *ready;
	void *ctx;
	struct http_socket *sockets;
	struct loop_hook look;
};

/* --- counting ---------------------------------------------------------------------------------------------------------------------- */

static bool weigh(struct http_socket *s)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	char *peer, *local;

	if (getpeername(s->fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	peer = resolve_text((struct sockaddr *)&address, len);
	len = sizeof address;
	local = getsockname(s->fd, (struct sockaddr *)&address, &len) == 0 ? resolve_text((struct sockaddr *)&address, len) : memory_str("");
	s->weight_out = connection_weight(local, peer);
	s->weight_in = connection_weight(peer, local);
	free(peer);
	free(local);
	return true;
}

static void count(struct http_socket *s)
{
	uint64_t in, out;

	if (s->is_pipe || (!s->weight_out && !weigh(s)) || !tcp_tally(s->fd, &in, &out) || (in == s->bytes_in && out == s->bytes_out))
		return;
	loop_work_add(s->all->loop, 1, s->weight_out * (out - s->bytes_out) - s->weight_in * (in - s->bytes_in));
	s->bytes_in = in;
	s->bytes_out = out;
}

/* What passed on a socket that is over is settled with it, as at the other end. */
static void settle(struct http_socket *s)
{
	if (s->weight_out)
		loop_work_add(s->all->loop, 1, s->weight_in * s->bytes_in - s->weight_out * s->bytes_out);
	s->bytes_in = s->bytes_out = s->weight_in = s->weight_out = 0;
}

static void count_all(void *arg)
{
	struct http_sockets *all = arg;

	for (struct http_socket *s = all->sockets; s; s = s->hh.next)
		if (!s->is_kept || s->weight_out)
			count(s);
}

void http_sockets_worked(struct http_sockets *all)
{
	if (loop_clock_is_manual(all->loop))
		count_all(all);
}

/* --- watching ------------------------------------------------------------------------------------------------------------------------ */

/* The peer has ended it. libcurl only looks whether there is something to read before it uses a connection again, and takes TLS's goodbye
 * for a good sign: nothing may be left of it but the end. */
static void bury(struct http_socket *s)
{
	char rest[512];

	shutdown(s->fd, SHUT_RDWR);
	while (recv(s->fd, rest, sizeof rest, MSG_DONTWAIT) > 0)
		continue;
	loop_watch_free(&s->watch);
	settle(s);
}

static void socket_ready(void *arg, int ready)
{
	struct http_socket *s = arg;

	if (s->is_kept)
		bury(s);
	else
		s->all->ready(s->all->ctx, s->fd, ready);
}

static struct http_socket *find(const struct http_sockets *all, int fd)
{
	struct http_socket *s;

	HASH_FIND_INT(all->sockets, &fd, s);
	return s;
}

static struct http_socket *add(struct http_sockets *all, int fd, bool is_pipe)
{
	struct http_socket *s = memory_new(sizeof *s);

	*s = (struct http_socket){ .all = all, .fd = fd, .is_pipe = is_pipe };
	HASH_ADD_INT(all->sockets, fd, s);
	return s;
}

static void drop(struct http_socket *s)
{
	HASH_DEL(s->all->sockets, s);
	settle(s);
	loop_watch_free(&s->watch);
	free(s);
}

void http_sockets_want(struct http_sockets *all, int fd, int wants)
{
	struct http_socket *s = find(all, fd);

	if (!s && !wants)
		return;
	if (!s)
		s = add(all, fd, true);
	if (s->is_pipe && !wants) {
		drop(s);
		return;
	}
	s->is_kept = !wants;
	if (!s->watch)
		s->watch = loop_watch_new(all->loop, fd, socket_ready, s);
	loop_watch_want(s->watch, wants ? wants : LOOP_READ);
}

int http_sockets_make(struct http_sockets *all, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd >= 0)
		add(all, fd, false);
	return fd;
}

int http_sockets_close(struct http_sockets *all, int fd)
{
	struct http_socket *s = find(all, fd);

	if (s)
		drop(s);
	return close(fd);
}

/* --- life ----------------------------------------------------------------------------------------------------------------------------- */

unsigned http_sockets_count(const struct http_sockets *all)
{
	return HASH_COUNT(all->sockets);
}

struct http_sockets *http_sockets_new(struct loop *loop, http_socket_ready_fn *ready, void *ctx)
{
	struct http_sockets *all = memory_new(sizeof *all);

	*all = (struct http_sockets){ .loop = loop, .ready = ready, .ctx = ctx };
	all->look = (struct loop_hook){ .fn = count_all, .arg = all };
	loop_on_look(loop, &all->look);
	return all;
}

void http_sockets_free(struct http_sockets **sockets)
{
	struct http_sockets *all = *sockets;
	struct http_socket *s, *next;

	if (!all)
		return;
	*sockets = NULL;
	HASH_ITER(hh, all->sockets, s, next)
		drop(s);
	loop_off_look(all->loop, &all->look);
	free(all);
}
