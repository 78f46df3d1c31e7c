/* The device's login, link and messages, sentence by sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

/* --- the sentences ------------------------------------------------------------------------------------------------------ */

static void a_login_typed_before_the_link_is_up_goes_out_when_it_is(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	handset_await(b, &b->told, "link-up\nlogin-sent user=alice\n");
	handset_login_sequence(b);
}

static void a_refused_login_shows_the_services_text_and_is_not_repeated(void **state)
{
	struct im_login_fail busy = { .code = IM_SERVER_BUSY, .status_text = bytes_str("Server Busy") };
	struct handset *b = *state;

	handset_type_login(b);
	handset_say(b, &im_login_fail_msg, handset_login_sequence(b), &busy);
	handset_await(b, &b->told, "login-failed 100 user=alice text=\"Server Busy\" (the maximum of simultaneous sessions is reached");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	handset_pass_ms(b, 600000);
	handset_never(b, &b->heard, "LOGIN");

	handset_type_login(b);
	handset_await(b, &b->heard, "#2 LOGIN user=alice");
}

static void a_login_without_an_answer_fails_after_a_minute(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_pass_ms(b, 59999);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	handset_pass_ms(b, 1);
	handset_await(b, &b->told, "login-failed user=alice text=Failed (no answer in time)\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

static void a_session_that_comes_after_the_login_was_given_up_is_logged_out(void **state)
{
	struct im_login_ok ok = { .session = HANDSET_SESSION };
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_pass_ms(b, 60000);
	handset_say(b, &im_login_ok_msg, 1, &ok);
	handset_await(b, &b->heard, "#1 LOGOUT session=5\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

static void an_answer_to_an_earlier_login_is_not_taken_for_this_one(void **state)
{
	struct im_login_ok ok = { .session = HANDSET_SESSION };
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_pass_ms(b, 60000);
	handset_type_login(b);
	handset_await(b, &b->heard, "#2 LOGIN");
	handset_say(b, &im_login_ok_msg, 1, &ok);
	handset_settle(b);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
}

static void an_error_receipt_ends_the_login_it_names(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_return_error(b, b->heard_id + 1, GME_UNKNOWN_KEY, "");
	handset_never(b, &b->told, "returned");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	handset_return_error(b, b->heard_id, GME_UNKNOWN_KEY, "");
	handset_await(b, &b->told, "login-failed user=alice text=Failed (");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

/* The Router and a Dispatcher that has no key for the device answer too: they have seen the envelope, and so has who lost it on the way. */
static void an_error_that_is_not_proved_ends_a_login_only_if_it_names_the_very_envelope(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_forge(b, b->heard_id, bytes_str("another envelope"), NULL, GME_UNKNOWN_KEY, "");
	handset_never(b, &b->told, "returned");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	handset_forge(b, b->heard_id, buf_bytes(&b->heard_envelope), NULL, GME_UNKNOWN_KEY, "");
	handset_await(b, &b->told, "login-failed user=alice text=Failed (");
}

static void who_has_not_the_key_makes_a_device_seal_nothing_again(void **state)
{
	struct handset *b = *state;
	struct packet_key wrong = channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key, stranger = wrong;
	const struct packet_key *keys[] = { NULL, &wrong, &stranger };
	struct device_counts counts;

	wrong.secret[0] ^= 1;
	stranger.id[0] = '3';
	handset_type_login(b);
	handset_login_sequence(b);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		handset_forge(b, b->heard_id, buf_bytes(&b->heard_envelope), keys[i], GME_RESUME_AT, "5000");
		handset_forge(b, b->heard_id, buf_bytes(&b->heard_envelope), keys[i], 0, "");
	}
	handset_never(b, &b->heard, "LOGIN");
	handset_never(b, &b->told, "returned");
	device_count(b->device, &counts);
	assert_int_equal(counts.returned, 0);
	/* The counter stands where it stood, and the receipts counted for nothing: over a new link the login goes again. */
	handset_cut_link(b);
	handset_await_links(b, 2);
	handset_await(b, &b->heard, "#1 LOGIN user=alice");
	assert_int_equal(b->heard_id, 2);
}

/* What was recorded under the old key, said again, is answered as what it is; the answer is no answer to what has the same number now. */
static void after_a_key_change_an_answer_under_the_old_key_is_none_to_a_message_under_the_new_one(void **state)
{
	struct handset *b = *state;
	struct packet_key old = b->mine.peer.keys[0].key;
	struct channel_peer *peers[] = { &b->mine.peer, &b->its.peer };

	for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
		struct channel_key *current = &peers[i]->keys[0];

		peers[i]->keys[1] = *current;
		peers[i]->keys[1].state = CHANNEL_KEY_PREVIOUS;
		current->serial = 2;
		strcpy(current->key.id, "2100000A+2");
		memset(current->key.secret, 8, sizeof current->key.secret);
	}
	handset_type_login(b);
	handset_login_sequence(b);
	handset_forge(b, b->heard_id, bytes_str("an envelope under the old key"), &old, GME_RESUME_AT, "5000");
	handset_forge(b, b->heard_id, bytes_str("an envelope under the old key"), &old, GME_BAD_FORMAT, "");
	handset_forge(b, b->heard_id, bytes_str("an envelope under the old key"), &old, 0, "");
	handset_never(b, &b->heard, "LOGIN");
	handset_never(b, &b->told, "returned");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	assert_int_equal(b->mine.peer.keys[0].send.next, 2);
	assert_int_equal(b->mine.peer.keys[1].send.next, 1);
	handset_return_error(b, b->heard_id, GME_RESUME_AT, "5000");
	handset_await(b, &b->heard, "#1 LOGIN user=alice");
	assert_int_equal(b->heard_id, 5001);
}

static void resume_at_makes_the_login_be_sealed_again_under_a_higher_number(void **state)
{
	struct handset *b = *state;
	uint32_t first;

	handset_type_login(b);
	handset_login_sequence(b);
	first = b->heard_id;
	handset_return_error(b, first, GME_RESUME_AT, "5000");
	handset_await(b, &b->heard, "#1 LOGIN user=alice");
	assert_int_equal(b->heard_id, 5001);
	/* A number that would use up the ids, and one that is none, change nothing. */
	handset_return_error(b, b->heard_id, GME_RESUME_AT, "4000000000");
	handset_return_error(b, b->heard_id, GME_RESUME_AT, "-1");
	handset_never(b, &b->heard, "LOGIN");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
}

static void a_login_under_way_is_sent_again_over_a_new_link_unless_the_service_has_it(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	handset_login_sequence(b);
	handset_cut_link(b);
	handset_await_links(b, 2);
	handset_await(b, &b->heard, "#1 LOGIN user=alice");
	handset_receipt(b, b->heard_id);
	handset_settle(b);
	handset_cut_link(b);
	handset_await(b, &b->told, "link-down");
	handset_pass_ms(b, 30000);
	handset_await_links(b, 3);
	handset_never(b, &b->heard, "LOGIN");
}

static void a_message_is_kept_until_it_is_acknowledged(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "hello");
	assert_int_equal(device_unacknowledged(b->device), 1);
	handset_await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=hello\n");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack user=bob (done)\n");
	assert_int_equal(device_unacknowledged(b->device), 0);
	assert_true(device_is_settled(b->device));
	handset_type_message(b, "again");
	handset_acknowledge(b, 2, 2, IM_NOT_DELIVERED);
	handset_await(b, &b->told, "ack 410 user=bob (the recipient is offline or has blocked the sender)\n");
	handset_acknowledge(b, 3, 2, IM_OK);
	handset_never(b, &b->told, "ack");
}

static void a_message_without_acknowledgement_goes_again_after_half_a_minute(void **state)
{
	struct handset *b = *state;
	struct device_counts counts;
	uint32_t id;

	handset_log_in(b);
	handset_type_message(b, "hello");
	handset_await(b, &b->heard, "#1 MESSAGE");
	id = b->heard_id;
	handset_pass_ms(b, 29999);
	handset_never(b, &b->heard, "#1 MESSAGE");
	handset_pass_ms(b, 1);
	handset_await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=hello\n");
	assert_true(b->heard_id > id);
	device_count(b->device, &counts);
	assert_int_equal(counts.resent, 1);
	assert_int_equal(counts.messages_out, 1);
}

static void more_than_the_services_window_is_not_sent_unacknowledged(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	for (int i = 0; i < 32; i++)
		handset_type_message(b, "x");
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str("x"), NULL, &err), -1);
	assert_string_equal(err.text, "32 messages are not acknowledged yet");
}

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

