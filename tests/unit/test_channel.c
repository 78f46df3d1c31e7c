/* The channel's rules: keys and their states, fragments, ids, suites, bounds. The bytes are held to vectors in tests/vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/channel.h"
#include "protocol/random.h"

static struct channel *channel;

static const struct channel_envelope up = {
	.source = { .is_pin = true, .pin = 0x2100000A }, .destination = { .srp_id = { (const uint8_t *)"T00000001", 9 } },
	.content_id = "BBIM", .flags = GME_RECEIPT_WANTED,
};

struct sealed { struct buf envelopes[GME_FRAGMENTS_MAX]; unsigned count; uint32_t id; struct channel_sizes sizes; };

static void keep(void *ctx, struct bytes envelope)
{
	struct sealed *sealed = ctx;

	assert_true(sealed->count < GME_FRAGMENTS_MAX);
	buf_append(&sealed->envelopes[sealed->count++], envelope);
}

static void drop(struct sealed *sealed)
{
	for (unsigned i = 0; i < GME_FRAGMENTS_MAX; i++)
		buf_free(&sealed->envelopes[i]);
	memset(sealed, 0, sizeof *sealed);
}

static void add_key(struct channel_peer *peer, unsigned slot, uint32_t serial, enum channel_key_state state)
{
	struct channel_key *key = &peer->keys[slot];

	memset(key, 0, sizeof *key);
	snprintf(key->key.id, sizeof key->key.id, "2100000A+%u", serial);
	memset(key->key.secret, (int)(0x40 + serial), PACKET_KEY_SIZE);
	key->key.suites = PACKET_SUITES_ALL;
	key->state = state;
	key->serial = serial;
	replay_start(&key->receive, 0);
	replay_committed(&key->receive, REPLAY_AHEAD);
	replay_counter_start(&key->send, 0);
	replay_counter_committed(&key->send, REPLAY_AHEAD);
}

static struct channel_peer peer_with(uint32_t serial)
{
	struct channel_peer peer = { .suites = PACKET_SUITES_ALL };

	add_key(&peer, 0, serial, CHANNEL_KEY_CURRENT);
	return peer;
}

static void seal_with(struct channel_peer *peer, struct bytes clear, struct sealed *out)
{
	memset(out, 0, sizeof *out);
	assert_int_equal(channel_seal(channel, peer, &up, clear, keep, out, &out->id, &out->sizes), CHANNEL_OK);
}

static enum channel_result open_at(struct channel_peer *peer, const struct sealed *sealed, unsigned at,
	struct channel_opened *opened)
{
	struct gme gme;

	assert_int_equal(gme_decode(buf_bytes(&sealed->envelopes[at]), &gme, NULL), 0);
	return channel_open(channel, peer, &gme, opened);
}

/* Bytes that do not shrink: as many fragments as one wants. */
static struct bytes noise(size_t len)
{
	static uint8_t data[GME_FRAGMENTS_MAX * GME_FRAGMENT_BYTES + 1];
	uint32_t x = 7;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	return bytes_of(data, len);
}

