#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/http_client_private.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	WIRE_PER_BYTE = 2,               /* of the largest body there may be: that chunks, their extensions and trailers may take, */
	WIRE_SPARE = 65536,              /* and these */
};

struct http_line {
	struct http_client *client;
	CURL *easy;                      /* NULL: idle */
	struct curl_slist *headers;
	http_answered_fn *answered;
	void *ctx;
	struct buf send, body;
	size_t max_body;
	size_t wire;                     /* bytes of the last answer behind its head, as they came: libcurl bounds them nowhere */
	unsigned requests, max_requests;
	bool too_large, too_late, authenticates;
	bool has_head;                   /* all of the last answer's */
	bool lost;                       /* the connection, within a handshake */
	uint32_t answer_ms;
	uint64_t began_ms;
	struct loop_timer *total;        /* the loop's clock */
	struct loop_timer *answer;       /* real time */
	char why[CURL_ERROR_SIZE];
	char tls_version[16];
};

const char *http_outcome_name(enum http_outcome outcome)
{
	static const char *const names[] = {
		[HTTP_ANSWERED] = "answered",
		[HTTP_NOT_RESOLVED] = "not-resolved",
		[HTTP_NOT_CONNECTED] = "not-connected",
		[HTTP_TLS_FAILED] = "tls-failed",
		[HTTP_TOO_LATE] = "too-late",
		[HTTP_TOO_LARGE] = "too-large",
		[HTTP_TOO_MANY] = "too-many-requests",
		[HTTP_BROKEN] = "broken",
	};

	return (size_t)outcome < sizeof names / sizeof *names ? names[outcome] : "unknown";
}

/* --- what comes ------------------------------------------------------------------------------------------------------------------ */

static size_t took_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_line *line = arg;

	if (size * count > line->max_body - line->body.len) {
		line->too_large = true;
		return 0;
	}
	buf_append(&line->body, bytes_of(data, size * count));
	return size * count;
}

static bool wire_is_full(const struct http_line *line)
{
	return line->wire > WIRE_SPARE && (line->wire - WIRE_SPARE) / WIRE_PER_BYTE > line->max_body;
}

/* All that libcurl says of its work; the body comes here as it was on the wire. Source: libcurl 7.88. */
static int traced(CURL *easy, curl_infotype type, char *data, size_t size, void *arg)
{
	struct http_line *line = arg;

	(void)easy;
	(void)data;
	if (type == CURLINFO_DATA_IN)
		line->wire += size;
	return 0;
}

/* After each piece that was read: here a request can be given up. */
static int progressed(void *arg, curl_off_t to_come, curl_off_t came, curl_off_t to_go, curl_off_t gone)
{
	struct http_line *line = arg;

	(void)to_come;
	(void)came;
	(void)to_go;
	(void)gone;
	line->too_large = line->too_large || wire_is_full(line);
	return line->too_large;
}

static void answer_begins(struct http_line *line)
{
	const struct curl_tlssessioninfo *info = NULL;

	/* A handshake's earlier answers are over with this one. */
	buf_clear(&line->body);
	line->wire = 0;
	line->has_head = false;
	if (!loop_timer_is_set(line->answer))
		loop_timer_set(line->answer, line->answer_ms);
	if (curl_easy_getinfo(line->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info && info->internals)
		snprintf(line->tls_version, sizeof line->tls_version, "%s", SSL_get_version(info->internals));
}

static size_t took_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_line *line = arg;

	if (size * count >= 5 && strncmp(data, "HTTP/", 5) == 0)
		answer_begins(line);
	else if (*data == '\r' || *data == '\n')
		line->has_head = true;
	return size * count;
}

static int before_request(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct http_line *line = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	loop_timer_cancel(line->answer);
	/* A repetition, because the connection ended without an answer: within a handshake it says nothing about the user. */
	line->lost = line->authenticates && line->requests && !line->has_head;
	if (line->lost || line->requests == line->max_requests)
		return CURL_PREREQFUNC_ABORT;
	line->requests++;
	line->has_head = false;
	return CURL_PREREQFUNC_OK;
}

/* --- the end of a request ---------------------------------------------------------------------------------------------------------- */

static void take_down(struct http_line *line)
{
	if (!line->easy)
		return;
	loop_timer_cancel(line->total);
	loop_timer_cancel(line->answer);
	curl_multi_remove_handle(line->client->multi, line->easy);
	curl_easy_cleanup(line->easy);
	line->easy = NULL;
	curl_slist_free_all(line->headers);
	line->headers = NULL;
	buf_wipe(&line->send);
	buf_free(&line->body);
}

