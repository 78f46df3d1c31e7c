#include "protocol/backlog.h"

#define COUNT_BITS (BACKLOG_MARK - 1u)

bool backlog_add(struct backlog *backlog, uint32_t every, uint32_t *nonce)
{
	backlog->handed++;
	*nonce = BACKLOG_MARK | backlog->handed;
	return backlog->handed % every == 0;
}

bool backlog_answer(struct backlog *backlog, uint32_t nonce)
{
	uint32_t behind = (backlog->handed - nonce) & COUNT_BITS;     /* messages handed over after the mark */

	if (!(nonce & BACKLOG_MARK) || behind >= backlog_size(backlog))
		return false;
	backlog->read = backlog->handed - behind;
	return true;
}

uint32_t backlog_size(const struct backlog *backlog)
{
	return backlog->handed - backlog->read;
}
