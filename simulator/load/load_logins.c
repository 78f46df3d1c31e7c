#include "simulator/load/load_private.h"

static struct load_logins *logins_of(struct load_unit *unit)
{
	return unit->in_cycle ? &unit->load->result.again : &unit->load->result.logins;
}

/* Neither a login nor a logout is under way any more. */
static void settled(struct load_unit *unit, enum load_login_state state)
{
	struct load *load = unit->load;

	load->online -= unit->state == LOAD_IN;
	load->online += state == LOAD_IN;
	load->going -= unit->state == LOAD_GOING_IN || unit->state == LOAD_GOING_OUT;
	load->going += state == LOAD_GOING_IN || state == LOAD_GOING_OUT;
	unit->state = state;
	load->last_progress_us = loop_real_us();
}

static void note_refusal(struct load_unit *unit, uint32_t code, const char *reason, bool is_late)
{
	struct load *load = unit->load;
	struct load_logins *l = logins_of(unit);

	load->now.refused++;
	if (unit->in_cycle && !unit->counted) {
		load->result.warm_up_refused += !is_late;
		load->result.warm_up_bad += is_late;
	} else if (is_late) {
		l->timed_out++;
	} else {
		l->refused++;
		load_reasons_note(&l->reasons, code, reason, 1);
	}
}

static void go_in(struct load_unit *unit)
{
	struct error err;

	settled(unit, LOAD_GOING_IN);
	if (device_login(unit->device, bytes_str(unit->person->user), bytes_str(unit->person->password), &err)) {
		note_refusal(unit, 0, err.text, false);
		settled(unit, LOAD_OUT);
		unit->in_cycle = false;
	}
}

/* --- the first logins ------------------------------------------------------------------------------------------------------- */

static void log_in_first(struct load *load, uint64_t planned_us)
{
	struct load_unit *unit = &load->units[load->begun++];

	load->result.logins.planned++;
	unit->planned_us = planned_us;
	unit->in_cycle = false;
	go_in(unit);
}

void load_logins_pump(struct load *load, uint64_t now_us)
{
	if (load->stops)
		return;
	if (!load->settings.login_rate) {
		while (load->begun < load->count && load->going < load->settings.at_once)
			log_in_first(load, now_us);
		return;
	}
	while (load->begun < load->count && load_plan_is_due(&load->logins, now_us)) {
		uint64_t planned_us = load_plan_next_us(&load->logins);

		load_late(load, planned_us);
		load->logins.next++;
		log_in_first(load, planned_us);
	}
}

void load_logins_settle(struct load *load)
{
	for (size_t i = 0; i < load->begun; i++) {
		if (load->units[i].state == LOAD_GOING_IN && !load->units[i].in_cycle) {
			load->result.logins.timed_out++;
			settled(&load->units[i], LOAD_OUT);
		}
	}
	load->result.logins.not_begun += load->count - load->begun;
	load->result.logins.planned += load->count - load->begun;
}

/* --- out and in again ------------------------------------------------------------------------------------------------------- */

void load_cycle_begin(struct load_unit *unit, uint64_t planned_us)
{
	struct load *load = unit->load;
	struct error err;

	unit->planned_us = planned_us;
	unit->in_cycle = true;
	unit->counted = planned_us >= load->counted_from_us;
	if (unit->counted)
		load->result.again.planned++;
	else
		load->result.warm_up++;
	if (unit->state == LOAD_OUT) {
		go_in(unit);
	} else if (device_logout(unit->device, &err)) {
		note_refusal(unit, 0, err.text, false);
		unit->in_cycle = false;
	} else {
		settled(unit, LOAD_GOING_OUT);
	}
}

/* The next in turn that is not still at it. */
static struct load_unit *next_churner(struct load *load)
{
	size_t churners = load->count - load->talkers;

	for (size_t tried = 0; tried < churners; tried++) {
		struct load_unit *unit = &load->units[load->talkers + load->next_churner];

		load->next_churner = (load->next_churner + 1) % churners;
		if (!unit->in_cycle && (unit->state == LOAD_IN || unit->state == LOAD_OUT))
			return unit;
	}
	return NULL;
}

