/* How connections in clear end: by bytes that are not accepted, a deadline, the peer, or their user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/clear_pair.h"

static void what_split_refuses_is_malformed(void **state)
{
	struct clear_pair *f = *state;

	clear_pair_listen(f, NULL);
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, "\0\1a\xff\xff", 5);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_string_equal(f->pair.server.why, "the length 65535 is not accepted");
	assert_string_equal(buf_cstr(&f->pair.server.said), "a|");
}

static void the_answer_to_what_came_before_still_leaves(void **state)
{
	struct clear_pair *f = *state;
	char got[8];

	clear_pair_listen(f, NULL);
	clear_pair_connect_raw(f);
	f->pair.server.echo = true;
	RUN_UNTIL(f->pair.loop, f->pair.server.ups);
	clear_pair_write_raw(f, "\0\1a\xff\xff", 5);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(read(f->raw, got, sizeof got), 3);
	assert_memory_equal(got, "\0\1a", 3);
}

static void a_message_over_the_limit_is_malformed(void **state)
{
	struct clear_pair *f = *state;
	const struct connection_limits limits = { .max_message = 100 };
	char wire[200] = { 0, 98 };

	clear_pair_listen(f, &limits);
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, wire, 100);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	wire[1] = 99;
	clear_pair_write_raw(f, wire, 101);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_non_null(strstr(f->pair.server.why, "100 bytes"));
	/* Also when the length says so before the message is there. */
	clear_pair_connect_raw(f);
	f->pair.server.ends = 0;
	wire[0] = 4;
	clear_pair_write_raw(f, wire, 101);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_MALFORMED);
	assert_int_equal(f->pair.server.messages, 1);
}

static void who_says_nothing_is_too_slow(void **state)
{
	struct clear_pair *f = *state;
	const struct connection_limits limits = { .first_message_ms = 30 };
	uint64_t before_us = loop_real_us();

	clear_pair_listen(f, &limits);
	clear_pair_connect_raw(f);
	/* A byte now and then does not help. */
	clear_pair_write_raw(f, "\0", 1);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
	assert_true(loop_real_us() - before_us >= 29000);
	assert_non_null(strstr(f->pair.server.why, "30 ms"));
}

static void a_message_that_trickles_in_is_too_slow(void **state)
{
	struct clear_pair *f = *state;
	const struct connection_limits limits = { .message_ms = 60 };
	unsigned written = 0;

	clear_pair_listen(f, &limits);
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, "\0\1a", 3);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	/* Nothing begun, nothing due: the connection may rest longer than a message may take. */
	for (uint64_t until_us = loop_real_us() + 100000; loop_real_us() < until_us;)
		loop_round(f->pair.loop, 10);
	assert_int_equal(f->pair.server.ends, 0);
	clear_pair_write_raw(f, "\0\377", 2);
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
	struct clear_pair *f = *state;
	const struct connection_limits limits = { .message_ms = 20, .first_message_ms = 5000 };

	clear_pair_listen(f, &limits);
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, "\0\1a\0\4ab", 7);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 1);
	connection_pause(f->pair.server.connection);
	for (uint64_t until_us = loop_real_us() + 60000; loop_real_us() < until_us;)
		loop_round(f->pair.loop, 10);
	assert_int_equal(f->pair.server.ends, 0);
	connection_resume(f->pair.server.connection);
	clear_pair_write_raw(f, "cd", 2);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages == 2);
	clear_pair_write_raw(f, "\0\4ab", 4);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.end, CONNECTION_TOO_SLOW);
}

static void a_peer_that_swallows_the_dial_is_too_slow(void **state)
{
	struct clear_pair *f = *state;
	const struct connection_limits limits = { .connect_ms = 40 };

	/* 192.0.2.0/24 is kept for documentation: nobody answers; without a route it fails at once, which is as good. */
	f->pair.client.connection = connection_dial(f->pair.loop, "192.0.2.1:9", NULL, NULL, &limits, &peer_callbacks,
		&f->pair.client);
	RUN_UNTIL(f->pair.loop, f->pair.client.ends == 1);
	assert_true(f->pair.client.end == CONNECTION_TOO_SLOW || f->pair.client.end == CONNECTION_FAILED);
}

static void the_end_of_the_peer_is_told_once(void **state)
{
	struct clear_pair *f = *state;

	clear_pair_listen(f, NULL);
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, "\0\1a\0\4a", 6);
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
	struct clear_pair *f = *state;
	const struct linger now = { 1, 0 };

	clear_pair_listen(f, NULL);
	clear_pair_connect_raw(f);
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
	struct clear_pair *f = *state;
	struct buf message = { 0 };
	enum { LEN = 60000, COUNT = 100 };

	clear_pair_listen(f, NULL);
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
	struct clear_pair *f = *state;
	uint64_t before_us;

	clear_pair_listen(f, NULL);
	clear_pair_connect_raw(f);
	f->pair.server.finish_in_message = true;
	f->pair.server.echo = true;
	clear_pair_write_raw(f, "\0\1a\0\1b", 6);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_int_equal(f->pair.server.messages, 1);
	assert_int_equal(f->pair.server.end, CONNECTION_PEER_CLOSED);
	/* The peer got the answer and the end. */
	{
		char got[8];

		assert_int_equal(recv(f->raw, got, sizeof got, MSG_WAITALL), 3);
	}
	clear_pair_connect_raw(f);
	f->pair.server.ends = 0;
	before_us = loop_real_us();
	connection_finish(f->pair.server.connection, 0);
	assert_int_equal(f->pair.server.ends, 0);
	RUN_UNTIL(f->pair.loop, f->pair.server.ends == 1);
	assert_true(loop_real_us() - before_us < 900000);
}

static void it_may_be_freed_in_every_callback(void **state)
{
	struct clear_pair *f = *state;
	struct peer *server = &f->pair.server;
	struct buf message = { 0 };

	clear_pair_listen(f, NULL);
	server->free_in_up = true;
	clear_pair_connect_raw(f);
	RUN_UNTIL(f->pair.loop, server->ups == 1);
	assert_null(server->connection);
	server->free_in_up = false;

	server->free_in_message = true;
	server->echo = true;
	clear_pair_connect_raw(f);
	clear_pair_write_raw(f, "\0\1a\0\1b\0\1c\0", 10);
	RUN_UNTIL(f->pair.loop, server->messages);
	assert_null(server->connection);
	assert_int_equal(server->messages, 1);

	/* Also when the message lay in the connection's own memory. */
	clear_pair_connect_raw(f);
	server->messages = 0;
	buf_u16(&message, 20000);
	memset(buf_extend(&message, 20000), 'x', 20000);
	clear_pair_write_raw(f, message.data, 10000);
	for (int i = 0; i < 5; i++)
		loop_round(f->pair.loop, 2);
	clear_pair_write_raw(f, message.data + 10000, message.len - 10000);
	RUN_UNTIL(f->pair.loop, server->messages);
	assert_null(server->connection);
	buf_free(&message);
	server->free_in_message = false;

	clear_pair_connect_raw(f);
	server->free_in_closed = true;
	clear_pair_write_raw(f, "\xff\xff", 2);
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
	clear_pair_connect_raw(f);
	f->pair.refuse = false;
	clear_pair_connect_raw(f);
	f->pair.stop_listening = true;
	clear_pair_connect_raw(f);
	assert_null(f->pair.listener);
	f->pair.server.messages = 0;
	clear_pair_write_raw(f, "\0\1a", 3);
	RUN_UNTIL(f->pair.loop, f->pair.server.messages);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, clear_pair_set_up, clear_pair_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
