#ifndef BRAMBLE_SIMULATOR_DEVICE_BLOCKS_H
#define BRAMBLE_SIMULATOR_DEVICE_BLOCKS_H

#include "protocol/im.h"

#define DEVICE_BLOCKS_MAX 1000      /* kept (ours) */

/* Whom the user has blocked or allowed, and what holds for everybody else. Zeroed: everybody may. */
struct device_blocks {
	struct device_block { char *user; bool blocked; } *list;
	size_t count;
	bool others_blocked;
};

/* false: nothing changed by it. */
bool device_blocks_take(struct device_blocks *blocks, const struct im_block *event);
bool device_blocks_has(const struct device_blocks *blocks, const char *user);    /* is this user blocked */
void device_blocks_clear(struct device_blocks *blocks);

#endif
