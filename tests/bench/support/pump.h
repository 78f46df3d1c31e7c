#ifndef BRAMBLE_TESTS_BENCH_PUMP_H
#define BRAMBLE_TESTS_BENCH_PUMP_H

#include <openssl/ssl.h>

#include "base/bytes.h"

/* The least that a process needs to pass frames on: epoll, one read per readiness, one write per peer and round. What is measured beside
 * Bramble's processes is built of it; it knows no limits, no deadlines and no wrong input, and ends the program when anything fails.
 *
 * A frame is what `split` finds in a run of bytes; by default four bytes of length (of what follows, in network order) and the rest. */
struct pump_link {
	int fd;
	SSL *ssl;                   /* not NULL: TLS; each send is a record of its own, as Bramble's are */
	struct buf in, out;
	void (*frame)(void *ctx, struct pump_link *link, struct bytes frame);   /* without its length */
	size_t (*split)(struct bytes in);      /* how long the first frame is; 0: more must come. It is handed over whole. NULL: the default */
	void *ctx;
	unsigned number;            /* the owner's */
	bool shaking, waits_for_room, dirty;
	bool may_end, ended;        /* may_end: its end is told by ended, for the owner to drop it after the round, and not the program's */
	struct pump_link *next_dirty;
};

struct pump { int epoll; struct pump_link *dirty; struct buf scratch; };

void pump_init(struct pump *pump);
/* Starts to read from link->fd, after the TLS handshake when ssl is set. The link stays where it is. */
void pump_add(struct pump *pump, struct pump_link *link);
/* Closes it, and forgets what it had gathered. Not from its own frame(). */
void pump_drop(struct pump *pump, struct pump_link *link);
/* Gathers; it leaves at the end of the round. */
void pump_send(struct pump *pump, struct pump_link *link, struct bytes frame);
void pump_send_raw(struct pump *pump, struct pump_link *link, struct bytes bytes);    /* without a length */
/* One round: waits at most wait_ms, or wait_us. */
void pump_round(struct pump *pump, int wait_ms);
void pump_round_us(struct pump *pump, uint64_t wait_us);
void pump_flush(struct pump *pump);
/* For ever, or until the parent is gone (which kills). */
void pump_run(struct pump *pump) __attribute__((noreturn));

/* Sockets on loopback, blocking until connected and then not blocking. */
int pump_listen(unsigned *port);             /* *port 0: the kernel picks, and it is written back */
int pump_dial(unsigned port);
int pump_accept(int listener);
void pump_pair(int fds[2]);                  /* the two ends of one TCP connection on loopback */

/* A TLS server's context with a P-256 key and a certificate of its own, made here; a client's, that trusts anyone. */
SSL_CTX *pump_tls_server(void);
SSL_CTX *pump_tls_client(void);

/* A child of this program that ends with it and runs body, which never returns. */
pid_t pump_fork(void (*body)(void *ctx), void *ctx);

#endif
