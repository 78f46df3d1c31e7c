#ifndef BRAMBLE_SIMULATOR_SCENARIO_PLAY_H
#define BRAMBLE_SIMULATOR_SCENARIO_PLAY_H

#include "base/io/clocks.h"
#include "simulator/scenario/scenario_lab.h"
#include "simulator/scenario/scenario_players.h"
#include "simulator/scenario/scenario_report.h"

/* One scenario while it runs. The devices live on this process's own loop, whose clock is moved together with those of the lab's
 * processes; every step ends when all of them are quiet, so what follows it has the same to look at each time. */
struct scenario_group { char *name; bool *has; };     /* has[i]: is player i in it */
struct scenario_mark { char *name; uint64_t at_ms; };

struct scenario_play {
	const struct scenario *scenario;
	const struct scenario_cast *cast;
	struct loop *loop;
	struct clocks *clocks;
	struct scenario_lab *lab;
	struct scenario_players players;
	struct scenario_group *groups;
	struct scenario_mark *marks;
	size_t group_count, mark_count;
	uint64_t random;                  /* state of the lots */
	uint64_t started_ms;
	unsigned depth;
	bool has_real_faults;             /* messages in pieces leave a millisecond of real time apart: nobody is busy meanwhile */
	const volatile int *stopped;      /* a signal came */
	const struct scenario_report *report;
	struct scenario_story *story;
	struct scenario_result *result;   /* of the step under way; NULL between steps */
	size_t steps_seen;                /* rows of `trace failover` that an assertion has had */
	json_t *history;                  /* `session list --history`, asked once per step; NULL: not yet */
};

struct scenario_options {
	const char *lab;                  /* the folder of one that runs; NULL: one of its own */
	const char *backend, *profile;    /* of a lab of its own; NULL: as `bramble lab up` chooses */
	const char *database;             /* the URL, likewise */
	uint64_t seed;
	bool check_history;               /* its processes and ours write one, which is checked at the end */
	bool keep;                        /* its folder, also when all is well */
	const volatile int *stopped;      /* a signal came */
};

/* Runs it from lab up to lab down; all that comes of it goes into the story. */
void scenario_play(const struct scenario *scenario, const struct scenario_cast *cast, const struct scenario_options *options,
	const struct scenario_report *report, struct scenario_story *story);

/* --- for the steps --- */

/* EXIT_DONE, or the exit status that fits with a sentence; EXIT_REFUSED of an assertion: it does not hold. */
typedef int scenario_step_fn(struct scenario_play *play, const struct scenario_node *node, struct error *err);
extern scenario_step_fn *const scenario_steps[SCENARIO_WORDS];           /* scenario_steps.c */
extern scenario_step_fn *const scenario_expectations[SCENARIO_WORDS];    /* scenario_expect.c */

/* The players that a device= names, in the file's order: after at (NULL: the first), or NULL. */
struct scenario_player *scenario_next_player(const struct scenario_play *play, const char *names, struct scenario_player *at);
/* The moment of a mark; NULL: the scenario's start. -1 with a sentence if it was not reached yet. */
int scenario_mark_ms(const struct scenario_play *play, const char *name, uint64_t *ms, struct error *err);
void scenario_mark_set(struct scenario_play *play, const char *name);
/* A lot: 0 to below - 1. The same numbers for the same seed. */
uint64_t scenario_lot(struct scenario_play *play, uint64_t below);
/* Until all processes are quiet. */
int scenario_settle(struct scenario_play *play, struct error *err);

#endif
