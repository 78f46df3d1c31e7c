/* Envelopes one after another into one peer, each with its length (u16) before it: nothing is opened twice, and every whole
 * message keeps to its bounds. The peer's key is known, so that the corpus can hold messages that open. */
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "protocol/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct channel *channel;
	struct channel_peer peer = { .suites = PACKET_SUITES_ALL };
	struct reader r = reader_of(bytes_of(data, size));
	uint32_t opened_ids[REPLAY_AHEAD + 1] = { 0 };

	if (!channel)
		channel = channel_new();
	peer.keys[0] = (struct channel_key){ .key = { .id = "2100000A+1", .suites = PACKET_SUITES_ALL },
		.state = CHANNEL_KEY_PENDING, .serial = 1 };
	memset(peer.keys[0].key.secret, 0x41, PACKET_KEY_SIZE);
	replay_start(&peer.keys[0].receive, 0);
	replay_committed(&peer.keys[0].receive, REPLAY_AHEAD);
	while (reader_ok(&r) && reader_left(&r)) {
		struct bytes raw = reader_bytes(&r, reader_u16(&r));
		struct channel_opened opened;
		struct gme gme;

		if (gme_decode(raw, &gme, NULL) || channel_open(channel, &peer, &gme, &opened) != CHANNEL_OK)
			continue;
		if (gme.message_id > REPLAY_AHEAD || opened_ids[gme.message_id]++)
			abort();
		if (opened.clear.len != opened.sizes.clear || opened.clear.len > PACK_MAX_CLEAR)
			abort();
	}
	channel_peer_free(&peer);
	return 0;
}
