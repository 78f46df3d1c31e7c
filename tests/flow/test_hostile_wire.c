/* A wire that does what it likes with sealed bytes and with frames: bits that flip, everything said again, every message cut in two anywhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/frame.h"
#include "tests/support/dispatcher_scene.h"

enum { FLIPS = 10000, RECORDED = 10000, BATCH = 100 };

/* --- flipped bits --------------------------------------------------------------------------------------------------------- */

/* A receiver that has seen nothing yet. */
static struct channel_peer receiver(unsigned suites)
{
	struct channel_peer peer = { .suites = 0 };

	device_start(&peer, ALICE, 1, suites);
	return peer;
}

struct verdicts { unsigned flips, not_an_envelope, refused, same, accepted; };

/* One bit of one envelope is another. The head before the packet is clear text: under the documented suites it is not authenticated, and what
 * can be changed in it is whom it claims to be for, and whether a receipt is asked for; never what is said. */
static void flip(struct scene *s, const struct sealed *sealed, size_t bit, unsigned suites, struct bytes said, struct verdicts *v)
{
	struct channel_peer peer = receiver(suites);
	struct buf copy = { 0 };
	struct channel_opened opened;
	struct gme gme;

	buf_append(&copy, buf_bytes(&sealed->envelopes[0]));
	copy.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	v->flips++;
	if (gme_decode(buf_bytes(&copy), &gme, NULL) != 0)
		v->not_an_envelope++;
	else if (channel_open(s->channel, &peer, &gme, &opened) != CHANNEL_OK)
		v->refused++;
	else if (bytes_equal(opened.clear, said))
		v->same++;
	else
		v->accepted++;
	buf_free(&copy);
	channel_peer_free(&peer);
}

static void ten_thousand_flipped_bits_and_none_changes_what_is_said(void **state)
{
	static const struct { const char *name; unsigned suites; bool is_head_safe; } rows[] = {
		{ "aes256-cbc", PACKET_SUITE_BIT(PACKET_AES256_CBC), false },
		{ "3des-cbc", PACKET_SUITE_BIT(PACKET_3DES_CBC), false },
		{ "aes256-gcm", PACKET_SUITE_BIT(PACKET_AES256_GCM), true },
	};
	struct scene *s = *state;
	unsigned total = 0;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct verdicts v = { 0 };
		size_t len = 1;

		while (v.flips < FLIPS / 3 + 1) {
			struct channel_peer sender = receiver(rows[i].suites), honest = receiver(rows[i].suites);
			struct channel_opened opened;
			struct sealed sealed;
			struct gme gme;
			size_t head;

			device_seals(s, &sender, ALICE, "BBIM", GME_RECEIPT_WANTED, noise(len), &sealed);
			assert_int_equal(sealed.count, 1);
			assert_int_equal(gme_decode(buf_bytes(&sealed.envelopes[0]), &gme, NULL), 0);
			head = gme.header.len;
			for (size_t bit = 0; bit < sealed.envelopes[0].len * 8; bit++) {
				unsigned same = v.same;

				flip(s, &sealed, bit, rows[i].suites, noise(len), &v);
				if (v.same != same && (rows[i].is_head_safe || bit / 8 >= head))
					fail_msg("%s, %zu bytes: bit %zu of the %s is not protected", rows[i].name, len, bit,
						bit / 8 >= head ? "packet" : "head");
			}
			/* Untouched it opens. */
			assert_int_equal(channel_open(s->channel, &honest, &gme, &opened), CHANNEL_OK);
			assert_true(bytes_equal(opened.clear, noise(len)));
			sealed_free(&sealed);
			channel_peer_free(&sender);
			channel_peer_free(&honest);
			len = len * 7 + 3;
		}
		if (v.accepted)
			fail_msg("%s: %u of %u flips changed what is said", rows[i].name, v.accepted, v.flips);
		assert_true(v.refused > v.flips / 2);
		total += v.flips;
	}
	assert_true(total >= FLIPS);
}

/* --- everything again ------------------------------------------------------------------------------------------------------- */

static struct buf record[RECORDED];

