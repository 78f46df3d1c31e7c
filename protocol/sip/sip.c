#include "protocol/sip/sip.h"

#include <osipparser2/osip_message.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/sip/sip_private.h"

/* --- URIs and parties, by libosip2 ------------------------------------------------------------------------------------------------ */

static void say_nothing(const char *file, int line, osip_trace_level_t level, const char *format, va_list args)
{
	(void)file;
	(void)line;
	(void)level;
	(void)format;
	(void)args;
}

static void start_parser(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	/* Without this it complains about bad messages on our standard output. */
	osip_trace_initialize_func(TRACE_LEVEL0, say_nothing);
	osip_set_allocators(memory_take, memory_resize, free);
	if (parser_init() != 0)
		fatal(EXIT_INTERNAL, "libosip2 does not start");
}

static char *lower(char *text)
{
	for (char *c = text; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 'a' - 'A');
	return text;
}

static char *address_of(const osip_uri_t *uri)
{
	if (!uri || !uri->scheme || !uri->host || (strcasecmp(uri->scheme, "sip") != 0 && strcasecmp(uri->scheme, "sips") != 0))
		return NULL;
	return lower(uri->username ? memory_printf("sip:%s@%s", uri->username, uri->host) : memory_printf("sip:%s", uri->host));
}

char *sip_address(const char *text)
{
	osip_uri_t *uri = NULL;
	char *address = NULL;

	start_parser();
	if (osip_uri_init(&uri) != 0)
		memory_exhausted(sizeof *uri);
	if (osip_uri_parse(uri, text) == 0)
		address = address_of(uri);
	osip_uri_free(uri);
	return address;
}

static char *unquoted(const char *text)
{
	size_t len;

	if (!text)
		return NULL;
	len = strlen(text);
	return len >= 2 && text[0] == '"' && text[len - 1] == '"' ? bytes_dup(bytes_of(text + 1, len - 2)) : memory_str(text);
}

static char *party_param(const osip_from_t *from, const char *name)
{
	osip_generic_param_t *param = NULL;
	char *copy = memory_str(name), *value;

	osip_generic_param_get_byname((osip_list_t *)(uintptr_t)&from->gen_params, copy, &param);
	value = param ? unquoted(param->gvalue ? param->gvalue : "") : NULL;
	free(copy);
	return value;
}

/* From, To and Contact are the same in libosip2. */
static void take_party(const osip_from_t *from, struct sip_party *out)
{
	char *uri = NULL;

	if (!from || !from->url)
		return;
	if (osip_uri_to_str(from->url, &uri) == 0) {
		out->uri = memory_str(uri);
		osip_free(uri);
	}
	out->address = address_of(from->url);
	out->tag = party_param(from, "tag");
	out->epid = party_param(from, "epid");
	out->instance = party_param(from, "+sip.instance");
	out->expires = party_param(from, "expires");
}

/* --- a whole message ----------------------------------------------------------------------------------------------------------------- */

static const struct {
	char letter;
	const char *name;
} compact[] = {
	{ 'c', "Content-Type" }, { 'e', "Content-Encoding" }, { 'f', "From" }, { 'i', "Call-ID" }, { 'k', "Supported" },
	{ 'm', "Contact" }, { 'o', "Event" }, { 's', "Subject" }, { 't', "To" }, { 'u', "Allow-Events" }, { 'v', "Via" },
};

static char *full_name(struct bytes name)
{
	for (size_t i = 0; name.len == 1 && i < sizeof compact / sizeof compact[0]; i++)
		if ((name.data[0] | 0x20) == compact[i].letter)
			return memory_str(compact[i].name);
	return bytes_dup(name);
}

