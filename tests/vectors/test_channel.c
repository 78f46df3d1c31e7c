/* Sealed messages made by make_gme_vectors.py, which shares no code with us: opened, damaged, opened out of order.
 * `test_channel --seal` prints messages sealed by us in the same form, for test_packet_python.py to open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/channel.h"

#define VECTORS "tests/vectors/channel.txt"

struct vector {
	char name[80];
	struct channel_key key;
	uint32_t id;
	struct buf clear;
	struct buf envelopes[GME_FRAGMENTS_MAX];
	unsigned count;
	struct buf receipt, resume, no_service;      /* to the last envelope; the last one by somebody without the key */
};

static struct vector vectors[64];
static unsigned vector_count;
static struct channel *channel;

static void read_key(const char *line, struct channel_key *key)
{
	char suite_name[16], secret_hex[80];
	enum packet_suite suite;
	struct buf secret = { 0 };

	assert_int_equal(sscanf(line, "key %15s %23s %79s", suite_name, key->key.id, secret_hex), 3);
	assert_int_equal(packet_suite_parse(suite_name, &suite), 0);
	assert_int_equal(hex_decode(bytes_str(secret_hex), &secret), 0);
	assert_int_equal(secret.len, PACKET_KEY_SIZE);
	memcpy(key->key.secret, secret.data, PACKET_KEY_SIZE);
	key->key.suites = PACKET_SUITE_BIT(suite);
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 3;
	buf_wipe(&secret);
}

static void read_vectors(void)
{
	FILE *file = fopen(VECTORS, "r");
	char *line = NULL;
	size_t cap = 0;
	struct vector *v = NULL;

	if (!file) {
		perror(VECTORS);
		exit(1);
	}
	while (getline(&line, &cap, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "message ", 8)) {
			assert_true(vector_count < 64);
			v = &vectors[vector_count++];
			snprintf(v->name, sizeof v->name, "%s", line + 8);
		} else if (v && !strncmp(line, "key ", 4)) {
			read_key(line, &v->key);
		} else if (v && !strncmp(line, "id ", 3)) {
			v->id = (uint32_t)strtoul(line + 3, NULL, 10);
		} else if (v && !strncmp(line, "clear ", 6)) {
			assert_int_equal(hex_decode(bytes_str(line + 6), &v->clear), 0);
		} else if (v && !strncmp(line, "envelope ", 9)) {
			assert_int_equal(hex_decode(bytes_str(line + 9), &v->envelopes[v->count++]), 0);
		} else if (v && !strncmp(line, "receipt ", 8)) {
			assert_int_equal(hex_decode(bytes_str(line + 8), &v->receipt), 0);
		} else if (v && !strncmp(line, "resume ", 7)) {
			assert_int_equal(hex_decode(bytes_str(line + 7), &v->resume), 0);
		} else if (v && !strncmp(line, "no-service ", 11)) {
			assert_int_equal(hex_decode(bytes_str(line + 11), &v->no_service), 0);
		}
	}
	free(line);
	fclose(file);
}

static struct channel_peer peer_of(const struct vector *v)
{
	struct channel_peer peer = { .suites = PACKET_SUITES_ALL };

	peer.keys[0] = v->key;
	replay_start(&peer.keys[0].receive, 0);
	replay_committed(&peer.keys[0].receive, REPLAY_AHEAD);
	return peer;
}

/* A copy of exactly the right size, so that the address sanitizer sees a read past the end. -1: not an envelope. */
static int open_copy(struct channel_peer *peer, struct bytes raw, struct channel_opened *opened)
{
	uint8_t *copy = malloc(raw.len ? raw.len : 1);
	struct gme gme;
	int result = -1;

	assert_non_null(copy);
	if (raw.len)
		memcpy(copy, raw.data, raw.len);
	if (!gme_decode(bytes_of(copy, raw.len), &gme, NULL))
		result = (int)channel_open(channel, peer, &gme, opened);
	free(copy);
	return result;
}

static void check_opened(const struct vector *v, const struct channel_opened *opened)
{
	size_t sealed = 0;

	for (unsigned i = 0; i < v->count; i++)
		sealed += v->envelopes[i].len;
	assert_true(bytes_equal(opened->clear, buf_bytes(&v->clear)));
	assert_int_equal(opened->sizes.clear, v->clear.len);
	assert_int_equal(opened->sizes.sealed, sealed);
	assert_int_equal(opened->sizes.fragments, v->count);
}

