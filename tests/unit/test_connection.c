/* Connections in clear, over TCP and over Unix sockets. */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/peers.h"

struct fixture {
	struct pair pair;
	struct listener *more;
	int raw;                 /* a plain socket, for misbehaviour */
	char path[64];
	char address[80];
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	log_set_level(LOG_ERROR);
	f->pair.loop = loop_new();
	f->raw = -1;
	snprintf(f->path, sizeof f->path, "/tmp/bramble-test-%d.sock", (int)getpid());
	snprintf(f->address, sizeof f->address, "unix:%s", f->path);
	*state = f;
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	pair_close(&f->pair);
	listener_free(&f->more);
	if (f->raw >= 0)
		close(f->raw);
	loop_free(&f->pair.loop);
	unlink(f->path);
	free(f);
	return 0;
}

static void listen_tcp(struct fixture *f, const struct connection_limits *limits)
{
	pair_listen(&f->pair, "127.0.0.1:0", NULL, limits);
}

static void connect_raw(struct fixture *f)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)listener_port(f->pair.listener)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned before = f->pair.accepted;

	if (f->raw >= 0)
		close(f->raw);
	f->raw = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->raw, (struct sockaddr *)&to, sizeof to), 0);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == before + 1);
}

static void write_raw(struct fixture *f, const void *data, size_t len)
{
	assert_int_equal(write(f->raw, data, len), len);
}

static void talk(struct fixture *f)
{
	struct pair *p = &f->pair;

	pair_dial(p, NULL, NULL, NULL);
	assert_int_equal(p->client.ups + p->client.ends, 0);
	peer_say(&p->client, "early");
	RUN_UNTIL(p->loop, p->client.ups == 1 && p->server.ups == 1);
	p->server.echo = true;
	peer_say(&p->client, "one");
	peer_say(&p->client, "");
	peer_say(&p->client, "two");
	RUN_UNTIL(p->loop, p->client.messages >= 3);
	assert_string_equal(buf_cstr(&p->server.said), "early|one||two|");
	assert_false(connection_is_tls(p->client.connection));
	assert_string_equal(connection_tls_version(p->client.connection), "");
	assert_int_equal(connection_bytes_out(p->client.connection), 2 * 4 + 11);
	assert_int_equal(connection_bytes_in(p->server.connection), 2 * 4 + 11);
	assert_int_equal(connection_queued(p->client.connection), 0);
}

static void messages_go_both_ways_over_tcp(void **state)
{
	struct fixture *f = *state;

	listen_tcp(f, NULL);
	assert_int_not_equal(listener_port(f->pair.listener), 0);
	talk(f);
	assert_string_equal(connection_peer(f->pair.client.connection), listener_address(f->pair.listener));
	assert_string_equal(connection_local(f->pair.client.connection), connection_peer(f->pair.server.connection));
	assert_string_equal(connection_local(f->pair.server.connection), listener_address(f->pair.listener));
}

static void messages_go_both_ways_over_ipv6(void **state)
{
	struct fixture *f = *state;

	pair_listen(&f->pair, "[::1]:0", NULL, NULL);
	talk(f);
	assert_string_equal(connection_peer(f->pair.client.connection), listener_address(f->pair.listener));
}

