#include <stdlib.h>

#include "admin/check_entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line of a history that is read has all that a rule may look at. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_entry entry;
	struct error err;
	char value[16];

	if (check_entry_decode(bytes_of(data, size), &entry, &err) != 0)
		return 0;
	if (!entry.name || !entry.text || !entry.process_name || !entry.seq)
		abort();
	for (size_t i = 0; i < CHECK_NUMBERS && entry.numbers[i].name; i++) {
		if (check_number(&entry, entry.numbers[i].name) != entry.numbers[i].value)
			abort();
	}
	check_value(&entry, "login", value, sizeof value);
	check_entry_free(&entry);
	return 0;
}
