/* Searching the directory, between a played dispatcher and a played GroupWise server, on a clock moved by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collab/groupwise_search.h"
#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

static uint32_t begin(struct collab_bench *b)
{
	bench_start(b, (struct bench_limits){ 0 });
	return bench_login(b, ALICE, "alice");
}

static void look_for(struct collab_bench *b, uint32_t session, uint32_t sequence, uint32_t field, const char *text)
{
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_search_msg, sequence,
		&(struct im_search){ .session = session, .field = field, .text = bytes_str(text) });
	bench_settle(b);
}

static struct im_ack expect_outcome(struct collab_bench *b, uint32_t sequence, uint32_t code)
{
	struct im_ack ack = { 0 };

	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.sequence, sequence);
	assert_int_equal(ack.code, code);
	return ack;
}

static void people_are_found_after_a_second(void **state)
{
	struct collab_bench *b = *state;
	struct im_search_result result;
	uint32_t alice = begin(b);

	look_for(b, alice, 1, IM_SEARCH_SURNAME, "Exam");
	assert_int_equal(b->groupwise.scripted, 1);
	bench_advance(b, SEARCH_FIRST_MS - 1);
	assert_int_equal(b->groupwise.scripted, 1);
	bench_advance(b, 1);
	bench_expect(b, ALICE, &im_search_result_msg, NULL, &result);
	assert_int_equal(result.sequence, 1);
	assert_int_equal(result.more, 0);
	assert_int_equal(result.count, 3);
	assert_true(bytes_is(result.contacts[0].user, "erin"));
	assert_true(bytes_is(result.contacts[0].name, "erin Example"));
	assert_int_equal(result.contacts[0].presence, IM_AWAY);
	/* Another one of the same name is told by what sets the two apart. */
	assert_true(bytes_is(result.contacts[1].user, "erin.sales.test"));
	assert_true(bytes_is(result.contacts[2].user, "bob"));
	expect_outcome(b, 1, IM_OK);
	bench_message(b, ALICE, alice, 2, "erin", "found you");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
}

static void each_field_has_its_term_and_a_name_of_either_kind_takes_two_searches(void **state)
{
	static const struct { uint32_t field; const char *text, *terms[2]; } rows[] = {
		{ IM_SEARCH_GIVEN_NAME, "Ann", { " Given Name/17=Ann\n" } },
		{ IM_SEARCH_SURNAME, "Lee", { " Surname/17=Lee\n" } },
		{ IM_SEARCH_USER_ID, "alee", { " NM_A_SZ_USERID/17=alee\n" } },
		{ IM_SEARCH_TITLE, "Head of", { " Title/17=Head of\n" } },
		{ IM_SEARCH_DEPARTMENT, "R&D", { " OU/17=R&D\n" } },
		{ IM_SEARCH_ANY_NAME, "Ann", { " Given Name/17=Ann\n", " Surname/17=Ann\n" } },
		{ IM_SEARCH_ANY_NAME, "Ann van Lee", { " Given Name/17=Ann Surname/17=van Lee\n" } },
	};
	struct collab_bench *b = *state;
	uint32_t alice = begin(b), handle = (uint32_t)(loop_now_ms(b->loop) / 1000);
	char script[256];

	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = 0;

		for (unsigned k = 0; k < 2 && rows[i].terms[k]; k++)
			len += (size_t)snprintf(script + len, sizeof script - len, "createsearch NM_A_SZ_OBJECT_ID=%u%s", handle++,
				rows[i].terms[k]);
		b->groupwise.script[0] = '\0';
		look_for(b, alice, i + 1, rows[i].field, rows[i].text);
		assert_string_equal(b->groupwise.script, script);
		bench_advance(b, SEARCH_FIRST_MS);
		expect_outcome(b, i + 1, IM_OK);
	}
}

static void who_is_found_twice_is_told_once(void **state)
{
	struct collab_bench *b = *state;
	struct im_search_result result;
	uint32_t alice = begin(b);

	look_for(b, alice, 1, IM_SEARCH_ANY_NAME, "erin");
	bench_advance(b, SEARCH_FIRST_MS);
	bench_expect(b, ALICE, &im_search_result_msg, NULL, &result);
	assert_int_equal(result.count, 3);
	expect_outcome(b, 1, IM_OK);
	assert_int_equal(b->groupwise.scripted, 4);
}