static void messages_go_both_ways_over_a_unix_socket(void **state)
{
	struct fixture *f = *state;
	struct stat is;

	pair_listen(&f->pair, f->address, NULL, NULL);
	assert_int_equal(lstat(f->path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
	talk(f);
	assert_string_equal(connection_peer(f->pair.server.connection), "unix");
	assert_string_equal(connection_peer(f->pair.client.connection), "unix");
	listener_free(&f->pair.listener);
	assert_int_not_equal(lstat(f->path, &is), 0);
	peer_say(&f->pair.client, "still");
	RUN_UNTIL(f->pair.loop, strstr(buf_cstr(&f->pair.server.said), "still|"));
}

static void a_name_is_looked_up_off_the_loop(void **state)
{
	struct fixture *f = *state;
	char address[64];

	listen_tcp(f, NULL);
	/* Not "localhost" itself, which is answered without asking anybody. */
	snprintf(address, sizeof address, "localhost.:%d", listener_port(f->pair.listener));
	f->pair.client.connection = connection_dial(f->pair.loop, address, NULL, NULL, NULL, &peer_callbacks, &f->pair.client);
	RUN_UNTIL(f->pair.loop, f->pair.client.ups || f->pair.client.ends);
	if (f->pair.client.ends) {
		/* A machine without any resolver cannot find it: then it must say so. */
		assert_int_equal(f->pair.client.end, CONNECTION_FAILED);
		assert_non_null(strstr(f->pair.client.why, "localhost."));
	}
	connection_free(&f->pair.client.connection);
	f->pair.client.ends = 0;
	f->pair.client.connection = connection_dial(f->pair.loop, "nobody.invalid:1", NULL, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends);
	assert_int_equal(f->pair.client.end, CONNECTION_FAILED);
	assert_non_null(strstr(f->pair.client.why, "nobody.invalid"));
	/* Given up while the question is on its way: nothing is told, nothing is lost. */
	connection_free(&f->pair.client.connection);
	f->pair.client.ends = 0;
	f->pair.client.connection = connection_dial(f->pair.loop, "nobody.invalid:1", NULL, NULL, NULL, &peer_callbacks,
		&f->pair.client);
	loop_round(f->pair.loop, 0);
	connection_free(&f->pair.client.connection);
	loop_round(f->pair.loop, 0);
	assert_int_equal(f->pair.client.ends, 0);
}

static void a_dial_that_fails_says_where_and_why(void **state)
{
	struct fixture *f = *state;
	struct peer *client = &f->pair.client;
	char refused[64];
	static const char *const rows[][2] = {
		{ NULL, "Connection refused" },
		{ "unix:/nonexistent/x.sock", "No such file" },
		{ "nonsense", "accepted are" },
	};

	listen_tcp(f, NULL);
	snprintf(refused, sizeof refused, "%s", listener_address(f->pair.listener));
	listener_free(&f->pair.listener);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *address = rows[i][0] ? rows[i][0] : refused;

		client->ends = 0;
		client->connection = connection_dial(f->pair.loop, address, NULL, NULL, NULL, &peer_callbacks, client);
		peer_say(client, "kept back or dropped");
		assert_int_equal(client->ends, 0);
		RUN_UNTIL(f->pair.loop, client->ends == 1);
		assert_int_equal(client->end, CONNECTION_FAILED);
		if (!strstr(client->why, rows[i][1]) || !strstr(client->why, address))
			fail_msg("%s", client->why);
		peer_say(client, "dropped");
		connection_finish(client->connection, 10);
		connection_free(&client->connection);
		loop_round(f->pair.loop, 0);
		assert_int_equal(client->ends, 1);
	}
}

static void a_dial_from_an_address_of_ones_own_is_seen_to_come_from_it(void **state)
{
	static const struct { const char *from, *words; } wrong[] = {
		{ "::1", "from ::1: Address family not supported" },
		{ "192.0.2.1", "from 192.0.2.1: Cannot assign requested address" },
		{ "localhost", "localhost is no IP address to dial from" },
		{ "127.0.0.1:80", "127.0.0.1:80 is no IP address to dial from" },
	};
	struct fixture *f = *state;
	struct peer *client = &f->pair.client;

	listen_tcp(f, NULL);
	client->connection = connection_dial_from(f->pair.loop, "127.0.0.5", listener_address(f->pair.listener), NULL, NULL, NULL,
		&peer_callbacks, client);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == 1 && client->ups == 1);
	assert_ptr_equal(strstr(connection_peer(f->pair.server.connection), "127.0.0.5:"), connection_peer(f->pair.server.connection));
	assert_ptr_equal(strstr(connection_local(client->connection), "127.0.0.5:"), connection_local(client->connection));
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		connection_free(&client->connection);
		client->ends = 0;
		client->connection = connection_dial_from(f->pair.loop, wrong[i].from, listener_address(f->pair.listener), NULL, NULL, NULL,
			&peer_callbacks, client);
		RUN_UNTIL(f->pair.loop, client->ends == 1);
		assert_int_equal(client->end, CONNECTION_FAILED);
		if (!strstr(client->why, wrong[i].words))
			fail_msg("'%s' does not hold '%s'", client->why, wrong[i].words);
	}
}

