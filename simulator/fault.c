#include "simulator/fault.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io/control_server.h"
#include "base/log.h"
#include "base/memory.h"

struct set_fault {
	struct fault what;
	char *word;                     /* as it was given */
	char *user, *kind;              /* NULL: any */
	uint64_t nth, left;             /* left UINT64_MAX: until cleared */
	uint64_t seen, done;
	struct set_fault *next;
};

struct faults {
	struct fault_terms terms;
	struct set_fault *first;
	size_t count;
};

/* What VALUE is: none, a number of at least one that may be left out, or must be given, or a code. */
enum value { NOTHING, OPTIONAL, NEEDED, CODE };

static const struct {
	const char *name;
	enum fault_action action;
	enum value value;
	uint32_t usual, max;
} actions[] = {
	{ "delay", FAULT_DELAY, NEEDED, 0, 3600000 },
	{ "drop", FAULT_DROP, NOTHING, 0, 0 },
	{ "garble", FAULT_GARBLE, OPTIONAL, 1, 1000000 },
	{ "split", FAULT_SPLIT, OPTIONAL, 1, 1000000 },
	{ "refuse", FAULT_REFUSE, CODE, 0, 0 },
	{ "half-close", FAULT_HALF_CLOSE, NOTHING, 0, 0 },
	{ "close", FAULT_CLOSE, NOTHING, 0, 0 },
};

/* --- words ------------------------------------------------------------------------------------------------------------------ */

static int parse_count(const char *name, const char *text, uint64_t max, uint64_t *out, struct error *err)
{
	uint64_t value = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || value > max)
			return error_set(err, "%s is a number from 1 to %ju, not %s", name, (uintmax_t)max, log_str(text));
		value = value * 10 + (uint64_t)(*c - '0');
	}
	if (!value || value > max)
		return error_set(err, "%s is a number from 1 to %ju, not %s", name, (uintmax_t)max, log_str(text));
	*out = value;
	return 0;
}

static int parse_action(const struct faults *faults, const char *name, const char *value, struct fault *out, struct error *err)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		uint64_t number = actions[i].usual;

		if (strcmp(name, actions[i].name) != 0)
			continue;
		out->action = actions[i].action;
		if (actions[i].value == CODE) {
			if (!value || faults->terms.parse_code(value, &out->value) < 0)
				return error_set(err, "%s= takes %s, not %s", name, faults->terms.code_help, log_str(value ? value : ""));
			return 0;
		}
		if (value && actions[i].value == NOTHING)
			return error_set(err, "%s takes no value, but there is %s", name, log_str(value));
		if (!value && actions[i].value == NEEDED)
			return error_set(err, "%s needs a value: %s=N", name, name);
		if (value && parse_count(name, value, actions[i].max, &number, err) < 0)
			return -1;
		out->value = (uint32_t)number;
		return 0;
	}
	return error_set(err, "there is no fault %s; there are delay, drop, garble, split, refuse, half-close and close",
		log_str(name));
}

static int parse_target(const struct faults *faults, const char *name, const char *value, struct set_fault *into,
	struct error *err)
{
	const struct fault_terms *terms = &faults->terms;

	if (!value)
		return error_set(err, "%s of a fault needs a value; there are user=, on=, nth= and count=", log_str(name));
	if (strcmp(name, "nth") == 0)
		return parse_count(name, value, UINT32_MAX, &into->nth, err);
	if (strcmp(name, "count") == 0)
		return parse_count(name, value, UINT32_MAX, &into->left, err);
	if (strcmp(name, "user") == 0) {
		if (!terms->is_user(terms->ctx, value))
			return error_set(err, "there is no user %s in this world", log_str(value));
		free(into->user);
		into->user = memory_str(value);
		return 0;
	}
	if (strcmp(name, "on") == 0) {
		if (strcmp(value, FAULT_EVENT) != 0 && strcmp(value, "all") != 0 && !terms->is_kind(terms->ctx, value))
			return error_set(err, "there is no request %s; on= also takes event and all", log_str(value));
		free(into->kind);
		into->kind = memory_str(value);
		return 0;
	}
	return error_set(err, "a fault has no %s=; there are user=, on=, nth= and count=", log_str(name));
}

static void set_fault_free(struct set_fault *f)
{
	free(f->word);
	free(f->user);
	free(f->kind);
	free(f);
}

