/* One layer of a message's way, over and over, in this process alone: for callgrind, which counts its instructions, and for the clock.
 *
 *   bench_layers LAYER COUNT      prints the nanoseconds of CPU for each message
 *
 * Each message is sealed and opened again; there are 1024 different texts of 256 bytes. `bare-` is the same work by zlib and EVP called
 * directly (support/seal.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "protocol/channel.h"
#include "protocol/im.h"
#include "protocol/srp.h"
#include "simulator/load/load_texts.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/seal.h"

enum { TEXT = 256, ROOM = 8192, PIN = 0x30000000 };

struct bench {
	struct channel *channel;
	struct channel_peer sender, receiver;
	struct packet_crypto *crypto;
	struct pack *pack;
	struct seal *seal;
	struct load_texts *texts;
	struct buf a, b, kept;
	uint64_t bytes;              /* of all that was opened: nothing is optimised away */
};

static void opened(struct bench *bench, size_t len)
{
	if (len != TEXT)
		instrument_die("%zu bytes came out of %d", len, TEXT);
	bench->bytes += len;
}

/* --- ours ---------------------------------------------------------------------------------------------------------------------- */

static void keep(void *ctx, struct bytes envelope)
{
	struct bench *bench = ctx;

	buf_clear(&bench->kept);
	buf_append(&bench->kept, envelope);
}

static void channel_layer(struct bench *bench, struct bytes text)
{
	const struct channel_envelope to = { .source = { .is_pin = true, .pin = PIN }, .destination = { .srp_id = bytes_str("T00000001") },
		.content_id = "BBIM", .flags = GME_RECEIPT_WANTED };
	struct channel_opened out;
	struct channel_sizes sizes;
	uint32_t id;
	struct gme gme;
	struct error err;
	enum channel_result result = channel_seal(bench->channel, &bench->sender, &to, text, keep, bench, &id, &sizes);

	if (result == CHANNEL_COMMIT_FIRST) {
		replay_counter_committed(&bench->sender.keys[0].send, replay_counter_wanted(&bench->sender.keys[0].send));
		result = channel_seal(bench->channel, &bench->sender, &to, text, keep, bench, &id, &sizes);
	}
	if (result != CHANNEL_OK || gme_decode(buf_bytes(&bench->kept), &gme, &err))
		instrument_die("seal: %s", channel_result_text(result));
	result = channel_open(bench->channel, &bench->receiver, &gme, &out);
	if (result == CHANNEL_COMMIT_FIRST) {
		replay_committed(&bench->receiver.keys[0].receive, replay_wanted_ceiling(&bench->receiver.keys[0].receive, gme.message_id));
		result = channel_open(bench->channel, &bench->receiver, &gme, &out);
	}
	if (result != CHANNEL_OK)
		instrument_die("open: %s", channel_result_text(result));
	opened(bench, out.clear.len);
}

static void packet_layer(struct bench *bench, struct bytes text)
{
	struct packet_place place = { .message_id = 1, .index = 0, .count = 1, .clear_len = TEXT };
	const struct packet_key *key = &bench->sender.keys[0].key;

	buf_clear(&bench->a);
	buf_clear(&bench->b);
	if (packet_seal(bench->crypto, PACKET_AES256_CBC, key, bytes_str(""), &place, text, &bench->a) ||
	    packet_open(bench->crypto, key, bytes_str(""), buf_bytes(&bench->a), &place, &bench->b))
		instrument_die("a packet did not open");
	opened(bench, bench->b.len);
}

static void pack_layer(struct bench *bench, struct bytes text)
{
	buf_clear(&bench->a);
	buf_clear(&bench->b);
	if (!pack_seal(bench->pack, text, &bench->a) || pack_open(bench->pack, buf_bytes(&bench->a), TEXT, &bench->b))
		instrument_die("a text did not inflate");
	opened(bench, bench->b.len);
}

