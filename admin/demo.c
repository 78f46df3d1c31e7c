#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/demo_stage.h"
#include "base/io/loop.h"
#include "base/log.h"

/* `bramble demo`: the documented login flows on real processes. It starts labs of its own, drives simulated devices as a
 * person would, prints every login step by step, and says of each outcome whether it is the documented one. */

/* --- start and end ------------------------------------------------------------------------------------------------------- */

enum { LOGINS = 9 };

struct act {
	const char *backend, *profile;
	void (*story)(struct demo *demo);
};

static int start_lab(struct demo *demo, const struct act *act, bool keep)
{
	struct lab_options options = { .dir = demo->dir, .backend = act->backend, .profile = act->profile, .has_offset = true };
	enum lab_backend backend;
	int offset, status = EXIT_BIND;

	if (lab_backend_parse(act->backend, &backend, &demo->err) != 0)
		return command_fail(EXIT_INTERNAL, "%s", demo->err.text);
	offset = lab_free_offset(backend, 0);
	if (offset < 0)
		return command_fail(EXIT_BIND, "no free ports were found for router, dispatcher and IM server");
	options.port_offset = (unsigned)offset;
	demo->lab = lab_start(&options, &status, &demo->err);
	if (!demo->lab)
		return command_fail(status, "%s", demo->err.text);
	printf("%sBramble: Router 127.0.0.1:%u, Dispatcher 127.0.0.1:%u, ", act->profile ? "\n" : "", lab_port(demo->lab, LAB_ROUTER),
		lab_port(demo->lab, LAB_DISPATCHER));
	if (backend == LAB_BACKEND_CWA)
		printf("Communicator Web Access 127.0.0.1:%u (TLS), Communications Server 127.0.0.1:%u (mutual TLS)\n",
			lab_port(demo->lab, LAB_CWA), lab_port(demo->lab, LAB_OCS));
	else
		printf("GroupWise Messenger 127.0.0.1:%u (TLS)\n", lab_port(demo->lab, LAB_GROUPWISE));
	if (offset)
		printf("Of the usual ports some are taken, so all have moved up by %d.\n", offset);
	if (keep)
		printf("Everything is in %s\n", lab_dir(demo->lab));
	return EXIT_DONE;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
	(void)about;
	(void)kind;
	(void)place;
	return remove(path);
}

static const struct act acts[] = {
	{ "groupwise", NULL, demo_story_groupwise },
	{ "cwa", "ocs2007", demo_story_cwa },
	{ "cwa", "lcs2005", demo_story_cwa_json },
};
enum { ACTS = sizeof acts / sizeof acts[0] };

/* One IM system: a lab of its own, its story, and the lab's end. 0, or the exit status. */
static int play(struct demo *demo, const struct act *act, bool keep)
{
	int status;

	snprintf(demo->dir, sizeof demo->dir, "%s/bramble-demo-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(demo->dir))
		return command_fail(EXIT_CONFIG, "no folder can be made like %s", demo->dir);
	status = start_lab(demo, act, keep);
	if (status == EXIT_DONE) {
		act->story(demo);
		for (int i = 0; i < DEMO_USERS; i++)
			demo_device_stop(&demo->devices[i]);
		lab_stop(&demo->lab);
		json_decref(demo->told);
		demo->told = NULL;
	}
	if (!keep && status == EXIT_DONE && !demo->differs)
		nftw(demo->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	else
		printf("The logs are in %s/log\n", demo->dir);
	return status;
}

int demo_command(int argc, char **argv)
{
	bool keep = false;
	const struct command_option options[] = {
		{ .name = "keep", .help = "leave the labs' folders with their logs and captures behind, and say where", .set = &keep },
		{ 0 },
	};
	const struct command_usage usage = { .help = "For each IM system starts a lab of its own, runs the documented login flows on it, and prints each as the "
		"numbered steps of the vendor's process flow with what really happened. Ends with 1 if anything differs from "
		"the documented outcome.", .options = options };
	struct command_common common;
	uint64_t started_us = loop_real_us();
	struct demo demo = { 0 };
	int status = EXIT_DONE;

	command_parse(&usage, argc, argv, &common, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (readlink("/proc/self/exe", demo.tool, sizeof demo.tool - 1) < 0)
		return command_fail(EXIT_INTERNAL, "/proc/self/exe cannot be read");
	snprintf(demo.sim, sizeof demo.sim, "%.*s/bramble-sim", (int)(strrchr(demo.tool, '/') - demo.tool), demo.tool);
	for (size_t i = 0; i < ACTS && status == EXIT_DONE && !demo.differs; i++)
		status = play(&demo, &acts[i], keep);
	if (status != EXIT_DONE)
		return status;
	printf("\n%u logins, %u checks, %u differ from the documents; %.1f s\n", demo.logins, demo.checks, demo.differs,
		(double)(loop_real_us() - started_us) / 1e6);
	return demo.differs || demo.logins < LOGINS ? EXIT_REFUSED : EXIT_DONE;
}
