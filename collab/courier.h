#ifndef BRAMBLE_COLLAB_COURIER_H
#define BRAMBLE_COLLAB_COURIER_H

#include "base/bytes.h"
#include "base/io/loop.h"

/* What is on its way to the devices, one queue per PIN, and which of them are in coverage.
 *
 * A message stays in its queue until the dispatcher says DELIVERED. When it comes back as UNAVAILABLE, or the link to the
 * dispatcher is lost, it stays, and everything that waits is sent again, in order, when the device is back. Devices drop what
 * they got twice by its IM sequence number, so sending again is harmless.
 *
 * There may be several ways, one per dispatcher: a PIN is reached by the one that has said last that it is there.
 * Source: document - PAT-COV (available, unavailable, return if unavailable); keeping and sending again: ours. */
struct courier;

enum {
	COURIER_QUEUE = 100,       /* messages held back per PIN; beyond that the oldest is dropped, soft ones first, and counted */
	COURIER_IN_FLIGHT = 16,    /* handed to the dispatcher and not answered, per PIN: well inside the dispatcher's queue */
	COURIER_BYTES = 1048576,   /* held back per PIN */
	COURIER_ABSENT = 10000,    /* PINs that are out of coverage and have something waiting; beyond: the longest absent */
	COURIER_WAYS = 4,          /* Source: document (one service serves up to four BES) */
	COURIER_GRACE_MS = 5000,   /* after the dispatcher starts its list over, PINs missing from it count as lost only then */
};

enum courier_fate {
	COURIER_QUEUED,
	COURIER_DELIVERED,
	COURIER_DROPPED,           /* because too much waits, or it could not go at once and is worth nothing later */
	COURIER_REFUSED,           /* the network does not take it */
	COURIER_FORGOTTEN,         /* its session is over */
	COURIER_FATES
};

struct courier_callbacks {
	/* What becomes of each message that was queued: QUEUED, then one of the others. May be NULL; must not call the courier. */
	void (*fate)(void *ctx, uint32_t pin, uint32_t session, struct bytes clear, enum courier_fate fate);
	/* Hands one message to the dispatcher; tag comes back in courier_status. */
	void (*send)(void *ctx, unsigned way, uint32_t pin, uint32_t tag, struct bytes clear);
	/* The way to the dispatcher is full: nothing more is sent until courier_drained. */
	bool (*is_full)(void *ctx, unsigned way);
	/* A PIN came into coverage or left it. */
	void (*coverage)(void *ctx, uint32_t pin, bool available);
	/* Something about a session (not 0) was dropped because too much waits for its device. */
	void (*dropped)(void *ctx, uint32_t pin, uint32_t session);
};

struct courier *courier_new(struct loop *loop, const struct courier_callbacks *callbacks, void *ctx);
void courier_free(struct courier **courier);

/* The link to the dispatcher is registered, or gone. Gone: nobody's coverage changes by that, but nothing is sent. */
void courier_link(struct courier *c, unsigned way, bool up);
/* A way to the dispatcher has room again. */
void courier_drained(struct courier *c);
/* What the dispatcher says. pin 0, available false: it forgets all, the list of those in coverage follows. */
void courier_coverage(struct courier *c, unsigned way, uint32_t pin, bool available);
/* Traffic came from the PIN: it is there. What waits for it is sent. */
void courier_seen(struct courier *c, unsigned way, uint32_t pin);
/* The outcome of a tag (enum srp_status). Unknown tags are ones given up already. */
void courier_status(struct courier *c, uint32_t tag, uint32_t status);

bool courier_available(const struct courier *c, uint32_t pin);

enum {
	COURIER_KEEP = 1,          /* dropped from a full queue only when all of it is such */
	COURIER_LAST_WORD = 2,     /* outlives its session: courier_forget leaves it */
	COURIER_SOFT = 8,          /* news that later news replaces (presence): the first to go from a full queue */
	COURIER_NOW = 4,           /* worth nothing later: dropped, not counted, unless it can go at once; never sent again */
};
/* Queues one message (copied) about a session (0: none). */
void courier_send(struct courier *c, uint32_t pin, uint32_t session, int flags, struct bytes clear);
/* The session is over: what still waits for the device on its account is dropped. */
void courier_forget(struct courier *c, uint32_t pin, uint32_t session);
/* Does anything about this session wait for the device? */
bool courier_has(const struct courier *c, uint32_t pin, uint32_t session);
size_t courier_waiting(const struct courier *c, uint32_t pin);

struct courier_counts { uint64_t sent, delivered, returned, dropped, refused; size_t waiting, in_coverage; };
void courier_count(const struct courier *c, struct courier_counts *out);

#endif
