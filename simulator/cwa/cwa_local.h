#ifndef BRAMBLE_SIMULATOR_CWA_CWA_LOCAL_H
#define BRAMBLE_SIMULATOR_CWA_CWA_LOCAL_H

#include "simulator/cwa/cwa_home.h"

/* The home without a server behind: the users of the world live here, from the contact lists that it gives them on. Nothing is kept over
 * a restart. wall_s: the time of day, which follows the loop's clock. */
struct home *cwa_local_new(struct loop *loop, const struct world *world, uint64_t (*wall_s)(void *arg), void *arg);

#endif
