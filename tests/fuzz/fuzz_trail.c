/* Texts of trails, which hold what users and servers are called: a value is found or not, and never runs over. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/trail.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = { "user", "login", "why", "a", "" };
	char *text = bytes_dup(bytes_of(data, size));
	char value[16];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		memset(value, 'x', sizeof value);
		trail_value(text, keys[i], value, sizeof value);
		if (!memchr(value, '\0', sizeof value))
			bug("no end");
		if (strlen(value) > strlen(text))
			bug("longer than the text");
	}
	free(text);
	return 0;
}
