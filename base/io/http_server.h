#ifndef BRAMBLE_BASE_IO_HTTP_SERVER_H
#define BRAMBLE_BASE_IO_HTTP_SERVER_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/io/loop.h"

/* An HTTP/1.1 server on our own connections: what it hands over are whole requests, which may be answered at once or much later.
 * Requests of one connection are answered in the order they came, whatever order the answers are made in. A peer that goes while
 * its request is held is noticed at once. What is malformed, too long or too slow is answered by the server itself where HTTP has a status
 * for it, and ends its own connection alone. */
struct tls;
struct http_server;
struct http_request;

/* Zero means the default in brackets. */
struct http_server_settings {
	const char *listen;             /* "127.0.0.1:8080"; port 0: the kernel picks */
	struct tls *tls;                /* NULL: clear */
	size_t max_head;                /* bytes of request line and headers [16384]: 431 */
	size_t max_body;                /* [65536]: 413 */
	uint32_t max_connections;       /* [20000]; at the bound accepting rests */
	uint32_t request_ms;            /* from the first byte of a request to its last, real time [10000]: 408 is not said, the connection ends */
	uint32_t idle_ms;               /* a connection without a request, real time [120000] */
};

typedef void http_handler_fn(void *ctx, struct http_request *request);

/* NULL with a sentence when it cannot listen. The handler becomes the owner of each request and must end it, now or later, by exactly
 * one of http_reply, http_drop and http_abort. */
struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings, http_handler_fn *handler, void *ctx,
	struct error *err);
/* Ends all connections; requests that are not answered yet become gone. */
void http_server_free(struct http_server **server);
const char *http_server_address(const struct http_server *server);      /* with the real port */
size_t http_server_connections(const struct http_server *server);
/* Nobody is accepted any more, what was answered leaves, and each connection ends, at most linger_ms later; then done is called once. */
void http_server_close(struct http_server *server, uint32_t linger_ms, loop_fn *done, void *arg);

/* --- a request: all texts live until it is ended ------------------------------------------------------------------------------ */

const char *http_request_method(const struct http_request *request);    /* "GET" */
const char *http_request_path(const struct http_request *request);      /* as it came, without the query */
const char *http_request_header(const struct http_request *request, const char *name);      /* the first; NULL if there is none */
struct bytes http_request_body(const struct http_request *request);
const char *http_request_peer(const struct http_request *request);      /* "127.0.0.1:40312"; "gone" */
/* A value of the query, decoded; names in any letter case, empty pairs are passed over. false if there is none. */
bool http_request_query(const struct http_request *request, const char *name, struct buf *out);
/* The same of a form in a body (application/x-www-form-urlencoded). */
bool http_form_value(struct bytes form, const char *name, struct buf *out);
/* fn is called once when the peer has gone before the answer; the request is still to be ended. NULL: nobody. */
void http_request_on_gone(struct http_request *request, loop_fn *fn, void *arg);

/* Something that belongs to the connection and lives as long as it, such as the state of an authentication; NULL until it is set. release
 * is called when the connection is over. When it has gone already, keep releases at once and returns false. */
void *http_request_kept(const struct http_request *request);
bool http_request_keep(struct http_request *request, void *data, void (*release)(void *data));

/* --- its answer ----------------------------------------------------------------------------------------------------------------- */

void http_reply_header(struct http_request *request, const char *name, const char *value);
/* For tests of the other side: the answer leaves in writes of so many bytes; after it we say that nothing more will come. */
void http_reply_split(struct http_request *request, size_t bytes);
void http_reply_last(struct http_request *request);
/* Sends and clears it. content_type NULL: none. A peer that has gone is no error. */
void http_reply(struct http_request **request, unsigned status, const char *content_type, struct bytes body);
/* It is never answered, nor anything after it on its connection. */
void http_drop(struct http_request **request);
/* Closes the connection without a word. */
void http_abort(struct http_request **request);

#endif
