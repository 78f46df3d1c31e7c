#include "tests/support/http_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/peers.h"

static void serve(void *ctx, struct http_request *request)
{
	struct http_bench *b = ctx;
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
	struct http_bench_heard *h = ctx;
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

int http_bench_set_up(void **state)
{
	struct http_bench *b = memory_new(sizeof *b);

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

int http_bench_tear_down(void **state)
{
	struct http_bench *b = *state;

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

static void start(struct http_bench *b, struct tls *tls)
{
	struct error err = { "" };

	b->server = http_server_new(b->loop, &(struct http_server_settings){ .listen = "127.0.0.1:0", .tls = tls }, serve, b, &err);
	if (!b->server)
		fail_msg("%s", err.text);
	snprintf(b->url, sizeof b->url, "%s://%s", tls ? "https" : "http", http_server_address(b->server));
}

void http_bench_start_clear(struct http_bench *b)
{
	start(b, NULL);
	b->client = http_client_new(b->loop, NULL);
}

void http_bench_start_tls(struct http_bench *b, const char *names, const struct tls_settings *trust)
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

struct http_ask http_bench_to(struct http_bench *b, const char *path)
{
	static char urls[8][200];
	static unsigned next;
	char *url = urls[next++ % 8];

	snprintf(url, sizeof urls[0], "%s%s", b->url, path);
	return (struct http_ask){ .method = "GET", .url = url };
}

void http_bench_ask(struct http_bench *b, struct http_bench_heard *h, const struct http_ask *what)
{
	if (!h->line)
		h->line = http_line_new(b->client);
	http_line_ask(h->line, what, answered, h);
	assert_int_equal(h->count, 0);
}

void http_bench_hear(struct http_bench *b, struct http_bench_heard *h, const struct http_ask *what)
{
	http_bench_ask(b, h, what);
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
	struct http_bench *b = ctx;

	(void)message;
	if (b->says)
		connection_send(b->peer, bytes_str(b->says));
}

static void accepted(void *ctx, struct connection *c)
{
	static const struct connection_callbacks callbacks = { .split = split_all, .message = say };
	struct http_bench *b = ctx;

	connection_free(&b->peer);
	b->peer = c;
	connection_own(c, &callbacks, b);
}

void http_bench_start_raw(struct http_bench *b, const char *says)
{
	struct error err = { "" };

	b->says = says;
	b->raw = listener_new(b->loop, "127.0.0.1:0", NULL, NULL, 0, accepted, b, &err);
	assert_non_null(b->raw);
	snprintf(b->url, sizeof b->url, "http://%s", listener_address(b->raw));
	b->client = http_client_new(b->loop, NULL);
}
