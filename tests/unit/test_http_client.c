/* The HTTP client on the loop: what is asked and answered, who cannot be asked, and what is under way. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/http_bench.h"
#include "tests/support/peers.h"

/* --- what is asked and answered ---------------------------------------------------------------------------------------------------- */

static void a_request_has_its_answer_with_status_headers_and_body(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask post;

	http_bench_start_clear(b);
	post = http_bench_to(b, "/any?x=1");
	post.method = "POST";
	post.body = bytes_str("said");
	post.headers[0] = (struct http_header){ "X-Asked", "kindly" };
	http_bench_hear(b, &h, &post);
	assert_int_equal(h.outcome, HTTP_ANSWERED);
	assert_int_equal(h.status, 200);
	assert_string_equal(h.body, "POST kindly said");
	assert_string_equal(h.ticket, "two");
	assert_true(h.empty_is_empty);
	assert_string_equal(h.why, "");
	assert_string_equal(h.tls_version, "");
	assert_string_equal(h.peer, http_server_address(b->server));
	http_line_free(&h.line);
}

static void any_status_is_an_answer_and_a_redirect_is_not_followed(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard refused = { 0 }, redirected = { 0 };
	struct http_ask one, other;

	http_bench_start_clear(b);
	one = http_bench_to(b, "/refused");
	other = http_bench_to(b, "/redirect");
	http_bench_hear(b, &refused, &one);
	http_bench_hear(b, &redirected, &other);
	assert_int_equal(refused.outcome, HTTP_ANSWERED);
	assert_int_equal(refused.status, 403);
	assert_int_equal(redirected.outcome, HTTP_ANSWERED);
	assert_int_equal(redirected.status, 302);
	assert_int_equal(b->served, 2);
	http_line_free(&refused.line);
	http_line_free(&redirected.line);
}

static void a_line_is_asked_again_inside_its_answer_and_goes_on_on_the_same_connection(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask first, second;

	http_bench_start_clear(b);
	first = http_bench_to(b, "/one");
	second = http_bench_to(b, "/two");
	h.next = &second;
	http_bench_ask(b, &h, &first);
	RUN_UNTIL(b->loop, h.count == 2);
	assert_int_equal(http_client_sockets(b->client), 1);
	assert_int_equal(http_server_connections(b->server), 1);
	http_line_free(&h.line);
}

static void a_line_may_be_freed_inside_its_answer(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { .frees = true };
	struct http_ask first;

	http_bench_start_clear(b);
	first = http_bench_to(b, "/");
	http_bench_hear(b, &h, &first);
	assert_null(h.line);
}

static void a_request_that_is_held_holds_up_nobody_else(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard held = { 0 }, other = { 0 };
	struct http_ask hold, any;

	http_bench_start_clear(b);
	hold = http_bench_to(b, "/hold");
	any = http_bench_to(b, "/");
	http_bench_ask(b, &held, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	for (unsigned i = 0; i < 20; i++) {
		other.count = 0;
		http_bench_hear(b, &other, &any);
		assert_int_equal(other.status, 200);
	}
	assert_int_equal(held.count, 0);
	assert_int_equal(http_client_sockets(b->client), 2);
	http_reply(&b->held[0], 200, "text/plain", bytes_str("at last"));
	b->held_count = 0;
	RUN_UNTIL(b->loop, held.count);
	assert_string_equal(held.body, "at last");
	http_line_free(&held.line);
	http_line_free(&other.line);
}

static void what_is_given_up_is_not_answered_and_its_connection_ends(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask hold;

	http_bench_start_clear(b);
	hold = http_bench_to(b, "/hold");
	http_bench_ask(b, &h, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	http_line_cancel(h.line);
	RUN_UNTIL(b->loop, http_server_connections(b->server) == 0);
	assert_int_equal(h.count, 0);
	assert_false(http_line_is_busy(h.line));
	http_line_free(&h.line);
}

/* libcurl closes it by itself: a listener whose queue is full leaves it connecting. */
static void what_is_given_up_while_it_connects_leaves_nothing_behind(void **state)
{
	struct http_bench *b = *state;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int listening = socket(AF_INET, SOCK_STREAM, 0), fill[4];
	struct http_bench_heard h[3] = { { 0 } };
	struct http_ask any;

	assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listening, 0), 0);
	assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &len), 0);
	for (size_t i = 0; i < 4; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fill[i], (struct sockaddr *)&at, sizeof at);
	}
	b->client = http_client_new(b->loop, NULL);
	snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u", ntohs(at.sin_port));
	any = http_bench_to(b, "/");
	for (size_t i = 0; i < 3; i++)
		http_bench_ask(b, &h[i], &any);
	RUN_UNTIL(b->loop, http_client_sockets(b->client) == 3);
	for (size_t i = 0; i < 3; i++)
		http_line_free(&h[i].line);
	for (unsigned quiet = 0; quiet < 3;)
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	assert_int_equal(http_client_sockets(b->client), 0);
	for (size_t i = 0; i < 4; i++)
		close(fill[i]);
	close(listening);
}

/* What must not be done twice has one request, and a goodbye that came meanwhile must not cost it. */
static void end_between_requests(struct http_bench *b)
{
	struct http_bench_heard h = { 0 };
	struct http_ask last = http_bench_to(b, "/last"), post = http_bench_to(b, "/");

	http_bench_hear(b, &h, &last);
	assert_int_equal(h.status, 200);
	for (unsigned quiet = 0; quiet < 3;)
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	post.method = "POST";
	post.max_requests = 1;
	h.count = 0;
	http_bench_hear(b, &h, &post);
	assert_string_equal(h.why, "");
	assert_int_equal(h.status, 200);
	http_line_free(&h.line);
}

