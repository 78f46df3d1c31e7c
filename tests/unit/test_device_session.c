/* How a device's session begins and ends: logins, what answers them and what does not, and logouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

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
		TEST(what_overtakes_the_answer_to_its_login_is_shown_after_it),
		TEST(a_logout_ends_when_the_service_acknowledges_it),
		TEST(a_logout_out_of_coverage_is_sent_when_the_link_is_back_or_given_up),
		TEST(a_forced_logout_ends_the_session_with_its_reason),
		TEST(an_overloaded_service_is_asked_again_for_a_logout),
		TEST(a_login_at_an_overloaded_service_has_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
