#ifndef BRAMBLE_COLLAB_HEALTH_H
#define BRAMBLE_COLLAB_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

/* The health score that a service of a pool tells its Dispatchers: 0 (can do nothing) to 100, a pure function of what it knows of
 * itself. Source: document [DOC-BCSHA] that there is a score; what goes into it, and with which weight, is ours. */
struct health {
	bool is_database_there;        /* without it no login is decided */
	bool is_in_doubt;              /* it does not know whether its seats are still its own */
	/* Of the last HEALTH_TRIES connections to the IM server, sessions' or (while it stands by) probes: those that it did not answer, or dropped. */
	unsigned im_failures;
	size_t links, links_max;       /* connections of sessions, and how many the process may have */
	size_t logins, logins_max;     /* under way */
};

enum { HEALTH_MAX = 100, HEALTH_TRIES = 10 };

unsigned health_score(const struct health *health);

#endif
