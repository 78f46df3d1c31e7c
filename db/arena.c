#include "db/arena.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/memory.h"

enum { BLOCK = 1024, ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(ALIGN) uint8_t data[];
};

void *arena_new(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *out;

	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK ? size : BLOCK;

		block = memory_new(sizeof *block + room);
		block->size = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	out = block->data + block->used;
	block->used += size;
	return out;
}

char *arena_bytes(struct arena *arena, struct bytes bytes)
{
	char *copy = arena_new(arena, bytes.len + 1);

	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	return copy;
}

char *arena_str(struct arena *arena, const char *text)
{
	return text ? arena_bytes(arena, bytes_str(text)) : NULL;
}

/* Doubles at each power of two, so that count alone says when to move. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size)
{
	void *bigger;

	if (count && (count < 8 || (count & (count - 1))))
		return items;
	bigger = arena_new(arena, (count ? count * 2 : 8) * item_size);
	if (count)
		memcpy(bigger, items, count * item_size);
	return bigger;
}

static void end(struct arena *arena, bool wipe)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		if (wipe)
			OPENSSL_cleanse(block->data, block->used);
		free(block);
		block = next;
	}
	arena->blocks = NULL;
}

void arena_free(struct arena *arena)
{
	end(arena, false);
}

void arena_wipe(struct arena *arena)
{
	end(arena, true);
}