static bool is_token(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++) {
		uint8_t c = name.data[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-.!%*_+`'~", c))))
			return false;
	}
	return name.len > 0;
}

static bool is_text(struct bytes value)
{
	for (size_t i = 0; i < value.len; i++)
		if ((value.data[i] < 0x20 && value.data[i] != '\t') || value.data[i] == 0x7f)
			return false;
	return true;
}

static int read_headers(struct sip_message *m, struct bytes rest, struct error *err)
{
	struct bytes line, name, value;
	bool after_length = false;

	while (sip_next_line(&rest, &line)) {
		if (!is_text(line))
			return error_set(err, "a header holds control characters");
		if (line.len && (line.data[0] == ' ' || line.data[0] == '\t') && (m->header_count || after_length)) {
			struct sip_header *last = m->header_count ? &m->headers[m->header_count - 1] : NULL;
			struct bytes more = sip_trimmed(line);
			char *joined;

			if (after_length || !last)
				return error_set(err, "Content-Length takes one line");
			joined = memory_printf("%s%s%.*s", last->value, more.len ? " " : "", (int)more.len, (const char *)more.data);
			free(last->value);
			last->value = joined;
			continue;
		}
		if (!sip_header_of(line, &name, &value) || !is_token(name))
			return error_set(err, "%s is no header", log_value(line));
		after_length = sip_name_is(name, "Content-Length") || sip_name_is(name, "l");
		if (after_length)
			continue;
		if (m->header_count == SIP_HEADERS_MAX)
			return error_set(err, "more than the %d headers that are accepted", SIP_HEADERS_MAX);
		sip_append_header(m, m->header_count, full_name(name), bytes_dup(value));
	}
	return 0;
}

/* The head as libosip2 gets it: without a body it has no say in where the message ends. */
static void write_head(const struct sip_message *m, struct buf *out)
{
	if (m->method)
		buf_printf(out, "%s %s SIP/2.0\r\n", m->method, m->uri);
	else
		buf_printf(out, "SIP/2.0 %03d %s\r\n", m->status, m->reason);
	for (size_t i = 0; i < m->header_count; i++)
		buf_printf(out, "%s: %s\r\n", m->headers[i].name, m->headers[i].value);
}

void sip_encode(const struct sip_message *m, struct buf *out)
{
	write_head(m, out);
	buf_printf(out, "Content-Length: %zu\r\n\r\n", m->body.len);
	buf_append(out, buf_bytes(&m->body));
}

static int read_start(struct sip_message *m, struct bytes line, struct error *err)
{
	const uint8_t *first = line.len ? memchr(line.data, ' ', line.len) : NULL, *second;
	struct bytes word, rest;

	if (!first || !is_text(line))
		return error_set(err, "%s does not begin a SIP message", log_value(line));
	word = bytes_of(line.data, (size_t)(first - line.data));
	rest = bytes_slice(line, word.len + 1, line.len);
	if (sip_name_is(word, "SIP/2.0")) {
		for (size_t i = 0; i < 3 && i < rest.len; i++)
			m->status = rest.data[i] >= '0' && rest.data[i] <= '9' ? m->status * 10 + rest.data[i] - '0' : 10000;
		if (rest.len < 3 || m->status < 100 || m->status > 699 || (rest.len > 3 && rest.data[3] != ' '))
			return error_set(err, "%s does not begin an answer", log_value(line));
		m->reason = bytes_dup(bytes_slice(rest, 4, rest.len));
		return 0;
	}
	second = rest.len ? memchr(rest.data, ' ', rest.len) : NULL;
	if (!is_token(word) || !second || second == rest.data ||
	    !sip_name_is(bytes_slice(rest, (size_t)(second - rest.data) + 1, rest.len), "SIP/2.0"))
		return error_set(err, "%s does not begin a request", log_value(line));
	m->method = bytes_dup(word);
	m->uri = bytes_dup(bytes_of(rest.data, (size_t)(second - rest.data)));
	return 0;
}

static int read_number(const char *text, uint32_t *out)
{
	uint64_t value = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || value > INT32_MAX)
			return -1;
		value = value * 10 + (uint64_t)(*c - '0');
	}
	*out = (uint32_t)value;
	return *text && value <= INT32_MAX ? 0 : -1;
}

static int take_apart(struct sip_message *m, const osip_message_t *osip, struct error *err)
{
	char *call_id = NULL;

	if (!osip->from || !osip->to || !osip->call_id || !osip->cseq || !osip->cseq->method || !osip->cseq->number ||
	    (m->method && osip_list_size(&osip->vias) == 0))
		return error_set(err, "From, To, Call-ID, CSeq and Via must be there");
	take_party(osip->from, &m->from);
	take_party(osip->to, &m->to);
	take_party(osip_list_get(&osip->contacts, 0), &m->contact);
	if (!m->from.address || !m->to.address)
		return error_set(err, "From and To must name SIP URIs");
	if (osip_call_id_to_str(osip->call_id, &call_id) != 0)
		return error_set(err, "no Call-ID");
	m->call_id = memory_str(call_id);
	osip_free(call_id);
	if (read_number(osip->cseq->number, &m->cseq) < 0)
		return error_set(err, "%s is no number of CSeq", log_str(osip->cseq->number));
	m->cseq_method = memory_str(osip->cseq->method);
	if (m->method && strcmp(m->method, m->cseq_method) != 0)
		return error_set(err, "CSeq names %s in a %s", log_str(m->cseq_method), log_str(m->method));
	if (m->method && !(m->address = sip_address(m->uri)))
		return error_set(err, "%s is no SIP URI", log_str(m->uri));
	return 0;
}

static int ask_osip(struct sip_message *m, struct error *err)
{
	osip_message_t *osip = NULL;
	struct buf head = { 0 };
	int rc;

	start_parser();
	if (osip_message_init(&osip) != 0)
		memory_exhausted(sizeof *osip);
	write_head(m, &head);
	buf_text(&head, "\r\n");
	if (osip_message_parse(osip, buf_cstr(&head), head.len) != 0)
		rc = error_set(err, "libosip2 does not take it for SIP");
	else
		rc = take_apart(m, osip, err);
	osip_message_free(osip);
	buf_free(&head);
	return rc;
}

struct sip_message *sip_decode(struct bytes raw, struct error *err)
{
	struct sip_message *m = memory_new(sizeof *m);
	struct bytes head, line = { 0 };
	ssize_t len = sip_split(raw, err);
	const uint8_t *end;

	if (len < 0)
		goto bad;
	if ((size_t)len != raw.len || sip_is_keep_alive(raw)) {
		error_set(err, "%s", raw.len && len == 0 ? "the message is cut off" : "not one whole message");
		goto bad;
	}
	end = memmem(raw.data, raw.len, "\r\n\r\n", 4);
	head = bytes_of(raw.data, (size_t)(end - raw.data) + 2);
	buf_append(&m->body, bytes_slice(raw, head.len + 2, raw.len));
	sip_next_line(&head, &line);
	if (read_start(m, line, err) < 0 || read_headers(m, head, err) < 0 || ask_osip(m, err) < 0)
		goto bad;
	return m;
bad:
	sip_free(&m);
	return NULL;
}

static void party_free(struct sip_party *party)
{
	free(party->uri);
	free(party->address);
	free(party->tag);
	free(party->epid);
	free(party->instance);
	free(party->expires);
}

void sip_free(struct sip_message **pointer)
{
	struct sip_message *m = *pointer;

	if (!m)
		return;
	while (m->header_count)
		sip_drop_header(m, m->header_count - 1);
	free(m->headers);
	free(m->method);
	free(m->uri);
	free(m->reason);
	free(m->address);
	party_free(&m->from);
	party_free(&m->to);
	party_free(&m->contact);
	free(m->call_id);
	free(m->cseq_method);
	buf_free(&m->body);
	free(m);
	*pointer = NULL;
}

static struct sip_party party_copy(const struct sip_party *p)
{
	return (struct sip_party){ .uri = memory_str(p->uri), .address = memory_str(p->address), .tag = memory_str(p->tag),
		.epid = memory_str(p->epid), .instance = memory_str(p->instance), .expires = memory_str(p->expires) };
}

struct sip_message *sip_copy(const struct sip_message *from)
{
	struct sip_message *m = memory_new(sizeof *m);

	*m = (struct sip_message){ .method = memory_str(from->method), .uri = memory_str(from->uri), .status = from->status,
		.reason = memory_str(from->reason), .address = memory_str(from->address), .from = party_copy(&from->from),
		.to = party_copy(&from->to), .contact = party_copy(&from->contact), .call_id = memory_str(from->call_id),
		.cseq = from->cseq, .cseq_method = memory_str(from->cseq_method) };
	for (size_t i = 0; i < from->header_count; i++)
		sip_append_header(m, i, memory_str(from->headers[i].name), memory_str(from->headers[i].value));
	buf_append(&m->body, buf_bytes(&from->body));
	return m;
}

/* --- building ------------------------------------------------------------------------------------------------------------------ */

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Trying" }, { 180, "Ringing" }, { 200, "OK" }, { 202, "Accepted" }, { 400, "Bad Request" }, { 403, "Forbidden" },
	{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
	{ 415, "Unsupported Media Type" }, { 421, "Extension Required" }, { 480, "Temporarily Unavailable" },
	{ 481, "Call Leg/Transaction Does Not Exist" }, { 482, "Loop Detected" }, { 483, "Too Many Hops" }, { 486, "Busy Here" },
	{ 487, "Request Terminated" }, { 489, "Bad Event" }, { 500, "Server Internal Error" }, { 503, "Service Unavailable" },
	{ 504, "Server Time-out" }, { 603, "Decline" },
};

const char *sip_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return status < 200 ? "Progress" : status < 300 ? "OK" : status < 400 ? "Redirect" : "Refused";
}

struct sip_message *sip_request(const char *method, const char *uri)
{
	struct sip_message *m = memory_new(sizeof *m);

	m->method = memory_str(method);
	m->uri = sip_one_line(memory_str(uri));
	return m;
}

struct sip_message *sip_answer(const struct sip_message *request, int status, const char *reason, const char *to_tag)
{
	static const char *const taken[] = { "Via", "From", "To", "Call-ID", "CSeq", "Record-Route" };
	struct sip_message *m = memory_new(sizeof *m);

	m->status = status;
	m->reason = sip_one_line(memory_str(reason ? reason : sip_reason(status)));
	for (size_t t = 0; t < sizeof taken / sizeof taken[0]; t++) {
		const char *value;

		for (size_t n = 0; (value = sip_get(request, taken[t], n)); n++)
			sip_add(m, taken[t], "%s%s%s", value, t == 2 && to_tag && !request->to.tag ? ";tag=" : "",
				t == 2 && to_tag && !request->to.tag ? to_tag : "");
	}
	return m;
}

/* --- Via and Route --------------------------------------------------------------------------------------------------------------- */

static char *first_of(const struct sip_message *m, const char *name)
{
	const char *value = sip_get(m, name, 0);

	return value ? bytes_dup(sip_trimmed(bytes_of(value, sip_first_value(value)))) : NULL;
}

static void pop_first(struct sip_message *m, const char *name)
{
	ssize_t at = sip_find_header(m, name, 0);
	const char *value;
	size_t len;
	char *rest;

	if (at < 0)
		return;
	value = m->headers[at].value;
	len = sip_first_value(value);
	if (!value[len]) {
		sip_drop_header(m, (size_t)at);
		return;
	}
	rest = bytes_dup(sip_trimmed(bytes_str(value + len + 1)));
	free(m->headers[at].value);
	m->headers[at].value = rest;
}

char *sip_branch(const struct sip_message *m)
{
	char *via = first_of(m, "Via"), *branch = via ? sip_param(via, "branch") : NULL;

	free(via);
	return branch;
}

void sip_pop_via(struct sip_message *m)
{
	pop_first(m, "Via");
}

char *sip_first_route(const struct sip_message *m)
{
	return first_of(m, "Route");
}

void sip_pop_route(struct sip_message *m)
{
	pop_first(m, "Route");
}

char *sip_transaction(const struct sip_message *m)
{
	char *branch = sip_branch(m), *key;
	const char *method = strcmp(m->cseq_method, "CANCEL") == 0 ? "INVITE" : m->cseq_method;

	if (branch && *branch)
		key = memory_printf("%s %s", branch, method);
	else
		key = memory_printf("%s %s %u %s", m->call_id, m->from.tag ? m->from.tag : "", m->cseq, method);
	free(branch);
	return key;
}
