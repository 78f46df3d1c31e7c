/* What may stand in a table as text: strict UTF-8 without control characters, compared with the JSON library's own check. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "db/core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_control(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = bytes_dup(bytes_of(data, size));
	json_t *json = json_string(text);

	if (verb_is_text(text) != (json && !has_control(text)))
		abort();
	json_decref(json);
	free(text);
	return 0;
}