void load_cycles_pump(struct load *load, uint64_t now_us)
{
	while (load_plan_is_due(&load->cycles, now_us)) {
		uint64_t planned_us = load_plan_next_us(&load->cycles);
		struct load_unit *unit = next_churner(load);

		if (!unit) {
			load->held_cycles = true;
			return;
		}
		if (!load->held_cycles)
			load_late(load, planned_us);
		load->cycles.next++;
		load_cycle_begin(unit, planned_us);
	}
	load->held_cycles = false;
}

static void cycle_ends(struct load_unit *unit)
{
	struct load *load = unit->load;
	bool goes_on = load->settings.in_flight && (load->phase == LOAD_WARMING_UP || load->phase == LOAD_COUNTING);

	unit->in_cycle = false;
	if (goes_on && unit->state == LOAD_IN)
		load_cycle_begin(unit, loop_real_us());
}

void load_cycles_settle(struct load *load)
{
	struct load_logins *again = &load->result.again;

	for (size_t i = load->talkers; i < load->count; i++) {
		struct load_unit *unit = &load->units[i];

		if (!unit->in_cycle)
			continue;
		if (unit->counted)
			again->timed_out++;
		else
			load->result.warm_up_bad++;
		unit->in_cycle = false;
	}
	for (uint64_t n = load->cycles.next; n < load->cycles.count; n++) {
		if (load_plan_at_us(&load->cycles, n) < load->counted_from_us)
			continue;
		again->planned++;
		again->not_begun++;
	}
}

void load_logouts_pump(struct load *load)
{
	while (load->begun < load->count && load->going < load->settings.at_once) {
		struct load_unit *unit = &load->units[load->begun++];

		if (unit->state == LOAD_IN && device_logout(unit->device, NULL) == 0)
			settled(unit, LOAD_GOING_OUT);
	}
}

/* --- what the devices say of it ---------------------------------------------------------------------------------------------- */

static void logged_in(struct load_unit *unit, const struct device_event *e)
{
	struct load *load = unit->load;

	if (unit->state != LOAD_GOING_IN)
		return;      /* its time was over */
	settled(unit, LOAD_IN);
	load->now.logins++;
	load->done.logins++;
	load_histogram_note(load->now_logins, e->at_us - unit->planned_us);
	if (!unit->in_cycle || unit->counted) {
		logins_of(unit)->ok++;
		load_histogram_note(load->result.latency[unit->in_cycle ? LOAD_AGAIN : LOAD_LOGIN], e->at_us - unit->planned_us);
	}
	if (unit->in_cycle)
		cycle_ends(unit);
}

static void login_failed(struct load_unit *unit, const struct device_event *e)
{
	/* Without a code and after all the time that it had: nobody answered. */
	bool is_late = !e->code && e->elapsed_us + 5000 >= unit->load->settings.timeout_ms * 1000;

	if (unit->state != LOAD_GOING_IN)
		return;
	note_refusal(unit, e->code, e->reason ? e->reason : "no reason given", is_late);
	settled(unit, LOAD_OUT);
	if (unit->in_cycle)
		cycle_ends(unit);
}

static void logged_out(struct load_unit *unit, const struct device_event *e)
{
	if (unit->state != LOAD_GOING_OUT)
		return;
	settled(unit, LOAD_OUT);
	if (!unit->in_cycle)
		return;
	if (unit->counted)
		load_histogram_note(unit->load->result.latency[LOAD_LOGOUT], e->at_us - unit->planned_us);
	go_in(unit);
}

static void thrown_out(struct load_unit *unit, const struct device_event *e)
{
	struct load *load = unit->load;

	load->result.sessions_lost++;
	load_reasons_note(&load->result.losses, e->code, e->reason ? e->reason : "no reason given", 1);
	if (unit->in_cycle)
		note_refusal(unit, 0, "the session ended from outside", false);
	unit->in_cycle = false;
	settled(unit, LOAD_OUT);
}

void load_logins_event(struct load_unit *unit, const struct device_event *e)
{
	switch (e->type) {
	case DEVICE_EVENT_LOGIN_OK:
		logged_in(unit, e);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
		login_failed(unit, e);
		break;
	case DEVICE_EVENT_LOGGED_OUT:
		logged_out(unit, e);
		break;
	case DEVICE_EVENT_FORCED_LOGOUT:
		thrown_out(unit, e);
		break;
	default:
		break;
	}
}
