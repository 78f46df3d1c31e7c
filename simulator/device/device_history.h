#ifndef BRAMBLE_SIMULATOR_DEVICE_HISTORY_H
#define BRAMBLE_SIMULATOR_DEVICE_HISTORY_H

#include "base/bytes.h"

/* What was said last, for the screen of a person: the newest DEVICE_HISTORY_MAX things, each cut to DEVICE_HISTORY_TEXT bytes. */
#define DEVICE_HISTORY_MAX 100
#define DEVICE_HISTORY_TEXT 400

struct device_said {
	uint32_t room;      /* 0: between the two alone */
	char *with;         /* whom it was said to or by; empty in a room */
	char *from;         /* empty: the user */
	char *text;
};

/* Oldest first. Zeroed is an empty one. */
struct device_history {
	struct device_said said[DEVICE_HISTORY_MAX];
	size_t count;
};

void device_history_note(struct device_history *history, uint32_t room, struct bytes with, struct bytes from, struct bytes text);
void device_history_forget_rooms(struct device_history *history);    /* their numbers mean others in the next session */
void device_history_clear(struct device_history *history);
bool device_said_together(const struct device_said *a, const struct device_said *b);   /* in one conversation */

#endif
