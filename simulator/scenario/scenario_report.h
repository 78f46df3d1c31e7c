#ifndef BRAMBLE_SIMULATOR_SCENARIO_REPORT_H
#define BRAMBLE_SIMULATOR_SCENARIO_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/bytes.h"
#include "simulator/scenario/scenario_file.h"

/* What came of the scenarios of one run: every step with its outcome, and three ways to print it. */
#define SCENARIO_TOLD_MAX 8               /* lines kept of what devices were told in one step; the others are counted */

struct scenario_result {
	unsigned line, depth;             /* in the file; in how many repeat or any it stands */
	uint64_t from_ms, to_ms;          /* virtual, since the scenario's start */
	char *words;
	bool asserts;
	int status;                       /* EXIT_DONE: done, or it holds; EXIT_REFUSED of an assertion: it does not hold */
	char *why;                        /* NULL when it is done */
	char *told[SCENARIO_TOLD_MAX];
	size_t told_count, told_more;
};

struct scenario_story {
	char *file, *name, *about, *source, *sentence;
	uint64_t seed;
	char *backend;              /* NULL: no lab came up */
	struct scenario_result *results;
	size_t count, room;
	size_t assertions, failed;        /* failed: assertions that do not hold, and steps that could not be done */
	int status;                       /* the first that is not EXIT_DONE */
	char *why;                        /* what kept it from running at all, or from ending well; NULL: nothing */
	char *kept;                       /* the folder with its logs, when it stays */
	uint64_t virtual_ms, real_us;
};

struct scenario_report {
	struct scenario_story *stories;
	size_t count;
	FILE *out;                        /* steps as they come; NULL: no text */
	bool colours;
};

struct scenario_story *scenario_report_begin(struct scenario_report *report, const struct scenario *scenario, uint64_t seed);
/* The file could not be read: a story without a name. */
struct scenario_story *scenario_report_unread(struct scenario_report *report, const char *file);
/* Prints what the story is about, before its first step. */
void scenario_story_head(const struct scenario_report *report, const struct scenario_story *story);
/* One more step; what is in told belongs to the story from here on. */
void scenario_story_step(const struct scenario_report *report, struct scenario_story *story, const struct scenario_result *result);
/* It did not run, or did not end well: also when the steps were good. */
void scenario_story_broken(struct scenario_story *story, int status, const char *why);
/* Its last lines: how to repeat what failed, and where the logs are. */
void scenario_story_end(const struct scenario_report *report, const struct scenario_story *story);

/* What failed, for a run without text. */
void scenario_story_failure(const struct scenario_story *story, FILE *out);

/* `3 scenarios, 41 assertions: all hold`. */
void scenario_report_summary(const struct scenario_report *report, FILE *out);
/* The exit status of all: the first that is not EXIT_DONE. */
int scenario_report_status(const struct scenario_report *report);
json_t *scenario_report_json(const struct scenario_report *report);     /* the caller owns it */
/* JUnit's XML: a testsuite per scenario, a testcase per assertion, and one for a step that could not be done. */
void scenario_report_junit(const struct scenario_report *report, struct buf *out);
void scenario_report_free(struct scenario_report *report);

#endif
