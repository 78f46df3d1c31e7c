#ifndef BRAMBLE_ADMIN_DEMO_TRACE_H
#define BRAMBLE_ADMIN_DEMO_TRACE_H

#include <jansson.h>

#include "admin/lab.h"

/* One login told from end to end: what the device said, and what router, dispatcher and Collaboration Service noted in their
 * trails, printed as the numbered steps of the vendor's process flow.
 * Source: document - FTO5 85-86 for the steps; the figures are measured. */
struct demo_trace;

/* Begins now: earlier entries do not belong to it. NULL with a sentence. */
struct demo_trace *demo_trace_begin(const struct lab *lab, struct error *err);
void demo_trace_free(struct demo_trace **trace);

/* sent, answer: the device's login-sent line and what answered it. 0, or -1 with a sentence when a process does not tell, or
 * when a step that must have happened left no entry. */
int demo_trace_print(struct demo_trace *trace, const json_t *sent, const json_t *answer, struct error *err);


#endif
