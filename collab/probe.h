#ifndef BRAMBLE_COLLAB_PROBE_H
#define BRAMBLE_COLLAB_PROBE_H

#include "base/io/loop.h"

/* Asks the IM server for a connection, and closes it as soon as it stands: so a service that stands by, and has none that could fail, knows
 * whether it could take over. Only TCP, as a load balancer's health check does. Source: ours; that the health of a BES has its messaging
 * servers in it is documented [DOC-THR]. */
struct probe;

struct probe *probe_new(struct loop *loop, void (*answered)(void *ctx, bool is_there), void *ctx);
void probe_free(struct probe **probe);

/* Does nothing while the last one has not ended. */
void probe_ask(struct probe *probe, const char *host, uint16_t port);

#endif