/* What the router sees: the device's frame, its envelope, and the frame to the service. */
static void frame_layer(struct bench *bench, struct bytes text)
{
	struct gme gme = { .kind = GME_MESSAGE, .flags = GME_ENCRYPTED, .message_id = 1, .content_ids = bytes_str("BBIM"),
		.source = { .is_pin = true, .pin = PIN }, .destination = { .srp_id = bytes_str("T00000001") }, .payload = text };
	struct srp_data data = { .tag = 1 };
	struct srp_receive receive = { .pin = PIN };
	struct error err;

	buf_clear(&bench->a);
	buf_clear(&bench->b);
	buf_clear(&bench->kept);
	gme_encode(&gme, false, &bench->kept);
	data.gme = buf_bytes(&bench->kept);
	frame_encode(&srp_data_msg, &data, &bench->a);
	if (frame_decode(&srp_data_msg, buf_bytes(&bench->a), &data, &err) || gme_decode(data.gme, &gme, &err))
		instrument_die("%s", err.text);
	receive.gme = data.gme;
	frame_encode(&srp_receive_msg, &receive, &bench->b);
	if (frame_decode(&srp_receive_msg, buf_bytes(&bench->b), &receive, &err) || gme_decode(receive.gme, &gme, &err))
		instrument_die("%s", err.text);
	opened(bench, gme.payload.len);
}

/* --- bare ---------------------------------------------------------------------------------------------------------------------- */

static void bare_channel(struct bench *bench, struct bytes text)
{
	uint8_t sealed[SEAL_ROOM], clear[SEAL_ROOM];

	opened(bench, seal_open(bench->seal, bytes_of(sealed, seal_close(bench->seal, text, sealed)), clear));
}

static void bare_packet(struct bench *bench, struct bytes text)
{
	uint8_t sealed[SEAL_ROOM], clear[SEAL_ROOM];

	opened(bench, seal_decrypt(bench->seal, bytes_of(sealed, seal_encrypt(bench->seal, text, sealed)), clear));
}

static void bare_pack(struct bench *bench, struct bytes text)
{
	uint8_t packed[SEAL_ROOM], clear[SEAL_ROOM];

	opened(bench, seal_inflate(bench->seal, bytes_of(packed, seal_deflate(bench->seal, text, packed)), clear));
}

static const struct { const char *name; void (*run)(struct bench *bench, struct bytes text); } layers[] = {
	{ "channel", channel_layer }, { "packet", packet_layer }, { "pack", pack_layer }, { "frame", frame_layer },
	{ "bare-channel", bare_channel }, { "bare-packet", bare_packet }, { "bare-pack", bare_pack },
};

static void make_peer(struct channel_peer *peer)
{
	struct channel_key *key = &peer->keys[0];

	peer->suites = PACKET_SUITES_ALL;
	snprintf(key->key.id, sizeof key->key.id, "30000000+1");
	memset(key->key.secret, 7, sizeof key->key.secret);      /* a benchmark's key protects nothing */
	key->key.suites = PACKET_SUITE_BIT(PACKET_AES256_CBC);
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 1;
	replay_start(&key->receive, 0);
	replay_counter_start(&key->send, 0);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct bench bench = { .channel = channel_new(), .crypto = packet_crypto_new(), .pack = pack_new(), .seal = seal_new(),
		.texts = load_texts_new(1, TEXT, TEXT) };
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	void (*run)(struct bench *, struct bytes) = NULL;
	uint64_t start;

	for (size_t i = 0; argc == 3 && i < sizeof layers / sizeof *layers; i++)
		if (strcmp(argv[1], layers[i].name) == 0)
			run = layers[i].run;
	if (!run || !count)
		instrument_die("usage: bench_layers channel|packet|pack|frame|bare-channel|bare-packet|bare-pack COUNT");
	make_peer(&bench.sender);
	make_peer(&bench.receiver);
	start = cpu_ns();
	for (uint32_t i = 0; i < count; i++)
		run(&bench, load_texts_make(bench.texts, 0, i));
	printf("%.1f\n", (double)(cpu_ns() - start) / (double)count);
	if (bench.bytes != (uint64_t)count * TEXT)
		instrument_die("not all came out");
	channel_peer_free(&bench.sender);
	channel_peer_free(&bench.receiver);
	channel_free(&bench.channel);
	packet_crypto_free(&bench.crypto);
	pack_free(&bench.pack);
	seal_free(&bench.seal);
	load_texts_free(&bench.texts);
	buf_free(&bench.a);
	buf_free(&bench.b);
	buf_free(&bench.kept);
	return 0;
}
