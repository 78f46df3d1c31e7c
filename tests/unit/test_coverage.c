/* Who is in coverage, and through which router. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dispatcher/coverage.h"

#define A 0x2100000Au
#define B 0x2100000Bu

struct lost { uint32_t pins[4]; unsigned count; };

static void take(void *ctx, uint32_t pin)
{
	struct lost *lost = ctx;

	assert_true(lost->count < 4);
	lost->pins[lost->count++] = pin;
}

static void the_router_that_saw_it_last(void **state)
{
	struct coverage *c = coverage_new();

	(void)state;
	assert_int_equal(coverage_router(c, A), -1);
	assert_true(coverage_set(c, A, 0, true));
	assert_false(coverage_set(c, A, 0, true));           /* the same word again changes nothing */
	assert_int_equal(coverage_router(c, A), 0);
	assert_false(coverage_set(c, A, 3, true));           /* covered already, but from now on through this one */
	assert_int_equal(coverage_router(c, A), 3);
	assert_false(coverage_set(c, A, 3, false));          /* the first still has it */
	assert_int_equal(coverage_router(c, A), 0);
	assert_false(coverage_set(c, A, 31, false));         /* one that never had it */
	assert_true(coverage_set(c, A, 0, false));
	assert_false(coverage_has(c, A));
	assert_false(coverage_set(c, A, 0, false));
	assert_int_equal(coverage_count(c), 0);
	coverage_free(&c);
}

static void a_router_that_is_gone_takes_only_its_own(void **state)
{
	struct coverage *c = coverage_new();
	struct lost lost = { .count = 0 }, left = { .count = 0 };

	(void)state;
	coverage_set(c, A, 0, true);
	coverage_set(c, A, 31, true);
	coverage_set(c, B, 31, true);
	coverage_forget_router(c, 31, take, &lost);
	assert_int_equal(lost.count, 1);
	assert_int_equal(lost.pins[0], B);
	assert_int_equal(coverage_router(c, A), 0);
	coverage_each(c, take, &left);
	assert_int_equal(left.count, 1);
	assert_int_equal(left.pins[0], A);
	coverage_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_router_that_saw_it_last), cmocka_unit_test(a_router_that_is_gone_takes_only_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
