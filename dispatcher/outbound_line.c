#include "dispatcher/outbound_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define KEPT_BYTES_MAX (32u << 20)

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
	if (line->queue || line->sending || line->kept || line->notices || line->ready || line->outstanding || line->owes_late)
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

void outbound_unkeep(struct outbound *o, struct message *message)
{
	DL_DELETE(message->line->kept, message);
	DL_DELETE2(o->oldest_kept, message, older, newer);
	message->line->kept_count--;
	message->line->owed_count -= message->is_owed;
	message->is_owed = false;
	o->kept_bytes -= sizeof *message + message->len;
}

/* A device that restarted may not be able to take what its link already confirmed, and asks for it under a higher id. How many are owed at
 * most is bounded by the window and by how often each is sealed again. */
static void message_keep(struct outbound *o, struct message *message, bool is_owed)
{
	struct line *line = message->line;

	message->is_owed = is_owed;
	DL_APPEND(line->kept, message);
	DL_APPEND2(o->oldest_kept, message, older, newer);
	line->kept_count++;
	line->owed_count += is_owed;
	o->kept_bytes += sizeof *message + message->len;
	while (line->kept_count - line->owed_count > OUTBOUND_KEPT) {
		struct message *oldest = line->kept;

		while (oldest->is_owed)
			oldest = oldest->next;
		outbound_unkeep(o, oldest);
		free(oldest);
	}
	while (o->kept_bytes > KEPT_BYTES_MAX && o->oldest_kept != message) {
		struct message *oldest = o->oldest_kept;
		struct line *its = oldest->line;

		outbound_unkeep(o, oldest);
		free(oldest);
		if (its != line)
			outbound_line_tidy(o, its);
	}
}

void outbound_put_owed(struct outbound *o, struct line *line)
{
	struct message *message, *next;

	DL_FOREACH_SAFE(line->kept, message, next) {
		if (!message->is_owed)
			continue;
		outbound_unkeep(o, message);
		outbound_put_waiting(o, message);
	}
}

/* It may still reach the device, and its service will not send it again. */
static bool becomes_owed(const struct message *message, enum srp_status status)
{
	return message->is_told && status == SRP_UNAVAILABLE;
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

/* Exactly one outcome per message, also if it is sealed more than once. */
static void tell(struct outbound *o, struct message *message, enum srp_status status, const char *text)
{
	if (message->is_told)
		return;
	message->is_told = true;
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
	if (becomes_owed(message, status)) {
		message_keep(o, message, true);
		return;
	}
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

/* No envelope of it is with the network any more. */
void outbound_settled(struct outbound *o, struct message *message)
{
	if (message->is_reseal_wanted) {
		DL_DELETE(message->line->sending, message);
		message->is_reseal_wanted = message->is_failed = message->is_owed = false;
		message->message_id = 0;
		outbound_put_waiting(o, message);
	} else if (message->is_failed) {
		DL_DELETE(message->line->sending, message);
		message->is_failed = false;
		message->message_id = 0;
		if (message->is_owed)
			message_keep(o, message, true);
		else
			free(message);
	} else if (message->delivered == message->fragments) {
		DL_DELETE(message->line->sending, message);
		tell(o, message, SRP_DELIVERED, "");
		message_keep(o, message, false);
	}
}

void outbound_sending_failed(struct outbound *o, struct message *message, enum srp_status status, const char *text)
{
	outbound_drop_unsent(message);
	message->is_failed = true;
	message->is_owed = becomes_owed(message, status);
	if (!message->is_reseal_wanted)
		tell(o, message, status, text);
}

struct message *outbound_find_sealed(struct line *line, uint32_t message_id, uint32_t serial)
{
	struct message *message;

	DL_FOREACH(line->sending, message)
		if (message->message_id == message_id && message->serial == serial)
			return message;
	DL_FOREACH(line->kept, message)
		if (message->message_id == message_id && message->serial == serial)
			return message;
	return NULL;
}
