#include "simulator/fault.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/control.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "base/trail.h"

struct set_fault {
	struct fault what;
	char *word;                     /* as it was given */
	char *whom, *kind;              /* NULL: any */
	uint64_t nth, left;             /* left UINT64_MAX: until cleared */
	uint64_t chance;                /* percent */
	uint64_t from_ms;
	uint64_t seen, done;
	struct set_fault *next;
};

struct faults {
	struct fault_terms terms;
	struct set_fault *first;
	size_t count;
	bool is_seeded;
	uint64_t drawn;                 /* the generator's state */
	struct fault_listener *listeners;
	struct trail *records;          /* NULL: nobody writes a history */
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
	{ "duplicate", FAULT_DUPLICATE, OPTIONAL, 1, 100 },
	{ "reorder", FAULT_REORDER, NOTHING, 0, 0 },
	{ "garble", FAULT_GARBLE, OPTIONAL, 1, 1000000 },
	{ "split", FAULT_SPLIT, OPTIONAL, 1, 1000000 },
	{ "refuse", FAULT_REFUSE, CODE, 0, 0 },
	{ "half-close", FAULT_HALF_CLOSE, NOTHING, 0, 0 },
	{ "close", FAULT_CLOSE, NOTHING, 0, 0 },
	{ "half-open", FAULT_HALF_OPEN, NOTHING, 0, 0 },
};

const char *fault_action_name(enum fault_action action)
{
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
		if (actions[i].action == action)
			return actions[i].name;
	return "none";
}

int fault_suits_server(void *ctx, enum fault_action action, const char *kind, struct error *err)
{
	(void)ctx;
	if (action != FAULT_REFUSE && action != FAULT_HALF_CLOSE && action != FAULT_CLOSE)
		return 0;
	if (!kind || (strcmp(kind, FAULT_EVENT) != 0 && strcmp(kind, "all") != 0))
		return 0;
	return error_set(err, "%s happens to requests, not with on=%s", fault_action_name(action), kind);
}

#define TIME_MAX_MS UINT64_C(31536000000)       /* a year: sums with the clock's time stay far from the end of the type */

/* A word being read. */
struct parts {
	struct set_fault *fault;
	uint64_t after_ms, for_ms;      /* 0: not given */
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
			if (!faults->terms.parse_code)
				return error_set(err, "%s is not done here: nothing is asked of this system", name);
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
	return error_set(err, "there is no fault %s; there are delay, drop, duplicate, reorder, garble, split, refuse, half-close, close and "
		"half-open", log_str(name));
}

static bool is_special(const struct fault_terms *terms, const char *kind)
{
	for (const char *const *special = terms->special; *special; special++)
		if (strcmp(*special, kind) == 0)
			return true;
	return false;
}

static int parse_time(const char *name, const char *text, uint64_t *out, struct error *err)
{
	struct error why;

	if (duration_parse(text, out, &why) < 0)
		return error_set(err, "%s= takes a time: %s", name, why.text);
	if (!*out || *out > TIME_MAX_MS)
		return error_set(err, "%s= is a time from 1ms to 365d, not %s", name, log_str(text));
	return 0;
}

/* The part's name must not be given twice: what would hold is a guess. */
static int set_text(char **into, const char *name, const char *value, struct error *err)
{
	if (*into)
		return error_set(err, "%s= is given twice", name);
	*into = memory_str(value);
	return 0;
}