static void a_message_may_come_in_any_pieces(void **state)
{
	struct fixture *f = *state;
	static const char wire[] = "\0\3one\0\0\0\5three";
	const size_t len = sizeof wire - 1;

	listen_tcp(f, NULL);
	for (size_t split = 1; split < len; split++) {
		connect_raw(f);
		f->pair.server.messages = 0;
		buf_clear(&f->pair.server.said);
		write_raw(f, wire, split);
		loop_round(f->pair.loop, 20);
		write_raw(f, wire + split, len - split);
		RUN_UNTIL(f->pair.loop, f->pair.server.messages == 3);
		assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
	}
	connect_raw(f);
	f->pair.server.messages = 0;
	buf_clear(&f->pair.server.said);
	for (size_t i = 0; i < len; i++) {
		write_raw(f, wire + i, 1);
		loop_round(f->pair.loop, 20);
	}
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 3);
	assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
}

static void a_large_message_arrives_whole(void **state)
{
	struct fixture *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000 };

	listen_tcp(f, NULL);
	pair_dial(&f->pair, NULL, NULL, NULL);
	f->pair.server.echo = true;
	buf_u16(&message, LEN);
	for (size_t i = 0; i < LEN; i++)
		buf_u8(&message, (uint8_t)('a' + i % 23));
	for (unsigned i = 0; i < 50; i++)
		connection_send(f->pair.client.connection, buf_bytes(&message));
	assert_true(connection_is_full(f->pair.client.connection));
	RUN_UNTIL(f->pair.loop, f->pair.client.messages == 50);
	for (unsigned i = 0; i < 50; i++)
		assert_memory_equal(f->pair.client.said.data + i * (LEN + 1), message.data + 2, LEN);
	assert_int_equal(f->pair.client.drains, 1);
	assert_false(connection_is_full(f->pair.client.connection));
	buf_free(&message);
}

static void a_paused_connection_holds_back_and_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer *server = &f->pair.server;
	struct buf want = { 0 };

	listen_tcp(f, NULL);
	pair_dial(&f->pair, NULL, NULL, NULL);
	server->pause_after = 3;
	for (int i = 0; i < 10; i++) {
		char text[16];

		snprintf(text, sizeof text, "m%d", i % 10);
		peer_say(&f->pair.client, text);
		buf_printf(&want, "%s|", text);
	}
	for (unsigned seen = 3; seen < 10; seen += 3) {
		RUN_UNTIL(f->pair.loop, server->messages == seen);
		for (int i = 0; i < 5; i++)
			loop_round(f->pair.loop, 2);
		assert_int_equal(server->messages, seen);
		connection_resume(server->connection);
		assert_int_equal(server->messages, seen);
	}
	RUN_UNTIL(f->pair.loop, server->messages == 10);
	assert_string_equal(buf_cstr(&server->said), buf_cstr(&want));
	buf_free(&want);
}

static void a_pause_is_felt_by_the_peer(void **state)
{
	struct fixture *f = *state;
	struct buf message = { 0 };
	const struct connection_limits limits = { .max_queued = 4 << 20 };
	enum { LEN = 65000 };

	listen_tcp(f, NULL);
	pair_dial(&f->pair, NULL, NULL, &limits);
	RUN_UNTIL(f->pair.loop, f->pair.server.ups && f->pair.client.ups);
	connection_pause(f->pair.server.connection);
	buf_u16(&message, LEN);
	memset(buf_extend(&message, LEN), 'x', LEN);
	for (unsigned i = 0; i < 4000 && f->pair.client.ends == 0; i++) {
		connection_send(f->pair.client.connection, buf_bytes(&message));
		loop_round(f->pair.loop, 0);
	}
	buf_free(&message);
	assert_int_equal(f->pair.client.ends, 1);
	assert_int_equal(f->pair.client.end, CONNECTION_OVERFLOW);
	assert_non_null(strstr(f->pair.client.why, "4194304"));
	assert_int_equal(f->pair.server.messages, 0);
	connection_resume(f->pair.server.connection);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends);
	assert_true(f->pair.server.messages > 1);
}