static void what_overtakes_the_answer_to_its_login_is_shown_after_it(void **state)
{
	static struct im_contacts list = { .session = HANDSET_SESSION, .count = 1 };
	struct im_message_event event = { .session = HANDSET_SESSION, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct im_message_event other = { .session = HANDSET_SESSION + 1, .from = bytes_str("eve"), .text = bytes_str("not yours") };
	struct im_login_ok ok = { .session = HANDSET_SESSION, .display_name = bytes_str("Alice"), .status_interval_s = 60 };
	struct handset *b = *state;
	uint32_t sequence;

	list.contacts[0] = (struct im_contact){ .user = bytes_str("bob"), .presence = IM_OFFLINE };
	handset_type_login(b);
	sequence = handset_login_sequence(b);
	handset_say(b, &im_contacts_msg, 1, &list);
	handset_say(b, &im_message_event_msg, 1, &other);
	handset_say(b, &im_message_event_msg, 2, &event);
	handset_say(b, &im_login_ok_msg, sequence, &ok);
	handset_await(b, &b->told, "login-ok Alice user=alice\ncontacts\nmessage");
	assert_int_equal(device_contacts(b->device)->count, 1);
	handset_never(b, &b->told, "eve");
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

static void a_logout_ends_when_the_service_acknowledges_it(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	assert_int_equal(device_logout(b->device, &err), 0);
	handset_await(b, &b->heard, "#1 LOGOUT session=5\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_OUT);
	assert_false(device_is_settled(b->device));
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "logged-out\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	assert_int_equal(device_session(b->device), 0);
}

static void a_logout_out_of_coverage_is_sent_when_the_link_is_back_or_given_up(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	device_coverage(b->device, false);
	assert_int_equal(device_logout(b->device, &err), 0);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_OUT);
	device_coverage(b->device, true);
	handset_await(b, &b->heard, "#1 LOGOUT session=5\n");
	handset_pass_ms(b, 60000);
	handset_await(b, &b->told, "logged-out\n");
}

static void a_forced_logout_ends_the_session_with_its_reason(void **state)
{
	struct im_forced_logout out = { .session = HANDSET_SESSION + 1, .reason = IM_REASON_EVICTED_COVERAGE };
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	handset_say(b, &im_forced_logout_msg, 1, &out);
	handset_never(b, &b->told, "forced-logout");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	out.session = HANDSET_SESSION;
	handset_say(b, &im_forced_logout_msg, 1, &out);
	handset_await(b, &b->told, "forced-logout 2 (evicted-coverage)\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str("x"), NULL, &err), -1);
	assert_string_equal(err.text, "cannot send while logged-out");
	handset_pass_ms(b, 600000);
	handset_never(b, &b->heard, "STATUS");
}

static void an_error_receipt_does_not_end_a_session(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "x");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_return_error(b, b->heard_id, GME_BAD_FORMAT, "");
	handset_await(b, &b->told, "returned 2");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	handset_pass_ms(b, 30000);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_return_error(b, b->heard_id, GME_RESUME_AT, "1000");
	handset_await(b, &b->heard, "#1 MESSAGE");
	assert_int_equal(b->heard_id, 1001);
}

static void while_the_service_is_not_there_a_message_is_tried_after_longer_and_longer_times(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "x");
	for (uint64_t wait_ms = 1000; wait_ms <= 16000; wait_ms *= 2) {
		handset_await(b, &b->heard, "#1 MESSAGE");
		handset_return_error(b, b->heard_id, GME_NO_SERVICE, "");
		handset_await(b, &b->told, "returned 4");
		handset_pass_ms(b, wait_ms - 1);
		handset_never(b, &b->heard, "MESSAGE");
		handset_pass_ms(b, 1);
	}
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack");
	handset_pass_ms(b, 600000);
	handset_never(b, &b->heard, "MESSAGE");
}

static void what_is_said_while_the_service_is_not_there_keeps_its_order(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "one");
	handset_type_message(b, "two");
	handset_await(b, &b->heard, "#2 MESSAGE");
	handset_return_error(b, b->heard_id - 1, GME_NO_SERVICE, "");
	handset_await(b, &b->told, "returned 4");
	handset_pass_ms(b, 500);
	handset_return_error(b, b->heard_id, GME_NO_SERVICE, "");
	handset_await(b, &b->told, "returned 4");
	handset_type_message(b, "three");
	handset_pass_ms(b, 499);
	handset_never(b, &b->heard, "MESSAGE");
	handset_pass_ms(b, 1);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_await(b, &b->heard, "#2 MESSAGE");
	handset_await(b, &b->heard, "#3 MESSAGE");
}

