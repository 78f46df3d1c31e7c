#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/io/connection_private.h"

/* The way in: from the socket through TLS to whole messages. */

enum {
	READ_SIZE = 64 * 1024,
	/* The start of a message up to this length is copied in front of what comes next into the loop's buffer; a longer one
	 * grows in a buffer of its own, so that many small pieces do not copy it again and again. */
	SMALL_START = 4 * 1024,
	/* The loop's buffer: assembled plaintext in front, what the socket gave for TLS behind it. */
	CIPHER_AT = 160 * 1024,
};

/* Hands over the whole messages at the front of the run and takes them off it. */
static void deliver(struct connection *c, struct bytes *run, bool *any)
{
	struct error err = { "" };

	while (run->len > 0 && connection_is_live(c) && !c->paused && !c->finishing) {
		ssize_t len = c->callbacks.split(c->ctx, *run, &err);
		size_t need = len > 0 ? (size_t)len : run->len;

		if (len < 0) {
			connection_end(c, CONNECTION_MALFORMED, "%s", err.text);
			return;
		}
		if (need > c->limits.max_message) {
			connection_end(c, CONNECTION_MALFORMED, "a message is longer than the %zu bytes that are accepted",
				c->limits.max_message);
			return;
		}
		if (len == 0 || need > run->len)
			return;
		*any = true;
		c->had_message = true;
		c->callbacks.message(c->ctx, bytes_of(run->data, need));
		*run = bytes_slice(*run, need, run->len);
	}
}

/* The deadline for a message begins with its first byte, not anew with every piece of it. */
void connection_watch_message(struct connection *c, bool any)
{
	enum connection_wait wait = WAIT_NOTHING;

	if (c->finishing)
		return;
	if (!c->paused && c->is_accepted && !c->had_message)
		wait = WAIT_FIRST_MESSAGE;
	else if (!c->paused && c->in.len > 0)
		wait = WAIT_REST_OF_MESSAGE;
	if (wait != c->wait || (any && wait == WAIT_REST_OF_MESSAGE))
		connection_wait_for(c, wait, wait == WAIT_FIRST_MESSAGE ? c->limits.first_message_ms : c->limits.message_ms);
}

/* Delivers from start, which holds len bytes and lies in the loop's buffer or in held; keeps the rest for later. */
static void take(struct connection *c, struct buf *held, const uint8_t *start, size_t len)
{
	struct bytes run = bytes_of(start, len);
	bool any = false;

	deliver(c, &run, &any);
	if (connection_is_live(c) && !c->finishing && run.len > 0) {
		if (start == held->data) {
			held->len = len;
			buf_consume(held, len - run.len);
		} else {
			buf_clear(held);
			buf_append(held, run);
		}
		c->in = *held;
	} else {
		buf_free(held);
	}
	if (connection_is_live(c))
		connection_watch_message(c, any);
}

void connection_deliver_held(struct connection *c)
{
	struct buf held = c->in;

	c->in = (struct buf){ 0 };
	take(c, &held, held.data, held.len);
}

static void peer_is_gone(struct connection *c)
{
	if (c->phase == CONNECTION_SHAKING)
		connection_end(c, CONNECTION_TLS_FAILED, "the peer closed the connection during the TLS handshake");
	else if (c->in.len > 0 && !c->finishing)
		connection_end(c, CONNECTION_PEER_CLOSED, "the peer closed the connection in the middle of a message (%zu bytes of it "
			"had come)", c->in.len);
	else
		connection_end(c, CONNECTION_PEER_CLOSED, c->finishing ? "closed" : "the peer closed the connection");
}

/* What the socket has, up to READ_SIZE. 0: nothing, or the connection is over. */
static size_t receive(struct connection *c, uint8_t *into)
{
	ssize_t len = recv(c->fd, into, READ_SIZE, 0);

	if (len > 0) {
		connection_count_in(c, (size_t)len);
		return (size_t)len;
	}
	if (len == 0 || (c->said_goodbye && errno != EAGAIN && errno != EINTR))
		peer_is_gone(c);
	else if (errno != EAGAIN && errno != EINTR)
		connection_end(c, CONNECTION_FAILED, "reading from %s: %s", connection_peer(c), strerror(errno));
	return 0;
}

static size_t receive_tls(struct connection *c, uint8_t *into, uint8_t *cipher)
{
	size_t came = receive(c, cipher);
	size_t len;

	if (came == 0)
		return 0;
	len = tls_session_read(c->tls, bytes_of(cipher, came), into, TLS_SESSION_ROOM(READ_SIZE), &c->out);
	if (c->out.len > c->out_at)
		loop_defer(c->loop, &c->task);
	if (c->phase == CONNECTION_SHAKING && tls_session_is_up(c->tls))
		connection_become_up(c);
	return connection_is_live(c) ? len : 0;
}

void connection_read(struct connection *c)
{
	size_t size;
	uint8_t *scratch = loop_scratch(c->loop, &size);
	bool in_scratch = c->in.len <= SMALL_START;
	uint8_t *start = scratch;
	size_t before = c->in.len;
	size_t len;

	if (in_scratch && before)
		memcpy(scratch, c->in.data, before);
	if (!in_scratch) {
		buf_reserve(&c->in, TLS_SESSION_ROOM(READ_SIZE));
		start = c->in.data;
	}
	len = c->tls ? receive_tls(c, start + before, scratch + CIPHER_AT) : receive(c, start + before);
	if (!connection_is_live(c))
		return;
	if (len > 0) {
		struct buf held = c->in;

		c->in = (struct buf){ 0 };
		take(c, &held, start, before + len);
	}
	if (connection_is_live(c) && c->tls && tls_session_failure(c->tls))
		connection_end(c, CONNECTION_TLS_FAILED, "%s", tls_session_failure(c->tls));
	else if (connection_is_live(c) && c->tls && tls_session_is_over(c->tls))
		peer_is_gone(c);
}
