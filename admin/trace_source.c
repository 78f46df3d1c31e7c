#include "admin/trace_source.h"

const char *const trace_process_names[TRACE_PROCESSES] = { "router", "dispatcher", "collab" };

void trace_source_free(struct trace_source *source)
{
	for (int i = 0; i < TRACE_PROCESSES; i++)
		json_decref(source->trails[i]);
	json_decref(source->cwa_trail);
	json_decref(source->events);
	json_decref(source->history);
	json_decref(source->live);
	*source = (struct trace_source){ 0 };
}
