/* The Dispatcher between scripted routers, services and devices: messages from devices. Each test is named after the
 * sentence that it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "dispatcher/service_listener.h"
#include "protocol/backlog.h"
#include "tests/support/dispatcher_scene.h"

static void a_message_is_opened_and_handed_to_its_service(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct sealed sealed;
	struct link_up up;

	service = scene_ready(s, ALICE, BOB);
	device_seals(s, &s->alice, ALICE, "BBIM", GME_RECEIPT_WANTED, bytes_str("user ID and password"), &sealed);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	raw_expect(s, service, &link_up_msg, &up);
	assert_int_equal(up.pin, ALICE);
	assert_true(bytes_is(up.user, "alice"));
	assert_true(bytes_is(up.clear, "user ID and password"));
	assert_true(bytes_is(up.content_id, "BBIM"));
	assert_int_equal(up.transaction, sealed.id);
	assert_int_equal(up.sealed_len, sealed.envelopes[0].len);
	assert_int_equal(up.flags, 1);
	/* The same one again before the service took it: neither delivered twice nor confirmed too early. */
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	raw_expect_nothing(s, service);
	raw_expect_nothing(s, &s->router[0]);
	/* The receipt goes when the service says that it took it, and again for every further copy. */
	raw_say(service, &link_status_msg, &(struct link_status){ .pin = ALICE, .transaction = up.transaction, .status = SRP_DELIVERED });
	expect_receipt(s, ALICE, sealed.id);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_receipt(s, ALICE, sealed.id);
	raw_expect_nothing(s, service);
	assert_int_equal(scene_count(s, "opened"), 1);
	assert_int_equal(scene_count(s, "duplicates"), 2);
	sealed_free(&sealed);
	raw_free(&service);
}

static void a_message_of_several_fragments(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct sealed sealed;
	struct link_up up;

	service = scene_ready(s, BOB, 0);
	device_seals(s, &s->bob, BOB, "BBIM", 0, noise(5000), &sealed);
	assert_int_equal(sealed.count, 3);
	for (unsigned i = 0; i < 3; i++)
		router_brings(s, 0, BOB, buf_bytes(&sealed.envelopes[2 - i]));
	raw_expect(s, service, &link_up_msg, &up);
	assert_true(bytes_equal(up.clear, noise(5000)));
	assert_int_equal(up.packed_len, 5000);
	sealed_free(&sealed);
	raw_free(&service);
}

