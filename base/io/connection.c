#include "base/io/connection_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io/resolve.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"

enum {
	MOVE_SIZE = 64 * 1024,     /* so much that was sent goes from the front of what is queued */
	FIRST_OUT_SIZE = 1000,     /* still from malloc's fastest bins */
};

const char *connection_end_name(enum connection_end end)
{
	static const char *const names[] = {
		[CONNECTION_PEER_CLOSED] = "peer-closed",
		[CONNECTION_FAILED] = "failed",
		[CONNECTION_TLS_FAILED] = "tls-failed",
		[CONNECTION_MALFORMED] = "malformed",
		[CONNECTION_TOO_SLOW] = "too-slow",
		[CONNECTION_OVERFLOW] = "overflow",
	};

	return (size_t)end < sizeof names / sizeof *names ? names[end] : "unknown";
}

/* --- life --- */

static struct connection_limits with_defaults(const struct connection_limits *given)
{
	struct connection_limits limits = given ? *given : (struct connection_limits){ 0 };

	if (!limits.max_message)
		limits.max_message = 131072;
	if (!limits.high_water)
		limits.high_water = 262144;
	if (!limits.low_water)
		limits.low_water = limits.high_water < 65536 ? limits.high_water : 65536;
	if (!limits.max_queued)
		limits.max_queued = 8388608;
	if (!limits.connect_ms)
		limits.connect_ms = 10000;
	if (!limits.first_message_ms)
		limits.first_message_ms = 10000;
	if (!limits.message_ms)
		limits.message_ms = 10000;
	return limits;
}

static void round_ends(void *arg);
static void too_late(void *arg);

struct connection *connection_new(struct loop *loop, const struct connection_limits *limits)
{
	struct connection *c = memory_new(sizeof(*c));

	c->loop = loop;
	c->limits = with_defaults(limits);
	c->fd = -1;
	c->task = (struct loop_task){ .fn = round_ends, .arg = c };
	return c;
}

void connection_enter(struct connection *c)
{
	c->inside++;
}

void connection_leave(struct connection *c)
{
	if (--c->inside > 0 || !c->freed)
		return;
	free(c->why);
	free(c->peer);
	free(c->local);
	free(c);
}

/* --- what passes --- */

/* One end's name for a direction is the other's too, so what one sent and the other received cancels out. */
uint64_t connection_weight(const char *from, const char *to)
{
	uint64_t hash = UINT64_C(14695981039346656037);
	const char *const names[] = { from, ">", to };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		for (const char *at = names[i]; *at; at++)
			hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
	}
	return hash | 1;
}

static void weigh(struct connection *c)
{
	c->weight_out = connection_weight(connection_local(c), connection_peer(c));
	c->weight_in = connection_weight(connection_peer(c), connection_local(c));
	loop_work_add(c->loop, 1, 0);
}

void connection_count_in(struct connection *c, size_t len)
{
	c->bytes_in += len;
	if (c->weight_in)
		loop_work_add(c->loop, 1, 0 - c->weight_in * len);
}

static void count_out(struct connection *c, size_t len)
{
	c->bytes_out += len;
	if (c->weight_out)
		loop_work_add(c->loop, 1, c->weight_out * len);
}

/* What passed on a link that is closed is settled with it. */
static void unweigh(struct connection *c)
{
	if (!c->weight_out)
		return;
	loop_work_add(c->loop, 1, c->weight_in * c->bytes_in - c->weight_out * c->bytes_out);
	c->weight_in = c->weight_out = 0;
}

/* Gives back all that an ended connection does not need. */
static void release(struct connection *c)
{
	c->phase = CONNECTION_OVER;
	unweigh(c);
	loop_drop(c->loop, &c->task);
	loop_timer_free(&c->timer);
	loop_watch_free(&c->watch);
	dial_free(&c->dial);
	tls_session_free(&c->tls);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	buf_free(&c->in);
	buf_free(&c->out);
	buf_free(&c->early);
	c->out_at = 0;
	accepted_peer_gone(&c->accepted_peers);
}

