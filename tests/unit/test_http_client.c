/* The HTTP client on the loop: against our own server, and against peers that misbehave. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>

#include "base/io/connection.h"
#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "tests/support/peers.h"

struct bench {
	struct loop *loop;
	struct tls *server_tls, *tls;
	struct http_server *server;
	struct http_client *client;
	struct http_request *held[8];
	size_t held_count, served;
	char url[128], certificate[64], key[64], folder[40];
	struct listener *raw;            /* of a peer that says what it likes */
	struct connection *peer;
	const char *says;
};

struct heard {
	struct bench *b;
	struct http_line *line;
	unsigned count;
	enum http_outcome outcome;
	unsigned status, requests;
	char body[4096], ticket[64], why[256], tls_version[16], peer[64];
	const struct http_ask *next;     /* asked inside the answer */
	bool frees, empty_is_empty;
};

static void serve(void *ctx, struct http_request *request)
{
	struct bench *b = ctx;
	const char *path = http_request_path(request);
	struct buf out = { 0 };

	b->served++;
	if (strcmp(path, "/hold") == 0) {
		b->held[b->held_count++] = request;
		return;
	}
	if (strcmp(path, "/last") == 0)
		http_reply_last(request);
	if (strcmp(path, "/redirect") == 0) {
		http_reply_header(request, "Location", "/");
		http_reply(&request, 302, NULL, (struct bytes){ 0 });
		return;
	}
	if (strcmp(path, "/large") == 0)
		memset(buf_extend(&out, 10000), 'x', 10000);
	else
		buf_printf(&out, "%s %s %.*s", http_request_method(request), http_request_header(request, "X-Asked") ?
			http_request_header(request, "X-Asked") : "-", (int)http_request_body(request).len,
			(const char *)http_request_body(request).data);
	http_reply_header(request, "X-Empty", "");
	http_reply_header(request, "CWA-Ticket", "one");
	http_reply_header(request, "CWA-Ticket", "two");
	http_reply(&request, strcmp(path, "/refused") == 0 ? 403 : 200, "text/plain", buf_bytes(&out));
	buf_free(&out);
}

static void answered(void *ctx, const struct http_answer *answer)
{
	struct heard *h = ctx;
	const char *ticket = http_answer_header(answer, "cwa-ticket"), *empty = http_answer_header(answer, "X-Empty");

	h->count++;
	h->empty_is_empty = empty && !*empty;
	h->outcome = answer->outcome;
	h->status = answer->status;
	h->requests = answer->requests;
	snprintf(h->body, sizeof h->body, "%.*s", (int)answer->body.len, (const char *)answer->body.data);
	snprintf(h->ticket, sizeof h->ticket, "%s", ticket ? ticket : "");
	snprintf(h->why, sizeof h->why, "%s", answer->why);
	snprintf(h->peer, sizeof h->peer, "%s", answer->peer);
	snprintf(h->tls_version, sizeof h->tls_version, "%s", answer->tls_version);
	if (h->next) {
		const struct http_ask *next = h->next;

		h->next = NULL;
		http_line_ask(h->line, next, answered, h);
	}
	if (h->frees)
		http_line_free(&h->line);
}

