#include "collab/standing.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/health.h"
#include "collab/parts.h"
#include "collab/probe.h"
#include "collab/takeover.h"

enum state { ALONE, STANDBY, ACTIVE, DRAINING };
static const char *const state_names[] = { "alone", "standby", "active", "draining" };

struct place {
	struct collab *collab;
	unsigned way;
	enum state state;
	bool wants;                  /* what REGISTER says: active by its settings, or because it is */
	uint32_t number;             /* of the switch */
	uint32_t busy;               /* the session that draining waits for, or 0; there may be others */
	char other[65];              /* who is active instead */
	struct loop_timer *late;     /* for draining */
	struct loop_task look;
	struct takeover *takeover;
	/* Whom it has logged out in the switch of this number, until it is promoted again: the Dispatcher asks once more if a link broke. */
	struct link_moved_device *moved;
	size_t moved_count;
	uint32_t moved_number;
};

struct standing {
	struct collab *collab;
	struct place places[COLLAB_DISPATCHERS_MAX];
	struct loop_timer *tell;
	struct probe *probe;
	bool im_failed[HEALTH_TRIES];    /* a ring */
	unsigned im_count;
	size_t links_max;
};

static void drained_late(void *arg);
static void look_drained(void *arg);
static void tell_health(void *arg);
static void probed(void *ctx, bool is_there);

struct standing *standing_new(struct collab *c)
{
	struct standing *s = memory_new(sizeof *s);
	struct rlimit limit = { 0 };

	s->collab = c;
	getrlimit(RLIMIT_NOFILE, &limit);
	s->links_max = limit.rlim_cur == RLIM_INFINITY ? 0 : (size_t)limit.rlim_cur;
	for (unsigned way = 0; way < COLLAB_DISPATCHERS_MAX; way++) {
		struct place *place = &s->places[way];

		place->collab = c;
		place->way = way;
		place->state = c->settings->role == COLLAB_ALONE ? ALONE : STANDBY;
		place->wants = c->settings->role != COLLAB_STANDBY;
		place->late = loop_timer_new(c->loop, drained_late, place);
		place->look = (struct loop_task){ .fn = look_drained, .arg = place };
		place->takeover = takeover_new(c, way);
	}
	s->tell = loop_timer_new(c->loop, tell_health, s);
	s->probe = probe_new(c->loop, probed, s);
	if (c->settings->role != COLLAB_ALONE)
		loop_timer_set(s->tell, c->settings->health_interval_ms);
	return s;
}

void standing_free(struct standing **at)
{
	struct standing *s = *at;

	if (!s)
		return;
	*at = NULL;
	for (unsigned way = 0; way < COLLAB_DISPATCHERS_MAX; way++) {
		loop_drop(s->collab->loop, &s->places[way].look);
		loop_timer_free(&s->places[way].late);
		takeover_free(&s->places[way].takeover);
		free(s->places[way].moved);
	}
	loop_timer_free(&s->tell);
	probe_free(&s->probe);
	free(s);
}

static struct place *place_of(const struct collab *c, unsigned way)
{
	return &c->standing->places[way];
}

const char *standing_name(const struct collab *c, unsigned way)
{
	return state_names[place_of(c, way)->state];
}

bool standing_takes_logins(const struct collab *c, unsigned way)
{
	return place_of(c, way)->state == ALONE || place_of(c, way)->state == ACTIVE;
}

bool standing_is_draining(const struct collab *c, unsigned way)
{
	return place_of(c, way)->state == DRAINING;
}

/* --- health ----------------------------------------------------------------------------------------------------------------- */

void standing_im_server(struct collab *c, bool is_there)
{
	c->standing->im_failed[c->standing->im_count++ % HEALTH_TRIES] = !is_there;
}

