/* One session on a Communicator Web Access server whose answers the test decides, on a clock moved by hand: how the session begins, asks for
 * events, gets over what goes wrong, and ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/http_server.h"
#include "base/log.h"
#include "base/memory.h"
#include "collab/cwa_channel.h"
#include "protocol/cwa/codes.h"
#include "tests/support/peers.h"

enum kind { IWA, FORMS, COMMAND, EVENTS, KINDS };

/* What the server says instead of what it usually says. */
struct plan {
	unsigned status;             /* 0: as usual; 1: hangs up; 2: waits (a command) */
	const char *body;            /* for a command: RID stands for its rid */
	unsigned times;
};

struct scene {
	struct loop *loop;
	struct http_server *server;
	struct http_client *client;
	struct cwa_channel *channel;
	char address[64];
	struct plan plan[KINDS];
	unsigned asked[KINDS];
	unsigned tickets;            /* handed out */
	unsigned sid;
	char last_ack[24], last_sid[24], last_ua[8], ticket[32];      /* of the last request for events; its ticket */
	struct buf commands;         /* the methods, each with a space */
	struct http_request *poll, *command;   /* held */
	struct buf told;             /* what the channel said, each with a space */
	unsigned over_code;
	char why[200];
	unsigned done, done_code;
	uint64_t done_conference;
	bool done_gone;
};

/* --- the server ------------------------------------------------------------------------------------------------------------------- */

static void reply(struct http_request **request, unsigned status, const char *body)
{
	http_reply(request, status, "text/xml; charset=utf-8", bytes_str(body));
}

static void serve_command(struct scene *s, struct http_request *request, const struct plan *plan)
{
	struct cwa_tree tree = { 0 };
	struct buf body = { 0 };
	const char *name, *rid;

	assert_int_equal(cwa_decode(CWA_XML, http_request_body(request), &tree, NULL), 0);
	assert_non_null(tree.root->first);
	name = cwa_is(tree.root->first, "conference") ? tree.root->first->first->element->name : tree.root->first->element->name;
	rid = cwa_attribute(tree.root->first, "rid");
	buf_printf(&s->commands, "%s ", name);
	if (plan) {
		const char *at = plan->body ? strstr(plan->body, "RID") : NULL;

		if (at)
			buf_printf(&body, "%.*s%s%s", (int)(at - plan->body), plan->body, rid, at + 3);
		else
			buf_text(&body, plan->body ? plan->body : "");
	} else if (strcmp(name, "initiateSession") == 0) {
		buf_printf(&body, "<cwaResponses><requestAccepted rid=\"%s\"><sid>%u</sid><uri>sip:alice@corp.test</uri><pollWaitTime>3000</pollWaitTime>"
			"</requestAccepted></cwaResponses>", rid, ++s->sid);
	} else {
		buf_printf(&body, "<cwaResponses><requestAccepted rid=\"%s\"/></cwaResponses>", rid);
	}
	reply(&request, plan ? plan->status : 200, buf_cstr(&body));
	buf_free(&body);
	cwa_tree_free(&tree);
}

static void keep_query(struct http_request *request, const char *name, char *into, size_t size)
{
	struct buf text = { 0 };

	http_request_query(request, name, &text);
	snprintf(into, size, "%s", buf_cstr(&text));
	buf_free(&text);
}

static void poll_gone(void *arg)
{
	struct scene *s = arg;

	http_drop(&s->poll);
}

static void serve_events(struct scene *s, struct http_request *request, const struct plan *plan)
{
	const char *ticket = http_request_header(request, "CWA-Ticket");

	keep_query(request, "AckID", s->last_ack, sizeof s->last_ack);
	keep_query(request, "Sid", s->last_sid, sizeof s->last_sid);
	keep_query(request, "UA", s->last_ua, sizeof s->last_ua);
	snprintf(s->ticket, sizeof s->ticket, "%s", ticket ? ticket : "");
	assert_null(s->poll);
	if (plan) {
		reply(&request, plan->status, plan->body ? plan->body : "");
		return;
	}
	s->poll = request;
	http_request_on_gone(request, poll_gone, s);
}

