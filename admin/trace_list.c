#include "admin/trace_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "admin/trace_steps.h"
#include "base/control.h"
#include "base/memory.h"
#include "base/nearest.h"
#include "base/trail.h"

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static json_t *value_json(const json_t *event, const char *key)
{
	char value[200];

	trail_value(text(event, "text"), key, value, sizeof value);
	return *value ? control_json_text(value) : json_null();
}

static void take_answer(json_t *row, const json_t *event)
{
	char code[24];

	trail_value(text(event, "text"), "code", code, sizeof code);
	json_object_set_new(row, "outcome", json_string(strcmp(code, "0") == 0 ? "accepted" : "refused"));
	json_object_set_new(row, "code", json_integer(strtoll(code, NULL, 10)));
	json_object_set_new(row, "status_text", value_json(event, "status"));
}

static json_t *new_row(const json_t *event, const char *id)
{
	json_t *row = json_object();

	json_object_set_new(row, "login_id", json_string(id));
	json_object_set(row, "time", json_object_get(event, "time"));
	json_object_set_new(row, "user", value_json(event, "user"));
	json_object_set(row, "pin", json_object_get(event, "pin"));
	json_object_set_new(row, "outcome", json_string("under-way"));
	json_object_set_new(row, "code", json_null());
	json_object_set_new(row, "status_text", json_null());
	json_object_set_new(row, "arithmetic", json_null());
	json_object_set_new(row, "session", json_null());
	json_object_set_new(row, "ended", json_null());
	return row;
}

/* What became of the sessions, by the login's id; the newest of an id that was used twice. */
static json_t *by_login(const struct trace_source *source)
{
	json_t *index = json_object();
	size_t i;
	json_t *row;

	json_array_foreach(source->live, i, row) {
		if (!json_object_get(index, text(row, "login_id")))
			json_object_set(index, text(row, "login_id"), row);
	}
	json_array_foreach(source->history, i, row) {
		if (!json_object_get(index, text(row, "login_id")))
			json_object_set(index, text(row, "login_id"), row);
	}
	return index;
}

static void take_session(json_t *row, const json_t *session)
{
	if (!session)
		return;
	json_object_set(row, "session", json_object_get(session, "session"));
	json_object_set(row, "ended", json_object_get(session, *text(session, "reason") ? "reason" : "state"));
}

json_t *trace_list(const struct trace_source *source, const char *user, size_t most)
{
	json_t *out = json_array(), *open = json_object(), *sessions = by_login(source);

	/* Backwards, the answer of a login comes before its decision; another answer of the same id is another login. */
	for (size_t i = json_array_size(source->events); i > 0; i--) {
		const json_t *event = json_array_get(source->events, i - 1);
		bool is_answer = strcmp(text(event, "event"), "answer") == 0, is_admit = strcmp(text(event, "event"), "admit") == 0;
		char id[40], who[200];
		json_t *row;

		if ((!is_answer && !is_admit) || !*text(event, "pin"))
			continue;
		trail_value(text(event, "text"), "user", who, sizeof who);
		if (user && strcasecmp(who, user) != 0)
			continue;
		snprintf(id, sizeof id, "%s-%lld", text(event, "pin"), (long long)json_integer_value(json_object_get(event, "transaction")));
		row = is_answer ? NULL : json_object_get(open, id);
		if (!row) {
			/* The answers of what is left out may still have their decision further back. */
			if (json_array_size(out) >= most)
				continue;
			row = new_row(event, id);
			take_session(row, json_object_get(sessions, id));
			json_object_del(sessions, id);
			json_array_append_new(out, row);
			json_object_set(open, id, row);
		}
		if (is_answer) {
			take_answer(row, event);
		} else {
			json_object_set_new(row, "arithmetic", value_json(event, "arithmetic"));
			json_object_set(row, "time", json_object_get(event, "time"));
			json_object_del(open, id);
		}
	}
	json_decref(open);
	json_decref(sessions);
	return out;
}

/* --- the nearest -------------------------------------------------------------------------------------------------------- */

/* Every id once, in no order. */
static json_t *all_ids(const struct trace_source *source)
{
	const json_t *const lists[] = { source->live, source->history };
	json_t *ids = json_object(), *row;
	size_t i;

	json_array_foreach(source->events, i, row) {
		char id[40];

		if (!*text(row, "pin") || !json_is_integer(json_object_get(row, "transaction")))
			continue;
		snprintf(id, sizeof id, "%s-%lld", text(row, "pin"), (long long)json_integer_value(json_object_get(row, "transaction")));
		json_object_set_new(ids, id, json_null());
	}
	for (size_t list = 0; list < 2; list++) {
		json_array_foreach(lists[list], i, row) {
			json_object_set_new(ids, text(row, "login_id"), json_null());
		}
	}
	return ids;
}

const char *trace_nearest(const struct trace_source *source, const char *login_id, char *into, size_t size)
{
	json_t *ids = all_ids(source), *unused;
	const char **names = memory_new((json_object_size(ids) + 1) * sizeof *names), *key, *near = NULL;
	uint32_t pin = 0, number = 0, best = UINT32_MAX;
	bool is_id = trace_id_parse(login_id, &pin, &number) == 0;
	size_t count = 0;

	json_object_foreach(ids, key, unused) {
		uint32_t its_pin, its_number, apart;

		if (trace_id_parse(key, &its_pin, &its_number) != 0)
			continue;
		names[count++] = key;
		apart = its_number > number ? its_number - number : number - its_number;
		if (is_id && its_pin == pin && apart < best) {
			best = apart;
			near = key;
		}
	}
	names[count] = NULL;
	if (!near)
		near = nearest_name(login_id, names);
	if (near)
		snprintf(into, size, "%s", near);
	free(names);
	json_decref(ids);
	return near ? into : NULL;
}
