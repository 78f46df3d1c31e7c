/* Values in log lines come from peers: whatever they hold, a line stays one line of valid UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

static void a_value_is_shown_as_it_is_or_with_what_is_wrong_in_hex(void **state)
{
	static const struct { const char *value, *shown; } rows[] = {
		{ "plain", "plain" },
		{ "", "\"\"" },
		{ "two words", "\"two words\"" },
		{ "line\nend", "line\\x0aend" },
		{ "quote\"", "\"quote\\x22\"" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "cut \xe2\x82", "\"cut \\xe2\\x82\"" },
		{ "lone \x82", "\"lone \\x82\"" },
		{ "\xc0\xaf\xed\xa0\x80", "\\xc0\\xaf\\xed\\xa0\\x80" },
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(log_str(rows[i].value), rows[i].shown);
}

static void a_long_value_is_cut_and_stays_valid(void **state)
{
	char value[300] = "x";
	const char *shown;

	(void)state;
	for (size_t i = 1; i + 2 < sizeof value; i += 2)
		memcpy(value + i, "\xc3\xbc", 3);
	shown = log_str(value);
	/* The 200th byte is the first half of a character. */
	assert_string_equal(shown + strlen(shown) - 9, "\xc3\xbc\\xc3...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_shown_as_it_is_or_with_what_is_wrong_in_hex),
		cmocka_unit_test(a_long_value_is_cut_and_stays_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