static void serve(void *ctx, struct http_request *request)
{
	struct scene *s = ctx;
	const char *path = http_request_path(request);
	enum kind kind = strstr(path, "/iwa/") ? IWA : strstr(path, "/forms/") ? FORMS : strstr(path, "Main") ? COMMAND : EVENTS;
	const struct plan *plan = s->plan[kind].times ? &s->plan[kind] : NULL;
	char ticket[32];

	s->asked[kind]++;
	if (plan)
		s->plan[kind].times--;
	if (plan && plan->status == 1) {
		http_abort(&request);
	} else if (plan && plan->status == 2) {
		s->command = request;
	} else if (kind == COMMAND) {
		serve_command(s, request, plan);
	} else if (kind == EVENTS) {
		serve_events(s, request, plan);
	} else if (plan) {
		reply(&request, plan->status, plan->body ? plan->body : "");
	} else if (kind == IWA) {
		reply(&request, 404, "");
	} else {
		snprintf(ticket, sizeof ticket, "ticket-%u", ++s->tickets);
		http_reply_header(request, "CWA-Ticket", ticket);
		reply(&request, 200, "<cwaResponses><requestSucceeded><uri>sip:alice@corp.test</uri><signInData>x</signInData></requestSucceeded></cwaResponses>");
	}
}

/* --- what the channel says ------------------------------------------------------------------------------------------------------------ */

static void connected(void *ctx, const struct cwa_signed_in *how)
{
	struct scene *s = ctx;

	buf_printf(&s->told, "connected-%s ", how->by);
}

static void step(void *ctx, const char *event, const char *text)
{
	(void)ctx;
	(void)event;
	assert_null(strstr(text, "secret"));
}

static void begun(void *ctx, const char *uri, bool first)
{
	struct scene *s = ctx;

	buf_printf(&s->told, "%s-%s ", first ? "begun" : "begun-again", uri);
}

static void ready(void *ctx)
{
	struct scene *s = ctx;

	buf_text(&s->told, "ready ");
}

static void event(void *ctx, const struct cwa_node *node)
{
	struct scene *s = ctx;

	buf_printf(&s->told, "%s-%s ", node->element->name, cwa_attribute(node, "eid"));
}

static void over(void *ctx, const struct cwa_refusal *why)
{
	struct scene *s = ctx;

	s->over_code = why->code;
	snprintf(s->why, sizeof s->why, "%s", why->text);
	cwa_channel_free(&s->channel);
}

static void finished(void *ctx)
{
	struct scene *s = ctx;

	buf_text(&s->told, "finished ");
	cwa_channel_free(&s->channel);
}

static const struct cwa_channel_callbacks callbacks = { .connected = connected, .step = step, .begun = begun, .ready = ready, .event = event,
	.over = over, .finished = finished };

static uint32_t online(void *ctx)
{
	(void)ctx;
	return CWA_ONLINE;
}

static void done(void *ctx, void *arg, const struct cwa_reply *reply_of)
{
	struct scene *s = ctx;

	(void)arg;
	s->done++;
	s->done_code = reply_of->refusal.code;
	s->done_gone = reply_of->session_gone;
	s->done_conference = reply_of->conference;
}

