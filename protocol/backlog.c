#include "protocol/backlog.h"

#define COUNT_BITS (BACKLOG_MARK - 1u)

void backlog_start(struct backlog *backlog, uint32_t every)
{
	*backlog = (struct backlog){ .every = every };
}

bool backlog_add(struct backlog *backlog)
{
	return ++backlog->handed % backlog->every == 0;
}

uint32_t backlog_mark(struct backlog *backlog, uint64_t now_us)
{
	backlog->marked_us[backlog->handed / backlog->every % BACKLOG_MARKS] = now_us;
	return BACKLOG_MARK | backlog->handed;
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

uint64_t backlog_age_us(const struct backlog *backlog, uint64_t now_us)
{
	uint32_t marks = backlog_size(backlog) / backlog->every, oldest = backlog->read / backlog->every + 1;

	if (marks > BACKLOG_MARKS)
		oldest += marks - BACKLOG_MARKS;
	return marks ? now_us - backlog->marked_us[oldest % BACKLOG_MARKS] : 0;
}
