#include "dispatcher/pool_decide.h"

static bool can_be(const struct pool_candidate *candidate)
{
	return candidate->is_linked && !candidate->is_dead && !candidate->is_excluded;
}

static bool is_better(const struct pool_candidate *a, const struct pool_candidate *than)
{
	if (a->health != than->health)
		return a->health > than->health;
	return a->wants && !than->wants;
}

int pool_best(const struct pool_candidate *candidates, size_t count)
{
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		if (can_be(&candidates[i]) && (best < 0 || is_better(&candidates[i], &candidates[best])))
			best = (int)i;
	}
	return best;
}

enum pool_decision pool_decide(const struct pool_view *view, const struct pool_candidate *best)
{
	if (!best)
		return POOL_STAY;
	if (!view->has_active)
		return best->wants || view->is_settled ? POOL_ASSIGN : POOL_STAY;
	if (view->is_manual)
		return POOL_STAY;
	if (view->active_is_dead)
		return POOL_REPLACE;
	return view->active_health < view->failover_at && best->health >= view->promote_at ? POOL_SWITCH : POOL_STAY;
}
