#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "protocol/sip/sip_private.h"

/* Where a message of a stream ends, and its lines. */

bool sip_is_eol(uint8_t c)
{
	return c == '\r' || c == '\n';
}

bool sip_is_keep_alive(struct bytes raw)
{
	for (size_t i = 0; i < raw.len; i++)
		if (!sip_is_eol(raw.data[i]))
			return false;
	return true;
}

/* The next line of a head, its CRLF taken off; false at the end. */
bool sip_next_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end = rest->len ? memmem(rest->data, rest->len, "\r\n", 2) : NULL;

	if (!rest->len)
		return false;
	*line = bytes_of(rest->data, end ? (size_t)(end - rest->data) : rest->len);
	*rest = bytes_slice(*rest, line->len + 2, rest->len);
	return true;
}

bool sip_name_is(struct bytes name, const char *wanted)
{
	return name.len == strlen(wanted) && strncasecmp((const char *)name.data, wanted, name.len) == 0;
}

struct bytes sip_trimmed(struct bytes text)
{
	while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = bytes_slice(text, 1, text.len);
	while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
		text.len--;
	return text;
}

/* Name and value of a header line; false when it is none. */
bool sip_header_of(struct bytes line, struct bytes *name, struct bytes *value)
{
	const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;

	if (!colon || colon == line.data || line.data[0] == ' ' || line.data[0] == '\t')
		return false;
	*name = sip_trimmed(bytes_of(line.data, (size_t)(colon - line.data)));
	*value = sip_trimmed(bytes_slice(line, (size_t)(colon - line.data) + 1, line.len));
	return true;
}

/* -1 with a sentence when it is missing, given twice, or no number that is accepted. */
static int content_length(struct bytes head, size_t *out, struct error *err)
{
	struct bytes rest = head, line, name, value;
	bool found = false;

	while (sip_next_line(&rest, &line)) {
		size_t number = 0;

		if (!sip_header_of(line, &name, &value) || (!sip_name_is(name, "Content-Length") && !sip_name_is(name, "l")))
			continue;
		if (found || value.len == 0)
			return error_set(err, "Content-Length must stand there once, with a number");
		for (size_t i = 0; i < value.len; i++) {
			if (value.data[i] < '0' || value.data[i] > '9' || number > SIP_BODY_MAX)
				return error_set(err, "Content-Length is 0 to %d, not %s", SIP_BODY_MAX, log_value(value));
			number = number * 10 + (size_t)(value.data[i] - '0');
		}
		if (number > SIP_BODY_MAX)
			return error_set(err, "Content-Length is 0 to %d, not %s", SIP_BODY_MAX, log_value(value));
		*out = number;
		found = true;
	}
	return found ? 0 : error_set(err, "a message without Content-Length has no end on a stream");
}

ssize_t sip_split(struct bytes in, struct error *err)
{
	const uint8_t *end;
	size_t head, body = 0;

	if (in.len && sip_is_eol(in.data[0])) {
		size_t blank = 1;

		while (blank < in.len && sip_is_eol(in.data[blank]))
			blank++;
		return (ssize_t)blank;
	}
	end = in.len ? memmem(in.data, in.len < SIP_HEAD_MAX ? in.len : SIP_HEAD_MAX, "\r\n\r\n", 4) : NULL;
	if (!end)
		return in.len < SIP_HEAD_MAX ? 0 : error_set(err, "the headers take more than the %d bytes that are accepted", SIP_HEAD_MAX);
	head = (size_t)(end - in.data) + 4;
	if (content_length(bytes_of(in.data, head - 2), &body, err) < 0)
		return -1;
	return in.len < head + body ? 0 : (ssize_t)(head + body);
}
