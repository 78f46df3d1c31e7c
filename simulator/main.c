#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "simulator/command.h"
#include "simulator/cwa/cwa.h"
#include "simulator/device/device_command.h"
#include "simulator/groupwise/groupwise.h"
#include "simulator/load/load_command.h"
#include "simulator/ocs/ocs.h"
#include "simulator/relay/relay.h"
#include "simulator/scenario/scenario_command.h"

static const struct sim_command *const commands[] = {
	&sim_device,
	&sim_groupwise,
	&sim_cwa,
	&sim_ocs,
	&sim_relay,
	&sim_run,
	&sim_load,
	NULL,
};

static void usage(FILE *out)
{
	fprintf(out, "usage: bramble-sim COMMAND [OPTIONS]     (bramble-sim COMMAND --help says more)\n\n");
	for (const struct sim_command *const *c = commands; *c; c++)
		fprintf(out, "  %-12s %s\n", (*c)->name, (*c)->help);
	fprintf(out, "\n  --help       this text\n  -V           the version\n");
}

static int unknown(const char *typed)
{
	const char *names[sizeof commands / sizeof commands[0]] = { NULL };
	char near[64];

	for (size_t i = 0; commands[i]; i++)
		names[i] = commands[i]->name;
	fprintf(stderr, "bramble-sim: unknown command \"%s\"%s (bramble-sim --help lists them)\n", typed,
		did_you_mean(typed, names, near, sizeof near));
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	log_open("bramble-sim");
	memory_of_libraries();
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0) {
		printf("bramble-sim %s\n", BRAMBLE_VERSION);
		return EXIT_DONE;
	}
	for (const struct sim_command *const *c = commands; *c; c++) {
		if (strcmp((*c)->name, argv[1]) == 0)
			return (*c)->run(argc - 1, argv + 1);
	}
	return unknown(argv[1]);
}