static void what_a_service_has_not_read_is_bounded_and_what_is_under_way_goes_on(void **state)
{
	struct scene *s = *state;
	struct raw *service = scene_ready(s, ALICE, NOBODY);
	struct link_ping marks[2];
	struct srp_ping mark = { .nonce = BACKLOG_MARK | 33 }, pong;
	struct srp_send send;

	service->keeps_marks = true;
	/* The bound is two marks' worth. */
	for (unsigned i = 0; i < s->set.backlog; i++)
		device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	for (unsigned i = 0; i < s->set.backlog; i++) {
		expect_up(s, service, ALICE, "hello");
		if (i % SERVICE_MARK_EVERY == SERVICE_MARK_EVERY - 1)
			raw_expect(s, service, &link_ping_msg, &marks[i / SERVICE_MARK_EVERY]);
	}
	device_sends(s, &s->alice, ALICE, bytes_str("one more"));
	raw_say(&s->router[0], &srp_ping_msg, &mark);
	raw_expect_nothing(s, service);
	raw_expect_nothing(s, &s->router[0]);
	/* Messages to devices, and what becomes of them, are not held up. */
	service_sends(service, ALICE, 7, bytes_str("down"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 7, SRP_DELIVERED);
	/* Half of it must be read before more is. */
	raw_say(service, &link_pong_msg, &marks[0]);
	raw_expect_nothing(s, service);
	raw_say(service, &link_pong_msg, &marks[1]);
	expect_up(s, service, ALICE, "one more");
	/* And the router hears that what came before its mark was worked off. */
	raw_expect(s, &s->router[0], &srp_pong_msg, &pong);
	assert_int_equal(pong.nonce, mark.nonce);
	raw_free(&service);
}

static void what_cannot_be_handed_on_is_answered(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct sealed sealed;
	struct channel_peer other = { .suites = 0 };

	scene_start(s, 1);
	router_accept(s, 0, ALICE, NOBODY);
	/* No service is connected. */
	device_seals(s, &s->alice, ALICE, "BBIM", 0, bytes_str("hello"), &sealed);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, ALICE, GME_NO_SERVICE);
	/* Its message id was not used up: the same envelope goes once the service is there. */
	service = service_registers(s, "im");
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_up(s, service, ALICE, "hello");
	/* One byte of it was changed on the way. */
	sealed_free(&sealed);
	device_seals(s, &s->alice, ALICE, "BBIM", 0, bytes_str("hello"), &sealed);
	sealed.envelopes[0].data[sealed.envelopes[0].len - 1] ^= 1;
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, ALICE, GME_BAD_FORMAT);
	/* Unknown content id. */
	sealed_free(&sealed);
	device_seals(s, &s->alice, ALICE, "XXXX", 0, bytes_str("hello"), &sealed);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, ALICE, GME_UNKNOWN_CONTENT);
	/* A known one without a service. */
	sealed_free(&sealed);
	device_seals(s, &s->alice, ALICE, "CMIME", 0, bytes_str("hello"), &sealed);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, ALICE, GME_NO_SERVICE);
	/* A key that the database does not have. */
	sealed_free(&sealed);
	device_start(&other, ALICE, 9, PACKET_SUITES_ALL);
	device_seals(s, &other, ALICE, "BBIM", 0, bytes_str("hello"), &sealed);
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, ALICE, GME_UNKNOWN_KEY);
	/* A PIN that is no user's. */
	sealed_free(&sealed);
	device_start(&other, NOBODY, 1, PACKET_SUITES_ALL);
	device_seals(s, &other, NOBODY, "BBIM", 0, bytes_str("hello"), &sealed);
	router_brings(s, 0, NOBODY, buf_bytes(&sealed.envelopes[0]));
	expect_gme_error(s, NOBODY, GME_UNKNOWN_KEY);
	/* An envelope whose source is another PIN than the router says: not even answered. */
	router_brings(s, 0, ALICE, buf_bytes(&sealed.envelopes[0]));
	router_brings(s, 0, ALICE, bytes_str("no envelope at all"));
	raw_expect_nothing(s, &s->router[0]);
	raw_expect_nothing(s, service);
	assert_int_equal(scene_count(s, "refused_envelope"), 2);
	sealed_free(&sealed);
	channel_peer_free(&other);
	raw_free(&service);
}

static void nothing_is_acted_on_twice_across_a_restart(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct sealed old;
	unsigned long at;

	service = scene_ready(s, ALICE, 0);
	device_seals(s, &s->alice, ALICE, "BBIM", 0, bytes_str("once"), &old);
	router_brings(s, 0, ALICE, buf_bytes(&old.envelopes[0]));
	expect_up(s, service, ALICE, "once");
	scene_stop(s);
	raw_expect_closed(s, service);
	raw_free(&service);

	/* The next life: what was opened before is not opened again, and the device is told where to go on. */
	service = scene_ready(s, ALICE, 0);
	router_brings(s, 0, ALICE, buf_bytes(&old.envelopes[0]));
	at = expect_gme_error(s, ALICE, GME_RESUME_AT);
	assert_true(at >= REPLAY_AHEAD);
	assert_true(replay_counter_resume(&s->alice.keys[0].send, (uint32_t)at));
	device_sends(s, &s->alice, ALICE, bytes_str("above the ceiling"));
	expect_up(s, service, ALICE, "above the ceiling");
	sealed_free(&old);
	raw_free(&service);
}

static void many_messages_store_few_ceilings(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	char text[16];

	service = scene_ready(s, ALICE, 0);
	raw_forget(service);
	for (unsigned i = 0; i < REPLAY_AHEAD / 2 + 100; i++) {
		snprintf(text, sizeof text, "%u", i);
		device_sends(s, &s->alice, ALICE, bytes_str(text));
		expect_up(s, service, ALICE, text);
		raw_forget(service);
	}
	assert_in_range(scene_count(s, "ceilings_stored"), 2, 3);
	raw_free(&service);
}

