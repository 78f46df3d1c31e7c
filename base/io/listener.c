#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/connection_private.h"
#include "base/io/resolve.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	ACCEPTS_PER_ROUND = 64,
	REST_MS = 100,              /* when the process has no descriptor left */
	DEFAULT_MAX_PEERS = 20000,
};

/* How many accepted peers are there. Held by the listener and by each of them, because they outlive it. */
struct accepted_peers {
	struct listener *listener;  /* NULL when it is gone */
	uint32_t count;
	uint32_t max;
	unsigned holders;
};

struct listener {
	struct loop *loop;
	struct tls *tls;
	struct connection_limits limits;
	listener_accept_fn *accepted;
	void *ctx;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *rest;
	bool resting;               /* out of descriptors: said once, until accepting works again */
	bool full;
	bool is_shared;
	bool inside;                /* accept calls are made, and one of them may free the listener */
	bool freed;
	char *address;
	char *path;                 /* of a Unix socket */
	int port;
	struct accepted_peers *peers;
};

static void let_go(struct accepted_peers *peers)
{
	if (--peers->holders == 0)
		free(peers);
}

void accepted_peer_gone(struct accepted_peers **peers)
{
	struct accepted_peers *p = *peers;

	if (!p)
		return;
	*peers = NULL;
	p->count--;
	if (p->listener && p->listener->full) {
		p->listener->full = false;
		loop_watch_want(p->listener->watch, p->listener->resting ? 0 : LOOP_READ);
	}
	let_go(p);
}

/* --- accepting --- */

static void take_peer(struct listener *l, int fd, const struct sockaddr *address, socklen_t len)
{
	struct tls_session *session = NULL;
	struct error err = { "" };
	struct connection *c;

	if (l->tls && !(session = tls_session_new(l->tls, NULL, &err))) {
		log_error("listener address=%s peer refused: %s", l->address, err.text);
		close(fd);
		return;
	}
	c = connection_new(l->loop, &l->limits);
	c->is_accepted = true;
	c->peer = address->sa_family == AF_UNIX ? memory_str("unix") : resolve_text(address, len);
	c->accepted_peers = l->peers;
	l->peers->count++;
	l->peers->holders++;
	connection_wait_for(c, WAIT_CONNECT, c->limits.connect_ms);
	connection_open(c, fd, session);
	connection_enter(c);
	l->accepted(l->ctx, c);
	if (!c->freed && !c->callbacks.split)
		bug("a peer was accepted from %s and nobody owns it", connection_peer(c));
	connection_leave(c);
}

static void rest(struct listener *l, int wrong)
{
	if (!l->resting)
		log_error("listener address=%s accepts nobody for now: %s", l->address, strerror(wrong));
	l->resting = true;
	loop_watch_want(l->watch, 0);
	loop_timer_set(l->rest, REST_MS);
}

static void rested(void *arg)
{
	struct listener *l = arg;

	if (!l->full)
		loop_watch_want(l->watch, LOOP_READ);
}

/* false: nobody waits, or accepting must rest. */
static bool accept_one(struct listener *l)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int fd;

	if (l->peers->count >= l->peers->max) {
		log_warning("listener address=%s is full peers=%u", l->address, l->peers->count);
		l->full = true;
		loop_watch_want(l->watch, 0);
		return false;
	}
	fd = accept4(l->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			rest(l, errno);
		return errno == EINTR || errno == ECONNABORTED;
	}
	if (l->resting)
		log_warning("listener address=%s accepts again", l->address);
	l->resting = false;
	take_peer(l, fd, (struct sockaddr *)&address, len);
	return true;
}

static void peers_wait(void *arg, int ready)
{
	struct listener *l = arg;
	unsigned left = ACCEPTS_PER_ROUND;

	(void)ready;
	l->inside = true;
	while (left-- > 0 && !l->freed && accept_one(l))
		continue;
	l->inside = false;
	if (l->freed)
		free(l);
}

/* --- listening --- */

static int cannot(struct error *err, const char *address, const char *what, int wrong)
{
	return error_set(err, "cannot listen on %s: %s: %s", log_str(address), what, strerror(wrong));
}

/* A socket file that nobody listens on any more is left over from a process that was killed. */
static int remove_stale(const char *address, const struct sockaddr_un *path, struct error *err)
{
	struct stat is;
	int fd;
	int wrong;

	if (lstat(path->sun_path, &is) != 0)
		return errno == ENOENT ? 0 : cannot(err, address, "looking for an old socket", errno);
	if (!S_ISSOCK(is.st_mode))
		return cannot(err, address, "something that is not a socket has this name", EEXIST);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cannot(err, address, "socket", errno);
	wrong = connect(fd, (const struct sockaddr *)path, sizeof(*path)) == 0 ? 0 : errno;
	close(fd);
	if (wrong == 0 || wrong == EAGAIN)
		return cannot(err, address, "another process listens there", EADDRINUSE);
	if (unlink(path->sun_path) != 0)
		return cannot(err, address, "removing an old socket", errno);
	return 0;
}

