#ifndef BRAMBLE_BASE_IO_CONNECTION_PRIVATE_H
#define BRAMBLE_BASE_IO_CONNECTION_PRIVATE_H

#include "base/io/connection.h"
#include "base/io/tls_session.h"

/* What connection.c, dial.c and listener.c share about a connection. */

struct dial;
struct accepted_peers;

enum connection_phase {
	CONNECTION_DIALLING,     /* dial.c looks for a way to the peer */
	CONNECTION_SHAKING,      /* TLS handshake */
	CONNECTION_STARTING,     /* accepted without TLS; the owner is told at the end of the round */
	CONNECTION_UP,
	CONNECTION_OVER,         /* the owner knows it, or is about to be told; nothing is open any more */
};

enum connection_wait {
	WAIT_NOTHING,
	WAIT_CONNECT,
	WAIT_FIRST_MESSAGE,
	WAIT_REST_OF_MESSAGE,
	WAIT_GOODBYE,
};

struct connection {
	struct loop *loop;
	struct connection_callbacks callbacks;
	void *ctx;
	struct connection_limits limits;
	enum connection_phase phase;
	int fd;                          /* -1: none */
	struct loop_watch *watch;
	int wants;

	bool paused;
	bool finishing;                  /* connection_finish was called */
	bool said_goodbye;               /* and everything was sent; what still comes is thrown away */
	bool write_blocked;              /* the socket takes nothing more until it is writable */
	bool over_high_water;
	bool is_accepted;
	bool had_message;
	bool freed;                      /* the owner has freed it; the memory goes when nobody is inside any more */
	unsigned inside;                 /* calls on the stack that still use it */

	struct buf in;                   /* came, and not yet a whole message or held back by a pause */
	struct buf out;                  /* for the socket, from out_at on */
	size_t out_at;
	struct buf early;                /* messages queued before it was up: length (4 bytes), message */
	struct tls_session *tls;
	struct loop_task task;

	struct loop_timer *timer;
	enum connection_wait wait;

	bool end_planned;                /* told at the end of the round: connection_end_later */
	enum connection_end end;
	char *why;

	struct dial *dial;
	struct accepted_peers *accepted_peers;
	char *peer;
	char *local;
	uint64_t bytes_in;
	uint64_t bytes_out;
	uint64_t weight_in;              /* of a byte in loop_work's balance, by direction; 0: a Unix socket, which does not count */
	uint64_t weight_out;
};

/* What a byte from one end ("127.0.0.1:3101") to the other counts in loop_work's balance. Never 0. */
uint64_t connection_weight(const char *from, const char *to);
/* So many bytes came or went: into the connection's counts and the loop's. */
void connection_count_in(struct connection *c, size_t len);

struct connection *connection_new(struct loop *loop, const struct connection_limits *limits);

/* The socket is there. tls NULL: clear. Takes fd over. Dialled ones go on at once, accepted ones at the end of the round. */
void connection_open(struct connection *c, int fd, struct tls_session *tls);

/* Starts, changes or (WAIT_NOTHING) ends the deadline. */
void connection_wait_for(struct connection *c, enum connection_wait wait, uint32_t at_most_ms);

/* Ends it and tells the owner: now (only between connection_enter and connection_leave), or at the end of the round (when
 * the owner itself is the caller). */
void connection_end(struct connection *c, enum connection_end end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void connection_end_later(struct connection *c, enum connection_end end, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Around everything that may call the owner, who may free the connection in there. */
void connection_enter(struct connection *c);
void connection_leave(struct connection *c);

/* The owner has not been told of an end, and is not about to be. */
static inline bool connection_is_live(const struct connection *c)
{
	return c->phase != CONNECTION_OVER && !c->end_planned;
}

/* connection.c: the peer is there. */
void connection_become_up(struct connection *c);

/* connection_read.c: reads once and delivers; delivers what a pause held back; sets the deadline that now applies (any: a
 * message has just come). */
void connection_read(struct connection *c);
void connection_deliver_held(struct connection *c);
void connection_watch_message(struct connection *c, bool any);

/* dial.c */
void dial_step(struct connection *c);      /* begins to dial, in a round */
void dial_free(struct dial **dial);

/* listener.c: one accepted peer less. */
void accepted_peer_gone(struct accepted_peers **peers);

#endif
