/* Who is blocked: told after the login, and changed by the device, between a played dispatcher and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

static void expect_block(struct collab_bench *b, const char *user, bool blocked)
{
	struct im_block got = { 0 };

	bench_expect(b, ALICE, &im_block_event_msg, NULL, &got);
	assert_true(bytes_is(got.user, user));
	assert_int_equal(got.blocked, blocked);
}

static size_t told(const struct collab_bench *b)
{
	return fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_BLOCK_EVENT);
}

static struct im_ack block(struct collab_bench *b, uint32_t session, uint32_t sequence, const char *user, bool blocked)
{
	struct im_ack ack = { 0 };

	b->groupwise.script[0] = '\0';
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_block_msg, sequence,
		&(struct im_block){ .session = session, .user = bytes_str(user), .blocked = blocked });
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.sequence, sequence);
	return ack;
}

static void both_lists_and_a_denying_default_are_told_after_the_login(void **state)
{
	struct collab_bench *b = *state;

	b->groupwise.denies = true;
	b->groupwise.denied[0] = "erin";
	b->groupwise.denied[1] = "nobody";
	b->groupwise.allowed[0] = "bob";
	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	expect_block(b, "", true);
	expect_block(b, "erin", true);
	expect_block(b, "nobody", true);
	expect_block(b, "bob", false);

	/* Both strangers at once. */
	assert_int_equal(b->groupwise.details, 1);
}

static void nothing_is_told_where_nobody_is_blocked(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	bench_settle(b);
	assert_int_equal(told(b), 0);
}

static void blocking_denies_where_the_default_allows(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(block(b, alice, 1, "bob", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "createblock NM_A_SZ_BLOCKING_DENY_ITEM/5=CN=bob,O=test\n");
	expect_block(b, "bob", true);

	/* A second time there is nothing to ask for. */
	assert_int_equal(block(b, alice, 2, "bob", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "");
	assert_int_equal(block(b, alice, 3, "bob", false).code, IM_OK);
	assert_string_equal(b->groupwise.script, "updateblocks nnmBlockingDenyList/2=CN=bob,O=test\n");
	expect_block(b, "bob", false);
	assert_int_equal(told(b), 2);
}

static void unblocking_allows_where_the_default_denies(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(block(b, alice, 1, "", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "updateblocks nnmBlocking/6=1\n");
	expect_block(b, "", true);
	assert_int_equal(block(b, alice, 2, "erin", false).code, IM_OK);
	assert_string_equal(b->groupwise.script, "createblock NM_A_SZ_BLOCKING_ALLOW_ITEM/5=CN=erin,O=test\n");
	expect_block(b, "erin", false);
	assert_int_equal(block(b, alice, 3, "erin", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "updateblocks nnmBlockingAllowList/2=CN=erin,O=test\n");
	expect_block(b, "erin", true);
	assert_int_equal(block(b, alice, 4, "", false).code, IM_OK);
	assert_string_equal(b->groupwise.script, "updateblocks nnmBlocking/6=0\n");
	expect_block(b, "", false);
}

static void who_is_blocked_comes_off_the_list_of_those_allowed(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	b->groupwise.allowed[0] = "bob";
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	expect_block(b, "bob", false);
	assert_int_equal(block(b, alice, 1, "bob", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "updateblocks nnmBlockingAllowList/2=CN=bob,O=test\n"
		"createblock NM_A_SZ_BLOCKING_DENY_ITEM/5=CN=bob,O=test\n");
	expect_block(b, "bob", true);
}

static void privacy_that_the_administrator_has_locked_is_not_asked_to_change(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	b->groupwise.locked = true;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	ack = block(b, alice, 1, "bob", true);
	assert_int_equal(ack.code, IM_BACKEND_REFUSED);
	assert_true(bytes_is(ack.text, "D11C: locked by the administrator"));
	assert_string_equal(b->groupwise.script, "");
}

static void a_refusal_changes_nothing(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.next_code = GW_LOCKED_BY_ADMIN;
	ack = block(b, alice, 1, "bob", true);
	assert_true(bytes_is(ack.text, "D11C: locked by the administrator"));
	ack = block(b, alice, 2, "nobody", true);
	assert_int_equal(ack.code, IM_BACKEND_REFUSED);
	assert_true(bytes_is(ack.text, "D10D: user not found"));
	assert_int_equal(told(b), 0);
	assert_int_equal(block(b, alice, 3, "bob", true).code, IM_OK);
	assert_string_equal(b->groupwise.script, "createblock NM_A_SZ_BLOCKING_DENY_ITEM/5=CN=bob,O=test\n");
}

static void changes_of_privacy_are_made_one_after_the_other(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 1; i <= 4; i++)
		fake_dispatcher_up(&b->dispatcher, ALICE, &im_block_msg, i,
			&(struct im_block){ .session = alice, .user = bytes_str("bob"), .blocked = i % 2 });
	for (uint32_t i = 1; i <= 4; i++)
		assert_int_equal(bench_ack(b, ALICE, i), IM_OK);
	assert_int_equal(b->groupwise.scripted, 4);
	for (uint32_t i = 1; i <= 4; i++)
		expect_block(b, "bob", i % 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(both_lists_and_a_denying_default_are_told_after_the_login),
		T(nothing_is_told_where_nobody_is_blocked),
		T(blocking_denies_where_the_default_allows),
		T(unblocking_allows_where_the_default_denies),
		T(who_is_blocked_comes_off_the_list_of_those_allowed),
		T(privacy_that_the_administrator_has_locked_is_not_asked_to_change),
		T(a_refusal_changes_nothing),
		T(changes_of_privacy_are_made_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