static unsigned ups(const struct raw *service)
{
	unsigned count = 0;

	for (unsigned i = 0; i < service->came; i++)
		count += frame_opcode(buf_bytes(&service->frames[i])) == link_up_msg.code;
	return count;
}

/* All of it, in the order in which it was said. */
static void replay(struct scene *s, struct raw *service, const char *when)
{
	for (unsigned at = 0; at < RECORDED; at += BATCH) {
		for (unsigned i = at; i < at + BATCH; i++)
			router_brings(s, 0, ALICE, buf_bytes(&record[i]));
		scene_settle(s);
		if (ups(service))
			fail_msg("%s: the service heard %u of the messages %u to %u again", when, ups(service), at, at + BATCH - 1);
		raw_forget(service);
		raw_forget(&s->router[0]);
	}
}

static void says_and_is_heard(struct scene *s, struct raw *service, struct channel_peer *peer, const char *text)
{
	device_sends(s, peer, ALICE, bytes_str(text));
	expect_up(s, service, ALICE, text);
	raw_forget(service);
	raw_forget(&s->router[0]);
}

static void ten_thousand_recorded_envelopes_are_never_accepted_again(void **state)
{
	struct scene *s = *state;
	struct channel_peer renewed = { .suites = 0 };
	uint8_t secret[DB_KEY_SECRET_SIZE];
	struct raw *service;
	char text[32];

	service = scene_ready(s, ALICE, 0);
	raw_forget(service);
	for (unsigned at = 0; at < RECORDED; at += BATCH) {
		for (unsigned i = at; i < at + BATCH; i++) {
			struct sealed sealed;

			snprintf(text, sizeof text, "message %u", i);
			device_seals(s, &s->alice, ALICE, "BBIM", 0, bytes_str(text), &sealed);
			buf_append(&record[i], buf_bytes(&sealed.envelopes[0]));
			router_brings(s, 0, ALICE, buf_bytes(&record[i]));
			sealed_free(&sealed);
		}
		scene_await(s, ups(service) == BATCH);
		raw_forget(service);
	}

	replay(s, service, "at once");
	assert_int_equal(scene_count(s, "duplicates"), RECORDED);

	/* The link to the Router ends and is there again. */
	connection_free(&s->router[0].c);
	router_accept(s, 0, ALICE, 0);
	replay(s, service, "after a new link");
	says_and_is_heard(s, service, &s->alice, "an honest one after a new link");

	/* The Dispatcher is started again, and knows only what it stored. */
	scene_stop(s);
	raw_free(&service);
	service = scene_ready(s, ALICE, 0);
	raw_forget(service);
	replay(s, service, "after a restart");
	assert_int_equal(scene_count(s, "opened"), 0);
	assert_true(replay_counter_resume(&s->alice.keys[0].send, RECORDED + 2 * REPLAY_AHEAD));
	says_and_is_heard(s, service, &s->alice, "an honest one after a restart");

	/* The device has a new key, and the old one is the previous one. */
	memset(secret, (int)(ALICE & 0xFF) + 2, sizeof secret);
	db_device_rekey(s->db, ALICE, bytes_of(secret, sizeof secret), PACKET_SUITES_ALL, NULL, NULL);
	db_wait(s->db);
	device_start(&renewed, ALICE, 2, PACKET_SUITES_ALL);
	says_and_is_heard(s, service, &renewed, "an honest one under the new key");
	scene_await(s, scene_count(s, "keys_promoted") == 1);
	replay(s, service, "after a key change");
	says_and_is_heard(s, service, &renewed, "and another one");

	for (unsigned i = 0; i < RECORDED; i++)
		buf_free(&record[i]);
	channel_peer_free(&renewed);
	raw_free(&service);
}

/* --- answers ------------------------------------------------------------------------------------------------------------------ */

/* Brings an error for that envelope, as if from ALICE. */
static void brings_error(struct scene *s, struct bytes envelope, const struct packet_key *key, enum gme_error_code code, const char *text)
{
	struct buf error = { 0 };
	struct gme gme;

	assert_int_equal(gme_decode(envelope, &gme, NULL), 0);
	gme_answer_error(&gme, key, code, text, &error);
	router_brings(s, 0, ALICE, buf_bytes(&error));
	buf_free(&error);
}

