#include "simulator/scenario/scenario_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/xml_text.h"

static struct scenario_story *add_story(struct scenario_report *report)
{
	report->stories = memory_resize(report->stories, (report->count + 1) * sizeof *report->stories);
	report->stories[report->count] = (struct scenario_story){ 0 };
	return &report->stories[report->count++];
}

struct scenario_story *scenario_report_begin(struct scenario_report *report, const struct scenario *scenario, uint64_t seed)
{
	struct scenario_story *story = add_story(report);

	story->file = memory_str(scenario->file);
	story->name = memory_str(scenario_text(scenario->root, "name"));
	story->about = memory_str(scenario_text(scenario->root, "about"));
	story->source = memory_str(scenario_text(scenario->root, "source"));
	story->sentence = memory_str(scenario_text(scenario->root, "sentence"));
	story->seed = seed;
	return story;
}

struct scenario_story *scenario_report_unread(struct scenario_report *report, const char *file)
{
	struct scenario_story *story = add_story(report);

	story->file = memory_str(file);
	story->name = memory_str(file);
	return story;
}

void scenario_story_broken(struct scenario_story *story, int status, const char *why)
{
	if (story->status == EXIT_DONE)
		story->status = status;
	if (!story->why)
		story->why = memory_str(why);
}

/* --- text ----------------------------------------------------------------------------------------------------------------- */

/* "1d 02:03:04.500": hours and minutes only when they are there, so that a column of times reads well. */
static const char *time_text(uint64_t ms)
{
	static char text[48];
	uint64_t s = ms / 1000;

	if (s >= 86400)
		snprintf(text, sizeof text, "%" PRIu64 "d %02u:%02u:%02u.%03u", s / 86400, (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
			(unsigned)(s % 60), (unsigned)(ms % 1000));
	else
		snprintf(text, sizeof text, "%02u:%02u:%02u.%03u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60),
			(unsigned)(ms % 1000));
	return text;
}

static const char *red(const struct scenario_report *report)
{
	return report->colours ? "\033[31m" : "";
}

static const char *plain(const struct scenario_report *report)
{
	return report->colours ? "\033[0m" : "";
}

void scenario_story_head(const struct scenario_report *report, const struct scenario_story *story)
{
	if (!report->out)
		return;
	fprintf(report->out, "== %s (%s)\n   %s\n", story->name, story->source, story->about);
	if (story->sentence)
		fprintf(report->out, "   follows: %s\n", story->sentence);
	fflush(report->out);
}

/* The ladder: time on the left, a rung per step, and what devices were told hanging from it. */
static void print_step(const struct scenario_report *report, const struct scenario_result *r)
{
	const char *outcome = r->status == EXIT_DONE ? (r->asserts ? "holds" : "ok") : r->asserts ? "FAILED" : "NOT DONE";
	bool bad = r->status != EXIT_DONE;

	fprintf(report->out, "%15s  +- %*s%-*s  %s%s%s\n", time_text(r->from_ms), (int)r->depth * 2, "", 60 - (int)r->depth * 2, r->words,
		bad ? red(report) : "", outcome, bad ? plain(report) : "");
	for (size_t i = 0; i < r->told_count; i++)
		fprintf(report->out, "%15s  |  %*s   %s\n", "", (int)r->depth * 2, "", r->told[i]);
	if (r->told_more)
		fprintf(report->out, "%15s  |  %*s   ... and %zu more\n", "", (int)r->depth * 2, "", r->told_more);
	if (r->why)
		fprintf(report->out, "%15s  |  %*s   %s%s%s\n", "", (int)r->depth * 2, "", red(report), r->why, plain(report));
	fflush(report->out);
}

void scenario_story_step(const struct scenario_report *report, struct scenario_story *story, const struct scenario_result *result)
{
	if (story->count == story->room) {
		story->room = story->room ? story->room * 2 : 64;
		story->results = memory_resize(story->results, story->room * sizeof *story->results);
	}
	story->results[story->count++] = *result;
	story->assertions += result->asserts;
	if (result->status != EXIT_DONE) {
		story->failed++;
		if (story->status == EXIT_DONE)
			story->status = result->status;
	}
	if (report->out)
		print_step(report, result);
}

void scenario_story_end(const struct scenario_report *report, const struct scenario_story *story)
{
	if (!report->out)
		return;
	if (story->why)
		fprintf(report->out, "   %s%s%s\n", red(report), story->why, plain(report));
	if (story->status != EXIT_DONE && story->count)
		fprintf(report->out, "   to repeat it: bramble-sim run --backend %s --seed %" PRIu64 " %s\n",
			story->backend ? story->backend : "groupwise", story->seed, story->file);
	if (story->kept)
		fprintf(report->out, "   the logs are in %s/log\n", story->kept);
	fprintf(report->out, "   %s on %s: %zu steps, %zu assertions, %s of virtual time in %.1f s; seed %" PRIu64 "\n\n",
		story->status == EXIT_DONE ? "holds" : "FAILED", story->backend ? story->backend : "no lab", story->count, story->assertions, time_text(story->virtual_ms),
		(double)story->real_us / 1e6, story->seed);
	fflush(report->out);
}

void scenario_story_failure(const struct scenario_story *story, FILE *out)
{
	for (size_t i = 0; i < story->count; i++) {
		if (story->results[i].why)
			fprintf(out, "%s:%u: %s: %s\n", story->file, story->results[i].line, story->results[i].words, story->results[i].why);
	}
	if (story->why)
		fprintf(out, "%s: %s\n", story->file, story->why);
	if (story->count)
		fprintf(out, "%s: to repeat it: --seed %" PRIu64 "\n", story->file, story->seed);
	if (story->kept)
		fprintf(out, "%s: the logs are in %s/log\n", story->file, story->kept);
}

void scenario_report_summary(const struct scenario_report *report, FILE *out)
{
	size_t assertions = 0, failed = 0;

	for (size_t i = 0; i < report->count; i++) {
		assertions += report->stories[i].assertions;
		failed += report->stories[i].status != EXIT_DONE;
	}
	fprintf(out, "%zu scenario%s, %zu assertion%s: ", report->count, report->count == 1 ? "" : "s", assertions, assertions == 1 ? "" : "s");
	if (!failed) {
		fprintf(out, "all hold\n");
		return;
	}
	fprintf(out, "%zu scenario%s failed:", failed, failed == 1 ? "" : "s");
	for (size_t i = 0; i < report->count; i++) {
		if (report->stories[i].status != EXIT_DONE)
			fprintf(out, " %s", report->stories[i].name);
	}
	fputc('\n', out);
}

int scenario_report_status(const struct scenario_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		if (report->stories[i].status != EXIT_DONE)
			return report->stories[i].status;
	}
	return EXIT_DONE;
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------ */

static const char *outcome_name(int status, bool asserts)
{
	if (status == EXIT_DONE)
		return asserts ? "holds" : "done";
	return asserts && status == EXIT_REFUSED ? "failed" : "not-done";
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, control_json_text(text));
}