static void all_that_was_sealed_under_used_up_ids_goes_again_before_anything_newer(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "one");
	handset_type_message(b, "two");
	handset_type_message(b, "three");
	handset_await(b, &b->heard, "#3 MESSAGE");
	handset_return_error(b, b->heard_id - 2, GME_RESUME_AT, "1000");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_type_message(b, "four");
	handset_await(b, &b->heard, "#2 MESSAGE");
	handset_await(b, &b->heard, "#3 MESSAGE");
	handset_await(b, &b->heard, "#4 MESSAGE");
	assert_int_equal(b->heard_id, 1004);
	handset_return_error(b, 3, GME_RESUME_AT, "1000");
	handset_never(b, &b->heard, "MESSAGE");
}

static void what_is_due_while_the_service_is_not_there_waits_with_the_rest(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "lost on the way");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_pass_ms(b, 29500);
	handset_type_message(b, "x");
	handset_await(b, &b->heard, "#2 MESSAGE");
	handset_return_error(b, b->heard_id, GME_NO_SERVICE, "");
	handset_await(b, &b->told, "returned 4");
	handset_pass_ms(b, 999);
	handset_never(b, &b->heard, "MESSAGE");
	handset_pass_ms(b, 1);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_await(b, &b->heard, "#2 MESSAGE");
}

