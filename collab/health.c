#include "collab/health.h"

enum {
	NO_DATABASE = 80, NO_IM_SERVER = 70,      /* each alone makes it sick: below the usual fail-over threshold */
	LINKS_SHORT = 30, LOGINS_LONG = 30,       /* alone they do not */
};

/* 0 up to half of what there is, all of the weight when all of it is used. */
static unsigned strain(size_t used, size_t most, unsigned weight)
{
	if (most == 0 || used <= most / 2)
		return 0;
	if (used >= most)
		return weight;
	return (unsigned)(weight * (used - most / 2) / (most - most / 2));
}

unsigned health_score(const struct health *h)
{
	unsigned loss = 0;

	if (h->is_in_doubt)
		return 0;
	if (!h->is_database_there)
		loss += NO_DATABASE;
	loss += NO_IM_SERVER * h->im_failures / HEALTH_TRIES;
	loss += strain(h->links, h->links_max, LINKS_SHORT) + strain(h->logins, h->logins_max, LOGINS_LONG);
	return loss >= HEALTH_MAX ? 0 : HEALTH_MAX - loss;
}
