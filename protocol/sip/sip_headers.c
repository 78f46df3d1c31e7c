#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "protocol/sip/sip_private.h"

/* The list of headers: found by name, added, removed, and their values taken apart. */

void sip_append_header(struct sip_message *m, size_t at, char *name, char *value)
{
	m->headers = memory_resize(m->headers, (m->header_count + 1) * sizeof *m->headers);
	memmove(&m->headers[at + 1], &m->headers[at], (m->header_count - at) * sizeof *m->headers);
	m->headers[at] = (struct sip_header){ name, value };
	m->header_count++;
}

void sip_drop_header(struct sip_message *m, size_t at)
{
	free(m->headers[at].name);
	free(m->headers[at].value);
	m->header_count--;
	memmove(&m->headers[at], &m->headers[at + 1], (m->header_count - at) * sizeof *m->headers);
}

ssize_t sip_find_header(const struct sip_message *m, const char *name, size_t n)
{
	for (size_t i = 0; i < m->header_count; i++)
		if (strcasecmp(m->headers[i].name, name) == 0 && n-- == 0)
			return (ssize_t)i;
	return -1;
}

const char *sip_get(const struct sip_message *m, const char *name, size_t n)
{
	ssize_t at = sip_find_header(m, name, n);

	return at < 0 ? NULL : m->headers[at].value;
}

/* What is written is a line, whatever the text came from. */
char *sip_one_line(char *text)
{
	for (char *c = text; *c; c++)
		if (sip_is_eol((uint8_t)*c))
			*c = ' ';
	return text;
}

static void add_at(struct sip_message *m, size_t at, const char *name, const char *format, va_list args)
{
	char *value;

	if (vasprintf(&value, format, args) < 0)
		memory_exhausted(strlen(format));
	sip_append_header(m, at, memory_str(name), sip_one_line(value));
}

void sip_add(struct sip_message *m, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_at(m, m->header_count, name, format, args);
	va_end(args);
}

void sip_add_first(struct sip_message *m, const char *name, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_at(m, 0, name, format, args);
	va_end(args);
}

void sip_remove(struct sip_message *m, const char *name)
{
	ssize_t at;

	while ((at = sip_find_header(m, name, 0)) >= 0)
		sip_drop_header(m, (size_t)at);
}

void sip_body(struct sip_message *m, const char *content_type, struct bytes body)
{
	sip_remove(m, "Content-Type");
	sip_add(m, "Content-Type", "%s", content_type);
	buf_clear(&m->body);
	buf_append(&m->body, body);
}

/* The end of the first of several values: a comma outside quotes and angle brackets. */
size_t sip_first_value(const char *list)
{
	bool quoted = false;
	size_t at = 0;

	for (int angle = 0; list[at]; at++) {
		if (list[at] == '\\' && quoted && list[at + 1])
			at++;
		else if (list[at] == '"')
			quoted = !quoted;
		else if (!quoted && list[at] == '<')
			angle++;
		else if (!quoted && list[at] == '>' && angle)
			angle--;
		else if (!quoted && !angle && list[at] == ',')
			break;
	}
	return at;
}

bool sip_lists(const struct sip_message *m, const char *name, const char *word)
{
	const char *value;

	for (size_t n = 0; (value = sip_get(m, name, n)); n++) {
		while (*value) {
			size_t len = sip_first_value(value);
			struct bytes one = sip_trimmed(bytes_of(value, len));

			if (sip_name_is(one, word))
				return true;
			value += len + (value[len] == ',');
		}
	}
	return false;
}

uint32_t sip_number(const struct sip_message *m, const char *name, uint32_t fallback)
{
	const char *value = sip_get(m, name, 0);
	uint64_t number = 0;

	if (!value || !*value)
		return fallback;
	for (const char *c = value; *c; c++) {
		if (*c < '0' || *c > '9')
			return fallback;
		number = number * 10 + (uint64_t)(*c - '0');
		if (number > UINT32_MAX)
			return UINT32_MAX;
	}
	return (uint32_t)number;
}

bool sip_is_type(const struct sip_message *m, const char *content_type)
{
	const char *value = sip_get(m, "Content-Type", 0);

	return value && sip_name_is(sip_trimmed(bytes_of(value, strcspn(value, ";"))), content_type);
}

char *sip_param(const char *value, const char *name)
{
	const char *at = value;
	bool quoted = false;

	for (; *at; at++) {
		const char *text, *stop;

		if (*at == '"')
			quoted = !quoted;
		if (quoted || *at != ';')
			continue;
		text = at + 1 + strspn(at + 1, " \t");
		stop = text + strcspn(text, "=;>, \t");
		if (!sip_name_is(bytes_of(text, (size_t)(stop - text)), name))
			continue;
		if (*stop != '=')
			return memory_str("");
		if (stop[1] == '"')
			return bytes_dup(bytes_of(stop + 2, strcspn(stop + 2, "\"")));
		return bytes_dup(bytes_of(stop + 1, strcspn(stop + 1, ";>, \t")));
	}
	return NULL;
}
