#ifndef BRAMBLE_ADMIN_TRACE_STEPS_H
#define BRAMBLE_ADMIN_TRACE_STEPS_H

#include "admin/trace_source.h"

/* One login as the numbered steps of the vendor's process flow, with what really happened at each, and what became of its session.
 * Pure: goes by what the source holds. A new reference, or NULL when the source knows nothing of a login of that id.
 *
 *   login_id, pin, user, outcome ("accepted", "refused", "under-way", "unknown"), code, status_text, arithmetic, virtual_ms
 *   steps     step, what, process, detail, from ("trail", "database", "device"), at_us, time, virtual_ms
 *   evicted   the sessions that made way: session, pin, user, login_id, reason
 *   session   a row of session_row_json and events: what, detail and times as in steps; null: there never was one
 *   notes     sentences: what is not known any more, and why
 *
 * What is not known is null. An id that was used twice (a device's counting starts anew with a new key) is the last login of that id.
 * Source: document - FTO5 85-86 for the steps; the figures are measured. */
json_t *trace_explain(const struct trace_source *source, const char *login_id);

/* "2100000A-17": PIN and message id of the LOGIN. 0, or -1 when it is no login's id. */
int trace_id_parse(const char *login_id, uint32_t *pin, uint32_t *transaction);

/* A source that knows a login should also know these; the sentence of what is missing, or NULL. For who has just seen it happen. */
const char *trace_missing(const json_t *login);

/* For people: the steps alone, and all of it. */
void trace_print_steps(const json_t *login);
void trace_print(const json_t *login);

#endif
