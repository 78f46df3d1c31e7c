/* What is said beyond a message to somebody: typing, automatic replies, broadcasts, texts that are longer than one message may be. Between
 * a played dispatcher and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/rtf.h"
#include "tests/support/collab_bench.h"

#define CONFERENCE "[000000AA-00000000-00000001-0001-0000]"

static void say(struct collab_bench *b, uint32_t type, const char *from, const char *text)
{
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = type, .source = bytes_str(from),
		.conference = bytes_str(CONFERENCE), .text = bytes_str(text) });
}

static struct im_message_event hear(struct collab_bench *b)
{
	struct im_message_event event = { 0 };

	bench_expect(b, ALICE, &im_message_event_msg, NULL, &event);
	return event;
}

static void types(struct collab_bench *b, uint32_t session, uint32_t sequence, const char *user, bool on)
{
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_typing_msg, sequence,
		&(struct im_typing){ .session = session, .user = bytes_str(user), .on = on });
}

/* --- typing ------------------------------------------------------------------------------------------------------------ */

static void typing_goes_both_ways_in_a_conversation(void **state)
{
	struct collab_bench *b = *state;
	struct im_typing typing;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "knock");
	hear(b);
	say(b, GW_EVENT_TYPING, "cn=bob,o=test", "");
	bench_expect(b, ALICE, &im_typing_event_msg, NULL, &typing);
	assert_true(bytes_is(typing.user, "bob"));
	assert_int_equal(typing.room, 0);
	assert_int_equal(typing.on, 1);
	say(b, GW_EVENT_TYPING_STOPPED, "CN=bob,O=test", "");
	bench_expect(b, ALICE, &im_typing_event_msg, NULL, &typing);
	assert_int_equal(typing.on, 0);
	types(b, alice, 1, "bob", true);
	bench_until(b, b->groupwise.typing == 1);
	assert_string_equal(b->groupwise.last_typing, "112 " CONFERENCE);
	types(b, alice, 2, "bob", false);
	bench_until(b, b->groupwise.typing == 2);
	assert_string_equal(b->groupwise.last_typing, "113 " CONFERENCE);
}

static void typing_makes_no_conversation_and_gets_no_answer(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	types(b, alice, 1, "bob", true);
	types(b, alice, 2, "nobody", true);
	bench_message(b, ALICE, alice, 3, "bob", "first");
	assert_int_equal(bench_ack(b, ALICE, 3), IM_OK);
	assert_int_equal(b->groupwise.typing, 0);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_ACK), 1);
}

static void typing_is_not_kept_for_a_device_that_is_away(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_coverage(&b->dispatcher, ALICE, false);
	bench_until(b, bench_number(b, "sessions", "out-of-coverage") == 1);
	say(b, GW_EVENT_TYPING, "CN=bob,O=test", "");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "there?");
	bench_until(b, bench_number(b, "counts", "messages_down") == 1);
	assert_int_equal(bench_number(b, "counts", "down_waiting"), 1);
	fake_dispatcher_coverage(&b->dispatcher, ALICE, true);
	bench_status(b, ALICE, alice, 1);
	assert_true(bytes_is(hear(b).text, "there?"));
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_TYPING_EVENT), 0);
}

/* --- kinds ------------------------------------------------------------------------------------------------------------- */

static void an_automatic_reply_is_told_as_one(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event event;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	say(b, GW_EVENT_AUTO_REPLY, "CN=bob,O=test", "{out} to lunch");
	event = hear(b);
	assert_int_equal(event.kind, IM_KIND_AUTOMATIC_REPLY);
	assert_true(bytes_is(event.from, "bob"));
	assert_true(bytes_is(event.text, "{out} to lunch"));
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, "back");
	assert_int_equal(hear(b).kind, IM_KIND_MESSAGE);
}

static void the_login_says_the_protocol_version_of_the_setting(void **state)
{
	struct collab_bench *b = *state;

	b->groupwise.last_build = 0;
	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	assert_int_equal(b->groupwise.last_build, 2);
	b->settings.protocol_version = 4;
	bench_login(b, BOB, "bob");
	assert_int_equal(b->groupwise.last_build, 4);
}

