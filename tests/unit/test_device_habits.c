/* What a device does by itself: away after a time without use, and a new login with the password that it remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

#define MINUTE_MS 60000u
#define FIRST_MS 1000u

static void force_out(struct handset *b, uint32_t session, uint32_t reason)
{
	struct im_forced_logout out = { .session = session, .reason = reason };

	handset_say(b, &im_forced_logout_msg, 0, &out);
	handset_await(b, &b->told, "forced-logout");
}

static void accept_login(struct handset *b, uint32_t sequence, uint32_t session)
{
	struct im_login_ok accepted = { .session = session, .display_name = bytes_str("Alice") };

	handset_say(b, &im_login_ok_msg, sequence, &accepted);
	handset_await(b, &b->told, "login-ok");
}

static void refuse_login(struct handset *b, uint32_t sequence, uint32_t code)
{
	struct im_login_fail fail = { .code = code, .status_text = bytes_str(im_code_status_text(code)) };

	handset_say(b, &im_login_fail_msg, sequence, &fail);
	handset_await(b, &b->told, "login-failed");
}

static void set_presence(struct handset *b, enum im_presence presence, const char *text)
{
	struct error err;

	assert_int_equal(device_presence(b->device, presence, bytes_str(text), &err), 0);
}

/* --- away by itself ---------------------------------------------------------------------------------------------------- */

static void an_unused_device_is_idle_and_comes_back_with_its_status_text(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	set_presence(b, IM_AVAILABLE, "at my desk");
	handset_await(b, &b->heard, "#1 PRESENCE_SET session=5 presence=2 text=\"at my desk\"\n");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack");
	device_away_after(b->device, 5 * MINUTE_MS);
	handset_pass_ms(b, 5 * MINUTE_MS - 1);
	handset_never(b, &b->heard, "PRESENCE_SET");
	handset_pass_ms(b, 1);
	handset_await(b, &b->heard, "PRESENCE_SET session=5 presence=5 text=\"at my desk\"\n");
	handset_await(b, &b->told, "idle 1\n");
	device_used(b->device);
	handset_await(b, &b->heard, "PRESENCE_SET session=5 presence=2 text=\"at my desk\"\n");
	handset_await(b, &b->told, "idle\n");
}

static void use_puts_it_off(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	device_away_after(b->device, MINUTE_MS);
	handset_pass_ms(b, MINUTE_MS - 1);
	device_used(b->device);
	handset_pass_ms(b, MINUTE_MS - 1);
	handset_never(b, &b->told, "idle");
	handset_pass_ms(b, 1);
	handset_await(b, &b->told, "idle 1\n");
}

static void who_is_busy_stays_busy(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	set_presence(b, IM_BUSY, "");
	device_away_after(b->device, MINUTE_MS);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->told, "idle");
}

static void a_status_that_is_set_while_idle_ends_it(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	device_away_after(b->device, MINUTE_MS);
	handset_pass_ms(b, MINUTE_MS);
	handset_await(b, &b->told, "idle 1\n");
	set_presence(b, IM_AWAY, "");
	device_used(b->device);
	handset_await(b, &b->heard, "presence=4 text=\"\"\n");
	handset_never(b, &b->heard, "PRESENCE_SET");
}

static void without_a_session_or_when_switched_off_nothing_happens(void **state)
{
	struct handset *b = *state;

	device_away_after(b->device, MINUTE_MS);
	handset_pass_ms(b, 2 * MINUTE_MS);
	handset_never(b, &b->told, "idle");
	handset_log_in(b);
	device_away_after(b->device, 0);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->told, "idle");
}

/* --- the password ------------------------------------------------------------------------------------------------------ */

static void without_remember_nobody_logs_in_by_himself(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->heard, "LOGIN");
	assert_int_equal(device_login(b->device, bytes_str("alice"), (struct bytes){ 0 }, &err), 0);
	handset_await(b, &b->heard, "#2 LOGIN user=alice");
}

static void log_in_remembered(struct handset *b)
{
	device_remember(b->device, true);
	handset_log_in(b);
}