static void a_new_key_is_promoted_by_its_first_message(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct channel_peer renewed = { .suites = 0 };
	uint8_t secret[DB_KEY_SECRET_SIZE];
	struct srp_send send;
	struct channel_opened opened;

	service = scene_ready(s, ALICE, 0);
	device_sends(s, &s->alice, ALICE, bytes_str("old key"));
	expect_up(s, service, ALICE, "old key");
	/* The administrator makes a pending key; the device uses it before the change was noticed. */
	memset(secret, (int)(ALICE & 0xFF) + 2, sizeof secret);
	db_device_rekey(s->db, ALICE, bytes_of(secret, sizeof secret), PACKET_SUITES_ALL, NULL, NULL);
	db_wait(s->db);
	device_start(&renewed, ALICE, 2, PACKET_SUITES_ALL);
	device_sends(s, &renewed, ALICE, bytes_str("new key"));
	expect_up(s, service, ALICE, "new key");
	scene_await(s, scene_count(s, "keys_promoted") == 1);
	/* From now on it seals; what was queued under the old one still opens. */
	service_sends(service, ALICE, 5, bytes_str("down"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &renewed, &send, &opened), CHANNEL_OK);
	assert_true(bytes_is(opened.clear, "down"));
	assert_int_equal(opened.sizes.suite, PACKET_AES256_GCM);
	device_sends(s, &s->alice, ALICE, bytes_str("queued"));
	expect_up(s, service, ALICE, "queued");
	channel_peer_free(&renewed);
	raw_free(&service);
}

/* Ids count up per key: the one under the old key has the same number. */
static void resume_means_the_message_under_the_key_in_use(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct channel_peer renewed = { .suites = 0 };
	uint8_t secret[DB_KEY_SECRET_SIZE];
	struct channel_opened opened;
	struct buf error = { 0 };
	struct srp_send old, send;
	struct gme gme;

	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("under the old key"));
	raw_expect(s, &s->router[0], &srp_send_msg, &old);
	memset(secret, (int)(ALICE & 0xFF) + 2, sizeof secret);
	db_device_rekey(s->db, ALICE, bytes_of(secret, sizeof secret), PACKET_SUITES_ALL, NULL, NULL);
	db_wait(s->db);
	device_start(&renewed, ALICE, 2, PACKET_SUITES_ALL);
	device_sends(s, &renewed, ALICE, bytes_str("new key"));
	expect_up(s, service, ALICE, "new key");
	scene_await(s, scene_count(s, "keys_promoted") == 1);
	/* The device's ceilings are those of all its keys. */
	replay_start(&renewed.keys[0].receive, 512);
	replay_committed(&renewed.keys[0].receive, 1024);
	service_sends(service, ALICE, 2, bytes_str("under the new key"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &renewed, &send, &opened), CHANNEL_RESUME);
	assert_int_equal(gme_decode(send.gme, &gme, NULL), 0);
	gme_answer_error(&gme, &renewed.keys[0].key, GME_RESUME_AT, "512", &error);
	router_brings(s, 0, ALICE, buf_bytes(&error));
	router_says(s, 0, send.tag, SRP_INVALID);
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &renewed, &send, &opened), CHANNEL_OK);
	assert_true(bytes_is(opened.clear, "under the new key"));
	router_says(s, 0, old.tag, SRP_DELIVERED);
	expect_status(s, service, 1, SRP_DELIVERED);
	assert_int_equal(scene_count(s, "sealed_again"), 1);
	buf_free(&error);
	channel_peer_free(&renewed);
	raw_free(&service);
}

static void hardened_refuses_the_documented_suites(void **state)
{
	struct scene *s = *state;
	struct raw *service;

	s->set.crypto = DISPATCHER_HARDENED;
	service = scene_ready(s, ALICE, 0);
	device_sends(s, &s->alice, ALICE, bytes_str("AES-CBC"));
	expect_gme_error(s, ALICE, GME_BAD_FORMAT);
	service_sends(service, ALICE, 1, bytes_str("down"));
	expect_status(s, service, 1, SRP_REFUSED);
	raw_free(&service);
}

