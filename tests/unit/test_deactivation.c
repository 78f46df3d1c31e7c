/* The deactivation rule, a row per sentence of it, and the file that carries it over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "router/deactivation.h"

#define MINUTE 60000
#define MAX_DROPS 8

/* Connections in the order in which they are dropped. */
static const struct row {
	const char *sentence;
	struct { uint64_t made_ms, dropped_ms; } drops[MAX_DROPS];
	size_t count;
	int deactivated_by;     /* index of the drop that does it, or -1 */
} rows[] = {
	{ "four connects and disconnects in a minute do not deactivate",
		{ { 0, 1 }, { 10, 11 }, { 20, 21 }, { 30, 31 } }, 4, -1 },
	{ "the fifth connect and disconnect in a minute deactivates",
		{ { 0, 1 }, { 10, 11 }, { 20, 21 }, { 30, 31 }, { 40, 41 } }, 5, 4 },
	{ "all within one millisecond count as well",
		{ { 7, 7 }, { 7, 7 }, { 7, 7 }, { 7, 7 }, { 7, 7 } }, 5, 4 },
	{ "five that end one millisecond before the minute is over deactivate",
		{ { 0, 1 }, { 10, 11 }, { 20, 21 }, { 30, 31 }, { 40, MINUTE - 1 } }, 5, 4 },
	{ "the first is out of the window when it was made a minute ago",
		{ { 0, 1 }, { 10, 11 }, { 20, 21 }, { 30, 31 }, { 40, MINUTE } }, 5, -1 },
	{ "the window slides: the sixth finds five of the last minute",
		{ { 0, 1 }, { 30000, 30001 }, { 40000, 40001 }, { 50000, 50001 }, { 60000, 60001 }, { 70000, 70001 } }, 6, 5 },
	{ "a connection that lived longer than the window does not count",
		{ { 0, MINUTE }, { 60001, 60002 }, { 60003, 60004 }, { 60005, 60006 }, { 60007, 60008 } }, 5, -1 },
	{ "one every fifteen seconds never deactivates",
		{ { 0, 1 }, { 15000, 15001 }, { 30000, 30001 }, { 45000, 45001 }, { 60000, 60001 }, { 75000, 75001 }, { 90000, 90001 } }, 7, -1 },
	{ "connections that are dropped in another order than made count the same",
		{ { 40, 41 }, { 30, 50 }, { 20, 51 }, { 10, 52 }, { 0, 53 } }, 5, 4 },
};

static void test_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const struct row *row = &rows[i];
		struct deactivation *d = deactivation_new(5, MINUTE);
		int by = -1;

		for (size_t j = 0; j < row->count; j++)
			if (deactivation_dropped(d, "T00000001", row->drops[j].made_ms, row->drops[j].dropped_ms) && by < 0)
				by = (int)j;
		if (by != row->deactivated_by || deactivation_is(d, "T00000001") != (row->deactivated_by >= 0))
			fail_msg("%s: by %d, not %d", row->sentence, by, row->deactivated_by);
		deactivation_free(&d);
		assert_null(d);
	}
}

static void drop(struct deactivation *d, const char *id, unsigned times, uint64_t at_ms)
{
	for (unsigned i = 0; i < times; i++)
		deactivation_dropped(d, id, at_ms + i, at_ms + i);
}

static void test_each_identifier_counts_alone(void **state)
{
	struct deactivation *d = deactivation_new(5, MINUTE);

	(void)state;
	drop(d, "A", 4, 0);
	drop(d, "B", 4, 0);
	assert_false(deactivation_is(d, "A"));
	drop(d, "B", 1, 10);
	assert_true(deactivation_is(d, "B"));
	assert_false(deactivation_is(d, "A"));
	deactivation_free(&d);
}

static void test_the_number_is_a_setting(void **state)
{
	struct deactivation *d = deactivation_new(1, 1000);

	(void)state;
	assert_true(deactivation_dropped(d, "A", 500, 1499));
	assert_false(deactivation_dropped(d, "B", 500, 1500));
	deactivation_free(&d);
}

