#ifndef BRAMBLE_BASE_IO_WORKER_H
#define BRAMBLE_BASE_IO_WORKER_H

#include "base/io/loop.h"

/* A thread for what blocks. Jobs run there one after another in the order given; done runs on the loop, in the same order. */
struct worker;
struct worker *worker_new(struct loop *loop);
/* For flow tests: work and done run on the loop thread itself, in its next round. */
struct worker *worker_new_inline(struct loop *loop);
void worker_run(struct worker *worker, loop_fn *work, loop_fn *done, void *job);
unsigned worker_waiting(const struct worker *worker);     /* jobs given whose done has not run */
/* Runs what was given to its end, with its done calls, then ends the thread. */
void worker_free(struct worker **worker);

#endif
