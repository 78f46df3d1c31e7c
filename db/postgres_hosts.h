#ifndef BRAMBLE_DB_POSTGRES_HOSTS_H
#define BRAMBLE_DB_POSTGRES_HOSTS_H

#include <stdint.h>

#include "base/error.h"

/* Inside db/ only: the addresses of the hosts that a PostgreSQL URL names, one after another. libpq would ask the name server by itself, for as
 * long as that takes (resolv.conf: tens of seconds), and wait for an address that is silent until there is no time left for the next. */

enum { POSTGRES_HOST_MS = 2000 };        /* for each host: to find its addresses, and to try them */

/* What is set takes the place of what the URL says; NULL leaves it. host stays the name: certificates and password files go by it. */
struct postgres_target {
	const char *host, *hostaddr, *port;
};

enum postgres_tried { POSTGRES_OPEN, POSTGRES_NEXT, POSTGRES_REFUSED };

/* Tries one: until connect_us the server must have taken the connection, until deadline_us (both real) all must be done. */
typedef enum postgres_tried postgres_try_fn(void *arg, const struct postgres_target *target, uint64_t connect_us, uint64_t deadline_us);

/* Until one is open, or refuses in a way that another address would not change. -1 when none is; err has a sentence (about place) if a name was
 * the reason and is left alone otherwise: whoever tried has said why. */
int postgres_hosts_try(const char *url, const char *place, postgres_try_fn *fn, void *arg, struct error *err);

#endif
