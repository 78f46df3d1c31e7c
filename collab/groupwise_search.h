#ifndef BRAMBLE_COLLAB_GROUPWISE_SEARCH_H
#define BRAMBLE_COLLAB_GROUPWISE_SEARCH_H

#include "collab/groupwise_messenger.h"

/* Looking for people in the server's directory: a search is made, and its results are asked for until they are there.
 * Source: code (one free client: first after 1 s, then every 8 s, five times; the terms). */
struct lookups;

enum {
	SEARCH_FIRST_MS = 1000, SEARCH_AGAIN_MS = 8000, SEARCH_POLLS = 5,
	SEARCHES_MAX = 4,                    /* at once */
	SEARCH_FOUND_MAX = 100,              /* people told; the rest is left out */
};

/* login: the fields of the login answer, whose policy may forbid searching. */
struct lookups *lookups_new(struct messenger *messenger, const struct gw_field *login);
void lookups_free(struct lookups **lookups);      /* after the link */

/* Has one outcome, after the results. */
void lookups_begin(struct lookups *lookups, uint32_t ref, const struct im_search *search);

#endif
