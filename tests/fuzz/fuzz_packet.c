/* Packets: 16 bytes stand for the envelope's header, the rest is opened as a packet, and sealed as a slice. */
#include <stdlib.h>
#include <string.h>

#include "protocol/gme.h"
#include "protocol/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void there_and_back(struct packet_crypto *crypto, const struct packet_key *key, struct bytes header, struct bytes slice)
{
	struct packet_place place = { .message_id = 7, .index = 1, .count = 3, .clear_len = 99, .deflated = true };
	struct packet_place found = { .message_id = 7, .index = 1, .count = 3 };
	enum packet_suite suite = (enum packet_suite)(1 + slice.len % 3);
	struct buf packet = { 0 }, out = { 0 };

	if (packet_seal(crypto, suite, key, header, &place, slice, &packet))
		abort();
	if (packet_open(crypto, key, header, buf_bytes(&packet), &found, &out) || !bytes_equal(buf_bytes(&out), slice) ||
	    found.clear_len != 99 || !found.deflated)
		abort();
	buf_free(&packet);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct packet_crypto *crypto;
	struct packet_key key = { .id = "2100000A+1", .suites = PACKET_SUITES_ALL };
	struct packet_place place = { .message_id = 1, .count = 1 };
	struct bytes in = bytes_of(data, size), header = bytes_slice(in, 0, 16), rest = bytes_slice(in, 16, size);
	struct packet_label label;
	struct buf out = { 0 };

	if (!crypto)
		crypto = packet_crypto_new();
	memset(key.secret, 0x41, sizeof key.secret);
	if (packet_open(crypto, &key, header, rest, &place, &out) == 0 && packet_peek(rest, &label))
		abort();
	if (rest.len <= GME_FRAGMENT_BYTES)
		there_and_back(crypto, &key, header, rest);
	buf_free(&out);
	return 0;
}
