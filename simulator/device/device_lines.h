#ifndef BRAMBLE_SIMULATOR_DEVICE_LINES_H
#define BRAMBLE_SIMULATOR_DEVICE_LINES_H

#include "base/io/loop.h"
#include "simulator/device/device_print.h"

/* What a line does that a person types or a script writes, by its first word. */

/* Who types, and where the answers go. */
struct device_user {
	struct loop *loop;
	struct device_printer printer;
	struct faults *faults;       /* of the process's links */
};

/* The rest of a line, read word by word; blanks around it do not count. */
struct device_words_left { struct bytes rest; };
struct bytes device_next_word(struct device_words_left *words);

struct device_line {
	const char *name, *arguments, *help;
	bool waits;              /* for the outcome of a login or logout under way */
	bool waits_for_rooms;    /* also for what becomes of rooms that are made or joined */
	bool once;               /* not for each device */
	int (*run)(struct device_user *user, struct device *d, struct device_words_left words, struct error *err);
};
extern const struct device_line device_lines[];      /* ends with a NULL name */

/* The line that begins with this word, or NULL with a sentence. */
const struct device_line *device_line_find(struct bytes name, struct error *err);
void device_lines_help(FILE *out);

#endif
