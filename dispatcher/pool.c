#include "dispatcher/pool_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

const char *const pool_member_states[] = { "standby", "promoting", "active", "demoting" };

static void look(struct pool *p);

/* --- members -------------------------------------------------------------------------------------------------------------- */

struct pool_member *pool_member_named(const struct pool *p, const char *instance)
{
	struct pool_member *m = p->members;

	while (m && strcmp(m->instance, instance) != 0)
		m = m->next;
	return m;
}

struct pool_member *pool_active(const struct pool *p)
{
	struct pool_member *m = p->members;

	while (m && m->state != POOL_ACTIVE)
		m = m->next;
	return m;
}

struct link_service *pool_link(const struct pool *p, const struct pool_member *m)
{
	return m->service ? link_service_find(p->all->services, m->service) : NULL;
}

bool pool_is_dead(const struct pool *p, const struct pool_member *m)
{
	return m->has_left || loop_now_ms(p->all->loop) - m->heard_ms >= p->all->settings.dead_ms;
}

/* What devices say goes to the active one; while it demotes, it still has its own. */
static void set_state(struct pool *p, struct pool_member *m, enum pool_member_state state)
{
	struct link_service *service = pool_link(p, m);

	if (m->state != state)
		log_info("pool content=%s instance=%s from=%s to=%s", p->content_id, log_str(m->instance), pool_member_states[m->state],
			pool_member_states[state]);
	m->state = state;
	if (service)
		link_service_takes(service, state == POOL_ACTIVE, state == POOL_ACTIVE || state == POOL_DEMOTING);
}

static void step(const struct pool *p, const char *event, unsigned number, const struct pool_member *m, const struct pool_member *other,
	const char *why)
{
	p->all->callbacks.step(p->all->ctx, &(struct pool_step){ .event = event, .step = number, .number = p->number,
		.instance = m->instance, .other = other ? other->instance : "", .health = m->health, .why = why });
}

/* --- the switch ----------------------------------------------------------------------------------------------------------- */

static void say_promote(struct pool *p, const struct pool_member *m, const struct pool_member *from, bool is_lost)
{
	struct link_service *service = pool_link(p, m);

	if (!service)
		return;
	p->unanswered++;
	link_service_send(service, &link_promote_msg, &(struct link_promote){ .number = p->number,
		.from = bytes_str(from ? from->instance : ""), .lost = is_lost });
}

static void say_demote(struct pool *p, const struct pool_member *m, const struct pool_member *to)
{
	struct link_service *service = pool_link(p, m);

	if (service)
		link_service_send(service, &link_demote_msg, &(struct link_demote){ .number = p->number,
			.to = bytes_str(to ? to->instance : "") });
}

void pool_begin(struct pool *p, struct pool_member *to, struct pool_member *from, bool is_lost, const char *why)
{
	p->number = ++p->all->last_number;
	p->to = to;
	p->from = from;
	p->is_lost = is_lost && from;
	p->handing = NULL;
	p->unanswered = 0;
	p->until_ms = loop_now_ms(p->all->loop) + p->all->settings.switch_ms;
	if (p->is_lost && from)
		step(p, "failover.dead", 0, from, to, from->has_left ? "it has ended" : "no sign of life for the dead time");
	step(p, "failover.promote", 1, to, from, why);
	set_state(p, to, POOL_PROMOTING);
	/* It may only be asleep: then this waits for it. */
	if (p->is_lost && from) {
		set_state(p, from, POOL_STANDBY);
		say_demote(p, from, to);
	}
	say_promote(p, to, from, p->is_lost);
}

static void finish(struct pool *p)
{
	p->to = p->from = NULL;
	look(p);
}

static void report_lost(struct pool *p)
{
	struct link_service *service = pool_link(p, p->to);

	if (service)
		p->all->callbacks.lost(p->all->ctx, service, p->number, p->from->instance);
}