static void a_broadcast_is_told_as_one_and_is_no_conversation(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event event;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	say(b, GW_EVENT_BROADCAST, "CN=bob,O=test", "cake in the kitchen");
	event = hear(b);
	assert_int_equal(event.kind, IM_KIND_BROADCAST);
	assert_true(bytes_is(event.from, "bob"));
	assert_true(bytes_is(event.text, "cake in the kitchen"));
	say(b, GW_EVENT_SYSTEM_BROADCAST, "", "down at noon");
	event = hear(b);
	assert_int_equal(event.kind, IM_KIND_BROADCAST);
	assert_int_equal(event.from.len, 0);
	bench_message(b, ALICE, alice, 1, "bob", "coming");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_int_equal(b->groupwise.conferences, 1);
}

/* --- long texts -------------------------------------------------------------------------------------------------------- */

static void a_text_over_the_limit_goes_as_several_messages_cut_between_characters(void **state)
{
	static const struct { const char *character; unsigned messages; } rows[] = {
		{ "a", 2 }, { "\n", 6 }, { "\xc3\xa4", 4 }, { "\xe2\x82\xac", 3 }, { "\xf0\x9f\x98\x80", 3 }, { "{", 3 },
	};
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf text = { 0 };

		while (text.len + strlen(rows[i].character) <= IM_TEXT_MAX)
			buf_text(&text, rows[i].character);
		buf_clear(&b->groupwise.all_text);
		b->groupwise.messages = 0;
		bench_message(b, ALICE, alice, i + 1, "bob", buf_cstr(&text));
		assert_int_equal(bench_ack(b, ALICE, i + 1), IM_OK);
		assert_int_equal(b->groupwise.messages, rows[i].messages);
		assert_true(bytes_equal(buf_bytes(&b->groupwise.all_text), buf_bytes(&text)));
		buf_free(&text);
	}
	assert_true(b->groupwise.largest_body <= GW_RTF_MAX);
	assert_int_equal(b->groupwise.conferences, 1);
}

static void a_text_whose_first_part_is_refused_is_refused(void **state)
{
	struct collab_bench *b = *state;
	struct buf text = { 0 };
	struct im_ack ack;
	uint32_t alice;

	while (text.len < IM_TEXT_MAX)
		buf_text(&text, "{");
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.send_code = GW_NOT_REACHABLE;
	bench_message(b, ALICE, alice, 1, "bob", buf_cstr(&text));
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.code, IM_NOT_DELIVERED);
	assert_true(bytes_is(bytes_slice(ack.text, 0, 5), "D135:"));
	bench_settle(b);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_ACK), 1);
	buf_free(&text);
}

static void what_is_said_over_the_devices_limit_comes_as_several_messages(void **state)
{
	struct collab_bench *b = *state;
	struct buf text = { 0 }, heard = { 0 };
	unsigned count = 0;

	while (text.len < IM_TEXT_MAX * 2)
		buf_text(&text, "abc\xe2\x82\xac");
	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", CONFERENCE, buf_cstr(&text));
	for (; heard.len < text.len; count++)
		buf_append(&heard, hear(b).text);
	assert_true(bytes_equal(buf_bytes(&heard), buf_bytes(&text)));
	assert_int_equal(count, 3);
	buf_free(&text);
	buf_free(&heard);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(typing_goes_both_ways_in_a_conversation),
		T(typing_makes_no_conversation_and_gets_no_answer),
		T(typing_is_not_kept_for_a_device_that_is_away),
		T(an_automatic_reply_is_told_as_one),
		T(the_login_says_the_protocol_version_of_the_setting),
		T(a_broadcast_is_told_as_one_and_is_no_conversation),
		T(a_text_over_the_limit_goes_as_several_messages_cut_between_characters),
		T(a_text_whose_first_part_is_refused_is_refused),
		T(what_is_said_over_the_devices_limit_comes_as_several_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