static void what_split_refuses_is_malformed(void **state)
{
	struct fixture *f = *state;

	listen_tcp(f, NULL);
	connect_raw(f);
	write_raw(f, "\0\1a\xff\xff", 5);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_string_equal(f->pair.server.why, "the length 65535 is not accepted");
	assert_string_equal(buf_cstr(&f->pair.server.said), "a|");
}

static void the_answer_to_what_came_before_still_leaves(void **state)
{
	struct fixture *f = *state;
	char got[8];

	listen_tcp(f, NULL);
	connect_raw(f);
	f->pair.server.echo = true;
	RUN_UNTIL(f->pair.loop, f->pair.server.ups);
	write_raw(f, "\0\1a\xff\xff", 5);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(read(f->raw, got, sizeof got), 3);
	assert_memory_equal(got, "\0\1a", 3);
}

static void a_message_over_the_limit_is_malformed(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .max_message = 100 };
	char wire[200] = { 0, 98 };

	listen_tcp(f, &limits);
	connect_raw(f);
	write_raw(f, wire, 100);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	wire[1] = 99;
	write_raw(f, wire, 101);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_non_null(strstr(f->pair.server.why, "100 bytes"));
	/* Also when the length says so before the message is there. */
	connect_raw(f);
	f->pair.server.ends = 0;
	wire[0] = 4;
	write_raw(f, wire, 101);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_int_equal(f->pair.server.messages, 1);
}

static void who_says_nothing_is_too_slow(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .first_message_ms = 30 };
	uint64_t before_us = loop_real_us();

	listen_tcp(f, &limits);
	connect_raw(f);
	/* A byte now and then does not help. */
	write_raw(f, "\0", 1);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
	assert_true(loop_real_us() - before_us >= 29000);
	assert_non_null(strstr(f->pair.server.why, "30 ms"));
}

static void a_message_that_trickles_in_is_too_slow(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .message_ms = 60 };
	unsigned written = 0;

	listen_tcp(f, &limits);
	connect_raw(f);
	write_raw(f, "\0\1a", 3);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	/* Nothing begun, nothing due: the connection may rest longer than a message may take. */
	for (uint64_t until_us = loop_real_us() + 100000; loop_real_us() < until_us;)
		loop_round(f->pair.loop, 10);
	assert_int_equal(f->pair.server.ends, 0);
	write_raw(f, "\0\377", 2);
	while (f->pair.server.ends == 0 && written++ < 200) {
		if (write(f->raw, "x", 1) < 0)
			break;
		for (uint64_t until_us = loop_real_us() + 5000; loop_real_us() < until_us;)
			loop_round(f->pair.loop, 5);
	}
	assert_int_equal(f->pair.server.ends, 1);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
	assert_int_equal(f->pair.server.messages, 1);
}

static void a_pause_stops_the_deadline_of_a_message(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .message_ms = 20, .first_message_ms = 5000 };

	listen_tcp(f, &limits);
	connect_raw(f);
	write_raw(f, "\0\1a\0\4ab", 7);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	connection_pause(f->pair.server.connection);
	for (uint64_t until_us = loop_real_us() + 60000; loop_real_us() < until_us;)
		loop_round(f->pair.loop, 10);
	assert_int_equal(f->pair.server.ends, 0);
	connection_resume(f->pair.server.connection);
	write_raw(f, "cd", 2);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 2);
	write_raw(f, "\0\4ab", 4);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
}

static void a_peer_that_swallows_the_dial_is_too_slow(void **state)
{
	struct fixture *f = *state;
	const struct connection_limits limits = { .connect_ms = 40 };

	/* 192.0.2.0/24 is kept for documentation: nobody answers; without a route it fails at once, which is as good. */
	f->pair.client.connection = connection_dial(f->pair.loop, "192.0.2.1:9", NULL, NULL, &limits, &peer_callbacks,
		&f->pair.client);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends == 1);
	assert_true(f->pair.client.end == CONNECTION_TOO_SLOW || f->pair.client.end == CONNECTION_FAILED);
}

