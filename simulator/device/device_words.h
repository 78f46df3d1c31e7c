#ifndef BRAMBLE_SIMULATOR_DEVICE_WORDS_H
#define BRAMBLE_SIMULATOR_DEVICE_WORDS_H

#include "simulator/device/device_print.h"

/* What the device shows to a person, in words. */

/* Appends the line without its end; nothing when a person need not see it. */
void device_words(const struct device_printer *p, const struct device_event *event, struct buf *out);
void device_words_contacts(const struct device_contacts *contacts, const struct device_blocks *blocks, struct buf *out);
void device_words_blocks(const struct device_blocks *blocks, struct buf *out);
void device_words_rooms(const struct device_rooms *rooms, struct buf *out);

#endif