static void what_the_device_has_not_proved_makes_the_dispatcher_seal_nothing_again(void **state)
{
	struct scene *s = *state;
	const struct packet_key *own = &s->alice.keys[0].key;
	struct packet_key wrong = *own, other = *own;
	const struct packet_key *forged[] = { NULL, &wrong, &other, &s->bob.keys[0].key };
	struct raw *service;
	struct srp_send send;
	struct buf sent = { 0 };

	wrong.secret[PACKET_KEY_SIZE - 1] ^= 1;
	strcpy(other.id, "2100000A+2");
	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("once"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	buf_append(&sent, send.gme);
	for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++) {
		brings_error(s, buf_bytes(&sent), forged[i], GME_RESUME_AT, "512");
		brings_error(s, buf_bytes(&sent), forged[i], GME_BAD_FORMAT, "");
	}
	raw_expect_nothing(s, &s->router[0]);
	assert_int_equal(scene_count(s, "errors_from_devices"), 8);
	assert_int_equal(scene_count(s, "sealed_again"), 0);
	/* What the device does say counts, and once. */
	brings_error(s, buf_bytes(&sent), own, GME_RESUME_AT, "512");
	router_says(s, 0, send.tag, SRP_INVALID);
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	brings_error(s, buf_bytes(&sent), own, GME_RESUME_AT, "512");
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 1, SRP_DELIVERED);
	brings_error(s, buf_bytes(&sent), own, GME_RESUME_AT, "512");
	raw_expect_nothing(s, &s->router[0]);
	assert_int_equal(scene_count(s, "sealed_again"), 1);
	buf_free(&sent);
	raw_free(&service);
}

/* The Dispatcher answers what was recorded; the device, which has a new key, can tell that nothing of it is meant for what it says now. */
static void what_answers_a_recorded_envelope_is_proved_by_the_key_of_then(void **state)
{
	struct scene *s = *state;
	struct channel_peer renewed = { .suites = 0 };
	uint8_t secret[DB_KEY_SECRET_SIZE], digest[GME_DIGEST];
	struct sealed old;
	struct raw *service;
	struct srp_send send;
	struct gme answer;

	service = scene_ready(s, ALICE, 0);
	device_seals(s, &s->alice, ALICE, "BBIM", GME_RECEIPT_WANTED, bytes_str("login"), &old);
	router_brings(s, 0, ALICE, buf_bytes(&old.envelopes[0]));
	expect_up(s, service, ALICE, "login");
	memset(secret, (int)(ALICE & 0xFF) + 2, sizeof secret);
	db_device_rekey(s->db, ALICE, bytes_of(secret, sizeof secret), PACKET_SUITES_ALL, NULL, NULL);
	db_wait(s->db);
	device_start(&renewed, ALICE, 2, PACKET_SUITES_ALL);
	device_sends(s, &renewed, ALICE, bytes_str("under the new key"));
	expect_up(s, service, ALICE, "under the new key");
	scene_await(s, scene_count(s, "keys_promoted") == 1);
	/* Started again, it has but the stored ceiling of the old key: all below it is refused with "resume at". */
	scene_stop(s);
	raw_free(&service);
	service = scene_ready(s, ALICE, 0);
	router_brings(s, 0, ALICE, buf_bytes(&old.envelopes[0]));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(gme_decode(send.gme, &answer, NULL), 0);
	assert_int_equal(answer.kind, GME_ERROR);
	assert_int_equal(answer.error_code, GME_RESUME_AT);
	gme_answer_digest(buf_bytes(&old.envelopes[0]), digest);
	assert_true(bytes_equal(answer.answered, bytes_of(digest, sizeof digest)));
	assert_ptr_equal(channel_proof(&s->alice, &answer), &s->alice.keys[0]);
	assert_null(channel_proof(&renewed, &answer));
	raw_expect_nothing(s, service);
	sealed_free(&old);
	channel_peer_free(&renewed);
	raw_free(&service);
}

