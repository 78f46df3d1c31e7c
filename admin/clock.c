#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/place.h"
#include "admin/table.h"
#include "base/io/clocks.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"

/* `bramble clock`: the clocks of all processes that have a control socket in the installation's run_dir, moved as one. */

enum { PROGRESS_MS = 200 };

/* Who has already told it on a terminal need not be told more often. */
struct progress {
	uint64_t start_ms, told_ms;
	bool shown;
};

static void show_progress(void *ctx, uint64_t now_ms, uint64_t to_ms)
{
	struct progress *p = ctx;
	uint64_t real_ms = loop_real_us() / 1000;

	if (real_ms - p->told_ms < PROGRESS_MS)
		return;
	p->told_ms = real_ms;
	p->shown = true;
	fprintf(stderr, "\r\033[K%3u %%  %s", (unsigned)((now_ms - p->start_ms) * 100 / (to_ms - p->start_ms)),
		duration_text(now_ms - p->start_ms));
}

static json_t *clocks_json(const struct clocks *clocks)
{
	json_t *list = json_array();
	struct clocks_member m;

	for (size_t i = 0; clocks_member(clocks, i, &m); i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:o}", "process", m.name, "clock",
			m.stopped ? "stopped" : m.manual ? "stands" : "runs", "now_ms", (json_int_t)m.now_ms, "next_in_ms",
			m.next_due_ms == UINT64_MAX ? json_null() : json_integer((json_int_t)(m.next_due_ms - m.now_ms))));
	return list;
}

/* 0, or the exit status of what went wrong, after saying it. */
static int join(const struct command_common *common, struct clocks **clocks)
{
	struct error err = { "" };
	struct place place;
	int rc = place_open(&place, common->dir, common->config, &err);
	int status = EXIT_CONFIG;

	*clocks = clocks_new(NULL);
	if (rc == 0) {
		status = EXIT_REFUSED;
		rc = clocks_join(*clocks, place.run_dir, &err);
	}
	place_close(&place);
	if (rc == 0)
		return 0;
	clocks_free(clocks);
	return command_fail(status, "%s", err.text);
}

static int tell(struct clocks *clocks, bool json, const char *sentence)
{
	static const struct table_column columns[] = {
		{ "process", "PROCESS" }, { "clock", "CLOCK" }, { "now_ms", "NOW MS" }, { "next_in_ms", "NEXT IN MS" }, { NULL, NULL },
	};
	json_t *out = json_pack("{s:s, s:I, s:I, s:o}", "clock", clocks_are_manual(clocks) ? "stands" : "runs", "now_ms",
		(json_int_t)clocks_now_ms(clocks), "steps", (json_int_t)clocks_steps(clocks), "processes", clocks_json(clocks));

	if (json)
		table_json(out);
	else if (sentence)
		printf("%s\n", sentence);
	else
		table_print(json_object_get(out, "processes"), columns);
	json_decref(out);
	clocks_free(&clocks);
	return EXIT_DONE;
}

static int show(int argc, char **argv)
{
	const struct command_usage usage = { .takes_place = true, .takes_json = true,
		.help = "Shows the clock of each process and when its next timer is due." };
	struct command_common common;
	struct clocks *clocks;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = join(&common, &clocks);
	return status ? status : tell(clocks, common.json, NULL);
}

static int advance(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "TIME", .least = 1, .most = 1, .takes_place = true, .takes_json = true,
		.help = "Moves clocks that stand by TIME (90s, 31m, 30d), from timer to timer, whosever it is; before each step, and when it\n"
			"returns, nothing is under way in any process and between them." };
	struct command_common common;
	const char *args[1] = { NULL };
	struct progress progress = { 0 };
	struct error err = { "" };
	struct clocks *clocks;
	char *sentence;
	uint64_t by_ms;
	int status, rc;

	command_parse(&usage, argc, argv, &common, args);
	if (duration_parse(args[0], &by_ms, &err) != 0)
		return command_fail(EXIT_USAGE, "%s", err.text);
	status = join(&common, &clocks);
	if (status)
		return status;
	progress.start_ms = clocks_now_ms(clocks);
	if (isatty(STDERR_FILENO))
		clocks_on_progress(clocks, show_progress, &progress);
	rc = clocks_advance(clocks, progress.start_ms + by_ms, &err);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	if (rc != 0) {
		status = command_fail(clocks_were_late(clocks) ? EXIT_TIMEOUT : EXIT_REFUSED, "%s", err.text);
		clocks_free(&clocks);
		return status;
	}
	sentence = memory_printf("The clocks went on by %s in %llu steps and stand at %llu ms.", duration_text(by_ms),
		(unsigned long long)clocks_steps(clocks), (unsigned long long)clocks_now_ms(clocks));
	status = tell(clocks, common.json, sentence);
	free(sentence);
	return status;
}

static int change(int argc, char **argv, int (*how)(struct clocks *, struct error *), const char *help, const char *sentence)
{
	const struct command_usage usage = { .takes_place = true, .takes_json = true, .help = help };
	struct command_common common;
	struct error err = { "" };
	struct clocks *clocks;
	int status;

	command_parse(&usage, argc, argv, &common, NULL);
	status = join(&common, &clocks);
	if (status)
		return status;
	if (how(clocks, &err) != 0) {
		status = command_fail(clocks_were_late(clocks) ? EXIT_TIMEOUT : EXIT_REFUSED, "%s", err.text);
		clocks_free(&clocks);
		return status;
	}
	return tell(clocks, common.json, sentence);
}

static int freeze(int argc, char **argv)
{
	return change(argc, argv, clocks_freeze, "Lets the clocks stand still: timeouts, status intervals and leases wait until they are moved or run.",
		"The clocks stand.");
}

static int run_on(int argc, char **argv)
{
	return change(argc, argv, clocks_run, "Lets clocks that stand run by themselves again, from what they show.", "The clocks run.");
}

int clock_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "show", "what each process's clock shows", show, false },
		{ "advance", "move clocks that stand", advance, false },
		{ "freeze", "let them stand", freeze, false },
		{ "run", "let them run", run_on, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "the clock of a lab: all its processes go by it", table, argc, argv);
}
