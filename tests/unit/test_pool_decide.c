/* Who has the active connection of a pool, a row per sentence of docs/failover.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "dispatcher/pool_decide.h"

#define GOOD(score) { .is_linked = true, .health = (score) }

static const struct {
	const char *name;
	struct pool_candidate candidates[3];
	size_t count;
	int best;
} candidate_rows[] = {
	{ "none", { { 0 } }, 0, -1 },
	{ "the only one", { GOOD(10) }, 1, 0 },
	{ "the highest score", { GOOD(80), GOOD(90), GOOD(70) }, 3, 1 },
	{ "of equals the one that wants it", { GOOD(90), { .is_linked = true, .health = 90, .wants = true } }, 2, 1 },
	{ "of equals that want the same the first", { GOOD(90), GOOD(90) }, 2, 0 },
	{ "wanting it does not outweigh a score", { GOOD(91), { .is_linked = true, .health = 90, .wants = true } }, 2, 0 },
	{ "not one without a link", { { .health = 100 }, GOOD(1) }, 2, 1 },
	{ "not one that gives no sign of life", { { .is_linked = true, .is_dead = true, .health = 100 }, GOOD(1) }, 2, 1 },
	{ "not one that did not answer", { { .is_linked = true, .is_excluded = true, .health = 100 }, GOOD(1) }, 2, 1 },
	{ "nobody who could", { { .health = 100 }, { .is_linked = true, .is_dead = true } }, 2, -1 },
};

static void the_best_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof candidate_rows / sizeof candidate_rows[0]; i++) {
		print_message("  %s\n", candidate_rows[i].name);
		assert_int_equal(pool_best(candidate_rows[i].candidates, candidate_rows[i].count), candidate_rows[i].best);
	}
}

#define THRESHOLDS .promote_at = 60, .failover_at = 40
#define ACTIVE(score) .has_active = true, .active_health = (score), .is_settled = true, THRESHOLDS

static const struct {
	const char *name;
	struct pool_view view;
	bool has_best;
	struct pool_candidate best;
	enum pool_decision decision;
} decision_rows[] = {
	{ "nobody is there", { THRESHOLDS, .is_settled = true }, false, { 0 }, POOL_STAY },
	{ "the first that wants to be active is", { THRESHOLDS }, true, { .is_linked = true, .health = 100, .wants = true }, POOL_ASSIGN },
	{ "one that stands by waits whether the former active one comes back", { THRESHOLDS }, true, GOOD(100), POOL_STAY },
	{ "and is active when that has not come", { THRESHOLDS, .is_settled = true }, true, GOOD(100), POOL_ASSIGN },
	{ "the first assignment has no threshold", { THRESHOLDS, .is_settled = true }, true, GOOD(1), POOL_ASSIGN },
	{ "and goes by itself", { THRESHOLDS, .is_settled = true, .is_manual = true }, true, GOOD(100), POOL_ASSIGN },
	{ "a healthy one stays, however healthy another is", { ACTIVE(41) }, true, GOOD(100), POOL_STAY },
	{ "one at the fail-over threshold stays", { ACTIVE(40) }, true, GOOD(100), POOL_STAY },
	{ "one below it is switched", { ACTIVE(39) }, true, GOOD(60), POOL_SWITCH },
	{ "but not to one below the promotion threshold", { ACTIVE(0) }, true, GOOD(59), POOL_STAY },
	{ "nor without one", { ACTIVE(0) }, false, { 0 }, POOL_STAY },
	{ "nor by itself when the administrator decides", { ACTIVE(0), .is_manual = true }, true, GOOD(100), POOL_STAY },
	{ "a dead one is replaced", { ACTIVE(100), .active_is_dead = true }, true, GOOD(100), POOL_REPLACE },
	{ "by whoever there is", { ACTIVE(100), .active_is_dead = true }, true, GOOD(1), POOL_REPLACE },
	{ "not when the administrator decides", { ACTIVE(100), .active_is_dead = true, .is_manual = true }, true, GOOD(100), POOL_STAY },
	{ "nor when there is nobody", { ACTIVE(100), .active_is_dead = true }, false, { 0 }, POOL_STAY },
};

static void the_decision(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof decision_rows / sizeof decision_rows[0]; i++) {
		print_message("  %s\n", decision_rows[i].name);
		assert_int_equal(pool_decide(&decision_rows[i].view, decision_rows[i].has_best ? &decision_rows[i].best : NULL),
			decision_rows[i].decision);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_best_one), cmocka_unit_test(the_decision) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