static int parse_target(const struct faults *faults, const char *name, const char *value, struct parts *into, struct error *err)
{
	const struct fault_terms *terms = &faults->terms;
	struct set_fault *f = into->fault;

	if (!value)
		return error_set(err, "%s of a fault needs a value; there are %s=, on=, nth=, count=, chance=, after= and for=", log_str(name),
			terms->whom);
	if (strcmp(name, "nth") == 0)
		return parse_count(name, value, UINT32_MAX, &f->nth, err);
	if (strcmp(name, "count") == 0)
		return parse_count(name, value, UINT32_MAX, &f->left, err);
	if (strcmp(name, "chance") == 0)
		return parse_count(name, value, 100, &f->chance, err);
	if (strcmp(name, "after") == 0)
		return parse_time(name, value, &into->after_ms, err);
	if (strcmp(name, "for") == 0)
		return parse_time(name, value, &into->for_ms, err);
	if (strcmp(name, terms->whom) == 0) {
		if (!terms->is_whom(terms->ctx, value))
			return error_set(err, "there is no %s %s %s", terms->whom, log_str(value), terms->where);
		return set_text(&f->whom, name, value, err);
	}
	if (strcmp(name, "on") == 0) {
		if (!is_special(terms, value) && strcmp(value, "all") != 0 && !terms->is_kind(terms->ctx, value))
			return error_set(err, "there is no %s %s; on= also takes %s", terms->kind_noun, log_str(value), terms->kind_help);
		return set_text(&f->kind, name, value, err);
	}
	return error_set(err, "a fault has no %s=; there are %s=, on=, nth=, count=, chance=, after= and for=", log_str(name), terms->whom);
}

static void set_fault_free(struct set_fault *f)
{
	free(f->word);
	free(f->whom);
	free(f->kind);
	free(f);
}

static bool is_over(const struct set_fault *f, uint64_t now_ms)
{
	return !f->left || now_ms >= f->what.until_ms;
}

/* Room for new ones: those that can do nothing any more go when there is none. */
static void forget_over(struct faults *faults, uint64_t now_ms)
{
	struct set_fault **at = &faults->first;

	while (*at) {
		struct set_fault *f = *at;

		if (!is_over(f, now_ms)) {
			at = &f->next;
			continue;
		}
		*at = f->next;
		faults->count--;
		set_fault_free(f);
	}
}

static int parse_word(const struct faults *faults, char *copy, struct parts *parts, struct error *err)
{
	char *rest = copy, *part;

	for (bool first = true; (part = strsep(&rest, ",")); first = false) {
		char *value = strchr(part, '=');
		int rc;

		if (value)
			*value++ = '\0';
		rc = first ? parse_action(faults, part, value, &parts->fault->what, err) : parse_target(faults, part, value, parts, err);
		if (rc < 0)
			return -1;
	}
	if (!faults->terms.suits)
		return 0;
	return faults->terms.suits(faults->terms.ctx, parts->fault->what.action, parts->fault->kind, err);
}

/* word: NULL when all are cleared. */
static void record(const struct faults *faults, const char *event, const char *word)
{
	struct trail_entry entry = { .event = event };

	if (!trail_is_heard(faults->records))
		return;
	if (word)
		trail_text(&entry, "word=%s", log_str(word));
	trail_record(faults->records, &entry);
}

void faults_record(struct faults *faults, struct trail *trail)
{
	faults->records = trail;
}

int faults_add(struct faults *faults, const char *word, uint64_t now_ms, struct error *err)
{
	struct set_fault *f = memory_new(sizeof *f), **end = &faults->first;
	struct parts parts = { .fault = f };
	char *copy = memory_str(word);
	int rc = 0;

	*f = (struct set_fault){ .word = memory_str(word), .nth = 1, .left = UINT64_MAX, .chance = 100 };
	if (faults->count == FAULTS_MAX)
		forget_over(faults, now_ms);
	if (faults->count == FAULTS_MAX)
		rc = error_set(err, "there are %d faults already; clear them first", FAULTS_MAX);
	else
		rc = parse_word(faults, copy, &parts, err);
	free(copy);
	if (rc < 0) {
		set_fault_free(f);
		return -1;
	}
	f->from_ms = now_ms + parts.after_ms;
	f->what.until_ms = parts.for_ms ? f->from_ms + parts.for_ms : UINT64_MAX;
	while (*end)
		end = &(*end)->next;
	*end = f;
	faults->count++;
	record(faults, "fault.set", word);
	return 0;
}

struct faults *faults_new(const struct fault_terms *terms)
{
	struct faults *faults = memory_new(sizeof *faults);

	faults->terms = *terms;
	faults->drawn = 1;
	return faults;
}

void faults_seed(struct faults *faults, uint32_t seed)
{
	faults->is_seeded = seed != 0;
	faults->drawn = seed ? seed : 1;
}

/* xorshift64*: for faults, not for secrets. */
static uint32_t draw(struct faults *faults)
{
	uint64_t x = faults->drawn;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	faults->drawn = x;
	return (uint32_t)((x * UINT64_C(2685821657736338717)) >> 32);
}