static void the_end_of_the_peer_is_told_once(void **state)
{
	struct fixture *f = *state;

	listen_tcp(f, NULL);
	connect_raw(f);
	write_raw(f, "\0\1a\0\4a", 6);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	close(f->raw);
	f->raw = -1;
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	assert_non_null(strstr(f->pair.server.why, "middle of a message (3 bytes"));
	peer_say(&f->pair.server, "dropped");
	connection_resume(f->pair.server.connection);
	connection_finish(f->pair.server.connection, 0);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 1);
	assert_int_equal(f->pair.server.ends, 1);
	assert_string_equal(connection_end_name(f->pair.server.end), "peer-closed");
}

static void a_reset_is_a_failure(void **state)
{
	struct fixture *f = *state;
	const struct linger now = { 1, 0 };

	listen_tcp(f, NULL);
	connect_raw(f);
	RUN_UNTIL(f->pair.loop, f->pair.server.ups);
	setsockopt(f->raw, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(f->raw);
	f->raw = -1;
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_FAILED);
	assert_non_null(strstr(f->pair.server.why, "reset"));
}

static void finishing_sends_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000, COUNT = 100 };

	listen_tcp(f, NULL);
	pair_dial(&f->pair, NULL, NULL, NULL);
	buf_u16(&message, LEN);
	memset(buf_extend(&message, LEN), 'x', LEN);
	for (unsigned i = 0; i < COUNT; i++)
		connection_send(f->pair.client.connection, buf_bytes(&message));
	/* Before the dial has even begun. */
	connection_finish(f->pair.client.connection, 5000);
	connection_send(f->pair.client.connection, buf_bytes(&message));
	assert_int_equal(f->pair.client.ends, 0);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends && f->pair.server.ends);
	assert_int_equal(f->pair.server.messages, COUNT);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	assert_int_equal(f->pair.client.end, CONNECTION_PEER_CLOSED);
	buf_free(&message);
}

static void finishing_waits_no_longer_than_told(void **state)
{
	struct fixture *f = *state;
	uint64_t before_us;

	listen_tcp(f, NULL);
	connect_raw(f);
	f->pair.server.finish_in_message = true;
	f->pair.server.echo = true;
	write_raw(f, "\0\1a\0\1b", 6);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.messages, 1);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	/* The peer got the answer and the end. */
	{
		char got[8];

		assert_int_equal(recv(f->raw, got, sizeof got, MSG_WAITALL), 3);
	}
	connect_raw(f);
	f->pair.server.ends = 0;
	before_us = loop_real_us();
	connection_finish(f->pair.server.connection, 0);
	assert_int_equal(f->pair.server.ends, 0);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_true(loop_real_us() - before_us < 900000);
}

static void it_may_be_freed_in_every_callback(void **state)
{
	struct fixture *f = *state;
	struct peer *server = &f->pair.server;
	struct buf message = { 0 };

	listen_tcp(f, NULL);
	server->free_in_up = true;
	connect_raw(f);
	RUN_UNTIL(f->pair.loop, server->ups == 1);
	assert_null(server->connection);
	server->free_in_up = false;

	server->free_in_message = true;
	server->echo = true;
	connect_raw(f);
	write_raw(f, "\0\1a\0\1b\0\1c\0", 10);
	RUN_UNTIL(f->pair.loop, server->messages);
	assert_null(server->connection);
	assert_int_equal(server->messages, 1);

	/* Also when the message lay in the connection's own memory. */
	connect_raw(f);
	server->messages = 0;
	buf_u16(&message, 20000);
	memset(buf_extend(&message, 20000), 'x', 20000);
	write_raw(f, message.data, 10000);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	write_raw(f, message.data + 10000, message.len - 10000);
	RUN_UNTIL(f->pair.loop, server->messages);
	assert_null(server->connection);
	buf_free(&message);
	server->free_in_message = false;

	connect_raw(f);
	server->free_in_closed = true;
	write_raw(f, "\xff\xff", 2);
	RUN_UNTIL(f->pair.loop, server->ends);
	assert_null(server->connection);

	pair_dial(&f->pair, NULL, NULL, NULL);
	f->pair.client.free_in_drained = true;
	buf_u16(&message, 60000);
	memset(buf_extend(&message, 60000), 'x', 60000);
	server->echo = false;
	for (unsigned i = 0; i < 20; i++)
		connection_send(f->pair.client.connection, buf_bytes(&message));
	RUN_UNTIL(f->pair.loop, f->pair.client.drains);
	assert_null(f->pair.client.connection);
	buf_free(&message);

	f->pair.refuse = true;
	connect_raw(f);
	f->pair.refuse = false;
	connect_raw(f);
	f->pair.stop_listening = true;
	connect_raw(f);
	assert_null(f->pair.listener);
	f->pair.server.messages = 0;
	write_raw(f, "\0\1a", 3);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages);
}

