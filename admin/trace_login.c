#include "admin/trace_login.h"

#include <stdlib.h>
#include <string.h>

#include "base/trail.h"

/* An entry of a trail, a row of the database's event trail, or a line of a device. */
const char *trace_text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

json_int_t trace_member(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

const char *trace_word(const json_t *entry, const char *key, struct trace_value *into)
{
	return trail_value(trace_text(entry, "text"), key, into->text, sizeof into->text);
}

/* A row of the database has its numbers in the text, before all else. */
long long trace_number(const json_t *entry, const char *key)
{
	const json_t *numbers = json_object_get(entry, "numbers");
	struct trace_value value;

	return numbers ? trace_member(numbers, key) : strtoll(trace_word(entry, key, &value), NULL, 10);
}


bool trace_is_of(const struct trace_login *l, const json_t *entry, const char *event)
{
	return strcmp(trace_text(entry, "event"), event) == 0 && strcmp(trace_text(entry, "pin"), l->pin) == 0 &&
		trace_member(entry, "transaction") == l->transaction;
}

/* The last one that is not after at_us: of several logins of one id, the one that went on there. */
static const json_t *last_until(const struct trace_login *l, enum trace_process process, const char *event, json_int_t at_us)
{
	const json_t *entries = l->source->trails[process];

	for (size_t i = json_array_size(entries); i > 0; i--) {
		const json_t *entry = json_array_get(entries, i - 1);

		if (trace_member(entry, "at_us") <= at_us && trace_is_of(l, entry, event))
			return entry;
	}
	return NULL;
}

/* The first one from at_us on. */
static const json_t *first_from(const struct trace_login *l, enum trace_process process, const char *event, json_int_t at_us)
{
	size_t i;
	const json_t *entry;

	json_array_foreach(l->source->trails[process], i, entry) {
		if (trace_member(entry, "at_us") >= at_us && trace_is_of(l, entry, event))
			return entry;
	}
	return NULL;
}

const json_t *trace_last_stored(const struct trace_login *l, const char *event)
{
	for (size_t i = json_array_size(l->source->events); i > 0; i--) {
		const json_t *row = json_array_get(l->source->events, i - 1);

		if (trace_is_of(l, row, event))
			return row;
	}
	return NULL;
}

static const json_t *row_of(const json_t *rows, const char *login_id)
{
	size_t i;
	const json_t *row;

	json_array_foreach(rows, i, row) {
		if (strcmp(trace_text(row, "login_id"), login_id) == 0)
			return row;
	}
	return NULL;
}

/* What the dispatcher sealed for this device next after the answer was given is that answer. */
static void find_way_back(struct trace_login *l)
{
	size_t i;
	const json_t *entry;
	struct trace_value content;

	if (!l->answer || l->is_answer_stored)
		return;
	json_array_foreach(l->source->trails[TRACE_DISPATCHER], i, entry) {
		if (trace_member(entry, "at_us") < trace_member(l->answer, "at_us") || strcmp(trace_text(entry, "pin"), l->pin) != 0)
			continue;
		if (!l->sealed && strcmp(trace_text(entry, "event"), "sealed") == 0 && strcmp(trace_word(entry, "content", &content), "BBIM") == 0)
			l->sealed = entry;
		else if (l->sealed && strcmp(trace_text(entry, "event"), "delivered") == 0 &&
			 trace_member(entry, "transaction") == trace_member(l->sealed, "transaction")) {
			l->delivered = entry;
			break;
		}
	}
}

void trace_login_find(struct trace_login *l)
{
	json_int_t begun, until;

	l->login = last_until(l, TRACE_COLLAB, "login", INT64_MAX);
	begun = l->login ? trace_member(l->login, "at_us") : 0;
	until = l->login ? begun : INT64_MAX;
	l->opened = last_until(l, TRACE_DISPATCHER, "opened", until);
	l->up = last_until(l, TRACE_ROUTER, "up", l->opened ? trace_member(l->opened, "at_us") : until);
	l->admit = first_from(l, TRACE_COLLAB, "admit", begun);
	l->connect = first_from(l, TRACE_COLLAB, "backend.connect", begun);
	l->backend = first_from(l, TRACE_COLLAB, "backend.login", begun);
	l->answer = first_from(l, TRACE_COLLAB, "answer", begun);
	/* A login whose beginning is remembered is remembered whole: the database's would be another one's. */
	if (!l->login && !l->admit)
		l->is_admit_stored = (l->admit = trace_last_stored(l, "admit")) != NULL;
	if (!l->login && !l->answer)
		l->is_answer_stored = (l->answer = trace_last_stored(l, "answer")) != NULL;
	find_way_back(l);
	l->row = row_of(l->source->live, l->id);
	l->is_live = l->row != NULL;
	if (!l->row)
		l->row = row_of(l->source->history, l->id);
	l->from_us = l->source->sent ? trace_member(l->source->sent, "at_us") : l->up ? trace_member(l->up, "at_us") : l->opened ?
		trace_member(l->opened, "at_us") : l->login ? begun : 0;
}

const json_t *trace_end_of(const struct trace_login *l, json_int_t session, bool *is_stored)
{
	static const char *const ends[] = { "evict", "session.end" };
	const json_t *const lists[] = { l->source->trails[TRACE_COLLAB], l->source->events };

	for (size_t list = 0; list < 2; list++) {
		for (size_t i = json_array_size(lists[list]); i > 0; i--) {
			const json_t *entry = json_array_get(lists[list], i - 1);

			for (size_t e = 0; e < 2; e++) {
				if (strcmp(trace_text(entry, "event"), ends[e]) == 0 && trace_number(entry, "session") == session) {
					*is_stored = list == 1;
					return entry;
				}
			}
		}
	}
	return NULL;
}
