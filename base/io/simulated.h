#ifndef BRAMBLE_BASE_IO_SIMULATED_H
#define BRAMBLE_BASE_IO_SIMULATED_H

#include "base/io/loop.h"

/* Many processes in one, for simulations: each has a loop of its own, and with it its life. A program that does not ask for it has none of this.
 * Their real clock stands (loop_real_stand). What blocks must work inside the calls (worker_new_inline): a thread cannot be killed.
 * Source: ours. */

/* Whenever one of the loops would wait, fn lets the others go on: a round of each, but of none that loop_is_turning. true: one of them had
 * something to do; then the wait is over. NULL: there are no others. */
typedef bool loop_others_fn(void *arg);
void loop_others(loop_others_fn *fn, void *arg);
bool loop_is_turning(const struct loop *loop);      /* a round of it is on the stack */

/* The process of this loop dies here, as by kill -9, in the middle of whatever it is in. Its descriptors are closed as the kernel closes them. From
 * now on nothing that is done on the loop reaches anybody: what it sends, dials, gives to the database or notes in its history is lost
 * (history_die says when it has noted so much). What is left to do is to free its objects, each by its own function, and then the loop. */
void loop_die(struct loop *loop);
bool loop_is_dead(const struct loop *loop);

#endif
