#include "simulator/device/device_blocks.h"

#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"

static struct device_block *entry_of(const struct device_blocks *blocks, const char *user)
{
	for (size_t i = 0; i < blocks->count; i++) {
		if (strcasecmp(blocks->list[i].user, user) == 0)
			return &blocks->list[i];
	}
	return NULL;
}

static bool set(bool *what, bool to)
{
	bool changes = *what != to;

	*what = to;
	return changes;
}

static bool change(struct device_blocks *blocks, struct device_block *entry, bool blocked)
{
	bool changes = set(&entry->blocked, blocked);

	/* Who was on one list and is now as all others are is on no list any more, and goes with them when that changes. */
	if (changes && blocked == blocks->others_blocked) {
		free(entry->user);
		*entry = blocks->list[--blocks->count];
	}
	return changes;
}

bool device_blocks_take(struct device_blocks *blocks, const struct im_block *event)
{
	bool blocked = event->blocked != 0;
	struct device_block *entry;
	char *user;

	if (event->user.len == 0)
		return set(&blocks->others_blocked, blocked);
	user = bytes_dup(event->user);
	entry = entry_of(blocks, user);
	if (entry || blocks->count == DEVICE_BLOCKS_MAX) {
		free(user);
		return entry && change(blocks, entry, blocked);
	}
	blocks->list = memory_resize(blocks->list, (blocks->count + 1) * sizeof blocks->list[0]);
	blocks->list[blocks->count++] = (struct device_block){ user, blocked };
	return true;
}

bool device_blocks_has(const struct device_blocks *blocks, const char *user)
{
	const struct device_block *entry = entry_of(blocks, user);

	return entry ? entry->blocked : blocks->others_blocked;
}

void device_blocks_clear(struct device_blocks *blocks)
{
	for (size_t i = 0; i < blocks->count; i++)
		free(blocks->list[i].user);
	free(blocks->list);
	*blocks = (struct device_blocks){ 0 };
}
