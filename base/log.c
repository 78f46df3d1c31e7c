#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const char *program_name = "bramble";
static enum log_level threshold = LOG_INFO;

void log_open(const char *program)
{
	program_name = program;
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level log_level_now(void)
{
	return threshold;
}

int log_level_parse(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcasecmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -1;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

bool log_wants(enum log_level level)
{
	return level <= threshold;
}

/* One write per line: lines of several processes that share a file do not mix. */
static void write_line(enum log_level level, const char *format, va_list args)
{
	char line[2048];
	struct timespec now;
	struct tm utc;
	size_t used;
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &utc);
	used += (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %s %s: ", now.tv_nsec / 1000000,
		program_name, level_names[level]);
	len = vsnprintf(line + used, sizeof line - used - 1, format, args);
	if (len < 0)
		return;
	used += (size_t)len;
	if (used > sizeof line - 2)
		used = sizeof line - 2;
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return;   /* nowhere left to say it */
}

void log_line(enum log_level level, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (!log_wants(level))
		return;
	va_start(args, format);
	write_line(level, format, args);
	va_end(args);
	errno = saved;
}

/* Length of the character that begins here, 0 if none does that may stand in a line: broken UTF-8, or a control character. */
static size_t character(const uint8_t *at, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t size = at[0] < 0x80 ? 1 : at[0] < 0xc0 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf8 ? 4 : 0;
	uint32_t point = size > 1 ? at[0] & (0x7fU >> size) : at[0];

	if (size == 0 || size > len)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (at[i] & 0x3f);
	}
	if (point < least[size] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == '"' || point == '\\' ? 0 : size;
}

const char *log_value(struct bytes value)
{
	static __thread char pool[16][4 * 200 + 8];
	static __thread unsigned next;
	char *out = pool[next++ % 16];
	char *at = out;
	bool quote = value.len == 0;
	size_t len = value.len > 200 ? 200 : value.len;

	for (size_t i = 0; i < len && !quote; i++)
		quote = value.data[i] == ' ' || value.data[i] == '"' || value.data[i] == '=';
	if (quote)
		*at++ = '"';
	for (size_t i = 0, size; i < len; i += size) {
		size = character(value.data + i, len - i);
		if (size) {
			memcpy(at, value.data + i, size);
			at += size;
		} else {
			at += sprintf(at, "\\x%02x", value.data[i]);
			size = 1;
		}
	}
	if (value.len > len)
		at += sprintf(at, "...");
	if (quote)
		*at++ = '"';
	*at = '\0';
	return out;
}

const char *log_str(const char *value)
{
	return log_value(bytes_str(value));
}

void fatal(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_ERROR, format, args);
	va_end(args);
	_exit(status);
}

void bug(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(LOG_ERROR, format, args);
	va_end(args);
	abort();
}