unsigned standing_health(const struct collab *c)
{
	const struct standing *s = c->standing;
	struct health health = { .is_database_there = !owner_is_ill(c->owner), .is_in_doubt = owner_in_doubt(c->owner),
		.links = session_table_count(&c->sessions) + c->sessions.closing, .links_max = s->links_max,
		.logins = admission_count(c->admission), .logins_max = c->settings->logins };

	for (unsigned i = 0; i < HEALTH_TRIES; i++)
		health.im_failures += s->im_failed[i];
	return health_score(&health);
}

static void probed(void *ctx, bool is_there)
{
	const struct standing *s = ctx;

	standing_im_server(s->collab, is_there);
}

/* One that is active somewhere knows it from its sessions. */
static bool stands_by(const struct standing *s)
{
	for (unsigned way = 0; way < s->collab->way_count; way++) {
		if (s->places[way].state != STANDBY)
			return false;
	}
	return true;
}

static void tell_health(void *arg)
{
	struct standing *s = arg;
	struct collab *c = s->collab;
	const struct db_environment *environment = environment_now(c->environment);
	const struct link_health health = { .health = standing_health(c) };

	if (stands_by(s))
		probe_ask(s->probe, environment->host, environment->port);

	loop_timer_set(s->tell, c->settings->health_interval_ms);
	for (unsigned way = 0; way < c->way_count; way++)
		dispatcher_link_tell(c->links[way], &link_health_msg, &health);
}

void standing_introduce(struct collab *c, unsigned way, struct link_register *registration)
{
	const struct place *place = place_of(c, way);

	registration->role = place->wants;
	registration->health = HEALTH_MAX;
	if (place->state == ALONE)
		return;
	registration->features = LINK_POOL;
	registration->health = standing_health(c);
}

/* --- roles ------------------------------------------------------------------------------------------------------------------ */

static void note(struct place *place, const char *event, unsigned step, uint64_t count, const char *what)
{
	struct trail_entry entry = { .event = event, .numbers = { { "switch", place->number }, { "step", step },
		{ "sessions", count } } };

	trail_text(&entry, "instance=%s other=%s why=%s", log_str(place->collab->settings->instance), log_str(place->other), log_str(what));
	log_info("%s switch=%u step=%u sessions=%llu other=%s why=%s", event, place->number, step, (unsigned long long)count,
		log_str(place->other), log_str(what));
	collab_note(place->collab, &entry, 0, true);
}

static void say_role(struct place *place)
{
	dispatcher_link_tell(place->collab->links[place->way], &link_role_msg, &(struct link_role){ .number = place->number,
		.role = place->state == ACTIVE });
}

static void set_state(struct place *place, enum state state)
{
	if (place->state != state)
		log_info("role dispatcher=%s from=%s to=%s", dispatcher_link_address(place->collab->links[place->way]),
			state_names[place->state], state_names[state]);
	place->state = state;
}

void standing_promote(struct collab *c, unsigned way, const struct link_promote *promote)
{
	struct place *place = place_of(c, way);

	if (place->state == ALONE) {
		log_warning("asked to be the active one of a pool, in which this service is not");
		return;
	}
	place->number = promote->number;
	place->wants = true;
	bytes_copy_str(promote->from, place->other, sizeof place->other);
	loop_timer_cancel(place->late);
	free(place->moved);
	place->moved = NULL;
	place->moved_count = 0;
	set_state(place, ACTIVE);
	say_role(place);
}

/* --- demotion: steps 4 to 6 ---------------------------------------------------------------------------------------------------- */

/* Something was received of which the device has not heard yet what became of it. */
static bool is_busy(const struct session *s, unsigned way)
{
	return (s->mark.held_count || s->requests) && s->way == way;
}

struct drained { unsigned way; uint32_t busy; };

static void look_session(struct session *s, void *arg)
{
	struct drained *drained = arg;

	if (!drained->busy && is_busy(s, drained->way))
		drained->busy = s->id;
}

