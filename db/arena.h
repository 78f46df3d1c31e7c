#ifndef BRAMBLE_DB_ARENA_H
#define BRAMBLE_DB_ARENA_H

#include "base/bytes.h"

/* Memory that ends all at once: the texts and rows of one verb. All zero is a valid empty one. */
struct arena {
	struct arena_block *blocks;
};

void *arena_new(struct arena *arena, size_t size);                       /* zeroed, aligned for anything */
char *arena_str(struct arena *arena, const char *text);                  /* NULL gives NULL */
char *arena_bytes(struct arena *arena, struct bytes bytes);              /* a terminated copy */
void arena_free(struct arena *arena);
void arena_wipe(struct arena *arena);                                    /* zeroes it first: for keys */

/* A growing array in an arena: returns room for one more. The old place stays until the arena ends. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size);

#endif
