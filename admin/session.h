#ifndef BRAMBLE_ADMIN_SESSION_H
#define BRAMBLE_ADMIN_SESSION_H

#include <jansson.h>
#include <stdint.h>

/* `bramble session events`: the event trail of the database. */
int session_events(int argc, char **argv);

/* "2009-05-01T12:00:00.250Z", or null for 0: as all lists of the tool show times. */
json_t *time_json(uint64_t wall_ms);

#endif