/* All sessions are looked at only when the one that was busy last time is so no more. */
static bool is_drained(struct place *place)
{
	const struct session *last = session_table_find(&place->collab->sessions, place->busy);
	struct drained drained = { .way = place->way };

	if (last && is_busy(last, place->way))
		return false;
	session_table_each(&place->collab->sessions, look_session, &drained);
	place->busy = drained.busy;
	return !drained.busy && admission_of_way(place->collab->admission, place->way) == 0;
}

/* Of all its sessions those of this Dispatcher; room for all of them was made. */
static void log_out(struct session *s, void *arg)
{
	struct place *place = arg;

	if (s->way != place->way)
		return;
	place->moved[place->moved_count++] = (struct link_moved_device){ .pin = s->pin, .session = s->id };
	session_end(s, IM_REASON_SWITCHED, "another Collaboration Service is the active one now", true);
}

static void say_moved(const struct place *place)
{
	size_t at = 0;

	do {
		struct link_moved moved = { .number = place->number, .instance = bytes_str(place->collab->settings->instance) };

		while (at < place->moved_count && moved.count < LINK_MOVED_MAX)
			moved.devices[moved.count++] = place->moved[at++];
		moved.more = at < place->moved_count;
		dispatcher_link_tell(place->collab->links[place->way], &link_moved_msg, &moved);
	} while (at < place->moved_count);
}

static void demoted(struct place *place, bool in_time)
{
	struct collab *c = place->collab;

	loop_timer_cancel(place->late);
	note(place, "failover.drained", 4, session_table_count(&c->sessions), in_time ? "what was received is done" :
		"the IM server has not answered all that was received");
	note(place, "failover.bes-checked", 5, 0, "no standby BES was promoted");
	place->moved = memory_new((session_table_count(&c->sessions) + 1) * sizeof *place->moved);
	place->moved_number = place->number;
	session_table_each(&c->sessions, log_out, place);
	note(place, "failover.log-out", 6, place->moved_count, "all open sessions");
	say_moved(place);
	set_state(place, STANDBY);
	say_role(place);
}

static void look_drained(void *arg)
{
	struct place *place = arg;

	if (place->state == DRAINING && is_drained(place))
		demoted(place, true);
}

static void drained_late(void *arg)
{
	struct place *place = arg;

	if (place->state == DRAINING)
		demoted(place, is_drained(place));
}

/* At the end of the round: what calls this is in the middle of a session. */
void standing_progress(struct collab *c)
{
	for (unsigned way = 0; c->standing && way < c->way_count; way++) {
		if (place_of(c, way)->state == DRAINING)
			loop_defer(c->loop, &place_of(c, way)->look);
	}
}

void standing_demote(struct collab *c, unsigned way, const struct link_demote *demote)
{
	struct place *place = place_of(c, way);
	bool was_active = place->state == ACTIVE;

	if (place->state == ALONE)
		return;
	place->number = demote->number;
	place->wants = false;
	bytes_copy_str(demote->to, place->other, sizeof place->other);
	if (place->state == DRAINING)
		return;
	if (!was_active) {
		if (place->moved && place->moved_number == place->number)
			say_moved(place);
		say_role(place);
		return;
	}
	set_state(place, DRAINING);
	loop_timer_set(place->late, STANDING_DRAIN_MS);
	look_drained(place);
}

/* --- promotion: step 7 ----------------------------------------------------------------------------------------------------------- */

static void asked_to_log_in(void *ctx, size_t count, bool is_lost)
{
	struct place *place = ctx;

	if (is_lost)
		note(place, "failover.lost", 0, count, "sessions of the dead one");
	note(place, "failover.log-in", 7, count, "their devices");
}

void standing_moved(struct collab *c, unsigned way, const struct link_moved *moved)
{
	struct place *place = place_of(c, way);

	if (place->state != ACTIVE) {
		log_warning("devices of instance=%s are moved here, which is not active", log_value(moved->instance));
		return;
	}
	takeover_moved(place->takeover, moved, asked_to_log_in, place);
}
