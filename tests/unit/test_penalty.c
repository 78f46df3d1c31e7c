/* Who guesses passwords waits, and who does not is let in: a sentence each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "collab/penalty.h"

enum { AFTER = 3, LONGEST_MS = 60000 };
#define ATTACKER 0x22000001u
#define OWNER 0x2100000au

static uint64_t now_ms;

static int begin(void **state)
{
	now_ms = 1000000;
	*state = penalties_new(AFTER, LONGEST_MS);
	return 0;
}

static int finish(void **state)
{
	struct penalties *p = *state;

	penalties_free(&p);
	return 0;
}

static void guess(struct penalties *p, uint32_t pin, const char *user, uint64_t wait_ms)
{
	assert_int_equal(penalties_try(p, pin, user, now_ms), wait_ms);
	if (!wait_ms)
		penalties_end(p, pin, user, PENALTY_WRONG, now_ms);
}

static void logs_in(struct penalties *p, uint32_t pin, const char *user)
{
	assert_int_equal(penalties_try(p, pin, user, now_ms), 0);
	penalties_end(p, pin, user, PENALTY_RIGHT, now_ms);
}

static void a_device_that_guesses_waits_longer_each_time(void **state)
{
	struct penalties *p = *state;

	for (int i = 0; i < AFTER; i++)
		guess(p, ATTACKER, "alice", 0);
	for (uint64_t wait = PENALTY_FIRST_MS; wait < LONGEST_MS; wait *= 2) {
		guess(p, ATTACKER, "alice", wait);
		now_ms += wait - 1;
		guess(p, ATTACKER, "alice", 1);
		now_ms += 1;
		guess(p, ATTACKER, "alice", 0);
	}
	guess(p, ATTACKER, "alice", LONGEST_MS);
	/* Who has been quiet for long begins anew. */
	now_ms += PENALTY_FORGET_MS;
	guess(p, ATTACKER, "alice", 0);
	guess(p, ATTACKER, "alice", 0);
}

static void one_device_that_tries_many_accounts_waits_as_well(void **state)
{
	static const char *const users[] = { "alice", "bob", "carol" };

	for (int i = 0; i < AFTER; i++)
		guess(*state, ATTACKER, users[i], 0);
	guess(*state, ATTACKER, "dave", PENALTY_FIRST_MS);
}

static void many_devices_that_try_one_account_wait_as_well(void **state)
{
	for (uint32_t i = 0; i < 10; i++)
		guess(*state, ATTACKER + i, "alice", 0);
	/* Each had one guess; nobody has a second one soon, in whatever letters. */
	for (uint32_t i = 0; i < 10; i++)
		guess(*state, ATTACKER + i, "ALICE", LONGEST_MS);
}

static void the_owner_is_let_in_while_others_guess_by_a_device_known_or_new(void **state)
{
	logs_in(*state, OWNER, "alice");
	for (uint32_t i = 0; i < 20; i++)
		guess(*state, ATTACKER + i, "alice", 0);
	/* He mistypes, and still has his tries. */
	guess(*state, OWNER, "alice", 0);
	logs_in(*state, OWNER, "alice");
	logs_in(*state, OWNER + 1, "alice");
}

static void many_tries_at_once_gain_nothing(void **state)
{
	struct penalties *p = *state;

	for (int i = 0; i < AFTER; i++)
		assert_int_equal(penalties_try(p, ATTACKER, "alice", now_ms), 0);
	assert_int_equal(penalties_try(p, ATTACKER, "alice", now_ms), PENALTY_FIRST_MS);
	/* What was undecided was nobody's mistake. */
	for (int i = 0; i < AFTER; i++)
		penalties_end(p, ATTACKER, "alice", PENALTY_UNDECIDED, now_ms);
	logs_in(p, ATTACKER, "alice");
}

static void memory_has_an_end(void **state)
{
	struct penalties *p = *state;
	char user[32];

	for (uint32_t i = 0; i < 3 * PENALTIES_MAX; i++) {
		snprintf(user, sizeof user, "user%u", i);
		guess(p, ATTACKER + i, user, 0);
	}
	/* The latest are known. */
	snprintf(user, sizeof user, "user%d", 3 * PENALTIES_MAX - 1);
	for (uint32_t i = 1; i < AFTER; i++)
		guess(p, ATTACKER + 3 * PENALTIES_MAX - 1, user, 0);
	guess(p, ATTACKER + 3 * PENALTIES_MAX - 1, user, PENALTY_FIRST_MS);
}

static void without_the_setting_nobody_waits(void **state)
{
	struct penalties *p = penalties_new(0, LONGEST_MS);

	(void)state;
	for (int i = 0; i < 100; i++)
		guess(p, ATTACKER, "alice", 0);
	penalties_free(&p);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_device_that_guesses_waits_longer_each_time),
		T(one_device_that_tries_many_accounts_waits_as_well),
		T(many_devices_that_try_one_account_wait_as_well),
		T(the_owner_is_let_in_while_others_guess_by_a_device_known_or_new),
		T(many_tries_at_once_gain_nothing),
		T(memory_has_an_end),
		T(without_the_setting_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
