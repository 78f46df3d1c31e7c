#ifndef BRAMBLE_ROUTER_KEEPER_H
#define BRAMBLE_ROUTER_KEEPER_H

#include "base/bytes.h"
#include "base/error.h"

/* The Router meets strangers and so has no files once it has started. The few that it needs later are opened by its keeper: a process that
 * the Router makes of itself, that speaks with nobody else, and that knows three verbs: the identities file, opened to be read; the state,
 * written anew; the names of the Router's own sockets, removed at its end. It ends with the Router, however that ends.
 *
 * Calls wait for the keeper, KEEPER_MS at most. */
struct keeper;

#define KEEPER_MS 5000
#define KEEPER_SOCKETS 3

/* Must live as long as the keeper. */
struct keeper_files {
	const char *identities, *state;
	const char *sockets[KEEPER_SOCKETS];    /* paths; NULL: none */
};

/* Call it before the process gives up its own files. NULL with a sentence. */
struct keeper *keeper_start(const struct keeper_files *files, struct error *err);
/* The caller closes it. -1 with errno. */
int keeper_identities(struct keeper *keeper);
/* As deactivation_store. -1 with errno. */
int keeper_store(struct keeper *keeper, struct bytes state);
void keeper_end(struct keeper **keeper);

#endif
