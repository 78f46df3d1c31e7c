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
	for (size_t i = 0; i < len; i++) {
		uint8_t c = value.data[i];

		if (c == '"' || c == '\\' || c < 0x20 || c == 0x7f)
			at += sprintf(at, "\\x%02x", c);
		else
			*at++ = (char)c;
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