static void the_strongest_common_suite_wins(void **state)
{
	static const struct { const char *name; unsigned key, peer; int want; } rows[] = {
		{ "both documented ones: AES is preferred", PACKET_SUITES_DOCUMENTED, PACKET_SUITES_ALL, PACKET_AES256_CBC },
		{ "the device knows Triple DES alone", 1u << PACKET_3DES_CBC, PACKET_SUITES_ALL, PACKET_3DES_CBC },
		{ "all: GCM", PACKET_SUITES_ALL, PACKET_SUITES_ALL, PACKET_AES256_GCM },
		{ "this side allows the documented ones", PACKET_SUITES_ALL, PACKET_SUITES_DOCUMENTED, PACKET_AES256_CBC },
		{ "hardened, and the key may", PACKET_SUITES_ALL, PACKET_SUITES_HARDENED, PACKET_AES256_GCM },
		{ "hardened, and the key may not: never a weaker one", PACKET_SUITES_DOCUMENTED, PACKET_SUITES_HARDENED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct channel_peer peer = peer_with(1), other = peer_with(1);
		struct sealed sealed = { 0 };
		struct channel_opened opened;
		enum channel_result result;

		print_message("  %s\n", rows[i].name);
		peer.suites = rows[i].peer;
		peer.keys[0].key.suites = rows[i].key;
		result = channel_seal(channel, &peer, &up, bytes_str("hello"), keep, &sealed, &sealed.id, &sealed.sizes);
		assert_int_equal(result, rows[i].want ? CHANNEL_OK : CHANNEL_NO_KEY);
		if (rows[i].want) {
			assert_int_equal(sealed.sizes.suite, rows[i].want);
			/* A side that does not allow the suite refuses to open it. */
			other.suites = PACKET_SUITES_ALL & ~PACKET_SUITE_BIT(rows[i].want);
			assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_BAD);
			other.suites = PACKET_SUITES_ALL;
			other.keys[0].key.suites = other.suites & ~PACKET_SUITE_BIT(rows[i].want);
			assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_BAD);
			other.keys[0].key.suites = PACKET_SUITES_ALL;
			assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_OK);
		}
		drop(&sealed);
		channel_peer_free(&peer);
		channel_peer_free(&other);
	}
}

static void a_wrong_key_is_one_plain_refusal(void **state)
{
	struct channel_peer peer = peer_with(1), other = peer_with(1);
	struct channel_opened opened;
	struct sealed sealed;

	(void)state;
	seal_with(&peer, bytes_str("hello"), &sealed);
	other.keys[0].key.secret[PACKET_KEY_SIZE - 1] ^= 1;
	assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_BAD);
	assert_null(opened.key);
	strcpy(other.keys[0].key.id, "2100000A+2");
	assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_NO_KEY);
	other.keys[0].state = CHANNEL_KEY_NONE;
	strcpy(other.keys[0].key.id, "2100000A+1");
	assert_int_equal(open_at(&other, &sealed, 0, &opened), CHANNEL_NO_KEY);
	drop(&sealed);
	channel_peer_free(&peer);
	channel_peer_free(&other);
}

