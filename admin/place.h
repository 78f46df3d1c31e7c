#ifndef BRAMBLE_ADMIN_PLACE_H
#define BRAMBLE_ADMIN_PLACE_H

#include <jansson.h>

#include "base/error.h"

/* Where an installation keeps its things: what the tool reads of the settings file that the daemons read too. */
struct place {
	char *file;                 /* the settings file */
	char *run_dir, *log_level, *database, *install_key, *history;              /* [common] */
	char *router_listen, *router_identities;                         /* [router] */
	char *dispatcher_listen, *dispatcher_server;                     /* [dispatcher] */
	char *collab_environment;                                        /* [collab] */
	char *lab_backend;                                               /* [lab] */
	char *groupwise_listen, *groupwise_world, *groupwise_state, *groupwise_sessions;   /* [groupwise] */
	char *ocs_listen, *ocs_world, *ocs_state, *ocs_profile;          /* [ocs] */
	char *cwa_listen, *cwa_world, *cwa_sign_in, *cwa_capacity, *cwa_hold, *cwa_poll, *cwa_idle;   /* [cwa] */
};

/* config: the file; else dir: its bramble.ini; else lab/bramble.ini or bramble.ini, whichever is there.
 * 0, or -1 with a sentence; either way to be closed. */
int place_open(struct place *place, const char *dir, const char *config, struct error *err);
void place_close(struct place *place);

/* Asks the running daemon NAME of this place; see control_ask. */
json_t *place_ask(const struct place *place, const char *name, const char *verb, json_t *params, int *status, struct error *err);

/* The Collaboration Services that a place may have, by the names of their control sockets; ends with NULL. */
extern const char *const place_services[];

/* The folder that --dir means when it is left out. */
#define PLACE_DEFAULT_DIR "lab"

#endif
