/* Connections in clear, over TCP and over Unix sockets: how they come about, and what goes over them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/support/clear_pair.h"

static void messages_go_both_ways_over_tcp(void **state)
{
	struct clear_pair *f = *state;

	clear_pair_listen(f, NULL);
	assert_int_not_equal(listener_port(f->pair.listener), 0);
	clear_pair_talk(f);
	assert_string_equal(connection_peer(f->pair.client.connection), listener_address(f->pair.listener));
	assert_string_equal(connection_local(f->pair.client.connection), connection_peer(f->pair.server.connection));
	assert_string_equal(connection_local(f->pair.server.connection), listener_address(f->pair.listener));
}

static void messages_go_both_ways_over_ipv6(void **state)
{
	struct clear_pair *f = *state;

	pair_listen(&f->pair, "[::1]:0", NULL, NULL);
	clear_pair_talk(f);
	assert_string_equal(connection_peer(f->pair.client.connection), listener_address(f->pair.listener));
}

static void messages_go_both_ways_over_a_unix_socket(void **state)
{
	struct clear_pair *f = *state;
	struct stat is;

	pair_listen(&f->pair, f->address, NULL, NULL);
	assert_int_equal(lstat(f->path, &is), 0);
	assert_int_equal(is.st_mode & 0777, 0600);
	clear_pair_talk(f);
	assert_string_equal(connection_peer(f->pair.server.connection), "unix");
	assert_string_equal(connection_peer(f->pair.client.connection), "unix");
	listener_free(&f->pair.listener);
	assert_int_not_equal(lstat(f->path, &is), 0);
	peer_say(&f->pair.client, "still");
	RUN_UNTIL(f->pair.loop, strstr(buf_cstr(&f->pair.server.said), "still|"));
}

static void a_name_is_looked_up_off_the_loop(void **state)
{
	struct clear_pair *f = *state;
	char address[64];

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	struct peer *client = &f->pair.client;
	char refused[64];
	static const char *const rows[][2] = {
		{ NULL, "Connection refused" },
		{ "unix:/nonexistent/x.sock", "No such file" },
		{ "nonsense", "accepted are" },
	};

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	struct peer *client = &f->pair.client;

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	static const char wire[] = "\0\3one\0\0\0\5three";
	const size_t len = sizeof wire - 1;

	clear_pair_listen(f, NULL);
	for (size_t split = 1; split < len; split++) {
		clear_pair_connect_raw(f);
		f->pair.server.messages = 0;
		buf_clear(&f->pair.server.said);
		clear_pair_write_raw(f, wire, split);
		loop_round(f->pair.loop, 20);
		clear_pair_write_raw(f, wire + split, len - split);
		RUN_UNTIL(f->pair.loop, f->pair.server.messages == 3);
		assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
	}
	clear_pair_connect_raw(f);
	f->pair.server.messages = 0;
	buf_clear(&f->pair.server.said);
	for (size_t i = 0; i < len; i++) {
		clear_pair_write_raw(f, wire + i, 1);
		loop_round(f->pair.loop, 20);
	}
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 3);
	assert_string_equal(buf_cstr(&f->pair.server.said), "one||three|");
}

static void a_large_message_arrives_whole(void **state)
{
	struct clear_pair *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000 };

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	struct peer *server = &f->pair.server;
	struct buf want = { 0 };

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	struct buf message = { 0 };
	const struct connection_limits limits = { .max_queued = 4 << 20 };
	enum { LEN = 65000 };

	clear_pair_listen(f, NULL);
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

#define ROW(name) cmocka_unit_test_setup_teardown(name, clear_pair_set_up, clear_pair_tear_down)

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