static void a_packet_under_the_pending_key_promotes_it(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed old, queued, new;
	struct channel_opened opened;

	(void)state;
	add_key(&server, 1, 2, CHANNEL_KEY_PENDING);
	seal_with(&device, bytes_str("under the old key"), &old);
	seal_with(&device, bytes_str("queued under the old key"), &queued);
	add_key(&device, 0, 2, CHANNEL_KEY_CURRENT);
	seal_with(&device, bytes_str("under the new key"), &new);

	/* Until then the current one seals. */
	assert_int_equal(channel_peer_key(&server, CHANNEL_KEY_CURRENT)->serial, 1);
	assert_int_equal(open_at(&server, &old, 0, &opened), CHANNEL_OK);
	assert_false(opened.key_promoted);
	assert_int_equal(open_at(&server, &new, 0, &opened), CHANNEL_OK);
	assert_true(opened.key_promoted);
	assert_int_equal(opened.key->serial, 2);
	assert_int_equal(channel_peer_key(&server, CHANNEL_KEY_CURRENT)->serial, 2);
	assert_int_equal(channel_peer_key(&server, CHANNEL_KEY_PREVIOUS)->serial, 1);
	assert_null(channel_peer_key(&server, CHANNEL_KEY_PENDING));
	/* Messages that were queued under the previous key still open; its ids are its own. */
	assert_int_equal(open_at(&server, &queued, 0, &opened), CHANNEL_OK);
	assert_false(opened.key_promoted);

	/* Only the most recent previous key stays. */
	add_key(&server, 2, 3, CHANNEL_KEY_PENDING);
	add_key(&device, 0, 3, CHANNEL_KEY_CURRENT);
	drop(&new);
	seal_with(&device, bytes_str("the third"), &new);
	assert_int_equal(open_at(&server, &new, 0, &opened), CHANNEL_OK);
	assert_int_equal(channel_peer_key(&server, CHANNEL_KEY_CURRENT)->serial, 3);
	assert_int_equal(channel_peer_key(&server, CHANNEL_KEY_PREVIOUS)->serial, 2);
	assert_int_equal(open_at(&server, &queued, 0, &opened), CHANNEL_NO_KEY);
	drop(&old);
	drop(&queued);
	drop(&new);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

static void fragments_of_one_message_at_a_time(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed first, second;
	struct channel_opened opened;

	(void)state;
	seal_with(&device, noise(5000), &first);
	seal_with(&device, noise(4100), &second);
	assert_int_equal(first.count, 3);
	assert_int_equal(open_at(&server, &first, 2, &opened), CHANNEL_PART);
	assert_int_equal(open_at(&server, &first, 0, &opened), CHANNEL_PART);
	/* A fragment already present is a duplicate, for which no receipt is due yet. */
	assert_int_equal(open_at(&server, &first, 0, &opened), CHANNEL_DUPLICATE);
	assert_true(opened.is_part);
	/* Another message discards the unfinished one. */
	assert_int_equal(open_at(&server, &second, 0, &opened), CHANNEL_PART);
	assert_int_equal(open_at(&server, &first, 1, &opened), CHANNEL_PART);
	assert_int_equal(open_at(&server, &first, 0, &opened), CHANNEL_PART);
	assert_int_equal(open_at(&server, &first, 2, &opened), CHANNEL_OK);
	assert_true(bytes_equal(opened.clear, noise(5000)));
	assert_int_equal(opened.sizes.packed, 5000);
	assert_int_equal(opened.sizes.sealed, first.sizes.sealed);
	assert_int_equal(open_at(&server, &first, 2, &opened), CHANNEL_DUPLICATE);
	assert_false(opened.is_part);
	/* The second one was not used up by its first try. */
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(open_at(&server, &second, i, &opened), i < 2 ? CHANNEL_PART : CHANNEL_OK);
	drop(&first);
	drop(&second);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

static void a_whole_message_between_fragments(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed parts, whole;
	struct channel_opened opened;

	(void)state;
	seal_with(&device, noise(3000), &parts);
	seal_with(&device, bytes_str("short"), &whole);
	assert_int_equal(open_at(&server, &parts, 0, &opened), CHANNEL_PART);
	assert_int_equal(open_at(&server, &whole, 0, &opened), CHANNEL_OK);
	assert_true(bytes_is(opened.clear, "short"));
	assert_int_equal(open_at(&server, &parts, 1, &opened), CHANNEL_OK);
	drop(&parts);
	drop(&whole);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

static void ids_wait_for_their_ceiling(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed sealed, refused = { 0 };
	struct channel_opened opened;

	(void)state;
	replay_counter_start(&device.keys[0].send, REPLAY_AHEAD);
	assert_int_equal(channel_seal(channel, &device, &up, bytes_str("a"), keep, &refused, &refused.id, &refused.sizes),
		CHANNEL_COMMIT_FIRST);
	assert_int_equal(refused.count, 0);
	replay_counter_committed(&device.keys[0].send, replay_counter_wanted(&device.keys[0].send));
	seal_with(&device, bytes_str("a"), &sealed);
	assert_int_equal(sealed.id, REPLAY_AHEAD + 1);
	assert_int_equal(open_at(&server, &sealed, 0, &opened), CHANNEL_COMMIT_FIRST);
	replay_committed(&opened.key->receive, replay_wanted_ceiling(&opened.key->receive, sealed.id));
	assert_int_equal(open_at(&server, &sealed, 0, &opened), CHANNEL_OK);
	/* After a restart of the receiver: resume, and nothing is opened twice. */
	replay_start(&server.keys[0].receive, 2 * REPLAY_AHEAD + 1);
	assert_int_equal(open_at(&server, &sealed, 0, &opened), CHANNEL_RESUME);
	assert_int_equal(opened.resume_at, 2 * REPLAY_AHEAD + 1);
	assert_int_equal(opened.clear.len, 0);
	/* The last id of a key. */
	replay_counter_start(&device.keys[0].send, UINT32_MAX);
	assert_int_equal(channel_seal(channel, &device, &up, bytes_str("a"), keep, &refused, &refused.id, &refused.sizes),
		CHANNEL_NO_KEY);
	drop(&sealed);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

static void too_large_takes_no_id(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed sealed = { 0 };
	struct channel_opened opened;
	struct buf zeroes = { 0 };

	(void)state;
	assert_int_equal(channel_seal(channel, &device, &up, noise(GME_FRAGMENTS_MAX * GME_FRAGMENT_BYTES + 1), keep, &sealed,
		&sealed.id, &sealed.sizes), CHANNEL_TOO_LARGE);
	memset(buf_extend(&zeroes, PACK_MAX_CLEAR + 1), 0, PACK_MAX_CLEAR + 1);
	assert_int_equal(channel_seal(channel, &device, &up, buf_bytes(&zeroes), keep, &sealed, &sealed.id, &sealed.sizes),
		CHANNEL_TOO_LARGE);
	assert_int_equal(device.keys[0].send.next, 1);
	/* The largest of both kinds goes. */
	seal_with(&device, noise(GME_FRAGMENTS_MAX * GME_FRAGMENT_BYTES), &sealed);
	assert_int_equal(sealed.count, GME_FRAGMENTS_MAX);
	for (unsigned i = 0; i < GME_FRAGMENTS_MAX; i++) {
		assert_true(sealed.envelopes[i].len <= GME_MAX);
		assert_int_equal(open_at(&server, &sealed, i, &opened), i + 1 < GME_FRAGMENTS_MAX ? CHANNEL_PART : CHANNEL_OK);
	}
	assert_true(bytes_equal(opened.clear, noise(GME_FRAGMENTS_MAX * GME_FRAGMENT_BYTES)));
	drop(&sealed);
	seal_with(&device, bytes_slice(buf_bytes(&zeroes), 0, PACK_MAX_CLEAR), &sealed);
	for (unsigned i = 0; i < sealed.count; i++)
		assert_int_equal(open_at(&server, &sealed, i, &opened), i + 1 < sealed.count ? CHANNEL_PART : CHANNEL_OK);
	assert_int_equal(opened.clear.len, PACK_MAX_CLEAR);
	drop(&sealed);
	buf_free(&zeroes);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

/* Packets that an authentic sender made wrongly: what it claims of the message must be true. */
static void claims_must_be_true(void **state)
{
	static const struct { const char *name; bool deflated; uint32_t clear_len; const char *text; size_t len;
		enum channel_result want; } rows[] = {
		{ "as it is, and as long as it says", false, 5, "hello", 5, CHANNEL_OK },
		{ "longer than it says", false, 4, "hello", 5, CHANNEL_BAD },
		{ "shorter than it says", false, 6, "hello", 5, CHANNEL_BAD },
		{ "beyond the largest message", false, PACK_MAX_CLEAR + 1, "hello", 5, CHANNEL_TOO_LARGE },
		/* 259 times the letter a. */
		{ "deflated", true, 259, "\x4b\x4c\x1c\xf1\x00\x00", 6, CHANNEL_OK },
		{ "deflated, longer than it says", true, 258, "\x4b\x4c\x1c\xf1\x00\x00", 6, CHANNEL_BAD },
		{ "deflated, shorter than it says", true, 260, "\x4b\x4c\x1c\xf1\x00\x00", 6, CHANNEL_BAD },
		{ "no DEFLATE stream", true, 9, "hello", 5, CHANNEL_BAD },
		{ "an empty stream that claims a byte", true, 3, "\x03\x00", 2, CHANNEL_BAD },
		{ "deflated without gain", true, 1, "\x4b\x04\x00", 3, CHANNEL_BAD },
	};
	struct packet_crypto *crypto = packet_crypto_new();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct channel_peer peer = peer_with(1);
		struct packet_place place = { .message_id = 9, .count = 1, .clear_len = rows[i].clear_len,
			.deflated = rows[i].deflated };
		struct gme gme = { .flags = GME_ENCRYPTED, .message_id = 9, .source = up.source, .destination = up.destination,
			.content_ids = bytes_str("BBIM") }, decoded;
		struct buf raw = { 0 };
		struct channel_opened opened;
		size_t header;

		print_message("  %s\n", rows[i].name);
		gme_encode(&gme, true, &raw);
		header = raw.len;
		buf_reserve(&raw, GME_MAX);
		assert_int_equal(packet_seal(crypto, PACKET_AES256_CBC, &peer.keys[0].key, bytes_of(raw.data, header), &place,
			bytes_of(rows[i].text, rows[i].len), &raw), 0);
		assert_int_equal(gme_decode(buf_bytes(&raw), &decoded, NULL), 0);
		assert_int_equal(channel_open(channel, &peer, &decoded, &opened), rows[i].want);
		if (rows[i].want != CHANNEL_OK)
			assert_int_equal(replay_check(&peer.keys[0].receive, 9), REPLAY_NEW);
		buf_free(&raw);
		channel_peer_free(&peer);
	}
	packet_crypto_free(&crypto);
}

static void only_encrypted_messages_open(void **state)
{
	struct channel_peer device = peer_with(1), server = peer_with(1);
	struct sealed sealed;
	struct channel_opened opened;
	struct gme gme;

	(void)state;
	device.suites = PACKET_SUITES_DOCUMENTED;
	seal_with(&device, bytes_str("hello"), &sealed);
	assert_int_equal(gme_decode(buf_bytes(&sealed.envelopes[0]), &gme, NULL), 0);
	gme.flags &= ~(unsigned)GME_ENCRYPTED;
	assert_int_equal(channel_open(channel, &server, &gme, &opened), CHANNEL_BAD);
	gme.flags |= GME_ENCRYPTED;
	gme.kind = GME_DELIVERED;
	assert_int_equal(channel_open(channel, &server, &gme, &opened), CHANNEL_BAD);
	gme.kind = GME_MESSAGE;
	/* The plaintext repeats the envelope's id: another one outside is refused, and replay protection holds. */
	gme.message_id++;
	assert_int_equal(channel_open(channel, &server, &gme, &opened), CHANNEL_BAD);
	gme.message_id--;
	assert_int_equal(channel_open(channel, &server, &gme, &opened), CHANNEL_OK);
	drop(&sealed);
	channel_peer_free(&device);
	channel_peer_free(&server);
}

static void random_bytes_are_used_once(void **state)
{
	struct random_pool pool = { .used = 0 };
	uint8_t a[32], b[32], child[32], left[64];
	int ends[2], status;
	pid_t pid;

	(void)state;
	random_pool_take(&pool, a, sizeof a);
	random_pool_take(&pool, b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	memset(left, 0, sizeof left);
	assert_memory_equal(pool.bytes, left, sizeof left);              /* handed out, and wiped */
	/* A forked child does not hand out what its parent will. */
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		random_pool_take(&pool, child, sizeof child);
		_exit(write(ends[1], child, sizeof child) == sizeof child ? 0 : 1);
	}
	random_pool_take(&pool, a, sizeof a);
	assert_int_equal(read(ends[0], child, sizeof child), sizeof child);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_memory_not_equal(a, child, sizeof a);
	close(ends[0]);
	close(ends[1]);
	random_pool_wipe(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_strongest_common_suite_wins), cmocka_unit_test(a_wrong_key_is_one_plain_refusal),
		cmocka_unit_test(a_packet_under_the_pending_key_promotes_it), cmocka_unit_test(fragments_of_one_message_at_a_time),
		cmocka_unit_test(a_whole_message_between_fragments), cmocka_unit_test(ids_wait_for_their_ceiling),
		cmocka_unit_test(too_large_takes_no_id), cmocka_unit_test(claims_must_be_true),
		cmocka_unit_test(only_encrypted_messages_open), cmocka_unit_test(random_bytes_are_used_once),
	};
	int failed;

	channel = channel_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	channel_free(&channel);
	return failed;
}
