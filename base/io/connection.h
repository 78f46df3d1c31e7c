#ifndef BRAMBLE_BASE_IO_CONNECTION_H
#define BRAMBLE_BASE_IO_CONNECTION_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io/loop.h"

struct tls;

/* One connected peer, seen as whole messages: the connection reads, splits, queues, writes, and watches the deadlines.
 * Clear TCP, TLS (tls.h) or a Unix socket; the user of it cannot tell the difference. */
struct connection;

/* Why a connection is over. */
enum connection_end {
	CONNECTION_PEER_CLOSED,    /* an orderly end, or one without TLS's goodbye */
	CONNECTION_FAILED,         /* reset, unreachable, refused, name not found */
	CONNECTION_TLS_FAILED,     /* the handshake or the certificate */
	CONNECTION_MALFORMED,      /* split() refused what came, or a message is over the limit */
	CONNECTION_TOO_SLOW,       /* a deadline passed: connect, handshake, first message, rest of a message */
	CONNECTION_OVERFLOW,       /* the peer does not read: more than max_queued bytes wait for it */
};
const char *connection_end_name(enum connection_end end);

struct connection_callbacks {
	/* The peer is there (and its certificate was checked). Optional. */
	void (*up)(void *ctx);
	/* Finds the first message in what has come: its length; 0 if more must come; -1 with the reason in err.
	 * Must be cheap to call again with a longer run. */
	ssize_t (*split)(void *ctx, struct bytes in, struct error *err);
	/* One whole message; the bytes live until this returns. The connection may be freed inside. */
	void (*message)(void *ctx, struct bytes message);
	/* It is over, and says why in a sentence without secrets. Nothing is called after this. The owner frees the
	 * connection, here or later. Not called when the owner itself frees it. */
	void (*closed)(void *ctx, enum connection_end end, const char *why);
	/* What was queued has fallen below low_water again after having been over high_water. Optional. */
	void (*drained)(void *ctx);
};

/* All bounds in one place; zero means the default in brackets. Deadlines run on the real clock. */
struct connection_limits {
	size_t max_message;        /* bytes [131072] */
	size_t high_water;         /* connection_is_full() from here on [262144] */
	size_t low_water;          /* drained() below it [65536] */
	size_t max_queued;         /* CONNECTION_OVERFLOW above it [8388608] */
	uint32_t connect_ms;       /* dialling, handshake included; for accepted ones the handshake [10000] */
	uint32_t first_message_ms; /* accepted connections: until the first whole message [10000] */
	uint32_t message_ms;       /* from the first byte of a message to its last [10000] */
};

/* Dials "HOST:PORT", "[V6]:PORT" or "unix:PATH". Names are resolved off the loop. tls NULL means clear; server_name is what
 * the certificate must say (NULL: the host of the address). Always answers later through up or closed, never inside. */
struct connection *connection_dial(struct loop *loop, const char *address, struct tls *tls, const char *server_name,
	const struct connection_limits *limits, const struct connection_callbacks *callbacks, void *ctx);

/* The same from a local IP address ("127.0.0.3"; the kernel picks the port), for a process with more connections than one address has
 * ports. from NULL: whatever the kernel takes. Peers of the other family, and Unix sockets, cannot be reached from it. */
struct connection *connection_dial_from(struct loop *loop, const char *from, const char *address, struct tls *tls,
	const char *server_name, const struct connection_limits *limits, const struct connection_callbacks *callbacks, void *ctx);

/* Queues one message: it leaves at the end of this round, and over TLS in a record (or records) of its own, never joined
 * with another. After the end, and before up, it is kept back or dropped without harm. */
void connection_send(struct connection *c, struct bytes message);

bool connection_is_full(const struct connection *c);
size_t connection_queued(const struct connection *c);
void connection_pause(struct connection *c);      /* reads nothing more until resumed; the peer then feels it */
void connection_resume(struct connection *c);

/* Sends what is queued, says goodbye, closes; then closed(CONNECTION_PEER_CLOSED). At most linger_ms of real time. */
void connection_finish(struct connection *c, uint32_t linger_ms);

/* Ends it now without a callback; what was queued and not sent is lost. Clears *c; NULL inside is fine. */
void connection_free(struct connection **c);

const char *connection_peer(const struct connection *c);    /* "127.0.0.1:40312" or "unix", for logs and limits */
const char *connection_local(const struct connection *c);
bool connection_is_tls(const struct connection *c);
const char *connection_tls_version(const struct connection *c);   /* "TLSv1.3", or "" */
bool connection_has_certificate(const struct connection *c);      /* the peer showed one, and it was found good */
bool connection_is_named(const struct connection *c, const char *name);    /* ... and this is among its alternative names */
uint64_t connection_bytes_in(const struct connection *c);
uint64_t connection_bytes_out(const struct connection *c);

/* A peer that was accepted is handed over without owner: set its callbacks at once (inside the accept call). */
void connection_own(struct connection *c, const struct connection_callbacks *callbacks, void *ctx);

/* Listens. "HOST:0" lets the kernel pick; a Unix socket gets mode 0600 and replaces a stale one.
 * max_peers bounds how many accepted ones may live at once (0: 20000); at the bound accepting rests. */
struct listener;
typedef void listener_accept_fn(void *ctx, struct connection *c);
struct listener *listener_new(struct loop *loop, const char *address, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers, listener_accept_fn *accepted, void *ctx, struct error *err);
/* The same on an address of TCP that other processes of this user may listen on as well, each by this call: the kernel deals the connections
 * out among those that listen (SO_REUSEPORT). */
struct listener *listener_new_shared(struct loop *loop, const char *address, struct tls *tls, const struct connection_limits *limits,
	uint32_t max_peers, listener_accept_fn *accepted, void *ctx, struct error *err);
const char *listener_address(const struct listener *l);     /* with the real port */
int listener_port(const struct listener *l);
void listener_free(struct listener **l);                    /* its connections stay with their owners */

#endif
