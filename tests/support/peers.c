#include "tests/support/peers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void peer_up(void *ctx)
{
	struct peer *peer = ctx;

	peer->ups++;
	if (peer->free_in_up)
		connection_free(&peer->connection);
}

static ssize_t peer_split(void *ctx, struct bytes in, struct error *err)
{
	size_t len;

	(void)ctx;
	if (in.len < 2)
		return 0;
	len = (size_t)(in.data[0] << 8 | in.data[1]);
	if (len == 0xffff)
		return error_set(err, "the length 65535 is not accepted");
	return in.len < len + 2 ? 0 : (ssize_t)(len + 2);
}

static void peer_message(void *ctx, struct bytes message)
{
	struct peer *peer = ctx;

	peer->messages++;
	buf_append(&peer->said, bytes_slice(message, 2, message.len));
	buf_u8(&peer->said, '|');
	if (peer->echo)
		connection_send(peer->connection, message);
	if (peer->pause_after && peer->messages % peer->pause_after == 0)
		connection_pause(peer->connection);
	if (peer->finish_in_message)
		connection_finish(peer->connection, 1000);
	if (peer->free_in_message)
		connection_free(&peer->connection);
	/* Must still be readable, whatever happened to the connection. */
	assert_true(message.data[0] == (uint8_t)((message.len - 2) >> 8));
}

static void peer_closed(void *ctx, enum connection_end end, const char *why)
{
	struct peer *peer = ctx;

	peer->ends++;
	peer->end = end;
	snprintf(peer->why, sizeof(peer->why), "%s", why);
	if (peer->free_in_closed)
		connection_free(&peer->connection);
}

static void peer_drained(void *ctx)
{
	struct peer *peer = ctx;

	peer->drains++;
	if (peer->free_in_drained)
		connection_free(&peer->connection);
}

const struct connection_callbacks peer_callbacks = {
	.up = peer_up,
	.split = peer_split,
	.message = peer_message,
	.closed = peer_closed,
	.drained = peer_drained,
};

static void accepted(void *ctx, struct connection *c)
{
	struct pair *pair = ctx;

	pair->accepted++;
	if (pair->stop_listening)
		listener_free(&pair->listener);
	if (pair->refuse) {
		connection_free(&c);
		return;
	}
	connection_free(&pair->server.connection);
	pair->server.connection = c;
	pair->server.loop = pair->loop;
	connection_own(c, &peer_callbacks, &pair->server);
}

static void listen_on(struct pair *pair, const char *address, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers)
{
	struct error err = { "" };

	pair->listener = listener_new(pair->loop, address, tls, limits, max_peers, accepted, pair, &err);
	if (!pair->listener)
		fail_msg("%s", err.text);
}

void pair_listen(struct pair *pair, const char *address, struct tls *tls, const struct connection_limits *limits)
{
	listen_on(pair, address, tls, limits, 0);
}

void pair_listen_at_most(struct pair *pair, uint32_t max_peers)
{
	listen_on(pair, "127.0.0.1:0", NULL, NULL, max_peers);
}

void pair_dial(struct pair *pair, struct tls *tls, const char *server_name, const struct connection_limits *limits)
{
	pair->client.loop = pair->loop;
	pair->client.connection = connection_dial(pair->loop, listener_address(pair->listener), tls, server_name, limits,
		&peer_callbacks, &pair->client);
}

void pair_close(struct pair *pair)
{
	connection_free(&pair->client.connection);
	connection_free(&pair->server.connection);
	listener_free(&pair->listener);
	buf_free(&pair->client.said);
	buf_free(&pair->server.said);
}

void peer_say(struct peer *peer, const char *text)
{
	struct buf message = { 0 };

	buf_u16(&message, (uint16_t)strlen(text));
	buf_text(&message, text);
	connection_send(peer->connection, buf_bytes(&message));
	buf_free(&message);
}
