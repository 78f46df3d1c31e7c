#include "admin/trace_steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/trace_login.h"
#include "base/control.h"
#include "protocol/srp.h"

int trace_id_parse(const char *login_id, uint32_t *pin, uint32_t *transaction)
{
	const char *dash = strchr(login_id, '-');
	unsigned long long number;

	if (!dash || pin_parse(bytes_of(login_id, (size_t)(dash - login_id)), pin) != 0)
		return -1;
	if (!dash[1] || strspn(dash + 1, "0123456789") != strlen(dash + 1) || strlen(dash + 1) > 10)
		return -1;
	number = strtoull(dash + 1, NULL, 10);
	*transaction = (uint32_t)number;
	return number == 0 || number > UINT32_MAX ? -1 : 0;
}

json_t *trace_happening(const char *what, struct trace_origin from, const char *detail)
{
	json_t *out = json_object();
	json_t *at = json_object_get(from.entry, "at_us"), *stored = json_object_get(from.entry, "time");
	json_t *virtual_ms = json_object_get(from.entry, "virtual_ms");

	json_object_set_new(out, "what", json_string(what));
	json_object_set_new(out, "process", json_string(from.process));
	json_object_set_new(out, "detail", control_json_text(detail));
	json_object_set_new(out, "from", from.entry ? json_string(from.is_device ? "device" : from.is_stored ? "database" : "trail")
		: json_null());
	json_object_set(out, "at_us", at ? at : json_null());
	json_object_set(out, "time", stored ? stored : json_null());
	json_object_set(out, "virtual_ms", virtual_ms ? virtual_ms : json_null());
	return out;
}

void trace_step(struct trace_login *l, int number_of_step, const char *what, struct trace_origin from, const char *format, ...)
{
	char detail[TRACE_DETAIL_MAX];
	json_t *out;
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	out = trace_happening(what, from, detail);
	json_object_set_new(out, "step", json_integer(number_of_step));
	json_array_append_new(l->steps, out);
}

struct trace_origin trace_of(enum trace_process process, const json_t *entry)
{
	return (struct trace_origin){ .process = trace_process_names[process], .entry = entry };
}

struct trace_origin trace_stored_or(const json_t *entry, bool is_stored)
{
	return (struct trace_origin){ .process = "collab", .entry = entry, .is_stored = is_stored };
}

static void steps_up(struct trace_login *l)
{
	const struct trace_source *source = l->source;
	const json_t *sizes = source->sent;
	const struct trace_origin device = { .process = "device", .entry = source->sent, .is_device = true };
	struct trace_value suite = { "" };

	if (sizes)
		snprintf(suite.text, sizeof suite.text, "%s", trace_text(sizes, "suite"));
	else if (l->opened)
		trace_word(l->opened, "suite", &suite);
	if (!sizes)
		sizes = json_object_get(l->opened, "numbers");
	if (sizes) {
		trace_step(l, 1, "the user logs in on the device", device, "user ID and password, %lld bytes", (long long)trace_member(sizes, "clear"));
		trace_step(l, 2, "compressed, encrypted, sent to the Router", device, "%lld -> %lld -> %lld bytes, %s%s%s",
			(long long)trace_member(sizes, "clear"), (long long)trace_member(sizes, "packed"), (long long)trace_member(sizes, "sealed"), suite.text,
			source->sent ? ", to " : "", trace_text(source->sent, "peer"));
	} else {
		trace_step(l, 1, "the user logs in on the device", device, "user ID and password");
		trace_step(l, 2, "compressed, encrypted, sent to the Router", device, "message id %lld", (long long)l->transaction);
	}
	if (l->up)
		trace_step(l, 2, "the Router forwards it to the Dispatcher", trace_of(TRACE_ROUTER, l->up), "%lld bytes, unread", trace_number(l->up, "bytes"));
	else
		trace_step(l, 2, "the Router forwards it to the Dispatcher", trace_of(TRACE_ROUTER, NULL), "not in its trail");
	if (l->opened)
		trace_step(l, 3, "decrypted, decompressed, passed on", trace_of(TRACE_DISPATCHER, l->opened), "%lld -> %lld -> %lld bytes",
			trace_number(l->opened, "sealed"), trace_number(l->opened, "packed"), trace_number(l->opened, "clear"));
	else
		trace_step(l, 3, "decrypted, decompressed, passed on", trace_of(TRACE_DISPATCHER, NULL), "not in its trail");
	if (l->login)
		trace_step(l, 3, "the Collaboration Service has it", trace_of(TRACE_COLLAB, l->login), "message id %lld", (long long)l->transaction);
	else
		trace_step(l, 3, "the Collaboration Service has it", trace_of(TRACE_COLLAB, NULL), "not in its trail");
}

