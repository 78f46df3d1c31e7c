#ifndef BRAMBLE_COLLAB_CWA_SEARCH_H
#define BRAMBLE_COLLAB_CWA_SEARCH_H

#include "collab/cwa_communicator.h"

/* The server's directory: a search, and then the presence of those who were found, because the directory has none.
 * Source: document (search, searchResult, queryPresence); which field of the device's is looked for where: ours. */
struct cwa_searches;

enum {
	CWA_SEARCHES_MAX = 4,                /* at once */
	CWA_FOUND_MAX = 100,                 /* people told; the rest is left out */
};

struct cwa_searches *cwa_searches_new(struct communicator *m);
void cwa_searches_free(struct cwa_searches **searches);

/* The device's; has one outcome, after who was found. What the server cannot look for is refused. */
void cwa_search_begin(struct cwa_searches *searches, uint32_t ref, const struct im_search *search);
/* The events searchResult and userPresence. */
void cwa_search_event(struct cwa_searches *searches, const struct cwa_node *event);

#endif
