#include <stdlib.h>

#include "base/memory.h"
#include "simulator/device/device_outbox.h"
#include "simulator/load/load_private.h"

/* First with second, third with fourth; of an odd number the last one speaks to the first. */
static struct load_unit *partner_of(const struct load_unit *unit)
{
	struct load *load = unit->load;
	size_t other = unit->index ^ 1u;

	return &load->units[other < load->talkers ? other : 0];
}

static bool can_say(const struct load_unit *unit)
{
	return unit->state == LOAD_IN && partner_of(unit)->state == LOAD_IN && unit->letter_count < LOAD_IN_FLIGHT_MAX;
}

static bool say(struct load_unit *unit, uint64_t planned_us)
{
	struct load *load = unit->load;
	struct bytes text = load_texts_make(load->texts, unit->index, load->next_number);
	struct load_letter **end = &unit->letters, *letter;
	uint32_t sequence;

	if (device_send(unit->device, bytes_str(partner_of(unit)->person->user), text, &sequence, NULL))
		return false;
	letter = memory_new(sizeof *letter);
	*letter = (struct load_letter){ .number = load->next_number++, .sequence = sequence, .planned_us = planned_us,
		.counted = planned_us >= load->counted_from_us };
	while (*end)
		end = &(*end)->next;
	*end = letter;
	unit->letter_count++;
	load->letters++;
	load->now.sent++;
	if (letter->counted) {
		load->result.messages.sent++;
		load->result.messages.planned += load->settings.in_flight != 0;
	} else {
		load->result.warm_up++;
	}
	return true;
}

/* The next in turn that can; not for long when nearly all are full. */
static bool say_next(struct load *load, uint64_t planned_us)
{
	for (size_t tried = 0; tried < load->talkers; tried++) {
		struct load_unit *unit = &load->units[load->next_talker];

		load->next_talker = (load->next_talker + 1) % load->talkers;
		if (can_say(unit) && say(unit, planned_us))
			return true;
	}
	return false;
}

void load_messages_pump(struct load *load, uint64_t now_us)
{
	while (load_plan_is_due(&load->messages, now_us)) {
		uint64_t planned_us = load_plan_next_us(&load->messages);

		if (!say_next(load, planned_us)) {
			load->held_messages = true;
			return;
		}
		/* What had to wait for the others' answers was not late by the generator's fault. */
		if (!load->held_messages)
			load_late(load, planned_us);
		load->messages.next++;
	}
	load->held_messages = false;
}

void load_messages_fill(struct load_unit *unit)
{
	struct load *load = unit->load;
	bool is_time = load->phase == LOAD_WARMING_UP || load->phase == LOAD_COUNTING;

	while (is_time && unit->index < load->talkers && can_say(unit) && unit->letter_count < load->settings.in_flight &&
		say(unit, loop_real_us()))
		;
}

static void remove_letter(struct load_unit *unit, struct load_letter *letter)
{
	struct load_letter **at = &unit->letters;

	while (*at != letter)
		at = &(*at)->next;
	*at = letter->next;
	unit->letter_count--;
	unit->load->letters--;
	free(letter);
}

static void finish(struct load_unit *unit, struct load_letter *letter)
{
	if (letter->counted)
		unit->load->result.messages.answered++;
	unit->load->done.messages++;
	remove_letter(unit, letter);
	unit->load->last_progress_us = loop_real_us();
	load_messages_fill(unit);
}

static void refused(struct load_unit *unit, struct load_letter *letter, const struct device_event *e)
{
	struct load *load = unit->load;

	load->now.refused++;
	if (letter->counted) {
		load->result.messages.refused++;
		load_reasons_note(&load->result.messages.reasons, e->code, im_code_reason(e->code), 1);
		load_histogram_note(load->result.latency[LOAD_REFUSED], e->at_us - letter->planned_us);
	} else {
		load->result.warm_up_refused++;
	}
	remove_letter(unit, letter);
	load_messages_fill(unit);
}

void load_messages_ack(struct load_unit *unit, const struct device_event *e)
{
	struct load *load = unit->load;
	struct load_letter *letter = unit->letters;

	while (letter && letter->sequence != e->sequence)
		letter = letter->next;
	if (!letter)
		return;      /* of something else, or its end is known */
	if (e->code != IM_OK) {
		refused(unit, letter, e);
		return;
	}
	if (!letter->acked && letter->counted)
		load_histogram_note(load->result.latency[LOAD_ACKNOWLEDGED], e->at_us - letter->planned_us);
	letter->acked = true;
	if (letter->arrived)
		finish(unit, letter);
}

void load_messages_arrived(struct load_unit *unit, const struct device_event *e)
{
	struct load *load = unit->load;
	struct load_unit *sender = NULL;
	struct load_letter *letter = NULL;
	uint32_t from, number;

	if (!load_texts_check(load->texts, e->text, &from, &number)) {
		load->result.wrong_texts++;
		return;
	}
	if (from < load->talkers)
		sender = &load->units[from];
	if (sender && partner_of(sender) == unit && bytes_is(e->user, sender->person->user))
		letter = sender->letters;
	while (letter && letter->number != number)
		letter = letter->next;
	if (!letter || letter->arrived) {
		load->result.unexpected++;
		return;
	}
	letter->arrived = true;
	load->now.arrived++;
	load_histogram_note(load->now_arrived, e->at_us - letter->planned_us);
	if (letter->counted)
		load_histogram_note(load->result.latency[LOAD_ARRIVED], e->at_us - letter->planned_us);
	if (letter->acked)
		finish(sender, letter);
}

void load_messages_drop(struct load_unit *unit)
{
	while (unit->letters)
		remove_letter(unit, unit->letters);
}

void load_messages_settle(struct load *load)
{
	struct load_messages *m = &load->result.messages;

	for (size_t i = 0; i < load->talkers; i++) {
		for (const struct load_letter *letter = load->units[i].letters; letter; letter = letter->next) {
			if (!letter->counted)
				load->result.warm_up_bad++;
			else if (letter->acked)
				m->lost++;
			else
				m->timed_out++;
		}
		load_messages_drop(&load->units[i]);
	}
	/* Those of the plan that fell into the warm-up were counted there when they were sent. */
	if (!load->settings.in_flight) {
		uint64_t left = load->messages.count - load->messages.next;

		for (uint64_t i = load->messages.next; i < load->messages.count && load_plan_at_us(&load->messages, i) < load->counted_from_us; i++)
			left--;
		m->not_sent = left;
		m->planned = m->sent + left;
	}
}
