#ifndef BRAMBLE_BASE_IO_REDIAL_H
#define BRAMBLE_BASE_IO_REDIAL_H

#include "base/io/connection.h"

/* Says when to dial again. A peer that was reached and lost again: at once after the first loss, then 1 s doubling to 60 s, and never one more
 * than so many connects within the window. One that cannot be reached: at once, then each second, and nothing of that counts, so that the
 * service is back soon after the peer is, however long it was away.
 * On the loop's clock. Source: document (KB05278: later builds delay the reconnect); the numbers are ours. */
struct redial;
enum {
	/* The router deactivates an SRP identifier for five within a minute; a second more, because it may see the connects a little
	 * nearer to each other than they were dialled. */
	REDIAL_SRP_WINDOW_MS = 61000,
	/* Nobody counts: only a peer that accepts and hangs up at once is held off. The doubling alone never comes to it. */
	REDIAL_WINDOW_MS = 6000,
	REDIAL_CONNECTS = 4,
};
struct redial *redial_new(struct loop *loop, uint32_t connects, uint32_t window_ms, loop_fn *dial, void *arg);    /* connects: at least 1 */
void redial_start(struct redial *redial);     /* dials at once */
void redial_reached(struct redial *redial);   /* the peer has accepted what was dialled last: it counts as a connect */
void redial_lost(struct redial *redial);      /* the connection is gone or could not be made: dials again when due */
void redial_good(struct redial *redial);      /* it works now: the next loss starts from the beginning */
uint64_t redial_due_ms(const struct redial *redial);   /* UINT64_MAX when nothing is planned */
void redial_free(struct redial **redial);

#endif