static json_t *result_json(const struct scenario_result *r)
{
	json_t *object = json_pack("{s:i, s:i, s:I, s:I, s:o, s:b, s:s}", "line", (int)r->line, "depth", (int)r->depth, "from_ms",
		(json_int_t)r->from_ms, "to_ms", (json_int_t)r->to_ms, "step", control_json_text(r->words), "assertion", r->asserts, "outcome",
		outcome_name(r->status, r->asserts));
	json_t *told = json_array();

	for (size_t i = 0; i < r->told_count; i++)
		json_array_append_new(told, control_json_text(r->told[i]));
	json_object_set_new(object, "told", told);
	json_object_set_new(object, "told_more", json_integer((json_int_t)r->told_more));
	set_text(object, "why", r->why);
	return object;
}

static json_t *story_json(const struct scenario_story *story)
{
	json_t *object = json_object(), *steps = json_array();

	set_text(object, "file", story->file);
	set_text(object, "scenario", story->name);
	set_text(object, "about", story->about);
	set_text(object, "source", story->source);
	set_text(object, "sentence", story->sentence);
	set_text(object, "backend", story->backend);
	json_object_set_new(object, "seed", json_integer((json_int_t)story->seed));
	json_object_set_new(object, "outcome", json_string(story->status == EXIT_DONE ? "holds" : "failed"));
	json_object_set_new(object, "status", json_integer(story->status));
	set_text(object, "why", story->why);
	set_text(object, "logs", story->kept);
	json_object_set_new(object, "assertions", json_integer((json_int_t)story->assertions));
	json_object_set_new(object, "failed", json_integer((json_int_t)story->failed));
	json_object_set_new(object, "virtual_ms", json_integer((json_int_t)story->virtual_ms));
	json_object_set_new(object, "real_ms", json_integer((json_int_t)(story->real_us / 1000)));
	for (size_t i = 0; i < story->count; i++)
		json_array_append_new(steps, result_json(&story->results[i]));
	json_object_set_new(object, "steps", steps);
	return object;
}

