#include <stdlib.h>

#include "base/io/http_client_private.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"

enum {
	SPARE_CONNECTIONS = 32,          /* that are kept beside one for each line */
	RECEIVE_SIZE = 16384,
};

/* As SET. */
#define SET_MULTI(multi, option, value) \
	do { \
		CURLMcode set_code = curl_multi_setopt(multi, option, value); \
		if (set_code != CURLM_OK) \
			bug("libcurl does not take " #option ": %s", curl_multi_strerror(set_code)); \
	} while (0)

/* --- the loop's side ------------------------------------------------------------------------------------------------------------- */

static void finish_all(struct http_client *client)
{
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		struct http_line *line = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &line);
		if (!line)
			bug("libcurl ended a request that nobody made");
		http_line_ended(line, message->data.result);
	}
}

static void act(struct http_client *client, curl_socket_t fd, int events)
{
	int running;
	CURLMcode code;

	loop_sending(client->loop);
	code = curl_multi_socket_action(client->multi, fd, events, &running);

	if (code != CURLM_OK)
		bug("libcurl cannot go on: %s", curl_multi_strerror(code));
	http_sockets_worked(client->sockets);
	finish_all(client);
}

static void socket_ready(void *ctx, int fd, int ready)
{
	act(ctx, fd, (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void timer_rang(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int want_timer(CURLM *multi, long in_ms, void *arg)
{
	struct http_client *client = arg;

	(void)multi;
	if (in_ms < 0)
		loop_timer_cancel(client->timer);
	else
		loop_timer_set(client->timer, (uint64_t)in_ms);
	return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct http_client *client = arg;

	(void)easy;
	(void)unused;
	http_sockets_want(client->sockets, fd, what == CURL_POLL_REMOVE ? 0 :
		(what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
	return 0;
}

/* --- what every request has ------------------------------------------------------------------------------------------------------- */

static curl_socket_t make_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	const struct http_client *client = arg;

	(void)purpose;
	return http_sockets_make(client->sockets, address->family, address->socktype, address->protocol);
}

static int end_socket(void *arg, curl_socket_t fd)
{
	const struct http_client *client = arg;

	return http_sockets_close(client->sockets, fd);
}

static CURLcode lend_trust(CURL *easy, void *context, void *arg)
{
	struct http_client *client = arg;

	(void)easy;
	if (!client->tls)
		return CURLE_SSL_CACERT_BADFILE;
	tls_lend_trust(client->tls, context);
	return CURLE_OK;
}

static void set_trust(CURL *easy, struct http_client *client)
{
	enum tls_trust trust = client->tls ? tls_trust_of(client->tls) : TLS_TRUST_CA;

	/* None of libcurl's own: tls_lend_trust says whom. */
	SET(easy, CURLOPT_CAINFO, NULL);
	SET(easy, CURLOPT_CAPATH, NULL);
	SET(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
	SET(easy, CURLOPT_SSL_CTX_FUNCTION, lend_trust);
	SET(easy, CURLOPT_SSL_CTX_DATA, client);
	SET(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, trust == TLS_TRUST_ANY ? 0L : 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, trust == TLS_TRUST_CA ? 2L : 0L);
}

void http_client_dress(struct http_client *client, CURL *easy)
{
	SET(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_PROXY, "");
	SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_SIZE);
	SET(easy, CURLOPT_USERAGENT, "Bramble/" BRAMBLE_VERSION);
	SET(easy, CURLOPT_SHARE, client->share);
	SET(easy, CURLOPT_OPENSOCKETFUNCTION, make_socket);
	SET(easy, CURLOPT_OPENSOCKETDATA, client);
	SET(easy, CURLOPT_CLOSESOCKETFUNCTION, end_socket);
	SET(easy, CURLOPT_CLOSESOCKETDATA, client);
	set_trust(easy, client);
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

/* libcurl closes what is over the bound, also what is in use only for a moment not: each line may have one that it comes back to. */
static void set_bound(const struct http_client *client)
{
	SET_MULTI(client->multi, CURLMOPT_MAXCONNECTS, (long)client->lines + SPARE_CONNECTIONS);
}

void http_client_count(struct http_client *client, int lines)
{
	client->lines += (unsigned)lines;
	set_bound(client);
}

struct http_client *http_client_new(struct loop *loop, struct tls *tls)
{
	struct http_client *client = memory_new(sizeof *client);
	/* An answer whose headers it could not keep would be one without them. */
	CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_take, free, memory_resize, memory_str, memory_several);

	if (code != CURLE_OK)
		fatal(EXIT_INTERNAL, "no HTTP: %s", curl_easy_strerror(code));
	*client = (struct http_client){ .loop = loop, .tls = tls, .multi = curl_multi_init(), .share = curl_share_init() };
	if (!client->multi || !client->share)
		memory_exhausted(sizeof *client);
	client->timer = loop_timer_new_real(loop, timer_rang, client);
	client->sockets = http_sockets_new(loop, socket_ready, client);
	if (curl_share_setopt(client->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK)
		bug("libcurl does not share TLS sessions");
	SET_MULTI(client->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	SET_MULTI(client->multi, CURLMOPT_SOCKETDATA, client);
	SET_MULTI(client->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	SET_MULTI(client->multi, CURLMOPT_TIMERDATA, client);
	SET_MULTI(client->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
	set_bound(client);
	return client;
}

void http_client_free(struct http_client **client)
{
	struct http_client *c = *client;

	if (!c)
		return;
	if (c->lines)
		bug("the HTTP client ends with %u lines left", c->lines);
	*client = NULL;
	curl_multi_cleanup(c->multi);
	curl_share_cleanup(c->share);
	curl_global_cleanup();
	http_sockets_free(&c->sockets);
	loop_timer_free(&c->timer);
	free(c);
}

unsigned http_client_sockets(const struct http_client *client)
{
	return http_sockets_count(client->sockets);
}
