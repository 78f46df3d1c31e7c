#include "admin/trace_steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/control.h"
#include "base/trail.h"
#include "protocol/srp.h"

enum { DETAIL_MAX = 320, VALUE_MAX = 200 };

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

/* --- entries ------------------------------------------------------------------------------------------------------------ */

/* An entry of a trail, a row of the database's event trail, or a line of a device. */
static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static json_int_t member(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

struct value { char text[VALUE_MAX]; };

static const char *word(const json_t *entry, const char *key, struct value *into)
{
	return trail_value(text(entry, "text"), key, into->text, sizeof into->text);
}

/* A row of the database has its numbers in the text, before all else. */
static long long number(const json_t *entry, const char *key)
{
	const json_t *numbers = json_object_get(entry, "numbers");
	struct value value;

	return numbers ? member(numbers, key) : strtoll(word(entry, key, &value), NULL, 10);
}

struct login {
	const struct trace_source *source;
	char id[32];
	const char *pin;
	json_int_t transaction;
	/* Of the trails; NULL: not there (any more). */
	const json_t *up, *opened, *login, *admit, *connect, *backend, *answer, *sealed, *delivered;
	bool is_admit_stored, is_answer_stored;        /* these two are the database's */
	json_int_t from_us;                            /* when it began; 0: not known */
	const json_t *row;                             /* its session, live or ended */
	bool is_live;
	json_t *steps, *evicted, *events, *notes;
};

static bool is_of(const struct login *l, const json_t *entry, const char *event)
{
	return strcmp(text(entry, "event"), event) == 0 && strcmp(text(entry, "pin"), l->pin) == 0 &&
		member(entry, "transaction") == l->transaction;
}

/* The last one that is not after at_us: of several logins of one id, the one that went on there. */
static const json_t *last_until(const struct login *l, enum trace_process process, const char *event, json_int_t at_us)
{
	const json_t *entries = l->source->trails[process];

	for (size_t i = json_array_size(entries); i > 0; i--) {
		const json_t *entry = json_array_get(entries, i - 1);

		if (member(entry, "at_us") <= at_us && is_of(l, entry, event))
			return entry;
	}
	return NULL;
}

/* The first one from at_us on. */
static const json_t *first_from(const struct login *l, enum trace_process process, const char *event, json_int_t at_us)
{
	size_t i;
	const json_t *entry;

	json_array_foreach(l->source->trails[process], i, entry) {
		if (member(entry, "at_us") >= at_us && is_of(l, entry, event))
			return entry;
	}
	return NULL;
}

static const json_t *last_stored(const struct login *l, const char *event)
{
	for (size_t i = json_array_size(l->source->events); i > 0; i--) {
		const json_t *row = json_array_get(l->source->events, i - 1);

		if (is_of(l, row, event))
			return row;
	}
	return NULL;
}

static const json_t *row_of(const json_t *rows, const char *login_id)
{
	size_t i;
	const json_t *row;

	json_array_foreach(rows, i, row) {
		if (strcmp(text(row, "login_id"), login_id) == 0)
			return row;
	}
	return NULL;
}

/* What the dispatcher sealed for this device next after the answer was given is that answer. */
static void find_way_back(struct login *l)
{
	size_t i;
	const json_t *entry;
	struct value content;

	if (!l->answer || l->is_answer_stored)
		return;
	json_array_foreach(l->source->trails[TRACE_DISPATCHER], i, entry) {
		if (member(entry, "at_us") < member(l->answer, "at_us") || strcmp(text(entry, "pin"), l->pin) != 0)
			continue;
		if (!l->sealed && strcmp(text(entry, "event"), "sealed") == 0 && strcmp(word(entry, "content", &content), "BBIM") == 0)
			l->sealed = entry;
		else if (l->sealed && strcmp(text(entry, "event"), "delivered") == 0 &&
			 member(entry, "transaction") == member(l->sealed, "transaction")) {
			l->delivered = entry;
			break;
		}
	}
}

static void find_entries(struct login *l)
{
	json_int_t begun, until;

	l->login = last_until(l, TRACE_COLLAB, "login", INT64_MAX);
	begun = l->login ? member(l->login, "at_us") : 0;
	until = l->login ? begun : INT64_MAX;
	l->opened = last_until(l, TRACE_DISPATCHER, "opened", until);
	l->up = last_until(l, TRACE_ROUTER, "up", l->opened ? member(l->opened, "at_us") : until);
	l->admit = first_from(l, TRACE_COLLAB, "admit", begun);
	l->connect = first_from(l, TRACE_COLLAB, "backend.connect", begun);
	l->backend = first_from(l, TRACE_COLLAB, "backend.login", begun);
	l->answer = first_from(l, TRACE_COLLAB, "answer", begun);
	/* A login whose beginning is remembered is remembered whole: the database's would be another one's. */
	if (!l->login && !l->admit)
		l->is_admit_stored = (l->admit = last_stored(l, "admit")) != NULL;
	if (!l->login && !l->answer)
		l->is_answer_stored = (l->answer = last_stored(l, "answer")) != NULL;
	find_way_back(l);
	l->row = row_of(l->source->live, l->id);
	l->is_live = l->row != NULL;
	if (!l->row)
		l->row = row_of(l->source->history, l->id);
	l->from_us = l->source->sent ? member(l->source->sent, "at_us") : l->up ? member(l->up, "at_us") : l->opened ?
		member(l->opened, "at_us") : l->login ? begun : 0;
}

/* --- steps -------------------------------------------------------------------------------------------------------------- */

struct origin { const char *process; const json_t *entry; bool is_stored, is_device; };

static json_t *happening(const char *what, struct origin from, const char *detail)
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

static void step(struct login *l, int number_of_step, const char *what, struct origin from, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

static void step(struct login *l, int number_of_step, const char *what, struct origin from, const char *format, ...)
{
	char detail[DETAIL_MAX];
	json_t *out;
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	out = happening(what, from, detail);
	json_object_set_new(out, "step", json_integer(number_of_step));
	json_array_append_new(l->steps, out);
}

static struct origin of(enum trace_process process, const json_t *entry)
{
	return (struct origin){ .process = trace_process_names[process], .entry = entry };
}

static struct origin stored_or(const json_t *entry, bool is_stored)
{
	return (struct origin){ .process = "collab", .entry = entry, .is_stored = is_stored };
}

static void steps_up(struct login *l)
{
	const struct trace_source *source = l->source;
	const json_t *sizes = source->sent;
	const struct origin device = { .process = "device", .entry = source->sent, .is_device = true };
	struct value suite = { "" };

	if (sizes)
		snprintf(suite.text, sizeof suite.text, "%s", text(sizes, "suite"));
	else if (l->opened)
		word(l->opened, "suite", &suite);
	if (!sizes)
		sizes = json_object_get(l->opened, "numbers");
	if (sizes) {
		step(l, 1, "the user logs in on the device", device, "user ID and password, %lld bytes", (long long)member(sizes, "clear"));
		step(l, 2, "compressed, encrypted, sent to the Router", device, "%lld -> %lld -> %lld bytes, %s%s%s",
			(long long)member(sizes, "clear"), (long long)member(sizes, "packed"), (long long)member(sizes, "sealed"), suite.text,
			source->sent ? ", to " : "", text(source->sent, "peer"));
	} else {
		step(l, 1, "the user logs in on the device", device, "user ID and password");
		step(l, 2, "compressed, encrypted, sent to the Router", device, "message id %lld", (long long)l->transaction);
	}
	if (l->up)
		step(l, 2, "the Router forwards it to the Dispatcher", of(TRACE_ROUTER, l->up), "%lld bytes, unread", number(l->up, "bytes"));
	else
		step(l, 2, "the Router forwards it to the Dispatcher", of(TRACE_ROUTER, NULL), "not in its trail");
	if (l->opened)
		step(l, 3, "decrypted, decompressed, passed on", of(TRACE_DISPATCHER, l->opened), "%lld -> %lld -> %lld bytes",
			number(l->opened, "sealed"), number(l->opened, "packed"), number(l->opened, "clear"));
	else
		step(l, 3, "decrypted, decompressed, passed on", of(TRACE_DISPATCHER, NULL), "not in its trail");
	if (l->login)
		step(l, 3, "the Collaboration Service has it", of(TRACE_COLLAB, l->login), "message id %lld", (long long)l->transaction);
	else
		step(l, 3, "the Collaboration Service has it", of(TRACE_COLLAB, NULL), "not in its trail");
}

/* Where the service itself noted that it ended the session; NULL: another service's session, or forgotten. */
static const json_t *end_of(const struct login *l, json_int_t session, bool *is_stored)
{
	static const char *const ends[] = { "evict", "session.end" };
	const json_t *const lists[] = { l->source->trails[TRACE_COLLAB], l->source->events };

	for (size_t list = 0; list < 2; list++) {
		for (size_t i = json_array_size(lists[list]); i > 0; i--) {
			const json_t *entry = json_array_get(lists[list], i - 1);

			for (size_t e = 0; e < 2; e++) {
				if (strcmp(text(entry, "event"), ends[e]) == 0 && number(entry, "session") == session) {
					*is_stored = list == 1;
					return entry;
				}
			}
		}
	}
	return NULL;
}

static bool is_older(const struct login *l, const json_t *row)
{
	return !l->row || member(row, "session") < member(l->row, "session");
}

static void steps_evictions(struct login *l)
{
	/* History is newest first, and what makes way does so in the order of its sessions. */
	for (size_t i = json_array_size(l->source->history); i > 0; i--) {
		const json_t *row = json_array_get(l->source->history, i - 1), *end;
		struct origin from = { .process = "collab" };
		bool is_replaced = strcmp(text(row, "reason"), "replaced") == 0;

		if (strcmp(text(row, "ended_by"), l->id) != 0 || !is_older(l, row))
			continue;
		end = end_of(l, member(row, "session"), &from.is_stored);
		from.entry = end;
		json_array_append_new(l->evicted, json_pack("{s:O, s:O, s:O, s:O, s:O}", "session", json_object_get(row, "session"), "pin",
			json_object_get(row, "pin"), "user", json_object_get(row, "user"), "login_id", json_object_get(row, "login_id"),
			"reason", json_object_get(row, "reason")));
		step(l, 4, is_replaced ? "an older session of this user is replaced" : "a session that may be logged out is", from,
			"session %lld of %s from %s: %s", (long long)member(row, "session"), text(row, "user"), text(row, "pin"),
			text(row, "reason"));
	}
}

static void steps_decision(struct login *l)
{
	struct value arithmetic, outcome, permitted;
	struct origin from = stored_or(l->admit, l->is_admit_stored);

	if (!l->admit) {
		step(l, 4, "the limits in the Configuration Database", from, "%s", l->login && l->answer ? "not decided" : "not known");
		return;
	}
	step(l, 4, "the limits in the Configuration Database", from, "%s", word(l->admit, "arithmetic", &arithmetic));
	steps_evictions(l);
	word(l->admit, "outcome", &outcome);
	if (strcmp(outcome.text, "admitted") == 0 || strcmp(outcome.text, "not-permitted") == 0) {
		from.entry = NULL;
		step(l, 4, "permission to use the client", from, "%s", word(l->admit, "permitted", &permitted));
	}
}

static void steps_backend(struct login *l)
{
	struct value peer, local, tls, name, outcome;
	bool is_admitted = l->admit && strcmp(word(l->admit, "outcome", &outcome), "admitted") == 0;
	bool is_accepted = l->answer && number(l->answer, "code") == 0;
	bool is_forgotten = l->is_admit_stored || !l->admit;

	if (l->connect)
		step(l, 5, "a connection of its own to GroupWise", of(TRACE_COLLAB, l->connect), "%s -> %s, %s",
			word(l->connect, "local", &local), word(l->connect, "peer", &peer), word(l->connect, "tls", &tls));
	else
		step(l, 5, "a connection of its own to GroupWise", of(TRACE_COLLAB, NULL), "%s", is_accepted ? "yes" : is_forgotten &&
			(is_admitted || !l->admit) ? "not known" : l->answer ? "not reached" : "not yet");
	if (l->backend)
		step(l, 5, "GroupWise Messenger accepts the login", of(TRACE_COLLAB, l->backend), "%s", word(l->backend, "name", &name));
	else if (l->connect || is_accepted)
		step(l, 5, "GroupWise Messenger accepts the login", of(TRACE_COLLAB, NULL), "%s", is_accepted ? "yes" : l->answer ? "no" : "not yet");
}

static void steps_answer(struct login *l)
{
	struct origin from = stored_or(l->answer, l->is_answer_stored);
	struct value status, why, suite, arithmetic;
	bool is_said;
	const json_t *shown = l->source->answer;
	long long code = l->answer ? number(l->answer, "code") : 0;

	if (!l->answer) {
		step(l, 6, "the answer goes back", from, "%s", l->is_live || l->login ? "not yet" : "not known");
		return;
	}
	word(l->answer, "status", &status);
	word(l->answer, "why", &why);
	/* Limits refuse with their arithmetic, which step 4 shows. */
	is_said = !why.text[0] || strcmp(why.text, word(l->admit, "arithmetic", &arithmetic)) == 0;
	if (code == 0)
		step(l, 6, "the acceptance goes back", from, "session %lld; the service keeps how it is connected", number(l->answer, "session"));
	else
		step(l, 6, "the refusal goes back", from, "code %lld%s%s", code, is_said ? "" : ": ", is_said ? "" : why.text);
	if (l->sealed)
		step(l, 6, "compressed and encrypted for the device", of(TRACE_DISPATCHER, l->sealed), "%lld -> %lld -> %lld bytes, %s",
			number(l->sealed, "clear"), number(l->sealed, "packed"), number(l->sealed, "sealed"), word(l->sealed, "suite", &suite));
	if (l->delivered && !shown)
		step(l, 6, "the Router says that the device has it", of(TRACE_DISPATCHER, l->delivered), "message id %lld",
			(long long)member(l->delivered, "transaction"));
	step(l, 6, "the device shows", (struct origin){ .process = "device", .entry = shown, .is_device = true }, "%s", shown && code == 0 ?
		text(shown, "display_name") : shown ? text(shown, "status_text") : code == 0 ? "logged in" : status.text);
}

/* --- what became of it -------------------------------------------------------------------------------------------------- */

static void note(struct login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct login *l, const char *format, ...)
{
	char sentence[DETAIL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof sentence, format, args);
	va_end(args);
	json_array_append_new(l->notes, control_json_text(sentence));
}

static void note_gaps(struct login *l)
{
	static const char *const names[] = { "Router", "Dispatcher", "Collaboration Service" };
	const json_t *const known[] = { l->up, l->opened, l->login };

	for (int i = 0; i < TRACE_PROCESSES; i++) {
		if (!l->source->trails[i])
			note(l, "The %s of this place does not answer, so its trail cannot be read.", names[i]);
		else if (!known[i])
			note(l, "The %s's trail has nothing of it: it was started since, or has seen too much since, or it was another instance.",
				names[i]);
	}
	if (l->is_admit_stored || l->is_answer_stored)
		note(l, "The decision and the answer are as the database's event trail remembers them.");
}

static void add_event(struct login *l, const json_t *entry, bool is_stored)
{
	static const struct { const char *event, *key, *value, *what; } names[] = {
		{ "session.coverage", "what", "gone", "its device leaves coverage" },
		{ "session.coverage", "what", "back", "its device is back in coverage" },
		{ "session.mark", "what", "none", "may not be logged out any more" },
		{ "session.mark", "what", NULL, "may be logged out when a place is needed" },
		{ "evict", "reason", NULL, "is logged out to make a place" },
		{ "session.end", "reason", NULL, "ends" },
	};
	struct value value, why;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char detail[2 * VALUE_MAX + 4];

		if (!is_of(l, entry, names[i].event))
			continue;
		word(entry, names[i].key, &value);
		if (names[i].value && strcmp(names[i].value, value.text) != 0)
			continue;
		word(entry, "why", &why);
		snprintf(detail, sizeof detail, "%s%s%s", names[i].value ? "" : value.text, why.text[0] ? ": " : "", why.text);
		json_array_append_new(l->events, happening(names[i].what, stored_or(entry, is_stored), detail));
		return;
	}
}

static json_t *session_json(struct login *l)
{
	json_t *out;
	json_int_t begun = l->login ? member(l->login, "at_us") : 0;
	bool is_stored = false;
	const json_t *end, *entry;
	size_t i;

	if (!l->row) {
		json_decref(l->events);
		return json_null();
	}
	json_array_foreach(l->source->trails[TRACE_COLLAB], i, entry) {
		if (member(entry, "at_us") >= begun)
			add_event(l, entry, false);
	}
	out = json_copy((json_t *)(uintptr_t)l->row);
	end = l->is_live ? NULL : end_of(l, member(l->row, "session"), &is_stored);
	if (end && is_stored)
		add_event(l, end, true);
	/* By the owner's clock, which a manual one moves. */
	if (end)
		json_object_set_new(out, "lasted_ms", json_integer(number(end, "lasted_ms")));
	json_object_set_new(out, "live", json_boolean(l->is_live));
	json_object_set_new(out, "events", l->events);
	return out;
}

static const char *outcome_of(const struct login *l)
{
	if (l->answer)
		return number(l->answer, "code") == 0 ? "accepted" : "refused";
	return l->is_live || l->login ? "under-way" : "unknown";
}

static json_t *text_or_null(const char *value)
{
	return *value ? control_json_text(value) : json_null();
}

/* Who logged in: whoever says it. */
static const char *user_of(const struct login *l, struct value *user)
{
	const json_t *const sources[] = { l->login, l->admit, l->answer };

	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if (sources[i] && *word(sources[i], "user", user))
			return user->text;
	}
	return l->row ? text(l->row, "user") : "";
}

