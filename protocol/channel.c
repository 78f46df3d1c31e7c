#include "protocol/channel.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct channel {
	struct packet_crypto *crypto;
	struct pack *pack;
	/* One buffer per step, kept between messages. */
	struct buf packed, clear, envelope;
};

struct channel *channel_new(void)
{
	struct channel *channel = memory_new(sizeof *channel);

	channel->crypto = packet_crypto_new();
	channel->pack = pack_new();
	return channel;
}

void channel_free(struct channel **channel)
{
	struct channel *c = *channel;

	if (!c)
		return;
	packet_crypto_free(&c->crypto);
	pack_free(&c->pack);
	buf_wipe(&c->packed);
	buf_wipe(&c->clear);
	buf_wipe(&c->envelope);
	free(c);
	*channel = NULL;
}

const char *channel_result_text(enum channel_result result)
{
	static const char *const texts[] = {
		[CHANNEL_OK] = "ok", [CHANNEL_PART] = "part", [CHANNEL_DUPLICATE] = "duplicate", [CHANNEL_RESUME] = "resume",
		[CHANNEL_COMMIT_FIRST] = "commit first", [CHANNEL_NO_KEY] = "no key", [CHANNEL_BAD] = "cannot be opened",
		[CHANNEL_TOO_LARGE] = "too large",
	};

	return texts[result];
}

/* --- the peer ------------------------------------------------------------------------------------------------------- */

static void parts_drop(struct channel_peer *peer)
{
	if (!peer->parts)
		return;
	for (unsigned i = 0; i < GME_FRAGMENTS_MAX; i++)
		buf_free(&peer->parts->slices[i]);
	free(peer->parts);
	peer->parts = NULL;
}

void channel_peer_free(struct channel_peer *peer)
{
	parts_drop(peer);
	OPENSSL_cleanse(peer, sizeof *peer);
}

struct channel_key *channel_peer_key(struct channel_peer *peer, enum channel_key_state state)
{
	for (unsigned i = 0; i < CHANNEL_KEYS; i++)
		if (peer->keys[i].state == state)
			return &peer->keys[i];
	return NULL;
}

static struct channel_key *key_named(struct channel_peer *peer, struct bytes id)
{
	for (unsigned i = 0; i < CHANNEL_KEYS; i++)
		if (peer->keys[i].state != CHANNEL_KEY_NONE && bytes_is(id, peer->keys[i].key.id))
			return &peer->keys[i];
	return NULL;
}

/* pending -> current -> previous; only the most recent previous key stays. Source: document [STO-B 21]. */
static void promote(struct channel_peer *peer, struct channel_key *pending)
{
	struct channel_key *current = channel_peer_key(peer, CHANNEL_KEY_CURRENT);
	struct channel_key *previous = channel_peer_key(peer, CHANNEL_KEY_PREVIOUS);

	if (previous && current) {
		if (peer->parts && peer->parts->serial == previous->serial)
			parts_drop(peer);
		OPENSSL_cleanse(previous, sizeof *previous);
	}
	if (current)
		current->state = CHANNEL_KEY_PREVIOUS;
	pending->state = CHANNEL_KEY_CURRENT;
}

/* --- seal ----------------------------------------------------------------------------------------------------------- */

enum channel_result channel_seal(struct channel *channel, struct channel_peer *peer, const struct channel_envelope *to,
	struct bytes clear, void (*emit)(void *ctx, struct bytes envelope), void *ctx, uint32_t *message_id,
	struct channel_sizes *sizes)
{
	struct channel_key *key = channel_peer_key(peer, CHANNEL_KEY_CURRENT);
	enum packet_suite suite = key ? packet_suite_strongest(key->key.suites & peer->suites) : 0;
	struct packet_place place = { .clear_len = (uint32_t)clear.len };
	struct bytes packed = clear;

