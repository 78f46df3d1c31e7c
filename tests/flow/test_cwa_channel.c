/* How a session on a Communicator Web Access server begins, gets over what goes wrong with its ticket or the server, and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cwa_scene.h"

/* --- the session --------------------------------------------------------------------------------------------------------------------------- */

static void it_signs_in_by_forms_when_windows_authentication_is_not_there_and_begins_a_session(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(cwa_scene_told(s), "connected-forms begun-sip:alice@corp.test ");
	assert_int_equal(s->asked[CWA_ASKED_IWA], 1);
	assert_int_equal(s->asked[CWA_ASKED_FORMS], 1);
	assert_string_equal(s->last_ack, "0");
	assert_string_equal(s->last_sid, "41");
	assert_string_equal(s->ticket, "ticket-1");
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "2", CWA_CONFIGURATION("1") "<requestSucceeded eid=\"2\" rid=\"1\"/>"));
	assert_string_equal(cwa_scene_told(s), "connected-forms begun-sip:alice@corp.test configuration-1 requestSucceeded-2 ready ");
}

static void a_session_that_fails_before_it_is_whole_is_the_logins_answer(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	http_request_on_gone(s->poll, NULL, NULL);
	cwa_scene_reply(&s->poll, 200, CWA_EVENTS_OF("41", "1", "<requestFailed eid=\"1\" rid=\"1\"><error code=\"18203\"/></requestFailed>"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->over_code, IM_UNREACHABLE);
}

static void without_the_word_that_all_has_come_it_is_ready_5_s_after_the_contact_list(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", "<contactGroup eid=\"1\" fullList=\"true\"/>"));
	cwa_scene_pass(s, 4999);
	assert_null(strstr(cwa_scene_told(s), "ready"));
	cwa_scene_pass(s, 1);
	assert_non_null(strstr(cwa_scene_told(s), "ready"));
}

static void a_server_that_does_not_answer_about_the_user_ends_the_login_at_once(void **state)
{
	static const struct cwa_scene_plan plans[] = { { 1, NULL, 9 }, { 503, NULL, 9 }, { 500, NULL, 9 } };
	struct cwa_scene *s = *state;

	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		s->plan[CWA_ASKED_IWA] = plans[i];
		s->over_code = 0;
		cwa_scene_sign_in(s);
		RUN_UNTIL(s->loop, !s->channel);
		assert_int_equal(s->over_code, IM_UNREACHABLE);
		assert_int_equal(s->asked[CWA_ASKED_FORMS], 0);
	}
}

static void a_step_that_is_not_successful_is_followed_by_forms(void **state)
{
	static const unsigned statuses[] = { 200, 401, 403, 404, 405 };
	struct cwa_scene *s = *state;

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		s->plan[CWA_ASKED_IWA] = (struct cwa_scene_plan){ statuses[i], NULL, 3 };
		cwa_scene_sign_in(s);
		RUN_UNTIL(s->loop, s->poll);
		assert_int_equal(s->asked[CWA_ASKED_FORMS], i + 1);
		cwa_channel_free(&s->channel);
		cwa_scene_settle(s);
	}
}

static void what_refuses_the_first_session_is_the_logins_answer(void **state)
{
	static const struct { const char *body; unsigned status, code; } rows[] = {
		{ "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18101\"/></requestFailed></cwaResponses>", 200, IM_FAILED_CAPACITY },
		{ "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18201\"><sipResponse code=\"403\"/></error></requestFailed></cwaResponses>", 200,
		  IM_BACKEND_REFUSED },
		{ "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18203\"/></requestFailed></cwaResponses>", 200, IM_UNREACHABLE },
		{ "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18301\"/></requestFailed></cwaResponses>", 200, IM_UNREACHABLE },
		{ "<cwaResponses><requestAccepted rid=\"RID\"/></cwaResponses>", 200, IM_BACKEND_REFUSED },
		{ "<html>", 200, IM_BACKEND_REFUSED },
		{ "", 503, IM_UNREACHABLE },
		{ "", 404, IM_BACKEND_REFUSED },
		{ CWA_ERROR("18100"), 200, IM_BACKEND_REFUSED },
	};
	struct cwa_scene *s = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		s->plan[CWA_ASKED_COMMAND] = (struct cwa_scene_plan){ rows[i].status, rows[i].body, 1 };
		s->over_code = 0;
		cwa_scene_sign_in(s);
		RUN_UNTIL(s->loop, !s->channel);
		if (s->over_code != rows[i].code)
			fail_msg("row %zu: %u, not %u: %s", i, s->over_code, rows[i].code, s->why);
	}
}

/* --- tickets and sessions that end ------------------------------------------------------------------------------------------------------------ */

static void the_ticket_of_each_answer_takes_the_place_of_the_last(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	http_reply_header(s->poll, "CWA-Ticket", "from-the-data-channel");
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	cwa_scene_pass(s, 1000);
	assert_string_equal(s->ticket, "from-the-data-channel");
}