static enum http_outcome outcome_of(const struct http_line *line, CURLcode code)
{
	if (line->too_late)
		return HTTP_TOO_LATE;
	if (line->too_large)
		return HTTP_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		/* libcurl takes a head that is cut for a whole answer. */
		return line->has_head ? HTTP_ANSWERED : HTTP_BROKEN;
	case CURLE_COULDNT_RESOLVE_HOST:
		return HTTP_NOT_RESOLVED;
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_NOT_CONNECTED;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CIPHER:
		return HTTP_TLS_FAILED;
	case CURLE_ABORTED_BY_CALLBACK:
		return line->authenticates && !line->lost ? HTTP_TOO_MANY : HTTP_BROKEN;
	default:
		return HTTP_BROKEN;
	}
}

static const char *why_of(const struct http_line *line, enum http_outcome outcome, CURLcode code)
{
	switch (outcome) {
	case HTTP_ANSWERED:
		return "";
	case HTTP_TOO_LATE:
		return line->requests ? "the server did not answer in time" : "the request could not be sent in time";
	case HTTP_TOO_LARGE:
		return "the answer is larger than accepted";
	case HTTP_TOO_MANY:
		return "the server wants another request each time";
	default:
		break;
	}
	switch (code) {
	case CURLE_SSL_CACERT_BADFILE:
		return "it is not set whom to trust";
	case CURLE_OK:
	case CURLE_ABORTED_BY_CALLBACK:
		return "the connection ended before the answer";
	default:
		return *line->why ? line->why : curl_easy_strerror(code);
	}
}

static void write_end(CURL *easy, CURLINFO host_info, CURLINFO port_info, char *out, size_t size)
{
	char *host = NULL;
	long port = 0;

	*out = '\0';
	curl_easy_getinfo(easy, host_info, &host);
	curl_easy_getinfo(easy, port_info, &port);
	if (host && *host)
		snprintf(out, size, strchr(host, ':') ? "[%s]:%ld" : "%s:%ld", host, port);
}

/* The line's owner may free it, or ask again, in its call: what the answer needs is taken out before. */
void http_line_ended(struct http_line *line, CURLcode code)
{
	enum http_outcome outcome = outcome_of(line, code);
	char peer[80], local[80], why[CURL_ERROR_SIZE], version[sizeof line->tls_version];
	struct curl_slist *headers = line->headers;
	struct buf body = line->body;
	struct http_answer answer = { .outcome = outcome, .peer = peer, .local = local, .why = why, .tls_version = version,
		.requests = line->requests, .took_ms = loop_now_ms(line->client->loop) - line->began_ms };
	CURL *easy = line->easy;
	long status = 0;

	loop_timer_cancel(line->total);
	loop_timer_cancel(line->answer);
	write_end(easy, CURLINFO_PRIMARY_IP, CURLINFO_PRIMARY_PORT, peer, sizeof peer);
	write_end(easy, CURLINFO_LOCAL_IP, CURLINFO_LOCAL_PORT, local, sizeof local);
	snprintf(why, sizeof why, "%s", why_of(line, outcome, code));
	memcpy(version, line->tls_version, sizeof version);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	if (outcome == HTTP_ANSWERED) {
		answer.status = (unsigned)status;
		answer.body = buf_bytes(&body);
		answer.headers = easy;
	}
	curl_multi_remove_handle(line->client->multi, easy);
	line->easy = NULL;
	line->headers = NULL;
	line->body = (struct buf){ 0 };
	buf_wipe(&line->send);
	line->answered(line->ctx, &answer);
	curl_easy_cleanup(easy);
	curl_slist_free_all(headers);
	buf_free(&body);
}

static void on_too_late(void *arg)
{
	struct http_line *line = arg;

	line->too_late = true;
	http_line_ended(line, CURLE_OPERATION_TIMEDOUT);
}

