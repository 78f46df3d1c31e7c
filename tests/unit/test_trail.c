#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/io/loop.h"
#include "base/trail.h"

static uint64_t seq_at(const json_t *list, size_t i)
{
	return (uint64_t)json_integer_value(json_object_get(json_array_get(list, i), "seq"));
}

static void note(struct trail *trail, uint32_t pin)
{
	struct trail_entry entry = { .event = "up", .pin = pin, .transaction = 5, .numbers = { { "bytes", 12 } } };

	trail_text(&entry, "user=%s", "alice");
	trail_note(trail, &entry);
}

static void entries_come_oldest_first_with_all_they_hold(void **state)
{
	struct trail *trail = trail_new(4);
	json_t *list, *first;

	(void)state;
	note(trail, 0x2100000a);
	note(trail, 0);
	list = trail_json(trail, 0, 0, 10);
	assert_int_equal(json_array_size(list), 2);
	first = json_array_get(list, 0);
	assert_int_equal(seq_at(list, 0), 1);
	assert_string_equal(json_string_value(json_object_get(first, "event")), "up");
	assert_string_equal(json_string_value(json_object_get(first, "pin")), "2100000A");
	assert_int_equal(json_integer_value(json_object_get(first, "transaction")), 5);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(first, "numbers"), "bytes")), 12);
	assert_string_equal(json_string_value(json_object_get(first, "text")), "user=alice");
	assert_true(json_integer_value(json_object_get(first, "at_us")) > 0);
	assert_null(json_object_get(json_array_get(list, 1), "pin"));
	json_decref(list);
	trail_free(&trail);
}

static void the_oldest_are_overwritten(void **state)
{
	struct trail *trail = trail_new(4);
	json_t *list;

	(void)state;
	for (int i = 0; i < 10; i++)
		note(trail, 1);
	assert_int_equal(trail_last(trail), 10);
	list = trail_json(trail, 0, 0, 10);
	assert_int_equal(json_array_size(list), 4);
	assert_int_equal(seq_at(list, 0), 7);
	assert_int_equal(seq_at(list, 3), 10);
	json_decref(list);
	trail_free(&trail);
}

static void after_pin_and_max_choose(void **state)
{
	struct trail *trail = trail_new(16);
	json_t *list;

	(void)state;
	for (uint32_t i = 1; i <= 10; i++)
		note(trail, i % 2 + 1);
	list = trail_json(trail, 4, 2, 2);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(seq_at(list, 0), 5);
	assert_int_equal(seq_at(list, 1), 7);
	json_decref(list);
	list = trail_json(trail, 10, 0, 5);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	list = trail_json(trail, UINT64_MAX, 0, 5);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	trail_free(&trail);
}

static void a_text_that_is_no_utf8_does_not_break_the_json(void **state)
{
	struct trail *trail = trail_new(2);
	struct trail_entry entry = { .event = "up", .text = "user=\xff" };
	json_t *list;

	(void)state;
	trail_note(trail, &entry);
	list = trail_json(trail, 0, 0, 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "text")), "user=?");
	json_decref(list);
	trail_free(&trail);
}

static void no_trail_is_no_harm(void **state)
{
	json_t *list = trail_json(NULL, 0, 0, 5);

	(void)state;
	note(NULL, 1);
	assert_int_equal(trail_last(NULL), 0);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

static void values_are_found_by_their_key(void **state)
{
	static const struct { const char *text, *key, *want; } rows[] = {
		{ "a=1 b=2", "b", "2" },
		{ "a=1 b=2", "a", "1" },
		{ "ab=1 b=2", "b", "2" },
		{ "a=1 b=2", "c", "" },
		{ "a=\"one two\" b=2", "a", "one two" },
		{ "user=\"x b=3\" b=2", "b", "2" },          /* what a user is called is no key */
		{ "a=\"\" b=2", "a", "" },
		{ "a= b=2", "b", "2" },
		{ "words without a value b=2", "b", "2" },
		{ "a=\"never closed b=2", "a", "never closed b=2" },
		{ "a=\"never closed b=2", "b", "" },
		{ "a=x=y", "a", "x=y" },
		{ "a=1 a=2", "a", "1" },
		{ "", "a", "" },
		{ "=1", "a", "" },
		{ "a=too-long-for-it", "a", "too-lon" },
	};
	char value[8], wide[64];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bool is_cut = i == sizeof rows / sizeof *rows - 1;

		print_message("    %s: %s\n", rows[i].text, rows[i].key);
		assert_string_equal(is_cut ? trail_value(rows[i].text, rows[i].key, value, sizeof value)
			: trail_value(rows[i].text, rows[i].key, wide, sizeof wide), rows[i].want);
	}
}

static void a_manual_clocks_time_is_kept_and_another_is_not(void **state)
{
	struct trail *trail = trail_new(4);
	struct loop *loop = loop_new();
	json_t *list;

	(void)state;
	trail_set_clock(trail, loop);
	note(trail, 1);
	loop_clock_manual(loop, 5000);
	note(trail, 1);
	loop_clock_advance(loop, 65000);
	note(trail, 1);
	list = trail_json(trail, 0, 0, 10);
	assert_null(json_object_get(json_array_get(list, 0), "virtual_ms"));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "virtual_ms")), 5000);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 2), "virtual_ms")), 65000);
	json_decref(list);
	loop_free(&loop);
	trail_free(&trail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_their_key),
		cmocka_unit_test(a_manual_clocks_time_is_kept_and_another_is_not),
		cmocka_unit_test(entries_come_oldest_first_with_all_they_hold),
		cmocka_unit_test(the_oldest_are_overwritten),
		cmocka_unit_test(after_pin_and_max_choose),
		cmocka_unit_test(a_text_that_is_no_utf8_does_not_break_the_json),
		cmocka_unit_test(no_trail_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