static void an_expired_ticket_is_followed_by_another_sign_in_and_a_session_with_its_whole_state(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_pass(s, 5000);
	s->plan[CWA_ASKED_EVENTS] = (struct cwa_scene_plan){ 401, NULL, 1 };
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(cwa_scene_told(s), "connected-forms begun-again-sip:alice@corp.test ");
	assert_string_equal(s->ticket, "ticket-2");
	assert_string_equal(s->last_sid, "42");
	assert_string_equal(s->last_ack, "0");
}

static void the_second_ticket_that_is_refused_within_a_minute_ends_the_session(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_pass(s, 5000);
	s->plan[CWA_ASKED_EVENTS] = (struct cwa_scene_plan){ 401, NULL, 9 };
	cwa_scene_answer_events(s, CWA_EMPTY("41", "0"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->asked[CWA_ASKED_FORMS], 1);
	assert_int_equal(s->over_code, IM_BACKEND_REFUSED);
}

static void a_session_that_the_server_has_forgotten_is_begun_again_with_the_same_ticket(void **state)
{
	static const char *const codes[] = { CWA_ERROR("18100"), CWA_ERROR("18400") };
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	for (size_t i = 0; i < 2; i++) {
		cwa_scene_pass(s, i * 60000);
		cwa_scene_answer_events(s, codes[i]);
		RUN_UNTIL(s->loop, s->poll);
	}
	assert_string_equal(s->last_sid, "43");
	assert_string_equal(s->ticket, "ticket-1");
	assert_string_equal(cwa_scene_told(s), "begun-again-sip:alice@corp.test begun-again-sip:alice@corp.test ");
	assert_int_equal(s->asked[CWA_ASKED_FORMS], 0);
	cwa_scene_answer_events(s, CWA_ERROR("18100"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->over_code, IM_BACKEND_REFUSED);
}

static void a_server_that_is_away_for_a_while_is_found_again(void **state)
{
	struct cwa_scene *s = *state;
	struct error err = { "" };

	cwa_scene_begin(s);
	cwa_scene_pass(s, 60000);
	http_server_free(&s->server);
	cwa_scene_settle(s);
	for (unsigned i = 0; i < 5; i++)
		cwa_scene_pass(s, 60000);
	assert_non_null(s->channel);
	s->server = http_server_new(s->loop, &(struct http_server_settings){ .listen = s->address }, cwa_scene_serve, s, &err);
	if (!s->server)
		fail_msg("%s", err.text);
	s->plan[CWA_ASKED_EVENTS] = (struct cwa_scene_plan){ 401, NULL, 1 };
	cwa_scene_pass(s, 60000);
	RUN_UNTIL(s->loop, s->poll);
	assert_non_null(strstr(cwa_scene_told(s), "begun-again"));
}

/* --- the end --------------------------------------------------------------------------------------------------------------------------------------- */

static void who_leaves_says_first_what_waits_to_be_said(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_send(s, "sendMessage", false);
	cwa_channel_finish(s->channel);
	assert_false(cwa_scene_send(s, "sendMessage", false));
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(buf_cstr(&s->commands), "sendMessage terminateSession ");
	assert_string_equal(cwa_scene_told(s), "finished ");
}

static void who_leaves_a_silent_server_is_gone_after_2_s(void **state)
{
	struct cwa_scene *s = *state;
	uint64_t began_us = loop_real_us();

	cwa_scene_begin(s);
	http_server_free(&s->server);
	cwa_channel_finish(s->channel);
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(cwa_scene_told(s), "finished ");
	assert_in_range(loop_real_us() - began_us, 0, 5000000);
}

static void who_leaves_during_the_sign_in_is_gone(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_sign_in(s);
	cwa_channel_finish(s->channel);
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(cwa_scene_told(s), "finished ");
}

#define T(test) cmocka_unit_test_setup_teardown(test, cwa_scene_set_up, cwa_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_signs_in_by_forms_when_windows_authentication_is_not_there_and_begins_a_session),
		T(a_session_that_fails_before_it_is_whole_is_the_logins_answer),
		T(without_the_word_that_all_has_come_it_is_ready_5_s_after_the_contact_list),
		T(a_server_that_does_not_answer_about_the_user_ends_the_login_at_once),
		T(a_step_that_is_not_successful_is_followed_by_forms),
		T(what_refuses_the_first_session_is_the_logins_answer),
		T(the_ticket_of_each_answer_takes_the_place_of_the_last),
		T(an_expired_ticket_is_followed_by_another_sign_in_and_a_session_with_its_whole_state),
		T(the_second_ticket_that_is_refused_within_a_minute_ends_the_session),
		T(a_session_that_the_server_has_forgotten_is_begun_again_with_the_same_ticket),
		T(a_server_that_is_away_for_a_while_is_found_again),
		T(who_leaves_says_first_what_waits_to_be_said),
		T(who_leaves_a_silent_server_is_gone_after_2_s),
		T(who_leaves_during_the_sign_in_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
