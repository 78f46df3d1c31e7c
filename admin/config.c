#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/command.h"
#include "admin/lab_process.h"
#include "admin/place.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

static const char *const daemons[] = { "router", "dispatcher", "collab", NULL };

/* Each daemon knows its own settings best: it is asked, by its own option. */
static int ask_daemon(const char *folder, const char *name, const char *option, const char *file)
{
	char *program = memory_printf("%s/bramble-%s", folder, name);
	const char *argv[] = { program, "-c", file, option, NULL };
	pid_t child;
	int status = 0;

	fflush(NULL);
	child = fork();
	if (child == 0) {
		execv(program, (char *const *)(uintptr_t)argv);
		fprintf(stderr, "%s cannot be run: %s\n", program, strerror(errno));
		_exit(EXIT_INTERNAL);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = EXIT_INTERNAL << 8;
	free(program);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL;
}

static int ask_all(int argc, char **argv, const char *option, const char *help)
{
	const struct command_usage usage = { .arguments = "[DAEMON]", .most = 1, .takes_place = true, .help = help };
	char folder[PATH_MAX], hint[64];
	struct command_common common;
	const char *args[1] = { NULL };
	struct error err = { "" };
	struct place place;
	bool any = false;
	int worst = EXIT_DONE;

	command_parse(&usage, argc, argv, &common, args);
	if (lab_programs(folder, sizeof folder, &err) != 0)
		return command_fail(EXIT_INTERNAL, "%s", err.text);
	if (place_open(&place, common.dir, common.config, &err) != 0) {
		place_close(&place);
		return command_fail(EXIT_CONFIG, "%s", err.text);
	}
	for (size_t i = 0; daemons[i]; i++) {
		int status;

		if (args[0] && strcmp(args[0], daemons[i]) != 0)
			continue;
		any = true;
		status = ask_daemon(folder, daemons[i], option, place.file);
		worst = status > worst ? status : worst;
	}
	place_close(&place);
	if (!any)
		return command_fail(EXIT_USAGE, "%s is no daemon; they are router, dispatcher and collab%s", log_str(args[0]),
			did_you_mean(args[0], daemons, hint, sizeof hint));
	return worst;
}

static int check(int argc, char **argv)
{
	return ask_all(argc, argv, "-t", "Checks the settings of each daemon (or of one), as it would read them. Exit status 3 when one is bad.");
}

static int show(int argc, char **argv)
{
	return ask_all(argc, argv, "-T", "Prints the effective settings of each daemon (or of one), every key with what it does and accepts.");
}

int config_command(int argc, char **argv)
{
	static const struct command table[] = {
		{ "check", "are they good", check, false },
		{ "show", "print the effective ones", show, false },
		{ NULL, NULL, NULL, false },
	};

	return command_dispatch(argv[0], "the settings of the daemons", table, argc, argv);
}
