#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/check_database.h"
#include "admin/command.h"
#include "base/log.h"
#include "base/memory.h"

/* `bramble check`: reads the histories of all processes as one and says of each rule whether it was kept. */

enum { PATHS_MAX = 4096 };

static const struct check_rule_set *const rule_sets[] = {
	&check_logins, &check_seats, &check_timers, &check_talk, &check_servers, &check_registrations, &check_replays, &check_rest,
};
#define RULE_SETS (sizeof rule_sets / sizeof *rule_sets)

bool check_is_whole(const struct check_process *process)
{
	return process->ended;
}

bool check_has_stopped(const struct check_process *process)
{
	return process->over && !process->ended;
}

bool check_has(const struct check *c, const char *name)
{
	for (const struct check_process *p = check_files_processes(c->files); p; p = p->next) {
		if (strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

bool check_is_cut(const struct check *c, const char *name)
{
	for (const struct check_process *p = check_files_processes(c->files); p; p = p->next) {
		if (check_has_stopped(p) && strcmp(p->name, name) == 0)
			return true;
	}
	return false;
}

bool check_is_full(const struct check *c)
{
	for (const struct check_process *p = check_files_processes(c->files); p; p = p->next) {
		if (p->full)
			return true;
	}
	return false;
}

bool check_is_at_rest(const struct check_entry *mark)
{
	static const char *const names[] = { "base", "quiet", "rest" };
	char name[64];

	check_value(mark, "name", name, sizeof name);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

/* Whose histories there are says what can be known. They all begin before anything happens between them. */
static void take_begin(struct check *c, const struct check_entry *e)
{
	const char *name = e->process->name;
	static const char *const devices[] = { "device", "run", NULL };

	c->has_service = c->has_service || strcmp(name, "collab") == 0;
	c->has_server = c->has_server || strcmp(name, "groupwise") == 0 || strcmp(name, "cwa") == 0;
	c->has_communications = c->has_communications || strcmp(name, "ocs") == 0;
	for (size_t i = 0; devices[i]; i++)
		c->has_device = c->has_device || strcmp(name, devices[i]) == 0;
	for (const struct check_process *p = check_files_processes(c->files); p; p = p->next)
		c->comparable = c->comparable && strcmp(p->boot, e->process->boot) == 0;
}

static int run_rules(struct check *c, struct check_files *files, struct error *err)
{
	const struct check_entry *entry;
	int rc;

	while ((rc = check_files_next(files, &entry, err)) > 0) {
		if (entry->event == EVENT_HISTORY_BEGIN)
			take_begin(c, entry);
		for (size_t i = 0; i < RULE_SETS; i++)
			rule_sets[i]->take(c, entry);
	}
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < RULE_SETS; i++)
		rule_sets[i]->finish(c);
	check_database_judge(c);
	return 0;
}

struct check_report *check_histories(const char *const *paths, struct check_database *database, struct check_files **files, struct error *err)
{
	struct check c = { .database = database, .comparable = true };
	int rc;

	*files = check_files_open(paths, err);
	if (!*files)
		return NULL;
	c.files = *files;
	c.report = check_report_new();
	rc = run_rules(&c, *files, err);
	for (size_t i = 0; i < RULE_SETS; i++)
		rule_sets[i]->free(&c);
	if (rc != 0) {
		check_report_free(&c.report);
		check_files_free(files);
	}
	return c.report;
}

static int check_and_tell(const char *const *paths, struct check_database *database, bool json)
{
	struct error err;
	struct check_files *files;
	struct check_report *report = check_histories(paths, database, &files, &err);
	int status;

	if (!report)
		return command_fail(EXIT_CONFIG, "%s", err.text);
	if (json) {
		json_t *all = check_report_json(report, files);

		table_json(all);
		json_decref(all);
	} else {
		check_report_print(report, files);
	}
	status = check_report_violations(report) ? EXIT_REFUSED : EXIT_DONE;
	check_report_free(&report);
	check_files_free(&files);
	return status;
}

int check_command(int argc, char **argv)
{
	const struct command_usage usage = { .arguments = "HISTORY...", .least = 1, .most = PATHS_MAX, .takes_place = true, .takes_json = true,
		.help = "Reads the histories that processes have written (setting history, option --history): files, or folders of them. Says of each\n"
			"rule how many cases were checked, which violate it and on which lines that rests, and what cannot be known. With --dir or\n"
			"--config the sessions in that place's database are compared as well. docs/history.md has the rules.\n"
			"Exit status: 0 no violation, 1 violations, 3 a history cannot be read." };
	const char **paths = memory_new((PATHS_MAX + 1) * sizeof *paths);
	struct check_database database = { NULL, 0 };
	struct command_common common;
	struct store store = { 0 };
	bool has_database;
	int status = EXIT_DONE;

	command_parse(&usage, argc, argv, &common, paths);
	has_database = common.dir || common.config;
	if (has_database) {
		status = store_open(&store, &common, DB_EXISTING);
		if (status == EXIT_DONE)
			status = check_database_read(&database, &store);
		store_close(&store);
	}
	if (status == EXIT_DONE)
		status = check_and_tell(paths, has_database ? &database : NULL, common.json);
	check_database_free(&database);
	free(paths);
	return status;
}