/* --- the scene --------------------------------------------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
	struct scene *s = memory_new(sizeof *s);
	struct error err = { "" };

	log_set_level(getenv("BENCH_LOG") ? LOG_DEBUG : LOG_ERROR);
	s->loop = loop_new();
	loop_clock_manual(s->loop, 1000000);
	s->server = http_server_new(s->loop, &(struct http_server_settings){ .listen = "127.0.0.1:0" }, serve, s, &err);
	if (!s->server)
		fail_msg("%s", err.text);
	snprintf(s->address, sizeof s->address, "%s", http_server_address(s->server));
	s->client = http_client_new(s->loop, NULL);
	s->sid = 40;
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	cwa_channel_free(&s->channel);
	http_client_free(&s->client);
	http_server_free(&s->server);
	if (s->poll)
		http_drop(&s->poll);
	if (s->command)
		http_drop(&s->command);
	loop_free(&s->loop);
	buf_free(&s->commands);
	buf_free(&s->told);
	free(s);
	return 0;
}

static void sign_in(struct scene *s)
{
	char base[80];

	snprintf(base, sizeof base, "http://%s", s->address);
	s->channel = cwa_channel_new(&(struct cwa_server){ .loop = s->loop, .http = s->client, .base = base, .format = CWA_XML, .domain = (char[]){ "CORP" } },
		bytes_str("alice"), bytes_str("alice-secret"), online, &callbacks, s);
}

static void settle(struct scene *s)
{
	for (unsigned quiet = 0; quiet < 4;)
		quiet = loop_round(s->loop, 5) ? 0 : quiet + 1;
}

static void pass(struct scene *s, uint64_t ms)
{
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + ms);
	settle(s);
}

static void clear(struct scene *s)
{
	buf_clear(&s->told);
	buf_clear(&s->commands);
	memset(s->asked, 0, sizeof s->asked);
}

/* A session with a request for events that waits. */
static void begin(struct scene *s)
{
	sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	settle(s);
	clear(s);
}

static void answer_events(struct scene *s, const char *body)
{
	RUN_UNTIL(s->loop, s->poll);
	http_request_on_gone(s->poll, NULL, NULL);
	reply(&s->poll, 200, body);
	settle(s);
}

#define EVENTS_OF(sid, ack, more) "<cwaEvents sid=\"" sid "\" ackId=\"" ack "\" pollWaitTime=\"1000\" sessionTimeout=\"594\">" more "</cwaEvents>"
#define EMPTY(sid, ack) EVENTS_OF(sid, ack, "")
#define ERROR(code) "<cwaResponses><error code=\"" code "\"/></cwaResponses>"
#define CONFIGURATION(eid) "<configuration eid=\"" eid "\"/>"

static bool send_command(struct scene *s, const char *method, bool wants_outcome)
{
	struct cwa_command *command = cwa_command_in(3, method);

	return cwa_channel_send(s->channel, &command, wants_outcome, done, NULL);
}

static const char *told(struct scene *s)
{
	return buf_cstr(&s->told);
}

/* --- the session --------------------------------------------------------------------------------------------------------------------------- */

static void it_signs_in_by_forms_when_windows_authentication_is_not_there_and_begins_a_session(void **state)
{
	struct scene *s = *state;

	sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(told(s), "connected-forms begun-sip:alice@corp.test ");
	assert_int_equal(s->asked[IWA], 1);
	assert_int_equal(s->asked[FORMS], 1);
	assert_string_equal(s->last_ack, "0");
	assert_string_equal(s->last_sid, "41");
	assert_string_equal(s->ticket, "ticket-1");
	answer_events(s, EVENTS_OF("41", "2", CONFIGURATION("1") "<requestSucceeded eid=\"2\" rid=\"1\"/>"));
	assert_string_equal(told(s), "connected-forms begun-sip:alice@corp.test configuration-1 requestSucceeded-2 ready ");
}

static void a_session_that_fails_before_it_is_whole_is_the_logins_answer(void **state)
{
	struct scene *s = *state;

	sign_in(s);
	RUN_UNTIL(s->loop, s->poll);
	http_request_on_gone(s->poll, NULL, NULL);
	reply(&s->poll, 200, EVENTS_OF("41", "1", "<requestFailed eid=\"1\" rid=\"1\"><error code=\"18203\"/></requestFailed>"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->over_code, IM_UNREACHABLE);
}

static void without_the_word_that_all_has_come_it_is_ready_5_s_after_the_contact_list(void **state)
{
	struct scene *s = *state;

	begin(s);
	answer_events(s, EVENTS_OF("41", "1", "<contactGroup eid=\"1\" fullList=\"true\"/>"));
	pass(s, 4999);
	assert_null(strstr(told(s), "ready"));
	pass(s, 1);
	assert_non_null(strstr(told(s), "ready"));
}

static void a_server_that_does_not_answer_about_the_user_ends_the_login_at_once(void **state)
{
	static const struct plan plans[] = { { 1, NULL, 9 }, { 503, NULL, 9 }, { 500, NULL, 9 } };
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
		s->plan[IWA] = plans[i];
		s->over_code = 0;
		sign_in(s);
		RUN_UNTIL(s->loop, !s->channel);
		assert_int_equal(s->over_code, IM_UNREACHABLE);
		assert_int_equal(s->asked[FORMS], 0);
	}
}

