#include "admin/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/nearest.h"

enum { MAX_ROWS = 64 };

static const char *running = "bramble";   /* the whole name of what runs, for sentences */

int command_fail(int status, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", running);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	return status;
}

static void print_commands(FILE *out, const char *name, const char *help, const struct command *table)
{
	fprintf(out, "%s: %s\n\nUsage: %s COMMAND [OPTIONS]     (%s COMMAND --help says more)\n\n", name, help, name, name);
	for (; table->name; table++) {
		if (!table->hidden)
			fprintf(out, "  %-12s %s\n", table->name, table->help);
	}
}

int command_dispatch(const char *name, const char *help, const struct command *table, int argc, char **argv)
{
	const char *names[MAX_ROWS];
	char hint[128];
	size_t count = 0;

	running = name;
	if (argc < 2) {
		print_commands(stderr, name, help, table);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		print_commands(stdout, name, help, table);
		return EXIT_DONE;
	}
	for (const struct command *row = table; row->name; row++) {
		if (strcmp(row->name, argv[1]) == 0) {
			char *full = memory_printf("%s %s", name, row->name);
			int status;

			argv[1] = full;
			running = full;
			status = row->run(argc - 1, argv + 1);
			running = name;
			free(full);
			return status;
		}
		if (!row->hidden && count < MAX_ROWS - 1)
			names[count++] = row->name;
	}
	names[count] = NULL;
	return command_fail(EXIT_USAGE, "unknown command %s%s (%s --help lists them)", log_str(argv[1]),
		did_you_mean(argv[1], names, hint, sizeof hint), name);
}

/* --- options of one command -------------------------------------------------------------------------------------------- */

static size_t gather(const struct command_usage *usage, struct command_common *common, bool *help, struct command_option *rows)
{
	size_t count = 0;

	for (const struct command_option *o = usage->options; o && o->name; o++)
		rows[count++] = *o;
	if (usage->takes_place) {
		rows[count++] = (struct command_option){ .name = "dir", .value = "D", .text = &common->dir,
			.help = "the lab's folder (lab)" };
		rows[count++] = (struct command_option){ .name = "config", .value = "FILE", .text = &common->config,
			.help = "settings file of the installation (bramble.ini in the lab's folder, or here); also -c FILE" };
	}
	if (usage->takes_json)
		rows[count++] = (struct command_option){ .name = "json", .set = &common->json, .help = "print JSON" };
	rows[count++] = (struct command_option){ .name = "help", .set = help, .help = "print this" };
	rows[count].name = NULL;
	return count;
}

static void print_usage(const struct command_usage *usage, const char *name, const struct command_option *rows)
{
	printf("Usage: %s%s%s [OPTIONS]\n\n%s\n\n", name, usage->arguments ? " " : "", usage->arguments ? usage->arguments : "",
		usage->help);
	for (const struct command_option *o = rows; o->name; o++) {
		char left[64];

		snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
		printf("  %-28s %s\n", left, o->help);
	}
}

static const struct command_option *find(const struct command_option *rows, const char *name, size_t len)
{
	for (; rows->name; rows++) {
		if (strlen(rows->name) == len && strncmp(rows->name, name, len) == 0)
			return rows;
	}
	return NULL;
}

static void bad_usage(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void bad_usage(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", running);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (--help says more)\n");
	exit(EXIT_USAGE);
}

static void list_append(const char ***list, const char *value)
{
	size_t count = 0;

	while (*list && (*list)[count])
		count++;
	*list = memory_resize(*list, (count + 2) * sizeof **list);
	(*list)[count] = value;
	(*list)[count + 1] = NULL;
}

/* One word that starts with a dash; returns how many words of argv it took. */
static int take_option(const struct command_option *rows, int left, char **argv)
{
	const char *word = argv[0];
	const struct command_option *o;
	const char *value = NULL;
	char bare[64], hint[128];
	const char *names[MAX_ROWS];
	size_t count = 0, len;

	if (strcmp(word, "-h") == 0)
		word = "--help";
	if (strcmp(word, "-c") == 0 && find(rows, "config", 6))
		word = "--config";
	if (strcmp(word, "-o") == 0 && find(rows, "option", 6))
		word = "--option";
	len = strcspn(word, "=");
	o = strncmp(word, "--", 2) == 0 && len > 2 ? find(rows, word + 2, len - 2) : NULL;
	if (!o) {
		for (; rows->name && count < MAX_ROWS - 1; rows++)
			names[count++] = rows->name;
		names[count] = NULL;
		snprintf(bare, sizeof bare, "%.*s", (int)(len < 60 ? len : 60), word);
		bad_usage("unknown option %s%s", log_str(bare), did_you_mean(bare + strspn(bare, "-"), names, hint, sizeof hint));
	}
	if (word[len] == '=')
		value = word + len + 1;
	if (!o->value) {
		if (value)
			bad_usage("--%s takes no value", o->name);
		*o->set = true;
		return 1;
	}
	/* A value that looks like an option is one whose value was forgotten; --name=--value says that it is meant. */
	if (!value && (left < 2 || strncmp(argv[1], "--", 2) == 0))
		bad_usage("--%s needs a value: %s", o->name, o->value);
	if (!value)
		value = argv[1];
	if (o->list)
		list_append(o->list, value);
	else
		*o->text = value;
	return word[len] == '=' ? 1 : 2;
}

void command_parse(const struct command_usage *usage, int argc, char **argv, struct command_common *common, const char **args)
{
	struct command_option rows[MAX_ROWS];
	bool help = false, only_arguments = false;
	size_t count = 0;

	memset(common, 0, sizeof *common);
	gather(usage, common, &help, rows);
	for (int i = 1; i < argc;) {
		/* A lone dash is an argument: standard input or output. */
		if (!only_arguments && argv[i][0] == '-' && argv[i][1]) {
			if (strcmp(argv[i], "--") == 0) {
				only_arguments = true;
				i++;
				continue;
			}
			i += take_option(rows, argc - i, argv + i);
			if (help) {
				print_usage(usage, argv[0], rows);
				exit(EXIT_DONE);
			}
			continue;
		}
		if (count == usage->most)
			bad_usage(usage->most ? "%s is one argument too many; it takes %s" : "%s: no argument is expected%s", log_str(argv[i]),
				usage->arguments ? usage->arguments : "");
		args[count++] = argv[i++];
	}
	if (count < usage->least)
		bad_usage("an argument is missing; it takes %s", usage->arguments);
}