static void drop_all(struct faults *faults)
{
	while (faults->first) {
		struct set_fault *f = faults->first;

		faults->first = f->next;
		set_fault_free(f);
	}
	faults->count = 0;
	while (faults->listeners) {
		struct fault_listener *listener = faults->listeners;

		faults_unlisten(listener);
		listener->cleared(listener->arg);
	}
}

void faults_clear(struct faults *faults)
{
	record(faults, "fault.clear", NULL);
	drop_all(faults);
}

bool faults_any(const struct faults *faults)
{
	return faults && faults->first;
}

void faults_free(struct faults **faults)
{
	if (!*faults)
		return;
	drop_all(*faults);
	free(*faults);
	*faults = NULL;
}

void faults_listen(struct faults *faults, struct fault_listener *listener)
{
	if (listener->at)
		return;
	listener->next = faults->listeners;
	listener->at = &faults->listeners;
	if (listener->next)
		listener->next->at = &listener->next;
	faults->listeners = listener;
}

void faults_unlisten(struct fault_listener *listener)
{
	if (!listener->at)
		return;
	*listener->at = listener->next;
	if (listener->next)
		listener->next->at = listener->at;
	listener->at = NULL;
}

/* --- what befalls what --------------------------------------------------------------------------------------------------------- */

static bool concerns(const struct faults *faults, const struct set_fault *f, const char *whom, const char *kind)
{
	if (f->whom && strcasecmp(f->whom, whom) != 0)
		return false;
	if (!f->kind)
		return f->what.action == FAULT_HALF_OPEN || !is_special(&faults->terms, kind);
	return strcmp(f->kind, "all") == 0 || strcasecmp(f->kind, kind) == 0;
}

struct fault faults_next(struct faults *faults, uint64_t now_ms, const char *whom, const char *kind)
{
	struct fault what = { .action = FAULT_NONE };

	for (struct set_fault *f = faults->first; f; f = f->next) {
		if (is_over(f, now_ms) || now_ms < f->from_ms || !concerns(faults, f, whom, kind))
			continue;
		f->seen++;
		if (what.action != FAULT_NONE || f->seen % f->nth != 0 || (f->chance < 100 && draw(faults) % 100 >= f->chance))
			continue;
		if (f->left != UINT64_MAX)
			f->left--;
		f->done++;
		what = f->what;
		if (faults->is_seeded && what.action == FAULT_GARBLE)
			what.place = draw(faults) | 1;
		log_info("fault %s=%s on=%s word=%s", faults->terms.whom, log_str(whom), log_str(kind), log_str(f->word));
	}
	return what;
}

/* --- the list -------------------------------------------------------------------------------------------------------------------- */

json_t *faults_json(const struct faults *faults, uint64_t now_ms)
{
	json_t *list = json_array();

	for (const struct set_fault *f = faults->first; f; f = f->next) {
		json_t *item = json_pack("{s:o, s:I, s:I}", "word", control_json_text(f->word), "seen", (json_int_t)f->seen, "done",
			(json_int_t)f->done);

		if (f->left != UINT64_MAX)
			json_object_set_new(item, "left", json_integer((json_int_t)f->left));
		if (now_ms < f->from_ms)
			json_object_set_new(item, "in_ms", json_integer((json_int_t)(f->from_ms - now_ms)));
		if (f->what.until_ms != UINT64_MAX)
			json_object_set_new(item, "left_ms", json_integer((json_int_t)(now_ms < f->what.until_ms ? f->what.until_ms - now_ms : 0)));
		json_array_append_new(list, item);
	}
	return list;
}

void faults_text(const struct faults *faults, uint64_t now_ms, struct buf *out)
{
	for (const struct set_fault *f = faults->first; f; f = f->next) {
		buf_printf(out, "%s: seen %ju, done %ju%s\n", log_str(f->word), (uintmax_t)f->seen, (uintmax_t)f->done,
			is_over(f, now_ms) ? ", over" : now_ms < f->from_ms ? ", not yet" : "");
	}
	if (!faults->first)
		buf_text(out, "no faults\n");
}
