/* The order in which it is played, and what of it has one word. */
#include <stdlib.h>
#include <string.h>

#include "admin/record_private.h"

enum { RACE_US = 1000000 };      /* real: what was said so close together may have crossed on its way */

static int compare(const void *a, const void *b)
{
	const struct record_item *first = *(struct record_item *const *)a, *second = *(struct record_item *const *)b;

	if (first->at_us != second->at_us)
		return first->at_us < second->at_us ? -1 : 1;
	return first->number < second->number ? -1 : first->number > second->number;
}

/* A message is played to its end before the next is said, so that those of two people do not cross. */
static bool have_crossed(const struct record_item *before, const struct record_item *item)
{
	return before->said_us && before->device == item->device && before->said_pin != item->said_pin && !item->may_lag &&
		before->said_us > item->said_us &&
		before->said_us - item->said_us < RACE_US && item->at_us - before->at_us < RACE_US;
}

static void uncross(struct record *r, size_t at)
{
	for (size_t i = at; i > 0 && r->items[at]->at_us - r->items[i - 1]->at_us < RACE_US; i--) {
		struct record_item *before = r->items[i - 1], *item = r->items[at];
		struct buf words = before->words;
		uint64_t said_us = before->said_us;
		uint32_t said_pin = before->said_pin;

		if (!item->said_us || !have_crossed(before, item))
			continue;
		before->words = item->words;
		before->said_us = item->said_us;
		before->said_pin = item->said_pin;
		item->words = words;
		item->said_us = said_us;
		item->said_pin = said_pin;
		at = i - 1;
	}
}

/* One that was started again with nobody doing anything in between was restarted; a scenario has no other word for an end in good order. */
static void join_restart(struct record *r, size_t end)
{
	struct record_item *ended = r->items[end];

	for (size_t i = end + 1; i < r->item_count; i++) {
		struct record_item *item = r->items[i];

		if (item->kind == RECORD_START && strcmp(item->process, ended->process) == 0) {
			buf_clear(&ended->words);
			buf_text(&ended->words, "restart");
			record_attribute(ended, "process", ended->process);
			item->is_left = true;
			return;
		}
		if (item->kind != RECORD_OUTCOME && !item->is_left)
			break;
	}
	record_leave(r, "processes that were ended in good order and not started again at once: recorded as killed");
}

/* What was switched off last of all would only end the scenario. */
static void leave_last_words(struct record *r)
{
	for (size_t i = r->item_count; i > 0 && (r->items[i - 1]->is_left || r->items[i - 1]->kind == RECORD_OFF); i--)
		r->items[i - 1]->is_left = true;
}

void record_order(struct record *r)
{
	if (r->item_count)
		qsort(r->items, r->item_count, sizeof(struct record_item *), compare);
	for (size_t i = 0; i < r->item_count; i++) {
		if (r->items[i]->of_all && HASH_COUNT(r->crowds) > 1) {
			r->items[i]->is_left = true;
			record_leave(r, "faults of a process of several devices beside others");
		}
		uncross(r, i);
		if (r->items[i]->kind == RECORD_END)
			join_restart(r, i);
	}
	leave_last_words(r);
}
