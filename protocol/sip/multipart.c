#include "protocol/sip/multipart.h"

#include <string.h>
#include <strings.h>

void sip_part_write(const char *boundary, const struct sip_part *part, struct buf *out)
{
	buf_printf(out, "--%s\r\nContent-Transfer-Encoding: binary\r\n", boundary);
	if (part->id.len) {
		buf_text(out, "Content-ID: ");
		buf_append(out, part->id);
		buf_text(out, "\r\n");
	}
	if (part->type.len) {
		buf_text(out, "Content-Type: ");
		buf_append(out, part->type);
		buf_text(out, "\r\n");
	}
	buf_text(out, "\r\n");
	buf_append(out, part->body);
	buf_text(out, "\r\n");
}

void sip_parts_end(const char *boundary, struct buf *out)
{
	buf_printf(out, "--%s--\r\n", boundary);
}

static bool starts_with(struct bytes in, size_t at, const char *text)
{
	return in.len >= at + strlen(text) && memcmp(in.data + at, text, strlen(text)) == 0;
}

/* A line of dashes and boundary; the line end before it belongs to it. At the start of the body there may be none. */
static bool is_delimiter(struct bytes in, size_t at, const char *boundary, bool at_start)
{
	if (starts_with(in, at, "\r\n"))
		at += 2;
	else if (!at_start || at)
		return false;
	return starts_with(in, at, "--") && starts_with(in, at + 2, boundary);
}

/* -1: there is none. */
static ssize_t find_delimiter(struct bytes in, const char *boundary, bool at_start)
{
	for (size_t at = 0; at < in.len; at++)
		if (is_delimiter(in, at, boundary, at_start))
			return (ssize_t)at;
	return -1;
}

static ssize_t find_line_end(struct bytes in)
{
	const uint8_t *at = in.len ? memmem(in.data, in.len, "\r\n", 2) : NULL;

	return at ? at - in.data : -1;
}

static struct bytes trimmed(struct bytes text)
{
	while (text.len && strchr(" \t", text.data[0]))
		text = bytes_slice(text, 1, text.len);
	while (text.len && strchr(" \t", text.data[text.len - 1]))
		text.len--;
	return text;
}

/* "<x>" is x. */
static struct bytes without_brackets(struct bytes id)
{
	struct bytes inner = id.len >= 2 && id.data[0] == '<' && id.data[id.len - 1] == '>' ? bytes_slice(id, 1, id.len - 2) : id;

	for (size_t i = 0; i < inner.len; i++)
		if (strchr("<> \t", inner.data[i]))
			return id;
	return inner;
}

static void take_header(struct bytes line, struct sip_part *out)
{
	static const char id[] = "Content-ID:", type[] = "Content-Type:";

	if (line.len >= strlen(id) && strncasecmp((const char *)line.data, id, strlen(id)) == 0) {
		out->id = without_brackets(trimmed(bytes_slice(line, strlen(id), line.len)));
	} else if (line.len >= strlen(type) && strncasecmp((const char *)line.data, type, strlen(type)) == 0) {
		out->type = trimmed(bytes_slice(line, strlen(type), line.len));
	}
}

/* What is left after the headers and the empty line behind them; -1: there is no such line. */
static int take_headers(struct bytes *rest, struct sip_part *out, struct error *err)
{
	size_t taken = 0;

	while (taken <= SIP_PART_HEAD_MAX) {
		ssize_t end = find_line_end(*rest);
		struct bytes line;

		if (end < 0)
			break;
		line = bytes_slice(*rest, 0, (size_t)end);
		*rest = bytes_slice(*rest, (size_t)end + 2, rest->len);
		taken += line.len + 2;
		if (!line.len)
			return 0;
		take_header(line, out);
	}
	return error_set(err, "a part's headers do not end within %d bytes", SIP_PART_HEAD_MAX);
}

int sip_part_next(struct bytes *rest, const char *boundary, struct sip_part *out, struct error *err)
{
	size_t len = strlen(boundary);
	struct bytes in = *rest;
	ssize_t at = len && len <= SIP_BOUNDARY_MAX ? find_delimiter(in, boundary, true) : -1;

	*out = (struct sip_part){ 0 };
	if (at < 0)
		return error_set(err, "no line of the boundary is there");
	in = bytes_slice(in, (size_t)at + (in.data[at] == '\r' ? 2 : 0) + 2 + len, in.len);
	if (in.len >= 2 && memcmp(in.data, "--", 2) == 0)
		return 0;
	at = find_line_end(in);
	if (at < 0 || trimmed(bytes_slice(in, 0, (size_t)at)).len)
		return error_set(err, "something stands behind the boundary");
	in = bytes_slice(in, (size_t)at + 2, in.len);
	if (take_headers(&in, out, err) < 0)
		return -1;
	at = find_delimiter(in, boundary, false);
	if (at < 0)
		return error_set(err, "a part does not end with the boundary");
	out->body = bytes_slice(in, 0, (size_t)at);
	*rest = bytes_slice(in, (size_t)at, in.len);
	return 1;
}
