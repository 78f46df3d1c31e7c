#include "base/settings_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"

/* --- numbers with units ------------------------------------------------------------------------------------------------ */

struct unit { const char *name; uint64_t factor; };

static const struct unit durations[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }, { NULL, 0 },
};
static const struct unit sizes[] = { { "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { NULL, 0 } };

/* Digits and one unit of the list, or digits alone. */
static int number_parse(const char *text, const struct unit *units, uint64_t *out)
{
	const char *at = text;
	uint64_t value = 0, factor = 1;

	if (*at < '0' || *at > '9')
		return -1;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return -1;
	}
	if (*at) {
		for (; units && units->name && strcasecmp(at, units->name) != 0; units++)
			;
		if (!units || !units->name)
			return -1;
		factor = units->factor;
	}
	return __builtin_mul_overflow(value, factor, out) ? -1 : 0;
}

static const char *number_text(uint64_t value, const struct unit *units)
{
	static __thread char pool[8][32];
	static __thread unsigned next;
	char *out = pool[next++ % 8];

	for (; units->name && (value == 0 || value % units->factor != 0); units++)
		;
	if (units->name)
		snprintf(out, sizeof pool[0], "%llu%s", (unsigned long long)(value / units->factor), units->name);
	else
		snprintf(out, sizeof pool[0], "%llu", (unsigned long long)value);
	return out;
}

int duration_parse(const char *text, uint64_t *ms, struct error *err)
{
	if (number_parse(text, durations, ms) == 0)
		return 0;
	return error_set(err, "%s is not a duration; write 250ms, 90s, 31m, 4h, 2d or a number of milliseconds",
		log_str(text));
}

const char *duration_text(uint64_t ms)
{
	return number_text(ms, durations);
}

/* --- one value --------------------------------------------------------------------------------------------------------- */

static char **text_of(const struct setting *s, void *into)
{
	return (char **)(void *)((char *)into + s->offset);
}

static uint64_t *number_of(const struct setting *s, void *into)
{
	return (uint64_t *)(void *)((char *)into + s->offset);
}

static int *choice_of(const struct setting *s, void *into)
{
	return (int *)(void *)((char *)into + s->offset);
}

static bool *switch_of(const struct setting *s, void *into)
{
	return (bool *)(void *)((char *)into + s->offset);
}

static bool is_text(enum setting_type type)
{
	return type == SETTING_TEXT || type == SETTING_PATH || type == SETTING_ADDRESS;
}

/* Where an URL goes on after its scheme and "://", or NULL when the text is none. */
static const char *after_scheme(const char *text)
{
	const char *end = text + strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return end > text && strncmp(end, "://", 3) == 0 ? end + 3 : NULL;
}

/* A database may be named by an URL: its path is a path, an address somewhere else is left alone. */
static char *path_in(const char *folder, const char *path)
{
	if (strncmp(path, "sqlite:", 7) == 0 && path[7] != '/' && path[7])
		return memory_printf("sqlite:%s/%s", folder, path + 7);
	if (path[0] == '/' || after_scheme(path) || strncmp(path, "sqlite:", 7) == 0)
		return memory_str(path);
	return memory_printf("%s/%s", folder, path);
}

static const struct unit *units_of(enum setting_type type)
{
	return type == SETTING_DURATION ? durations : type == SETTING_SIZE ? sizes : NULL;
}

static const char *bound_text(const struct setting *s, uint64_t value)
{
	static const struct unit none[] = { { NULL, 0 } };

	return number_text(value, units_of(s->type) ? units_of(s->type) : none);
}

/* What the row accepts, as the end of a sentence. */
static void say_accepted(const struct setting *s, struct buf *out)
{
	switch (s->type) {
	case SETTING_TEXT: buf_text(out, "text"); break;
	case SETTING_PATH: buf_text(out, "a path"); break;
	case SETTING_NUMBER: buf_text(out, "a number"); break;
	case SETTING_DURATION: buf_text(out, "a duration (250ms, 90s, 31m, 4h, 2d)"); break;
	case SETTING_SIZE: buf_text(out, "a size (4096, 128K, 8M)"); break;
	case SETTING_SWITCH: buf_text(out, "yes or no"); break;
	case SETTING_ADDRESS: buf_text(out, "HOST:PORT, [V6]:PORT or unix:PATH"); break;
	case SETTING_CHOICE:
		for (size_t i = 0; s->choices[i]; i++)
			buf_printf(out, "%s%s", i == 0 ? "" : s->choices[i + 1] ? ", " : " or ", s->choices[i]);
		break;
	}
	if (s->type == SETTING_NUMBER || s->type == SETTING_DURATION || s->type == SETTING_SIZE) {
		if (s->max)
			buf_printf(out, " from %s to %s", bound_text(s, s->min), bound_text(s, s->max));
		else if (s->min)
			buf_printf(out, " of at least %s", bound_text(s, s->min));
	}
}

static int switch_parse(const char *text, bool *out)
{
	static const char *const words[] = { "no", "yes", "off", "on", "false", "true", NULL };

	for (size_t i = 0; words[i]; i++) {
		if (strcasecmp(text, words[i]) == 0) {
			*out = i % 2;
			return 0;
		}
	}
	return -1;
}

static int choice_parse(const struct setting *s, const char *text, int *out)
{
	for (int i = 0; s->choices[i]; i++) {
		if (strcasecmp(text, s->choices[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

static int read_value(const struct setting *s, const char *text, const char *folder, void *into, struct error *why)
{
	uint64_t number;
	struct address address;

	why->text[0] = '\0';
	switch (s->type) {
	case SETTING_NUMBER:
	case SETTING_DURATION:
	case SETTING_SIZE:
		if (number_parse(text, units_of(s->type), &number) != 0 || number < s->min || (s->max && number > s->max))
			return -1;
		*number_of(s, into) = number;
		return 0;
	case SETTING_SWITCH:
		return switch_parse(text, switch_of(s, into));
	case SETTING_CHOICE:
		return choice_parse(s, text, choice_of(s, into));
	case SETTING_ADDRESS:
		if (*text && address_parse(text, &address, why) != 0)
			return -1;
		break;
	case SETTING_TEXT:
	case SETTING_PATH:
		break;
	}
	free(*text_of(s, into));
	*text_of(s, into) = !*text ? NULL : s->type == SETTING_PATH ? path_in(folder, text) : memory_str(text);
	return 0;
}

int setting_set(const struct setting *s, const char *text, const char *folder, void *into, const char *where,
	const char *section, struct error *err)
{
	struct buf accepted = { 0 };
	struct error why;

	if (read_value(s, text, folder, into, &why) == 0)
		return 0;
	say_accepted(s, &accepted);
	error_set(err, "%.200s[%s] %s = %s is not accepted; it takes %s", where, section, s->key,
		s->secret ? "(secret)" : log_str(text), buf_cstr(&accepted));
	buf_free(&accepted);
	return -1;
}

void setting_reset(const struct setting *s, const char *folder, const char *section, void *into)
{
	struct error why;

	if (is_text(s->type))
		*text_of(s, into) = NULL;
	else if (s->type == SETTING_CHOICE)
		*choice_of(s, into) = 0;
	else if (s->type == SETTING_SWITCH)
		*switch_of(s, into) = false;
	else
		*number_of(s, into) = 0;
	if (s->fallback && read_value(s, s->fallback, folder, into, &why) != 0)
		bug("setting %s.%s: its own default %s is not accepted", section, s->key, s->fallback);
}

/* --- back to text ------------------------------------------------------------------------------------------------------ */

/* From `from` on the rest of a parameter's value, or of what precedes the host, is not shown. */
static void hide(char **text, const char *from, const char *to)
{
	char *hidden = memory_printf("%.*s***%s", (int)(from - *text), *text, to);

	memory_wipe_str(text);
	*text = hidden;
}

/* An URL's password: between the first : and the last @, since one that should have been escaped may be anything; and the parameters that
 * hold one. */
static char *without_password(const char *value)
{
	static const char *const keys[] = { "password=", "sslpassword=" };
	char *shown = memory_str(value);
	const char *start = after_scheme(shown), *colon = start ? strchr(start, ':') : NULL, *host = strrchr(shown, '@');

	if (!start)
		return shown;
	if (colon && host && colon < host)
		hide(&shown, colon + 1, host);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		for (const char *at = shown; (at = strstr(at, keys[i])) != NULL; ) {
			size_t value_at = (size_t)(at - shown) + strlen(keys[i]);

			hide(&shown, shown + value_at, shown + value_at + strcspn(shown + value_at, "&"));
			at = shown + value_at;
		}
	}
	return shown;
}

static void print_text(const char *value, struct buf *out)
{
	size_t len = strlen(value);
	bool quote = len && (value[0] == ' ' || value[0] == '\t' || value[len - 1] == ' ' || value[len - 1] == '\t' ||
		(value[0] == '"' && value[len - 1] == '"'));

	buf_printf(out, quote ? "\"%s\"" : "%s", value);
}

static void print_path(const char *value, struct buf *out)
{
	char *shown = without_password(value);

	print_text(shown, out);
	memory_wipe_str(&shown);
}

void settings_print(const struct setting *table, const void *from, const char *section, struct buf *out)
{
	/* The accessors are for both directions; nothing is written here. */
	void *in = (void *)(uintptr_t)from;

	buf_printf(out, "[%s]\n", section);
	for (const struct setting *s = table; s->key; s++) {
		bool is_null = is_text(s->type) && !*text_of(s, in);
		struct buf accepted = { 0 };

		say_accepted(s, &accepted);
		buf_printf(out, "# %s (%s)\n", s->help, buf_cstr(&accepted));
		buf_free(&accepted);
		if (s->secret && !is_null) {
			buf_printf(out, "# %s is set and secret\n", s->key);
			continue;
		}
		buf_printf(out, "%s = ", s->key);
		switch (s->type) {
		case SETTING_NUMBER:
		case SETTING_DURATION:
		case SETTING_SIZE:
			buf_text(out, bound_text(s, *number_of(s, in)));
			break;
		case SETTING_SWITCH: buf_text(out, *switch_of(s, in) ? "yes" : "no"); break;
		case SETTING_CHOICE: buf_text(out, s->choices[*choice_of(s, in)]); break;
		case SETTING_TEXT:
		case SETTING_PATH:
		case SETTING_ADDRESS:
			if (!is_null)
				print_path(*text_of(s, in), out);
			break;
		}
		buf_text(out, "\n");
	}
}

void settings_free(const struct setting *table, void *settings)
{
	for (; table->key; table++) {
		if (!is_text(table->type))
			continue;
		if (table->secret)
			memory_wipe_str(text_of(table, settings));
		free(*text_of(table, settings));
		*text_of(table, settings) = NULL;
	}
}
