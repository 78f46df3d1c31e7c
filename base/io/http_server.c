#include "base/io/http_server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/io/http_private.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	DEFAULT_HEAD = 16384,
	DEFAULT_BODY = 65536,
	DEFAULT_IDLE_MS = 120000,
	DEFAULT_REQUEST_MS = 10000,
	HEADERS_MAX = 100,
	WAITING_MAX = 16,               /* requests of one connection that came before the one in front was answered */
	READ_SLACK = 262144,            /* what may have come behind a request, and the lengths of its chunks */
	LINGER_MS = 2000,
};

/* --- connections ------------------------------------------------------------------------------------------------------------------ */

static void send_reply(struct http_peer *p, const struct http_request *r)
{
	struct bytes all = buf_bytes(&r->reply);

	for (size_t at = 0; at < all.len; at += r->split ? r->split : all.len)
		connection_send(p->connection, bytes_slice(all, at, r->split ? r->split : all.len));
}

static void finish(struct http_peer *p, uint32_t linger_ms)
{
	p->finishing = true;
	connection_finish(p->connection, linger_ms);
}

void http_peer_flush(struct http_peer *p)
{
	while (p->waiting && p->waiting->answered && !p->finishing) {
		struct http_request *r = p->waiting;

		DL_DELETE(p->waiting, r);
		p->waiting_count--;
		send_reply(p, r);
		if (r->last || !r->keep_alive)
			finish(p, LINGER_MS);
		http_request_free(r);
	}
	if (p->finishing)
		return;
	if (!p->waiting || p->waiting->dropped)
		loop_timer_set(p->idle, p->server->settings.idle_ms);
	if (p->paused && p->waiting_count < WAITING_MAX) {
		p->paused = false;
		connection_resume(p->connection);
	}
}

static void peer_free(struct http_peer *p)
{
	struct http_server *server = p->server;

	DL_DELETE(server->peers, p);
	server->peer_count--;
	loop_timer_free(&p->idle);
	if (p->coming)
		http_request_free(p->coming);
	while (p->waiting) {
		struct http_request *r = p->waiting;

		DL_DELETE(p->waiting, r);
		r->peer = NULL;
		if (r->answered || r->dropped)
			http_request_free(r);
		else if (r->gone)
			r->gone(r->gone_arg);
	}
	if (p->kept)
		p->release(p->kept);
	connection_free(&p->connection);
	free(p);
	if (server->done && !server->peers)
		loop_defer(server->loop, &server->done_task);
}

void http_abort(struct http_request **request)
{
	struct http_request *r = *request;

	*request = NULL;
	r->dropped = true;
	if (r->peer)
		peer_free(r->peer);
	else
		http_request_free(r);
}

static void on_idle(void *arg)
{
	struct http_peer *p = arg;

	if (p->began)
		loop_timer_set(p->idle, p->server->settings.idle_ms);
	else
		finish(p, LINGER_MS);
}

/* --- the parser's calls -------------------------------------------------------------------------------------------------------------- */

static int refuse(struct http_peer *p, unsigned status)
{
	if (!p->wrong)
		p->wrong = status;
	return -1;
}

static int add_head(struct http_peer *p, struct buf *into, const char *at, size_t len)
{
	p->head += len;
	if (p->head > p->server->settings.max_head)
		return refuse(p, 431);
	if (memchr(at, '\0', len))
		return refuse(p, 400);
	buf_append(into, bytes_of(at, len));
	return 0;
}

static int on_url(http_parser *parser, const char *at, size_t len)
{
	struct http_peer *p = parser->data;

	return add_head(p, &p->coming->url, at, len);
}

static int on_header_name(http_parser *parser, const char *at, size_t len)
{
	struct http_peer *p = parser->data;
	struct http_request *r = p->coming;

	if (r->header_count == 0 || p->value_seen) {
		if (r->header_count == HEADERS_MAX)
			return refuse(p, 431);
		r->headers = memory_resize(r->headers, (r->header_count + 1) * sizeof *r->headers);
		r->headers[r->header_count++] = (struct http_header){ .name = { 0 } };
		p->value_seen = false;
	}
	return add_head(p, &r->headers[r->header_count - 1].name, at, len);
}