int faults_add(struct faults *faults, const char *word, struct error *err)
{
	char *copy = memory_str(word), *rest = copy, *part;
	struct set_fault *f = memory_new(sizeof *f), **end = &faults->first;
	int rc = 0;

	*f = (struct set_fault){ .word = memory_str(word), .nth = 1, .left = UINT64_MAX };
	if (faults->count == FAULTS_MAX)
		rc = error_set(err, "there are %d faults already; clear them first", FAULTS_MAX);
	for (bool first = true; rc == 0 && (part = strsep(&rest, ",")); first = false) {
		char *value = strchr(part, '=');

		if (value)
			*value++ = '\0';
		rc = first ? parse_action(faults, part, value, &f->what, err) : parse_target(faults, part, value, f, err);
	}
	if (rc == 0 && (f->what.action == FAULT_REFUSE || f->what.action == FAULT_HALF_CLOSE || f->what.action == FAULT_CLOSE) &&
	    f->kind && (strcmp(f->kind, FAULT_EVENT) == 0 || strcmp(f->kind, "all") == 0))
		rc = error_set(err, "%s happens to requests, not with on=%s", copy, f->kind);
	free(copy);
	if (rc < 0) {
		set_fault_free(f);
		return -1;
	}
	while (*end)
		end = &(*end)->next;
	*end = f;
	faults->count++;
	return 0;
}

struct faults *faults_new(const struct fault_terms *terms)
{
	struct faults *faults = memory_new(sizeof *faults);

	faults->terms = *terms;
	return faults;
}

void faults_clear(struct faults *faults)
{
	while (faults->first) {
		struct set_fault *f = faults->first;

		faults->first = f->next;
		set_fault_free(f);
	}
	faults->count = 0;
}

void faults_free(struct faults **faults)
{
	if (!*faults)
		return;
	faults_clear(*faults);
	free(*faults);
	*faults = NULL;
}

/* --- what befalls what --------------------------------------------------------------------------------------------------------- */

static bool concerns(const struct set_fault *f, const char *user, const char *kind)
{
	if (f->user && strcasecmp(f->user, user) != 0)
		return false;
	if (!f->kind)
		return strcmp(kind, FAULT_EVENT) != 0;
	return strcmp(f->kind, "all") == 0 || strcmp(f->kind, kind) == 0;
}

struct fault faults_next(struct faults *faults, const char *user, const char *kind)
{
	struct fault what = { .action = FAULT_NONE };

	for (struct set_fault *f = faults->first; f; f = f->next) {
		if (!f->left || !concerns(f, user, kind))
			continue;
		f->seen++;
		if (what.action != FAULT_NONE || f->seen % f->nth != 0)
			continue;
		if (f->left != UINT64_MAX)
			f->left--;
		f->done++;
		what = f->what;
		log_info("fault user=%s on=%s word=%s", log_str(user), log_str(kind), log_str(f->word));
	}
	return what;
}

/* --- verbs ------------------------------------------------------------------------------------------------------------------------ */

static void verb_fault(void *ctx, struct control_request *request)
{
	struct faults *faults = ctx;
	struct error err;

	if (faults_add(faults, control_text(control_params(request), "word", ""), &err) < 0)
		control_refuse(&request, EXIT_USAGE, "%s", err.text);
	else
		control_done(&request, json_object());
}

static void verb_list(void *ctx, struct control_request *request)
{
	const struct faults *faults = ctx;
	json_t *list = json_array();

	for (const struct set_fault *f = faults->first; f; f = f->next) {
		json_t *item = json_pack("{s:o, s:I, s:I}", "word", control_json_text(f->word), "seen", (json_int_t)f->seen, "done",
			(json_int_t)f->done);

		if (f->left != UINT64_MAX)
			json_object_set_new(item, "left", json_integer((json_int_t)f->left));
		json_array_append_new(list, item);
	}
	control_done(&request, json_pack("{s:o}", "faults", list));
}

static void verb_clear(void *ctx, struct control_request *request)
{
	faults_clear(ctx);
	control_done(&request, json_object());
}

static const struct control_param fault_params[] = {
	{ "word", CONTROL_TEXT, true, "ACTION[=VALUE][,user=NAME][,on=REQUEST][,nth=N][,count=N]; docs/faults.md" },
	{ NULL, CONTROL_TEXT, false, NULL },
};

const struct control_verb fault_verbs[] = {
	{ "fault", "misbehaves from now on: delay=MS, drop, garble, split, refuse=CODE, half-close, close", fault_params, verb_fault },
	{ "fault.list", "the faults that are set, how often each was due and done", NULL, verb_list },
	{ "fault.clear", "no more faults", NULL, verb_clear },
	{ NULL, NULL, NULL, NULL },
};
