#ifndef BRAMBLE_ADMIN_TRACE_SOURCE_H
#define BRAMBLE_ADMIN_TRACE_SOURCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What the processes and the database of a place know of logins. The trails of running processes have every step, but forget; the
 * database's event trail and history outlive the processes, and have the decision, the answer and the end. */
enum trace_process { TRACE_ROUTER, TRACE_DISPATCHER, TRACE_COLLAB, TRACE_PROCESSES };
extern const char *const trace_process_names[TRACE_PROCESSES];      /* "router" */

struct trace_source {
	/* Entries as the control verb "trail" gives them, oldest first; NULL: that process does not answer. */
	json_t *trails[TRACE_PROCESSES];
	/* The IM system is Communicator Web Access, and what a simulated one noted of its users at its Communications Server; NULL: it has no
	 * such trail, as a real one. */
	bool is_cwa;
	json_t *cwa_trail;
	json_t *events;                  /* rows of session_event_json, oldest first */
	json_t *history, *live;          /* rows of session_row_json, newest first */
	/* What a simulated device said: its lines login-sent and login-ok or login-failed. NULL: nobody asked one. */
	const json_t *sent, *answer;
};

void trace_source_free(struct trace_source *source);

#endif
