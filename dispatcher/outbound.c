#include "dispatcher/outbound.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "dispatcher/outbound_line.h"

#define NOTICES_MAX 64                 /* receipts and errors that wait per PIN; further ones are dropped. Source: ours */
#define RESEALS_MAX 3
#define RETRY_MS 1000                  /* while the database does not answer; and for a word that contradicts another */

/* --- sealing and sending ------------------------------------------------------------------------------------------------------ */

struct sealing { struct line *line; struct message *message; };

static void take_envelope(void *ctx, struct bytes envelope)
{
	const struct sealing *sealing = ctx;
	struct item *item = outbound_item_new(sealing->line, sealing->message, envelope);

	DL_APPEND(sealing->line->ready, item);
}

static void note_sealed(struct outbound *o, const struct message *message, const struct channel_sizes *sizes)
{
	struct trail_entry entry = {
		.event = "sealed", .pin = message->line->pin, .transaction = message->message_id,
		.numbers = { { "clear", sizes->clear }, { "packed", sizes->packed }, { "sealed", sizes->sealed },
			{ "fragments", sizes->fragments }, { "key", message->serial } },
	};

	trail_text(&entry, "suite=%s content=%s", packet_suite_name(sizes->suite), message->content_id);
	trail_note(o->trail, &entry);
}

/* Seals the message at the head of the queue. false: nothing there, or it must wait. */
static bool seal_next(struct outbound *o, struct line *line)
{
	struct message *message = line->queue;
	struct channel_envelope to = { .source = { .srp_id = bytes_str(o->settings.srp_id) },
		.destination = { .is_pin = true, .pin = line->pin } };
	struct channel_sizes sizes;
	struct channel_key *key;
	struct device *device;
	enum channel_result result;

	if (!message)
		return false;
	device = device_keys_find(o->keys, line->pin);
	if (device && device->state == DEVICE_FAILED) {
		/* The message stays until the database answers again; it is not asked at every turn. */
		if (!loop_timer_is_set(o->retry))
			loop_timer_set(o->retry, RETRY_MS);
		return false;
	}
	device = device_keys_get(o->keys, line->pin);
	if (device_is_busy(device))
		return false;
	if (device->state == DEVICE_UNKNOWN) {
		outbound_waiting_failed(o, message, SRP_REFUSED, "no user has this PIN");
		return true;
	}
	to.content_id = message->content_id;
	key = channel_peer_key(&device->peer, CHANNEL_KEY_CURRENT);
	result = channel_seal(o->channel, &device->peer, &to, bytes_of(message->clear, message->len), take_envelope,
		&(struct sealing){ line, message }, &message->message_id, &sizes);
	switch (result) {
	case CHANNEL_OK:
		outbound_drop_waiting(o, message);
		DL_APPEND(line->sending, message);
		message->serial = key->serial;
		message->fragments = sizes.fragments;
		message->delivered = message->outstanding = 0;
		o->counts.sealed++;
		note_sealed(o, message, &sizes);
		device_keys_settle(o->keys, device, key, false);
		return true;
	case CHANNEL_COMMIT_FIRST:
		device_keys_commit(o->keys, device, key, DB_KEY_SEND, 0);
		return false;
	case CHANNEL_TOO_LARGE:
		outbound_waiting_failed(o, message, SRP_INVALID, "larger than the 64 fragments of a message hold");
		return true;
	default:
		log_warning("message refused pin=%s reason=no-key", pin_text(line->pin));
		outbound_waiting_failed(o, message, SRP_REFUSED, "the device has no current key of a suite allowed here");
		return true;
	}
}

static void send_item(struct outbound *o, struct line *line, struct item *item, unsigned router)
{
	struct srp_send send = { .pin = line->pin, .flags = SRP_WANT_DELIVERED | SRP_RETURN_IF_UNAVAILABLE,
		.gme = bytes_of(item->gme, item->len) };
	struct item *taken;

	do {
		if (++o->tag == 0)
			o->tag = 1;
		HASH_FIND(hh, o->by_tag, &o->tag, sizeof o->tag, taken);
	} while (taken);
	item->tag = send.tag = o->tag;
	item->router = router;
	item->sent_ms = loop_now_ms(o->loop);
	HASH_ADD(hh, o->by_tag, tag, sizeof item->tag, item);
	DL_APPEND(o->outstanding, item);
	if (!loop_timer_is_set(o->deadline))
		loop_timer_set(o->deadline, o->settings.delivery_ms);
	line->under_way[line->outstanding++] = item;
	o->outstanding_count++;
	o->counts.envelopes++;
	if (item->message)
		item->message->outstanding++;
	o->callbacks.send(o->ctx, router, &send);
}

