/* Messages and presence of a session, both ways. On one loop with a manual clock, between a played dispatcher and
 * a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

enum { MINUTE = 60000 };
#define CONFERENCE "[000000AA-00000000-00000001-0001-0000]"
#define SAME_CONFERENCE "[000000AA-00000000-00000001-0077-0000]"

static void messages_go_both_ways_in_one_conference(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_message(b, ALICE, alice, 1, "bob", "Hi \xe2\x82\xac {x}");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_string_equal(b->groupwise.last_to, "bob");
	assert_string_equal(b->groupwise.last_text, "Hi \xe2\x82\xac {x}");

	/* The second message uses the conference that the first has made. */
	bench_message(b, ALICE, alice, 2, "BOB", "again");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_int_equal(b->groupwise.conferences, 1);
	fake_groupwise_say(&b->groupwise, "alice", "cn=BOB,o=test", b->groupwise.last_conference, "yes?");
	bench_expect_said(b, ALICE, "bob", "yes?", NULL);
}

static void an_answer_goes_into_the_conference_of_the_one_who_began(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "knock");
	bench_expect_said(b, ALICE, "bob", "knock", NULL);
	bench_message(b, ALICE, alice, 1, "bob", "who is there");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(b->groupwise.conferences, 0);
	assert_string_equal(b->groupwise.last_conference, CONFERENCE);
}

static void messages_said_before_the_conference_is_made_follow_in_order(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 1; i <= 5; i++)
		bench_message(b, ALICE, alice, i, "bob", i == 5 ? "last" : "earlier");
	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(bench_ack(b, ALICE, i), IM_OK);
	assert_int_equal(b->groupwise.conferences, 1);
	assert_int_equal(b->groupwise.messages, 5);
	assert_string_equal(b->groupwise.last_text, "last");
}

static void a_conference_that_the_server_forgot_is_made_anew_once(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_message(b, ALICE, alice, 1, "bob", "one");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	b->groupwise.send_code = GW_NO_CONFERENCE;
	bench_message(b, ALICE, alice, 2, "bob", "two");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_int_equal(b->groupwise.conferences, 2);
	assert_int_equal(b->groupwise.messages, 2);
	assert_string_equal(b->groupwise.last_text, "two");
}

static void a_conference_that_the_other_side_left_is_not_used_again(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "knock");
	bench_expect_said(b, ALICE, "bob", "knock", NULL);
	/* The server may use another tail for the same conference. */
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_LEFT, .source = bytes_str("CN=bob,O=test"),
		.conference = bytes_str(SAME_CONFERENCE) });
	bench_settle(b);
	bench_message(b, ALICE, alice, 1, "bob", "too late");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(b->groupwise.conferences, 1);
}

static void a_stranger_is_looked_up_before_what_he_says_is_passed_on(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event event;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=erin,O=test", CONFERENCE, "one");
	fake_groupwise_say(&b->groupwise, "alice", "CN=erin,O=test", CONFERENCE, "two");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &event);
	assert_true(bytes_is(event.from, "erin"));
	assert_true(bytes_is(event.name, "erin Example"));
	assert_true(bytes_is(event.text, "one"));
	bench_expect_said(b, ALICE, "erin", "two", NULL);
	assert_int_equal(b->groupwise.details, 1);
}

static void a_stranger_without_details_is_heard_all_the_same(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=nobody,O=test", CONFERENCE, "boo");
	bench_expect_said(b, ALICE, "nobody", "boo", NULL);
}

static void a_message_to_a_stranger_looks_him_up(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	bench_message(b, ALICE, alice, 1, "erin", "hello");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_string_equal(b->groupwise.last_to, "erin");
	bench_message(b, ALICE, alice, 2, "nobody", "hello");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_NOT_DELIVERED);
}

static void undeliverable_is_told_after_the_servers_yes(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.nobody_home = true;
	bench_message(b, ALICE, alice, 1, "bob", "anybody?");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(bench_ack(b, ALICE, 1), IM_NOT_DELIVERED);
}

static void another_code_of_the_server_reaches_the_device_in_words(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.send_code = GW_SERVER_BUSY;
	bench_message(b, ALICE, alice, 1, "bob", "now?");
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.code, IM_BACKEND_REFUSED);
	assert_true(ack.text.len > 5 && memcmp(ack.text.data, "D123:", 5) == 0);
}

static void availability_goes_both_ways(void **state)
{
	struct collab_bench *b = *state;
	struct im_presence_event event;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_STATUS, .source = bytes_str("CN=carol,O=test"),
		.status = GW_BUSY, .text = bytes_str("lunch") });
	bench_expect(b, ALICE, &im_presence_event_msg, NULL, &event);
	assert_true(bytes_is(event.user, "carol"));
	assert_int_equal(event.presence, IM_BUSY);
	assert_true(bytes_is(event.text, "lunch"));
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_presence_set_msg, 1,
		&(struct im_presence_set){ .session = alice, .presence = IM_AWAY, .text = bytes_str("gone") });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_string_equal(b->groupwise.last_status, "4");
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_presence_set_msg, 2,
		&(struct im_presence_set){ .session = alice, .presence = 9, .text = bytes_str("") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
}

static void the_server_is_pinged_at_its_own_interval(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	bench_advance(b, 9 * MINUTE);
	assert_int_equal(b->groupwise.pings, 0);
	bench_advance(b, 1 * MINUTE);
	assert_int_equal(b->groupwise.pings, 1);
	bench_advance(b, 20 * MINUTE);
	assert_int_equal(b->groupwise.pings, 3);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(messages_go_both_ways_in_one_conference),
		T(an_answer_goes_into_the_conference_of_the_one_who_began),
		T(messages_said_before_the_conference_is_made_follow_in_order),
		T(a_conference_that_the_server_forgot_is_made_anew_once),
		T(a_conference_that_the_other_side_left_is_not_used_again),
		T(a_stranger_is_looked_up_before_what_he_says_is_passed_on),
		T(a_stranger_without_details_is_heard_all_the_same),
		T(a_message_to_a_stranger_looks_him_up),
		T(undeliverable_is_told_after_the_servers_yes),
		T(another_code_of_the_server_reaches_the_device_in_words),
		T(availability_goes_both_ways),
		T(the_server_is_pinged_at_its_own_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
