#ifndef BRAMBLE_ADMIN_SESSION_WATCH_H
#define BRAMBLE_ADMIN_SESSION_WATCH_H

#include "admin/store.h"

/* The sessions of a place as they are now, and again and again. */
struct session_view {
	struct store *store;
	bool history, json;
	uint32_t most;
};

/* Reads them: the database's rows joined with what the running Collaboration Service says (a service that does not answer within 1 s is
 * passed over). A new reference, or NULL with the exit status, the sentence printed. */
json_t *session_view_read(const struct session_view *view, int *status);

/* rows as the view shows them once. */
void session_view_print(const struct session_view *view, const json_t *rows);

/* Until SIGINT or SIGTERM. On a terminal the list is redrawn in place every second, as high as the terminal is. Elsewhere it is printed
 * when something has happened (a countdown that ticks is nothing); with json one line each time. */
void session_view_watch(const struct session_view *view);

#endif
