/* Sessions as `bramble session list` shows them: the database's rows with a service's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/session_rows.h"
#include "admin/span.h"

static void spans(void **state)
{
	static const struct { uint64_t ms; const char *want; } rows[] = {
		{ 0, "0 s" }, { 250, "0.25 s" }, { 1000, "1 s" }, { 9990, "9.99 s" }, { 10500, "10 s" }, { 59999, "59 s" }, { 60000, "1m00s" },
		{ 599000, "9m59s" }, { 3600000, "1h00m" }, { 86399000, "23h59m" }, { 180000000, "2d02h" },
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(span_text(rows[i].ms, text, sizeof text), rows[i].want);
}

static json_t *two_rows(void)
{
	json_t *rows = json_array();

	json_array_append_new(rows, session_row_json(&(struct seat_row){ .session = 7, .pin = 0x2100000a, .user = "alice",
		.environment = "groupwise", .instance = "collab1", .state = "active", .reason = "", .login_id = "2100000A-1", .ended_by = "",
		.started_wall_ms = 1000 }));
	json_array_append_new(rows, session_row_json(&(struct seat_row){ .session = 8, .pin = 0x2100000b, .user = "bob",
		.environment = "groupwise", .instance = "collab2", .state = "active", .reason = "", .login_id = "2100000B-1", .ended_by = "",
		.started_wall_ms = 1000, .mark = 2 }));
	return rows;
}

static const char *text_of(const json_t *rows, size_t i, const char *key)
{
	const json_t *value = json_object_get(json_array_get(rows, i), key);

	return json_is_null(value) ? "-" : json_string_value(value);
}

static void rows_have_the_services_numbers_and_others_have_none(void **state)
{
	json_t *rows = two_rows(), *words;
	json_t *sessions = json_pack("{s:[{s:i, s:s, s:b, s:i, s:i, s:i}]}", "sessions", "session", 7, "state", "out-of-coverage",
		"in_coverage", 0, "last_status_age_ms", 61999, "idle_in_ms", 538001, "inactive_in_ms", 1);

	(void)state;
	session_rows_join(rows, sessions);
	words = session_rows_words(rows);
	assert_string_equal(text_of(words, 0, "state"), "out-of-coverage");
	assert_string_equal(text_of(words, 0, "coverage"), "out");
	assert_string_equal(text_of(words, 0, "status"), "1m01s");
	assert_string_equal(text_of(words, 0, "idle"), "8m59s");          /* rounded up: not over before it is */
	assert_string_equal(text_of(words, 0, "inactive"), "1 s");
	assert_string_equal(text_of(words, 0, "evictable"), "-");
	assert_string_equal(text_of(words, 1, "state"), "active");
	assert_string_equal(text_of(words, 1, "evictable"), "evicted-coverage");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(text_of(words, 1, ((const char *[]){ "coverage", "status", "idle", "inactive" })[i]), "-");
	json_decref(words);
	json_decref(sessions);
	json_decref(rows);
}

static void an_idle_timeout_that_is_over_says_evictable_and_one_that_is_off_a_dash(void **state)
{
	json_t *rows = two_rows(), *words;
	json_t *sessions = json_pack("{s:[{s:i, s:s, s:b, s:i, s:i}, {s:i, s:s, s:b, s:i}]}", "sessions", "session", 7, "state", "active",
		"in_coverage", 1, "last_status_age_ms", 600000, "idle_in_ms", 0, "session", 8, "state", "active", "in_coverage", 1,
		"last_status_age_ms", 0);

	(void)state;
	session_rows_join(rows, sessions);
	words = session_rows_words(rows);
	assert_string_equal(text_of(words, 0, "idle"), "evictable");
	assert_string_equal(text_of(words, 0, "inactive"), "-");
	assert_string_equal(text_of(words, 1, "idle"), "-");
	assert_string_equal(text_of(words, 1, "status"), "0 s");
	json_decref(words);
	json_decref(sessions);
	json_decref(rows);
}

static json_t *state_of(int age, int idle, const char *how)
{
	json_t *rows = two_rows(), *out;
	json_t *sessions = json_pack("{s:[{s:i, s:s, s:b, s:i, s:i}]}", "sessions", "session", 7, "state", how, "in_coverage", 1,
		"last_status_age_ms", age, "idle_in_ms", idle);

	session_rows_join(rows, sessions);
	out = session_rows_state(rows);
	json_decref(sessions);
	json_decref(rows);
	return out;
}

static void what_ticks_is_no_change_of_state(void **state)
{
	json_t *first = state_of(1, 599999, "active"), *later = state_of(1001, 598999, "active"), *other = state_of(1, 599999, "out-of-coverage");

	(void)state;
	assert_true(json_equal(first, later));
	assert_false(json_equal(first, other));
	json_decref(first);
	json_decref(later);
	json_decref(other);
}

static void an_ended_one_keeps_reason_length_and_the_login_it_made_way_for(void **state)
{
	json_t *row = session_row_json(&(struct seat_row){ .session = 7, .pin = 1, .user = "alice", .state = "active", .reason = "evicted-silent",
		.login_id = "00000001-1", .ended_by = "2100000C-9", .started_wall_ms = 1000, .ended_wall_ms = 61000 });
	json_t *rows = json_pack("[O]", row), *words = session_rows_words(rows);

	(void)state;
	assert_string_equal(text_of(words, 0, "reason"), "evicted-silent");
	assert_string_equal(text_of(words, 0, "ended_by"), "2100000C-9");
	assert_string_equal(text_of(words, 0, "lasted"), "1m00s");
	assert_string_equal(text_of(words, 0, "ended"), "1970-01-01T00:01:01.000Z");
	json_decref(row);
	json_decref(rows);
	json_decref(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spans),
		cmocka_unit_test(rows_have_the_services_numbers_and_others_have_none),
		cmocka_unit_test(an_idle_timeout_that_is_over_says_evictable_and_one_that_is_off_a_dash),
		cmocka_unit_test(what_ticks_is_no_change_of_state),
		cmocka_unit_test(an_ended_one_keeps_reason_length_and_the_login_it_made_way_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
