/* The Dispatcher between scripted routers, services and devices: messages for devices. Each test is named after the
 * sentence that it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "tests/support/dispatcher_scene.h"

static void a_message_is_sealed_and_its_delivery_told(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;
	struct channel_opened opened;

	service = scene_ready(s, ALICE, BOB);
	service_sends(service, ALICE, 77, bytes_str("login accepted"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &s->alice, &send, &opened), CHANNEL_OK);
	assert_true(bytes_is(opened.clear, "login accepted"));
	assert_int_equal(opened.sizes.suite, PACKET_AES256_CBC);
	raw_expect_nothing(s, service);
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 77, SRP_DELIVERED);
	/* The device of the second knows Triple DES alone. */
	service_sends(service, BOB, 78, bytes_str("to bob"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &s->bob, &send, &opened), CHANNEL_OK);
	assert_int_equal(opened.sizes.suite, PACKET_3DES_CBC);
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 78, SRP_DELIVERED);
	raw_free(&service);
}

static void at_most_five_are_outstanding(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send[8];
	struct channel_opened opened;

	service = scene_ready(s, ALICE, BOB);
	/* Three fragments and five short ones: five envelopes go, three wait. */
	service_sends(service, ALICE, 1, noise(5000));
	for (uint32_t i = 2; i <= 6; i++)
		service_sends(service, ALICE, i, bytes_str("short"));
	for (unsigned i = 0; i < 5; i++)
		raw_expect(s, &s->router[0], &srp_send_msg, &send[i]);
	raw_expect_nothing(s, &s->router[0]);
	assert_int_equal(scene_number(s, "outstanding"), 5);
	assert_int_equal(scene_number(s, "waiting_down"), 3);
	/* Another PIN has a window of its own. */
	service_sends(service, BOB, 99, bytes_str("other"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send[5]);
	assert_int_equal(send[5].pin, BOB);
	/* Each confirmed one lets the next go; a message is delivered when its last fragment is. */
	router_says(s, 0, send[0].tag, SRP_DELIVERED);
	raw_expect(s, &s->router[0], &srp_send_msg, &send[6]);
	router_says(s, 0, send[2].tag, SRP_DELIVERED);
	raw_expect(s, &s->router[0], &srp_send_msg, &send[7]);
	raw_expect_nothing(s, service);
	router_says(s, 0, send[1].tag, SRP_DELIVERED);
	expect_status(s, service, 1, SRP_DELIVERED);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(device_opens(s, &s->alice, &send[i], &opened), i < 2 ? CHANNEL_PART : CHANNEL_OK);
	assert_true(bytes_equal(opened.clear, noise(5000)));
	raw_free(&service);
}

static void out_of_coverage_everything_goes_back(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	service = scene_ready(s, ALICE, 0);
	for (uint32_t i = 1; i <= 7; i++)
		service_sends(service, ALICE, i, bytes_str("hello"));
	for (unsigned i = 0; i < 5; i++)
		raw_expect(s, &s->router[0], &srp_send_msg, &send);
	/* The device is lost: what is outstanding is returned by the network, what waits by us. */
	for (uint32_t tag = send.tag - 4; tag <= send.tag; tag++)
		router_says(s, 0, tag, SRP_UNAVAILABLE);
	router_covers(s, 0, ALICE, false);
	expect_status(s, service, 1, SRP_UNAVAILABLE);
	expect_status(s, service, 6, SRP_UNAVAILABLE);
	expect_status(s, service, 7, SRP_UNAVAILABLE);
	for (uint32_t i = 2; i <= 5; i++)
		expect_status(s, service, i, SRP_UNAVAILABLE);
	expect_coverage(s, service, ALICE, 0);
	/* At once while it is not covered. */
	service_sends(service, ALICE, 8, bytes_str("hello"));
	expect_status(s, service, 8, SRP_UNAVAILABLE);
	service_sends(service, NOBODY, 9, bytes_str("hello"));
	expect_status(s, service, 9, SRP_UNAVAILABLE);
	raw_expect_nothing(s, &s->router[0]);
	/* And it goes on when the device is back. */
	router_covers(s, 0, ALICE, true);
	expect_coverage(s, service, ALICE, 1);
	service_sends(service, ALICE, 10, bytes_str("hello"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(scene_count(s, "returned"), 9);
	raw_free(&service);
}

static void too_many_for_one_device_go_back_and_are_asked_for_again(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send[13];

	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("hello"));
	scene_await(s, scene_number(s, "outstanding") == 1);
	for (uint32_t i = 2; i <= 14; i++)      /* five outstanding, eight wait, the fourteenth is one too many */
		service_sends(service, ALICE, i, bytes_str("hello"));
	expect_status(s, service, 14, SRP_UNAVAILABLE);
	for (unsigned i = 0; i < 13; i++) {
		raw_expect(s, &s->router[0], &srp_send_msg, &send[i]);
		router_says(s, 0, send[i].tag, SRP_DELIVERED);
		if (i == 8)      /* the last that waited was sent */
			expect_coverage(s, service, ALICE, 1);
		if (i >= 8)
			continue;
		expect_status(s, service, i + 1, SRP_DELIVERED);
	}
	raw_free(&service);
}

static void a_device_that_restarted_gets_its_message_under_a_higher_id(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;
	struct channel_opened opened;
	struct gme gme;
	struct buf error = { 0 };

	service = scene_ready(s, ALICE, 0);
	/* The device's own ceiling is at 512. */
	replay_start(&s->alice.keys[0].receive, 512);
	replay_committed(&s->alice.keys[0].receive, 1024);
	service_sends(service, ALICE, 1, bytes_str("for the new life"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &s->alice, &send, &opened), CHANNEL_RESUME);
	assert_int_equal(gme_decode(send.gme, &gme, NULL), 0);
	gme_answer_error(&gme, &s->alice.keys[0].key, GME_RESUME_AT, "512", &error);
	router_brings(s, 0, ALICE, buf_bytes(&error));
	raw_expect_nothing(s, &s->router[0]);        /* not before the router has had its word of the first */
	router_says(s, 0, send.tag, SRP_INVALID);
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &s->alice, &send, &opened), CHANNEL_OK);
	assert_true(bytes_is(opened.clear, "for the new life"));
	raw_expect_nothing(s, service);
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 1, SRP_DELIVERED);
	raw_expect_nothing(s, service);              /* one outcome per message */
	/* The same error again is for nothing that was sent; neither is one with an id that never was. */
	router_brings(s, 0, ALICE, buf_bytes(&error));
	buf_clear(&error);
	gme.message_id = 4000;
	gme_answer_error(&gme, &s->alice.keys[0].key, GME_RESUME_AT, "900000", &error);
	router_brings(s, 0, ALICE, buf_bytes(&error));
	raw_expect_nothing(s, &s->router[0]);
	assert_int_equal(scene_count(s, "sealed_again"), 1);
	buf_free(&error);
	raw_free(&service);
}