json_t *scenario_report_json(const struct scenario_report *report)
{
	json_t *list = json_array();
	int status = scenario_report_status(report);

	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(list, story_json(&report->stories[i]));
	return json_pack("{s:s, s:i, s:o}", "outcome", status == EXIT_DONE ? "holds" : "failed", "status", status, "scenarios", list);
}

/* --- JUnit ------------------------------------------------------------------------------------------------------------------ */

static void junit_attribute(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, " %s=\"", name);
	buf_xml_text(out, value);
	buf_u8(out, '"');
}

static void junit_case(struct buf *out, const struct scenario_story *story, const char *name, bool is_failure, const char *why)
{
	buf_text(out, "\t\t<testcase");
	junit_attribute(out, "classname", story->name);
	junit_attribute(out, "name", name);
	if (!why) {
		buf_text(out, "/>\n");
		return;
	}
	buf_printf(out, ">\n\t\t\t<%s", is_failure ? "failure" : "error");
	junit_attribute(out, "message", why);
	buf_text(out, "/>\n\t\t</testcase>\n");
}

static void count_cases(const struct scenario_story *story, size_t *cases, size_t *failures, size_t *errors)
{
	*cases = *failures = *errors = 0;
	for (size_t i = 0; i < story->count; i++) {
		const struct scenario_result *r = &story->results[i];

		*cases += r->asserts || r->status != EXIT_DONE;
		*failures += r->asserts && r->status == EXIT_REFUSED;
		*errors += r->status != EXIT_DONE && !(r->asserts && r->status == EXIT_REFUSED);
	}
	if (story->why) {
		++*cases;
		++*errors;
	}
}

static void junit_story(struct buf *out, const struct scenario_story *story)
{
	size_t cases, failures, errors;
	char name[400];

	count_cases(story, &cases, &failures, &errors);
	buf_text(out, "\t<testsuite");
	junit_attribute(out, "name", story->name);
	buf_printf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"0\" time=\"%.3f\">\n", cases, failures, errors,
		(double)story->real_us / 1e6);
	buf_printf(out, "\t\t<properties>\n\t\t\t<property name=\"seed\" value=\"%" PRIu64 "\"/>\n\t\t\t<property name=\"virtual_ms\" value=\"%"
		PRIu64 "\"/>\n", story->seed, story->virtual_ms);
	if (story->backend)
		buf_printf(out, "\t\t\t<property name=\"backend\" value=\"%s\"/>\n", story->backend);
	buf_text(out, "\t\t</properties>\n");
	for (size_t i = 0; i < story->count; i++) {
		const struct scenario_result *r = &story->results[i];

		if (!r->asserts && r->status == EXIT_DONE)
			continue;
		snprintf(name, sizeof name, "line %u: %s", r->line, r->words);
		junit_case(out, story, name, r->asserts && r->status == EXIT_REFUSED, r->why);
	}
	if (story->why)
		junit_case(out, story, "the lab", false, story->why);
	buf_text(out, "\t</testsuite>\n");
}

void scenario_report_junit(const struct scenario_report *report, struct buf *out)
{
	buf_text(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
	for (size_t i = 0; i < report->count; i++)
		junit_story(out, &report->stories[i]);
	buf_text(out, "</testsuites>\n");
}

void scenario_report_free(struct scenario_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		struct scenario_story *story = &report->stories[i];

		for (size_t j = 0; j < story->count; j++) {
			struct scenario_result *r = &story->results[j];

			free(r->words);
			free(r->why);
			for (size_t k = 0; k < r->told_count; k++)
				free(r->told[k]);
		}
		free(story->results);
		free(story->file);
		free(story->name);
		free(story->about);
		free(story->source);
		free(story->sentence);
		free(story->why);
		free(story->kept);
		free(story->backend);
	}
	free(report->stories);
	*report = (struct scenario_report){ 0 };
}