static bool is_older(const struct trace_login *l, const json_t *row)
{
	return !l->row || trace_member(row, "session") < trace_member(l->row, "session");
}

static void steps_evictions(struct trace_login *l)
{
	/* History is newest first, and what makes way does so in the order of its sessions. */
	for (size_t i = json_array_size(l->source->history); i > 0; i--) {
		const json_t *row = json_array_get(l->source->history, i - 1), *end;
		struct trace_origin from = { .process = "collab" };
		bool is_replaced = strcmp(trace_text(row, "reason"), "replaced") == 0;

		if (strcmp(trace_text(row, "ended_by"), l->id) != 0 || !is_older(l, row))
			continue;
		end = trace_end_of(l, trace_member(row, "session"), &from.is_stored);
		from.entry = end;
		json_array_append_new(l->evicted, json_pack("{s:O, s:O, s:O, s:O, s:O}", "session", json_object_get(row, "session"), "pin",
			json_object_get(row, "pin"), "user", json_object_get(row, "user"), "login_id", json_object_get(row, "login_id"),
			"reason", json_object_get(row, "reason")));
		trace_step(l, 4, is_replaced ? "an older session of this user is replaced" : "a session that may be logged out is", from,
			"session %lld of %s from %s: %s", (long long)trace_member(row, "session"), trace_text(row, "user"), trace_text(row, "pin"),
			trace_text(row, "reason"));
	}
}

static void steps_decision(struct trace_login *l)
{
	struct trace_value arithmetic, outcome, permitted;
	struct trace_origin from = trace_stored_or(l->admit, l->is_admit_stored);

	if (!l->admit) {
		trace_step(l, 4, "the limits in the Configuration Database", from, "%s", l->login && l->answer ? "not decided" : "not known");
		return;
	}
	trace_step(l, 4, "the limits in the Configuration Database", from, "%s", trace_word(l->admit, "arithmetic", &arithmetic));
	steps_evictions(l);
	trace_word(l->admit, "outcome", &outcome);
	if (strcmp(outcome.text, "admitted") == 0 || strcmp(outcome.text, "not-permitted") == 0) {
		from.entry = NULL;
		trace_step(l, 4, "permission to use the client", from, "%s", trace_word(l->admit, "permitted", &permitted));
	}
}

static void steps_answer(struct trace_login *l)
{
	struct trace_origin from = trace_stored_or(l->answer, l->is_answer_stored);
	struct trace_value status, why, suite, arithmetic;
	bool is_said;
	const json_t *shown = l->source->answer;
	long long code = l->answer ? trace_number(l->answer, "code") : 0;

	if (!l->answer) {
		trace_step(l, 6, "the answer goes back", from, "%s", l->is_live || l->login ? "not yet" : "not known");
		return;
	}
	trace_word(l->answer, "status", &status);
	trace_word(l->answer, "why", &why);
	/* Limits refuse with their arithmetic, which step 4 shows. */
	is_said = !why.text[0] || strcmp(why.text, trace_word(l->admit, "arithmetic", &arithmetic)) == 0;
	if (code == 0)
		trace_step(l, 6, "the acceptance goes back", from, "session %lld; the service keeps how it is connected", trace_number(l->answer, "session"));
	else
		trace_step(l, 6, "the refusal goes back", from, "code %lld%s%s", code, is_said ? "" : ": ", is_said ? "" : why.text);
	if (l->sealed)
		trace_step(l, 6, "compressed and encrypted for the device", trace_of(TRACE_DISPATCHER, l->sealed), "%lld -> %lld -> %lld bytes, %s",
			trace_number(l->sealed, "clear"), trace_number(l->sealed, "packed"), trace_number(l->sealed, "sealed"), trace_word(l->sealed, "suite", &suite));
	if (l->delivered && !shown)
		trace_step(l, 6, "the Router says that the device has it", trace_of(TRACE_DISPATCHER, l->delivered), "message id %lld",
			(long long)trace_member(l->delivered, "transaction"));
	trace_step(l, 6, "the device shows", (struct trace_origin){ .process = "device", .entry = shown, .is_device = true }, "%s", shown && code == 0 ?
		trace_text(shown, "display_name") : shown ? trace_text(shown, "status_text") : code == 0 ? "logged in" : status.text);
}