static const struct {
	uint32_t reason;
	bool again;
} reasons[] = {
	{ IM_REASON_LOGOUT, false },
	{ IM_REASON_EVICTED_COVERAGE, false },
	{ IM_REASON_EVICTED_SILENT, false },
	{ IM_REASON_INACTIVE, false },
	{ IM_REASON_REPLACED, false },
	{ IM_REASON_ELSEWHERE, false },
	{ IM_REASON_SERVER_LOST, true },
	{ IM_REASON_ADMIN, false },
	{ IM_REASON_SHUTDOWN, true },
	{ IM_REASON_UNKNOWN_SESSION, true },
	{ IM_REASON_OVERFLOW, false },
	{ IM_REASON_REFUSED, false },
	{ IM_REASON_SWITCHED, false },
	{ IM_REASON_SERVICE_LOST, false },
};

static void only_after_a_loss_it_logs_in_by_itself(void **state)
{
	struct handset *b = *state;
	uint32_t session = HANDSET_SESSION, sequence = 1;

	log_in_remembered(b);
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		struct error err;

		print_message("    %s\n", im_reason_name(reasons[i].reason));
		handset_pass_ms(b, MINUTE_MS);
		force_out(b, session++, reasons[i].reason);
		handset_settle(b);
		handset_pass_ms(b, FIRST_MS);
		if (reasons[i].again) {
			handset_await(b, &b->told, "login-again");
		} else {
			handset_never(b, &b->heard, "LOGIN");
			handset_never(b, &b->told, "login-again");
			assert_int_equal(device_login(b->device, bytes_str("alice"), (struct bytes){ 0 }, &err), 0);
		}
		handset_await(b, &b->heard, "LOGIN user=alice");
		accept_login(b, ++sequence, session);
	}
}

static const struct {
	uint32_t code;
	bool again;
} codes[] = {
	{ IM_UNREACHABLE, true },
	{ IM_OVERLOADED, true },
	{ IM_NO_DATABASE, true },
	{ IM_SERVER_BUSY, false },
	{ IM_FAILED_CAPACITY, false },
	{ IM_FAILED_300, false },
	{ IM_NOT_PERMITTED, false },
	{ IM_BACKEND_REFUSED, false },
	{ IM_BAD_CREDENTIALS, false },
};

static void only_what_may_pass_is_tried_again(void **state)
{
	struct handset *b = *state;
	uint32_t session = HANDSET_SESSION, sequence = 1;

	log_in_remembered(b);
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		print_message("    %s\n", im_code_reason(codes[i].code));
		handset_pass_ms(b, MINUTE_MS);
		force_out(b, session++, IM_REASON_SERVER_LOST);
		handset_pass_ms(b, FIRST_MS);
		handset_await(b, &b->heard, "LOGIN user=alice");
		refuse_login(b, ++sequence, codes[i].code);
		handset_pass_ms(b, 2 * FIRST_MS);
		if (!codes[i].again) {
			handset_never(b, &b->heard, "LOGIN");
			handset_type_login(b);
		}
		handset_await(b, &b->heard, "LOGIN user=alice");
		accept_login(b, ++sequence, session);
	}
}

static void a_refused_password_is_forgotten(void **state)
{
	struct handset *b = *state;

	log_in_remembered(b);
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, FIRST_MS);
	handset_await(b, &b->heard, "#2 LOGIN");
	refuse_login(b, 2, IM_BAD_CREDENTIALS);
	device_remember(b->device, true);
	handset_type_login(b);
	handset_await(b, &b->heard, "#3 LOGIN");
	device_remember(b->device, false);
	accept_login(b, 3, 7);
	force_out(b, 7, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->heard, "LOGIN");
}

static void a_password_that_the_server_does_not_let_be_kept_is_forgotten(void **state)
{
	struct handset *b = *state;
	struct im_login_ok accepted = { .session = HANDSET_SESSION, .display_name = bytes_str("Alice"), .login_id = bytes_str("2100000A-1"),
		.forget_password = 1 };

	device_remember(b->device, true);
	handset_type_login(b);
	handset_await(b, &b->heard, "#1 LOGIN");
	handset_say(b, &im_login_ok_msg, 1, &accepted);
	handset_await(b, &b->told, "login-ok");
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->heard, "LOGIN");
}

