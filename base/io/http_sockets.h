#ifndef BRAMBLE_BASE_IO_HTTP_SOCKETS_H
#define BRAMBLE_BASE_IO_HTTP_SOCKETS_H

#include "base/io/loop.h"

/* The sockets that libcurl reads and writes: made and closed here, watched on the loop, and their bytes counted in its balance (loop_work)
 * as those of our own connections are, so that clocks which are moved as one do not move while a request is under way. For http_client.c. */
struct http_sockets;

typedef void http_socket_ready_fn(void *ctx, int fd, int ready);

struct http_sockets *http_sockets_new(struct loop *loop, http_socket_ready_fn *ready, void *ctx);
void http_sockets_free(struct http_sockets **sockets);      /* those of libcurl must be closed */

/* The descriptor, or -1. */
int http_sockets_make(struct http_sockets *sockets, int family, int type, int protocol);
int http_sockets_close(struct http_sockets *sockets, int fd);
/* What libcurl waits for (LOOP_READ, LOOP_WRITE); 0: for nothing, it is kept to be used again. A descriptor that was not made here is the
 * pipe of a thread of libcurl's that looks up a name. */
void http_sockets_want(struct http_sockets *sockets, int fd, int wants);
/* libcurl has worked: what has passed meanwhile is counted, if a manual clock makes it matter. */
void http_sockets_worked(struct http_sockets *sockets);
unsigned http_sockets_count(const struct http_sockets *sockets);

#endif