static void what_waits_for_the_service_goes_when_the_service_speaks(void **state)
{
	struct im_presence_event busy = { .session = HANDSET_SESSION, .user = bytes_str("bob"), .presence = IM_BUSY };
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "one");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_return_error(b, b->heard_id, GME_NO_SERVICE, "");
	handset_await(b, &b->told, "returned 4");
	handset_type_message(b, "two");
	handset_never(b, &b->heard, "MESSAGE");
	handset_say(b, &im_presence_event_msg, 1, &busy);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_await(b, &b->heard, "#2 MESSAGE");
}

static void what_an_overloaded_service_was_not_given_is_refused_to_the_user_and_not_sent_again(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "one too many");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_return_error(b, b->heard_id, GME_OVERLOADED, "");
	handset_await(b, &b->told, "returned 8");
	handset_await(b, &b->told, "ack 429 user=bob (more is asked than can be done now)");
	assert_int_equal(device_unacknowledged(b->device), 0);
	/* The next one waits for nothing. */
	handset_type_message(b, "x");
	handset_await(b, &b->heard, "#2 MESSAGE");
	handset_acknowledge(b, 1, 2, IM_OK);
	handset_await(b, &b->told, "ack");
	handset_pass_ms(b, 600000);
	handset_never(b, &b->heard, "MESSAGE");
}

static void what_an_overloaded_service_may_have_had_before_is_tried_again(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	handset_type_message(b, "twice on its way");
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_pass_ms(b, 30000);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_return_error(b, b->heard_id, GME_OVERLOADED, "");
	handset_await(b, &b->told, "returned 8");
	handset_never(b, &b->told, "ack");
	handset_pass_ms(b, 1000);
	handset_await(b, &b->heard, "#1 MESSAGE");
}

static void an_overloaded_service_is_asked_again_for_a_logout(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	handset_ok(device_logout(b->device, &err), &err);
	handset_await(b, &b->heard, "#1 LOGOUT");
	handset_return_error(b, b->heard_id, GME_OVERLOADED, "");
	handset_await(b, &b->told, "returned 8");
	handset_pass_ms(b, 1000);
	handset_await(b, &b->heard, "#1 LOGOUT");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "logged-out");
}

