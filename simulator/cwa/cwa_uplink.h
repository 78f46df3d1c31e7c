#ifndef BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_H
#define BRAMBLE_SIMULATOR_CWA_CWA_UPLINK_H

#include "simulator/cwa/cwa_home.h"

struct tls;
struct trail;

/* Users who live on a Communications Server: each session is an endpoint there, all of them over one link. Who is on whose list, what
 * others see and where conversations go is the Communications Server's; nothing of it is taken from world.xml.
 * What becomes what on the link: docs/protocol/ocs.md. Source: ours; what the product said there is not public. */
struct cwa_uplink_settings {
	const char *next_hop;           /* "ocs.corp.test:5061"; the certificate shown there must name that host */
	struct tls *tls;                /* a client's, with a certificate of its own; NULL: clear, for tests of one process */
	const char *name;               /* what we call ourselves in Via and Contact */
	struct trail *trail;            /* who was registered, and what came of it; NULL: none */
};

/* Dials at once and again whenever the link is lost. It ends by its free. The settings' texts and world must live as long. */
struct home *cwa_uplink_new(struct loop *loop, const struct world *world, const struct cwa_uplink_settings *settings);

#endif
