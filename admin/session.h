#ifndef BRAMBLE_ADMIN_SESSION_H
#define BRAMBLE_ADMIN_SESSION_H

#include <jansson.h>

/* `bramble session events`: the event trail of the database. */
int session_events(int argc, char **argv);

struct db_trail_entry;
/* A row of it: id, time, process, event, pin, session, transaction, text. A new reference. */
json_t *session_event_json(const struct db_trail_entry *entry);

#endif
