#ifndef BRAMBLE_BASE_IO_REDIAL_H
#define BRAMBLE_BASE_IO_REDIAL_H

#include "base/io/connection.h"

/* Says when to dial again: at once after the first loss, then 1 s doubling to 60 s, and never a fifth connect within 60 s,
 * because the other side deactivates an SRP identifier for that. On the loop's clock.
 * Source: document (KB05278: later builds delay the reconnect); the numbers are ours. */
struct redial;
struct redial *redial_new(struct loop *loop, loop_fn *dial, void *arg);
void redial_start(struct redial *redial);     /* dials at once */
void redial_lost(struct redial *redial);      /* the connection is gone or could not be made: dials again when due */
void redial_good(struct redial *redial);      /* it works now: the next loss starts from the beginning */
uint64_t redial_due_ms(const struct redial *redial);   /* UINT64_MAX when nothing is planned */
void redial_free(struct redial **redial);

#endif