	if (!key || !suite)
		return CHANNEL_NO_KEY;
	if (clear.len > PACK_MAX_CLEAR)
		return CHANNEL_TOO_LARGE;
	buf_clear(&channel->packed);
	place.deflated = pack_seal(channel->pack, clear, &channel->packed);
	if (place.deflated)
		packed = buf_bytes(&channel->packed);
	if (packed.len > GME_FRAGMENTS_MAX * GME_FRAGMENT_BYTES)
		return CHANNEL_TOO_LARGE;
	if (!replay_counter_take(&key->send, &place.message_id))
		/* At the last id nothing more can be committed: the key is used up. */
		return replay_counter_wanted(&key->send) ? CHANNEL_COMMIT_FIRST : CHANNEL_NO_KEY;

	place.count = packed.len ? (uint16_t)((packed.len + GME_FRAGMENT_BYTES - 1) / GME_FRAGMENT_BYTES) : 1;
	*message_id = place.message_id;
	*sizes = (struct channel_sizes){ .clear = clear.len, .packed = packed.len, .fragments = place.count, .suite = suite };
	for (; place.index < place.count; place.index++) {
		struct gme gme = {
			.kind = GME_MESSAGE, .flags = (to->flags & GME_RECEIPT_WANTED) | GME_ENCRYPTED,
			.message_id = place.message_id, .source = to->source, .destination = to->destination,
			.content_ids = bytes_str(to->content_id),
		};
		size_t header;

		if (place.count > 1) {
			gme.fragment_index = place.index;
			gme.fragment_count = place.count;
			gme.flags |= place.index + 1 < place.count ? GME_MORE : 0;
		}
		buf_clear(&channel->envelope);
		gme_encode(&gme, true, &channel->envelope);
		header = channel->envelope.len;
		/* Room for the packet first: the header must not move while it is additional data. */
		buf_reserve(&channel->envelope, GME_MAX);
		if (packet_seal(channel->crypto, suite, &key->key, bytes_of(channel->envelope.data, header), &place,
				bytes_slice(packed, (size_t)place.index * GME_FRAGMENT_BYTES, GME_FRAGMENT_BYTES),
				&channel->envelope))
			return CHANNEL_NO_KEY;
		sizes->sealed += channel->envelope.len;
		emit(ctx, buf_bytes(&channel->envelope));
	}
	return CHANNEL_OK;
}

/* --- open ----------------------------------------------------------------------------------------------------------- */

/* The whole compressed message becomes the clear one; what it claimed of itself must be true. */
static enum channel_result unpack(struct channel *channel, const struct packet_place *place, struct bytes packed,
	struct channel_opened *out)
{
	if (place->clear_len > PACK_MAX_CLEAR)
		return CHANNEL_TOO_LARGE;
	out->sizes.packed = packed.len;
	out->sizes.clear = place->clear_len;
	if (!place->deflated) {
		out->clear = packed;
		return packed.len == place->clear_len ? CHANNEL_OK : CHANNEL_BAD;
	}
	/* Who deflates gains by it: otherwise the other way to write the same message would be open too. */
	if (packed.len >= place->clear_len)
		return CHANNEL_BAD;
	buf_clear(&channel->clear);
	if (pack_open(channel->pack, packed, place->clear_len, &channel->clear) || channel->clear.len != place->clear_len)
		return CHANNEL_BAD;
	out->clear = buf_bytes(&channel->clear);
	return CHANNEL_OK;
}

/* Keeps one fragment, just opened into channel->packed. CHANNEL_OK when it was the last one missing. */
static enum channel_result keep_part(struct channel *channel, struct channel_peer *peer, const struct channel_key *key,
	const struct packet_place *place, size_t sealed, struct channel_opened *out)
{
	uint64_t bit = UINT64_C(1) << place->index;

	/* One message at a time: another one, also another writing of the same, discards the unfinished. */
	if (peer->parts && (peer->parts->message_id != place->message_id || peer->parts->serial != key->serial ||
	    peer->parts->count != place->count || peer->parts->deflated != place->deflated ||
	    peer->parts->clear_len != place->clear_len))
		parts_drop(peer);
	if (!peer->parts) {
		peer->parts = memory_new(sizeof *peer->parts);
		peer->parts->message_id = place->message_id;
		peer->parts->serial = key->serial;
		peer->parts->count = place->count;
		peer->parts->deflated = place->deflated;
		peer->parts->clear_len = place->clear_len;
	}
	if (peer->parts->present & bit) {
		out->is_part = true;
		return CHANNEL_DUPLICATE;
	}
	peer->parts->present |= bit;
	peer->parts->have++;
	peer->parts->sealed += sealed;
	buf_append(&peer->parts->slices[place->index], buf_bytes(&channel->packed));
	return peer->parts->have == peer->parts->count ? CHANNEL_OK : CHANNEL_PART;
}

