#ifndef BRAMBLE_PROTOCOL_BACKLOG_H
#define BRAMBLE_PROTOCOL_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

/* How many of the messages that were handed to a peer it has not read yet, and since when. Every so many of them a PING goes along as a
 * mark; a link keeps its order, so the PONG says that all before it was read. That counts alike what waits in our queue, in the kernel's
 * two and in the peer's, which a count of queued bytes does not.
 * Source: ours; SRP and the link to the services have PING and PONG. */
enum { BACKLOG_MARKS = 128 };    /* so many marks have their time; of more that are outstanding the newest have */

struct backlog {
	uint32_t every;              /* messages between marks: a power of two */
	uint32_t handed, read;       /* both count on for ever, and wrap */
	uint64_t marked_us[BACKLOG_MARKS];
};

/* Marks have this bit in their nonce; a PING that only asks for a sign of life has not. */
#define BACKLOG_MARK 0x80000000u

/* A link begins. */
void backlog_start(struct backlog *backlog, uint32_t every);
/* One message was handed over. true: a mark must follow it. */
bool backlog_add(struct backlog *backlog);
/* The nonce of the mark that follows now, at now_us: microseconds of any clock that does not go back. */
uint32_t backlog_mark(struct backlog *backlog, uint64_t now_us);
/* A PONG came. false: it answers no mark that is outstanding, and changes nothing. */
bool backlog_answer(struct backlog *backlog, uint32_t nonce);
/* Messages; those behind the last answered mark count as not read, so it may be up to every - 1 too high. */
uint32_t backlog_size(const struct backlog *backlog);
/* How long the oldest mark has been outstanding, microseconds; 0 when none is. */
uint64_t backlog_age_us(const struct backlog *backlog, uint64_t now_us);

#endif
