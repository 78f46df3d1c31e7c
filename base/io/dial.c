#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/io/connection_private.h"
#include "base/io/resolve.h"
#include "base/io/simulated.h"
#include "base/log.h"
#include "base/memory.h"

/* On the way to a peer: the name is looked up, then its addresses are tried one after another, each for its share of what
 * is left of the deadline, so that an address which swallows packets does not keep the next from being tried. */

enum { MOST_ADDRESSES = 8 };

struct target {
	struct sockaddr_storage address;
	socklen_t len;
};

struct dial {
	struct loop *loop;
	struct address address;
	struct address from;            /* host only; empty: any */
	struct tls *tls;
	char *server_name;
	bool begun;
	struct resolve *resolve;
	struct target targets[MOST_ADDRESSES];
	unsigned count;
	unsigned next;
	int fd;
	struct loop_watch *watch;
	struct loop_timer *timer;       /* for the address that is being tried */
	uint64_t until_ms;              /* the whole deadline, real clock */
};

struct connection *connection_dial(struct loop *loop, const char *address, struct tls *tls, const char *server_name,
	const struct connection_limits *limits, const struct connection_callbacks *callbacks, void *ctx)
{
	return connection_dial_from(loop, NULL, address, tls, server_name, limits, callbacks, ctx);
}

struct connection *connection_dial_from(struct loop *loop, const char *from, const char *address, struct tls *tls,
	const char *server_name, const struct connection_limits *limits, const struct connection_callbacks *callbacks, void *ctx)
{
	struct connection *c = connection_new(loop, limits);
	struct dial *dial = memory_new(sizeof(*dial));
	struct error err = { "" };

	dial->loop = loop;
	connection_own(c, callbacks, ctx);
	c->phase = CONNECTION_DIALLING;
	c->dial = dial;
	c->peer = memory_str(address);
	dial->fd = -1;
	dial->tls = tls;
	if (address_parse(address, &dial->address, &err) != 0)
		connection_end_later(c, CONNECTION_FAILED, "%s", err.text);
	if (from && (!address_is_numeric(from) || !bytes_copy_str(bytes_str(from), dial->from.host, sizeof dial->from.host)))
		connection_end_later(c, CONNECTION_FAILED, "%s is no IP address to dial from", log_str(from));
	dial->server_name = memory_str(server_name ? server_name : dial->address.host);
	dial->until_ms = loop_real_us() / 1000 + c->limits.connect_ms;
	connection_wait_for(c, WAIT_CONNECT, c->limits.connect_ms);
	loop_defer(loop, &c->task);
	return c;
}

static void stop_waiting(struct dial *dial)
{
	if (dial->watch)
		loop_dialling(dial->loop, -1);
	loop_watch_free(&dial->watch);
}

static void stop_trying(struct dial *dial)
{
	stop_waiting(dial);
	if (dial->fd >= 0)
		close(dial->fd);
	dial->fd = -1;
}

void dial_free(struct dial **dial)
{
	if (!*dial)
		return;
	stop_trying(*dial);
	loop_timer_free(&(*dial)->timer);
	resolve_free(&(*dial)->resolve);
	free((*dial)->server_name);
	free(*dial);
	*dial = NULL;
}

static void try_next(struct connection *c);

static void connected(struct connection *c)
{
	struct dial *dial = c->dial;
	const struct target *target = &dial->targets[dial->next - 1];
	struct tls_session *session = NULL;
	struct error err = { "" };
	int fd = dial->fd;

	free(c->peer);
	c->peer = resolve_text((const struct sockaddr *)&target->address, target->len);
	if (dial->tls && !(session = tls_session_new(dial->tls, dial->server_name, &err))) {
		connection_end(c, CONNECTION_TLS_FAILED, "%s", err.text);
		return;
	}
	dial->fd = -1;
	stop_waiting(dial);
	dial_free(&c->dial);
	connection_open(c, fd, session);
}

/* The last address's failure is the one that is told. */
static void failed(struct connection *c, int wrong)
{
	struct dial *dial = c->dial;
	const struct target *target = &dial->targets[dial->next - 1];
	char *tried = dial->address.is_unix ? memory_printf("unix:%s", dial->address.host) :
		resolve_text((const struct sockaddr *)&target->address, target->len);

	stop_trying(dial);
	if (dial->next < dial->count) {
		log_debug("dial to=%s address=%s error=%s", log_str(dial->address.host), tried, strerror(wrong));
		try_next(c);
	} else {
		connection_end(c, wrong == ETIMEDOUT ? CONNECTION_TOO_SLOW : CONNECTION_FAILED, "connecting to %s%s%s: %s", tried,
			dial->from.host[0] ? " from " : "", dial->from.host, strerror(wrong));
	}
	free(tried);
}