static void is_active_now(struct pool *p)
{
	set_state(p, p->to, POOL_ACTIVE);
	step(p, "failover.active", 2, p->to, p->from, "");
	if (p->from && !p->is_lost) {
		set_state(p, p->from, POOL_DEMOTING);
		p->handing = p->from;
		p->is_handed = false;
		p->until_ms = loop_now_ms(p->all->loop) + p->all->settings.switch_ms;
		step(p, "failover.demote", 3, p->from, p->to, "");
		say_demote(p, p->from, p->to);
		look(p);
		return;
	}
	if (p->from)
		report_lost(p);
	finish(p);
}

/* --- the list of its devices ------------------------------------------------------------------------------------------------ */

/* All of it has been passed on. */
static void list_is_said(struct pool *p)
{
	const struct pool_member *active = pool_active(p);

	p->is_handed = active && pool_link(p, active);
	if (p->is_handed)
		say_promote(p, active, p->handing, false);
}

/* One of the two links is back: whatever of the list was on its way may be lost. One that still demotes says it when it has. */
static void ask_for_list(struct pool *p)
{
	p->is_handed = false;
	if (p->handing->state == POOL_STANDBY)
		say_demote(p, p->handing, pool_active(p));
}

/* --- who is late ------------------------------------------------------------------------------------------------------------ */

/* Who did not do in time what he was asked to. */
static void give_up(struct pool *p)
{
	struct pool_member *to = p->to, *from = p->from;

	if (to->state == POOL_PROMOTING) {
		log_warning("pool content=%s instance=%s did not become active in time", p->content_id, log_str(to->instance));
		step(p, "failover.refused", 0, to, from, "it did not become active in time");
		set_state(p, to, POOL_STANDBY);
		to->is_excluded = true;
		say_demote(p, to, from);
		/* A dead one stays the one to be replaced. */
		if (from && p->is_lost)
			set_state(p, from, POOL_ACTIVE);
		if (from)
			from->is_unsure = p->is_lost;
	} else {
		log_warning("pool content=%s instance=%s did not demote in time: its sessions count as lost", p->content_id,
			log_str(from->instance));
		step(p, "failover.dead", 0, from, to, "it did not demote in time");
		set_state(p, from, POOL_STANDBY);
		report_lost(p);
	}
	finish(p);
}

/* --- looking at it -------------------------------------------------------------------------------------------------------- */

struct pool_member *pool_best_standby(const struct pool *p, struct pool_candidate *best)
{
	struct pool_candidate candidates[POOL_MEMBERS_MAX];
	struct pool_member *members[POOL_MEMBERS_MAX];
	size_t count = 0;
	int found;

	for (struct pool_member *m = p->members; m && count < POOL_MEMBERS_MAX; m = m->next) {
		if (m->state != POOL_STANDBY)
			continue;
		members[count] = m;
		candidates[count++] = (struct pool_candidate){ .is_linked = pool_link(p, m) != NULL, .is_dead = pool_is_dead(p, m),
			.is_excluded = m->is_excluded, .wants = m->wants, .health = m->health };
	}
	found = pool_best(candidates, count);
	if (found < 0)
		return NULL;
	*best = candidates[found];
	return members[found];
}

static void sooner(uint64_t *at_ms, uint64_t other_ms, uint64_t now_ms)
{
	if (other_ms > now_ms && other_ms < *at_ms)
		*at_ms = other_ms;
}

/* When something may be due: somebody's death, or that who was active before this Dispatcher began does not come back. */
void pool_plan(struct pool *p)
{
	uint64_t now_ms = loop_now_ms(p->all->loop), dead_ms = p->all->settings.dead_ms, at_ms = UINT64_MAX;

	for (const struct pool_member *m = p->members; m; m = m->next) {
		if (m->state != POOL_STANDBY)
			sooner(&at_ms, m->heard_ms + dead_ms, now_ms);
	}
	if (p->to)
		sooner(&at_ms, p->until_ms, now_ms);
	sooner(&at_ms, p->begun_ms + dead_ms, now_ms);
	if (at_ms != UINT64_MAX)
		loop_timer_set_at(p->timer, at_ms);
	else
		loop_timer_cancel(p->timer);
}

