#ifndef BRAMBLE_BASE_IO_HTTP_CLIENT_H
#define BRAMBLE_BASE_IO_HTTP_CLIENT_H

#include "base/bytes.h"
#include "base/io/loop.h"

/* HTTP/1.1 requests by libcurl, driven by our loop: no thread of ours, and everybody's connections in one place. A client is made once
 * for a process; whoever asks something has a line, on which one request at a time is under way. A request that is stuck holds up its own
 * line alone.
 *
 * Redirects are not followed, only http and https are spoken, no proxy, cookie or .netrc is used. */
struct tls;
struct http_client;
struct http_line;

/* tls: whom to trust (tls.h), the caller's, lives as long as the client; NULL: https is refused. Before the first one no thread may have
 * been started that uses libcurl. */
struct http_client *http_client_new(struct loop *loop, struct tls *tls);
/* All lines must be gone: else bug(). */
void http_client_free(struct http_client **client);

enum http_auth { HTTP_AUTH_NONE, HTTP_AUTH_NTLM };

struct http_header {
	const char *name, *value;
};

#define HTTP_HEADERS_MAX 8

/* What is asked. All of it is copied; the copies of body and password are overwritten when the request is over (libcurl's own are not).
 * Zero means the default in brackets. */
struct http_ask {
	const char *method;              /* GET or POST */
	const char *url;
	struct http_header headers[HTTP_HEADERS_MAX];      /* end with a NULL name */
	struct bytes body;
	enum http_auth auth;
	const char *user, *password;     /* with an auth */
	bool own_connection;             /* one that nobody used and nobody will: for what vouches for its connection */
	/* On the wire: of an authentication's handshake, or because a kept connection turned out to have ended before the answer, of which nobody
	 * knows whether the request was heard. 1 for what must not be done twice [3]. */
	unsigned max_requests;
	size_t max_body;                 /* of the answer [65536]; with chunks, their extensions and trailers twice that and 64 KiB */
	uint32_t connect_ms;             /* name, connection and TLS, real time [10000] */
	uint32_t answer_ms;              /* from the answer's first byte to its last, real time [10000] */
	uint32_t total_ms;               /* all of it, on the loop's clock [30000] */
};

enum http_outcome {
	HTTP_ANSWERED,                   /* whatever the status is */
	HTTP_NOT_RESOLVED,
	HTTP_NOT_CONNECTED,
	HTTP_TLS_FAILED,                 /* the handshake or the certificate */
	HTTP_TOO_LATE,                   /* total_ms or answer_ms */
	HTTP_TOO_LARGE,
	HTTP_TOO_MANY,                   /* max_requests were not enough for the handshake */
	HTTP_BROKEN,                     /* the connection ended, or what came is no HTTP */
};
const char *http_outcome_name(enum http_outcome outcome);      /* "not-connected" */

struct http_answer {
	enum http_outcome outcome;
	unsigned status;                 /* 0 unless HTTP_ANSWERED */
	struct bytes body;
	const char *why;                 /* a sentence without secrets; "" when answered */
	const char *peer, *local;        /* "127.0.0.1:443"; "" when there was no connection */
	const char *tls_version;         /* "TLSv1.3", or "" */
	unsigned requests;               /* that left for it */
	uint64_t took_ms;                /* on the loop's clock */
	void *headers;                   /* private */
};

/* The last one's value, without white space around it; NULL if there is none, or the request was not answered. */
const char *http_answer_header(const struct http_answer *answer, const char *name);

/* The answer lives until this returns. The line may be asked again or freed inside. */
typedef void http_answered_fn(void *ctx, const struct http_answer *answer);

struct http_line *http_line_new(struct http_client *client);
/* Never answers inside. A line that is busy must not be asked: bug(). */
void http_line_ask(struct http_line *line, const struct http_ask *ask, http_answered_fn *answered, void *ctx);
bool http_line_is_busy(const struct http_line *line);
/* What is under way is given up; its connection ends, and nothing is called. */
void http_line_cancel(struct http_line *line);
void http_line_free(struct http_line **line);      /* cancels; NULL inside is fine */

/* How many sockets are open, those that wait to be used again included. */
unsigned http_client_sockets(const struct http_client *client);

#endif
