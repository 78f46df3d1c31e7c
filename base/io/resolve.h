#ifndef BRAMBLE_BASE_IO_RESOLVE_H
#define BRAMBLE_BASE_IO_RESOLVE_H

#include <netdb.h>

#include "base/io/address.h"
#include "base/io/loop.h"

/* Turns a host and a port into socket addresses, off the loop when a name server must be asked. For dialling alone. */
struct resolve;

/* found is NULL when nothing was; why then says so. found lives until this returns. */
typedef void resolve_fn(void *arg, const struct addrinfo *found, const char *why);

/* Answers later, never inside. */
struct resolve *resolve_new(struct loop *loop, const struct address *address, resolve_fn *fn, void *arg);
/* No answer is given any more. NULL inside is fine; may be called inside the answer. */
void resolve_free(struct resolve **resolve);

/* Numeric hosts and "localhost", which need nobody else: the result of getaddrinfo, or NULL. The caller gives it to
 * freeaddrinfo. */
struct addrinfo *resolve_numeric(const struct address *address);

/* For a thread that may wait, until a deadline (real): the caller gives the result to freeaddrinfo. NULL with why, which is a text of the
 * program's own, when the name has no address or nobody answers in time. */
struct addrinfo *resolve_await(const struct address *address, uint64_t deadline_us, const char **why);

/* "127.0.0.1:3101", "[::1]:3101" or "unix". The caller frees it. */
char *resolve_text(const struct sockaddr *address, socklen_t len);

#endif