/* --- the bench ------------------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	struct bench *b = memory_new(sizeof *b);

	log_set_level(LOG_ERROR);
	b->loop = loop_new();
	loop_clock_manual(b->loop, 1000000);
	strcpy(b->folder, "/tmp/bramble-http-XXXXXX");
	assert_non_null(mkdtemp(b->folder));
	snprintf(b->certificate, sizeof b->certificate, "%s/a.crt", b->folder);
	snprintf(b->key, sizeof b->key, "%s/a.key", b->folder);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;

	http_client_free(&b->client);
	http_server_free(&b->server);
	for (size_t i = 0; i < b->held_count; i++)
		http_drop(&b->held[i]);
	connection_free(&b->peer);
	listener_free(&b->raw);
	tls_free(&b->tls);
	tls_free(&b->server_tls);
	loop_free(&b->loop);
	unlink(b->certificate);
	unlink(b->key);
	rmdir(b->folder);
	free(b);
	return 0;
}

static void start(struct bench *b, struct tls *tls)
{
	struct error err = { "" };

	b->server = http_server_new(b->loop, &(struct http_server_settings){ .listen = "127.0.0.1:0", .tls = tls }, serve, b, &err);
	if (!b->server)
		fail_msg("%s", err.text);
	snprintf(b->url, sizeof b->url, "%s://%s", tls ? "https" : "http", http_server_address(b->server));
}

static void start_clear(struct bench *b)
{
	start(b, NULL);
	b->client = http_client_new(b->loop, NULL);
}

static void start_tls(struct bench *b, const char *names, const struct tls_settings *trust)
{
	struct error err = { "" };

	if (tls_make_self_signed(b->certificate, b->key, names, false, &err) != 0)
		fail_msg("%s", err.text);
	b->server_tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = b->certificate, .key_file = b->key }, &err);
	b->tls = tls_new(trust, &err);
	if (!b->server_tls || !b->tls)
		fail_msg("%s", err.text);
	start(b, b->server_tls);
	b->client = http_client_new(b->loop, b->tls);
}

static struct http_ask to(struct bench *b, const char *path)
{
	static char urls[8][200];
	static unsigned next;
	char *url = urls[next++ % 8];

	snprintf(url, sizeof urls[0], "%s%s", b->url, path);
	return (struct http_ask){ .method = "GET", .url = url };
}

static void ask(struct bench *b, struct heard *h, const struct http_ask *what)
{
	h->b = b;
	if (!h->line)
		h->line = http_line_new(b->client);
	http_line_ask(h->line, what, answered, h);
	assert_int_equal(h->count, 0);
}

static void hear(struct bench *b, struct heard *h, const struct http_ask *what)
{
	ask(b, h, what);
	RUN_UNTIL(b->loop, h->count);
}

/* --- a peer that says what it likes ------------------------------------------------------------------------------------------------- */

static ssize_t split_all(void *ctx, struct bytes in, struct error *err)
{
	(void)ctx;
	(void)err;
	return (ssize_t)in.len;
}

static void say(void *ctx, struct bytes message)
{
	struct bench *b = ctx;

	(void)message;
	if (b->says)
		connection_send(b->peer, bytes_str(b->says));
}

static void accepted(void *ctx, struct connection *c)
{
	static const struct connection_callbacks callbacks = { .split = split_all, .message = say };
	struct bench *b = ctx;

	connection_free(&b->peer);
	b->peer = c;
	connection_own(c, &callbacks, b);
}

static void start_raw(struct bench *b, const char *says)
{
	struct error err = { "" };

	b->says = says;
	b->raw = listener_new(b->loop, "127.0.0.1:0", NULL, NULL, 0, accepted, b, &err);
	assert_non_null(b->raw);
	snprintf(b->url, sizeof b->url, "http://%s", listener_address(b->raw));
	b->client = http_client_new(b->loop, NULL);
}

/* --- what is asked and answered ---------------------------------------------------------------------------------------------------- */

static void a_request_has_its_answer_with_status_headers_and_body(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask post;

	start_clear(b);
	post = to(b, "/any?x=1");
	post.method = "POST";
	post.body = bytes_str("said");
	post.headers[0] = (struct http_header){ "X-Asked", "kindly" };
	hear(b, &h, &post);
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
	struct bench *b = *state;
	struct heard refused = { 0 }, redirected = { 0 };
	struct http_ask one, other;

	start_clear(b);
	one = to(b, "/refused");
	other = to(b, "/redirect");
	hear(b, &refused, &one);
	hear(b, &redirected, &other);
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
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask first, second;

	start_clear(b);
	first = to(b, "/one");
	second = to(b, "/two");
	h.next = &second;
	ask(b, &h, &first);
	RUN_UNTIL(b->loop, h.count == 2);
	assert_int_equal(http_client_sockets(b->client), 1);
	assert_int_equal(http_server_connections(b->server), 1);
	http_line_free(&h.line);
}

static void a_line_may_be_freed_inside_its_answer(void **state)
{
	struct bench *b = *state;
	struct heard h = { .frees = true };
	struct http_ask first;

	start_clear(b);
	first = to(b, "/");
	hear(b, &h, &first);
	assert_null(h.line);
}

