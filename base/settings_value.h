#ifndef BRAMBLE_BASE_SETTINGS_VALUE_H
#define BRAMBLE_BASE_SETTINGS_VALUE_H

#include "base/settings.h"

/* One value of a settings table: between the text of a file and the place in the program's struct. For settings.c. */

/* Puts the row's default there; what was there before is not looked at. */
void setting_reset(const struct setting *s, const char *folder, const char *section, void *into);

/* where: "bramble.ini:12: " or "-o "; folder: what a relative path is meant from. -1 with a sentence. */
int setting_set(const struct setting *s, const char *text, const char *folder, void *into, const char *where,
	const char *section, struct error *err);

#endif
