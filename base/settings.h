#ifndef BRAMBLE_BASE_SETTINGS_H
#define BRAMBLE_BASE_SETTINGS_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/nearest.h"

/* One row per setting of a program: the INI reader, `-o section.key=value`, the range errors, `-T` and the manual all read
 * the same table. Types say how the value is written in the file and kept in the struct. */
enum setting_type {
	SETTING_TEXT,        /* char *, owned by the struct */
	SETTING_PATH,        /* char *; relative ones are meant from the file's folder */
	SETTING_NUMBER,      /* uint64_t, between min and max */
	SETTING_DURATION,    /* uint64_t milliseconds; written 250ms, 90s, 31m, 4h, 2d or a bare number of milliseconds */
	SETTING_SIZE,        /* uint64_t bytes; written 4096, 128K, 8M */
	SETTING_SWITCH,      /* bool; yes/no, on/off, true/false */
	SETTING_CHOICE,      /* int: the index into choices */
	SETTING_ADDRESS,     /* char *; HOST:PORT, [V6]:PORT or unix:PATH */
};

struct setting {
	const char *key;
	enum setting_type type;
	size_t offset;                   /* in the program's settings struct */
	const char *fallback;            /* as it would stand in the file; NULL: the value stays NULL / 0 */
	uint64_t min, max;               /* numbers, durations, sizes; max 0 means no upper bound */
	const char *const *choices;      /* NULL-terminated */
	const char *help;                /* one line: what it does, unit included */
	bool secret;                     /* never printed, neither by -T nor in an error */
	bool common;                     /* may also stand in [common], where several programs read it */
};

/* Fills the struct: fallbacks first, then [common] and [section] of the file (NULL: no file), then overrides
 * ("section.key=value", NULL-terminated, may be NULL). Other sections are left to their programs.
 * 0, or -1 with a sentence: file, line, key, value, what is accepted; for an unknown key also the nearest known one. */
int settings_load(const struct setting *table, void *into, const char *section, const char *file,
	const char *const *overrides, struct error *err);

/* The same from text in memory: name stands in the sentences, relative paths are meant from folder. */
int settings_load_text(const struct setting *table, void *into, const char *section, struct bytes text, const char *name,
	const char *folder, const char *const *overrides, struct error *err);

/* The same for a tool that needs some settings of another program: keys of the file that the table does not have are left alone. */
int settings_peek(const struct setting *table, void *into, const char *section, const char *file, struct error *err);

/* The effective settings as a file that could be read back, each with its help as a comment. */
void settings_print(const struct setting *table, const void *from, const char *section, struct buf *out);
void settings_free(const struct setting *table, void *settings);

/* Reads one value outside a file, for tools: "31m" -> 1860000. -1 with a sentence. */
int duration_parse(const char *text, uint64_t *ms, struct error *err);
/* The shortest exact form: 1860000 -> "31m". One of 8 static buffers. */
const char *duration_text(uint64_t ms);

#endif
