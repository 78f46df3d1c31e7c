#ifndef BRAMBLE_BASE_IO_CLOCK_MEMBER_H
#define BRAMBLE_BASE_IO_CLOCK_MEMBER_H

#include <jansson.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/io/loop.h"

/* One process whose clock is moved with others (clocks.h): its control socket, what it was asked, and what it said last. */
struct clock_member {
	char *name, *path;       /* "router" */
	int fd;
	pid_t pid;
	struct buf in;
	uint64_t asked;          /* ids of the last question and of the last answer */
	uint64_t answered;
	bool stopped;            /* SIGSTOP: it answers when it goes on */
	bool gone;
	bool deaf;               /* it does not know the clock verbs */
	bool manual;
	uint64_t now_ms, next_due_ms;
	struct loop_work work;
};

/* Dials run_dir/file, whose name ends with .sock. NULL when nobody answers there: what a killed process left behind. */
struct clock_member *clock_member_dial(const char *run_dir, const char *file);
void clock_member_free(struct clock_member *member);

/* Asks one more thing; params is borrowed, NULL for none. The answers come in the order of the questions. */
void clock_member_ask(struct clock_member *member, const char *verb, const json_t *params);
/* Takes the answers that have come. -1 with a sentence when it refused. */
int clock_member_take(struct clock_member *member, struct error *err);
/* An answer is awaited from it. */
bool clock_member_owes(const struct clock_member *member);
/* Is the process stopped now, by what the system says? */
bool clock_member_is_stopped(const struct clock_member *member);

#endif
