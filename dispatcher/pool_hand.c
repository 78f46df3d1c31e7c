#include "dispatcher/pool_private.h"

#include <string.h>

#include "base/log.h"

/* --- by hand -------------------------------------------------------------------------------------------------------------- */

static struct pool_member *choose_by_hand(struct pool *p, const char *to, struct error *err)
{
	struct pool_candidate best = { 0 };
	struct pool_member *m = to ? pool_member_named(p, to) : pool_best_standby(p, &best);

	if (!m && to)
		error_set(err, "the pool of %s has no instance %s", p->content_id, log_str(to));
	else if (!m)
		error_set(err, "no standby instance of %s is linked and alive", p->content_id);
	else if (m->state == POOL_ACTIVE)
		error_set(err, "%s is active already", m->instance);
	else if (!pool_link(p, m) || pool_is_dead(p, m))
		error_set(err, "%s is not linked, or gives no sign of life", m->instance);
	else if (m->health < p->all->settings.promote_at)
		error_set(err, "%s has a score of %u, and one that takes over needs %u (promotion_threshold)", m->instance, m->health,
			p->all->settings.promote_at);
	else
		return m;
	return NULL;
}

int pools_switch(struct pools *all, const char *content_id, const char *to, uint32_t *number, struct error *err)
{
	struct pool *p = pool_for(all, content_id, false);
	struct pool_member *active, *chosen;

	if (!p)
		return error_set(err, "no service of %s has registered for the pool (role = active or standby in [collab])", log_str(content_id));
	if (p->to)
		return error_set(err, "switch %u is under way", p->number);
	chosen = choose_by_hand(p, to, err);
	if (!chosen)
		return -1;
	active = pool_active(p);
	pool_begin(p, chosen, active, active && pool_is_dead(p, active), "the administrator asked");
	*number = p->number;
	pool_plan(p);
	return 0;
}

/* --- what is seen --------------------------------------------------------------------------------------------------------- */

json_t *pools_json(const struct pools *all)
{
	json_t *list = json_array();

	for (const struct pool *p = all->pools; p; p = p->next) {
		json_t *members = json_array();
		const struct pool_member *active = pool_active(p);

		for (const struct pool_member *m = p->members; m; m = m->next)
			json_array_append_new(members, json_pack("{s:s, s:s, s:I, s:b, s:b, s:I}", "instance", m->instance, "state",
				pool_member_states[m->state], "health", (json_int_t)m->health, "linked", m->service != 0, "dead", pool_is_dead(p, m),
				"heard_ms_ago", (json_int_t)(loop_now_ms(all->loop) - m->heard_ms)));
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:I, s:o}", "content", p->content_id, "active",
			active ? active->instance : "", "switching", p->to != NULL, "switches", (json_int_t)all->last_number, "members", members));
	}
	return list;
}
