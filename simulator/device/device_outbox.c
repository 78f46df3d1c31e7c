#include "simulator/device/device_outbox.h"

#include <stdlib.h>

#include "base/memory.h"

void device_outbox_init(struct device_outbox *outbox)
{
	*outbox = (struct device_outbox){ .last = &outbox->first };
}

struct device_letter *device_outbox_add(struct device_outbox *outbox)
{
	struct device_letter *letter = memory_new(sizeof *letter);

	*outbox->last = letter;
	outbox->last = &letter->next;
	outbox->count++;
	return letter;
}

uint32_t device_outbox_ahead(const struct device_outbox *outbox, uint32_t sequence)
{
	return outbox->first ? sequence - outbox->first->sequence : 0;
}

struct device_letter *device_outbox_by_sequence(const struct device_outbox *outbox, uint32_t sequence)
{
	struct device_letter *letter = outbox->first;

	while (letter && letter->sequence != sequence)
		letter = letter->next;
	return letter;
}

struct device_letter *device_outbox_by_answer(const struct device_outbox *outbox, const struct device_answer *answer)
{
	struct device_letter *letter = outbox->first;

	while (letter && !device_sealed_is_answered(&letter->sealed, answer))
		letter = letter->next;
	return letter;
}

void device_outbox_remove(struct device_outbox *outbox, struct device_letter *letter)
{
	struct device_letter **at = &outbox->first;

	while (*at && *at != letter)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = letter->next;
	if (outbox->last == &letter->next)
		outbox->last = at;
	outbox->count--;
	free(letter->to);
	buf_wipe(&letter->raw);
	free(letter);
}

void device_outbox_clear(struct device_outbox *outbox)
{
	while (outbox->first)
		device_outbox_remove(outbox, outbox->first);
	outbox->patience_ms = outbox->held_until_ms = 0;
}