static void a_request_that_is_held_holds_up_nobody_else(void **state)
{
	struct bench *b = *state;
	struct heard held = { 0 }, other = { 0 };
	struct http_ask hold, any;

	start_clear(b);
	hold = to(b, "/hold");
	any = to(b, "/");
	ask(b, &held, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	for (unsigned i = 0; i < 20; i++) {
		other.count = 0;
		hear(b, &other, &any);
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
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask hold;

	start_clear(b);
	hold = to(b, "/hold");
	ask(b, &h, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	http_line_cancel(h.line);
	RUN_UNTIL(b->loop, http_server_connections(b->server) == 0);
	assert_int_equal(h.count, 0);
	assert_false(http_line_is_busy(h.line));
	http_line_free(&h.line);
}

/* What must not be done twice has one request, and a goodbye that came meanwhile must not cost it. */
static void end_between_requests(struct bench *b)
{
	struct heard h = { 0 };
	struct http_ask last = to(b, "/last"), post = to(b, "/");

	hear(b, &h, &last);
	assert_int_equal(h.status, 200);
	for (unsigned quiet = 0; quiet < 3;)
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	post.method = "POST";
	post.max_requests = 1;
	h.count = 0;
	hear(b, &h, &post);
	assert_string_equal(h.why, "");
	assert_int_equal(h.status, 200);
	http_line_free(&h.line);
}

static void a_connection_that_the_server_has_ended_meanwhile_is_not_used(void **state)
{
	struct bench *b = *state;

	start_clear(b);
	end_between_requests(b);
}

static void a_connection_that_the_server_has_ended_meanwhile_by_tls_is_not_used(void **state)
{
	struct bench *b = *state;

	start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	end_between_requests(b);
}

/* --- bounds ---------------------------------------------------------------------------------------------------------------------------- */

static void the_whole_time_of_a_request_runs_on_the_loops_clock(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask hold;

	start_clear(b);
	hold = to(b, "/hold");
	hold.total_ms = 90000;
	ask(b, &h, &hold);
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
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask large;

	start_clear(b);
	large = to(b, "/large");
	large.max_body = 9999;
	hear(b, &h, &large);
	assert_int_equal(h.outcome, HTTP_TOO_LARGE);
	assert_int_equal(h.status, 0);
	assert_string_equal(h.body, "");
	h.count = 0;
	large.max_body = 10000;
	hear(b, &h, &large);
	assert_int_equal(h.outcome, HTTP_ANSWERED);
	http_line_free(&h.line);
}

static void an_answer_that_drips_is_given_up_in_real_time(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx");
	any = to(b, "/");
	any.answer_ms = 100;
	hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TOO_LATE);
	http_line_free(&h.line);
}

static void a_body_that_does_not_say_its_length_is_given_up_at_the_bound(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, "HTTP/1.1 200 OK\r\n\r\n"
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
	any = to(b, "/");
	any.max_body = 99;
	hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TOO_LARGE);
	http_line_free(&h.line);
}

static void what_is_no_http_is_a_broken_answer(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, "220 mail.corp.test ESMTP\r\n");
	any = to(b, "/");
	hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

#define CHALLENGE "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: NTLM " \
	"TlRMTVNTUAACAAAACAAIADgAAAAFAomgASNFZ4mrze8AAAAAAAAAABwAHABAAAAAAAAAAAAAAABDAE8AUgBQAAIACABDAE8AUgBQ" \
	"AAEACABDAE8AUgBQAAAAAAA=\r\n\r\n"

static void an_answer_whose_head_is_cut_is_broken(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, "HTTP/1.1 401 Unauthorized\r\nWWW-Auth");
	any = to(b, "/");
	ask(b, &h, &any);
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
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask ntlm;

	start_raw(b, CHALLENGE);
	ntlm = to(b, "/");
	ntlm.auth = HTTP_AUTH_NTLM;
	ntlm.user = "CORP\\alice";
	ntlm.password = "alice-secret";
	ntlm.own_connection = true;
	hear(b, &h, &ntlm);
	assert_true(h.outcome == HTTP_TOO_MANY || (h.outcome == HTTP_ANSWERED && h.status == 401));
	assert_in_range(h.requests, 2, 3);
	assert_null(strstr(h.why, "secret"));
	http_line_free(&h.line);
}

static void an_authentication_may_be_allowed_no_more_than_one_request(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask ntlm;

	start_raw(b, CHALLENGE);
	ntlm = to(b, "/");
	ntlm.auth = HTTP_AUTH_NTLM;
	ntlm.user = "alice";
	ntlm.password = "x";
	ntlm.max_requests = 1;
	hear(b, &h, &ntlm);
	assert_int_equal(h.outcome, HTTP_TOO_MANY);
	assert_int_equal(h.requests, 1);
	http_line_free(&h.line);
}