static void a_login_at_an_overloaded_service_has_failed(void **state)
{
	struct handset *b = *state;

	handset_type_login(b);
	handset_await(b, &b->heard, "LOGIN user=alice");
	handset_return_error(b, b->heard_id, GME_OVERLOADED, "");
	handset_await(b, &b->told, "login-failed 429 user=alice text=Failed (overloaded)");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

/* The service takes what is 64 numbers old for a duplicate, and would acknowledge it unread. */
static void numbers_do_not_run_away_from_a_message_that_waits(void **state)
{
	struct handset *b = *state;
	struct error err;
	uint32_t sequence;

	handset_log_in(b);
	handset_type_message(b, "this one is lost");
	handset_await(b, &b->heard, "#1 MESSAGE");
	for (uint32_t n = 2; n <= 32; n++) {
		char text[32];

		snprintf(text, sizeof text, "#%u MESSAGE", n);
		handset_type_message(b, "x");
		handset_await(b, &b->heard, text);
		handset_acknowledge(b, n - 1, n, IM_OK);
		handset_await(b, &b->told, "ack");
	}
	assert_int_equal(device_unacknowledged(b->device), 1);
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str("y"), &sequence, &err), -1);
	assert_string_equal(err.text, "message 1 is not acknowledged yet, and 31 went after it");
	handset_pass_ms(b, 29000);
	handset_never(b, &b->heard, "MESSAGE");
	handset_pass_ms(b, 1000);
	handset_await(b, &b->heard, "#1 MESSAGE");
	handset_acknowledge(b, 32, 1, IM_OK);
	handset_await(b, &b->told, "ack");
	handset_type_message(b, "y");
	handset_await(b, &b->heard, "#33 MESSAGE");
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
		TEST(a_login_typed_before_the_link_is_up_goes_out_when_it_is),
		TEST(a_refused_login_shows_the_services_text_and_is_not_repeated),
		TEST(a_login_without_an_answer_fails_after_a_minute),
		TEST(a_session_that_comes_after_the_login_was_given_up_is_logged_out),
		TEST(an_answer_to_an_earlier_login_is_not_taken_for_this_one),
		TEST(an_error_receipt_ends_the_login_it_names),
		TEST(an_error_that_is_not_proved_ends_a_login_only_if_it_names_the_very_envelope),
		TEST(who_has_not_the_key_makes_a_device_seal_nothing_again),
		TEST(after_a_key_change_an_answer_under_the_old_key_is_none_to_a_message_under_the_new_one),
		TEST(resume_at_makes_the_login_be_sealed_again_under_a_higher_number),
		TEST(a_login_under_way_is_sent_again_over_a_new_link_unless_the_service_has_it),
		TEST(a_message_is_kept_until_it_is_acknowledged),
		TEST(a_message_without_acknowledgement_goes_again_after_half_a_minute),
		TEST(more_than_the_services_window_is_not_sent_unacknowledged),
		TEST(after_a_lost_link_the_session_goes_on),
		TEST(an_event_that_comes_twice_is_shown_once),
		TEST(an_event_of_another_session_is_not_shown),
		TEST(what_overtakes_the_answer_to_its_login_is_shown_after_it),
		TEST(status_messages_come_as_often_as_the_service_said),
		TEST(a_silent_device_keeps_its_link_and_sends_no_status_messages),
		TEST(a_logout_ends_when_the_service_acknowledges_it),
		TEST(a_logout_out_of_coverage_is_sent_when_the_link_is_back_or_given_up),
		TEST(a_forced_logout_ends_the_session_with_its_reason),
		TEST(an_error_receipt_does_not_end_a_session),
		TEST(while_the_service_is_not_there_a_message_is_tried_after_longer_and_longer_times),
		TEST(what_is_said_while_the_service_is_not_there_keeps_its_order),
		TEST(all_that_was_sealed_under_used_up_ids_goes_again_before_anything_newer),
		TEST(what_is_due_while_the_service_is_not_there_waits_with_the_rest),
		TEST(what_waits_for_the_service_goes_when_the_service_speaks),
		TEST(what_an_overloaded_service_was_not_given_is_refused_to_the_user_and_not_sent_again),
		TEST(what_an_overloaded_service_may_have_had_before_is_tried_again),
		TEST(an_overloaded_service_is_asked_again_for_a_logout),
		TEST(a_login_at_an_overloaded_service_has_failed),
		TEST(numbers_do_not_run_away_from_a_message_that_waits),
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