static void every_message_opens(void **state)
{
	(void)state;
	assert_int_equal(vector_count, 24);
	for (unsigned n = 0; n < vector_count; n++) {
		const struct vector *v = &vectors[n];
		/* In order, backwards, and starting in the middle. */
		for (unsigned way = 0; way < (v->count > 1 ? 3 : 1); way++) {
			struct channel_peer peer = peer_of(v);
			struct channel_opened opened;

			print_message("  %s (%u)\n", v->name, way);
			for (unsigned i = 0; i < v->count; i++) {
				unsigned at = way == 0 ? i : way == 1 ? v->count - 1 - i : (i + 1) % v->count;

				assert_int_equal(open_copy(&peer, buf_bytes(&v->envelopes[at]), &opened),
					i + 1 < v->count ? CHANNEL_PART : CHANNEL_OK);
			}
			check_opened(v, &opened);
			assert_null(peer.parts);
			/* Each of its envelopes is a duplicate from now on. */
			for (unsigned i = 0; i < v->count; i++) {
				assert_int_equal(open_copy(&peer, buf_bytes(&v->envelopes[i]), &opened), CHANNEL_DUPLICATE);
				assert_false(opened.is_part);
			}
			channel_peer_free(&peer);
		}
	}
}

static void check_answer(const struct vector *v, const struct buf *want, struct buf *made, bool is_proved)
{
	struct channel_peer peer = peer_of(v);
	struct gme gme;

	assert_true(bytes_equal(buf_bytes(made), buf_bytes(want)));
	assert_int_equal(gme_decode(buf_bytes(want), &gme, NULL), 0);
	assert_ptr_equal(channel_proof(&peer, &gme), is_proved ? &peer.keys[0] : NULL);
	buf_clear(made);
	channel_peer_free(&peer);
}

static void every_message_is_answered_as_the_page_says(void **state)
{
	struct buf made = { 0 };

	(void)state;
	for (unsigned n = 0; n < vector_count; n++) {
		const struct vector *v = &vectors[n];
		struct channel_peer peer = peer_of(v);
		const struct packet_key *key;
		struct gme last;

		assert_int_equal(gme_decode(buf_bytes(&v->envelopes[v->count - 1]), &last, NULL), 0);
		key = channel_answer_key(&peer, &last);
		assert_ptr_equal(key, &peer.keys[0].key);
		gme_answer_receipt(&last, key, &made);
		check_answer(v, &v->receipt, &made, true);
		gme_answer_error(&last, key, GME_RESUME_AT, "256", &made);
		check_answer(v, &v->resume, &made, true);
		gme_answer_error(&last, NULL, GME_NO_SERVICE, "", &made);
		check_answer(v, &v->no_service, &made, false);
		channel_peer_free(&peer);
	}
	buf_free(&made);
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (unsigned n = 0; n < vector_count; n++) {
		const struct vector *v = &vectors[n];
		struct bytes raw = buf_bytes(&v->envelopes[0]);
		struct channel_peer peer = peer_of(v);
		struct channel_opened opened;

		for (size_t len = 0; len < raw.len; len++) {
			int result = open_copy(&peer, bytes_slice(raw, 0, len), &opened);

			assert_true(result == -1 || result == CHANNEL_BAD || result == CHANNEL_NO_KEY);
		}
		channel_peer_free(&peer);
	}
}

/* Under GCM every change is refused. Under CBC the envelope's header is outside the ciphertext: what can be changed there are
 * addresses, content ids and the wish for a receipt, and never what the message says, its id or its fragments. */