static void tried(void *arg, int ready)
{
	struct connection *c = arg;
	int wrong = 0;
	socklen_t len = sizeof(wrong);

	(void)ready;
	connection_enter(c);
	if (getsockopt(c->dial->fd, SOL_SOCKET, SO_ERROR, &wrong, &len) != 0)
		wrong = errno;
	if (wrong)
		failed(c, wrong);
	else
		connected(c);
	connection_leave(c);
}

static void tried_long_enough(void *arg)
{
	struct connection *c = arg;

	connection_enter(c);
	failed(c, ETIMEDOUT);
	connection_leave(c);
}

/* The port is left to connect(), which may then give one port to connections that go to different peers. */
static int bind_from(struct dial *dial, int family)
{
	struct addrinfo *found = resolve_numeric(&dial->from);
	const int on = 1;
	int wrong = 0;

	if (!found || found->ai_family != family)
		wrong = EAFNOSUPPORT;
	else if (setsockopt(dial->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0 ||
		bind(dial->fd, found->ai_addr, found->ai_addrlen) != 0)
		wrong = errno;
	if (found)
		freeaddrinfo(found);
	return wrong;
}

static void try_next(struct connection *c)
{
	struct dial *dial = c->dial;
	const struct target *target = &dial->targets[dial->next++];
	uint64_t now_ms = loop_real_us() / 1000;
	uint64_t left_ms = dial->until_ms > now_ms ? dial->until_ms - now_ms : 0;

	if (loop_is_dead(c->loop)) {
		failed(c, ENETDOWN);
		return;
	}
	dial->fd = socket(target->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (dial->fd < 0) {
		failed(c, errno);
		return;
	}
	if (dial->from.host[0]) {
		int wrong = bind_from(dial, target->address.ss_family);

		if (wrong) {
			failed(c, wrong);
			return;
		}
	}
	if (connect(dial->fd, (const struct sockaddr *)&target->address, target->len) == 0) {
		connected(c);
		return;
	}
	if (errno != EINPROGRESS) {
		failed(c, errno);
		return;
	}
	loop_dialling(c->loop, 1);
	dial->watch = loop_watch_new(c->loop, dial->fd, tried, c);
	loop_watch_want(dial->watch, LOOP_WRITE);
	if (!dial->timer)
		dial->timer = loop_timer_new_real(c->loop, tried_long_enough, c);
	loop_timer_cancel(dial->timer);
	if (dial->next < dial->count)
		loop_timer_set(dial->timer, left_ms / (dial->count - dial->next + 1));
}

static void add_targets(struct dial *dial, const struct addrinfo *found)
{
	for (; found && dial->count < MOST_ADDRESSES; found = found->ai_next) {
		struct target *target = &dial->targets[dial->count++];

		memcpy(&target->address, found->ai_addr, found->ai_addrlen);
		target->len = found->ai_addrlen;
	}
}

static void resolved(void *arg, const struct addrinfo *found, const char *why)
{
	struct connection *c = arg;

	connection_enter(c);
	add_targets(c->dial, found);
	if (c->dial->count)
		try_next(c);
	else
		connection_end(c, CONNECTION_FAILED, "the name %s has no address: %s", log_str(c->dial->address.host),
			why ? why : "none was found");
	connection_leave(c);
}

void dial_step(struct connection *c)
{
	struct dial *dial = c->dial;
	struct addrinfo *found;

	if (dial->begun)
		return;
	dial->begun = true;
	if (dial->address.is_unix) {
		struct sockaddr_un *path = (struct sockaddr_un *)&dial->targets[0].address;

		path->sun_family = AF_UNIX;
		bytes_copy_str(bytes_str(dial->address.host), path->sun_path, sizeof(path->sun_path));
		dial->targets[0].len = sizeof(*path);
		dial->count = 1;
		try_next(c);
		return;
	}
	found = resolve_numeric(&dial->address);
	add_targets(dial, found);
	if (found)
		freeaddrinfo(found);
	if (dial->count)
		try_next(c);
	else
		dial->resolve = resolve_new(c->loop, &dial->address, resolved, c);
}
