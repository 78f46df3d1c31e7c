#include "collab/cwa_said.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/utf8.h"

struct cwa_said {
	struct communicator *m;
	uint32_t ref;
	unsigned parts;
	struct cwa_refusal refusal;
};

size_t cwa_said_split(struct bytes text, struct bytes parts[CWA_PARTS_MAX])
{
	size_t count = 0;

	do {
		parts[count] = utf8_cut(text, CWA_MESSAGE_MAX);
		text = bytes_slice(text, parts[count++].len, text.len);
	} while (text.len && count < CWA_PARTS_MAX);
	return count;
}

struct cwa_said *cwa_said_new(struct communicator *m, uint32_t ref, unsigned parts)
{
	struct cwa_said *said = memory_new(sizeof *said);

	*said = (struct cwa_said){ .m = m, .ref = ref, .parts = parts };
	return said;
}

void cwa_said_part(struct cwa_said *said, const struct cwa_refusal *refusal)
{
	if (refusal && refusal->code != IM_OK && said->refusal.code == IM_OK)
		said->refusal = *refusal;
	if (--said->parts)
		return;
	communicator_done(said->m, said->ref, &said->refusal);
	free(said);
}

void cwa_said_abandon(struct cwa_said *said)
{
	if (--said->parts == 0)
		free(said);
}