static void a_step_that_is_not_successful_is_followed_by_forms(void **state)
{
	static const unsigned statuses[] = { 200, 401, 403, 404, 405 };
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
		s->plan[IWA] = (struct plan){ statuses[i], NULL, 3 };
		sign_in(s);
		RUN_UNTIL(s->loop, s->poll);
		assert_int_equal(s->asked[FORMS], i + 1);
		cwa_channel_free(&s->channel);
		settle(s);
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
		{ ERROR("18100"), 200, IM_BACKEND_REFUSED },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		s->plan[COMMAND] = (struct plan){ rows[i].status, rows[i].body, 1 };
		s->over_code = 0;
		sign_in(s);
		RUN_UNTIL(s->loop, !s->channel);
		if (s->over_code != rows[i].code)
			fail_msg("row %zu: %u, not %u: %s", i, s->over_code, rows[i].code, s->why);
	}
}

/* --- events ---------------------------------------------------------------------------------------------------------------------------------- */

static void a_request_that_was_held_5_s_is_made_again_at_once_another_after_the_servers_pause(void **state)
{
	struct scene *s = *state;

	begin(s);
	pass(s, 5000);
	answer_events(s, EMPTY("41", "0"));
	assert_int_equal(s->asked[EVENTS], 1);
	pass(s, 4999);
	answer_events(s, EVENTS_OF("41", "1", CONFIGURATION("1")));
	assert_int_equal(s->asked[EVENTS], 1);
	pass(s, 999);
	assert_int_equal(s->asked[EVENTS], 1);
	pass(s, 1);
	assert_int_equal(s->asked[EVENTS], 2);
	assert_string_equal(s->last_ack, "1");
}

static void a_lost_answer_is_asked_for_again_with_the_old_number_and_events_are_told_once(void **state)
{
	struct scene *s = *state;

	begin(s);
	answer_events(s, EVENTS_OF("41", "2", CONFIGURATION("1") CONFIGURATION("2")));
	pass(s, 1000);
	http_request_on_gone(s->poll, NULL, NULL);
	http_abort(&s->poll);
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(s->last_ack, "2");
	answer_events(s, EVENTS_OF("41", "3", CONFIGURATION("1") CONFIGURATION("2") CONFIGURATION("3")));
	assert_string_equal(told(s), "configuration-1 configuration-2 configuration-3 ");
	pass(s, 1000);
	answer_events(s, EMPTY("41", "1"));
	pass(s, 1000);
	assert_string_equal(s->last_ack, "3");
}

static void an_answer_that_does_not_come_is_given_up_after_90_s_and_asked_for_again(void **state)
{
	struct scene *s = *state;

	begin(s);
	pass(s, 89999);
	assert_int_equal(s->asked[EVENTS], 0);
	pass(s, 1);
	RUN_UNTIL(s->loop, s->asked[EVENTS] == 1);
}

static void a_busy_server_is_asked_after_2_4_8_and_at_most_60_s_until_the_session_has_timed_out(void **state)
{
	static const unsigned waits[] = { 2, 4, 8, 16, 32, 60, 60, 60, 60 };
	struct scene *s = *state;

	begin(s);
	s->plan[EVENTS] = (struct plan){ 503, NULL, 1000 };
	pass(s, 5000);
	answer_events(s, EMPTY("41", "0"));
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		unsigned before = s->asked[EVENTS];

		pass(s, waits[i] * 1000 - 1);
		assert_int_equal(s->asked[EVENTS], before);
		pass(s, 1);
		assert_int_equal(s->asked[EVENTS], before + 1);
	}
	/* 302 s have passed of 600. */
	for (unsigned i = 0; i < 4; i++)
		pass(s, 60000);
	assert_non_null(s->channel);
	pass(s, 60000);
	assert_null(s->channel);
	assert_int_equal(s->over_code, IM_UNREACHABLE);
}

