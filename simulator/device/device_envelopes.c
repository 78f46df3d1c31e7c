/* What goes over a device's link: messages are sealed and opened, their ids counted, and those that cannot be opened are answered. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/trail.h"
#include "simulator/device/device_link_private.h"

/* --- ceilings -------------------------------------------------------------------------------------------------------- */

static int store(struct device_link *l, struct error *err)
{
	if (!l->settings.store)
		return 0;
	return l->settings.store(l->settings.store_ctx, l->settings.identity, err);
}

static int raise_send_ceiling(struct device_link *l, struct channel_key *key, struct error *err)
{
	struct device_identity *identity = l->settings.identity;
	uint32_t before = identity->send_ceiling;
	uint32_t wanted = replay_counter_wanted(&key->send);

	if (wanted > identity->send_ceiling)
		identity->send_ceiling = wanted;
	if (store(l, err)) {
		identity->send_ceiling = before;
		return -1;
	}
	replay_counter_committed(&key->send, identity->send_ceiling);
	return 0;
}

static int raise_receive_ceiling(struct device_link *l, struct channel_key *key, uint32_t message_id, struct error *err)
{
	struct device_identity *identity = l->settings.identity;
	uint32_t before = identity->receive_ceiling;
	uint32_t wanted = replay_wanted_ceiling(&key->receive, message_id);

	if (wanted > identity->receive_ceiling)
		identity->receive_ceiling = wanted;
	if (store(l, err)) {
		identity->receive_ceiling = before;
		return -1;
	}
	replay_committed(&key->receive, identity->receive_ceiling);
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------------------------------------------- */

static void refuse(struct device_link *l, const struct gme *to, enum gme_error_code code, const char *text)
{
	struct buf envelope = { 0 };

	gme_answer_error(to, channel_answer_key(&l->settings.identity->peer, to), code, text, &envelope);
	device_link_say(l, buf_bytes(&envelope));
	buf_free(&envelope);
}

static void confirm(struct device_link *l, const struct gme *to)
{
	struct buf envelope = { 0 };

	if (!(to->flags & GME_RECEIPT_WANTED))
		return;
	gme_answer_receipt(to, channel_answer_key(&l->settings.identity->peer, to), &envelope);
	device_link_say(l, buf_bytes(&envelope));
	buf_free(&envelope);
}

static enum channel_result open_message(struct device_link *l, const struct gme *gme, struct channel_opened *opened)
{
	struct device_identity *identity = l->settings.identity;
	enum channel_result result = channel_open(l->settings.channel, &identity->peer, gme, opened);
	struct error err;

	if (result != CHANNEL_COMMIT_FIRST)
		return result;
	if (!opened->key || raise_receive_ceiling(l, opened->key, gme->message_id, &err)) {
		log_error("message not opened device=%s id=%u: %s", l->name, gme->message_id, opened->key ? err.text : "no key");
		return CHANNEL_COMMIT_FIRST;
	}
	return channel_open(l->settings.channel, &identity->peer, gme, opened);
}

/* Says why; its status follows. */
static void not_taken(struct device_link *l, const struct gme *gme, enum channel_result result, const struct channel_opened *opened)
{
	char at[16] = "";

	switch (result) {
	case CHANNEL_RESUME:
		snprintf(at, sizeof at, "%u", opened->resume_at);
		refuse(l, gme, GME_RESUME_AT, at);
		return;
	case CHANNEL_NO_KEY:
		refuse(l, gme, GME_UNKNOWN_KEY, "");
		break;
	case CHANNEL_TOO_LARGE:
		refuse(l, gme, GME_TOO_LARGE, "");
		break;
	case CHANNEL_COMMIT_FIRST:      /* its ceiling cannot be stored, and that was said */
		return;
	default:
		refuse(l, gme, GME_BAD_FORMAT, "");
		break;
	}
	log_warning("message refused device=%s id=%u reason=%s", l->name, gme->message_id, log_str(channel_result_text(result)));
}

/* It is confirmed when it is open, and what could not be is answered first: so nothing counts as delivered that is not. */
static void take_message(struct device_link *l, uint32_t tag, const struct gme *gme)
{
	struct channel_opened opened;
	enum channel_result result = open_message(l, gme, &opened);
	struct error err;

	if (result != CHANNEL_OK && result != CHANNEL_DUPLICATE && result != CHANNEL_PART) {
		not_taken(l, gme, result, &opened);
		device_link_say_status(l, tag, SRP_INVALID);
		return;
	}
	device_link_say_status(l, tag, SRP_DELIVERED);
	if (result == CHANNEL_PART)
		return;
	if (result == CHANNEL_OK)
		trail_record(l->settings.records, &(struct trail_entry){ .event = "opened", .pin = l->settings.identity->pin,
			.transaction = gme->message_id, .numbers = { { "key", opened.key->serial } } });
	confirm(l, gme);
	if (result == CHANNEL_DUPLICATE)
		return;
	if (opened.key_promoted && store(l, &err))
		log_error("key state not stored device=%s: %s", l->name, err.text);
	l->callbacks.opened(l->ctx, opened.clear, gme->message_id, &opened.sizes);
}

/* The words are a number. */
bool device_link_resume(const struct device_answer *answer, uint32_t *last_id)
{
	char digits[16];
	char *end;
	unsigned long at;

	if (!answer->proof || !bytes_copy_str(answer->gme->error_text, digits, sizeof digits) || digits[0] < '0' || digits[0] > '9')
		return false;
	at = strtoul(digits, &end, 10);
	*last_id = (uint32_t)at;
	return !*end && at <= UINT32_MAX && replay_counter_resume(&answer->proof->send, *last_id);
}

bool device_sealed_is_answered(const struct device_sealed *sealed, const struct device_answer *answer)
{
	if (sealed->message_id == 0 || sealed->message_id != answer->gme->message_id)
		return false;
	if (answer->proof)
		return answer->proof->serial == sealed->serial;
	return bytes_equal(answer->gme->answered, bytes_of(sealed->digest, sizeof sealed->digest));
}

void device_link_take(struct device_link *l, const struct srp_data *data)
{
	struct device_identity *identity = l->settings.identity;
	struct error err;
	struct gme gme;

	if (gme_decode(data->gme, &gme, &err)) {
		log_warning("envelope refused device=%s: %s", l->name, err.text);
		device_link_say_status(l, data->tag, SRP_INVALID);
		return;
	}
	if (!gme.destination.is_pin || gme.destination.pin != identity->pin || gme.source.is_pin ||
	    !bytes_is(gme.source.srp_id, identity->srp_id)) {
		log_warning("envelope refused device=%s: it is for another device or from another service", l->name);
		device_link_say_status(l, data->tag, SRP_INVALID);
		return;
	}
	if (gme.kind == GME_MESSAGE) {
		take_message(l, data->tag, &gme);
		return;
	}
	device_link_say_status(l, data->tag, SRP_DELIVERED);
	l->callbacks.answered(l->ctx, &(struct device_answer){ &gme, channel_proof(&identity->peer, &gme) });
}

/* --- sealing ---------------------------------------------------------------------------------------------------------------------- */

struct sealing { struct device_link *link; struct device_sealed sealed; bool is_begun; };

static void send_fragment(void *ctx, struct bytes envelope)
{
	struct sealing *sealing = ctx;

	if (!sealing->is_begun)
		gme_answer_digest(envelope, sealing->sealed.digest);
	sealing->is_begun = true;
	device_link_say(sealing->link, envelope);
}

int device_link_seal(struct device_link *l, const struct channel_envelope *to, struct bytes clear, struct device_sealed *sealed,
	struct channel_sizes *sizes, struct error *err)
{
	struct channel_peer *peer = &l->settings.identity->peer;
	struct channel_key *key = channel_peer_key(peer, CHANNEL_KEY_CURRENT);
	struct sealing sealing = { .link = l, .sealed.serial = key ? key->serial : 0 };
	uint32_t *id = &sealing.sealed.message_id;
	enum channel_result result = channel_seal(l->settings.channel, peer, to, clear, send_fragment, &sealing, id, sizes);

	if (result == CHANNEL_COMMIT_FIRST && key) {
		if (raise_send_ceiling(l, key, err))
			return -1;
		result = channel_seal(l->settings.channel, peer, to, clear, send_fragment, &sealing, id, sizes);
	}
	if (result != CHANNEL_OK)
		return error_set(err, "the message cannot be sealed: %s", channel_result_text(result));
	*sealed = sealing.sealed;
	return 0;
}
