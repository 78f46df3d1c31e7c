#ifndef BRAMBLE_ADMIN_TRACE_FAILOVER_H
#define BRAMBLE_ADMIN_TRACE_FAILOVER_H

#include <jansson.h>

/* The switches of active and standby services, from the entries of the database's event trail (session_event_json, oldest first): a row
 * per step, each switch together and its steps in the documented order, although several processes have written them. The caller owns
 * it. Keys: time, switch, step (1 to 7; null: none of the documented ones), process, instance, other, sessions, health, event, what, why. */
json_t *trace_failover(const json_t *events);

/* `bramble trace failover` */
int trace_failover_command(int argc, char **argv);

#endif