const char *http_answer_header(const struct http_answer *answer, const char *name)
{
	struct curl_header *header;

	if (!answer->headers || curl_easy_header(answer->headers, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	/* Of several the last. */
	if (header->amount > 1)
		curl_easy_header(answer->headers, name, header->amount - 1, CURLH_HEADER, -1, &header);
	/* Of an empty one libcurl leaves the line end. */
	return header->value + strspn(header->value, "\r\n");
}

/* --- asking ------------------------------------------------------------------------------------------------------------------------ */

static void add_header(struct http_line *line, const char *text)
{
	struct curl_slist *longer = curl_slist_append(line->headers, text);

	if (!longer)
		memory_exhausted(strlen(text));
	line->headers = longer;
}

static void set_headers(struct http_line *line, const struct http_ask *ask)
{
	add_header(line, "Expect:");
	for (size_t i = 0; i < HTTP_HEADERS_MAX && ask->headers[i].name; i++) {
		char *text = memory_printf("%s: %s", ask->headers[i].name, ask->headers[i].value);

		add_header(line, text);
		memory_wipe_str(&text);
	}
	SET(line->easy, CURLOPT_HTTPHEADER, line->headers);
}

static void set_callbacks(CURL *easy, struct http_line *line)
{
	SET(easy, CURLOPT_PRIVATE, line);
	SET(easy, CURLOPT_ERRORBUFFER, line->why);
	SET(easy, CURLOPT_WRITEFUNCTION, took_body);
	SET(easy, CURLOPT_WRITEDATA, line);
	SET(easy, CURLOPT_HEADERFUNCTION, took_header);
	SET(easy, CURLOPT_HEADERDATA, line);
	SET(easy, CURLOPT_PREREQFUNCTION, before_request);
	SET(easy, CURLOPT_PREREQDATA, line);
	SET(easy, CURLOPT_DEBUGFUNCTION, traced);
	SET(easy, CURLOPT_DEBUGDATA, line);
	SET(easy, CURLOPT_VERBOSE, 1L);
	SET(easy, CURLOPT_XFERINFOFUNCTION, progressed);
	SET(easy, CURLOPT_XFERINFODATA, line);
	SET(easy, CURLOPT_NOPROGRESS, 0L);
}

static void set_ask(struct http_line *line, const struct http_ask *ask)
{
	CURL *easy = line->easy;

	SET(easy, CURLOPT_URL, ask->url);
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, ask->connect_ms ? (long)ask->connect_ms : 10000L);
	if (strcmp(ask->method, "POST") == 0) {
		buf_append(&line->send, ask->body);
		SET(easy, CURLOPT_POST, 1L);
		SET(easy, CURLOPT_POSTFIELDSIZE, (long)line->send.len);
		SET(easy, CURLOPT_POSTFIELDS, line->send.len ? (char *)line->send.data : "");
	}
	if (ask->auth == HTTP_AUTH_NTLM) {
		SET(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_NTLM);
		SET(easy, CURLOPT_USERNAME, ask->user);
		SET(easy, CURLOPT_PASSWORD, ask->password);
	}
	if (ask->own_connection) {
		SET(easy, CURLOPT_FRESH_CONNECT, 1L);
		SET(easy, CURLOPT_FORBID_REUSE, 1L);
	}
	set_headers(line, ask);
}

void http_line_ask(struct http_line *line, const struct http_ask *ask, http_answered_fn *answered, void *ctx)
{
	struct http_client *client = line->client;
	CURLMcode code;

	if (line->easy)
		bug("a line was asked while it was busy");
	line->easy = curl_easy_init();
	if (!line->easy)
		memory_exhausted(sizeof line->easy);
	line->answered = answered;
	line->ctx = ctx;
	line->max_body = ask->max_body ? ask->max_body : 65536;
	line->requests = 0;
	line->max_requests = ask->max_requests ? ask->max_requests : 3;
	line->answer_ms = ask->answer_ms ? ask->answer_ms : 10000;
	line->too_large = line->too_late = line->has_head = line->lost = false;
	line->wire = 0;
	line->authenticates = ask->auth != HTTP_AUTH_NONE;
	line->why[0] = line->tls_version[0] = '\0';
	line->began_ms = loop_now_ms(client->loop);
	http_client_dress(client, line->easy);
	set_callbacks(line->easy, line);
	set_ask(line, ask);
	loop_timer_set(line->total, ask->total_ms ? ask->total_ms : 30000);
	code = curl_multi_add_handle(client->multi, line->easy);
	if (code != CURLM_OK)
		bug("libcurl does not take a request: %s", curl_multi_strerror(code));
}

bool http_line_is_busy(const struct http_line *line)
{
	return line->easy != NULL;
}

void http_line_cancel(struct http_line *line)
{
	take_down(line);
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

struct http_line *http_line_new(struct http_client *client)
{
	struct http_line *line = memory_new(sizeof *line);

	line->client = client;
	line->total = loop_timer_new(client->loop, on_too_late, line);
	line->answer = loop_timer_new_real(client->loop, on_too_late, line);
	http_client_count(client, 1);
	return line;
}

void http_line_free(struct http_line **line)
{
	struct http_line *l = *line;

	if (!l)
		return;
	*line = NULL;
	take_down(l);
	loop_timer_free(&l->total);
	loop_timer_free(&l->answer);
	http_client_count(l->client, -1);
	free(l);
}