/* --- who cannot be asked ----------------------------------------------------------------------------------------------------------------- */

static void nobody_there_is_not_connected_and_says_so_later(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_clear(b);
	any = to(b, "/");
	http_server_free(&b->server);
	hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_NOT_CONNECTED);
	assert_int_equal(h.requests, 0);
	http_line_free(&h.line);
}

static void a_peer_that_hangs_up_is_broken(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, NULL);
	any = to(b, "/");
	ask(b, &h, &any);
	RUN_UNTIL(b->loop, b->peer && connection_bytes_in(b->peer));
	connection_free(&b->peer);
	RUN_UNTIL(b->loop, h.count);
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

static void a_name_that_nobody_has_is_not_resolved(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };

	b->client = http_client_new(b->loop, NULL);
	hear(b, &h, &(struct http_ask){ .method = "GET", .url = "http://no..name/" });
	assert_int_equal(h.outcome, HTTP_NOT_RESOLVED);
	http_line_free(&h.line);
}

static void other_protocols_are_refused(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };

	b->client = http_client_new(b->loop, NULL);
	hear(b, &h, &(struct http_ask){ .method = "GET", .url = "file:///etc/passwd" });
	assert_int_equal(h.outcome, HTTP_BROKEN);
	http_line_free(&h.line);
}

/* --- clocks that are moved as one ---------------------------------------------------------------------------------------------------------- */

static uint64_t balance(struct bench *b)
{
	for (unsigned quiet = 0; quiet < 3;)
		quiet = loop_round(b->loop, 5) ? 0 : quiet + 1;
	loop_look(b->loop);
	return loop_work(b->loop).balance;
}

static void talk_and_weigh(struct bench *b)
{
	struct heard held = { 0 }, other = { 0 };
	struct http_ask hold = to(b, "/hold"), any = to(b, "/large"), alone = to(b, "/");

	alone.own_connection = true;
	assert_int_equal(balance(b), 0);
	ask(b, &held, &hold);
	RUN_UNTIL(b->loop, b->held_count == 1);
	assert_int_equal(balance(b), 0);
	hear(b, &other, &any);
	assert_int_equal(balance(b), 0);
	other.count = 0;
	hear(b, &other, &alone);
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
	struct bench *b = *state;

	start_clear(b);
	talk_and_weigh(b);
}

static void what_has_arrived_over_tls_is_not_either(void **state)
{
	struct bench *b = *state;

	start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	talk_and_weigh(b);
}

static void what_the_peer_has_not_read_is_under_way(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_raw(b, NULL);
	any = to(b, "/");
	ask(b, &h, &any);
	RUN_UNTIL(b->loop, b->peer);
	connection_pause(b->peer);
	assert_int_not_equal(balance(b), 0);
	connection_resume(b->peer);
	assert_int_equal(balance(b), 0);
	http_line_free(&h.line);
}

/* --- whom to trust ------------------------------------------------------------------------------------------------------------------------ */

static void a_certificate_that_the_trust_file_has_is_accepted(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_tls(b, "localhost 127.0.0.1", &(struct tls_settings){ .trust_any = true });
	tls_free(&b->tls);
	http_client_free(&b->client);
	b->tls = tls_new(&(struct tls_settings){ .ca_file = b->certificate }, NULL);
	b->client = http_client_new(b->loop, b->tls);
	any = to(b, "/");
	for (unsigned i = 0; i < 2; i++) {
		any.own_connection = true;
		h.count = 0;
		hear(b, &h, &any);
		assert_string_equal(h.why, "");
		assert_int_equal(h.status, 200);
		assert_string_equal(h.tls_version, "TLSv1.3");
	}
	http_line_free(&h.line);
}

