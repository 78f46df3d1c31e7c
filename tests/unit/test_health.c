/* The health score of a service, a row per sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "collab/health.h"

static const struct {
	const char *name;
	struct health health;
	unsigned score;
} rows[] = {
	{ "nothing is wrong", { .is_database_there = true }, 100 },
	{ "the database does not answer: no login is decided", { .is_database_there = false }, 20 },
	{ "it does not know whether its seats are its own", { .is_database_there = true, .is_in_doubt = true }, 0 },
	{ "the IM server answered none of the last ten", { .is_database_there = true, .im_failures = 10 }, 30 },
	{ "the IM server answered half of them", { .is_database_there = true, .im_failures = 5 }, 65 },
	{ "one connection failed", { .is_database_there = true, .im_failures = 1 }, 93 },
	{ "nine failed: below the usual fail-over threshold", { .is_database_there = true, .im_failures = 9 }, 37 },
	{ "eight failed: not yet", { .is_database_there = true, .im_failures = 8 }, 44 },
	{ "neither database nor IM server", { .im_failures = 10 }, 0 },
	{ "half of its connections are in use", { .is_database_there = true, .links = 500, .links_max = 1000 }, 100 },
	{ "three quarters of its connections are in use", { .is_database_there = true, .links = 750, .links_max = 1000 }, 85 },
	{ "all of its connections are in use", { .is_database_there = true, .links = 1000, .links_max = 1000 }, 70 },
	{ "more than that", { .is_database_there = true, .links = 2000, .links_max = 1000 }, 70 },
	{ "no limit of connections is known", { .is_database_there = true, .links = 2000 }, 100 },
	{ "as many logins as may be are under way", { .is_database_there = true, .logins = 100, .logins_max = 100 }, 70 },
	{ "full of both is not yet sick", { .is_database_there = true, .links = 10, .links_max = 10, .logins = 10, .logins_max = 10 }, 40 },
};

static void the_score(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("  %s\n", rows[i].name);
		assert_int_equal(health_score(&rows[i].health), rows[i].score);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_score) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