static void what_the_device_does_not_take_is_sealed_again_three_times_at_most(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;
	struct channel_opened opened;
	uint32_t last_id = 0;

	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("four times"));
	for (unsigned i = 0; i < 4; i++) {
		struct gme gme;

		raw_expect(s, &s->router[0], &srp_send_msg, &send);
		assert_int_equal(gme_decode(send.gme, &gme, NULL), 0);
		assert_true(gme.message_id > last_id);
		last_id = gme.message_id;
		raw_expect_nothing(s, service);
		router_says(s, 0, send.tag, SRP_INVALID);
	}
	expect_status(s, service, 1, SRP_INVALID);
	raw_expect_nothing(s, &s->router[0]);
	/* The next one has its own three times, and may need them. */
	service_sends(service, ALICE, 2, bytes_str("twice"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	router_says(s, 0, send.tag, SRP_INVALID);
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(device_opens(s, &s->alice, &send, &opened), CHANNEL_OK);
	router_says(s, 0, send.tag, SRP_DELIVERED);
	expect_status(s, service, 2, SRP_DELIVERED);
	assert_int_equal(scene_count(s, "sealed_again"), 4);
	raw_free(&service);
}

static void what_was_not_taken_is_given_back_when_the_device_goes(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("on its way"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	router_says(s, 0, send.tag, SRP_INVALID);
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	raw_expect_nothing(s, service);
	router_says(s, 0, send.tag, SRP_UNAVAILABLE);
	expect_status(s, service, 1, SRP_UNAVAILABLE);
	raw_free(&service);
}

/* Some of its fragments were delivered, one was not. */
static void a_message_of_several_fragments_is_sealed_again_as_a_whole(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send[3];
	struct channel_opened opened;

	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, noise(5000));
	for (unsigned i = 0; i < 3; i++)
		raw_expect(s, &s->router[0], &srp_send_msg, &send[i]);
	router_says(s, 0, send[0].tag, SRP_DELIVERED);
	router_says(s, 0, send[2].tag, SRP_INVALID);
	raw_expect_nothing(s, &s->router[0]);
	router_says(s, 0, send[1].tag, SRP_DELIVERED);
	for (unsigned i = 0; i < 3; i++) {
		raw_expect(s, &s->router[0], &srp_send_msg, &send[i]);
		assert_int_equal(device_opens(s, &s->alice, &send[i], &opened), i < 2 ? CHANNEL_PART : CHANNEL_OK);
	}
	assert_true(bytes_equal(opened.clear, noise(5000)));
	for (unsigned i = 0; i < 3; i++)
		router_says(s, 0, send[i].tag, SRP_DELIVERED);
	expect_status(s, service, 1, SRP_DELIVERED);
	assert_int_equal(scene_count(s, "sealed_again"), 1);
	raw_free(&service);
}

static void nothing_is_heard_of_an_envelope(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	s->set.ping_interval_ms = 3600000;
	service = scene_ready(s, ALICE, 0);
	service_sends(service, ALICE, 1, bytes_str("hello"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + 599999);
	raw_expect_nothing(s, service);
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + 1);
	expect_status(s, service, 1, SRP_UNAVAILABLE);
	expect_coverage(s, service, ALICE, 1);       /* still covered: the service sends it again */
	assert_int_equal(scene_number(s, "outstanding"), 0);
	raw_free(&service);
}

static void a_lost_router_returns_what_it_had(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	scene_start(s, 2);
	router_accept(s, 0, ALICE, BOB);
	router_accept(s, 1, 0, 0);
	service = service_registers(s, "im");
	/* The second router sees alice later: she is reached through it. */
	router_covers(s, 1, ALICE, true);
	scene_settle(s);
	service_sends(service, ALICE, 1, bytes_str("hello"));
	raw_expect(s, &s->router[1], &srp_send_msg, &send);
	service_sends(service, BOB, 2, bytes_str("hello"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	/* The first is lost: bob is out of coverage, alice is not. */
	connection_free(&s->router[0].c);
	expect_coverage(s, service, BOB, 0);
	expect_status(s, service, 2, SRP_UNAVAILABLE);
	raw_expect_nothing(s, service);
	service_sends(service, ALICE, 3, bytes_str("hello"));
	raw_expect(s, &s->router[1], &srp_send_msg, &send);
	/* It dials again, and bob is back. */
	router_accept(s, 0, BOB, 0);
	expect_coverage(s, service, BOB, 1);
	raw_free(&service);
}

/* The router that a device has left may be cut off, and not know: its place in the window is not waited for. */
static void a_device_that_comes_by_another_router_gets_all_in_order(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	scene_start(s, 2);
	router_accept(s, 0, ALICE, 0);
	router_accept(s, 1, 0, 0);
	service = service_registers(s, "im");
	for (uint32_t transaction = 1; transaction <= SRP_WINDOW + 2; transaction++)
		service_sends(service, ALICE, transaction, bytes_str("hello"));
	for (unsigned i = 0; i < SRP_WINDOW; i++)
		raw_expect(s, &s->router[0], &srp_send_msg, &send);
	router_covers(s, 1, ALICE, true);
	/* What waited behind them goes back too, and then she is said to be there: the service begins with the first again. The first of them
	 * goes back before what waits. */
	expect_status(s, service, 1, SRP_UNAVAILABLE);
	for (uint32_t transaction = SRP_WINDOW + 1; transaction <= SRP_WINDOW + 2; transaction++)
		expect_status(s, service, transaction, SRP_UNAVAILABLE);
	for (uint32_t transaction = 2; transaction <= SRP_WINDOW; transaction++)
		expect_status(s, service, transaction, SRP_UNAVAILABLE);
	raw_expect_nothing(s, &s->router[1]);
	assert_int_equal(scene_number(s, "outstanding"), 0);
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + 1000);
	expect_coverage(s, service, ALICE, 1);
	service_sends(service, ALICE, 10, bytes_str("hello"));
	raw_expect(s, &s->router[1], &srp_send_msg, &send);
	/* A late word of the first router is nobody's. */
	raw_say(&s->router[0], &srp_status_msg_msg, &(struct srp_status_msg){ .tag = 1, .status = SRP_UNAVAILABLE });
	raw_expect_nothing(s, service);
	raw_free(&service);
}

static void a_router_that_says_pause_gets_nothing_until_resume(void **state)
{
	struct scene *s = *state;
	struct raw *service;
	struct srp_send send;

	service = scene_ready(s, ALICE, 0);
	raw_say(&s->router[0], &srp_pause_msg, &(struct srp_session){ .session = 0 });
	scene_settle(s);
	service_sends(service, ALICE, 1, bytes_str("hello"));
	raw_expect_nothing(s, &s->router[0]);
	raw_say(&s->router[0], &srp_resume_msg, &(struct srp_session){ .session = 0 });
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	raw_free(&service);
}

static void a_device_that_is_removed_is_refused(void **state)
{
	struct scene *s = *state;
	struct raw *service;

	service = scene_ready(s, ALICE, 0);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, service, ALICE, "hello");
	scene_stop(s);
	raw_expect_closed(s, service);
	raw_free(&service);
	db_user_remove(s->db, "alice", NULL, NULL);
	db_wait(s->db);
	service = scene_ready(s, ALICE, 0);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_gme_error(s, ALICE, GME_UNKNOWN_KEY);
	service_sends(service, ALICE, 1, bytes_str("hello"));
	expect_status(s, service, 1, SRP_REFUSED);
	raw_free(&service);
}

static void a_device_that_changed_its_link_gets_again_what_went_back(void **state)
{
	struct scene *s = *state;
	struct raw *service = scene_ready(s, ALICE, 0);
	struct srp_send send;

	service_sends(service, ALICE, 1, bytes_str("hello"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	/* Its old link is gone, and coverage did not change. */
	router_says(s, 0, send.tag, SRP_UNAVAILABLE);
	expect_status(s, service, 1, SRP_UNAVAILABLE);
	raw_expect_nothing(s, service);
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + 1000);
	expect_coverage(s, service, ALICE, 1);
	/* But nothing of the kind when the router says that it is out of coverage. */
	service_sends(service, ALICE, 2, bytes_str("hello"));
	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	router_says(s, 0, send.tag, SRP_UNAVAILABLE);
	router_covers(s, 0, ALICE, false);
	expect_status(s, service, 2, SRP_UNAVAILABLE);
	expect_coverage(s, service, ALICE, 0);
	loop_clock_advance(s->loop, loop_now_ms(s->loop) + 1000);
	raw_expect_nothing(s, service);
	raw_free(&service);
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(a_message_is_sealed_and_its_delivery_told),
		FLOW(at_most_five_are_outstanding),
		FLOW(out_of_coverage_everything_goes_back),
		FLOW(a_device_that_changed_its_link_gets_again_what_went_back),
		FLOW(too_many_for_one_device_go_back_and_are_asked_for_again),
		FLOW(a_device_that_restarted_gets_its_message_under_a_higher_id),
		FLOW(what_the_device_does_not_take_is_sealed_again_three_times_at_most),
		FLOW(what_was_not_taken_is_given_back_when_the_device_goes),
		FLOW(a_message_of_several_fragments_is_sealed_again_as_a_whole),
		FLOW(nothing_is_heard_of_an_envelope),
		FLOW(a_lost_router_returns_what_it_had),
		FLOW(a_device_that_comes_by_another_router_gets_all_in_order),
		FLOW(a_router_that_says_pause_gets_nothing_until_resume),
		FLOW(a_device_that_is_removed_is_refused),
	};

	log_open("test");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
