/* The Dispatcher between scripted routers, services and devices: links. Each test is named after the sentence that it
 * shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/dispatcher_scene.h"

static void a_router_that_does_not_know_the_key_gets_no_proof(void **state)
{
	struct scene *s = *state;
	struct srp_connect connect;
	struct srp_info info;
	uint8_t wrong[20] = { 0 };

	scene_start(s, 1);
	scene_await(s, s->router[0].c != NULL);
	raw_expect(s, &s->router[0], &srp_info_msg, &info);
	raw_expect(s, &s->router[0], &srp_connect_msg, &connect);
	raw_say(&s->router[0], &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(wrong, 20) });
	raw_expect(s, &s->router[0], &srp_connect_msg, &connect);
	raw_say(&s->router[0], &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(wrong, 20) });
	scene_settle(s);
	assert_int_equal(scene_number(s, "routers_up"), 0);
	/* It dials again, at once the first time, and never a fifth time within a minute. */
	assert_int_equal(s->dials[0], 2);
	for (unsigned second = 1; second <= 60; second++) {
		loop_clock_advance(s->loop, 1000000 + second * 1000);
		scene_settle(s);
		if (s->router[0].c && !s->router[0].is_closed)
			raw_say(&s->router[0], &srp_return_msg, &(struct srp_return){ .code = SRP_BAD_PROOF });
		scene_settle(s);
	}
	assert_int_equal(s->dials[0], 4);
}

static void what_a_router_may_not_say_closes_the_link(void **state)
{
	static const struct { const char *name, *hex; } rows[] = {
		{ "STATUS before the proof", "0104000000154900000001490000000053" "00000000" },
		{ "accepted without a proof", "01010000001049000000005300000000" },
		{ "another version", "02ff00000006" },
		{ "an item past the frame", "01130000000b5300000009" },
		{ "a frame of 4 GB", "0113ffffffff" },
		{ "a message that nobody knows", "016600000006" },
	};
	struct scene *s = *state;
	uint64_t now_ms = 1000000;
	unsigned dials;

	scene_start(s, 1);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("  %s\n", rows[i].name);
		scene_await(s, s->router[0].c && s->router[0].came == 2);
		dials = s->dials[0];
		raw_say_hex(&s->router[0], rows[i].hex);
		scene_settle(s);
		loop_clock_advance(s->loop, now_ms += 120000);
		scene_await(s, s->dials[0] == dials + 1);        /* it was closed, and is dialled again */
	}
	router_accept(s, 0, ALICE, 0);
}

/* The opening up to the Dispatcher's last word, which it says only if it wants to be accepted. */
static bool opens(struct scene *s, bool is_understood, bool *is_modest)
{
	struct raw *router = &s->router[0];
	struct srp_info info, own = { .entries = { { bytes_str(SRP_IF_FREE) } }, .count = is_understood };
	struct srp_connect connect;
	uint8_t challenge[20] = { 7 }, proof[20];

	raw_expect(s, router, &srp_info_msg, &info);
	*is_modest = bytes_is(info.entries[info.count - 1].entry, SRP_IF_FREE);
	raw_expect(s, router, &srp_connect_msg, &connect);
	raw_say(router, &srp_info_msg, &own);
	raw_say(router, &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(challenge, sizeof challenge) });
	raw_expect(s, router, &srp_connect_msg, &connect);
	srp_proof(s->srp_key, connect.value, proof);
	raw_say(router, &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(proof, sizeof proof) });
	scene_settle(s);
	return router->came > router->taken;
}

static void one_that_is_superseded_steps_back_and_asks_whether_it_is_free(void **state)
{
	struct scene *s = *state;
	uint64_t now_ms = 1000000;
	struct raw *service;
	bool is_modest;

	s->set.srp_standby_ms = 60000;
	service = scene_ready(s, ALICE, 0);
	raw_say(&s->router[0], &srp_disconnect_msg, &(struct srp_disconnect){ .reason = SRP_SUPERSEDED });
	expect_coverage(s, service, ALICE, 0);
	for (unsigned second = 1; second < 60; second++)
		loop_clock_advance(s->loop, now_ms + second * 1000);
	scene_settle(s);
	assert_int_equal(s->dials[0], 1);
	/* It asks, and is told that the other one is still there. */
	loop_clock_advance(s->loop, now_ms += 60000);
	scene_await(s, s->dials[0] == 2);
	assert_true(opens(s, true, &is_modest));
	assert_true(is_modest);
	raw_say(&s->router[0], &srp_return_msg, &(struct srp_return){ .code = SRP_SUPERSEDED });
	scene_settle(s);
	assert_int_equal(scene_number(s, "routers_up"), 0);
	/* A router that does not know what it asks would take it from the other one: it gets no proof. */
	loop_clock_advance(s->loop, now_ms += 60000);
	scene_await(s, s->dials[0] == 3);
	assert_false(opens(s, false, &is_modest));
	loop_clock_advance(s->loop, now_ms + 60000);
	scene_await(s, s->dials[0] == 4);
	assert_true(opens(s, true, &is_modest));
	raw_say(&s->router[0], &srp_return_msg, &(struct srp_return){ .code = SRP_OK });
	scene_await(s, scene_number(s, "routers_up") == 1);
	/* From here on a loss is a loss like any other: it dials again at once, and asks nothing. */
	raw_say(&s->router[0], &srp_disconnect_msg, &(struct srp_disconnect){ .reason = SRP_SHUTTING_DOWN });
	scene_await(s, s->dials[0] == 5);
	opens(s, true, &is_modest);
	assert_false(is_modest);
	raw_free(&service);
}

