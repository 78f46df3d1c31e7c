/* Answers over HTTP that are not taken: too late, too large, after too many requests, or none at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_bench.h"
#include "tests/support/peers.h"

static void the_whole_time_of_a_request_runs_on_the_loops_clock(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask hold;

	http_bench_start_clear(b);
	hold = http_bench_to(b, "/hold");
	hold.total_ms = 90000;
	http_bench_ask(b, &h, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + 89999);
	assert_int_equal(h.count, 0);
	loop_clock_advance(b->loop, loop_now_ms(b->loop) + 1);
	assert_int_equal(h.count, 1);
	assert_int_equal(h.outcome, HTTP_TOO_LATE);
	assert_string_equal(h.why, "the server did not answer in time");
	http_line_free(&h.line);
}

static void an_answer_over_the_bound_is_given_up(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask large;

	http_bench_start_clear(b);
	large = http_bench_to(b, "/large");
	large.max_body = 9999;
	http_bench_hear(b, &h, &large);
	assert_int_equal(h.outcome, HTTP_TOO_LARGE);
	assert_int_equal(h.status, 0);
	assert_string_equal(h.body, "");
	h.count = 0;
	large.max_body = 10000;
	http_bench_hear(b, &h, &large);
	assert_int_equal(h.outcome, HTTP_ANSWERED);
	http_line_free(&h.line);
}

static void an_answer_that_drips_is_given_up_in_real_time(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
	any = http_bench_to(b, "/");
	any.answer_ms = 100;
	http_bench_hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TOO_LATE);
	http_line_free(&h.line);
}

static void a_body_that_does_not_say_its_length_is_given_up_at_the_bound(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, "HTTP/1.1 200 OK\r\n\r\n"
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
	any = http_bench_to(b, "/");
	any.max_body = 99;
	http_bench_hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TOO_LARGE);
	http_line_free(&h.line);
}

static void what_is_no_http_is_a_broken_answer(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, "220 mail.corp.test ESMTP\r\n");
	any = http_bench_to(b, "/");
	http_bench_hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

#define CHALLENGE "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM " \
	"TlRMTVNTUAACAAAACAAIADgAAAAFAomgASNFZ4mrze8AAAAAAAAAABwAHABAAAAAAAAAAAAAAABDAE8AUgBQAAIACABDAE8AUgBQ" \
	"AAEACABDAE8AUgBQAAAAAAA=\r\n\r\n"

static void an_answer_whose_head_is_cut_is_broken(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, "HTTP/1.1 401 Unauthorized\r\nWWW-Auth");
	any = http_bench_to(b, "/");
	http_bench_ask(b, &h, &any);
	RUN_UNTIL(b->loop, b->peer && connection_bytes_out(b->peer));
	connection_finish(b->peer, 1000);
	RUN_UNTIL(b->loop, h.count);
	assert_int_equal(h.outcome, HTTP_BROKEN);
	assert_int_equal(h.status, 0);
	http_line_free(&h.line);
}

/* A challenge that never ends: two requests are a handshake, a third would begin another. */
static void a_server_that_challenges_without_an_end_is_given_up(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask ntlm;

	http_bench_start_raw(b, CHALLENGE);
	ntlm = http_bench_to(b, "/");
	ntlm.auth = HTTP_AUTH_NTLM;
	ntlm.user = "CORP\\alice";
	ntlm.password = "alice-secret";
	ntlm.own_connection = true;
	http_bench_hear(b, &h, &ntlm);
	assert_true(h.outcome == HTTP_TOO_MANY || (h.outcome == HTTP_ANSWERED && h.status == 401));
	assert_in_range(h.requests, 2, 3);
	assert_null(strstr(h.why, "secret"));
	http_line_free(&h.line);
}

static void an_authentication_may_be_allowed_no_more_than_one_request(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask ntlm;

	http_bench_start_raw(b, CHALLENGE);
	ntlm = http_bench_to(b, "/");
	ntlm.auth = HTTP_AUTH_NTLM;
	ntlm.user = "alice";
	ntlm.password = "x";
	ntlm.max_requests = 1;
	http_bench_hear(b, &h, &ntlm);
	assert_int_equal(h.outcome, HTTP_TOO_MANY);
	assert_int_equal(h.requests, 1);
	http_line_free(&h.line);
}

#define T(test) cmocka_unit_test_setup_teardown(test, http_bench_set_up, http_bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_whole_time_of_a_request_runs_on_the_loops_clock),
		T(an_answer_over_the_bound_is_given_up),
		T(an_answer_that_drips_is_given_up_in_real_time),
		T(a_body_that_does_not_say_its_length_is_given_up_at_the_bound),
		T(what_is_no_http_is_a_broken_answer),
		T(an_answer_whose_head_is_cut_is_broken),
		T(a_server_that_challenges_without_an_end_is_given_up),
		T(an_authentication_may_be_allowed_no_more_than_one_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
