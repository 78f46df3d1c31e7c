#ifndef BRAMBLE_ADMIN_TRACE_READ_H
#define BRAMBLE_ADMIN_TRACE_READ_H

#include "admin/store.h"
#include "admin/trace_source.h"

/* Reads what there is of one device's logins: asks the running processes of the place, then the database. 0, or the exit status with the
 * sentence printed when the database cannot be read; processes that do not answer are no error. Either way the source is to be freed. */
int trace_read(struct trace_source *source, struct store *store, uint32_t pin);

/* Of the database alone; pin 0: of all devices. */
int trace_read_stored(struct trace_source *source, struct store *store, uint32_t pin);

#endif
