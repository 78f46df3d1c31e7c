#ifndef BRAMBLE_SIMULATOR_COMMAND_H
#define BRAMBLE_SIMULATOR_COMMAND_H

/* One simulated system: a row of bramble-sim's table. A new one is a file (or folder) of its own and its line in main.c. */
struct sim_command {
	const char *name;                       /* "device" */
	const char *help;                       /* one line */
	int (*run)(int argc, char **argv);      /* argv[0] is the name; knows --help; returns an enum exit_status */
};

#endif
