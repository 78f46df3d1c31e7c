#ifndef BRAMBLE_BASE_IO_HISTORY_H
#define BRAMBLE_BASE_IO_HISTORY_H

#include "base/control.h"
#include "base/error.h"
#include "base/io/loop.h"
#include "base/trail.h"

/* The history of a process: every entry of its trail as a line of a file, so that `bramble check` can tell afterwards whether all kept to
 * the rules (docs/history.md has the format). What others see of an operation leaves after its lines were handed to the system, so a
 * process that is killed takes none of that with it.
 *
 * Off unless there is a path; then it costs nothing. Format: ours. */
struct history;

enum { HISTORY_VERSION = 2 };
#define HISTORY_SUFFIX ".jsonl"           /* of a file; any other path is a folder, made when missing, with a file for each process */

struct history_settings {
	const char *path;            /* NULL or "": off */
	const char *process;         /* "collab"; its file in a folder is collab-PID.jsonl. Lines are added to a file that is there */
	uint64_t max_bytes;          /* of this process; then a line history.full is the last. 0: HISTORY_LIMIT */
};
#define HISTORY_LIMIT 1073741824u

/* The first line, history.begin, is written at once. NULL with a sentence when the file cannot be written. trail and loop outlive it. */
struct history *history_open(struct loop *loop, struct trail *trail, const struct history_settings *settings, struct error *err);
void history_free(struct history **history);     /* the last line is history.end: what follows happened to nobody */

/* Notes history.mark: what the process holds now (descriptors, memory, timers, watched descriptors) and what fn adds as numbers, at most
 * HISTORY_COUNTS of them. */
enum { HISTORY_COUNTS = 8 };
typedef void history_count_fn(void *ctx, struct trail_entry *entry);
void history_count(struct history *history, history_count_fn *fn, void *ctx);
void history_mark(struct history *history, const char *name);
/* One more number of an entry; bug() when there is no place. */
void history_number(struct trail_entry *entry, const char *name, uint64_t value);

/* For simulations (base/io/simulated.h): the process dies at the so many-th line from now on, from 1: at once, and with it goes what of that round
 * of its loop has not been written; or, unsent, when the lines of the round are written and before anything that came of it has left.
 * A later order replaces it; 0 takes it back. */
void history_die(struct history *history, uint64_t lines, bool unsent);

/* The verb history.mark; ctx is the struct history. */
extern const struct control_verb history_verbs[];

#endif