static int listen_unix(struct listener *l, const char *address, const struct address *parsed, struct error *err)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	mode_t before;
	int wrong;

	bytes_copy_str(bytes_str(parsed->host), path.sun_path, sizeof(path.sun_path));
	if (remove_stale(address, &path, err) != 0)
		return -1;
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return cannot(err, address, "socket", errno);
	before = umask(0177);
	wrong = bind(l->fd, (struct sockaddr *)&path, sizeof(path)) == 0 ? 0 : errno;
	umask(before);
	if (wrong)
		return cannot(err, address, "bind", wrong);
	l->path = memory_str(parsed->host);
	l->address = memory_str(address);
	if (listen(l->fd, SOMAXCONN) != 0)
		return cannot(err, address, "listen", errno);
	return 0;
}

static int listen_tcp(struct listener *l, const char *address, const struct addrinfo *at, struct error *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} bound = { .any = { 0 } };
	socklen_t len = sizeof(bound);
	const int on = 1;

	l->fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return cannot(err, address, "socket", errno);
	setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->is_shared && setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
		return cannot(err, address, "sharing it", errno);
	if (at->ai_family == AF_INET6)
		setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(l->fd, at->ai_addr, at->ai_addrlen) != 0)
		return cannot(err, address, "bind", errno);
	if (listen(l->fd, SOMAXCONN) != 0)
		return cannot(err, address, "listen", errno);
	if (getsockname(l->fd, &bound.any, &len) != 0)
		return cannot(err, address, "getsockname", errno);
	l->address = resolve_text(&bound.any, len);
	l->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
	return 0;
}

static int open_listener(struct listener *l, const char *address, struct error *err)
{
	struct address parsed;
	struct addrinfo *found;
	int status;

	if (address_parse(address, &parsed, err) != 0)
		return -1;
	if (parsed.is_unix)
		return listen_unix(l, address, &parsed, err);
	found = resolve_numeric(&parsed);
	if (!found)
		return error_set(err, "cannot listen on %s: the host must be an address of this machine in numbers, or localhost",
			log_str(address));
	status = listen_tcp(l, address, found, err);
	freeaddrinfo(found);
	return status;
}

static struct listener *make(struct loop *loop, const char *address, bool is_shared, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers, listener_accept_fn *accepted, void *ctx, struct error *err)
{
	struct listener *l = memory_new(sizeof(*l));

	l->loop = loop;
	l->tls = tls;
	l->limits = limits ? *limits : (struct connection_limits){ 0 };
	l->accepted = accepted;
	l->ctx = ctx;
	l->fd = -1;
	l->is_shared = is_shared;
	l->peers = memory_new(sizeof(*l->peers));
	*l->peers = (struct accepted_peers){ .listener = l, .max = max_peers ? max_peers : DEFAULT_MAX_PEERS, .holders = 1 };
	if (open_listener(l, address, err) != 0) {
		listener_free(&l);
		return NULL;
	}
	l->rest = loop_timer_new_real(loop, rested, l);
	l->watch = loop_watch_new(loop, l->fd, peers_wait, l);
	loop_watch_want(l->watch, LOOP_READ);
	return l;
}

struct listener *listener_new(struct loop *loop, const char *address, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers, listener_accept_fn *accepted, void *ctx, struct error *err)
{
	return make(loop, address, false, tls, limits, max_peers, accepted, ctx, err);
}

struct listener *listener_new_shared(struct loop *loop, const char *address, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers, listener_accept_fn *accepted, void *ctx, struct error *err)
{
	return make(loop, address, true, tls, limits, max_peers, accepted, ctx, err);
}

const char *listener_address(const struct listener *l)
{
	return l->address;
}

int listener_port(const struct listener *l)
{
	return l->port;
}

void listener_free(struct listener **listener)
{
	struct listener *l = *listener;

	if (!l)
		return;
	*listener = NULL;
	l->freed = true;
	loop_watch_free(&l->watch);
	loop_timer_free(&l->rest);
	if (l->fd >= 0)
		close(l->fd);
	if (l->path)
		unlink(l->path);
	l->peers->listener = NULL;
	let_go(l->peers);
	free(l->address);
	free(l->path);
	if (!l->inside)
		free(l);
}