json_t *trace_explain(const struct trace_source *source, const char *login_id)
{
	struct login l = { .source = source };
	struct value user, status = { "" }, arithmetic = { "" };
	uint32_t pin, transaction;
	const json_t *first, *started;
	json_t *out, *session;

	if (trace_id_parse(login_id, &pin, &transaction) != 0)
		return NULL;
	l.pin = pin_text(pin);
	l.transaction = transaction;
	snprintf(l.id, sizeof l.id, "%s-%u", l.pin, transaction);
	find_entries(&l);
	if (!l.login && !l.admit && !l.answer && !l.row)
		return NULL;
	l.steps = json_array();
	l.evicted = json_array();
	l.events = json_array();
	l.notes = json_array();
	steps_up(&l);
	steps_decision(&l);
	steps_backend(&l);
	steps_answer(&l);
	note_gaps(&l);
	session = session_json(&l);
	if (l.answer)
		word(l.answer, "status", &status);
	if (l.admit)
		word(l.admit, "arithmetic", &arithmetic);
	first = l.login ? l.login : l.admit ? l.admit : l.answer;
	started = last_stored(&l, "admit") ? last_stored(&l, "admit") : last_stored(&l, "answer");
	started = started ? json_object_get(started, "time") : json_object_get(l.row, "started");
	out = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:o}", "login_id", l.id, "pin", l.pin, "user", text_or_null(user_of(&l, &user)),
		"outcome", outcome_of(&l), "code", l.answer ? json_integer(number(l.answer, "code")) : json_null(), "status_text",
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