static void a_router_that_answers_no_pings_is_lost(void **state)
{
	struct scene *s = *state;
	struct srp_ping ping;
	struct raw *service;

	service = scene_ready(s, ALICE, 0);
	/* An answered one keeps the link. */
	for (unsigned minute = 1; minute <= 5; minute++) {
		loop_clock_advance(s->loop, 1000000 + minute * 60000);
		raw_expect(s, &s->router[0], &srp_ping_msg, &ping);
		raw_say(&s->router[0], &srp_pong_msg, &ping);
		raw_expect(s, service, &link_ping_msg, &ping);
		raw_say(service, &link_pong_msg, &ping);
		scene_settle(s);
	}
	assert_int_equal(scene_number(s, "routers_up"), 1);
	for (unsigned minute = 6; minute <= 8; minute++) {
		loop_clock_advance(s->loop, 1000000 + minute * 60000);
		raw_expect(s, &s->router[0], &srp_ping_msg, &ping);
		raw_expect(s, service, &link_ping_msg, &ping);
		raw_say(service, &link_pong_msg, &ping);
		scene_settle(s);
	}
	assert_int_equal(scene_number(s, "routers_up"), 1);
	loop_clock_advance(s->loop, 1000000 + 9 * 60000);
	scene_settle(s);
	assert_int_equal(scene_number(s, "routers_up"), 0);
	/* Its services hear that its devices cannot be reached. */
	expect_coverage(s, service, ALICE, 0);
	raw_free(&service);
}

static void bad_input_on_the_service_port_ends_the_connection(void **state)
{
	static const struct { const char *name, *hex; bool says_why; } rows[] = {
		{ "a message before REGISTER", "011600000021" "492100000a" "4900000001" "53000000044242494d" "5300000003616263", true },
		{ "PING before REGISTER", "01fc0000000b4900000007", true },
		{ "a message of the other direction", "01170000000b4900000007", true },
		{ "a message that nobody knows", "016600000006", true },
		{ "an item past the frame", "011500000010" "53000000ff" "4242494d" "49", true },
		{ "a content id that nobody knows", "01150000001f53000000045858585853000000016149000000644900000001", false },
		{ "another version", "02ff00000006", false },
		{ "a frame of 4 GB", "0115ffffffff", false },
		{ "a request of another protocol", "474554202f20485454502f312e310d0a0d0a", false },
	};
	struct scene *s = *state;
	struct raw *good, *bad;

	scene_start(s, 1);
	router_accept(s, 0, ALICE, 0);
	good = service_registers(s, "im");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct link_disconnect disconnect;

		print_message("  %s\n", rows[i].name);
		bad = service_dial(s, rows[i].name);
		raw_say_hex(bad, rows[i].hex);
		raw_expect_closed(s, bad);
		if (rows[i].says_why) {
			raw_expect(s, bad, &link_disconnect_msg, &disconnect);
			assert_int_equal(disconnect.reason, SRP_PROTOCOL_ERROR);
			assert_true(disconnect.text.len > 0);
		}
		raw_free(&bad);
	}
	assert_int_equal(scene_count(s, "services_refused"), sizeof rows / sizeof rows[0]);
	/* Without harm to the other one. */
	device_sends(s, &s->alice, ALICE, bytes_str("still there"));
	expect_up(s, good, ALICE, "still there");
	raw_free(&good);
}

static void the_same_instance_again_supersedes(void **state)
{
	struct scene *s = *state;
	struct link_disconnect disconnect;
	struct raw *first, *second;

	scene_start(s, 1);
	router_accept(s, 0, ALICE, BOB);
	first = service_registers(s, "im");
	second = service_registers(s, "im");
	raw_expect(s, first, &link_disconnect_msg, &disconnect);
	assert_int_equal(disconnect.reason, SRP_SUPERSEDED);
	raw_expect_closed(s, first);
	device_sends(s, &s->alice, ALICE, bytes_str("to the second"));
	expect_up(s, second, ALICE, "to the second");
	raw_free(&first);
	raw_free(&second);
}

static void another_address_needs_tls(void **state)
{
	struct scene *s = *state;
	struct error err = { "" };
	int status = 0;

	free(s->set.listen);
	s->set.listen = memory_str("0.0.0.0:0");
	s->set.routers = memory_str("127.0.0.1:1");
	assert_null(dispatcher_new(s->loop, &s->set, s->db, NULL, &status, &err));
	assert_int_equal(status, EXIT_CONFIG);
	assert_non_null(strstr(err.text, "tls_certificate, tls_key and tls_ca"));
	s->set.tls_certificate = memory_str("/nowhere.crt");
	assert_null(dispatcher_new(s->loop, &s->set, s->db, NULL, &status, &err));
	assert_non_null(strstr(err.text, "set all three or none"));
	free(s->set.tls_certificate);
	s->set.tls_certificate = NULL;
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(a_router_that_does_not_know_the_key_gets_no_proof),
		FLOW(what_a_router_may_not_say_closes_the_link),
		FLOW(a_router_that_answers_no_pings_is_lost),
		FLOW(one_that_is_superseded_steps_back_and_asks_whether_it_is_free),
		FLOW(bad_input_on_the_service_port_ends_the_connection),
		FLOW(the_same_instance_again_supersedes),
		FLOW(another_address_needs_tls),
	};

	log_open("test");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
