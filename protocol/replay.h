#ifndef BRAMBLE_PROTOCOL_REPLAY_H
#define BRAMBLE_PROTOCOL_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

/* Message ids count up per key and direction, and nothing is acted on twice, also after a restart: both sides commit a ceiling
 * ahead of what they use. Rules: ours (the record knows ids, not their protection). So many ids at most are given up by a restart, and a key
 * has 2^32; a commit costs as much as some messages, and who is refused for overload uses up ids too. */
#define REPLAY_AHEAD 4096

/* The receiver's side. */
struct replay_window {
	uint32_t base;          /* ids up to here belong to an earlier life of this process */
	uint32_t highest;
	uint64_t seen;          /* bit n: highest - n was seen */
	uint32_t committed;     /* ids above this must not be acted on yet */
};

enum replay_verdict {
	REPLAY_NEW,             /* act on it, then replay_accept */
	REPLAY_DUPLICATE,       /* seen, or too old for the window: answer again if a receipt is wanted, do nothing else */
	REPLAY_RESUME,          /* used up before a restart: tell the sender to resume at base */
	REPLAY_COMMIT_FIRST,    /* above the ceiling: commit replay_wanted_ceiling, then ask again */
};

/* committed: the ceiling that was stored (0: none yet). */
void replay_start(struct replay_window *w, uint32_t committed);
enum replay_verdict replay_check(const struct replay_window *w, uint32_t id);
void replay_accept(struct replay_window *w, uint32_t id);
/* The ceiling that should be stored now, or 0 if what is stored suffices: asked for well ahead (when half is used), so that
 * traffic seldom waits. id: the one in hand, or 0. */
uint32_t replay_wanted_ceiling(const struct replay_window *w, uint32_t id);
void replay_committed(struct replay_window *w, uint32_t ceiling);

/* The sender's side. */
struct replay_counter {
	uint32_t next;
	uint32_t committed;     /* ids above this must not be used yet */
};
void replay_counter_start(struct replay_counter *c, uint32_t committed);
bool replay_counter_take(struct replay_counter *c, uint32_t *id);     /* false: commit first, or the ids are used up */
uint32_t replay_counter_wanted(const struct replay_counter *c);       /* 0: enough */
void replay_counter_committed(struct replay_counter *c, uint32_t ceiling);
/* The receiver said "resume at": continue above it. false if it asks for a jump of more than 2^20 (ours: a forged one
 * must not use up the ids). */
bool replay_counter_resume(struct replay_counter *c, uint32_t at);

#endif
