#ifndef BRAMBLE_ADMIN_SESSION_H
#define BRAMBLE_ADMIN_SESSION_H

#include <jansson.h>

#include "db/trail.h"

/* `bramble session events`: the event trail of the database. */
int session_events(int argc, char **argv);

/* A row of it: id, time, process, event, pin, session, transaction, text. A new reference. */
json_t *session_event_json(const struct db_trail_entry *entry);
/* For db_trail_list with a struct store as its context: the rows are that one's then. */
void store_take_events(void *store, enum db_status status, const struct db_trail_entry *entries, size_t count);

#endif