static void a_connection_that_the_server_has_ended_meanwhile_is_not_used(void **state)
{
	struct http_bench *b = *state;

	http_bench_start_clear(b);
	end_between_requests(b);
}

static void a_connection_that_the_server_has_ended_meanwhile_by_tls_is_not_used(void **state)
{
	struct http_bench *b = *state;

	http_bench_start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	end_between_requests(b);
}

/* --- who cannot be asked ----------------------------------------------------------------------------------------------------------------- */

static void nobody_there_is_not_connected_and_says_so_later(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_clear(b);
	any = http_bench_to(b, "/");
	http_server_free(&b->server);
	http_bench_hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_NOT_CONNECTED);
	assert_int_equal(h.requests, 0);
	http_line_free(&h.line);
}

static void a_peer_that_hangs_up_is_broken(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, NULL);
	any = http_bench_to(b, "/");
	http_bench_ask(b, &h, &any);
	RUN_UNTIL(b->loop, b->peer && connection_bytes_in(b->peer));
	connection_free(&b->peer);
	RUN_UNTIL(b->loop, h.count);
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

static void a_name_that_nobody_has_is_not_resolved(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };

	b->client = http_client_new(b->loop, NULL);
	http_bench_hear(b, &h, &(struct http_ask){ .method = "GET", .url = "http://no..name/" });
	assert_int_equal(h.outcome, HTTP_NOT_RESOLVED);
	http_line_free(&h.line);
}

static void other_protocols_are_refused(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };

	b->client = http_client_new(b->loop, NULL);
	http_bench_hear(b, &h, &(struct http_ask){ .method = "GET", .url = "file:///etc/passwd" });
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

/* --- clocks that are moved as one ---------------------------------------------------------------------------------------------------------- */

static uint64_t balance(struct http_bench *b)
{
	for (unsigned quiet = 0; quiet < 3;)
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	loop_look(b->loop);
	return loop_work(b->loop).balance;
}

static void talk_and_weigh(struct http_bench *b)
{
	struct http_bench_heard held = { 0 }, other = { 0 };
	struct http_ask hold = http_bench_to(b, "/hold"), any = http_bench_to(b, "/large"), alone = http_bench_to(b, "/");

	alone.own_connection = true;
	assert_int_equal(balance(b), 0);
	http_bench_ask(b, &held, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	assert_int_equal(balance(b), 0);
	http_bench_hear(b, &other, &any);
	assert_int_equal(balance(b), 0);
	other.count = 0;
	http_bench_hear(b, &other, &alone);
	assert_int_equal(balance(b), 0);
	http_reply(&b->held[0], 200, NULL, bytes_str("x"));
	b->held_count = 0;
	RUN_UNTIL(b->loop, held.count);
	assert_int_equal(balance(b), 0);
	assert_int_equal(http_client_sockets(b->client), 2);
	/* The server ends what is kept: nothing is under way then either. */
	http_server_free(&b->server);
	assert_int_equal(balance(b), 0);
	http_line_free(&held.line);
	http_line_free(&other.line);
}

static void what_has_arrived_is_not_under_way_any_more(void **state)
{
	struct http_bench *b = *state;

	http_bench_start_clear(b);
	talk_and_weigh(b);
}

static void what_has_arrived_over_tls_is_not_either(void **state)
{
	struct http_bench *b = *state;

	http_bench_start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	talk_and_weigh(b);
}

static void what_the_peer_has_not_read_is_under_way(void **state)
{
	struct http_bench *b = *state;
	struct http_bench_heard h = { 0 };
	struct http_ask any;

	http_bench_start_raw(b, NULL);
	any = http_bench_to(b, "/");
	http_bench_ask(b, &h, &any);
	RUN_UNTIL(b->loop, b->peer);
	connection_pause(b->peer);
	assert_int_not_equal(balance(b), 0);
	connection_resume(b->peer);
	assert_int_equal(balance(b), 0);
	http_line_free(&h.line);
}

#define T(test) cmocka_unit_test_setup_teardown(test, http_bench_set_up, http_bench_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_has_its_answer_with_status_headers_and_body),
		T(any_status_is_an_answer_and_a_redirect_is_not_followed),
		T(a_line_is_asked_again_inside_its_answer_and_goes_on_on_the_same_connection),
		T(a_line_may_be_freed_inside_its_answer),
		T(a_request_that_is_held_holds_up_nobody_else),
		T(what_is_given_up_is_not_answered_and_its_connection_ends),
		T(what_is_given_up_while_it_connects_leaves_nothing_behind),
		T(a_connection_that_the_server_has_ended_meanwhile_is_not_used),
		T(a_connection_that_the_server_has_ended_meanwhile_by_tls_is_not_used),
		T(nobody_there_is_not_connected_and_says_so_later),
		T(a_peer_that_hangs_up_is_broken),
		T(a_name_that_nobody_has_is_not_resolved),
		T(other_protocols_are_refused),
		T(what_has_arrived_is_not_under_way_any_more),
		T(what_has_arrived_over_tls_is_not_either),
		T(what_the_peer_has_not_read_is_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
