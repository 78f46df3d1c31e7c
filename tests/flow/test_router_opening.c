/* The Router and the opening of a service's link: who proves its identifier, who supersedes whom, and what deactivates an
 * identifier. Each step is said in words; a frame that is expected is written as its dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/router_scene.h"

/* What the proof over the reference's challenge must be. */
#define PROOF "06707b131077edacba99fb2efa072574467d39a5"

static void test_opening_sequence(void **state)
{
	struct srp_peer *service = srp_peer_dial("service");
	struct srp_connect connect;
	struct srp_info info = { .entries = { { bytes_str("version=4.1") }, { bytes_str("srpId=T00000001") } }, .count = 2 };

	(void)state;
	/* 0. The basic information packet; the other side sends its own only after it has received one. */
	router_scene_settle();
	assert_int_equal(service->came, 0);
	srp_peer_say(service, &srp_info_msg, &info);
	srp_peer_expect(service, "INFO *");
	/* 1. The claim, as the reference writes it. 2. A random challenge. */
	srp_peer_say_hex(service, "011300000014530000000954303030303030" "3031");
	struct bytes frame = srp_peer_next_frame(service, "challenge");
	assert_int_equal(frame_decode(&srp_connect_msg, frame, &connect, NULL), 0);
	assert_int_equal(connect.value.len, 20);
	/* 3. The service's challenge. 4. HMAC-SHA-1 over it. */
	srp_peer_say_hex(service, "01130000002353" "00000018" SRP_PEER_CHALLENGE);
	assert_int_equal(frame_decode(&srp_connect_msg, srp_peer_next_frame(service, "proof"), &connect, NULL), 0);
	struct buf proof = { 0 };
	hex_decode(bytes_str(PROOF), &proof);
	assert_true(bytes_equal(connect.value, buf_bytes(&proof)));
	buf_free(&proof);
	assert_int_equal(router_scene_number("services_up"), 0);
	srp_peer_hang_up(&service);

	/* 5. and 6., and each connection has its own challenge. */
	struct srp_peer *first = srp_peer_dial("first"), *second = srp_peer_dial("second");
	srp_peer_send_connect(first, bytes_str("T00000001"));
	srp_peer_send_connect(second, bytes_str("T00000001"));
	struct bytes one = srp_peer_next_frame(first, "challenge"), two = srp_peer_next_frame(second, "challenge");
	assert_false(bytes_equal(bytes_slice(one, 11, 16), bytes_slice(two, 11, 16)));
	srp_peer_hang_up(&first);
	srp_peer_hang_up(&second);
	service = service_up("service", "T00000001");
	assert_int_equal(router_scene_number("services_up"), 1);
	srp_peer_hang_up(&service);
}

static void test_wrong_key_is_refused(void **state)
{
	struct srp_peer *good = service_up("good", "T00000001"), *bad = srp_peer_dial("bad");

	(void)state;
	srp_peer_handshake(bad, "T00000001", SRP_PEER_KEY2);
	srp_peer_expect(bad, "RETURN code=2 *");
	srp_peer_expect_closed(bad);
	/* It proved nothing, so it superseded nobody. */
	srp_peer_expect_nothing(good);
	assert_int_equal(router_scene_number("refused"), 1);
	srp_peer_hang_up(&good);
	srp_peer_hang_up(&bad);
}

static void test_unknown_identifier_is_refused(void **state)
{
	static const char *const ids[] = { "T99999999", "", "no good", "T000000010" };

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		struct srp_peer *raw = srp_peer_dial(ids[i]);
		srp_peer_send_connect(raw, bytes_str(ids[i]));
		srp_peer_expect(raw, "RETURN code=1 *");
		srp_peer_expect_closed(raw);
		srp_peer_hang_up(&raw);
	}
}

static void test_our_own_challenge_cannot_be_handed_back(void **state)
{
	struct srp_peer *first = srp_peer_dial("first"), *second = srp_peer_dial("second");
	struct srp_connect connect;

	(void)state;
	srp_peer_send_connect(first, bytes_str("T00000001"));
	assert_int_equal(frame_decode(&srp_connect_msg, srp_peer_next_frame(first, "challenge"), &connect, NULL), 0);
	srp_peer_send_connect(second, bytes_str("T00000001"));
	srp_peer_next_frame(second, "challenge");
	srp_peer_send_connect(second, connect.value);
	srp_peer_expect(second, "RETURN code=5 *");
	srp_peer_expect_closed(second);
	srp_peer_hang_up(&first);
	srp_peer_hang_up(&second);
}

static void test_a_second_connection_supersedes_the_first(void **state)
{
	struct srp_peer *first = service_up("first", "T00000001"), *other = service_up("other", "T00000002");
	struct srp_peer *second = service_up("second", "T00000001");

	(void)state;
	srp_peer_expect(first, "DISCONNECT reason=3 *");
	srp_peer_expect_closed(first);
	srp_peer_expect_nothing(other);
	assert_int_equal(router_scene_number("services_up"), 2);
	srp_peer_hang_up(&first);
	srp_peer_hang_up(&second);
	srp_peer_hang_up(&other);
}

/* A service that says that it wants its identifier only if nobody has it. */
static struct srp_peer *modest(const char *name)
{
	struct srp_peer *raw = srp_peer_dial(name);
	struct srp_info info = { .entries = { { bytes_str(SRP_IF_FREE) } }, .count = 1 };

	srp_peer_say(raw, &srp_info_msg, &info);
	srp_peer_expect(raw, "INFO *claim=if-free*");
	srp_peer_handshake(raw, "T00000001", SRP_PEER_KEY);
	return raw;
}

