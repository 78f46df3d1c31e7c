#include "dispatcher/outbound_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

/* --- lines, items, messages ------------------------------------------------------------------------------------------------ */

struct line *outbound_line_find(const struct outbound *o, uint32_t pin)
{
	struct line *line;

	HASH_FIND(hh, o->lines, &pin, sizeof pin, line);
	return line;
}

struct line *outbound_line_get(struct outbound *o, uint32_t pin)
{
	struct line *line = outbound_line_find(o, pin);

	if (!line) {
		line = memory_new(sizeof *line);
		line->pin = pin;
		HASH_ADD(hh, o->lines, pin, sizeof line->pin, line);
	}
	return line;
}

void outbound_line_tidy(struct outbound *o, struct line *line)
{
	if (line->queue || line->sending || line->notices || line->ready || line->outstanding || line->owes_late)
		return;
	HASH_DEL(o->lines, line);
	free(line);
}

struct item *outbound_item_new(struct line *line, struct message *message, struct bytes gme)
{
	struct item *item = memory_new(sizeof *item + gme.len);

	item->line = line;
	item->message = message;
	item->len = gme.len;
	memcpy(item->gme, gme.data, gme.len);
	return item;
}

void outbound_note(struct outbound *o, const char *event, const struct message *message, const char *text)
{
	struct trail_entry entry = { .event = event, .pin = message->line->pin, .transaction = message->message_id };

	entry.numbers[0].name = "fragments";
	entry.numbers[0].value = message->fragments;
	if (text)
		trail_text(&entry, "why=%s", log_str(text));
	trail_note(o->trail, &entry);
}

static void tell(struct outbound *o, const struct message *message, enum srp_status status, const char *text)
{
	o->counts.delivered += status == SRP_DELIVERED;
	o->counts.returned += status == SRP_UNAVAILABLE;
	o->counts.refused += status == SRP_REFUSED;
	o->counts.invalid += status == SRP_INVALID;
	outbound_note(o, status == SRP_DELIVERED ? "delivered" : "returned", message, status == SRP_DELIVERED ? NULL : text);
	o->callbacks.outcome(o->ctx, message->service, message->line->pin, message->transaction, status, text);
}

void outbound_drop_waiting(struct outbound *o, struct message *message)
{
	DL_DELETE(message->line->queue, message);
	message->line->waiting--;
	o->waiting--;
	o->waiting_bytes -= sizeof *message + message->len;
}

/* Where it belongs by its age: one that is sealed again goes before younger ones. */
void outbound_put_waiting(struct outbound *o, struct message *message)
{
	struct message *before;

	DL_FOREACH(message->line->queue, before)
		if (before->order > message->order)
			break;
	if (before)
		DL_PREPEND_ELEM(message->line->queue, before, message);
	else
		DL_APPEND(message->line->queue, message);
	message->line->waiting++;
	o->waiting++;
	o->waiting_bytes += sizeof *message + message->len;
}

void outbound_waiting_failed(struct outbound *o, struct message *message, enum srp_status status, const char *text)
{
	outbound_drop_waiting(o, message);
	tell(o, message, status, text);
	free(message);
}

void outbound_drop_unsent(struct message *message)
{
	struct item *item, *next;

	DL_FOREACH_SAFE(message->line->ready, item, next) {
		if (item->message != message)
			continue;
		DL_DELETE(message->line->ready, item);
		free(item);
	}
}

bool outbound_has_unsent(const struct message *message)
{
	const struct item *item;

	DL_FOREACH(message->line->ready, item)
		if (item->message == message)
			return true;
	return false;
}

void outbound_settled(struct outbound *o, struct message *message)
{
	bool is_delivered = message->delivered == message->fragments;

	if (!is_delivered && !message->is_failed && !message->is_reseal_wanted)
		return;      /* the window has no room for the rest of it yet */
	DL_DELETE(message->line->sending, message);
	if (message->is_reseal_wanted) {
		message->is_reseal_wanted = message->is_failed = false;
		message->message_id = 0;
		outbound_put_waiting(o, message);
		return;
	}
	if (!message->is_failed)
		tell(o, message, SRP_DELIVERED, "");
	free(message);
}

void outbound_sending_failed(struct outbound *o, struct message *message, enum srp_status status, const char *text)
{
	outbound_drop_unsent(message);
	if (!message->is_failed && !message->is_reseal_wanted)
		tell(o, message, status, text);
	message->is_failed = true;
}

struct message *outbound_find_sealed(struct line *line, uint32_t message_id, uint32_t serial)
{
	struct message *message;

	DL_FOREACH(line->sending, message)
		if (message->message_id == message_id && message->serial == serial)
			return message;
	return NULL;
}