static void return_waiting(struct outbound *o, struct line *line)
{
	struct message *message, *next;
	struct item *item, *after;

	DL_FOREACH_SAFE(line->notices, item, after) {
		DL_DELETE(line->notices, item);
		free(item);
		o->counts.dropped++;
	}
	line->notice_count = 0;
	/* What is whole with the network gets its own word from there. */
	DL_FOREACH_SAFE(line->sending, message, next) {
		if (message->outstanding && !outbound_has_unsent(message))
			continue;
		outbound_sending_failed(o, message, SRP_UNAVAILABLE, "out of coverage");
		if (message->outstanding == 0)
			outbound_settled(o, message);
	}
	DL_FOREACH_SAFE(line->queue, message, next)
		outbound_waiting_failed(o, message, SRP_UNAVAILABLE, "out of coverage");
	line->owes_word = false;
}

/* Fills the window. May drop the line. */
static void pump(struct outbound *o, struct line *line)
{
	while (line->outstanding < SRP_WINDOW) {
		int router = coverage_router(o->coverage, line->pin);
		struct item *item = line->notices ? line->notices : line->ready;

		if (router < 0) {
			return_waiting(o, line);
			break;
		}
		if (!o->callbacks.can_send(o->ctx, (unsigned)router))
			break;
		if (!item) {
			if (!seal_next(o, line))
				break;
		} else if (item == line->notices) {
			DL_DELETE(line->notices, item);
			line->notice_count--;
			send_item(o, line, item, (unsigned)router);
		} else {
			DL_DELETE(line->ready, item);
			send_item(o, line, item, (unsigned)router);
		}
	}
	if (line->owes_word && !line->queue && coverage_has(o->coverage, line->pin)) {
		line->owes_word = false;
		o->callbacks.again(o->ctx, line->pin);
	}
	outbound_line_tidy(o, line);
}

void outbound_message(struct outbound *o, uint64_t service, uint32_t pin, uint32_t transaction, const char *content_id,
	struct bytes clear)
{
	struct message *message = memory_new(sizeof *message + clear.len);
	struct line *line = outbound_line_get(o, pin);

	message->line = line;
	message->order = ++o->order;
	message->service = service;
	message->transaction = transaction;
	snprintf(message->content_id, sizeof message->content_id, "%s", content_id);
	message->len = clear.len;
	if (clear.len)
		memcpy(message->clear, clear.data, clear.len);
	outbound_put_waiting(o, message);
	if (!coverage_has(o->coverage, pin)) {
		outbound_waiting_failed(o, message, SRP_UNAVAILABLE, "out of coverage");
	} else if (line->waiting > o->settings.queue) {
		line->owes_word = true;
		outbound_waiting_failed(o, message, SRP_UNAVAILABLE, "too many messages wait for this device");
	}
	pump(o, line);
}

void outbound_notice(struct outbound *o, uint32_t pin, struct bytes gme)
{
	struct line *line = outbound_line_get(o, pin);

	if (!coverage_has(o->coverage, pin) || line->notice_count >= NOTICES_MAX) {
		o->counts.dropped++;
	} else {
		struct item *item = outbound_item_new(line, NULL, gme);

		DL_APPEND(line->notices, item);
		line->notice_count++;
		o->counts.notices++;
	}
	pump(o, line);
}

/* --- what became of it ---------------------------------------------------------------------------------------------------------- */

static struct line *take_outstanding(struct outbound *o, struct item *item)
{
	struct line *line = item->line;
	unsigned at = 0;

