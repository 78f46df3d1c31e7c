#ifndef BRAMBLE_BASE_IO_HTTP_PRIVATE_H
#define BRAMBLE_BASE_IO_HTTP_PRIVATE_H

#include <http_parser.h>

#include "base/io/connection.h"
#include "base/io/http_server.h"

/* What http_server.c and http_request.c share. */

struct http_header {
	struct buf name, value;
};

struct http_request {
	struct http_request *prev, *next;
	struct http_peer *peer;              /* NULL: gone */
	struct buf url, path, query, body;
	struct http_header *headers;
	size_t header_count;
	const char *method;
	bool is_head, keep_alive, old;  /* old: HTTP/1.0 */
	loop_fn *gone;
	void *gone_arg;

	struct buf reply_head;          /* headers of the handler's */
	struct buf reply;               /* whole, once it is answered */
	size_t split;
	bool answered, dropped, last;
};

/* One connection. */
struct http_peer {
	struct http_peer *prev, *next;
	struct http_server *server;
	struct connection *connection;
	struct loop_timer *idle;
	http_parser parser;
	size_t fed;                     /* bytes of the request at hand that the parser has seen */
	size_t head;                    /* bytes of its line and headers */
	bool began, head_done, expects, continued, value_seen;
	unsigned wrong;                 /* the status that says what is wrong with it; 0: nothing so far */
	struct http_request *coming;    /* the request at hand */
	struct http_request *waiting;   /* handed over and not sent yet, in order */
	size_t waiting_count;
	bool paused, finishing;
	void *kept;
	void (*release)(void *data);
};

struct http_server {
	struct loop *loop;
	struct http_server_settings settings;
	http_handler_fn *handler;
	void *ctx;
	struct listener *listener;
	struct http_peer *peers;
	size_t peer_count;
	loop_fn *done;
	void *done_arg;
	struct loop_task done_task;
};

void http_request_free(struct http_request *r);
/* http_server.c: sends what is answered at the front of the peer's requests. The peer may end, but not now. */
void http_peer_flush(struct http_peer *p);

#endif