static void test_one_that_wants_the_identifier_only_if_it_is_free_supersedes_nobody(void **state)
{
	struct srp_peer *first = service_up("first", "T00000001"), *second;

	(void)state;
	/* However often it asks: nothing of it counts as a connection. */
	for (unsigned i = 0; i < 8; i++) {
		second = modest("second");
		srp_peer_expect(second, "RETURN code=3 *");
		srp_peer_expect_closed(second);
		srp_peer_hang_up(&second);
	}
	srp_peer_expect_nothing(first);
	srp_peer_hang_up(&first);
	router_scene_settle();
	second = modest("second");
	srp_peer_expect(second, "RETURN code=0 text=accepted");
	srp_peer_expect(second, "COVERAGE pin=00000000 available=0");
	/* It is one like any other now. */
	first = service_up("first again", "T00000001");
	srp_peer_expect(second, "DISCONNECT reason=3 *");
	srp_peer_hang_up(&first);
	srp_peer_hang_up(&second);
}

static void connect_and_drop(const char *id)
{
	struct srp_peer *raw = service_up("short-lived", id);

	srp_peer_hang_up(&raw);
	router_scene_settle();
}

static void expect_deactivated(const char *id)
{
	struct srp_peer *raw = srp_peer_dial("deactivated");

	srp_peer_send_connect(raw, bytes_str(id));
	srp_peer_expect(raw, "RETURN code=4 *");
	srp_peer_expect_closed(raw);
	srp_peer_hang_up(&raw);
}

static void test_five_connects_in_a_minute_deactivate_over_restarts(void **state)
{
	struct srp_peer *other;

	(void)state;
	for (int i = 0; i < 4; i++) {
		connect_and_drop("T00000001");
		router_scene_advance(100);
	}
	connect_and_drop("T00000001");
	expect_deactivated("T00000001");
	other = service_up("other", "T00000002");     /* only that identifier */
	srp_peer_hang_up(&other);

	router_free(&router_scene.router);
	router_scene_start();
	expect_deactivated("T00000001");
	assert_true(router_enable(router_scene.router, "T00000001"));
	assert_false(router_enable(router_scene.router, "T00000001"));
	connect_and_drop("T00000001");

	router_free(&router_scene.router);
	router_scene_start();
	connect_and_drop("T00000001");
}

static void test_an_end_of_the_router_is_not_the_services_doing(void **state)
{
	struct srp_peer *service;

	(void)state;
	for (int i = 0; i < 4; i++)
		connect_and_drop("T00000001");
	service = service_up("fifth", "T00000001");
	router_free(&router_scene.router);
	srp_peer_hang_up(&service);
	router_scene_start();
	connect_and_drop("T00000001");
}

static void test_connects_that_are_spread_do_not_deactivate(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		connect_and_drop("T00000001");
		router_scene_advance(15000);
	}
}

static void test_two_servers_with_one_identifier_deactivate_it(void **state)
{
	struct srp_peer *raws[6];

	(void)state;
	for (int i = 0; i < 5; i++)
		raws[i] = service_up("rival", "T00000001");
	/* The sixth drops the fifth, which is the fifth one that was dropped. */
	raws[5] = srp_peer_dial("sixth");
	srp_peer_handshake(raws[5], "T00000001", SRP_PEER_KEY);
	srp_peer_expect(raws[5], "RETURN code=4 *");
	srp_peer_expect_closed(raws[5]);
	for (int i = 0; i < 6; i++)
		srp_peer_hang_up(&raws[i]);
}

static void test_a_changed_key_ends_the_service_that_had_the_old_one(void **state)
{
	struct srp_peer *changed = service_up("changed", "T00000001"), *same = service_up("same", "T00000002");
	struct error err;

	(void)state;
	router_scene_write_identities("T00000001 nonsense\n");
	assert_int_equal(router_reload_identities(router_scene.router, &err), -1);
	srp_peer_expect_nothing(changed);
	router_scene_write_identities("T00000001 " SRP_PEER_KEY2 "\nT00000002 " SRP_PEER_KEY2 "\nT00000003 " SRP_PEER_KEY "\n");
	assert_int_equal(router_reload_identities(router_scene.router, &err), 0);
	srp_peer_expect(changed, "DISCONNECT reason=2 *");
	srp_peer_expect_closed(changed);
	srp_peer_expect_nothing(same);
	struct srp_peer *fresh = service_up("new identifier", "T00000003");
	srp_peer_hang_up(&fresh);
	srp_peer_hang_up(&changed);
	srp_peer_hang_up(&same);
}

#define FLOW(test) cmocka_unit_test_setup_teardown(test, router_scene_begin, router_scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(test_opening_sequence),
		FLOW(test_wrong_key_is_refused),
		FLOW(test_unknown_identifier_is_refused),
		FLOW(test_our_own_challenge_cannot_be_handed_back),
		FLOW(test_a_second_connection_supersedes_the_first),
		FLOW(test_one_that_wants_the_identifier_only_if_it_is_free_supersedes_nobody),
		FLOW(test_five_connects_in_a_minute_deactivate_over_restarts),
		FLOW(test_an_end_of_the_router_is_not_the_services_doing),
		FLOW(test_connects_that_are_spread_do_not_deactivate),
		FLOW(test_two_servers_with_one_identifier_deactivate_it),
		FLOW(test_a_changed_key_ends_the_service_that_had_the_old_one),
	};

	log_open("router");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, router_scene_make_folder, router_scene_remove_folder);
}
