#include "admin/check_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

enum { KEPT_MAX = 100, REASONS_MAX = 16 };

struct violation {
	char *text;
	struct check_place first, second;
};

struct tally {
	uint64_t checked, violated;
	struct violation kept[KEPT_MAX];
	struct { const char *reason; uint64_t count; } unknown[REASONS_MAX];
};

struct check_report {
	struct tally rules[CHECK_RULE_COUNT];
};

static const struct { const char *name, *help; } rules[CHECK_RULE_COUNT] = {
#define X(id, name, help) [RULE_##id] = { name, help },
	CHECK_RULES(X)
#undef X
};

const char *check_rule_name(enum check_rule rule)
{
	return rules[rule].name;
}

struct check_place check_place(const struct check_entry *entry)
{
	return (struct check_place){ entry->process, entry->line, entry->at_us, entry->clock_ms };
}

struct check_report *check_report_new(void)
{
	return memory_new(sizeof(struct check_report));
}

void check_report_free(struct check_report **report)
{
	if (!*report)
		return;
	for (size_t r = 0; r < CHECK_RULE_COUNT; r++) {
		for (size_t i = 0; i < KEPT_MAX; i++)
			free((*report)->rules[r].kept[i].text);
	}
	free(*report);
	*report = NULL;
}

void check_good(struct check_report *report, enum check_rule rule, uint64_t count)
{
	report->rules[rule].checked += count;
}

void check_unknown(struct check_report *report, enum check_rule rule, const char *reason, uint64_t count)
{
	struct tally *tally = &report->rules[rule];

	if (!count)
		return;
	for (size_t i = 0; i < REASONS_MAX; i++) {
		if (tally->unknown[i].reason && strcmp(tally->unknown[i].reason, reason) != 0)
			continue;
		tally->unknown[i].reason = reason;
		tally->unknown[i].count += count;
		return;
	}
	bug("more than %d reasons for what is unknown of %s", REASONS_MAX, rules[rule].name);
}

void check_violated(struct check_report *report, enum check_rule rule, struct check_place first, struct check_place second,
	const char *format, ...)
{
	struct tally *tally = &report->rules[rule];
	struct buf text = { 0 };
	va_list args;

	tally->checked++;
	if (tally->violated++ >= KEPT_MAX)
		return;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	tally->kept[tally->violated - 1] = (struct violation){ memory_str(buf_cstr(&text)), first, second };
	buf_free(&text);
}

uint64_t check_report_violations(const struct check_report *report)
{
	uint64_t sum = 0;

	for (size_t r = 0; r < CHECK_RULE_COUNT; r++)
		sum += report->rules[r].violated;
	return sum;
}

static uint64_t unknown_of(const struct tally *tally)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < REASONS_MAX; i++)
		sum += tally->unknown[i].count;
	return sum;
}

/* --- for people ------------------------------------------------------------------------------------------------------------- */

static void print_place(const struct check_place *place)
{
	printf("      %s:%" PRIu64 " (%s %" PRIu64 ", real %" PRIu64 ".%06" PRIu64 " s, clock %" PRIu64 " ms)\n", place->process->file,
		place->line, place->process->name, place->process->pid, place->at_us / 1000000, place->at_us % 1000000, place->clock_ms);
}

static void print_rule(const struct tally *tally, size_t rule)
{
	uint64_t unknown = unknown_of(tally);

	printf("%-11s %10" PRIu64 " checked  ", rules[rule].name, tally->checked);
	if (tally->violated)
		printf("%" PRIu64 " VIOLATED", tally->violated);
	else
		printf("%s", tally->checked ? "ok" : "nothing to check");
	if (unknown)
		printf(", %" PRIu64 " unknown", unknown);
	printf("\n");
	for (size_t i = 0; i < KEPT_MAX && tally->kept[i].text; i++) {
		printf("    %s\n", tally->kept[i].text);
		if (tally->kept[i].first.process)
			print_place(&tally->kept[i].first);
		if (tally->kept[i].second.process)
			print_place(&tally->kept[i].second);
	}
	if (tally->violated > KEPT_MAX)
		printf("    and %" PRIu64 " more\n", tally->violated - KEPT_MAX);
	for (size_t i = 0; i < REASONS_MAX && tally->unknown[i].reason; i++)
		printf("    unknown: %" PRIu64 " %s\n", tally->unknown[i].count, tally->unknown[i].reason);
}

void check_report_print(const struct check_report *report, const struct check_files *files)
{
	uint64_t violations = check_report_violations(report);

	for (size_t r = 0; r < CHECK_RULE_COUNT; r++)
		print_rule(&report->rules[r], r);
	printf("%" PRIu64 " lines of %zu %s: ", check_files_lines(files), check_files_count(files),
		check_files_count(files) == 1 ? "file" : "files");
	if (violations)
		printf("%" PRIu64 " %s\n", violations, violations == 1 ? "violation" : "violations");
	else
		printf("no violation\n");
}

/* --- for programs ----------------------------------------------------------------------------------------------------------- */

static void add_place(json_t *list, const struct check_place *place)
{
	if (place->process)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "file", place->process->file, "process",
			place->process->name, "pid", (json_int_t)place->process->pid, "line", (json_int_t)place->line, "at_us",
			(json_int_t)place->at_us, "clock_ms", (json_int_t)place->clock_ms));
}

static json_t *rule_json(const struct tally *tally, size_t rule)
{
	json_t *violations = json_array(), *unknown = json_array();

	for (size_t i = 0; i < KEPT_MAX && tally->kept[i].text; i++) {
		json_t *lines = json_array();

		add_place(lines, &tally->kept[i].first);
		add_place(lines, &tally->kept[i].second);
		json_array_append_new(violations, json_pack("{s:s, s:o}", "text", tally->kept[i].text, "lines", lines));
	}
	for (size_t i = 0; i < REASONS_MAX && tally->unknown[i].reason; i++)
		json_array_append_new(unknown, json_pack("{s:s, s:I}", "reason", tally->unknown[i].reason, "count",
			(json_int_t)tally->unknown[i].count));
	return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o}", "rule", rules[rule].name, "help", rules[rule].help, "checked",
		(json_int_t)tally->checked, "violated", (json_int_t)tally->violated, "violations", violations, "unknown", unknown);
}

json_t *check_report_json(const struct check_report *report, const struct check_files *files)
{
	json_t *list = json_array();

	for (size_t r = 0; r < CHECK_RULE_COUNT; r++)
		json_array_append_new(list, rule_json(&report->rules[r], r));
	return json_pack("{s:o, s:I, s:I, s:I}", "rules", list, "lines", (json_int_t)check_files_lines(files), "files",
		(json_int_t)check_files_count(files), "violations", (json_int_t)check_report_violations(report));
}