static int on_header_value(http_parser *parser, const char *at, size_t len)
{
	struct http_peer *p = parser->data;

	p->value_seen = true;
	return add_head(p, &p->coming->headers[p->coming->header_count - 1].value, at, len);
}

static int split_url(struct http_peer *p, struct http_request *r)
{
	struct http_parser_url parts;
	const char *url = buf_cstr(&r->url);

	http_parser_url_init(&parts);
	if (r->url.len > UINT16_MAX || http_parser_parse_url(url, r->url.len, 0, &parts) != 0)
		return refuse(p, 400);
	if (parts.field_set & 1 << UF_PATH)
		buf_append(&r->path, bytes_of(url + parts.field_data[UF_PATH].off, parts.field_data[UF_PATH].len));
	else
		buf_text(&r->path, "/");
	if (parts.field_set & 1 << UF_QUERY)
		buf_append(&r->query, bytes_of(url + parts.field_data[UF_QUERY].off, parts.field_data[UF_QUERY].len));
	buf_cstr(&r->path);
	return 0;
}

static int on_head(http_parser *parser)
{
	struct http_peer *p = parser->data;
	struct http_request *r = p->coming;
	const char *expect;

	r->method = http_method_str((enum http_method)parser->method);
	r->is_head = parser->method == HTTP_HEAD;
	r->old = parser->http_major == 1 && parser->http_minor == 0;
	r->keep_alive = http_should_keep_alive(parser);
	parser->upgrade = 0;
	for (size_t i = 0; i < r->header_count; i++) {
		buf_cstr(&r->headers[i].name);
		buf_cstr(&r->headers[i].value);
	}
	if (parser->http_major != 1)
		return refuse(p, 505);
	if (parser->method == HTTP_CONNECT)
		return refuse(p, 405);
	if (split_url(p, r) < 0)
		return -1;
	if (parser->content_length != UINT64_MAX && parser->content_length > p->server->settings.max_body)
		return refuse(p, 413);
	expect = http_request_header(r, "Expect");
	p->expects = expect && strcasecmp(expect, "100-continue") == 0;
	p->head_done = true;
	return 0;
}

static int on_body(http_parser *parser, const char *at, size_t len)
{
	struct http_peer *p = parser->data;

	if (p->coming->body.len + len > p->server->settings.max_body)
		return refuse(p, 413);
	buf_append(&p->coming->body, bytes_of(at, len));
	return 0;
}

/* Trailers come after the body and are headers too: they are counted by on_header_name, and nobody looks at them. */
static int on_complete(http_parser *parser)
{
	struct http_peer *p = parser->data;
	struct http_request *r = p->coming;

	for (size_t i = 0; i < r->header_count; i++) {
		buf_cstr(&r->headers[i].name);
		buf_cstr(&r->headers[i].value);
	}
	http_parser_pause(parser, 1);
	return 0;
}

static const http_parser_settings parser_settings = { .on_url = on_url, .on_header_field = on_header_name,
	.on_header_value = on_header_value, .on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_complete };

static void begin(struct http_peer *p)
{
	http_parser_init(&p->parser, HTTP_REQUEST);
	p->parser.data = p;
	p->coming = memory_new(sizeof *p->coming);
	p->began = true;
	p->fed = p->head = 0;
	p->head_done = p->expects = p->continued = p->value_seen = false;
	p->wrong = 0;
}

/* A request that is wrong ends here as well: all that has come is taken, on_message says what is wrong with it. */
static ssize_t on_split(void *ctx, struct bytes in, struct error *err)
{
	struct http_peer *p = ctx;
	size_t took;

	(void)err;
	if (!p->began)
		begin(p);
	if (p->fed == in.len)
		return 0;
	took = http_parser_execute(&p->parser, &parser_settings, (const char *)in.data + p->fed, in.len - p->fed);
	p->fed += took;
	if (HTTP_PARSER_ERRNO(&p->parser) == HPE_PAUSED)
		return (ssize_t)p->fed;
	if (HTTP_PARSER_ERRNO(&p->parser) != HPE_OK || p->fed != in.len) {
		refuse(p, HTTP_PARSER_ERRNO(&p->parser) == HPE_HEADER_OVERFLOW ? 431 : 400);
		return (ssize_t)in.len;
	}
	if (p->head_done && p->expects && !p->continued && !p->waiting) {
		p->continued = true;
		connection_send(p->connection, bytes_str("HTTP/1.1 100 Continue\r\n\r\n"));
	}
	return 0;
}