void connection_free(struct connection **c)
{
	struct connection *gone = *c;

	if (!gone)
		return;
	*c = NULL;
	connection_enter(gone);
	release(gone);
	gone->freed = true;
	connection_leave(gone);
}

static void set_end(struct connection *c, enum connection_end end, const char *format, va_list args)
{
	free(c->why);
	if (vasprintf(&c->why, format, args) < 0)
		memory_exhausted(strlen(format));
	c->end = end;
}

static void tell_end(struct connection *c)
{
	release(c);
	if (c->callbacks.closed)
		c->callbacks.closed(c->ctx, c->end, c->why);
}

void connection_end(struct connection *c, enum connection_end end, const char *format, ...)
{
	va_list args;

	if (c->phase == CONNECTION_OVER || c->freed)
		return;
	va_start(args, format);
	set_end(c, end, format, args);
	va_end(args);
	/* Answers to what came before, or TLS's alert, still leave if the socket takes them. */
	if (c->fd >= 0 && !c->write_blocked && end != CONNECTION_FAILED && end != CONNECTION_PEER_CLOSED &&
	    c->out.len > c->out_at && c->phase != CONNECTION_DIALLING &&
	    send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("connection peer=%s the last answer did not leave: %s", connection_peer(c), strerror(errno));
	tell_end(c);
}

void connection_end_later(struct connection *c, enum connection_end end, const char *format, ...)
{
	va_list args;

	if (c->phase == CONNECTION_OVER || c->end_planned)
		return;
	va_start(args, format);
	set_end(c, end, format, args);
	va_end(args);
	c->end_planned = true;
	loop_defer(c->loop, &c->task);
}

/* --- deadlines --- */

void connection_wait_for(struct connection *c, enum connection_wait wait, uint32_t at_most_ms)
{
	c->wait = wait;
	if (wait == WAIT_NOTHING) {
		if (c->timer)
			loop_timer_cancel(c->timer);
		return;
	}
	if (!c->timer)
		c->timer = loop_timer_new_real(c->loop, too_late, c);
	loop_timer_set(c->timer, at_most_ms);
}

static void too_late(void *arg)
{
	struct connection *c = arg;

	connection_enter(c);
	switch (c->wait) {
	case WAIT_NOTHING:
		break;
	case WAIT_CONNECT:
		connection_end(c, CONNECTION_TOO_SLOW, "the connection was not ready within %u ms%s", c->limits.connect_ms,
			c->phase == CONNECTION_SHAKING ? " (TLS handshake)" : "");
		break;
	case WAIT_FIRST_MESSAGE:
		connection_end(c, CONNECTION_TOO_SLOW, "no whole message came within %u ms", c->limits.first_message_ms);
		break;
	case WAIT_REST_OF_MESSAGE:
		connection_end(c, CONNECTION_TOO_SLOW, "the rest of a message did not come within %u ms (%zu bytes of it had)",
			c->limits.message_ms, c->in.len);
		break;
	case WAIT_GOODBYE:
		connection_end(c, CONNECTION_PEER_CLOSED, "closed; the peer took too long to close as well");
		break;
	}
	connection_leave(c);
}

/* --- the socket --- */

static void update_wants(struct connection *c)
{
	bool reading = c->phase == CONNECTION_SHAKING || c->said_goodbye || (c->phase == CONNECTION_UP && !c->paused);
	int wants = (reading ? LOOP_READ : 0) | (c->write_blocked ? LOOP_WRITE : 0);

	if (c->watch && wants != c->wants)
		loop_watch_want(c->watch, wants);
	c->wants = wants;
}

static void say_goodbye(struct connection *c)
{
	c->said_goodbye = true;
	if (c->tls)
		tls_session_goodbye(c->tls, &c->out);
}

static void sent(struct connection *c, size_t len)
{
	count_out(c, len);
	c->out_at += len;
	if (c->out_at < c->out.len)
		return;
	buf_free(&c->out);
	c->out_at = 0;
}

/* One send for all that was gathered. */
static void write_out(struct connection *c)
{
	if (c->out.len > c->out_at)
		loop_sending(c->loop);
	while (c->out.len > c->out_at && !c->write_blocked) {
		ssize_t len = send(c->fd, c->out.data + c->out_at, c->out.len - c->out_at, MSG_NOSIGNAL);

		if (len >= 0) {
			sent(c, (size_t)len);
			c->write_blocked = c->out.len > c->out_at;
		} else if (errno == EAGAIN) {
			c->write_blocked = true;
		} else if (errno != EINTR) {
			connection_end(c, CONNECTION_FAILED, "writing to %s: %s", connection_peer(c), strerror(errno));
			return;
		}
	}
	if (c->finishing && c->phase == CONNECTION_UP && c->out.len == 0) {
		if (!c->said_goodbye) {
			say_goodbye(c);
			write_out(c);
			return;
		}
		shutdown(c->fd, SHUT_WR);
	}
	update_wants(c);
	if (c->over_high_water && connection_queued(c) < c->limits.low_water) {
		c->over_high_water = false;
		if (c->callbacks.drained && !c->finishing)
			c->callbacks.drained(c->ctx);
	}
}

static void seal(struct connection *c, struct bytes message)
{
	struct error err = { "" };

	if (tls_session_write(c->tls, message, &c->out, &err) != 0)
		connection_end_later(c, CONNECTION_TLS_FAILED, "%s", err.text);
}

static void send_early(struct connection *c)
{
	struct reader r = reader_of(buf_bytes(&c->early));

	while (reader_left(&r) > 0) {
		struct bytes message = reader_bytes(&r, reader_u32(&r));

		if (c->tls)
			seal(c, message);
		else
			buf_append(&c->out, message);
	}
	buf_free(&c->early);
}

void connection_become_up(struct connection *c)
{
	c->phase = CONNECTION_UP;
	if (!c->finishing) {
		connection_wait_for(c, WAIT_NOTHING, 0);
		connection_watch_message(c, false);
	}
	send_early(c);
	if (c->callbacks.up)
		c->callbacks.up(c->ctx);
	if (!connection_is_live(c))
		return;
	update_wants(c);
	if (c->out.len || c->finishing)
		loop_defer(c->loop, &c->task);
}

/* --- what the loop calls --- */

static void ready(void *arg, int what)
{
	struct connection *c = arg;

	connection_enter(c);
	if (what & LOOP_WRITE) {
		c->write_blocked = false;
		write_out(c);
	}
	if ((what & LOOP_READ) && connection_is_live(c))
		connection_read(c);
	connection_leave(c);
}

static void round_ends(void *arg)
{
	struct connection *c = arg;

	connection_enter(c);
	if (c->end_planned) {
		tell_end(c);
	} else if (c->phase == CONNECTION_DIALLING) {
		dial_step(c);
	} else {
		if (c->phase == CONNECTION_STARTING)
			connection_become_up(c);
		if (connection_is_live(c) && c->phase == CONNECTION_UP && !c->paused && c->in.len > 0)
			connection_deliver_held(c);
		if (connection_is_live(c))
			write_out(c);
	}
	connection_leave(c);
}

void connection_open(struct connection *c, int fd, struct tls_session *tls)
{
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	const int on = 1;

	if (getsockname(fd, (struct sockaddr *)&local, &len) == 0)
		c->local = resolve_text((struct sockaddr *)&local, len);
	if (c->local && local.ss_family != AF_UNIX)
		weigh(c);
	/* Rounds gather what belongs together; the kernel need not wait for more. Fails, harmlessly, on Unix sockets. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	c->fd = fd;
	c->tls = tls;
	c->watch = loop_watch_new(c->loop, fd, ready, c);
	if (tls) {
		c->phase = CONNECTION_SHAKING;
		update_wants(c);
		tls_session_start(tls, &c->out);
		loop_defer(c->loop, &c->task);
	} else if (c->is_accepted) {
		c->phase = CONNECTION_STARTING;
		loop_defer(c->loop, &c->task);
	} else {
		connection_become_up(c);
	}
}

/* --- what the owner calls --- */

void connection_own(struct connection *c, const struct connection_callbacks *callbacks, void *ctx)
{
	c->callbacks = *callbacks;
	c->ctx = ctx;
}

/* What was sent already goes from the front when it is most of a large buffer. */
static void make_room(struct connection *c, size_t len)
{
	if (!c->out.data)
		buf_reserve(&c->out, len < FIRST_OUT_SIZE ? FIRST_OUT_SIZE : len);
	if (c->out_at > MOVE_SIZE && c->out_at > c->out.len / 2) {
		buf_consume(&c->out, c->out_at);
		c->out_at = 0;
	}
}

void connection_send(struct connection *c, struct bytes message)
{
	if (!connection_is_live(c) || c->finishing || message.len == 0)
		return;
	make_room(c, message.len);
	if (c->tls && c->phase == CONNECTION_UP) {
		seal(c, message);
	} else if (c->phase == CONNECTION_UP || c->phase == CONNECTION_STARTING) {
		buf_append(&c->out, message);
	} else {
		buf_u32(&c->early, (uint32_t)message.len);
		buf_append(&c->early, message);
	}
	if (connection_queued(c) >= c->limits.high_water)
		c->over_high_water = true;
	if (connection_queued(c) > c->limits.max_queued)
		connection_end_later(c, CONNECTION_OVERFLOW, "the peer does not read: more than %zu bytes wait for it",
			c->limits.max_queued);
	else if (c->phase == CONNECTION_UP && !c->write_blocked)
		loop_defer(c->loop, &c->task);
}

bool connection_is_full(const struct connection *c)
{
	return connection_queued(c) >= c->limits.high_water;
}

size_t connection_queued(const struct connection *c)
{
	return c->out.len - c->out_at + c->early.len;
}

void connection_pause(struct connection *c)
{
	if (c->phase == CONNECTION_OVER || c->paused)
		return;
	c->paused = true;
	if (c->phase != CONNECTION_UP)
		return;
	update_wants(c);
	if (!c->finishing)
		connection_wait_for(c, WAIT_NOTHING, 0);
}

void connection_resume(struct connection *c)
{
	if (c->phase == CONNECTION_OVER || !c->paused)
		return;
	c->paused = false;
	if (c->phase != CONNECTION_UP)
		return;
	update_wants(c);
	/* What was held back comes first and never inside this call; a message that has only begun gets its deadline there. */
	if (c->in.len > 0)
		loop_defer(c->loop, &c->task);
	else
		connection_watch_message(c, false);
}

void connection_finish(struct connection *c, uint32_t linger_ms)
{
	if (!connection_is_live(c) || c->finishing)
		return;
	c->finishing = true;
	connection_wait_for(c, WAIT_GOODBYE, linger_ms);
	if (c->phase == CONNECTION_UP || c->phase == CONNECTION_STARTING)
		loop_defer(c->loop, &c->task);
}

const char *connection_peer(const struct connection *c)
{
	return c->peer ? c->peer : "";
}

const char *connection_local(const struct connection *c)
{
	return c->local ? c->local : "";
}

bool connection_is_tls(const struct connection *c)
{
	return c->tls != NULL;
}

const char *connection_tls_version(const struct connection *c)
{
	return c->tls ? tls_session_version(c->tls) : "";
}

bool connection_has_certificate(const struct connection *c)
{
	return c->tls && tls_session_has_certificate(c->tls);
}

bool connection_is_named(const struct connection *c, const char *name)
{
	return c->tls && tls_session_is_named(c->tls, name);
}

uint64_t connection_bytes_in(const struct connection *c)
{
	return c->bytes_in;
}

uint64_t connection_bytes_out(const struct connection *c)
{
	return c->bytes_out;
}
