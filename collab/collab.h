#ifndef BRAMBLE_COLLAB_COLLAB_H
#define BRAMBLE_COLLAB_COLLAB_H

#include "base/trail.h"
#include "collab/settings.h"
#include "db/db.h"

/* The Collaboration Service: registers with the dispatcher for the IM content id, admits logins by the limits in the configuration
 * database, keeps one connection to the IM server per session, and carries what both sides say. */
struct collab;

/* Loads its environment and takes its place as an owner of seats, running the loop until that is done; then dials the dispatcher.
 * settings, db and trail outlive it. NULL with a sentence, and the exit status that fits. */
struct collab *collab_new(struct loop *loop, const struct collab_settings *settings, struct db *db, struct trail *trail, int *status,
	struct error *err);
/* Tells the devices that the service ends, logs out at the IM server, gives the seats back: runs the loop for that, at most
 * 3 s of real time. */
void collab_free(struct collab **collab);

/* Another instance of the same name took over: all sessions were ended, and the loop was stopped. */
bool collab_is_fenced(const struct collab *collab);

/* sessions, session.logout: for control_server_add, with the collab as ctx. */
extern const struct control_verb collab_verbs[];
/* Its part of what the verb status answers: for daemon_status_hook. */
void collab_status(void *collab, json_t *into);
/* Its part of a mark in the history: a history_count_fn. */
struct trail_entry;
void collab_count(void *collab, struct trail_entry *entry);

#endif