/* Active before standby, then the healthier, then the older; and a device stays with the service it talks with. */
static void which_service_gets_a_message(void **state)
{
	static const struct { const char *name; uint32_t health, role; } rows[] = {
		{ "standby", 100, 0 }, { "weak", 40, 1 }, { "strong", 90, 1 }, { "as-strong-but-younger", 90, 1 },
	};
	struct scene *s = *state;
	struct raw *services[4];
	struct link_return answer;
	struct link_coverage coverage;

	scene_start(s, 1);
	router_accept(s, 0, 0, 0);
	for (unsigned i = 0; i < 4; i++) {
		services[i] = service_dial(s, rows[i].name);
		raw_say(services[i], &link_register_msg, &(struct link_register){ .content_id = bytes_str("BBIM"),
			.instance = bytes_str(rows[i].name), .health = rows[i].health, .role = rows[i].role });
		raw_expect(s, services[i], &link_return_msg, &answer);
		raw_expect(s, services[i], &link_coverage_msg, &coverage);
	}
	device_sends(s, &s->alice, ALICE, bytes_str("one"));
	expect_up(s, services[2], ALICE, "one");
	raw_free(&services[2]);
	scene_await(s, scene_number(s, "services_registered") == 3);
	device_sends(s, &s->alice, ALICE, bytes_str("two"));
	expect_up(s, services[3], ALICE, "two");
	raw_free(&services[3]);
	scene_await(s, scene_number(s, "services_registered") == 2);
	device_sends(s, &s->alice, ALICE, bytes_str("three"));
	expect_up(s, services[1], ALICE, "three");
	/* A better one comes: alice stays, bob goes there. */
	services[2] = service_registers(s, "better");
	device_sends(s, &s->alice, ALICE, bytes_str("four"));
	expect_up(s, services[1], ALICE, "four");
	device_sends(s, &s->bob, BOB, bytes_str("five"));
	expect_up(s, services[2], BOB, "five");
	for (unsigned i = 0; i < 3; i++)
		raw_free(&services[i]);
}

static void a_user_added_later_is_known_with_the_next_message(void **state)
{
	struct scene *s = *state;
	struct raw *service = scene_ready(s, NOBODY, 0);
	struct channel_peer late = { .suites = 0 };
	struct db_user user = { .server = "bramble", .name = "late", .permitted = true };
	uint8_t secret[DB_KEY_SECRET_SIZE];

	device_start(&late, NOBODY, 1, PACKET_SUITES_HARDENED);
	memset(secret, (int)(NOBODY & 0xFF) + 1, sizeof secret);
	device_sends(s, &late, NOBODY, bytes_str("too early"));
	expect_gme_error(s, NOBODY, GME_UNKNOWN_KEY);
	assert_int_equal(scene_number(s, "unknown_cached"), 1);
	db_user_add(s->db, &user, NULL, NULL);
	db_device_add(s->db, "late", NOBODY, bytes_of(secret, sizeof secret), PACKET_SUITES_HARDENED, NULL, NULL);
	db_wait(s->db);
	/* It was asked for less than a second ago; once that has passed it is asked for again. */
	scene_await(s, (device_sends(s, &late, NOBODY, bytes_str("hello")), scene_settle(s), scene_count(s, "opened") > 0));
	expect_up(s, service, NOBODY, "hello");
	assert_int_equal(scene_number(s, "unknown_cached"), 0);
	channel_peer_free(&late);
	raw_free(&service);
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(a_message_is_opened_and_handed_to_its_service),
		FLOW(a_message_of_several_fragments),
		FLOW(what_a_service_has_not_read_is_bounded_and_what_is_under_way_goes_on),
		FLOW(what_cannot_be_handed_on_is_answered),
		FLOW(nothing_is_acted_on_twice_across_a_restart),
		FLOW(many_messages_store_few_ceilings),
		FLOW(a_new_key_is_promoted_by_its_first_message),
		FLOW(resume_means_the_message_under_the_key_in_use),
		FLOW(hardened_refuses_the_documented_suites),
		FLOW(which_service_gets_a_message),
		FLOW(a_user_added_later_is_known_with_the_next_message),
	};

	log_open("test");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