static void test_it_stays_until_enabled_and_then_counts_anew(void **state)
{
	struct deactivation *d = deactivation_new(5, MINUTE);

	(void)state;
	drop(d, "A", 5, 0);
	assert_true(deactivation_is(d, "A"));
	assert_false(deactivation_dropped(d, "A", 100 * MINUTE, 100 * MINUTE));     /* told once */
	assert_true(deactivation_is(d, "A"));
	assert_true(deactivation_enable(d, "A"));
	assert_false(deactivation_is(d, "A"));
	assert_false(deactivation_enable(d, "A"));
	drop(d, "A", 4, 100 * MINUTE + 1);
	assert_false(deactivation_is(d, "A"));
	drop(d, "A", 1, 100 * MINUTE + 6);
	assert_true(deactivation_is(d, "A"));
	deactivation_free(&d);
}

static char folder[] = "/tmp/bramble-deactivation-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void test_survives_a_restart(void **state)
{
	struct deactivation *d = deactivation_new(5, MINUTE);
	struct buf list = { 0 };
	struct error err;
	struct stat status;

	(void)state;
	drop(d, "T00000002", 5, 0);
	drop(d, "A_b-3", 5, 0);
	drop(d, "counted-only", 4, 0);
	assert_int_equal(deactivation_write(d, path_of("state"), &err), 0);
	deactivation_free(&d);
	assert_int_equal(stat(path_of("state"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);

	d = deactivation_new(5, MINUTE);
	assert_int_equal(deactivation_read(d, path_of("state"), &err), 0);
	deactivation_list(d, &list);
	assert_string_equal(buf_cstr(&list), "A_b-3\nT00000002\n");
	assert_true(deactivation_is(d, "T00000002"));
	deactivation_enable(d, "T00000002");
	assert_int_equal(deactivation_write(d, path_of("state"), &err), 0);
	deactivation_free(&d);

	d = deactivation_new(5, MINUTE);
	assert_int_equal(deactivation_read(d, path_of("state"), &err), 0);
	assert_false(deactivation_is(d, "T00000002"));
	assert_true(deactivation_is(d, "A_b-3"));
	assert_int_not_equal(access(path_of("state.new"), F_OK), 0);     /* nothing is left beside it */
	buf_free(&list);
	deactivation_free(&d);
	unlink(path_of("state"));
}

static void test_a_missing_file_means_nothing_was_deactivated(void **state)
{
	struct deactivation *d = deactivation_new(5, MINUTE);
	struct error err;

	(void)state;
	assert_int_equal(deactivation_read(d, path_of("none"), &err), 0);
	deactivation_free(&d);
}

static void test_bad_files_are_named(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "", "is no state of this router" },
		{ "hello\n", "is no state of this router" },
		{ "# bramble router state 1: deactivated SRP identifiers\nT1\nT 2\n", "line 3: \"T 2\" is no SRP identifier" },
		{ "# bramble router state 1: deactivated SRP identifiers\nT1", "line 2" },
		{ "# bramble router state 1: deactivated SRP identifiers\n\n", "line 2" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct deactivation *d = deactivation_new(5, MINUTE);
		FILE *file = fopen(path_of("bad"), "w");
		struct error err;

		assert_non_null(file);
		fputs(bad[i].text, file);
		fclose(file);
		assert_int_equal(deactivation_read(d, path_of("bad"), &err), -1);
		if (!strstr(err.text, bad[i].says) || !strstr(err.text, path_of("bad")))
			fail_msg("%s does not say %s", err.text, bad[i].says);
		deactivation_free(&d);
	}
	unlink(path_of("bad"));
}

static void test_a_state_that_cannot_be_written_is_said(void **state)
{
	struct deactivation *d = deactivation_new(5, MINUTE);
	struct error err;

	(void)state;
	assert_int_equal(deactivation_write(d, path_of("no/such/folder"), &err), -1);
	assert_non_null(strstr(err.text, "no/such/folder"));
	deactivation_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_each_identifier_counts_alone),
		cmocka_unit_test(test_the_number_is_a_setting),
		cmocka_unit_test(test_it_stays_until_enabled_and_then_counts_anew),
		cmocka_unit_test(test_survives_a_restart),
		cmocka_unit_test(test_a_missing_file_means_nothing_was_deactivated),
		cmocka_unit_test(test_bad_files_are_named),
		cmocka_unit_test(test_a_state_that_cannot_be_written_is_said),
	};

	if (!mkdtemp(folder))
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