static void a_certificate_with_another_name_or_that_nobody_trusts_gets_nothing(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;
	char other[64], other_key[64];

	start_tls(b, "elsewhere.test", &(struct tls_settings){ .trust_any = true });
	snprintf(other, sizeof other, "%s/b.crt", b->folder);
	snprintf(other_key, sizeof other_key, "%s/b.key", b->folder);
	assert_int_equal(tls_make_self_signed(other, other_key, "127.0.0.1", false, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		tls_free(&b->tls);
		http_client_free(&b->client);
		b->tls = tls_new(&(struct tls_settings){ .ca_file = i ? other : b->certificate }, NULL);
		b->client = http_client_new(b->loop, b->tls);
		any = to(b, "/");
		h.count = 0;
		hear(b, &h, &any);
		assert_int_equal(h.outcome, HTTP_TLS_FAILED);
		http_line_free(&h.line);
	}
	assert_int_equal(b->served, 0);
	unlink(other);
	unlink(other_key);
}

static void a_pinned_certificate_is_accepted_whatever_its_name_and_no_other(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;
	unsigned char digest[32];
	char pin[65];
	unsigned len = 0;
	FILE *in;
	X509 *certificate;

	start_tls(b, "elsewhere.test", &(struct tls_settings){ .trust_any = true });
	in = fopen(b->certificate, "r");
	certificate = PEM_read_X509(in, NULL, NULL, NULL);
	fclose(in);
	assert_int_equal(X509_digest(certificate, EVP_sha256(), digest, &len), 1);
	X509_free(certificate);
	for (unsigned i = 0; i < len; i++)
		snprintf(pin + (size_t)2 * i, 3, "%02x", digest[i]);
	for (unsigned good = 2; good-- > 0;) {
		tls_free(&b->tls);
		http_client_free(&b->client);
		b->tls = tls_new(&(struct tls_settings){ .pin_sha256 = pin }, NULL);
		b->client = http_client_new(b->loop, b->tls);
		any = to(b, "/");
		h.count = 0;
		hear(b, &h, &any);
		assert_int_equal(h.outcome, good ? HTTP_ANSWERED : HTTP_TLS_FAILED);
		http_line_free(&h.line);
		pin[0] = pin[0] == '0' ? '1' : '0';
	}
	assert_int_equal(b->served, 1);
}

static void without_trust_nothing_is_asked_over_tls(void **state)
{
	struct bench *b = *state;
	struct heard h = { 0 };
	struct http_ask any;

	start_tls(b, "127.0.0.1", &(struct tls_settings){ .trust_any = true });
	http_client_free(&b->client);
	b->client = http_client_new(b->loop, NULL);
	any = to(b, "/");
	hear(b, &h, &any);
	assert_int_equal(h.outcome, HTTP_TLS_FAILED);
	assert_string_equal(h.why, "it is not set whom to trust");
	http_line_free(&h.line);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_request_has_its_answer_with_status_headers_and_body),
		T(any_status_is_an_answer_and_a_redirect_is_not_followed),
		T(a_line_is_asked_again_inside_its_answer_and_goes_on_on_the_same_connection),
		T(a_line_may_be_freed_inside_its_answer),
		T(a_request_that_is_held_holds_up_nobody_else),
		T(what_is_given_up_is_not_answered_and_its_connection_ends),
		T(a_connection_that_the_server_has_ended_meanwhile_is_not_used),
		T(a_connection_that_the_server_has_ended_meanwhile_by_tls_is_not_used),
		T(the_whole_time_of_a_request_runs_on_the_loops_clock),
		T(an_answer_over_the_bound_is_given_up),
		T(an_answer_that_drips_is_given_up_in_real_time),
		T(a_body_that_does_not_say_its_length_is_given_up_at_the_bound),
		T(what_is_no_http_is_a_broken_answer),
		T(an_answer_whose_head_is_cut_is_broken),
		T(a_server_that_challenges_without_an_end_is_given_up),
		T(an_authentication_may_be_allowed_no_more_than_one_request),
		T(nobody_there_is_not_connected_and_says_so_later),
		T(a_peer_that_hangs_up_is_broken),
		T(a_name_that_nobody_has_is_not_resolved),
		T(other_protocols_are_refused),
		T(what_has_arrived_is_not_under_way_any_more),
		T(what_has_arrived_over_tls_is_not_either),
		T(what_the_peer_has_not_read_is_under_way),
		T(a_certificate_that_the_trust_file_has_is_accepted),
		T(a_certificate_with_another_name_or_that_nobody_trusts_gets_nothing),
		T(a_pinned_certificate_is_accepted_whatever_its_name_and_no_other),
		T(without_trust_nothing_is_asked_over_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
