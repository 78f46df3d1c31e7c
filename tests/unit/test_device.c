/* The device's link, and what comes to it in a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

static void after_a_lost_link_the_session_goes_on(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "one");
	handset_await(b, &b->heard, "#1 MESSAGE");
	device_coverage(b->device, false);
	handset_await(b, &b->told, "waiting\n");
	assert_int_equal(device_state(b->device), DEVICE_WAITING);
	handset_type_message(b, "two");
	device_coverage(b->device, true);
	handset_await(b, &b->told, "resumed\n");
	handset_await(b, &b->heard, "#3 STATUS session=5\n#1 MESSAGE session=5 to=bob text=one\n#2 MESSAGE session=5 to=bob text=two\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
}

static void an_event_that_comes_twice_is_shown_once(void **state)
{
	struct im_message_event event = { .session = HANDSET_SESSION, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct device_counts counts;
	struct handset *b = *state;

	handset_log_in(b);
	handset_say(b, &im_message_event_msg, 1, &event);
	handset_await(b, &b->told, "message \"\" user=bob text=hello\n");
	handset_say(b, &im_message_event_msg, 1, &event);
	handset_say(b, &im_message_event_msg, 3, &event);
	handset_say(b, &im_message_event_msg, 2, &event);
	handset_await(b, &b->told, "message \"\" user=bob text=hello\nmessage \"\" user=bob text=hello\n");
	handset_never(b, &b->told, "message");
	device_count(b->device, &counts);
	assert_int_equal(counts.messages_in, 3);
	assert_int_equal(counts.duplicates, 1);
}

static void an_event_of_another_session_is_not_shown(void **state)
{
	struct im_message_event event = { .session = HANDSET_SESSION + 1, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct handset *b = *state;

	handset_log_in(b);
	handset_say(b, &im_message_event_msg, 1, &event);
	handset_never(b, &b->told, "message");
}

static void status_messages_come_as_often_as_the_service_said(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_pass_ms(b, 59999);
	handset_never(b, &b->heard, "STATUS");
	handset_pass_ms(b, 1);
	handset_await(b, &b->heard, "#1 STATUS session=5\n");
	handset_pass_ms(b, 60000);
	handset_await(b, &b->heard, "#2 STATUS session=5\n");
}

static void a_silent_device_keeps_its_link_and_sends_no_status_messages(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	device_silent(b->device, true);
	handset_pass_ms(b, 600000);
	handset_never(b, &b->heard, "STATUS");
	assert_true(device_is_linked(b->device));
	device_silent(b->device, false);
	handset_pass_ms(b, 60000);
	handset_await(b, &b->heard, "STATUS session=5\n");
}

static void contacts_in_several_parts_are_one_list_and_follow_presence(void **state)
{
	static struct im_contacts part;
	struct im_presence_event busy = { .session = HANDSET_SESSION, .user = bytes_str("CAROL"), .presence = IM_BUSY, .text = bytes_str("meeting") };
	struct handset *b = *state;
	const struct device_contacts *list;

	handset_log_in(b);
	part = (struct im_contacts){ .session = HANDSET_SESSION, .more = 1, .count = 1 };
	part.contacts[0] = (struct im_contact){ .user = bytes_str("bob"), .presence = IM_OFFLINE };
	handset_say(b, &im_contacts_msg, 1, &part);
	part.more = 0;
	part.contacts[0] = (struct im_contact){ .user = bytes_str("carol"), .presence = IM_AVAILABLE };
	handset_say(b, &im_contacts_msg, 2, &part);
	handset_say(b, &im_presence_event_msg, 3, &busy);
	handset_await(b, &b->told, "presence 3 user=CAROL text=meeting\n");
	list = device_contacts(b->device);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->list[0].user, "bob");
	assert_int_equal(list->list[1].presence, IM_BUSY);
	assert_string_equal(list->list[1].text, "meeting");
	handset_say(b, &im_contacts_msg, 4, &part);
	handset_await(b, &b->told, "contacts\n");
	assert_int_equal(device_contacts(b->device)->count, 1);
}

static void a_device_whose_pin_was_taken_over_does_not_dial_again(void **state)
{
	struct srp_disconnect bye = { .reason = SRP_SUPERSEDED };
	struct handset *b = *state;

	handset_log_in(b);
	handset_frame_out(b, &srp_disconnect_msg, &bye);
	handset_await(b, &b->told, "waiting\n");
	handset_pass_ms(b, 600000);
	handset_settle(b);
	assert_int_equal(b->links, 1);
	device_coverage(b->device, true);
	handset_await(b, &b->told, "resumed\n");
}

static void a_router_that_refuses_the_pin_is_asked_again_later(void **state)
{
	struct handset *b = *state;

	b->deny = true;
	handset_await(b, &b->told, "link-refused");
	assert_false(device_is_linked(b->device));
	b->deny = false;
	handset_pass_ms(b, 120000);
	handset_await(b, &b->told, "link-up\n");
}

static void a_paused_device_sends_when_it_may_again(void **state)
{
	struct srp_session pause = { 0 };
	struct handset *b = *state;

	handset_log_in(b);
	handset_frame_out(b, &srp_pause_msg, &pause);
	handset_settle(b);
	handset_type_message(b, "one");
	handset_type_message(b, "two");
	handset_never(b, &b->heard, "MESSAGE");
	handset_frame_out(b, &srp_resume_msg, &pause);
	handset_await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=one\n#2 MESSAGE session=5 to=bob text=two\n");
}

static void nothing_is_sent_under_a_number_that_could_not_be_stored(void **state)
{
	struct handset *b = *state;

	handset_await(b, &b->told, "link-up\n");
	b->store_fails = true;
	handset_type_login(b);
	handset_await(b, &b->told, "login-failed user=alice text=Failed (the disk is full)\n");
	handset_never(b, &b->heard, "LOGIN");
	b->store_fails = false;
	handset_type_login(b);
	handset_await(b, &b->heard, "#2 LOGIN user=alice");
	assert_int_equal(b->mine.send_ceiling, REPLAY_AHEAD);
}

static void what_is_not_for_this_device_or_cannot_be_read_is_left_alone(void **state)
{
	struct im_message_event event = { .session = HANDSET_SESSION, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct srp_data data = { .tag = 1, .gme = bytes_str("no envelope") };
	struct handset *b = *state;

	handset_log_in(b);
	b->device_address.pin = HANDSET_PIN + 1;
	handset_say(b, &im_message_event_msg, 1, &event);
	b->device_address.pin = HANDSET_PIN;
	b->service_address.srp_id = bytes_str("T00000002");
	handset_say(b, &im_message_event_msg, 1, &event);
	b->service_address.srp_id = bytes_str("T00000001");
	handset_frame_out(b, &srp_data_msg, &data);
	handset_never(b, &b->told, "message");
	channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key.secret[0] ^= 1;
	handset_say(b, &im_message_event_msg, 1, &event);
	handset_await(b, &b->heard, "kind 2 code 2\n");
	strcpy(channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key.id, "2100000A+9");
	handset_say(b, &im_message_event_msg, 1, &event);
	handset_await(b, &b->heard, "kind 2 code 1\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
}

static void what_makes_no_sense_now_is_refused_in_words(void **state)
{
	struct handset *b = *state;
	static char longest[IM_TEXT_MAX + 1];
	struct error err;

	assert_int_equal(device_logout(b->device, &err), -1);
	assert_string_equal(err.text, "cannot log out while logged-out");
	assert_int_equal(device_login(b->device, bytes_str(""), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "a user ID has 1 to 256 bytes, not 0");
	device_coverage(b->device, false);
	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "cannot log in out of coverage");
	device_coverage(b->device, true);
	handset_log_in(b);
	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "cannot log in while online");
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_of(longest, sizeof longest), NULL, &err), -1);
	assert_string_equal(err.text, "a message has at most 32768 bytes, not 32769");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handset_set_up, handset_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(after_a_lost_link_the_session_goes_on),
		TEST(an_event_that_comes_twice_is_shown_once),
		TEST(an_event_of_another_session_is_not_shown),
		TEST(status_messages_come_as_often_as_the_service_said),
		TEST(a_silent_device_keeps_its_link_and_sends_no_status_messages),
		TEST(contacts_in_several_parts_are_one_list_and_follow_presence),
		TEST(a_device_whose_pin_was_taken_over_does_not_dial_again),
		TEST(a_router_that_refuses_the_pin_is_asked_again_later),
		TEST(a_paused_device_sends_when_it_may_again),
		TEST(nothing_is_sent_under_a_number_that_could_not_be_stored),
		TEST(what_is_not_for_this_device_or_cannot_be_read_is_left_alone),
		TEST(what_makes_no_sense_now_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