static void it_tries_after_longer_and_longer_times(void **state)
{
	struct handset *b = *state;
	uint32_t sequence = 1;

	log_in_remembered(b);
	handset_pass_ms(b, MINUTE_MS);
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	for (uint64_t patience_ms = FIRST_MS; patience_ms < 600000; patience_ms *= 2) {
		uint64_t bound_ms = patience_ms < 300000 ? patience_ms : 300000;

		handset_pass_ms(b, bound_ms / 2 - 1);
		handset_never(b, &b->heard, "LOGIN");
		handset_pass_ms(b, bound_ms - (bound_ms / 2 - 1));
		handset_await(b, &b->heard, "LOGIN user=alice");
		refuse_login(b, ++sequence, IM_UNREACHABLE);
	}
}

static void a_server_that_takes_logins_and_drops_them_is_not_worn_down(void **state)
{
	struct handset *b = *state;

	log_in_remembered(b);
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, FIRST_MS);
	handset_await(b, &b->heard, "#2 LOGIN");
	accept_login(b, 2, 6);
	force_out(b, 6, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, FIRST_MS - 1);
	handset_never(b, &b->heard, "LOGIN");
	handset_pass_ms(b, FIRST_MS + 1);
	handset_await(b, &b->heard, "#3 LOGIN");
}

static void out_of_coverage_it_waits_for_the_link(void **state)
{
	struct handset *b = *state;

	log_in_remembered(b);
	force_out(b, HANDSET_SESSION, IM_REASON_SHUTDOWN);
	device_coverage(b->device, false);
	handset_pass_ms(b, 60 * MINUTE_MS);
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	device_coverage(b->device, true);
	handset_await(b, &b->told, "link-up\n");
	handset_pass_ms(b, FIRST_MS);
	handset_await(b, &b->heard, "#2 LOGIN user=alice");
}

static void a_logout_ends_what_it_would_do_by_itself(void **state)
{
	struct handset *b = *state;
	struct error err;

	log_in_remembered(b);
	force_out(b, HANDSET_SESSION, IM_REASON_SHUTDOWN);
	assert_int_equal(device_logout(b->device, &err), 0);
	handset_pass_ms(b, 10 * MINUTE_MS);
	handset_never(b, &b->heard, "LOGIN");
	assert_int_equal(device_logout(b->device, &err), -1);
}

static void a_new_session_goes_on_with_the_status_of_the_one_before(void **state)
{
	struct handset *b = *state;

	log_in_remembered(b);
	set_presence(b, IM_BUSY, "in a meeting");
	handset_await(b, &b->heard, "PRESENCE_SET");
	force_out(b, HANDSET_SESSION, IM_REASON_SERVER_LOST);
	handset_pass_ms(b, FIRST_MS);
	handset_await(b, &b->heard, "#2 LOGIN");
	accept_login(b, 2, 6);
	handset_await(b, &b->heard, "#1 PRESENCE_SET session=6 presence=3 text=\"in a meeting\"\n");
	force_out(b, 6, IM_REASON_ADMIN);
	handset_type_login(b);
	handset_await(b, &b->heard, "#3 LOGIN");
	accept_login(b, 3, 7);
	handset_never(b, &b->heard, "PRESENCE_SET");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handset_set_up, handset_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(an_unused_device_is_idle_and_comes_back_with_its_status_text),
		TEST(use_puts_it_off),
		TEST(who_is_busy_stays_busy),
		TEST(a_status_that_is_set_while_idle_ends_it),
		TEST(without_a_session_or_when_switched_off_nothing_happens),
		TEST(without_remember_nobody_logs_in_by_himself),
		TEST(only_after_a_loss_it_logs_in_by_itself),
		TEST(only_what_may_pass_is_tried_again),
		TEST(a_refused_password_is_forgotten),
		TEST(a_password_that_the_server_does_not_let_be_kept_is_forgotten),
		TEST(it_tries_after_longer_and_longer_times),
		TEST(a_server_that_takes_logins_and_drops_them_is_not_worn_down),
		TEST(out_of_coverage_it_waits_for_the_link),
		TEST(a_logout_ends_what_it_would_do_by_itself),
		TEST(a_new_session_goes_on_with_the_status_of_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
