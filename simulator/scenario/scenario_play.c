#include "simulator/scenario/scenario_play.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/clock_verbs.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	FAILURES_MAX = 20,      /* what comes after so many only repeats them */
	PIECES_MS = 300,        /* the longest message in pieces takes 256 */
};

/* --- for the steps -------------------------------------------------------------------------------------------------------- */

/* A group goes by its whole name: a pattern means devices. */
static bool names_group(const char *names, const char *group)
{
	size_t len = strlen(group);

	for (; *names; names += strcspn(names, " "), names += *names == ' ') {
		if (strncmp(names, group, len) == 0 && (names[len] == ' ' || !names[len]))
			return true;
	}
	return false;
}

static bool is_in_group(const struct scenario_play *play, const char *names, size_t player)
{
	for (size_t i = 0; i < play->group_count; i++) {
		if (play->groups[i].has[player] && names_group(names, play->groups[i].name))
			return true;
	}
	return false;
}

struct scenario_player *scenario_next_player(const struct scenario_play *play, const char *names, struct scenario_player *at)
{
	for (size_t i = at ? (size_t)(at - play->players.list) + 1 : 0; i < play->players.count; i++) {
		if (scenario_names_match(names, play->players.list[i].role->id) || is_in_group(play, names, i))
			return &play->players.list[i];
	}
	return NULL;
}

int scenario_mark_ms(const struct scenario_play *play, const char *name, uint64_t *ms, struct error *err)
{
	*ms = play->started_ms;
	if (!name)
		return 0;
	for (size_t i = 0; i < play->mark_count; i++) {
		if (strcmp(play->marks[i].name, name) == 0) {
			*ms = play->marks[i].at_ms;
			return 0;
		}
	}
	return error_set(err, "the mark %s was not reached", name);
}

void scenario_mark_set(struct scenario_play *play, const char *name)
{
	size_t i = 0;

	while (i < play->mark_count && strcmp(play->marks[i].name, name) != 0)
		i++;
	if (i == play->mark_count) {
		play->marks = memory_resize(play->marks, (play->mark_count + 1) * sizeof *play->marks);
		play->marks[play->mark_count++].name = memory_str(name);
	}
	play->marks[i].at_ms = clocks_now_ms(play->clocks);
}

/* splitmix64: small, and the same on every machine. Source: ours. */
uint64_t scenario_lot(struct scenario_play *play, uint64_t below)
{
	uint64_t z = play->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return below ? (z ^ (z >> 31)) % below : 0;
}

/* Until nothing has happened here for so long. */
static void await_pieces(struct scenario_play *play)
{
	uint64_t last_us = loop_real_us();

	while (loop_real_us() - last_us < PIECES_MS * UINT64_C(1000)) {
		if (loop_round(play->loop, 10))
			last_us = loop_real_us();
	}
}

int scenario_settle(struct scenario_play *play, struct error *err)
{
	if (clocks_settle(play->clocks, err))
		return EXIT_TIMEOUT;
	if (!play->has_real_faults)
		return EXIT_DONE;
	await_pieces(play);
	return clocks_settle(play->clocks, err) ? EXIT_TIMEOUT : EXIT_DONE;
}

/* --- the walk --------------------------------------------------------------------------------------------------------------- */

static void told(void *ctx, const char *words)
{
	struct scenario_play *play = ctx;

	if (!play->result)
		return;
	if (play->result->told_count < SCENARIO_TOLD_MAX)
		play->result->told[play->result->told_count++] = memory_str(words);
	else
		play->result->told_more++;
}

static void begin(const struct scenario_play *play, const struct scenario_node *node, struct scenario_result *result)
{
	struct buf words = { 0 };

	scenario_words(node, &words);
	*result = (struct scenario_result){ .line = node->line, .depth = play->depth, .words = memory_str(buf_cstr(&words)),
		.asserts = scenario_elements[node->word].kind == KIND_ASSERTION, .from_ms = clocks_now_ms(play->clocks) - play->started_ms };
	buf_free(&words);
}

/* One step that is not made of others. */
static int carry_out(struct scenario_play *play, const struct scenario_node *node)
{
	struct scenario_result result;
	struct error err = { "" };

	begin(play, node, &result);
	play->result = &result;
	if (result.asserts) {
		result.status = scenario_expectations[node->word](play, node, &err);
	} else {
		result.status = scenario_steps[node->word](play, node, &err);
		if (result.status == EXIT_DONE && scenario_elements[node->word].kind != KIND_ORDER_STEP)
			result.status = scenario_settle(play, &err);
	}
	play->result = NULL;
	json_decref(play->history);
	play->history = NULL;
	result.to_ms = clocks_now_ms(play->clocks) - play->started_ms;
	if (result.status != EXIT_DONE)
		result.why = memory_str(err.text);
	scenario_story_step(play->report, play->story, &result);
	/* After a step that could not be done the rest means something else; after an assertion that fails it still says something. */
	if (result.status != EXIT_DONE && !(result.asserts && result.status == EXIT_REFUSED))
		return -1;
	return play->story->failed < FAILURES_MAX ? 0 : -1;
}

static int walk(struct scenario_play *play, const struct scenario_node *node);

static int walk_any(struct scenario_play *play, const struct scenario_node *node)
{
	const struct scenario_node *picked = node->first;
	struct scenario_node alone;
	uint64_t count = 0, lot;
	int rc;

	for (const struct scenario_node *child = node->first; child; child = child->next)
		count++;
	for (lot = scenario_lot(play, count); lot; lot--)
		picked = picked->next;
	alone = *picked;
	alone.next = NULL;
	play->depth++;
	rc = walk(play, &alone);
	play->depth--;
	return rc;
}

