#ifndef BRAMBLE_BASE_IO_HTTP_CLIENT_PRIVATE_H
#define BRAMBLE_BASE_IO_HTTP_CLIENT_PRIVATE_H

#include <curl/curl.h>

#include "base/io/http_client.h"
#include "base/io/http_sockets.h"
#include "base/log.h"

/* What http_client.c (libcurl on the loop) and http_line.c (a request of it) know of each other. */

struct http_client {
	struct loop *loop;
	struct tls *tls;
	CURLM *multi;
	CURLSH *share;                   /* TLS sessions to resume */
	struct loop_timer *timer;        /* libcurl's own, real time */
	struct http_sockets *sockets;
	unsigned lines;
};

/* What every request has, whatever it asks for. */
void http_client_dress(struct http_client *client, CURL *easy);
/* There is a line more, or one less. */
void http_client_count(struct http_client *client, int lines);
/* libcurl is done with what the line asked. */
void http_line_ended(struct http_line *line, CURLcode code);

/* What libcurl refuses is our mistake. */
#define SET(easy, option, value) \
	do { \
		CURLcode set_code = curl_easy_setopt(easy, option, value); \
		if (set_code != CURLE_OK) \
			bug("libcurl does not take " #option ": %s", curl_easy_strerror(set_code)); \
	} while (0)

#endif
