/* Connections over TLS: handshakes that come to nothing, one record or more per message, and how they end. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tls_scene.h"

static void who_does_not_shake_hands_is_too_slow(void **state)
{
	struct tls_scene *f = *state;
	const struct connection_limits limits = { .connect_ms = 30 };

	f->server = tls_scene_server("server", NULL, false);
	pair_listen(&f->pair, "127.0.0.1:0", f->server, &limits);
	pair_dial(&f->pair, NULL, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
	assert_non_null(strstr(f->pair.server.why, "handshake"));
}

static void an_end_during_the_handshake_is_told_as_one(void **state)
{
	struct tls_scene *f = *state;

	f->client = tls_scene_tls(&(struct tls_settings){ .trust_any = true });
	pair_listen(&f->pair, "127.0.0.1:0", NULL, NULL);
	f->pair.server.free_in_up = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_true(f->pair.client.end == CONNECTION_TLS_FAILED || f->pair.client.end == CONNECTION_FAILED);
}

static void a_peer_without_goodbye_has_closed(void **state)
{
	struct tls_scene *f = *state;

	f->server = tls_scene_server("server", NULL, false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt") });
	f->pair.server.echo = true;
	tls_scene_meet(f, NULL);
	/* Everything was read, the server's tickets too: a close with something unread would be a reset. */
	RUN_UNTIL(f->pair.loop, f->pair.client.messages == 1);
	connection_free(&f->pair.client.connection);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
}

static void finishing_says_goodbye(void **state)
{
	struct tls_scene *f = *state;

	f->server = tls_scene_server("server", NULL, false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	pair_dial(&f->pair, f->client, NULL, NULL);
	peer_say(&f->pair.client, "all");
	peer_say(&f->pair.client, "of it");
	connection_finish(f->pair.client.connection, 5000);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends && f->pair.client.ends);
	assert_string_equal(buf_cstr(&f->pair.server.said), "all|of it|");
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	assert_int_equal(f->pair.client.end, CONNECTION_PEER_CLOSED);
}

/* A relay that sees what is on the wire between client and server. */
struct wire {
	struct loop *loop;
	int listening;
	int left;
	int right;
	size_t piece;                /* forwards at most so many bytes at once */
	struct buf seen;             /* from left to right */
};

static void set_up_wire(struct wire *wire, struct tls_scene *f, char *address, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	wire->loop = f->pair.loop;
	wire->left = wire->right = -1;
	wire->listening = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(wire->listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(wire->listening, 1), 0);
	getsockname(wire->listening, (struct sockaddr *)&at, &len);
	snprintf(address, size, "127.0.0.1:%u", ntohs(at.sin_port));
	wire->right = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	assert_int_equal(connect(wire->right, (struct sockaddr *)&at, sizeof at), 0);
}

static void forward(struct wire *wire, int from, int to, struct buf *seen)
{
	char data[65536];
	ssize_t len = recv(from, data, wire->piece < sizeof data ? wire->piece : sizeof data, MSG_DONTWAIT);

	if (len <= 0)
		return;
	assert_int_equal(send(to, data, (size_t)len, MSG_NOSIGNAL), len);
	if (seen)
		buf_append(seen, bytes_of(data, (size_t)len));
}

static void run_wire(struct wire *wire)
{
	loop_round(wire->loop, 1);
	if (wire->left < 0) {
		wire->left = accept(wire->listening, NULL, NULL);
		return;
	}
	forward(wire, wire->left, wire->right, &wire->seen);
	forward(wire, wire->right, wire->left, NULL);
}

static void take_down_wire(struct wire *wire)
{
	close(wire->listening);
	close(wire->left);
	close(wire->right);
	buf_free(&wire->seen);
}