static void at_the_bound_accepting_rests(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int second;

	pair_listen_at_most(&f->pair, 1);
	connect_raw(f);
	to.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	second = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(second, (struct sockaddr *)&to, sizeof to), 0);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	assert_int_equal(f->pair.accepted, 1);
	connection_free(&f->pair.server.connection);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == 2);
	close(second);
}

static void without_descriptors_accepting_rests_and_goes_on(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rlimit before;
	struct rlimit few;

	listen_tcp(f, NULL);
	to.sin_port = htons((uint16_t)listener_port(f->pair.listener));
	f->raw = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(f->raw, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = (rlim_t)f->raw + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(f->pair.accepted, 0);
	RUN_UNTIL(f->pair.loop, f->pair.accepted == 1);
}

static void a_listener_that_cannot_says_where_and_why(void **state)
{
	struct fixture *f = *state;
	struct error err = { "" };
	FILE *file;

	listen_tcp(f, NULL);
	assert_null(listener_new(f->pair.loop, listener_address(f->pair.listener), NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, listener_address(f->pair.listener)));
	assert_non_null(strstr(err.text, "in use"));
	assert_null(listener_new(f->pair.loop, "host.invalid:1", NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "in numbers"));
	listener_free(&f->pair.listener);

	pair_listen(&f->pair, f->address, NULL, NULL);
	assert_null(listener_new(f->pair.loop, f->address, NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "another process"));
	listener_free(&f->pair.listener);

	file = fopen(f->path, "w");
	assert_non_null(file);
	fclose(file);
	assert_null(listener_new(f->pair.loop, f->address, NULL, NULL, 0, NULL, NULL, &err));
	assert_non_null(strstr(err.text, "not a socket"));
}

static void a_stale_unix_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(path.sun_path, sizeof path.sun_path, "%s", f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&path, sizeof path), 0);
	close(fd);
	pair_listen(&f->pair, f->address, NULL, NULL);
	talk(f);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(messages_go_both_ways_over_tcp),
		ROW(messages_go_both_ways_over_ipv6),
		ROW(messages_go_both_ways_over_a_unix_socket),
		ROW(a_name_is_looked_up_off_the_loop),
		ROW(a_dial_that_fails_says_where_and_why),
		ROW(a_dial_from_an_address_of_ones_own_is_seen_to_come_from_it),
		ROW(a_message_may_come_in_any_pieces),
		ROW(a_large_message_arrives_whole),
		ROW(a_paused_connection_holds_back_and_loses_nothing),
		ROW(a_pause_is_felt_by_the_peer),
		ROW(what_split_refuses_is_malformed),
		ROW(the_answer_to_what_came_before_still_leaves),
		ROW(a_message_over_the_limit_is_malformed),
		ROW(who_says_nothing_is_too_slow),
		ROW(a_message_that_trickles_in_is_too_slow),
		ROW(a_pause_stops_the_deadline_of_a_message),
		ROW(a_peer_that_swallows_the_dial_is_too_slow),
		ROW(the_end_of_the_peer_is_told_once),
		ROW(a_reset_is_a_failure),
		ROW(finishing_sends_what_is_queued),
		ROW(finishing_waits_no_longer_than_told),
		ROW(it_may_be_freed_in_every_callback),
		ROW(at_the_bound_accepting_rests),
		ROW(without_descriptors_accepting_rests_and_goes_on),
		ROW(a_listener_that_cannot_says_where_and_why),
		ROW(a_stale_unix_socket_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
