#include <stdlib.h>

#include "base/log.h"
#include "router/identities.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The Router's file of SRP identifiers: what is accepted can be found again, under its own name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { "" };
	struct identities *identities = identities_parse("file", bytes_of(data, size), &err);

	if (!identities) {
		if (!err.text[0])
			bug("refused without a sentence");
		return 0;
	}
	for (size_t i = 0; i < identities_count(identities); i++) {
		const struct identity *identity = identities_at(identities, i);
		if (identities_find(identities, bytes_str(identity->id)) != identity)
			bug("%s is not found", identity->id);
	}
	identities_free(&identities);
	return 0;
}
