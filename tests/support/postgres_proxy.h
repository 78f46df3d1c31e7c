#ifndef BRAMBLE_TESTS_SUPPORT_POSTGRES_PROXY_H
#define BRAMBLE_TESTS_SUPPORT_POSTGRES_PROXY_H

#include <stddef.h>

/* Stands between a program and its PostgreSQL server, as a process of its own, and loses what it is told to lose. */
enum proxy_mode {
	PROXY_PASS,
	PROXY_REFUSE,              /* connections end as soon as they are made; those that are there are ended as well */
	PROXY_STALL,               /* nothing passes, and nothing ends */
	PROXY_COMMIT_LOST,         /* the next COMMIT does not reach the server; then PASS */
	PROXY_ANSWER_LOST,         /* the next COMMIT does, and its answer is lost with the connection; then PASS */
	PROXY_ANSWER_LOST_AWAY,    /* the same; then REFUSE */
};

struct postgres_proxy;
/* url: the server's, on a Unix socket. folder: where the proxy's socket lies. through: the same URL by way of the proxy. */
struct postgres_proxy *postgres_proxy_new(const char *url, const char *folder, char *through, size_t size);
void postgres_proxy_mode(struct postgres_proxy *proxy, enum proxy_mode mode);
void postgres_proxy_free(struct postgres_proxy **proxy);

#endif
