#ifndef BRAMBLE_ADMIN_COMMAND_H
#define BRAMBLE_ADMIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* A word of the tool: `bramble user` is a row of main.c's table, `bramble user add` one of admin/user.c's. */
struct command {
	const char *name;
	const char *help;                             /* one line */
	int (*run)(int argc, char **argv);            /* argv[0] is the whole name, "user add"; an enum exit_status */
	bool hidden;                                  /* not in the list of --help */
};

/* Runs the row that argv[1] names; the tables end with a NULL name. --help lists them; a word that is none gets the nearest. */
int command_dispatch(const char *name, const char *help, const struct command *table, int argc, char **argv);

/* Options of one command, as rows. --help, --dir, --config and --json need no row: see below. */
struct command_option {
	const char *name;               /* "server" for --server */
	const char *value;              /* "NAME": what help calls its value; NULL: the option is a switch */
	const char *help;
	const char **text;              /* where the value goes, */
	bool *set;                      /* or that the switch was there */
	const char ***list;             /* or a NULL-terminated list, for an option that may be repeated; the caller frees it */
};

struct command_usage {
	const char *arguments;          /* "NAME [PIN]" */
	size_t least, most;             /* how many of them */
	const char *help;               /* a paragraph */
	const struct command_option *options;         /* ends with a NULL name; NULL: none */
	bool takes_place;               /* knows --dir and --config */
	bool takes_json;
};

/* What every command may be told. */
struct command_common {
	const char *dir, *config;
	bool json;
};

/* Takes options and arguments apart. args has room for usage->most and stays NULL after the last. Ends the process for --help and
 * for anything wrong (EXIT_USAGE, with the nearest name). */
void command_parse(const struct command_usage *usage, int argc, char **argv, struct command_common *common, const char **args);

/* "bramble user add: " + the sentence, on standard error. Returns status, so that a command can end `return command_fail(...)`. */
int command_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Rows of main.c's table. */
int lab_command(int argc, char **argv);
int demo_command(int argc, char **argv);
int user_command(int argc, char **argv);
int device_command(int argc, char **argv);
int environment_command(int argc, char **argv);
int limits_command(int argc, char **argv);
int session_command(int argc, char **argv);
int clock_command(int argc, char **argv);
int failover_command(int argc, char **argv);
int trace_command(int argc, char **argv);
int srp_command(int argc, char **argv);
int config_command(int argc, char **argv);
int decode_command(int argc, char **argv);
int check_command(int argc, char **argv);

#endif