static void join_parts(struct channel *channel, struct channel_peer *peer, struct channel_opened *out)
{
	buf_clear(&channel->packed);
	for (unsigned i = 0; i < peer->parts->count; i++)
		buf_append(&channel->packed, buf_bytes(&peer->parts->slices[i]));
	out->sizes.sealed = peer->parts->sealed;
	parts_drop(peer);
}

static enum channel_result judge_id(const struct channel_key *key, uint32_t id, struct channel_opened *out)
{
	switch (replay_check(&key->receive, id)) {
	case REPLAY_NEW:
		return CHANNEL_OK;
	case REPLAY_RESUME:
		out->resume_at = key->receive.base;
		return CHANNEL_RESUME;
	case REPLAY_COMMIT_FIRST:
		return CHANNEL_COMMIT_FIRST;
	default:
		return CHANNEL_DUPLICATE;
	}
}

enum channel_result channel_open(struct channel *channel, struct channel_peer *peer, const struct gme *envelope,
	struct channel_opened *out)
{
	struct packet_place place = { .message_id = envelope->message_id, .index = 0, .count = 1 };
	size_t sealed = envelope->header.len + envelope->payload.len;
	struct packet_label label;
	struct channel_key *key;
	enum channel_result result;

	memset(out, 0, sizeof *out);
	if (envelope->kind != GME_MESSAGE || !(envelope->flags & GME_ENCRYPTED) || packet_peek(envelope->payload, &label))
		return CHANNEL_BAD;
	key = key_named(peer, label.key_id);
	if (!key)
		return CHANNEL_NO_KEY;
	if (envelope->fragment_count) {
		place.index = envelope->fragment_index;
		place.count = envelope->fragment_count;
	}
	buf_clear(&channel->packed);
	if (!(peer->suites & PACKET_SUITE_BIT(label.suite)) ||
	    packet_open(channel->crypto, &key->key, envelope->header, envelope->payload, &place, &channel->packed))
		return CHANNEL_BAD;

	/* From here on the sender is known to hold the key: only now does its message id count for anything. */
	out->key = key;
	out->sizes = (struct channel_sizes){ .sealed = sealed, .fragments = place.count, .suite = label.suite };
	result = judge_id(key, place.message_id, out);
	if (result == CHANNEL_OK && place.count > 1) {
		result = keep_part(channel, peer, key, &place, sealed, out);
		if (result == CHANNEL_OK)
			join_parts(channel, peer, out);
	}
	if (result == CHANNEL_OK)
		result = unpack(channel, &place, buf_bytes(&channel->packed), out);
	if (result != CHANNEL_OK)
		return result;
	replay_accept(&key->receive, place.message_id);
	if (key->state == CHANNEL_KEY_PENDING) {
		promote(peer, key);
		out->key_promoted = true;
	}
	return CHANNEL_OK;
}

/* --- answers -------------------------------------------------------------------------------------------------------- */

const struct packet_key *channel_answer_key(struct channel_peer *peer, const struct gme *message)
{
	struct packet_label label;
	struct channel_key *key = packet_peek(message->payload, &label) ? NULL : key_named(peer, label.key_id);

	return key ? &key->key : NULL;
}

struct channel_key *channel_proof(struct channel_peer *peer, const struct gme *answer)
{
	struct channel_key *key = key_named(peer, answer->proof_key);

	return key && gme_answer_is_proved(answer, &key->key) ? key : NULL;
}
