#ifndef BRAMBLE_BASE_IO_CLOCKS_H
#define BRAMBLE_BASE_IO_CLOCKS_H

#include "base/error.h"
#include "base/io/loop.h"

/* The clocks of several processes moved as one: those of a lab, through their control sockets, and with them a loop of the caller's own.
 *
 * Time never passes while something is still going on: before each step all processes must be quiet. Quiet is two rounds in a row in which
 * every process was idle (no ready descriptor, no due timer, no job), nobody had done anything in between, and what was sent on the links
 * between them was received. When those sums stay unequal although nothing happens any more (a third-party peer, a peer that does not
 * read), that is quiet too, after a few milliseconds. A stopped process (SIGSTOP) is passed over, and caught up with when it continues.
 * Source: ours. */
struct clocks;

enum { CLOCKS_PATIENCE_MS = 30000 };     /* real time until the processes must be quiet */

/* own: takes part without a socket; may be NULL. */
struct clocks *clocks_new(struct loop *own);
void clocks_free(struct clocks **clocks);

/* Whose sockets are in the folder: each process that serves the clock verbs takes part, those that come later from the next call of
 * advance, settle, freeze or run on. -1 with a sentence when nobody is there. */
int clocks_join(struct clocks *clocks, const char *run_dir, struct error *err);

/* Nobody else moves these clocks until they are freed; without it, only while one of the calls below lasts. -1: somebody does already. */
int clocks_hold(struct clocks *clocks, struct error *err);

uint64_t clocks_now_ms(const struct clocks *clocks);
bool clocks_are_manual(const struct clocks *clocks);       /* all of them */
bool clocks_were_late(const struct clocks *clocks);        /* the last -1 was for want of time, not a refusal */

/* Each returns when all are quiet; -1 with a sentence: one does not answer or does not become quiet. */
int clocks_settle(struct clocks *clocks, struct error *err);
/* Stops at each timer that is due on the way, whosever it is. Refuses unless all clocks are manual. */
int clocks_advance(struct clocks *clocks, uint64_t to_ms, struct error *err);
/* All stand still, at the time of the one that is ahead; all run on, as one. */
int clocks_freeze(struct clocks *clocks, struct error *err);
int clocks_run(struct clocks *clocks, struct error *err);

/* Called before each step of an advance: what the clocks show and where they are to go. */
typedef void clocks_progress_fn(void *ctx, uint64_t now_ms, uint64_t to_ms);
void clocks_on_progress(struct clocks *clocks, clocks_progress_fn *fn, void *ctx);

uint64_t clocks_steps(const struct clocks *clocks);       /* of all advances so far */

/* Those that take part, in the order of their names; i from 0. */
struct clocks_member {
	const char *name;           /* "router" */
	bool manual, stopped;
	uint64_t now_ms;
	uint64_t next_due_ms;       /* UINT64_MAX: no timer is set */
};
bool clocks_member(const struct clocks *clocks, size_t i, struct clocks_member *out);

#endif