static void throttling_and_answers_that_cannot_be_read_are_got_over(void **state)
{
	static const char *const bodies[] = { ERROR("18101"), "<html>", "", EMPTY("99", "0"), EMPTY("41", "x"), EMPTY("41", "9223372036854775807"),
		EVENTS_OF("41", "1", "<configuration eid=\"9223372036854775807\"/>"), "<!DOCTYPE a [<!ENTITY b \"b\">]><cwaEvents ackId=\"1\"/>",
		"<cwaRequests/>" };
	struct scene *s = *state;

	begin(s);
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		answer_events(s, bodies[i]);
		pass(s, 2000);
		RUN_UNTIL(s->loop, s->poll);
		assert_string_equal(s->last_ack, "0");
		answer_events(s, EMPTY("41", "0"));
		pass(s, 1000);
	}
	assert_string_equal(told(s), "");
	answer_events(s, EVENTS_OF("41", "1", CONFIGURATION("1")));
	assert_string_equal(told(s), "configuration-1 ");
}

static void a_server_that_grants_no_pause_is_asked_no_more_than_20_times_in_a_second(void **state)
{
	struct scene *s = *state;
	uint64_t until_us;

	begin(s);
	s->plan[EVENTS] = (struct plan){ 200, "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"0\"/>", 100000 };
	answer_events(s, "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"0\"/>");
	until_us = loop_real_us() + 700000;
	while (loop_real_us() < until_us)
		loop_round(s->loop, 10);
	assert_in_range(s->asked[EVENTS], 10, 41);
}

static void a_pause_that_the_server_grants_is_kept_at_the_end_of_a_busy_second_too(void **state)
{
	static const char *body = "<cwaEvents sid=\"41\" ackId=\"0\" pollWaitTime=\"45\"/>";
	struct scene *s = *state;
	uint64_t began_us, until_us;

	begin(s);
	began_us = loop_real_us();
	for (int i = 0; i < 20; i++) {
		RUN_UNTIL(s->loop, s->poll);
		http_request_on_gone(s->poll, NULL, NULL);
		reply(&s->poll, 200, body);
		RUN_UNTIL(s->loop, loop_next_due_ms(s->loop) <= loop_now_ms(s->loop) + 45);
		loop_clock_advance(s->loop, loop_now_ms(s->loop) + 45);
	}
	RUN_UNTIL(s->loop, s->poll);
	while (loop_real_us() < began_us + 970000)
		loop_round(s->loop, 1);
	answer_events(s, body);
	until_us = loop_real_us() + 100000;
	while (loop_real_us() < until_us)
		loop_round(s->loop, 10);
	assert_int_equal(s->asked[EVENTS], 20);
	pass(s, 45);
	assert_int_equal(s->asked[EVENTS], 21);
}

static void activity_is_told_once_with_the_next_request(void **state)
{
	struct scene *s = *state;

	begin(s);
	assert_string_equal(s->last_ua, "false");
	cwa_channel_active(s->channel);
	answer_events(s, EMPTY("41", "0"));
	pass(s, 1000);
	assert_string_equal(s->last_ua, "true");
	answer_events(s, EMPTY("41", "0"));
	pass(s, 1000);
	assert_string_equal(s->last_ua, "false");
}

/* --- tickets and sessions that end ------------------------------------------------------------------------------------------------------------ */

static void the_ticket_of_each_answer_takes_the_place_of_the_last(void **state)
{
	struct scene *s = *state;

	begin(s);
	http_reply_header(s->poll, "CWA-Ticket", "from-the-data-channel");
	answer_events(s, EMPTY("41", "0"));
	pass(s, 1000);
	assert_string_equal(s->ticket, "from-the-data-channel");
}

