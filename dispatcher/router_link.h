#ifndef BRAMBLE_DISPATCHER_ROUTER_LINK_H
#define BRAMBLE_DISPATCHER_ROUTER_LINK_H

#include "base/io/loop.h"
#include "protocol/srp.h"

/* The Dispatcher's connection to one Router, as a service peer of SRP: dials, proves itself, has the Router prove itself, keeps
 * the link alive, dials again when it is lost, but never so often that the identifier would be deactivated.
 *
 *   CLOSED -- tcp --> CLAIMED -- challenge --> CHALLENGED -- proof of the Router --> PROVING -- RETURN 0 --> UP
 *
 * Source: document [STO-A 90-91] for the steps; opcodes and layout as docs/protocol/srp.md says. */
struct router_link;

enum router_link_state { ROUTER_CLOSED, ROUTER_CLAIMED, ROUTER_CHALLENGED, ROUTER_PROVING, ROUTER_UP };
const char *router_link_state_name(enum router_link_state state);

struct router_link_settings {
	const char *srp_id;
	uint32_t connects;                /* so many within a minute, then it waits */
	uint64_t standby_ms;              /* how often one that has stepped back asks whether its identifier is free */
	uint8_t key[SRP_KEY_SIZE];
	uint64_t ping_interval_ms;
	unsigned ping_misses;
};

/* Messages borrow from the frame: they live until the call returns. */
struct router_link_callbacks {
	void (*up)(void *ctx, unsigned router);
	void (*down)(void *ctx, unsigned router);        /* it was up */
	void (*stepped_back)(void *ctx, unsigned router);    /* a newer connection of the identifier is there; after down */
	/* It had stepped back, and is up again: because the identifier was free, or because it was claimed. Before up. */
	void (*back)(void *ctx, unsigned router, bool is_claimed);
	void (*receive)(void *ctx, unsigned router, const struct srp_receive *receive);
	void (*mark)(void *ctx, unsigned router, uint32_t nonce);    /* to be answered when what came before it was worked off */
	void (*status)(void *ctx, unsigned router, const struct srp_status_msg *status);
	void (*coverage)(void *ctx, unsigned router, const struct srp_coverage *coverage);
	void (*can_send)(void *ctx, unsigned router);    /* again, after it could not */
};

/* A connection that a newer one of the same identifier has superseded is not dialled again: there would be no end to it. It steps back, and
 * from time to time connects and asks for the identifier only if nobody has it; or until router_link_claim. Source: document for the
 * later one that supersedes; what becomes of the earlier: ours. */

/* router: the caller's number for it. Dials from the loop. */
struct router_link *router_link_new(struct loop *loop, unsigned router, const char *address,
	const struct router_link_settings *settings, const struct router_link_callbacks *callbacks, void *ctx);
void router_link_free(struct router_link **link);     /* ends it without a callback */

bool router_link_has_stepped_back(const struct router_link *link);
void router_link_claim(struct router_link *link);     /* takes its identifier back, if it has stepped back */

const char *router_link_address(const struct router_link *link);
enum router_link_state router_link_state(const struct router_link *link);
const char *router_link_why(const struct router_link *link);    /* why it was lost the last time; "" */
bool router_link_can_send(const struct router_link *link);      /* up, not told to pause, and its queue is not full */
void router_link_send(struct router_link *link, const struct srp_send *send);
void router_link_answer_mark(struct router_link *link, uint32_t nonce);    /* while the link is up on which it came */
void router_link_pause(struct router_link *link, bool pause);   /* reads nothing more for now */

#endif
