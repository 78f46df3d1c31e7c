/* What a device says is kept until it is acknowledged, and goes again, in order, when it was lost or could not be taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/handset.h"

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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handset_set_up, handset_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_kept_until_it_is_acknowledged),
		TEST(a_message_without_acknowledgement_goes_again_after_half_a_minute),
		TEST(more_than_the_services_window_is_not_sent_unacknowledged),
		TEST(an_error_receipt_does_not_end_a_session),
		TEST(while_the_service_is_not_there_a_message_is_tried_after_longer_and_longer_times),
		TEST(what_is_said_while_the_service_is_not_there_keeps_its_order),
		TEST(all_that_was_sealed_under_used_up_ids_goes_again_before_anything_newer),
		TEST(what_is_due_while_the_service_is_not_there_waits_with_the_rest),
		TEST(what_waits_for_the_service_goes_when_the_service_speaks),
		TEST(what_an_overloaded_service_was_not_given_is_refused_to_the_user_and_not_sent_again),
		TEST(what_an_overloaded_service_may_have_had_before_is_tried_again),
		TEST(numbers_do_not_run_away_from_a_message_that_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
