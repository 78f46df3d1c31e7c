#ifndef BRAMBLE_COLLAB_SESSION_TABLE_H
#define BRAMBLE_COLLAB_SESSION_TABLE_H

#include "collab/session.h"

/* All sessions of this process that are not over, and how many are in each state. */
struct session_table {
	struct session *by_id, *by_pin;
	size_t closing;              /* over, but their connection to the IM server is not closed yet */
};

void session_table_add(struct session_table *table, struct session *session);
void session_table_remove(struct session_table *table, struct session *session);
struct session *session_table_find(const struct session_table *table, uint32_t id);
struct session *session_table_of_pin(const struct session_table *table, uint32_t pin);
size_t session_table_count(const struct session_table *table);
/* Calls fn for each; fn may end any of them. */
void session_table_each(const struct session_table *table, void (*fn)(struct session *session, void *arg), void *arg);

#endif
