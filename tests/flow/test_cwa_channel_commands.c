/* The commands of a session on a Communicator Web Access server: their order, their outcomes, and what becomes of those that get no answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/cwa_scene.h"

static void commands_leave_one_after_another_in_their_order(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	assert_true(cwa_scene_send(s, "acceptImSession", false));
	assert_true(cwa_scene_send(s, "notifyComposing", false));
	assert_true(cwa_scene_send(s, "terminateImSession", false));
	RUN_UNTIL(s->loop, s->done == 3);
	assert_string_equal(buf_cstr(&s->commands), "acceptImSession notifyComposing terminateImSession ");
}

static void an_outcome_is_what_the_event_says_and_after_30_s_of_silence_that_it_was_accepted(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_send(s, "sendMessage", true);
	cwa_scene_send(s, "sendMessage", true);
	cwa_scene_send(s, "sendMessage", true);
	RUN_UNTIL(s->loop, s->asked[CWA_ASKED_COMMAND] == 3);
	cwa_scene_settle(s);
	assert_int_equal(s->done, 0);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", "<conference eid=\"1\" confId=\"3\"><messageIdReceived rid=\"2\" messageId=\"5\"/></conference>"));
	assert_int_equal(s->done, 1);
	assert_int_equal(s->done_code, IM_OK);
	cwa_scene_pass(s, 1000);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "2", "<conference eid=\"2\" confId=\"3\"><messageSendFailed rid=\"3\"><error code=\"18201\"/>"
		"</messageSendFailed></conference>"));
	assert_int_equal(s->done, 2);
	assert_int_equal(s->done_code, IM_NOT_DELIVERED);
	cwa_scene_pass(s, 29000);
	assert_int_equal(s->done, 3);
	assert_int_equal(s->done_code, IM_OK);
}

/* They come by another connection than the answer. */
static void the_number_of_a_conversation_is_known_although_events_of_it_were_faster_than_the_answer(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	s->plan[CWA_ASKED_COMMAND] = (struct cwa_scene_plan){ 2, NULL, 1 };
	cwa_scene_send(s, "initiateImSession", true);
	RUN_UNTIL(s->loop, s->command);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", "<conference eid=\"1\" confId=\"7\"><messageIdReceived rid=\"2\" messageId=\"5\"/></conference>"));
	assert_int_equal(s->done, 0);
	cwa_scene_reply(&s->command, 200, "<cwaResponses><initiateImSessionAccepted rid=\"2\" confId=\"7\"/></cwaResponses>");
	RUN_UNTIL(s->loop, s->done == 1);
	assert_int_equal(s->done_code, IM_OK);
	assert_int_equal(s->done_conference, 7);
}

static void what_was_for_somebody_and_failed_is_not_delivered_whatever_the_event_is_called(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_send(s, "initiateImSession", true);
	RUN_UNTIL(s->loop, s->asked[CWA_ASKED_COMMAND] == 1);
	cwa_scene_settle(s);
	cwa_scene_answer_events(s, CWA_EVENTS_OF("41", "1", "<requestFailed eid=\"1\" rid=\"2\"><error code=\"18201\"><sipResponse code=\"480\"/></error></requestFailed>"));
	assert_int_equal(s->done, 1);
	assert_int_equal(s->done_code, IM_NOT_DELIVERED);
}

static void a_command_whose_answer_is_lost_is_not_sent_again(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_send(s, "acceptImSession", false);
	RUN_UNTIL(s->loop, s->done == 1);
	s->plan[CWA_ASKED_COMMAND] = (struct cwa_scene_plan){ 1, NULL, 1 };
	cwa_scene_send(s, "sendMessage", false);
	RUN_UNTIL(s->loop, s->done == 2);
	assert_int_equal(s->done_code, IM_UNREACHABLE);
	cwa_scene_send(s, "notifyComposing", false);
	RUN_UNTIL(s->loop, s->done == 3);
	assert_string_equal(buf_cstr(&s->commands), "acceptImSession notifyComposing ");
	assert_int_equal(s->asked[CWA_ASKED_COMMAND], 3);
}

static void a_throttled_command_waits_and_keeps_its_place(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	s->plan[CWA_ASKED_COMMAND] = (struct cwa_scene_plan){ 200, "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18101\"/></requestFailed></cwaResponses>", 2 };
	cwa_scene_send(s, "sendMessage", false);
	cwa_scene_send(s, "notifyComposing", false);
	cwa_scene_settle(s);
	cwa_scene_pass(s, 1999);
	assert_int_equal(s->asked[CWA_ASKED_COMMAND], 1);
	cwa_scene_pass(s, 1);
	cwa_scene_pass(s, 3999);
	assert_int_equal(s->asked[CWA_ASKED_COMMAND], 2);
	cwa_scene_pass(s, 1);
	RUN_UNTIL(s->loop, s->done == 2);
	assert_string_equal(buf_cstr(&s->commands), "sendMessage sendMessage sendMessage notifyComposing ");
	assert_int_equal(s->done_code, IM_OK);
}

static void a_command_of_a_session_that_is_gone_is_told_so(void **state)
{
	struct cwa_scene *s = *state;

	cwa_scene_begin(s);
	cwa_scene_pass(s, 60000);
	s->plan[CWA_ASKED_COMMAND] = (struct cwa_scene_plan){ 200, "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18100\"/></requestFailed></cwaResponses>", 1 };
	cwa_scene_send(s, "sendMessage", false);
	RUN_UNTIL(s->loop, s->done == 1);
	assert_true(s->done_gone);
	RUN_UNTIL(s->loop, strcmp(s->last_sid, "42") == 0);
}

static void too_many_commands_are_refused(void **state)
{
	struct cwa_scene *s = *state;
	unsigned taken = 0;

	cwa_scene_begin(s);
	while (taken < 100 && cwa_scene_send(s, "notifyComposing", false))
		taken++;
	assert_int_equal(taken, 64);
	RUN_UNTIL(s->loop, s->done == 64);
	assert_true(cwa_scene_send(s, "notifyComposing", false));
}

#define T(test) cmocka_unit_test_setup_teardown(test, cwa_scene_set_up, cwa_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(commands_leave_one_after_another_in_their_order),
		T(an_outcome_is_what_the_event_says_and_after_30_s_of_silence_that_it_was_accepted),
		T(the_number_of_a_conversation_is_known_although_events_of_it_were_faster_than_the_answer),
		T(what_was_for_somebody_and_failed_is_not_delivered_whatever_the_event_is_called),
		T(a_command_whose_answer_is_lost_is_not_sent_again),
		T(a_throttled_command_waits_and_keeps_its_place),
		T(a_command_of_a_session_that_is_gone_is_told_so),
		T(too_many_commands_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
