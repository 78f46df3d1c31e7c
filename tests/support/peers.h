#ifndef BRAMBLE_TESTS_SUPPORT_PEERS_H
#define BRAMBLE_TESTS_SUPPORT_PEERS_H

#include "base/io/connection.h"

/* Both ends of connections on one loop. A message is two bytes of length and as many of text; 0xffff is refused. */
struct peer {
	struct connection *connection;
	struct loop *loop;
	struct buf said;             /* the texts that came, each followed by '|' */
	unsigned messages;
	unsigned ups;
	unsigned drains;
	unsigned ends;
	enum connection_end end;
	char why[512];
	bool echo;
	bool free_in_up;
	bool free_in_message;
	bool free_in_closed;
	bool free_in_drained;
	bool finish_in_message;
	unsigned pause_after;        /* so many messages, then pause; 0: never */
};

extern const struct connection_callbacks peer_callbacks;

/* The last one accepted is server's. */
struct pair {
	struct loop *loop;
	struct listener *listener;
	struct peer client;
	struct peer server;
	unsigned accepted;
	bool refuse;                 /* frees what it accepts */
	bool stop_listening;         /* frees the listener when it accepts */
};

void pair_listen(struct pair *pair, const char *address, struct tls *tls, const struct connection_limits *limits);
void pair_listen_at_most(struct pair *pair, uint32_t max_peers);
void pair_dial(struct pair *pair, struct tls *tls, const char *server_name, const struct connection_limits *limits);
void pair_close(struct pair *pair);

void peer_say(struct peer *peer, const char *text);

/* Runs the loop until the condition holds; fails the test after ten seconds. */
#define RUN_UNTIL(loop, condition) do { \
	uint64_t give_up_us = loop_real_us() + 10000000; \
	while (!(condition)) { \
		if (loop_real_us() > give_up_us) \
			fail_msg("never came true: %s", #condition); \
		loop_round(loop, 100); \
	} } while (0)

#endif
