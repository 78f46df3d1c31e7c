#ifndef BRAMBLE_BASE_DEATH_H
#define BRAMBLE_BASE_DEATH_H

#include <stdbool.h>

#include "base/error.h"

/* Death at a named point, on order: a test tells a process where to die, and looks what the others and its next life make of that. It dies as
 * by kill -9: nothing is closed, written or said any more.
 *
 * Points are the events of its history (docs/history.md), and seat.commit.before, seat.commit.after, commit.before and commit.after around what
 * is stored in the database: with a seat in it, and without. Compiled in with -DBRAMBLE_DEATHS alone, which the Makefile gives to builds with
 * sanitizers; in others there is nothing to order. Source: ours. */

#ifdef BRAMBLE_DEATHS

/* At the nth time from now on (from 1). unsent: not at once, but when the lines of that round of the loop are in the history and nothing that
 * came of it has left. A later order replaces it. -1 with a sentence when there is no such thing as the nth. */
int death_order(const char *point, long nth, bool unsent, struct error *err);
/* The process is at this point; from any thread. */
void death_at(const char *point);
/* Nothing of this round has left yet. */
void death_unsent(void);

#else

static inline void death_at(const char *point)
{
	(void)point;
}

static inline void death_unsent(void)
{
}

#endif
#endif