static void decide(struct pool *p)
{
	const struct pool_settings *set = &p->all->settings;
	struct pool_member *active = pool_active(p), *standby;
	struct pool_candidate best;
	struct pool_view view = { .has_active = active != NULL, .active_is_dead = active && pool_is_dead(p, active),
		.active_health = active ? active->health : 0, .is_manual = set->is_manual, .promote_at = set->promote_at,
		.failover_at = set->failover_at, .is_settled = loop_now_ms(p->all->loop) - p->begun_ms >= set->dead_ms };

	standby = pool_best_standby(p, &best);
	switch (pool_decide(&view, standby ? &best : NULL)) {
	case POOL_STAY:
		break;
	case POOL_ASSIGN:
		pool_begin(p, standby, NULL, false, "nobody was active");
		break;
	case POOL_REPLACE:
		pool_begin(p, standby, active, true, "the active one is dead");
		break;
	case POOL_SWITCH:
		pool_begin(p, standby, active, false, "the active one is below the fail-over threshold");
		break;
	}
}

static void look(struct pool *p)
{
	if (p->to && loop_now_ms(p->all->loop) >= p->until_ms) {
		give_up(p);
		return;
	}
	if (!p->to)
		decide(p);
	pool_plan(p);
}

static void due(void *arg)
{
	look(arg);
}

/* --- what services do ----------------------------------------------------------------------------------------------------- */

struct pool *pool_for(struct pools *all, const char *content_id, bool add)
{
	struct pool *p = all->pools;

	while (p && strcmp(p->content_id, content_id) != 0)
		p = p->next;
	if (!p && add) {
		p = memory_new(sizeof *p);
		p->all = all;
		snprintf(p->content_id, sizeof p->content_id, "%s", content_id);
		p->timer = loop_timer_new(all->loop, due, p);
		p->begun_ms = all->begun_ms;
		p->next = all->pools;
		all->pools = p;
	}
	return p;
}

/* One that is long gone makes room. */
static void forget_one(struct pool *p)
{
	for (struct pool_member **at = &p->members; *at; at = &(*at)->next) {
		struct pool_member *m = *at;

		if (m->state != POOL_STANDBY || m->service || m == p->to || m == p->from || m == p->handing)
			continue;
		*at = m->next;
		free(m);
		return;
	}
}

static struct pool_member *add_member(struct pool *p, const char *instance)
{
	struct pool_member *m = memory_new(sizeof *m), **at;
	size_t count = 0;

	for (const struct pool_member *each = p->members; each; each = each->next)
		count++;
	if (count >= POOL_MEMBERS_MAX)
		forget_one(p);
	snprintf(m->instance, sizeof m->instance, "%s", instance);
	for (at = &p->members; *at; at = &(*at)->next)
		;
	*at = m;
	return m;
}

void pools_registered(struct pools *all, struct link_service *service)
{
	struct pool *p;
	struct pool_member *m, *active;

	if (!link_service_is_pooled(service))
		return;
	p = pool_for(all, link_service_content_id(service), true);
	m = pool_member_named(p, link_service_instance(service));
	if (!m)
		m = add_member(p, link_service_instance(service));
	m->service = link_service_id(service);
	m->heard_ms = loop_now_ms(all->loop);
	m->health = link_service_health(service);
	m->wants = link_service_role(service) != 0;
	m->has_left = m->is_excluded = false;
	set_state(p, m, m->state);
	active = pool_active(p);
	if (m->state == POOL_ACTIVE || m->state == POOL_PROMOTING) {
		p->unanswered = 0;
		say_promote(p, m, m->state == POOL_PROMOTING ? p->from : NULL, m->state == POOL_PROMOTING && p->is_lost);
	} else if (m->state == POOL_DEMOTING || (m->wants && active && m != p->handing)) {
		say_demote(p, m, active);
	}
	if (p->handing && (m == p->handing || m == active))
		ask_for_list(p);
	look(p);
}

