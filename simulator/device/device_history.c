#include "simulator/device/device_history.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void drop(struct device_said *said)
{
	free(said->with);
	free(said->from);
	free(said->text);
}

/* Not through the middle of a UTF-8 character. */
static struct bytes cut(struct bytes text)
{
	size_t len = text.len < DEVICE_HISTORY_TEXT ? text.len : DEVICE_HISTORY_TEXT;

	while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80)
		len--;
	return bytes_slice(text, 0, len);
}

void device_history_note(struct device_history *history, uint32_t room, struct bytes with, struct bytes from, struct bytes text)
{
	if (history->count == DEVICE_HISTORY_MAX) {
		drop(&history->said[0]);
		memmove(&history->said[0], &history->said[1], (DEVICE_HISTORY_MAX - 1) * sizeof history->said[0]);
		history->count--;
	}
	history->said[history->count++] = (struct device_said){
		.room = room, .with = bytes_dup(with), .from = bytes_dup(from), .text = bytes_dup(cut(text)),
	};
}

void device_history_forget_rooms(struct device_history *history)
{
	size_t kept = 0;

	for (size_t i = 0; i < history->count; i++) {
		if (history->said[i].room)
			drop(&history->said[i]);
		else
			history->said[kept++] = history->said[i];
	}
	history->count = kept;
}

void device_history_clear(struct device_history *history)
{
	while (history->count)
		drop(&history->said[--history->count]);
}

bool device_said_together(const struct device_said *a, const struct device_said *b)
{
	return a->room == b->room && strcasecmp(a->with, b->with) == 0;
}
