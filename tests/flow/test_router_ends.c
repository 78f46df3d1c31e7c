/* What ends a link of the Router, and what does not: silence, bad input, slow peers, the wrong door, goodbyes. Each step is said in
 * words; a frame that is expected is written as its dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/router_scene.h"

#define MINUTE 60000U

/* --- keep-alive --- */

static void test_silent_peers_are_asked(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	struct srp_ping pong = { .nonce = 1 };

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	router_scene_advance(MINUTE - 1);
	srp_peer_expect_nothing(service);
	router_scene_advance(1);
	srp_peer_expect(service, "PING nonce=1");
	srp_peer_expect(device, "PING nonce=1");
	srp_peer_say(service, &srp_pong_msg, &pong);
	router_scene_settle();
	/* The device says nothing: three unanswered, and its link is over. */
	for (uint32_t i = 2; i <= 3; i++) {
		router_scene_advance(MINUTE);
		srp_peer_expect(device, "PING nonce=%u", i);
		srp_peer_expect(service, "PING nonce=%u", i);
		pong.nonce = i;
		srp_peer_say(service, &srp_pong_msg, &pong);
		router_scene_settle();
	}
	router_scene_advance(MINUTE);
	srp_peer_expect(device, "DISCONNECT reason=5 *");
	srp_peer_expect_closed(device);
	srp_peer_expect(service, "PING nonce=4");
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_a_clock_that_leaps_cuts_no_link(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001");

	(void)state;
	router_scene_advance(31 * MINUTE);
	srp_peer_expect(service, "PING nonce=1");
	struct srp_ping pong = { .nonce = 1 };
	srp_peer_say(service, &srp_pong_msg, &pong);
	srp_peer_expect_nothing(service);
	assert_int_equal(router_scene_number("services_up"), 1);
	srp_peer_hang_up(&service);
}

static void test_a_ping_is_answered(void **state)
{
	struct srp_peer *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_say_hex(device, "01fc0000000b4900000007");     /* PING 7, as the reference writes it */
	srp_peer_expect(device, "PONG nonce=7");
	srp_peer_hang_up(&device);
}

/* --- what is wrong ends with its reason, and harms nobody else --- */

struct bad {
	const char *what, *hex, *says;
};

/* As the first thing a peer says. */
static const struct bad bad_first[] = {
	{ "another version", "02", "RETURN code=5 text=\"frame: version 2*" },
	{ "garbage", "474554202f20485454502f312e310d0a0d0a", "RETURN code=5 text=\"frame: version 71*" },
	{ "a length below the header's", "011300000005", "RETURN code=5 text=\"frame: length 5*" },
	{ "a length over the maximum", "011300020001", "RETURN code=5 text=\"frame: length 131073*" },
	{ "a negative length", "0113ffffffff", "RETURN code=5 text=\"frame: length 4294967295*" },
	{ "longer than one that has not proved itself may be", "011300001001", "RETURN code=5 text=\"frame: length 4097*" },
	{ "a kind that nobody knows", "01aa00000006", "RETURN code=5 text=\"opcode 0xaa*" },
	{ "SEND before the opening", "010600000006", "RETURN code=5 text=\"opcode 0x06*" },
	{ "DATA before REGISTER", "011700000006", "RETURN code=5 text=\"opcode 0x17*" },
	{ "CONNECT without its item", "011300000006", "RETURN code=5 text=\"CONNECT*" },
	{ "an item of unknown type", "01130000000b5800000000", "RETURN code=5 text=\"CONNECT*" },
	{ "an item longer than what is left", "01130000000b53000000ff", "RETURN code=5 text=\"CONNECT*" },
	{ "an item with a negative length", "01130000000b53ffffffff", "RETURN code=5 text=\"CONNECT*" },
	{ "trailing bytes", "0113000000155300000009543030303030303031" "3100", "RETURN code=5 text=\"CONNECT*" },
	{ "REGISTER without the service", "01150000000b492100000a", "RETURN code=5 text=\"REGISTER*" },
	{ "REGISTER of PIN 0", "0115000000194900000000530000000954303030303030" "3031", "RETURN code=7 *" },
};

static void test_bad_first_frames(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	for (size_t i = 0; i < sizeof bad_first / sizeof bad_first[0]; i++) {
		struct srp_peer *raw = srp_peer_dial(bad_first[i].what);
		srp_peer_say_hex(raw, bad_first[i].hex);
		srp_peer_expect(raw, "%s", bad_first[i].says);
		srp_peer_expect_closed(raw);
		srp_peer_hang_up(&raw);
	}
	/* Everybody else goes on. */
	srp_peer_send_up(device, 1, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=1 status=0 *");
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

/* As what a registered device says next. */
static const struct bad bad_device[] = {
	{ "REGISTER again", "0115000000194921" "00000a530000000954303030303030" "3031", "RETURN code=5 text=\"REGISTER*" },
	{ "SEND, which is a service's", "010600000006", "RETURN code=5 text=\"SEND*" },
	{ "CONNECT, which is a service's", "011300000006", "RETURN code=5 text=\"CONNECT*" },
	{ "a frame longer than an envelope needs", "011700002041", "RETURN code=5 text=\"frame: length 8257*" },
	{ "DATA with an envelope that is none", "0117000000104900000001530000000" "0", "RETURN code=5 text=\"envelope: *" },
	{ "garbage", "ffffffffffff", "RETURN code=5 text=\"frame: version 255*" },
};

static void test_bad_frames_of_a_device(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *other = device_up("other", PIN_B, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000B available=1");
	for (size_t i = 0; i < sizeof bad_device / sizeof bad_device[0]; i++) {
		struct srp_peer *raw = device_up(bad_device[i].what, PIN_A, "T00000001");
		srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
		srp_peer_say_hex(raw, bad_device[i].hex);
		srp_peer_expect(raw, "%s", bad_device[i].says);
		srp_peer_expect_closed(raw);
		srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
		srp_peer_hang_up(&raw);
	}
	srp_peer_send_up(other, 1, PIN_B, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_hang_up(&other);
	srp_peer_hang_up(&service);
}

static void test_bad_envelopes_of_a_service_are_answered(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	struct srp_send send = { .tag = 3, .pin = PIN_A };
	struct buf gme = { 0 };

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	send.gme = bytes_str("nonsense");
	srp_peer_say(service, &srp_send_msg, &send);
	srp_peer_expect(service, "STATUS tag=3 status=5 text=\"envelope: *");
	srp_peer_envelope(false, PIN_B, "T00000001", 1, &gme);
	send.gme = buf_bytes(&gme);
	srp_peer_say(service, &srp_send_msg, &send);
	srp_peer_expect(service, "STATUS tag=3 status=5 *");
	buf_clear(&gme);
	srp_peer_envelope(false, PIN_A, "T00000002", 1, &gme);
	send.gme = buf_bytes(&gme);
	srp_peer_say(service, &srp_send_msg, &send);
	srp_peer_expect(service, "STATUS tag=3 status=5 *");
	srp_peer_expect_nothing(device);
	buf_free(&gme);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_frames_out_of_place_in_the_opening(void **state)
{
	struct srp_peer *raw = srp_peer_dial("out of place");

	(void)state;
	srp_peer_send_connect(raw, bytes_str("T00000001"));
	srp_peer_next_frame(raw, "challenge");
	srp_peer_say_hex(raw, "01180000000b4900000000");
	srp_peer_expect(raw, "RETURN code=5 text=\"PAUSE *");
	srp_peer_expect_closed(raw);
	srp_peer_hang_up(&raw);
}

static void test_slow_peers_are_told_and_closed(void **state)
{
	(void)state;
	router_free(&router_scene.router);
	router_scene.set.handshake_timeout_ms = 200;
	router_scene_start();
	struct srp_peer *silent = srp_peer_dial("silent"), *half = srp_peer_dial("half a frame"),
		*stuck = srp_peer_dial("stuck in the opening");
	srp_peer_say_hex(half, "0113000000");
	srp_peer_send_connect(stuck, bytes_str("T00000001"));
	srp_peer_next_frame(stuck, "challenge");
	srp_peer_expect(silent, "RETURN code=5 text=\"no first frame within 200ms\"");
	srp_peer_expect(half, "RETURN code=5 text=\"no first frame within 200ms\"");
	srp_peer_expect(stuck, "RETURN code=5 text=\"the opening sequence was not finished within 200ms\"");
	srp_peer_expect_closed(silent);
	srp_peer_expect_closed(half);
	srp_peer_expect_closed(stuck);
	srp_peer_hang_up(&silent);
	srp_peer_hang_up(&half);
	srp_peer_hang_up(&stuck);
}

static void test_a_frame_that_stops_half_way_is_closed(void **state)
{
	(void)state;
	router_free(&router_scene.router);
	router_scene.set.frame_timeout_ms = 200;
	router_scene_start();
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_say_hex(device, "01170000");
	srp_peer_expect_closed(device);
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_silent_strangers_do_not_keep_others_out(void **state)
{
	struct srp_peer *silent[3], *service;

	(void)state;
	router_free(&router_scene.router);
	router_scene.set.max_unproven = 2;
	router_scene_start();
	for (int i = 0; i < 3; i++) {
		silent[i] = srp_peer_dial("silent");
		router_scene_settle();
	}
	srp_peer_expect(silent[0], "RETURN code=8 *");
	srp_peer_expect_closed(silent[0]);
	service = service_up("service", "T00000001");
	srp_peer_expect(silent[1], "RETURN code=8 *");
	srp_peer_hang_up(&service);
	for (int i = 0; i < 3; i++)
		srp_peer_hang_up(&silent[i]);
}

static void test_listeners_of_their_own(void **state)
{
	(void)state;
	router_free(&router_scene.router);
	router_scene.set.device_listen = memory_str("127.0.0.1:0");
	router_scene.set.device_networks = memory_str("192.0.2.0/24");
	router_scene_start();
	/* Each takes only its own. */
	struct srp_peer *raw = srp_peer_dial("device at the services' door");
	srp_peer_send_register(raw, PIN_A, "T00000001");
	srp_peer_expect(raw, "RETURN code=8 *");
	srp_peer_expect_closed(raw);
	srp_peer_hang_up(&raw);
	raw = srp_peer_dial_to("service at the devices' door", router_device_address(router_scene.router));
	srp_peer_send_connect(raw, bytes_str("T00000001"));
	srp_peer_expect(raw, "RETURN code=8 *");
	srp_peer_expect_closed(raw);
	srp_peer_hang_up(&raw);
	/* And only from the networks it was told. */
	raw = srp_peer_dial_to("device from elsewhere", router_device_address(router_scene.router));
	srp_peer_send_register(raw, PIN_A, "T00000001");
	srp_peer_expect(raw, "RETURN code=8 *");
	srp_peer_expect_closed(raw);
	srp_peer_hang_up(&raw);
	raw = service_up("service", "T00000001");
	srp_peer_hang_up(&raw);

	router_free(&router_scene.router);
	free(router_scene.set.device_networks);
	router_scene.set.device_networks = memory_str("192.0.2.0/24 127.0.0.0/8");
	router_scene_start();
	raw = srp_peer_dial_to("device", router_device_address(router_scene.router));
	srp_peer_send_register(raw, PIN_A, "T00000001");
	srp_peer_expect(raw, "RETURN code=0 *");
	srp_peer_hang_up(&raw);
}

static void test_goodbyes(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	struct srp_disconnect goodbye = { .reason = SRP_SHUTTING_DOWN };

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_say(device, &srp_disconnect_msg, &goodbye);
	srp_peer_expect_closed(device);
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	router_shutdown(router_scene.router);
	srp_peer_expect(service, "DISCONNECT reason=6 *");
	srp_peer_expect_closed(service);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

#define FLOW(test) cmocka_unit_test_setup_teardown(test, router_scene_begin, router_scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(test_silent_peers_are_asked),
		FLOW(test_a_clock_that_leaps_cuts_no_link),
		FLOW(test_a_ping_is_answered),
		FLOW(test_bad_first_frames),
		FLOW(test_bad_frames_of_a_device),
		FLOW(test_bad_envelopes_of_a_service_are_answered),
		FLOW(test_frames_out_of_place_in_the_opening),
		FLOW(test_slow_peers_are_told_and_closed),
		FLOW(test_a_frame_that_stops_half_way_is_closed),
		FLOW(test_silent_strangers_do_not_keep_others_out),
		FLOW(test_listeners_of_their_own),
		FLOW(test_goodbyes),
	};

	log_open("router");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, router_scene_make_folder, router_scene_remove_folder);
}
