#include "base/utf8.h"
#include "collab/cwa_communicator.h"

#include <stdint.h>
#include <stdlib.h>


void communicator_done(struct communicator *m, uint32_t ref, const struct cwa_refusal *refusal)
{
	m->events.done(m->ctx, ref, refusal->code, refusal->text);
}

static void replied(void *ctx, void *arg, const struct cwa_reply *reply)
{
	struct communicator *m = ctx;

	communicator_done(m, (uint32_t)(uintptr_t)arg, &reply->refusal);
}

void communicator_command(struct communicator *m, struct cwa_command **command, uint32_t ref)
{
	if (!cwa_channel_send(m->channel, command, true, replied, (void *)(uintptr_t)ref))
		m->events.done(m->ctx, ref, IM_BACKEND_REFUSED, COMMUNICATOR_FULL);
}

void communicator_tell(struct communicator *m, struct cwa_command **command)
{
	(void)cwa_channel_send(m->channel, command, false, NULL, NULL);
}

char *communicator_text(struct bytes text, size_t max)
{
	struct buf clean = { 0 };
	char *copy;

	utf8_repair_for_xml(text, &clean);
	copy = bytes_dup(utf8_cut(buf_bytes(&clean), max));
	buf_free(&clean);
	return copy;
}
