#ifndef BRAMBLE_DISPATCHER_POOL_DECIDE_H
#define BRAMBLE_DISPATCHER_POOL_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who of a pool has the active connection: the rule alone, a function of what is known, with a test row per sentence.
 * Source: document [DOC-BCSHA] for one active connection that goes to the highest score, and for fail-over by hand or by itself; the
 * thresholds after those of BES fail-over [DOC-COND]; dead time and the order of equals are ours. */
struct pool_candidate {
	bool is_linked, is_dead, is_excluded;   /* excluded: it did not answer the last PROMOTE, and has said nothing since */
	bool wants;                             /* registered as active: by its settings, or because it is */
	uint32_t health;
};

struct pool_view {
	bool has_active, active_is_dead;
	uint32_t active_health;
	bool is_settled;          /* the Dispatcher runs for so long that who was active before it began would have come back */
	bool is_manual;
	uint32_t promote_at;      /* the least score of one that takes over from a sick one */
	uint32_t failover_at;     /* below it the active one is sick */
};

enum pool_decision {
	POOL_STAY,
	POOL_ASSIGN,              /* nobody is active */
	POOL_REPLACE,             /* the active one is dead */
	POOL_SWITCH,              /* it is sick: a planned switch */
};

/* The best of the candidates: the highest score, of equals the one that wants it, of those the first. -1: none can be. */
int pool_best(const struct pool_candidate *candidates, size_t count);
/* best: NULL when nobody can take over. */
enum pool_decision pool_decide(const struct pool_view *view, const struct pool_candidate *best);

#endif