static void an_expired_ticket_is_followed_by_another_sign_in_and_a_session_with_its_whole_state(void **state)
{
	struct scene *s = *state;

	begin(s);
	pass(s, 5000);
	s->plan[EVENTS] = (struct plan){ 401, NULL, 1 };
	answer_events(s, EMPTY("41", "0"));
	RUN_UNTIL(s->loop, s->poll);
	assert_string_equal(told(s), "connected-forms begun-again-sip:alice@corp.test ");
	assert_string_equal(s->ticket, "ticket-2");
	assert_string_equal(s->last_sid, "42");
	assert_string_equal(s->last_ack, "0");
}

static void the_second_ticket_that_is_refused_within_a_minute_ends_the_session(void **state)
{
	struct scene *s = *state;

	begin(s);
	pass(s, 5000);
	s->plan[EVENTS] = (struct plan){ 401, NULL, 9 };
	answer_events(s, EMPTY("41", "0"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->asked[FORMS], 1);
	assert_int_equal(s->over_code, IM_BACKEND_REFUSED);
}

static void a_session_that_the_server_has_forgotten_is_begun_again_with_the_same_ticket(void **state)
{
	static const char *const codes[] = { ERROR("18100"), ERROR("18400") };
	struct scene *s = *state;

	begin(s);
	for (size_t i = 0; i < 2; i++) {
		pass(s, i * 60000);
		answer_events(s, codes[i]);
		RUN_UNTIL(s->loop, s->poll);
	}
	assert_string_equal(s->last_sid, "43");
	assert_string_equal(s->ticket, "ticket-1");
	assert_string_equal(told(s), "begun-again-sip:alice@corp.test begun-again-sip:alice@corp.test ");
	assert_int_equal(s->asked[FORMS], 0);
	answer_events(s, ERROR("18100"));
	RUN_UNTIL(s->loop, !s->channel);
	assert_int_equal(s->over_code, IM_BACKEND_REFUSED);
}

static void a_server_that_is_away_for_a_while_is_found_again(void **state)
{
	struct scene *s = *state;
	struct error err = { "" };

	begin(s);
	pass(s, 60000);
	http_server_free(&s->server);
	settle(s);
	for (unsigned i = 0; i < 5; i++)
		pass(s, 60000);
	assert_non_null(s->channel);
	s->server = http_server_new(s->loop, &(struct http_server_settings){ .listen = s->address }, serve, s, &err);
	if (!s->server)
		fail_msg("%s", err.text);
	s->plan[EVENTS] = (struct plan){ 401, NULL, 1 };
	pass(s, 60000);
	RUN_UNTIL(s->loop, s->poll);
	assert_non_null(strstr(told(s), "begun-again"));
}

/* --- commands ------------------------------------------------------------------------------------------------------------------------------------ */

static void commands_leave_one_after_another_in_their_order(void **state)
{
	struct scene *s = *state;

	begin(s);
	assert_true(send_command(s, "acceptImSession", false));
	assert_true(send_command(s, "notifyComposing", false));
	assert_true(send_command(s, "terminateImSession", false));
	RUN_UNTIL(s->loop, s->done == 3);
	assert_string_equal(buf_cstr(&s->commands), "acceptImSession notifyComposing terminateImSession ");
}

static void an_outcome_is_what_the_event_says_and_after_30_s_of_silence_that_it_was_accepted(void **state)
{
	struct scene *s = *state;

	begin(s);
	send_command(s, "sendMessage", true);
	send_command(s, "sendMessage", true);
	send_command(s, "sendMessage", true);
	RUN_UNTIL(s->loop, s->asked[COMMAND] == 3);
	settle(s);
	assert_int_equal(s->done, 0);
	answer_events(s, EVENTS_OF("41", "1", "<conference eid=\"1\" confId=\"3\"><messageIdReceived rid=\"2\" messageId=\"5\"/></conference>"));
	assert_int_equal(s->done, 1);
	assert_int_equal(s->done_code, IM_OK);
	pass(s, 1000);
	answer_events(s, EVENTS_OF("41", "2", "<conference eid=\"2\" confId=\"3\"><messageSendFailed rid=\"3\"><error code=\"18201\"/>"
		"</messageSendFailed></conference>"));
	assert_int_equal(s->done, 2);
	assert_int_equal(s->done_code, IM_NOT_DELIVERED);
	pass(s, 29000);
	assert_int_equal(s->done, 3);
	assert_int_equal(s->done_code, IM_OK);
}

/* They come by another connection than the answer. */
static void the_number_of_a_conversation_is_known_although_events_of_it_were_faster_than_the_answer(void **state)
{
	struct scene *s = *state;

	begin(s);
	s->plan[COMMAND] = (struct plan){ 2, NULL, 1 };
	send_command(s, "initiateImSession", true);
	RUN_UNTIL(s->loop, s->command);
	answer_events(s, EVENTS_OF("41", "1", "<conference eid=\"1\" confId=\"7\"><messageIdReceived rid=\"2\" messageId=\"5\"/></conference>"));
	assert_int_equal(s->done, 0);
	reply(&s->command, 200, "<cwaResponses><initiateImSessionAccepted rid=\"2\" confId=\"7\"/></cwaResponses>");
	RUN_UNTIL(s->loop, s->done == 1);
	assert_int_equal(s->done_code, IM_OK);
	assert_int_equal(s->done_conference, 7);
}

static void what_was_for_somebody_and_failed_is_not_delivered_whatever_the_event_is_called(void **state)
{
	struct scene *s = *state;

	begin(s);
	send_command(s, "initiateImSession", true);
	RUN_UNTIL(s->loop, s->asked[COMMAND] == 1);
	settle(s);
	answer_events(s, EVENTS_OF("41", "1", "<requestFailed eid=\"1\" rid=\"2\"><error code=\"18201\"><sipResponse code=\"480\"/></error></requestFailed>"));
	assert_int_equal(s->done, 1);
	assert_int_equal(s->done_code, IM_NOT_DELIVERED);
}

static void a_command_whose_answer_is_lost_is_not_sent_again(void **state)
{
	struct scene *s = *state;

	begin(s);
	send_command(s, "acceptImSession", false);
	RUN_UNTIL(s->loop, s->done == 1);
	s->plan[COMMAND] = (struct plan){ 1, NULL, 1 };
	send_command(s, "sendMessage", false);
	RUN_UNTIL(s->loop, s->done == 2);
	assert_int_equal(s->done_code, IM_UNREACHABLE);
	send_command(s, "notifyComposing", false);
	RUN_UNTIL(s->loop, s->done == 3);
	assert_string_equal(buf_cstr(&s->commands), "acceptImSession notifyComposing ");
	assert_int_equal(s->asked[COMMAND], 3);
}

static void a_throttled_command_waits_and_keeps_its_place(void **state)
{
	struct scene *s = *state;

	begin(s);
	s->plan[COMMAND] = (struct plan){ 200, "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18101\"/></requestFailed></cwaResponses>", 2 };
	send_command(s, "sendMessage", false);
	send_command(s, "notifyComposing", false);
	settle(s);
	pass(s, 1999);
	assert_int_equal(s->asked[COMMAND], 1);
	pass(s, 1);
	pass(s, 3999);
	assert_int_equal(s->asked[COMMAND], 2);
	pass(s, 1);
	RUN_UNTIL(s->loop, s->done == 2);
	assert_string_equal(buf_cstr(&s->commands), "sendMessage sendMessage sendMessage notifyComposing ");
	assert_int_equal(s->done_code, IM_OK);
}

static void a_command_of_a_session_that_is_gone_is_told_so(void **state)
{
	struct scene *s = *state;

	begin(s);
	pass(s, 60000);
	s->plan[COMMAND] = (struct plan){ 200, "<cwaResponses><requestFailed rid=\"RID\"><error code=\"18100\"/></requestFailed></cwaResponses>", 1 };
	send_command(s, "sendMessage", false);
	RUN_UNTIL(s->loop, s->done == 1);
	assert_true(s->done_gone);
	RUN_UNTIL(s->loop, strcmp(s->last_sid, "42") == 0);
}

static void too_many_commands_are_refused(void **state)
{
	struct scene *s = *state;
	unsigned taken = 0;

	begin(s);
	while (taken < 100 && send_command(s, "notifyComposing", false))
		taken++;
	assert_int_equal(taken, 64);
	RUN_UNTIL(s->loop, s->done == 64);
	assert_true(send_command(s, "notifyComposing", false));
}

/* --- the end --------------------------------------------------------------------------------------------------------------------------------------- */

static void who_leaves_says_first_what_waits_to_be_said(void **state)
{
	struct scene *s = *state;

	begin(s);
	send_command(s, "sendMessage", false);
	cwa_channel_finish(s->channel);
	assert_false(send_command(s, "sendMessage", false));
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(buf_cstr(&s->commands), "sendMessage terminateSession ");
	assert_string_equal(told(s), "finished ");
}

static void who_leaves_a_silent_server_is_gone_after_2_s(void **state)
{
	struct scene *s = *state;
	uint64_t began_us = loop_real_us();

	begin(s);
	http_server_free(&s->server);
	cwa_channel_finish(s->channel);
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(told(s), "finished ");
	assert_in_range(loop_real_us() - began_us, 0, 5000000);
}

static void who_leaves_during_the_sign_in_is_gone(void **state)
{
	struct scene *s = *state;

	sign_in(s);
	cwa_channel_finish(s->channel);
	RUN_UNTIL(s->loop, !s->channel);
	assert_string_equal(told(s), "finished ");
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_signs_in_by_forms_when_windows_authentication_is_not_there_and_begins_a_session),
		T(a_session_that_fails_before_it_is_whole_is_the_logins_answer),
		T(without_the_word_that_all_has_come_it_is_ready_5_s_after_the_contact_list),
		T(a_server_that_does_not_answer_about_the_user_ends_the_login_at_once),
		T(a_step_that_is_not_successful_is_followed_by_forms),
		T(what_refuses_the_first_session_is_the_logins_answer),
		T(a_request_that_was_held_5_s_is_made_again_at_once_another_after_the_servers_pause),
		T(a_lost_answer_is_asked_for_again_with_the_old_number_and_events_are_told_once),
		T(an_answer_that_does_not_come_is_given_up_after_90_s_and_asked_for_again),
		T(a_busy_server_is_asked_after_2_4_8_and_at_most_60_s_until_the_session_has_timed_out),
		T(throttling_and_answers_that_cannot_be_read_are_got_over),
		T(a_server_that_grants_no_pause_is_asked_no_more_than_20_times_in_a_second),
		T(a_pause_that_the_server_grants_is_kept_at_the_end_of_a_busy_second_too),
		T(activity_is_told_once_with_the_next_request),
		T(the_ticket_of_each_answer_takes_the_place_of_the_last),
		T(an_expired_ticket_is_followed_by_another_sign_in_and_a_session_with_its_whole_state),
		T(the_second_ticket_that_is_refused_within_a_minute_ends_the_session),
		T(a_session_that_the_server_has_forgotten_is_begun_again_with_the_same_ticket),
		T(a_server_that_is_away_for_a_while_is_found_again),
		T(commands_leave_one_after_another_in_their_order),
		T(an_outcome_is_what_the_event_says_and_after_30_s_of_silence_that_it_was_accepted),
		T(the_number_of_a_conversation_is_known_although_events_of_it_were_faster_than_the_answer),
		T(what_was_for_somebody_and_failed_is_not_delivered_whatever_the_event_is_called),
		T(a_command_whose_answer_is_lost_is_not_sent_again),
		T(a_throttled_command_waits_and_keeps_its_place),
		T(a_command_of_a_session_that_is_gone_is_told_so),
		T(too_many_commands_are_refused),
		T(who_leaves_says_first_what_waits_to_be_said),
		T(who_leaves_a_silent_server_is_gone_after_2_s),
		T(who_leaves_during_the_sign_in_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
