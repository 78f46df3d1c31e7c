#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, const char *format, ...)
{
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	vsnprintf(err->text, sizeof err->text, format, args);
	va_end(args);
	return -1;
}

int error_prefix(struct error *err, const char *format, ...)
{
	char before[sizeof err->text];
	struct error tail;
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	vsnprintf(before, sizeof before, format, args);
	va_end(args);
	tail = *err;
	snprintf(err->text, sizeof err->text, "%.255s%.255s", before, tail.text);
	return -1;
}