static void on_message(void *ctx, struct bytes message)
{
	struct http_peer *p = ctx;
	struct http_request *r = p->coming;

	(void)message;
	p->coming = NULL;
	p->began = false;
	r->peer = p;
	DL_APPEND(p->waiting, r);
	p->waiting_count++;
	loop_timer_cancel(p->idle);
	if (p->wrong) {
		log_warning("http peer=%s refused status=%u", connection_peer(p->connection), p->wrong);
		r->keep_alive = false;
		/* What is in front of it is answered first; what comes behind it is not read. */
		http_reply(&r, p->wrong, NULL, (struct bytes){ 0 });
		if (!p->finishing)
			connection_pause(p->connection);
		return;
	}
	if (p->waiting_count >= WAITING_MAX) {
		p->paused = true;
		connection_pause(p->connection);
	}
	p->server->handler(p->server->ctx, r);
}

static void on_closed(void *ctx, enum connection_end end, const char *why)
{
	struct http_peer *p = ctx;

	log_debug("http peer=%s closed end=%s: %s", connection_peer(p->connection), connection_end_name(end), why);
	peer_free(p);
}

static void on_accept(void *ctx, struct connection *c)
{
	static const struct connection_callbacks callbacks = { .split = on_split, .message = on_message, .closed = on_closed };
	struct http_server *server = ctx;
	struct http_peer *p = memory_new(sizeof *p);

	p->server = server;
	p->connection = c;
	p->idle = loop_timer_new_real(server->loop, on_idle, p);
	DL_APPEND(server->peers, p);
	server->peer_count++;
	connection_own(c, &callbacks, p);
}

/* --- the server ------------------------------------------------------------------------------------------------------------------ */

static void on_all_gone(void *arg)
{
	struct http_server *server = arg;
	loop_fn *done = server->done;

	server->done = NULL;
	if (done)
		done(server->done_arg);
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_settings *settings, http_handler_fn *handler, void *ctx,
	struct error *err)
{
	struct http_server *server = memory_new(sizeof *server);
	struct http_server_settings *s = &server->settings;
	struct connection_limits limits = { 0 };

	*server = (struct http_server){ .loop = loop, .settings = *settings, .handler = handler, .ctx = ctx };
	server->done_task = (struct loop_task){ .fn = on_all_gone, .arg = server };
	s->max_head = s->max_head ? s->max_head : DEFAULT_HEAD;
	s->max_body = s->max_body ? s->max_body : DEFAULT_BODY;
	s->idle_ms = s->idle_ms ? s->idle_ms : DEFAULT_IDLE_MS;
	s->request_ms = s->request_ms ? s->request_ms : DEFAULT_REQUEST_MS;
	limits.max_message = s->max_head + s->max_body + READ_SLACK;
	limits.first_message_ms = limits.message_ms = s->request_ms;
	server->listener = listener_new(loop, s->listen, s->tls, &limits, s->max_connections, on_accept, server, err);
	if (!server->listener) {
		free(server);
		return NULL;
	}
	return server;
}

void http_server_free(struct http_server **pointer)
{
	struct http_server *server = *pointer;

	if (!server)
		return;
	*pointer = NULL;
	listener_free(&server->listener);
	while (server->peers)
		peer_free(server->peers);
	loop_drop(server->loop, &server->done_task);
	free(server);
}

const char *http_server_address(const struct http_server *server)
{
	return server->listener ? listener_address(server->listener) : "";
}

size_t http_server_connections(const struct http_server *server)
{
	return server->peer_count;
}

void http_server_close(struct http_server *server, uint32_t linger_ms, loop_fn *done, void *arg)
{
	struct http_peer *p, *next;

	listener_free(&server->listener);
	server->done = done;
	server->done_arg = arg;
	DL_FOREACH_SAFE(server->peers, p, next)
		finish(p, linger_ms);
	if (!server->peers)
		loop_defer(server->loop, &server->done_task);
}
