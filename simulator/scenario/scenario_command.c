#include "simulator/scenario/scenario_command.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/io/daemon.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/scenario/scenario_play.h"

struct options {
	struct scenario_options play;
	const char *junit;
	bool json, quiet, check, has_seed;
};

static volatile int stopped;

/* The first ends the run in order; a second one ends the process, and the lab with it. */
static void on_signal(int number)
{
	if (stopped)
		_exit(EXIT_REFUSED);
	stopped = number;
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: bramble-sim run [OPTIONS] FILE.xml...\n\n"
		"Runs scenarios: each on a lab of its own, on free ports, that is started for it and ended after it, with all clocks moved by\n"
		"hand. Prints what happens and what devices are told, and says of each assertion whether it holds. docs/scenarios.md has\n"
		"the format; ready ones are in simulator/scenarios/.\n\n"
		"  --check           only read the files\n"
		"  --lab DIR         on the lab that runs in this folder; its clock must be manual\n"
		"  --backend NAME    the IM system of the labs that are started: groupwise or cwa [groupwise]\n"
		"  --profile NAME    of cwa: ocs2007 or lcs2005 [ocs2007]\n"
		"  --database URL    of the labs that are started: postgresql://..., where each makes a schema of its own, which stays\n"
		"  --check-history   all processes write a history, and `bramble check` must find that it keeps to every rule (docs/history.md)\n"
		"  --seed N          what choose and any draw [another one each time; it is printed]\n"
		"  --json            the results as one JSON object\n"
		"  --junit FILE      the results also as JUnit XML\n"
		"  --keep            leave the lab's folder with its logs; that of a run that failed is always left\n"
		"  -q, --quiet       only the last line, and what failed\n"
		"  -h, --help        this text\n\n"
		"exit status: 0 all hold, 1 an assertion failed or a step was refused, 2 usage, 3 a file is wrong, 6 something was not quiet in time\n");
}

static int refuse(const char *option, const char *why)
{
	fprintf(stderr, "bramble-sim run: %s: %s\n", option, why);
	return EXIT_USAGE + 1;
}