static int walk_repeat(struct scenario_play *play, const struct scenario_node *node)
{
	int rc = 0;

	play->depth++;
	for (uint64_t i = scenario_number(node, "times", 1); i && rc == 0; i--)
		rc = walk(play, node->first);
	play->depth--;
	return rc;
}

static int walk_on(struct scenario_play *play, const struct scenario_node *node)
{
	int rc;

	if (strcmp(scenario_text(node, "backend"), scenario_lab_backend(play->lab)) != 0)
		return 0;
	play->depth++;
	rc = walk(play, node->first);
	play->depth--;
	return rc;
}

/* -1: it goes no further. Depth is bounded by SCENARIO_DEPTH_MAX. */
static int walk(struct scenario_play *play, const struct scenario_node *node)
{
	int rc = 0;

	for (; node && rc == 0; node = node->next) {
		if (*play->stopped) {
			scenario_story_broken(play->story, EXIT_REFUSED, "ended by a signal");
			return -1;
		}
		if (node->word == WORD_REPEAT)
			rc = walk_repeat(play, node);
		else if (node->word == WORD_ANY)
			rc = walk_any(play, node);
		else if (node->word == WORD_ON)
			rc = walk_on(play, node);
		else
			rc = carry_out(play, node);
	}
	return rc;
}

/* --- from lab up to lab down -------------------------------------------------------------------------------------------------- */

static int join_clocks(struct scenario_play *play, struct error *err)
{
	char *run_dir = memory_printf("%s/run", scenario_lab_dir(play->lab));
	int rc = clocks_join(play->clocks, run_dir, err);

	free(run_dir);
	/* For the whole run: nobody else may let time pass between two steps. */
	if (rc == 0)
		rc = clocks_hold(play->clocks, err);
	if (rc == 0 && !clocks_are_manual(play->clocks))
		rc = error_set(err, "the clock of the lab in %s runs by itself, and a scenario moves it by hand: freeze it with `bramble clock "
			"freeze`, or start the lab with --clock manual", scenario_lab_dir(play->lab));
	return rc;
}

static int everybody_linked(const struct scenario_play *play, struct error *err)
{
	for (size_t i = 0; i < play->players.count; i++) {
		if (!device_is_linked(play->players.list[i].device))
			return error_set(err, "device %s has no link to the router %s", play->players.list[i].role->id, scenario_lab_router(play->lab));
	}
	return 0;
}

/* 0, or the exit status with a sentence. */
static int set_the_stage(struct scenario_play *play, const struct scenario_options *options, struct error *err)
{
	int status;

	if (options->lab)
		play->lab = scenario_lab_open(options->lab, &status, err);
	else
		play->lab = scenario_lab_start(play->scenario, play->cast, options->backend, options->profile, options->database,
			options->check_history, &status, err);
	if (!play->lab)
		return status;
	play->story->backend = memory_str(scenario_lab_backend(play->lab));
	if (join_clocks(play, err))
		return EXIT_REFUSED;
	if (scenario_players_start(&play->players, play->loop, play->cast, scenario_lab_dir(play->lab), scenario_lab_router(play->lab),
		!scenario_lab_is_own(play->lab), options->check_history, err))
		return EXIT_CONFIG;
	status = scenario_settle(play, err);
	if (status == EXIT_DONE && everybody_linked(play, err))
		status = EXIT_TIMEOUT;
	return status;
}

static void leave_the_stage(struct scenario_play *play, const struct scenario_options *options)
{
	struct scenario_story *story = play->story;
	struct error err = { "" };
	/* Who interrupts a run does not ask for its logs. */
	bool keep = options->keep || (story->status != EXIT_DONE && !*play->stopped);

	clocks_free(&play->clocks);
	scenario_players_free(&play->players);
	if (play->lab && scenario_lab_is_own(play->lab)) {
		char *dir = memory_str(scenario_lab_dir(play->lab));

		if (!scenario_lab_end(&play->lab, keep, &err)) {
			scenario_story_broken(story, EXIT_REFUSED, err.text);
			keep = true;
		}
		if (keep)
			story->kept = dir;
		else
			free(dir);
	}
	scenario_lab_end(&play->lab, true, &err);
	for (size_t i = 0; i < play->group_count; i++) {
		free(play->groups[i].name);
		free(play->groups[i].has);
	}
	for (size_t i = 0; i < play->mark_count; i++)
		free(play->marks[i].name);
	free(play->groups);
	free(play->marks);
	loop_free(&play->loop);
}

void scenario_play(const struct scenario *scenario, const struct scenario_cast *cast, const struct scenario_options *options,
	const struct scenario_report *report, struct scenario_story *story)
{
	struct scenario_play play = { .scenario = scenario, .cast = cast, .report = report, .story = story, .random = options->seed,
		.stopped = options->stopped };
	uint64_t began_us = loop_real_us();
	struct error err = { "" };
	int status;

	play.loop = loop_new();
	loop_clock_manual(play.loop, CLOCK_START_MS);
	play.clocks = clocks_new(play.loop);
	play.players.told = told;
	play.players.told_ctx = &play;
	scenario_story_head(report, story);
	status = set_the_stage(&play, options, &err);
	if (status == EXIT_DONE) {
		play.started_ms = clocks_now_ms(play.clocks);
		walk(&play, scenario_child(scenario->root, WORD_STEPS)->first);
		story->virtual_ms = clocks_now_ms(play.clocks) - play.started_ms;
	} else {
		scenario_story_broken(story, status, err.text);
	}
	leave_the_stage(&play, options);
	story->real_us = loop_real_us() - began_us;
	scenario_story_end(report, story);
}
