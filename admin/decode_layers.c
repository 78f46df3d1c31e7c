#include "admin/decode_layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/device_keys.h"
#include "protocol/link.h"
#include "protocol/srp.h"

void decode_start(struct decode *d, struct device_identity *identity)
{
	d->channel = channel_new();
	if (!identity)
		return;
	d->pin = identity->pin;
	d->peer = &identity->peer;
	d->peer->suites = PACKET_SUITES_ALL;
	for (size_t i = 0; i < CHANNEL_KEYS; i++) {
		struct channel_key *key = &d->peer->keys[i];

		snprintf(key->key.id, sizeof key->key.id, "%s+%u", pin_text(identity->pin), key->serial);
		/* A window without a past that may take any id. */
		replay_start(&key->receive, 0);
		replay_committed(&key->receive, UINT32_MAX);
	}
}

void decode_end(struct decode *d)
{
	channel_free(&d->channel);
}

static void indent(const struct decode *d, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_text(d->out, "  ");
}

static void print_message(const struct decode *d, struct bytes clear, unsigned depth)
{
	indent(d, depth);
	im_dump(clear, d->out);
	buf_text(d->out, "\n");
}

static void print_label(const struct decode *d, struct bytes packet, unsigned depth)
{
	struct packet_label label;

	indent(d, depth);
	if (packet_peek(packet, &label) != 0)
		buf_printf(d->out, "packet: not one (%zu bytes)\n", packet.len);
	else
		buf_printf(d->out, "packet suite=%s key=%.*s deflated=%s bytes=%zu\n", packet_suite_name(label.suite),
			(int)label.key_id.len, (const char *)label.key_id.data, label.deflated ? "yes" : "no", packet.len);
}

static void print_opened(const struct decode *d, const struct gme *gme, unsigned depth)
{
	struct channel_opened opened;
	enum channel_result result = channel_open(d->channel, d->peer, gme, &opened);

	if (result == CHANNEL_OK) {
		indent(d, depth);
		buf_printf(d->out, "opened clear=%zu packed=%zu sealed=%zu suite=%s\n", opened.sizes.clear, opened.sizes.packed,
			opened.sizes.sealed, packet_suite_name(opened.sizes.suite));
		print_message(d, opened.clear, depth + 1);
	} else {
		indent(d, depth);
		buf_printf(d->out, "not opened: %s\n", channel_result_text(result));
	}
}

/* One envelope and what is in it, as far as the keys reach. */
static int print_gme(const struct decode *d, struct bytes raw, unsigned depth, struct error *err)
{
	struct gme gme;

	if (gme_decode(raw, &gme, err) != 0)
		return -1;
	indent(d, depth);
	gme_dump(&gme, d->out);
	buf_text(d->out, "\n");
	if (gme.kind != GME_MESSAGE)
		return 0;
	print_label(d, gme.payload, depth + 1);
	if (d->peer)
		print_opened(d, &gme, depth + 1);
	return 0;
}

/* The envelope inside a frame, if this kind of frame carries one. */
static bool envelope_of(uint8_t opcode, const union srp_any *any, struct bytes *gme)
{
	switch (opcode) {
	case SRP_SEND: *gme = any->send.gme; return true;
	case SRP_RECEIVE: *gme = any->receive.gme; return true;
	case SRP_DATA: *gme = any->data.gme; return true;
	default: return false;
	}
}

/* Prints frame after frame; each gives its struct to inside(). */
static int print_frames(const struct decode *d, struct bytes raw, const struct wire_msg *const *messages, void *any,
	int (*inside)(const struct decode *d, uint8_t opcode, const void *any, struct error *err), struct error *err)
{
	size_t at = 0;

	if (raw.len == 0)
		return error_set(err, "there are no bytes");
	while (at < raw.len) {
		struct bytes rest = bytes_slice(raw, at, raw.len);
		ssize_t len = frame_split(NULL, rest, err);
		const struct wire_msg *msg;

		if (len < 0)
			return error_prefix(err, "at byte %zu: ", at);
		if (len == 0)
			return error_set(err, "at byte %zu: the frame goes on after the %zu bytes that are there", at, rest.len);
		rest = bytes_slice(rest, 0, (size_t)len);
		msg = wire_find(messages, frame_opcode(rest));
		if (!msg)
			return error_set(err, "at byte %zu: unknown opcode 0x%02X", at, frame_opcode(rest));
		if (frame_decode(msg, rest, any, err) != 0)
			return error_prefix(err, "at byte %zu: ", at);
		wire_dump(msg, any, d->out);
		buf_text(d->out, "\n");
		if (inside(d, msg->code, any, err) != 0)
			return error_prefix(err, "at byte %zu, inside: ", at);
		at += (size_t)len;
	}
	return 0;
}

static int inside_srp(const struct decode *d, uint8_t opcode, const void *any, struct error *err)
{
	struct bytes gme;

	return envelope_of(opcode, any, &gme) ? print_gme(d, gme, 1, err) : 0;
}

static int inside_link(const struct decode *d, uint8_t opcode, const void *raw, struct error *err)
{
	const union link_any *any = raw;

	(void)err;
	if (opcode == LINK_UP)
		print_message(d, any->up.clear, 1);
	else if (opcode == LINK_DOWN)
		print_message(d, any->down.clear, 1);
	return 0;
}

int decode_srp(const struct decode *d, struct bytes raw, struct error *err)
{
	union srp_any any;

	return print_frames(d, raw, srp_messages, &any, inside_srp, err);
}

int decode_link(const struct decode *d, struct bytes raw, struct error *err)
{
	union link_any any;

	return print_frames(d, raw, link_messages, &any, inside_link, err);
}

int decode_gme(const struct decode *d, struct bytes raw, struct error *err)
{
	return print_gme(d, raw, 0, err);
}

/* Without its envelope a packet can be opened if its suite does not authenticate the envelope's header, and only a message of
 * one fragment can be read. */
int decode_packet(const struct decode *d, struct bytes raw, struct error *err)
{
	struct packet_place place = { .message_id = d->message_id, .count = 1 };
	struct packet_crypto *crypto;
	struct buf slice = { 0 }, clear = { 0 };
	struct packet_label label;
	int rc = 0;

	if (packet_peek(raw, &label) != 0)
		return error_set(err, "not an encrypted packet");
	print_label(d, raw, 0);
	if (!d->peer)
		return 0;
	crypto = packet_crypto_new();
	rc = -1;
	for (size_t i = 0; i < CHANNEL_KEYS && rc != 0; i++) {
		const struct packet_key *key = &d->peer->keys[i].key;

		if (d->peer->keys[i].state != CHANNEL_KEY_NONE && bytes_is(label.key_id, key->id))
			rc = packet_open(crypto, key, (struct bytes){ 0 }, raw, &place, &slice);
	}
	if (rc != 0) {
		error_set(err, "it does not open: another key, another --message-id, a fragment, or aes256-gcm (give the whole gme then)");
	} else if (place.deflated) {
		struct pack *pack = pack_new();

		rc = pack_open(pack, buf_bytes(&slice), place.clear_len, &clear);
		if (rc != 0)
			error_set(err, "it opens, but what is inside does not inflate to %u bytes", place.clear_len);
		pack_free(&pack);
	} else {
		buf_append(&clear, buf_bytes(&slice));
	}
	if (rc == 0)
		print_message(d, buf_bytes(&clear), 1);
	packet_crypto_free(&crypto);
	buf_wipe(&slice);
	buf_wipe(&clear);
	return rc;
}
