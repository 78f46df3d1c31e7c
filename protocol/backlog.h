#ifndef BRAMBLE_PROTOCOL_BACKLOG_H
#define BRAMBLE_PROTOCOL_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

/* How many of the messages that were handed to a peer it has not read yet. Every so many of them a PING goes along as a mark; a link keeps
 * its order, so the PONG says that all before it was read. That counts alike what waits in our queue, in the kernel's two and in the
 * peer's, which a count of queued bytes does not, and needs no clock.
 * Source: ours; SRP and the link to the services have PING and PONG. */
struct backlog {
	uint32_t handed, read;      /* both count on for ever, and wrap; {0} when a link begins */
};

/* Marks have this bit in their nonce; a PING that only asks for a sign of life has not. */
#define BACKLOG_MARK 0x80000000u

/* One message was handed over. true: it is the every-th since the last mark, and PING with *nonce must follow it. */
bool backlog_add(struct backlog *backlog, uint32_t every, uint32_t *nonce);
/* A PONG came. false: it answers no mark that is outstanding, and changes nothing. */
bool backlog_answer(struct backlog *backlog, uint32_t nonce);
/* Messages; those behind the last answered mark count as not read, so it may be up to every - 1 too high. */
uint32_t backlog_size(const struct backlog *backlog);

#endif