static void every_changed_bit_is_refused(void **state)
{
	(void)state;
	for (unsigned n = 0; n < vector_count; n++) {
		const struct vector *v = &vectors[n];
		bool is_gcm = v->key.key.suites == PACKET_SUITE_BIT(PACKET_AES256_GCM);
		struct bytes raw = buf_bytes(&v->envelopes[0]);
		struct channel_peer peer;
		struct buf changed = { 0 };
		struct gme gme;
		size_t header, bits = raw.len * 8;

		/* A full one of each suite is changed everywhere; of the other long ones the two ends are enough. */
		print_message("  %s\n", v->name);
		assert_int_equal(gme_decode(raw, &gme, NULL), 0);
		header = gme.header.len;
		for (size_t bit = 0; bit < bits; bit++) {
			struct channel_opened opened;
			int result;

			if (v->count > 1 && bit / 8 > 200 && bit / 8 + 40 < raw.len)
				continue;
			peer = peer_of(v);
			buf_clear(&changed);
			buf_append(&changed, raw);
			changed.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
			result = open_copy(&peer, buf_bytes(&changed), &opened);
			/* What a fragment claims of the whole (deflated or not) shows in the whole. */
			for (unsigned i = 1; result == CHANNEL_PART && i < v->count; i++)
				result = open_copy(&peer, buf_bytes(&v->envelopes[i]), &opened) == CHANNEL_OK ? CHANNEL_OK : result;
			if (bit / 8 >= header && !is_gcm && result == CHANNEL_PART)
				result = CHANNEL_BAD;
			if (result == CHANNEL_OK || result == CHANNEL_PART) {
				if (is_gcm || bit / 8 >= header)
					fail_msg("%s: opened with bit %zu changed", v->name, bit);
				assert_int_equal(gme_decode(buf_bytes(&changed), &gme, NULL), 0);
				assert_int_equal(gme.message_id, v->id);
				assert_int_equal(gme.fragment_count, v->count > 1 ? v->count : 0);
				assert_int_equal(gme.fragment_index, 0);
				if (result == CHANNEL_OK)
					assert_true(bytes_equal(opened.clear, buf_bytes(&v->clear)));
			}
			channel_peer_free(&peer);
		}
		buf_free(&changed);
	}
}

static void print_envelope(void *ctx, struct bytes envelope)
{
	struct buf hex = { 0 };

	(void)ctx;
	buf_hex(&hex, envelope);
	printf("envelope %s\n", buf_cstr(&hex));
	buf_free(&hex);
}

/* Seals the clear texts of the vectors, from the service to the device. */
static int print_sealed(void)
{
	const struct channel_envelope to = {
		.source = { .srp_id = bytes_str("T00000001") }, .destination = { .is_pin = true, .pin = 0x2100000A },
		.content_id = "BBIM", .flags = GME_RECEIPT_WANTED,
	};

	for (unsigned n = 0; n < vector_count; n++) {
		const struct vector *v = &vectors[n];
		struct channel_peer peer = peer_of(v);
		struct channel_sizes sizes;
		struct buf hex = { 0 };
		uint32_t id;

		replay_counter_start(&peer.keys[0].send, n * 1000);
		replay_counter_committed(&peer.keys[0].send, n * 1000 + REPLAY_AHEAD);
		buf_hex(&hex, bytes_of(v->key.key.secret, PACKET_KEY_SIZE));
		printf("message %s\nkey %s %s %s\nid %u\n", v->name, packet_suite_name(packet_suite_strongest(v->key.key.suites)),
			v->key.key.id, buf_cstr(&hex), n * 1000 + 1);
		buf_clear(&hex);
		buf_hex(&hex, buf_bytes(&v->clear));
		printf("clear %s\n", buf_cstr(&hex));
		if (channel_seal(channel, &peer, &to, buf_bytes(&v->clear), print_envelope, NULL, &id, &sizes) != CHANNEL_OK)
			return 1;
		buf_free(&hex);
		channel_peer_free(&peer);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_opens), cmocka_unit_test(every_message_is_answered_as_the_page_says),
		cmocka_unit_test(every_truncation_is_refused), cmocka_unit_test(every_changed_bit_is_refused),
	};
	int status;

	read_vectors();
	channel = channel_new();
	if (argc > 1 && !strcmp(argv[1], "--seal"))
		status = print_sealed();
	else
		status = cmocka_run_group_tests(tests, NULL, NULL);
	for (unsigned n = 0; n < vector_count; n++) {
		buf_free(&vectors[n].clear);
		buf_free(&vectors[n].receipt);
		buf_free(&vectors[n].resume);
		buf_free(&vectors[n].no_service);
		for (unsigned i = 0; i < vectors[n].count; i++)
			buf_free(&vectors[n].envelopes[i]);
	}
	channel_free(&channel);
	return status;
}
