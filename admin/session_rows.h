#ifndef BRAMBLE_ADMIN_SESSION_ROWS_H
#define BRAMBLE_ADMIN_SESSION_ROWS_H

#include <jansson.h>

#include "db/seats.h"

/* Sessions as the tool lists them: the database's rows, joined with what a running Collaboration Service says of those it holds. */

/* A row: session, user, pin, environment, instance, state, evictable, reason, ended_by, login_id, started, ended, lasted_ms; what is
 * not known, or not yet so, is null. A new reference. */
json_t *session_row_json(const struct seat_row *row);

/* Adds in_coverage, last_status_age_ms, idle_in_ms and inactive_in_ms to every row, and the state as the service sees it. sessions: the
 * answer of the control verb "sessions" (NULL: none came). A row whose service did not answer gets null; so does a countdown
 * whose limit is off. */
void session_rows_join(json_t *rows, const json_t *sessions);

/* The rows without what only ticks: equal ones mean that nothing has happened. A new reference. */
json_t *session_rows_state(const json_t *rows);

/* A copy with what people read in place of milliseconds: under "status", "idle", "inactive", "coverage" and "lasted". */
json_t *session_rows_words(const json_t *rows);

/* "2009-05-01T12:00:00.250Z", or null for 0: as all lists of the tool show times. */
json_t *time_json(uint64_t wall_ms);

#endif