static const char *outcome_of(const struct trace_login *l)
{
	if (l->answer)
		return trace_number(l->answer, "code") == 0 ? "accepted" : "refused";
	return l->is_live || l->login ? "under-way" : "unknown";
}

static json_t *text_or_null(const char *value)
{
	return *value ? control_json_text(value) : json_null();
}

/* Who logged in: whoever says it. */
static const char *user_of(const struct trace_login *l, struct trace_value *user)
{
	const json_t *const sources[] = { l->login, l->admit, l->answer };

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if (sources[i] && *trace_word(sources[i], "user", user))
			return user->text;
	}
	return l->row ? trace_text(l->row, "user") : "";
}

json_t *trace_explain(const struct trace_source *source, const char *login_id)
{
	struct trace_login l = { .source = source };
	struct trace_value user, status = { "" }, arithmetic = { "" };
	uint32_t pin, transaction;
	const json_t *first, *started;
	json_t *out, *session;

	if (trace_id_parse(login_id, &pin, &transaction) != 0)
		return NULL;
	l.pin = pin_text(pin);
	l.transaction = transaction;
	snprintf(l.id, sizeof l.id, "%s-%u", l.pin, transaction);
	trace_login_find(&l);
	if (!l.login && !l.admit && !l.answer && !l.row)
		return NULL;
	l.steps = json_array();
	l.evicted = json_array();
	l.events = json_array();
	l.notes = json_array();
	steps_up(&l);
	steps_decision(&l);
	trace_steps_backend(&l);
	steps_answer(&l);
	trace_note_gaps(&l);
	session = trace_session(&l);
	if (l.answer)
		trace_word(l.answer, "status", &status);
	if (l.admit)
		trace_word(l.admit, "arithmetic", &arithmetic);
	first = l.login ? l.login : l.admit ? l.admit : l.answer;
	started = trace_last_stored(&l, "admit") ? trace_last_stored(&l, "admit") : trace_last_stored(&l, "answer");
	started = started ? json_object_get(started, "time") : json_object_get(l.row, "started");
	out = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "login_id", l.id, "pin", l.pin, "user", text_or_null(user_of(&l, &user)),
		"outcome", outcome_of(&l), "code", l.answer ? json_integer(trace_number(l.answer, "code")) : json_null(), "status_text",
		text_or_null(status.text), "arithmetic", text_or_null(arithmetic.text));
	json_object_set(out, "time", started ? (json_t *)(uintptr_t)started : json_null());
	json_object_set(out, "virtual_ms", json_object_get(first, "virtual_ms") ? json_object_get(first, "virtual_ms") : json_null());
	json_object_set_new(out, "from_us", l.from_us ? json_integer(l.from_us) : json_null());
	json_object_set_new(out, "steps", l.steps);
	json_object_set_new(out, "evicted", l.evicted);
	json_object_set_new(out, "session", session);
	json_object_set_new(out, "notes", l.notes);
	return out;
}

const char *trace_missing(const json_t *login)
{
	const json_t *first = json_array_get(json_object_get(login, "notes"), 0);

	return json_string_value(first);
}