static void a_slow_search_is_asked_for_every_eight_seconds(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice = begin(b);

	b->groupwise.still_searching = SEARCH_POLLS - 1;
	look_for(b, alice, 1, IM_SEARCH_TITLE, "Head");
	bench_advance(b, SEARCH_FIRST_MS);
	for (unsigned polls = 1; polls < SEARCH_POLLS; polls++) {
		assert_int_equal(b->groupwise.scripted, 1 + polls);
		bench_advance(b, SEARCH_AGAIN_MS - 1);
		assert_int_equal(b->groupwise.scripted, 1 + polls);
		bench_advance(b, 1);
	}
	expect_outcome(b, 1, IM_OK);
}

static void a_search_that_never_ends_is_given_up_after_five_times(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice = begin(b);

	b->groupwise.still_searching = 100;
	look_for(b, alice, 1, IM_SEARCH_TITLE, "Head");
	bench_advance(b, SEARCH_FIRST_MS + SEARCH_POLLS * SEARCH_AGAIN_MS);
	expect_outcome(b, 1, IM_BACKEND_REFUSED);
	assert_int_equal(b->groupwise.scripted, 1 + SEARCH_POLLS);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_SEARCH_RESULT), 0);
}

static void a_search_that_fails_is_told(void **state)
{
	static const struct { const char *status, *text; } rows[] = {
		{ "3", "the IM server's search timed out" }, { "4", "the IM server's search was cancelled" },
		{ "5", "the IM server's search failed" },
	};
	struct collab_bench *b = *state;
	uint32_t alice = begin(b), i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		b->groupwise.search_status = rows[i].status;
		look_for(b, alice, i + 1, IM_SEARCH_ANY_NAME, "Ann");
		bench_advance(b, SEARCH_FIRST_MS);
		assert_true(bytes_is(expect_outcome(b, i + 1, IM_BACKEND_REFUSED).text, rows[i].text));
	}
	b->groupwise.next_code = GW_ATTRIBUTE_NOT_FOUND;
	look_for(b, alice, ++i, IM_SEARCH_ANY_NAME, "Ann");
	assert_true(bytes_is(expect_outcome(b, i, IM_BACKEND_REFUSED).text, "D10E: attribute not found"));
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_SEARCH_RESULT), 0);
}

static void what_cannot_be_searched_is_not_asked_for(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice = begin(b);

	look_for(b, alice, 1, IM_SEARCH_TITLE, "");
	expect_outcome(b, 1, IM_BACKEND_REFUSED);
	look_for(b, alice, 2, 0, "Ann");
	expect_outcome(b, 2, IM_BACKEND_REFUSED);
	look_for(b, alice, 3, IM_SEARCH_DEPARTMENT + 1, "Ann");
	expect_outcome(b, 3, IM_BACKEND_REFUSED);
	assert_int_equal(b->groupwise.scripted, 0);
	for (uint32_t i = 4; i < 4 + SEARCHES_MAX; i++)
		look_for(b, alice, i, IM_SEARCH_TITLE, "Head");
	look_for(b, alice, 4 + SEARCHES_MAX, IM_SEARCH_TITLE, "Head");
	expect_outcome(b, 4 + SEARCHES_MAX, IM_BACKEND_REFUSED);
}

static void a_policy_against_searching_is_obeyed(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	b->groupwise.no_query = true;
	alice = begin(b);
	look_for(b, alice, 1, IM_SEARCH_TITLE, "Head");
	expect_outcome(b, 1, IM_BACKEND_REFUSED);
	assert_int_equal(b->groupwise.scripted, 0);
}

static void a_session_that_ends_while_it_searches_does_no_harm(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice = begin(b);

	look_for(b, alice, 1, IM_SEARCH_TITLE, "Head");
	fake_groupwise_drop(&b->groupwise, "alice");
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_SERVER_LOST);
	bench_advance(b, SEARCH_FIRST_MS + SEARCH_AGAIN_MS);
	assert_int_equal(b->groupwise.scripted, 1);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(people_are_found_after_a_second),
		T(each_field_has_its_term_and_a_name_of_either_kind_takes_two_searches),
		T(who_is_found_twice_is_told_once),
		T(a_slow_search_is_asked_for_every_eight_seconds),
		T(a_search_that_never_ends_is_given_up_after_five_times),
		T(a_search_that_fails_is_told),
		T(what_cannot_be_searched_is_not_asked_for),
		T(a_policy_against_searching_is_obeyed),
		T(a_session_that_ends_while_it_searches_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
