#include "admin/span.h"

#include <inttypes.h>
#include <stdio.h>

const char *span_text(uint64_t ms, char *text, size_t size)
{
	uint64_t s = ms / 1000;

	if (s < 10 && ms % 1000)
		snprintf(text, size, "%" PRIu64 ".%02" PRIu64 " s", s, ms % 1000 / 10);
	else if (s < 60)
		snprintf(text, size, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(text, size, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, size, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(text, size, "%" PRIu64 "d%02" PRIu64 "h", s / 86400, s / 3600 % 24);
	return text;
}
