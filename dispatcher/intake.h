#ifndef BRAMBLE_DISPATCHER_INTAKE_H
#define BRAMBLE_DISPATCHER_INTAKE_H

#include "base/bytes.h"
#include "base/io/loop.h"

/* Envelopes that were read from routers and are not opened yet, in their order, with the routers' marks between them.
 *
 * A router's link carries two things: new messages of devices, and what became of those to devices. The second ends work that was begun
 * and costs next to nothing; the first begins more. So all is read as it comes, and what is new waits here, behind what is under way: else
 * five envelopes for each device would wait for their outcomes behind thousands of messages, and all would be slow together. A mark is
 * answered when what came before it was opened, so that the router knows how much waits.
 *
 * When a device's envelope has its turn, up to three more of the same device come with it. Whoever works behind this has a connection for
 * each session, and what comes together leaves there in one write and is answered in one: the more waits, the less does each message cost.
 * No mark comes before its time by that, and nobody waits for more than four times as many as were before him. Source: ours. */
struct intake;

struct intake_callbacks {
	void (*envelope)(void *ctx, uint32_t pin, struct bytes gme);
	void (*mark)(void *ctx, unsigned router, uint32_t nonce);
	void (*full)(void *ctx, bool is_full);     /* so much waits that routers should not be read from; or no longer so */
};

struct intake *intake_new(struct loop *loop, const struct intake_callbacks *callbacks, void *ctx);
void intake_free(struct intake **intake);

/* Both are copied, and handed out from the loop. */
void intake_envelope(struct intake *intake, uint32_t pin, struct bytes gme);
void intake_mark(struct intake *intake, unsigned router, uint32_t nonce);
/* Its marks are forgotten: on its next link they would say something else. Its envelopes stay. */
void intake_router_lost(struct intake *intake, unsigned router);
/* Hands nothing out for now: there is nowhere to put it. Also from a callback. */
void intake_rest(struct intake *intake, bool rests);
size_t intake_count(const struct intake *intake);      /* envelopes */

#endif