/* --- every cut ---------------------------------------------------------------------------------------------------------------- */

/* A value for each field, so that the frame has all that this message can have. */
static void fill(const struct wire_field *fields, void *into)
{
	static const char text[] = "0123456789";

	for (; fields->name; fields++) {
		char *at = (char *)into + fields->offset;

		if (fields->kind == WIRE_KIND_U32) {
			*(uint32_t *)(void *)at = 0x01020304;
		} else if (fields->kind == WIRE_KIND_BYTES) {
			*(struct bytes *)(void *)at = bytes_of(text, fields->max < 10 ? fields->max : 10);
		} else {
			*(size_t *)(void *)((char *)into + fields->count_offset) = 1;
			fill(fields->group, at);
		}
	}
}

struct end { struct connection *c; struct buf got; unsigned came; bool is_closed; };

static void end_message(void *ctx, struct bytes message)
{
	struct end *end = ctx;

	buf_clear(&end->got);
	buf_append(&end->got, message);
	end->came++;
}

static void end_closed(void *ctx, enum connection_end why, const char *text)
{
	struct end *end = ctx;

	(void)why;
	(void)text;
	end->is_closed = true;
}

static const struct connection_callbacks end_calls = { .split = frame_split, .message = end_message, .closed = end_closed };

static void accepted(void *ctx, struct connection *c)
{
	struct end *end = ctx;

	end->c = c;
	connection_own(c, &end_calls, end);
}

static void cut_everywhere(struct scene *s, struct end *from, struct end *to, const struct wire_msg *msg)
{
	void *value = memory_new(msg->size);
	struct buf frame = { 0 };

	fill(msg->fields, value);
	frame_encode(msg, value, &frame);
	for (size_t cut = 1; cut < frame.len; cut++) {
		uint64_t before = connection_bytes_in(to->c);

		connection_send(from->c, bytes_slice(buf_bytes(&frame), 0, cut));
		scene_await(s, connection_bytes_in(to->c) == before + cut);
		if (to->came)
			fail_msg("%s: %zu of %zu bytes were taken for all of it", msg->name, cut, frame.len);
		connection_send(from->c, bytes_slice(buf_bytes(&frame), cut, frame.len - cut));
		scene_await(s, to->came || to->is_closed);
		if (to->is_closed || !bytes_equal(buf_bytes(&to->got), buf_bytes(&frame)))
			fail_msg("%s: cut after %zu of %zu bytes it does not arrive as it was sent", msg->name, cut, frame.len);
		to->came = 0;
	}
	buf_free(&frame);
	free(value);
}

static void every_message_of_both_links_may_be_cut_anywhere(void **state)
{
	struct scene *s = *state;
	struct end from = { .c = NULL }, to = { .c = NULL };
	struct listener *listener = listener_new(s->loop, "127.0.0.1:0", NULL, NULL, 0, accepted, &to, NULL);
	unsigned count = 0;

	assert_non_null(listener);
	from.c = connection_dial(s->loop, listener_address(listener), NULL, NULL, NULL, &end_calls, &from);
	scene_await(s, to.c != NULL);
	for (const struct wire_msg *const *msg = srp_messages; *msg; msg++, count++)
		cut_everywhere(s, &from, &to, *msg);
	for (const struct wire_msg *const *msg = link_messages; *msg; msg++, count++)
		cut_everywhere(s, &from, &to, *msg);
	assert_true(count > 20);
	connection_free(&from.c);
	connection_free(&to.c);
	listener_free(&listener);
	buf_free(&to.got);
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(ten_thousand_flipped_bits_and_none_changes_what_is_said),
		FLOW(ten_thousand_recorded_envelopes_are_never_accepted_again),
		FLOW(what_the_device_has_not_proved_makes_the_dispatcher_seal_nothing_again),
		FLOW(what_answers_a_recorded_envelope_is_proved_by_the_key_of_then),
		FLOW(every_message_of_both_links_may_be_cut_anywhere),
	};

	/* Each refusal is a line. */
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