/* 0 to go on; else the exit status plus one, so that --help can end well. */
static int read_options(int argc, char **argv, struct options *o)
{
	enum { CHECK = 256, CHECK_HISTORY, LAB, BACKEND, PROFILE, DATABASE, SEED, JSON, JUNIT, KEEP };
	static const struct option known[] = {
		{ "check", no_argument, NULL, CHECK }, { "check-history", no_argument, NULL, CHECK_HISTORY }, { "lab", required_argument, NULL, LAB },
		{ "backend", required_argument, NULL, BACKEND }, { "profile", required_argument, NULL, PROFILE }, { "seed", required_argument, NULL, SEED },
		{ "json", no_argument, NULL, JSON }, { "junit", required_argument, NULL, JUNIT }, { "keep", no_argument, NULL, KEEP },
		{ "database", required_argument, NULL, DATABASE },
		{ "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int c;

	*o = (struct options){ .play = { .stopped = &stopped } };
	while ((c = getopt_long(argc, argv, "hq", known, NULL)) != -1) {
		switch (c) {
		case CHECK:
			o->check = true;
			break;
		case CHECK_HISTORY:
			o->play.check_history = true;
			break;
		case LAB:
			o->play.lab = optarg;
			break;
		case BACKEND:
			if (strcmp(optarg, "groupwise") != 0 && strcmp(optarg, "cwa") != 0)
				return refuse("--backend", "it is groupwise or cwa");
			o->play.backend = optarg;
			break;
		case PROFILE:
			if (strcmp(optarg, "ocs2007") != 0 && strcmp(optarg, "lcs2005") != 0)
				return refuse("--profile", "it is ocs2007 or lcs2005");
			o->play.profile = optarg;
			break;
		case DATABASE:
			if (!strstr(optarg, "://") || strstr(optarg, "options="))
				return refuse("--database", "it is postgresql://..., without options= in it");
			o->play.database = optarg;
			break;
		case SEED:
			if (!*optarg || strspn(optarg, "0123456789") != strlen(optarg) || strlen(optarg) > 18)
				return refuse("--seed", "it is a number of at most 18 digits");
			o->play.seed = strtoull(optarg, NULL, 10);
			o->has_seed = true;
			break;
		case JSON:
			o->json = true;
			break;
		case JUNIT:
			o->junit = optarg;
			break;
		case KEEP:
			o->play.keep = true;
			break;
		case 'q':
			o->quiet = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_DONE + 1;
		default:
			return EXIT_USAGE + 1;      /* getopt has said why */
		}
	}
	if (o->play.profile && (!o->play.backend || strcmp(o->play.backend, "cwa") != 0))
		return refuse("--profile", "it goes with --backend cwa");
	if (o->play.lab && (o->play.backend || o->play.database))
		return refuse(o->play.backend ? "--backend" : "--database", "a lab that runs has its own");
	if (o->play.lab && o->play.check_history)
		return refuse("--check-history", "a lab that runs writes its history as its settings say; bramble check reads it");
	if (optind == argc)
		return refuse("FILE", "a scenario is needed; ready ones are in simulator/scenarios/");
	return 0;
}

/* Reads and checks; what is wrong is told, and makes the story of a file that could not be read. */
static struct scenario *read_file(struct scenario_report *report, const char *file, struct scenario_cast *cast)
{
	struct scenario *scenario;
	struct error err;

	*cast = (struct scenario_cast){ 0 };
	scenario = scenario_load(file, &err);
	if (scenario && scenario_cast_make(scenario, cast, &err) == 0 && scenario_check(scenario, cast, &err) == 0)
		return scenario;
	fprintf(stderr, "bramble-sim run: %s\n", err.text);
	scenario_story_broken(scenario_report_unread(report, file), EXIT_CONFIG, err.text);
	scenario_cast_free(cast);
	scenario_free(&scenario);
	return NULL;
}

static void run_file(struct scenario_report *report, const struct options *o, const char *file)
{
	struct scenario_cast cast;
	struct scenario *scenario = read_file(report, file, &cast);
	struct scenario_story *story;

	if (!scenario)
		return;
	if (o->check) {
		if (report->out)
			fprintf(report->out, "%s: good\n", file);
	} else {
		story = scenario_report_begin(report, scenario, o->play.seed);
		scenario_play(scenario, &cast, &o->play, report, story);
		if (!report->out && story->status != EXIT_DONE)
			scenario_story_failure(story, stderr);
	}
	scenario_cast_free(&cast);
	scenario_free(&scenario);
}

static int write_junit(const struct scenario_report *report, const char *path)
{
	FILE *file = fopen(path, "w");
	struct buf text = { 0 };
	bool good;

	scenario_report_junit(report, &text);
	good = file && fwrite(text.data, 1, text.len, file) == text.len;
	good = file && fclose(file) == 0 && good;
	buf_free(&text);
	if (!good)
		fprintf(stderr, "bramble-sim run: --junit: %s cannot be written: %s\n", path, strerror(errno));
	return good ? EXIT_DONE : EXIT_CONFIG;
}

static void print_json(const struct scenario_report *report)
{
	json_t *all = scenario_report_json(report);

	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static int run(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct scenario_report report = { 0 };
	struct options o;
	int status = read_options(argc, argv, &o);

	if (status)
		return status - 1;
	log_open("run");
	log_set_level(LOG_ERROR);
	daemon_raise_descriptors();
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	if (!o.has_seed) {
		uint32_t seed;

		if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
			fatal(EXIT_INTERNAL, "no random numbers: %s", strerror(errno));
		o.play.seed = seed;
	}
	report.out = o.json || o.quiet ? NULL : stdout;
	report.colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	for (int i = optind; i < argc && !stopped; i++)
		run_file(&report, &o, argv[i]);
	status = scenario_report_status(&report);
	if (o.junit && write_junit(&report, o.junit) != EXIT_DONE && status == EXIT_DONE)
		status = EXIT_CONFIG;
	if (o.json)
		print_json(&report);
	else if (!o.check)
		scenario_report_summary(&report, stdout);
	scenario_report_free(&report);
	return stopped && status == EXIT_DONE ? EXIT_REFUSED : status;
}

const struct sim_command sim_run = {
	.name = "run",
	.help = "scenarios: situations from a file, on real processes and a clock moved by hand",
	.run = run,
};
