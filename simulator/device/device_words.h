#ifndef BRAMBLE_SIMULATOR_DEVICE_WORDS_H
#define BRAMBLE_SIMULATOR_DEVICE_WORDS_H

#include "simulator/device/device_print.h"

/* What the device shows to a person, in words: happenings (device_words.c), and what is on its screen (device_screen.c). */

/* Text from outside: what steers a terminal becomes question marks, and its further lines are indented. */
void device_say(struct buf *out, struct bytes text);
void device_say_also(struct buf *out, struct bytes text);      /* " (text)", or nothing */
void device_say_contact(struct bytes user, struct bytes name, uint32_t presence, struct bytes text, struct buf *out);

/* Appends the line without its end; nothing when a person need not see it. */
void device_words(const struct device_printer *p, const struct device_event *event, struct buf *out);
/* Contacts, and which of them are blocked, or NULL. */
struct device_list {
	const struct im_contact *contacts;
	const bool *blocked;
	size_t count;
};
void device_words_list(const struct device_list *list, struct buf *out);
void device_words_contacts(const struct device_contacts *contacts, const struct device_blocks *blocks, struct buf *out);
void device_words_blocks(const struct device_blocks *blocks, struct buf *out);
void device_words_standing(const struct device *d, struct buf *out);      /* "alice, available, session 5, in coverage" */
void device_words_history(const struct device_history *history, struct buf *out);
void device_words_rooms(const struct device_rooms *rooms, struct buf *out);

#endif
