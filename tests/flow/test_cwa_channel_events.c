/* How a session on a Communicator Web Access server asks for its events, and what it does when the answer is late, unreadable or none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cwa_scene.h"

static void a_request_that_was_held_5_s_is_made_again_at_once_another_after_the_servers_pause(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_pass(s, 5000);
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 1);
	cwa_scene_pass(s, 4999);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", CWA_CONFIGURATION("1")));
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 1);
	cwa_scene_pass(s, 999);
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 1);
	cwa_scene_pass(s, 1);
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 2);
	assert_string_equal(s->last_ack, "1");
}

static void a_lost_answer_is_asked_for_again_with_the_old_number_and_events_are_told_once(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "2", CWA_CONFIGURATION("1") CWA_CONFIGURATION("2")));
	cwa_scene_pass(s, 1000);
	http_request_on_gone(s->poll, NULL, NULL);
	http_abort(&s->poll);
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(s->last_ack, "2");
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "3", CWA_CONFIGURATION("1") CWA_CONFIGURATION("2") CWA_CONFIGURATION("3")));
	assert_string_equal(cwa_scene_told(s), "configuration-1 configuration-2 configuration-3 ");
	cwa_scene_pass(s, 1000);
	cwa_scene_answer_events(s, CWA_EMPTY("41", "1"));
	cwa_scene_pass(s, 1000);
	assert_string_equal(s->last_ack, "3");
}

static void an_answer_that_does_not_come_is_given_up_after_90_s_and_asked_for_again(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_pass(s, 89999);
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 0);
	cwa_scene_pass(s, 1);
	RUN_UNTIL(s->loop, s->asked[CWA_ASKED_EVENTS] == 1);
}

static void a_busy_server_is_asked_after_2_4_8_and_at_most_60_s_until_the_session_has_timed_out(void **state)
{
	static const unsigned waits[] = { 2, 4, 8, 16, 32, 60, 60, 60, 60 };
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	s->plan[CWA_ASKED_EVENTS] = (struct cwa_scene_plan){ 503, NULL, 1000 };
	cwa_scene_pass(s, 5000);
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		unsigned before = s->asked[CWA_ASKED_EVENTS];

		cwa_scene_pass(s, waits[i] * 1000 - 1);
		assert_int_equal(s->asked[CWA_ASKED_EVENTS], before);
		cwa_scene_pass(s, 1);
		assert_int_equal(s->asked[CWA_ASKED_EVENTS], before + 1);
	}
	/* 302 s have passed of 600. */
	for (unsigned i = 0; i < 4; i++)
		cwa_scene_pass(s, 60000);
	assert_non_null(s->channel);
	cwa_scene_pass(s, 60000);
	assert_null(s->channel);
	assert_int_equal(s->over_code, IM_UNREACHABLE);
}

static void throttling_and_answers_that_cannot_be_read_are_got_over(void **state)
{
	static const char *const bodies[] = { CWA_ERROR("18101"), "<html>", "", CWA_EMPTY("99", "0"), CWA_EMPTY("41", "x"), CWA_EMPTY("41", "9223372036854775807"),
		CWA_EVENTS_OF("41", "1", "<configuration eid=\"9223372036854775807\"/>"), "<!DOCTYPE a [<!ENTITY b \"b\">]><cwaEvents ackId=\"1\"/>",
		"<cwaRequests/>" };
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		cwa_scene_answer_events(s, bodies[i]);
		cwa_scene_pass(s, 2000);
		RUN_UNTIL(s->loop, s->poll);
		assert_string_equal(s->last_ack, "0");
		cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
		cwa_scene_pass(s, 1000);
	}
	assert_string_equal(cwa_scene_told(s), "");
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", CWA_CONFIGURATION("1")));
	assert_string_equal(cwa_scene_told(s), "configuration-1 ");
}

static void a_server_that_grants_no_pause_is_asked_no_more_than_20_times_in_a_second(void **state)
{
	struct cwa_scene *s = *state;
	uint64_t until_us;

	cwa_scene_begin(s);
	s->plan[CWA_ASKED_EVENTS] = (struct cwa_scene_plan){ 200, "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"0\"/>", 100000 };
	cwa_scene_answer_events(s, "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"0\"/>");
	until_us = loop_real_us() + 700000;
	while (loop_real_us() < until_us)
		loop_round(s->loop, 10);
	assert_in_range(s->asked[CWA_ASKED_EVENTS], 10, 41);
}

static void a_pause_that_the_server_grants_is_kept_at_the_end_of_a_busy_second_too(void **state)
{
	static const char *body = "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"45\"/>";
	struct cwa_scene *s = *state;
	uint64_t began_us, until_us;

	cwa_scene_begin(s);
	began_us = loop_real_us();
	for (int i = 0; i < 20; i++) {
		RUN_UNTIL(s->loop, s->poll);
		http_request_on_gone(s->poll, NULL, NULL);
		cwa_scene_reply(&s->poll, 200, body);
		RUN_UNTIL(s->loop, loop_next_due_ms(s->loop) <= loop_now_ms(s->loop) + 45);
		loop_clock_advance(s->loop, loop_now_ms(s->loop) + 45);
	}
	RUN_UNTIL(s->loop, s->poll);
	while (loop_real_us() < began_us + 970000)
		loop_round(s->loop, 1);
	cwa_scene_answer_events(s, body);
	until_us = loop_real_us() + 100000;
	while (loop_real_us() < until_us)
		loop_round(s->loop, 10);
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 20);
	cwa_scene_pass(s, 45);
	assert_int_equal(s->asked[CWA_ASKED_EVENTS], 21);
}

static void activity_is_told_once_with_the_next_request(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	assert_string_equal(s->last_ua, "false");
	cwa_channel_active(s->channel);
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	cwa_scene_pass(s, 1000);
	assert_string_equal(s->last_ua, "true");
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	cwa_scene_pass(s, 1000);
	assert_string_equal(s->last_ua, "false");
}

#define T(test) cmocka_unit_test_setup_teardown(test, cwa_scene_set_up, cwa_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_that_was_held_5_s_is_made_again_at_once_another_after_the_servers_pause),
		T(a_lost_answer_is_asked_for_again_with_the_old_number_and_events_are_told_once),
		T(an_answer_that_does_not_come_is_given_up_after_90_s_and_asked_for_again),
		T(a_busy_server_is_asked_after_2_4_8_and_at_most_60_s_until_the_session_has_timed_out),
		T(throttling_and_answers_that_cannot_be_read_are_got_over),
		T(a_server_that_grants_no_pause_is_asked_no_more_than_20_times_in_a_second),
		T(a_pause_that_the_server_grants_is_kept_at_the_end_of_a_busy_second_too),
		T(activity_is_told_once_with_the_next_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