static void each_message_has_records_of_its_own(void **state)
{
	struct tls_scene *f = *state;
	struct wire wire = { .piece = 65536 };
	struct buf large = { 0 };
	static const size_t lengths[] = { 2 + 3 + 17, 2 + 17, 2 + 5 + 17, 16384 + 17, 20002 - 16384 + 17, 2 + 4 + 17 };
	char address[64];
	size_t at = 0;

	f->server = tls_scene_server("server", NULL, false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	set_up_wire(&wire, f, address, sizeof address);
	f->pair.client.connection = connection_dial(f->pair.loop, address, f->client, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	while (!f->pair.client.ups || !f->pair.server.ups)
		run_wire(&wire);
	buf_clear(&wire.seen);
	/* All in one round, so all leave in one send: still none is joined with another. */
	peer_say(&f->pair.client, "one");
	peer_say(&f->pair.client, "");
	peer_say(&f->pair.client, "three");
	buf_u16(&large, 20000);
	memset(buf_extend(&large, 20000), 'x', 20000);
	connection_send(f->pair.client.connection, buf_bytes(&large));
	peer_say(&f->pair.client, "last");
	while (f->pair.server.messages < 5)
		run_wire(&wire);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		assert_true(at + 5 <= wire.seen.len);
		assert_int_equal(wire.seen.data[at], 23);
		assert_int_equal(wire.seen.data[at + 3] << 8 | wire.seen.data[at + 4], lengths[i]);
		at += 5 + lengths[i];
	}
	assert_int_equal(at, wire.seen.len);
	buf_free(&large);
	take_down_wire(&wire);
}

static void records_may_come_in_any_pieces(void **state)
{
	struct tls_scene *f = *state;
	struct wire wire = { .piece = 1 };
	char address[64];

	f->server = tls_scene_server("server", "ca.crt", true);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt"),
		.certificate_file = tls_scene_file("client.crt"), .key_file = tls_scene_file("client.key") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	set_up_wire(&wire, f, address, sizeof address);
	f->pair.client.connection = connection_dial(f->pair.loop, address, f->client, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	peer_say(&f->pair.client, "one");
	peer_say(&f->pair.client, "");
	peer_say(&f->pair.client, "three");
	f->pair.server.echo = true;
	for (unsigned i = 0; f->pair.client.messages < 3 && i < 30000; i++)
		run_wire(&wire);
	assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
	assert_string_equal(buf_cstr(&f->pair.client.said), "one||three|");
	take_down_wire(&wire);
}

static void large_and_many_messages_arrive_whole(void **state)
{
	struct tls_scene *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000, COUNT = 30 };

	f->server = tls_scene_server("server", NULL, false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt") });
	tls_scene_meet(f, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	f->pair.server.echo = true;
	buf_u16(&message, LEN);
	for (size_t i = 0; i < LEN; i++)
		buf_u8(&message, (uint8_t)('a' + i % 23));
	for (unsigned i = 0; i < COUNT; i++) {
		connection_send(f->pair.client.connection, buf_bytes(&message));
		peer_say(&f->pair.client, "small");
	}
	f->pair.server.pause_after = 7;
	while (f->pair.client.messages < 2 * COUNT) {
		loop_round(f->pair.loop, 10);
		connection_resume(f->pair.server.connection);
	}
	assert_int_equal(f->pair.client.said.len, COUNT * (LEN + 1 + 6));
	for (unsigned i = 0; i < COUNT; i++)
		assert_memory_equal(f->pair.client.said.data + i * (LEN + 7), message.data + 2, LEN);
	buf_free(&message);
}

static void it_may_be_freed_in_every_callback(void **state)
{
	struct tls_scene *f = *state;

	f->server = tls_scene_server("server", NULL, false);
	f->client = tls_scene_tls(&(struct tls_settings){ .ca_file = tls_scene_file("ca.crt") });
	pair_listen(&f->pair, "127.0.0.1:0", f->server, NULL);
	f->pair.client.free_in_up = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ups);
	assert_null(f->pair.client.connection);
	f->pair.client.free_in_up = false;
	f->pair.server.free_in_message = true;
	pair_dial(&f->pair, f->client, NULL, NULL);
	peer_say(&f->pair.client, "a");
	peer_say(&f->pair.client, "b");
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_int_equal(f->pair.server.messages, 1);
	f->pair.client.free_in_closed = true;
	connection_free(&f->pair.client.connection);
	f->pair.client.ends = 0;
	pair_dial(&f->pair, f->client, "wrong.test", NULL);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_null(f->pair.client.connection);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, tls_scene_set_up, tls_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(who_does_not_shake_hands_is_too_slow),
		ROW(an_end_during_the_handshake_is_told_as_one),
		ROW(a_peer_without_goodbye_has_closed),
		ROW(finishing_says_goodbye),
		ROW(each_message_has_records_of_its_own),
		ROW(records_may_come_in_any_pieces),
		ROW(large_and_many_messages_arrive_whole),
		ROW(it_may_be_freed_in_every_callback),
	};

	return cmocka_run_group_tests(tests, tls_scene_make_certificates, tls_scene_remove_certificates);
}
