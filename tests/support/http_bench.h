#ifndef BRAMBLE_TESTS_SUPPORT_HTTP_BENCH_H
#define BRAMBLE_TESTS_SUPPORT_HTTP_BENCH_H

#include "base/io/connection.h"
#include "base/io/http_client.h"
#include "base/io/http_server.h"
#include "base/io/tls.h"

/* The HTTP client on a loop with a manual clock, against our own server, in clear or over TLS, or against a peer that misbehaves. */
struct http_bench {
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

/* What a line has heard: the last answer, and how many there were. */
struct http_bench_heard {
	struct http_line *line;
	unsigned count;
	enum http_outcome outcome;
	unsigned status, requests;
	char body[4096], ticket[64], why[256], tls_version[16], peer[64];
	const struct http_ask *next;     /* asked inside the answer */
	bool frees, empty_is_empty;
};

int http_bench_set_up(void **state);
int http_bench_tear_down(void **state);

/* A test begins with one of these, or makes its client itself. The server answers with what it was asked: method, X-Asked and body. It
 * keeps /hold in held, ends the connection after /last, and answers /redirect with 302, /refused with 403, /large with 10000 bytes. */
void http_bench_start_clear(struct http_bench *b);
void http_bench_start_tls(struct http_bench *b, const char *names, const struct tls_settings *trust);   /* names: in its certificate */
/* No server: a peer that says this whenever it hears something, or nothing (NULL). */
void http_bench_start_raw(struct http_bench *b, const char *says);

struct http_ask http_bench_to(struct http_bench *b, const char *path);   /* a GET; its URL lasts until the eighth after it */
/* On the line of h, which the first call makes and the test frees. Fails the test if h->count is not 0 still: no answer comes at once. */
void http_bench_ask(struct http_bench *b, struct http_bench_heard *h, const struct http_ask *what);
void http_bench_hear(struct http_bench *b, struct http_bench_heard *h, const struct http_ask *what);     /* awaits it, too */

#endif
