#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io/http_private.h"

/* Requests: what is in them, and how their answers are written. */

void http_request_free(struct http_request *r)
{
	for (size_t i = 0; i < r->header_count; i++) {
		buf_free(&r->headers[i].name);
		buf_wipe(&r->headers[i].value);
	}
	free(r->headers);
	buf_free(&r->url);
	buf_free(&r->path);
	buf_free(&r->query);
	buf_wipe(&r->body);
	buf_free(&r->reply_head);
	buf_wipe(&r->reply);
	free(r);
}

const char *http_request_method(const struct http_request *r)
{
	return r->method;
}

const char *http_request_path(const struct http_request *r)
{
	/* buf_cstr terminated it when it was made. */
	return (const char *)r->path.data;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->header_count; i++)
		if (strcasecmp((const char *)r->headers[i].name.data, name) == 0)
			return (const char *)r->headers[i].value.data;
	return NULL;
}

struct bytes http_request_body(const struct http_request *r)
{
	return buf_bytes(&r->body);
}

const char *http_request_peer(const struct http_request *r)
{
	return r->peer ? connection_peer(r->peer->connection) : "gone";
}

void http_request_on_gone(struct http_request *r, loop_fn *fn, void *arg)
{
	r->gone = fn;
	r->gone_arg = arg;
}

void *http_request_kept(const struct http_request *r)
{
	return r->peer ? r->peer->kept : NULL;
}

bool http_request_keep(struct http_request *r, void *data, void (*release)(void *data))
{
	if (!r->peer) {
		release(data);
		return false;
	}
	if (r->peer->kept)
		r->peer->release(r->peer->kept);
	r->peer->kept = data;
	r->peer->release = release;
	return true;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode(struct bytes text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.data[i] != '%') {
			buf_u8(out, text.data[i] == '+' ? ' ' : text.data[i]);
			continue;
		}
		if (i + 2 >= text.len || (high = hex_digit(text.data[i + 1])) < 0 || (low = hex_digit(text.data[i + 2])) < 0 || !(high | low))
			return false;
		buf_u8(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
	return true;
}

/* The run up to the first such byte, which is taken off the rest with it. */
static struct bytes take_until(struct bytes *rest, char end)
{
	const uint8_t *at = rest->len ? memchr(rest->data, end, rest->len) : NULL;
	size_t len = at ? (size_t)(at - rest->data) : rest->len;
	struct bytes found = bytes_slice(*rest, 0, len);

	*rest = bytes_slice(*rest, len + 1, rest->len);
	return found;
}

bool http_form_value(struct bytes form, const char *name, struct buf *out)
{
	struct bytes rest = form;
	size_t before = out->len;

	while (rest.len) {
		struct bytes value = take_until(&rest, '&'), key = take_until(&value, '=');

		if (key.len != strlen(name) || strncasecmp((const char *)key.data, name, key.len) != 0)
			continue;
		if (decode(value, out))
			return true;
		out->len = before;
	}
	return false;
}

bool http_request_query(const struct http_request *r, const char *name, struct buf *out)
{
	return http_form_value(buf_bytes(&r->query), name, out);
}

/* --- answers --------------------------------------------------------------------------------------------------------------------- */

static const char *reason_of(unsigned status)
{
	switch (status) {
#define HTTP_REASON(number, name, text) case number: return #text;
	HTTP_STATUS_MAP(HTTP_REASON)
#undef HTTP_REASON
	default:
		return "Unknown";
	}
}

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
	buf_printf(&r->reply_head, "%s: %s\r\n", name, value);
}

void http_reply_split(struct http_request *r, size_t bytes)
{
	r->split = bytes;
}

void http_reply_last(struct http_request *r)
{
	r->last = true;
}

static void write_reply(struct http_request *r, unsigned status, const char *content_type, struct bytes body)
{
	buf_printf(&r->reply, "HTTP/1.1 %u %s\r\n", status, reason_of(status));
	if (content_type)
		buf_printf(&r->reply, "Content-Type: %s\r\n", content_type);
	buf_append(&r->reply, buf_bytes(&r->reply_head));
	buf_printf(&r->reply, "Content-Length: %zu\r\n", body.len);
	if (!r->keep_alive)
		buf_text(&r->reply, "Connection: close\r\n");
	else if (r->old)
		buf_text(&r->reply, "Connection: keep-alive\r\n");
	buf_text(&r->reply, "\r\n");
	if (!r->is_head)
		buf_append(&r->reply, body);
}

void http_reply(struct http_request **request, unsigned status, const char *content_type, struct bytes body)
{
	struct http_request *r = *request;

	*request = NULL;
	if (!r->peer) {
		http_request_free(r);
		return;
	}
	write_reply(r, status, content_type, body);
	r->answered = true;
	http_peer_flush(r->peer);
}

void http_drop(struct http_request **request)
{
	struct http_request *r = *request;

	*request = NULL;
	if (!r->peer) {
		http_request_free(r);
		return;
	}
	r->dropped = true;
	r->gone = NULL;
	http_peer_flush(r->peer);
}