/* The member behind a link, and its pool; NULL: it is in none. */
static struct pool_member *member_of(struct pools *all, const struct link_service *service, struct pool **pool)
{
	struct pool *p = pool_for(all, link_service_content_id(service), false);
	struct pool_member *m = p ? pool_member_named(p, link_service_instance(service)) : NULL;

	*pool = p;
	return m && m->service == link_service_id(service) ? m : NULL;
}

void pools_gone(struct pools *all, const struct link_service *service)
{
	struct pool *p;
	struct pool_member *m = member_of(all, service, &p);

	if (!m)
		return;
	m->service = 0;
	m->has_left = link_service_has_left(service);
	look(p);
}

void pools_health(struct pools *all, const struct link_service *service, uint32_t health)
{
	struct pool *p;
	struct pool_member *m = member_of(all, service, &p);

	if (!m)
		return;
	m->health = health;
	m->heard_ms = loop_now_ms(all->loop);
	m->is_excluded = false;
	/* It wakes up before anybody could take over. */
	if (m->state == POOL_ACTIVE && m->is_unsure)
		say_promote(p, m, NULL, false);
	m->is_unsure = false;
	look(p);
}

void pools_role(struct pools *all, const struct link_service *service, const struct link_role *role)
{
	struct pool *p;
	struct pool_member *m = member_of(all, service, &p);

	if (!m)
		return;
	m->heard_ms = loop_now_ms(all->loop);
	if (role->number != p->number)
		return;
	if (role->role && p->unanswered && (m->state == POOL_PROMOTING || m->state == POOL_ACTIVE) && --p->unanswered == 0 && p->is_handed)
		p->handing = NULL;
	if (!role->role && m == p->handing)
		list_is_said(p);
	if (role->role && m->state == POOL_PROMOTING && m == p->to) {
		is_active_now(p);
	} else if (!role->role && m->state == POOL_DEMOTING && m == p->from) {
		set_state(p, m, POOL_STANDBY);
		m->wants = false;
		step(p, "failover.demoted", 0, m, p->to, "");
		finish(p);
	}
}

void pools_moved(struct pools *all, const struct link_service *service, const struct link_moved *moved)
{
	struct pool *p;
	struct pool_member *m = member_of(all, service, &p), *active = p ? pool_active(p) : NULL;
	struct link_service *to = active && m != active ? pool_link(p, active) : NULL;
	struct link_moved on = *moved;

	if (!m || !to)
		return;
	/* Whatever it says of itself: these are its own, and it is there. */
	on.instance = bytes_str(m->instance);
	on.lost = 0;
	link_service_send(to, &link_moved_msg, &on);
}

/* --- life ----------------------------------------------------------------------------------------------------------------- */

struct pools *pools_new(struct loop *loop, const struct pool_settings *settings, struct service_listener *services,
	const struct pool_callbacks *callbacks, void *ctx)
{
	struct pools *all = memory_new(sizeof *all);

	all->loop = loop;
	all->settings = *settings;
	all->services = services;
	all->callbacks = *callbacks;
	all->ctx = ctx;
	all->begun_ms = loop_now_ms(loop);
	return all;
}

void pools_free(struct pools **at)
{
	struct pools *all = *at;

	if (!all)
		return;
	*at = NULL;
	while (all->pools) {
		struct pool *p = all->pools;

		all->pools = p->next;
		while (p->members) {
			struct pool_member *m = p->members;

			p->members = m->next;
			free(m);
		}
		loop_timer_free(&p->timer);
		free(p);
	}
	free(all);
}
