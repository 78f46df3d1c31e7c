#include "collab/session_table.h"

#include <stdlib.h>

#include "base/memory.h"

void session_table_add(struct session_table *table, struct session *session)
{
	struct session *older;

	HASH_ADD(by_id, table->by_id, id, sizeof session->id, session);
	/* A login replaces the device's older session in the same transaction, so at most one of a PIN lives; while both are being
	 * worked on the newer one is the device's. */
	HASH_FIND(by_pin, table->by_pin, &session->pin, sizeof session->pin, older);
	if (older)
		HASH_DELETE(by_pin, table->by_pin, older);
	HASH_ADD(by_pin, table->by_pin, pin, sizeof session->pin, session);
}

void session_table_remove(struct session_table *table, struct session *session)
{
	HASH_DELETE(by_id, table->by_id, session);
	if (session_table_of_pin(table, session->pin) == session)
		HASH_DELETE(by_pin, table->by_pin, session);
}

struct session *session_table_find(const struct session_table *table, uint32_t id)
{
	struct session *found;

	HASH_FIND(by_id, table->by_id, &id, sizeof id, found);
	return found;
}

struct session *session_table_of_pin(const struct session_table *table, uint32_t pin)
{
	struct session *found;

	HASH_FIND(by_pin, table->by_pin, &pin, sizeof pin, found);
	return found;
}

size_t session_table_count(const struct session_table *table)
{
	return HASH_CNT(by_id, table->by_id);
}

void session_table_each(const struct session_table *table, void (*fn)(struct session *session, void *arg), void *arg)
{
	size_t count = session_table_count(table), at = 0;
	uint32_t *ids = memory_new((count + 1) * sizeof *ids);
	struct session *s, *next;

	HASH_ITER(by_id, table->by_id, s, next)
		ids[at++] = s->id;
	for (size_t i = 0; i < count; i++) {
		s = session_table_find(table, ids[i]);
		if (s)
			fn(s, arg);
	}
	free(ids);
}