	HASH_DEL(o->by_tag, item);
	DL_DELETE(o->outstanding, item);
	o->outstanding_count--;
	while (line->under_way[at] != item)
		at++;
	line->outstanding--;
	memmove(&line->under_way[at], &line->under_way[at + 1], (line->outstanding - at) * sizeof *line->under_way);
	return line;
}

/* Who spoils envelopes on their way makes them be called invalid: that counts a bounded number of times. */
static bool may_be_resealed(const struct message *message)
{
	return !message->is_failed && !message->is_reseal_wanted && message->reseals < RESEALS_MAX;
}

/* When the last of its envelopes has come back. */
static void want_reseal(struct outbound *o, struct message *message, const char *event)
{
	message->reseals++;
	message->is_reseal_wanted = true;
	o->counts.resealed++;
	outbound_note(o, event, message, NULL);
	outbound_drop_unsent(message);
}

/* One envelope has its outcome. After EXPIRED the PIN may still be covered, and its service must hear so to send again. */
static void item_done(struct outbound *o, struct item *item, enum srp_status status, const char *text)
{
	struct line *line = take_outstanding(o, item);
	struct message *message = item->message;
	int router = coverage_router(o->coverage, line->pin);

	if (message) {
		message->outstanding--;
		if (status == SRP_DELIVERED)
			message->delivered++;
		else if (status == SRP_EXPIRED)
			outbound_sending_failed(o, message, SRP_UNAVAILABLE, text);
		else if (status == SRP_INVALID && may_be_resealed(message))
			want_reseal(o, message, "invalid");
		else
			outbound_sending_failed(o, message, status, text);
		line->owes_word |= status == SRP_EXPIRED;
		if (message->outstanding == 0)
			outbound_settled(o, message);
	}
	if (status == SRP_UNAVAILABLE) {
		/* All that waits behind it goes back as well, so that the service sends it again in order. */
		return_waiting(o, line);
		/* The router says next that it is not covered. If it does not, the device only changed its link or its router: then
		 * what went back is to be sent again. */
		line->owes_late = router >= 0;
		if (line->owes_late && !loop_timer_is_set(o->retry))
			loop_timer_set(o->retry, RETRY_MS);
	}
	free(item);
	pump(o, line);
}

bool outbound_status(struct outbound *o, unsigned router, const struct srp_status_msg *status)
{
	struct item *item;

	HASH_FIND(hh, o->by_tag, &status->tag, sizeof status->tag, item);
	if (!item || item->router != router)
		return false;
	switch (status->status) {
	case SRP_QUEUED:
		break;
	case SRP_DELIVERED:
		item_done(o, item, SRP_DELIVERED, "");
		break;
	case SRP_UNAVAILABLE:
		item_done(o, item, SRP_UNAVAILABLE, "the device is out of coverage");
		break;
	case SRP_EXPIRED:
		item_done(o, item, SRP_EXPIRED, "the device did not confirm in time");
		break;
	case SRP_REFUSED:
		item_done(o, item, SRP_REFUSED, "the router knows no such device");
		break;
	default:
		log_warning("envelope not taken pin=%s status=%s text=%s", pin_text(item->line->pin),
			srp_status_text(status->status), log_value(status->text));
		item_done(o, item, SRP_INVALID, "the router or the device did not take the envelope");
		break;
	}
	return true;
}

static void deadline_passed(void *arg)
{
	struct outbound *o = arg;
	uint64_t now_ms = loop_now_ms(o->loop);

	while (o->outstanding && o->outstanding->sent_ms + o->settings.delivery_ms <= now_ms) {
		log_warning("no word of an envelope pin=%s tag=%u after=%s", pin_text(o->outstanding->line->pin), o->outstanding->tag,
			duration_text(o->settings.delivery_ms));
		item_done(o, o->outstanding, SRP_EXPIRED, "no word from the router in time");
	}
	if (o->outstanding)
		loop_timer_set_at(o->deadline, o->outstanding->sent_ms + o->settings.delivery_ms);
}

void outbound_router_lost(struct outbound *o, unsigned router)
{
	struct item *item, *next;

	/* An outcome takes its own envelope out of the list; others may only be added at its end. */
	for (item = o->outstanding; item; item = next) {
		next = item->next;
		if (item->router == router)
			item_done(o, item, SRP_UNAVAILABLE, "the link to the router was lost");
	}
}

