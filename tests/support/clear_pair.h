#ifndef BRAMBLE_TESTS_SUPPORT_CLEAR_PAIR_H
#define BRAMBLE_TESTS_SUPPORT_CLEAR_PAIR_H

#include "tests/support/peers.h"

/* Connections in clear on one loop, and in the client's place a plain socket as well. */
struct clear_pair {
	struct pair pair;
	int raw;                 /* a plain socket, for misbehaviour */
	char path[64];
	char address[80];
};

int clear_pair_set_up(void **state);
int clear_pair_tear_down(void **state);

void clear_pair_listen(struct clear_pair *f, const struct connection_limits *limits);        /* over TCP */

/* The plain socket: a new one, in the place of the last, that was accepted; and what it says. */
void clear_pair_connect_raw(struct clear_pair *f);
void clear_pair_write_raw(struct clear_pair *f, const void *data, size_t len);

/* Dials the listener; what is said both ways arrives, and is counted. */
void clear_pair_talk(struct clear_pair *f);

#endif
