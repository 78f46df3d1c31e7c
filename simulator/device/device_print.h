#ifndef BRAMBLE_SIMULATOR_DEVICE_PRINT_H
#define BRAMBLE_SIMULATOR_DEVICE_PRINT_H

#include <stdio.h>

#include "simulator/device/device.h"
#include "simulator/device/device_history.h"

/* One line per happening on standard output: words for a person, or one JSON object for a script. */
struct device_printer {
	FILE *out;
	bool json;
	bool verbose;      /* words: also what a person need not see (status messages, acknowledgements) */
	bool many;         /* words: more than one device, each line begins with its PIN */
	struct device_history *history;    /* words: what was said is kept here for the screen; may be NULL */
};

void device_print_event(const struct device_printer *p, const struct device_event *event);
void device_print_contacts(const struct device_printer *p, const struct device *d);     /* the list as it is now */
void device_print_blocks(const struct device_printer *p, const struct device *d);
void device_print_rooms(const struct device_printer *p, const struct device *d);
/* The person's view of everything: who and where he is, contacts, rooms, conversations. Clears a terminal before. */
void device_print_screen(const struct device_printer *p, const struct device *d);
void device_print_session(const struct device_printer *p, const struct device *d);      /* state and counts */
void device_print_faults(const struct device_printer *p, const struct device *d, const struct faults *faults, uint64_t now_ms);
void device_print_error(const struct device_printer *p, const struct device *d, const char *sentence);

#endif
