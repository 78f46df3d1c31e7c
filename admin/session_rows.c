#include "admin/session_rows.h"

#include <stdio.h>
#include <time.h>

#include "admin/span.h"
#include "base/control.h"
#include "protocol/srp.h"

static const char *const ticking[] = { "last_status_age_ms", "idle_in_ms", "inactive_in_ms" };
enum { TICKING = sizeof ticking / sizeof *ticking };

json_t *time_json(uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char text[48];
	struct tm utc;
	size_t len;

	if (!wall_ms)
		return json_null();
	gmtime_r(&seconds, &utc);
	len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + len, sizeof text - len, ".%03uZ", (unsigned)(wall_ms % 1000));
	return json_string(text);
}

static json_t *text_json(const char *text)
{
	return text && *text ? control_json_text(text) : json_null();
}

json_t *session_row_json(const struct seat_row *from)
{
	json_t *row = json_object();
	bool has_lasted = from->ended_wall_ms && from->ended_wall_ms >= from->started_wall_ms;

	json_object_set_new(row, "session", json_integer((json_int_t)from->session));
	json_object_set_new(row, "user", text_json(from->user));
	json_object_set_new(row, "pin", json_string(pin_text(from->pin)));
	json_object_set_new(row, "environment", text_json(from->environment));
	json_object_set_new(row, "instance", text_json(from->instance));
	json_object_set_new(row, "state", text_json(from->state));
	json_object_set_new(row, "evictable", from->mark ? json_string(seat_reason_name(from->mark)) : json_null());
	json_object_set_new(row, "reason", text_json(from->reason));
	json_object_set_new(row, "ended_by", text_json(from->ended_by));
	json_object_set_new(row, "login_id", text_json(from->login_id));
	json_object_set_new(row, "started", time_json(from->started_wall_ms));
	json_object_set_new(row, "ended", time_json(from->ended_wall_ms));
	json_object_set_new(row, "lasted_ms", has_lasted ? json_integer((json_int_t)(from->ended_wall_ms - from->started_wall_ms))
		: json_null());
	return row;
}

/* --- what a service says ---------------------------------------------------------------------------------------------------- */

/* By number: the service has as many as the database, and each list is long. */
static json_t *by_number(const json_t *sessions)
{
	json_t *index = json_object();
	char key[24];
	size_t i;
	json_t *session;

	json_array_foreach(json_object_get(sessions, "sessions"), i, session) {
		snprintf(key, sizeof key, "%lld", (long long)json_integer_value(json_object_get(session, "session")));
		json_object_set(index, key, session);
	}
	return index;
}

static void copy_or_null(json_t *row, const json_t *live, const char *key)
{
	json_t *value = json_object_get(live, key);

	json_object_set(row, key, value ? value : json_null());
}

void session_rows_join(json_t *rows, const json_t *sessions)
{
	json_t *index = by_number(sessions);
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row) {
		const json_t *live;
		char key[24];

		snprintf(key, sizeof key, "%lld", (long long)json_integer_value(json_object_get(row, "session")));
		live = json_object_get(index, key);
		copy_or_null(row, live, "in_coverage");
		for (size_t t = 0; t < TICKING; t++)
			copy_or_null(row, live, ticking[t]);
		if (json_object_get(live, "state"))
			json_object_set(row, "state", json_object_get(live, "state"));
	}
	json_decref(index);
}

json_t *session_rows_state(const json_t *rows)
{
	json_t *out = json_array();
	size_t i;
	const json_t *row;

	json_array_foreach(rows, i, row) {
		json_t *copy = json_copy((json_t *)(uintptr_t)row);

		for (size_t t = 0; t < TICKING; t++)
			json_object_del(copy, ticking[t]);
		json_array_append_new(out, copy);
	}
	return out;
}

/* --- for people ------------------------------------------------------------------------------------------------------------- */

static json_t *span_json(const json_t *ms, const char *at_zero)
{
	char text[32];

	if (!json_is_integer(ms))
		return json_null();
	if (at_zero && json_integer_value(ms) == 0)
		return json_string(at_zero);
	return json_string(span_text((uint64_t)json_integer_value(ms), text, sizeof text));
}

/* Whole seconds: what ticks must not flicker in its last digits. Rounded up, so that 0 is only shown when it is over. */
static json_t *countdown_json(const json_t *ms, const char *at_zero)
{
	json_t *whole = json_is_integer(ms) ? json_integer((json_integer_value(ms) + 999) / 1000 * 1000) : json_null();
	json_t *out = span_json(whole, at_zero);

	json_decref(whole);
	return out;
}

static json_t *age_json(const json_t *ms)
{
	json_t *whole = json_is_integer(ms) ? json_integer(json_integer_value(ms) / 1000 * 1000) : json_null();
	json_t *out = span_json(whole, NULL);

	json_decref(whole);
	return out;
}

json_t *session_rows_words(const json_t *rows)
{
	json_t *out = json_array();
	size_t i;
	const json_t *row;

	json_array_foreach(rows, i, row) {
		json_t *copy = json_copy((json_t *)(uintptr_t)row);
		const json_t *coverage = json_object_get(row, "in_coverage");

		json_object_set_new(copy, "status", age_json(json_object_get(row, "last_status_age_ms")));
		json_object_set_new(copy, "idle", countdown_json(json_object_get(row, "idle_in_ms"), "evictable"));
		json_object_set_new(copy, "inactive", countdown_json(json_object_get(row, "inactive_in_ms"), NULL));
		json_object_set_new(copy, "coverage", json_is_boolean(coverage) ? json_string(json_is_true(coverage) ? "in" : "out")
			: json_null());
		json_object_set_new(copy, "lasted", span_json(json_object_get(row, "lasted_ms"), NULL));
		json_array_append_new(out, copy);
	}
	return out;
}