void outbound_moved(struct outbound *o, uint32_t pin)
{
	struct line *line = outbound_line_find(o, pin);
	unsigned count = line ? line->outstanding : 0;
	int router = coverage_router(o->coverage, pin);
	struct item *items[SRP_WINDOW];

	/* An outcome takes its own envelope away and no other, but the line may go with the last one. */
	if (count)
		memcpy(items, line->under_way, count * sizeof *items);
	for (unsigned i = 0; i < count; i++)
		if ((int)items[i]->router != router)
			item_done(o, items[i], SRP_UNAVAILABLE, "the device came by another router");
}

void outbound_uncovered(struct outbound *o, uint32_t pin)
{
	struct line *line = outbound_line_find(o, pin);

	if (line) {
		return_waiting(o, line);
		line->owes_late = false;
		outbound_line_tidy(o, line);
	}
}

bool outbound_resume(struct outbound *o, uint32_t pin, struct channel_key *key, uint32_t message_id, uint32_t at)
{
	struct line *line = outbound_line_find(o, pin);
	struct message *message = line && message_id ? outbound_find_sealed(line, message_id, key->serial) : NULL;

	if (!message || !may_be_resealed(message) || !replay_counter_resume(&key->send, at))
		return false;
	want_reseal(o, message, "resume");
	if (message->outstanding == 0)
		outbound_settled(o, message);
	pump(o, line);
	return true;
}

void outbound_continue(struct outbound *o, uint32_t pin)
{
	struct line *line = outbound_line_find(o, pin);

	if (line)
		pump(o, line);
}

void outbound_continue_all(struct outbound *o)
{
	struct line *line, *next;

	HASH_ITER(hh, o->lines, line, next)
		if (line->queue || line->ready || line->notices)
			pump(o, line);
}

static void retry(void *arg)
{
	struct outbound *o = arg;
	struct line *line, *next;

	HASH_ITER(hh, o->lines, line, next) {
		if (!line->owes_late)
			continue;
		line->owes_late = false;
		if (coverage_has(o->coverage, line->pin))
			o->callbacks.again(o->ctx, line->pin);
		outbound_line_tidy(o, line);
	}
	outbound_continue_all(o);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------- */

struct outbound *outbound_new(struct loop *loop, struct channel *channel, struct device_keys *keys, struct coverage *coverage,
	struct trail *trail, const struct outbound_settings *settings, const struct outbound_callbacks *callbacks, void *ctx)
{
	struct outbound *o = memory_new(sizeof *o);

	o->loop = loop;
	o->channel = channel;
	o->keys = keys;
	o->coverage = coverage;
	o->trail = trail;
	o->settings = *settings;
	o->callbacks = *callbacks;
	o->ctx = ctx;
	o->deadline = loop_timer_new(loop, deadline_passed, o);
	o->retry = loop_timer_new(loop, retry, o);
	return o;
}

static void free_messages(struct message *list)
{
	struct message *message, *next;

	DL_FOREACH_SAFE(list, message, next)
		free(message);
}

static void free_items(struct item *list)
{
	struct item *item, *next;

	DL_FOREACH_SAFE(list, item, next)
		free(item);
}

void outbound_free(struct outbound **o_at)
{
	struct outbound *o = *o_at;
	struct line *line, *next;

	if (!o)
		return;
	*o_at = NULL;
	loop_timer_free(&o->deadline);
	loop_timer_free(&o->retry);
	HASH_CLEAR(hh, o->by_tag);
	free_items(o->outstanding);
	HASH_ITER(hh, o->lines, line, next) {
		free_messages(line->queue);
		free_messages(line->sending);
		free_items(line->notices);
		free_items(line->ready);
		HASH_DEL(o->lines, line);
		free(line);
	}
	free(o);
}

struct outbound_counts outbound_count(const struct outbound *o)
{
	return o->counts;
}

size_t outbound_outstanding(const struct outbound *o)
{
	return o->outstanding_count;
}

size_t outbound_waiting(const struct outbound *o)
{
	return o->waiting;
}

size_t outbound_waiting_bytes(const struct outbound *o)
{
	return o->waiting_bytes;
}
