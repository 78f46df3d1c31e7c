/* Coverage and delivery by the Router, between raw peers that say exactly what the script gives them. Each step is
 * said in words; a frame that is expected is written as its dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "protocol/gme_answer.h"
#include "router/service_peer.h"
#include "tests/support/router_scene.h"

#define MINUTE 60000U
#define BOTH (SRP_WANT_DELIVERED | SRP_RETURN_IF_UNAVAILABLE)

static void send_down(struct srp_peer *raw, uint32_t tag, uint32_t pin, uint32_t flags)
{
	struct srp_send send = { .tag = tag, .pin = pin, .flags = flags };
	struct buf gme = { 0 };

	srp_peer_envelope(false, pin, "T00000001", tag + 1000, &gme);
	send.gme = buf_bytes(&gme);
	srp_peer_say(raw, &srp_send_msg, &send);
	buf_free(&gme);
}

/* Takes the next DATA and returns the Router's tag of it. */
static uint32_t take_data(struct srp_peer *raw)
{
	struct srp_data data;
	struct gme gme;

	assert_int_equal(frame_decode(&srp_data_msg, srp_peer_next_frame(raw, "DATA"), &data, NULL), 0);
	assert_int_equal(gme_decode(data.gme, &gme, NULL), 0);
	assert_true(bytes_is(gme.payload, "sealed"));
	return data.tag;
}

static void confirm(struct srp_peer *raw, uint32_t tag)
{
	struct srp_status_msg status = { .tag = tag, .status = SRP_DELIVERED };

	srp_peer_say(raw, &srp_status_msg_msg, &status);
}

static void test_coverage_is_told(void **state)
{
	struct srp_peer *early = device_up("early", PIN_A, "T00000001"), *service, *late, *other;

	(void)state;
	service = srp_peer_dial("service");
	srp_peer_handshake(service, "T00000001", SRP_PEER_KEY);
	srp_peer_expect(service, "RETURN code=0 text=accepted");
	srp_peer_expect(service, "COVERAGE pin=00000000 available=0");
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	other = service_up("other", "T00000002");
	late = device_up("late", PIN_B, "T00000001");
	srp_peer_expect(service, "COVERAGE pin=2100000B available=1");
	srp_peer_hang_up(&early);
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	/* A device that asks for a pause is out of coverage until it goes on. */
	struct srp_session session = { 0 };
	srp_peer_say(late, &srp_pause_msg, &session);
	srp_peer_expect(service, "COVERAGE pin=2100000B available=0");
	srp_peer_say(late, &srp_resume_msg, &session);
	srp_peer_expect(service, "COVERAGE pin=2100000B available=1");
	srp_peer_expect_nothing(other);
	assert_int_equal(router_scene_number("devices_registered"), 2);
	assert_int_equal(router_scene_number("devices_covered"), 1);
	srp_peer_hang_up(&late);
	srp_peer_hang_up(&service);
	srp_peer_hang_up(&other);
}

static void test_delivery(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	/* Want delivered: told when the device has confirmed, not before. */
	send_down(service, 7, PIN_A, BOTH);
	uint32_t tag = take_data(device);
	srp_peer_expect_nothing(service);
	confirm(device, tag);
	srp_peer_expect(service, "STATUS tag=7 status=1 *");
	confirm(device, tag);
	srp_peer_expect_nothing(service);
	/* Not asked for: nothing is said. */
	send_down(service, 8, PIN_A, 0);
	confirm(device, take_data(device));
	srp_peer_expect_nothing(service);
	/* The device does not take it. */
	send_down(service, 9, PIN_A, 0);
	struct srp_status_msg no = { .tag = take_data(device), .status = SRP_REFUSED };
	srp_peer_say(device, &srp_status_msg_msg, &no);
	srp_peer_expect(service, "STATUS tag=9 status=5 *");
	assert_int_equal(router_scene_number("forwarded_down"), 3);
	assert_int_equal(router_scene_number("delivered"), 2);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_unavailable(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_hang_up(&device);
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	/* Unavailable and "return" set: returned. */
	send_down(service, 1, PIN_A, SRP_RETURN_IF_UNAVAILABLE);
	srp_peer_expect(service, "STATUS tag=1 status=2 *");
	/* Unavailable and not set: nothing is returned. */
	send_down(service, 2, PIN_A, SRP_WANT_DELIVERED);
	srp_peer_expect_nothing(service);
	assert_int_equal(router_scene_number("dropped"), 1);
	/* The PIN is checked before sending: one that never registered is refused. */
	send_down(service, 3, PIN_B, 0);
	srp_peer_expect(service, "STATUS tag=3 status=3 *");
	/* So is one that registered for another service. */
	device = device_up("device", PIN_B, "T00000002");
	send_down(service, 4, PIN_B, 0);
	srp_peer_expect(service, "STATUS tag=4 status=3 *");
	srp_peer_expect_nothing(device);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_a_lost_link_returns_what_was_outstanding(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, PIN_A, BOTH);
	send_down(service, 2, PIN_A, SRP_WANT_DELIVERED);
	send_down(service, 3, PIN_A, BOTH);
	for (int i = 0; i < 3; i++)
		take_data(device);
	srp_peer_hang_up(&device);
	srp_peer_expect(service, "STATUS tag=1 status=2 *");
	srp_peer_expect(service, "STATUS tag=3 status=2 *");
	srp_peer_expect(service, "COVERAGE pin=2100000A available=0");
	srp_peer_expect_nothing(service);
	srp_peer_hang_up(&service);
}

static void test_the_sixth_outstanding_is_invalid(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	uint32_t tags[5];

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	for (uint32_t i = 0; i < 5; i++)
		send_down(service, i, PIN_A, BOTH);
	for (uint32_t i = 0; i < 5; i++)
		tags[i] = take_data(device);
	send_down(service, 5, PIN_A, BOTH);
	srp_peer_expect(service, "STATUS tag=5 status=5 *");
	srp_peer_expect_nothing(device);
	confirm(device, tags[3]);
	srp_peer_expect(service, "STATUS tag=3 status=1 *");
	send_down(service, 6, PIN_A, BOTH);
	take_data(device);
	send_down(service, 6, PIN_A, BOTH);     /* the same one again */
	srp_peer_expect(service, "STATUS tag=6 status=5 *");
	srp_peer_expect_nothing(device);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_what_is_not_confirmed_expires(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, PIN_A, BOTH);
	uint32_t tag = take_data(device);
	router_scene_advance(10 * MINUTE);
	srp_peer_expect(service, "PING nonce=1");
	srp_peer_expect(service, "STATUS tag=1 status=4 *");
	confirm(device, tag);
	srp_peer_expect_nothing(service);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_up(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *other = service_up("other", "T00000002");
	struct srp_peer *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_send_up(device, 7, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE session=0 pin=2100000A gme=<*");
	srp_peer_expect(device, "STATUS tag=7 status=0 *");
	/* A PIN speaks for itself only, and to its own service only. */
	srp_peer_send_up(device, 8, PIN_B, "T00000001");
	srp_peer_expect(device, "STATUS tag=8 status=5 *");
	srp_peer_send_up(device, 9, PIN_A, "T00000002");
	srp_peer_expect(device, "STATUS tag=9 status=5 *");
	srp_peer_expect_nothing(service);
	srp_peer_expect_nothing(other);
	assert_int_equal(router_scene_number("invalid"), 2);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
	srp_peer_hang_up(&other);
}

/* The device's message of this id comes back with this code. */
static void expect_error(struct srp_peer *device, uint32_t message_id, enum gme_error_code code)
{
	struct srp_data data;
	struct gme gme;

	assert_int_equal(frame_decode(&srp_data_msg, srp_peer_next_frame(device, "an error envelope"), &data, NULL), 0);
	assert_int_equal(gme_decode(data.gme, &gme, NULL), 0);
	assert_int_equal(gme.kind, GME_ERROR);
	assert_int_equal(gme.error_code, code);
	assert_int_equal(gme.message_id, message_id);
	assert_int_equal(gme.destination.pin, PIN_A);
	confirm(device, data.tag);
}

static void test_a_device_whose_service_is_not_connected(void **state)
{
	struct srp_peer *device = device_up("device", PIN_A, "T00000001");

	(void)state;
	srp_peer_send_up(device, 7, PIN_A, "T00000001");
	expect_error(device, 1007, GME_NO_SERVICE);
	srp_peer_expect_nothing(device);
	srp_peer_hang_up(&device);
}

static void send_up_error(struct srp_peer *device, uint32_t tag)
{
	struct gme message = { .kind = GME_MESSAGE, .message_id = 5, .source = { .srp_id = bytes_str("T00000001") },
		.destination = { .is_pin = true, .pin = PIN_A }, .content_ids = bytes_str("BBIM") };
	struct buf error = { 0 };

	gme_answer_error(&message, NULL, GME_BAD_FORMAT, "", &error);
	srp_peer_say(device, &srp_data_msg, &(struct srp_data){ .tag = tag, .gme = buf_bytes(&error) });
	buf_free(&error);
}

/* So many messages reach the service, with their marks between them: the last mark. */
static struct srp_ping take_up(struct srp_peer *service, struct srp_peer *device, uint32_t count)
{
	struct srp_ping mark = { 0 };

	for (uint32_t i = 1; i <= count; i++) {
		srp_peer_send_up(device, i, PIN_A, "T00000001");
		srp_peer_expect(service, "RECEIVE *");
		srp_peer_expect(device, "STATUS tag=%u status=0 *", i);
		if (i % SERVICE_MARK_EVERY == 0)
			assert_int_equal(frame_decode(&srp_ping_msg, srp_peer_next_frame(service, "a mark"), &mark, NULL), 0);
	}
	return mark;
}

static void test_what_a_service_has_not_read_is_bounded_and_more_is_refused_at_once(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	struct srp_ping mark, life = { .nonce = 1 };

	(void)state;
	router_scene.set.backlog = SERVICE_FEW;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	mark = take_up(service, device, SERVICE_FEW);
	/* The bound is reached. */
	srp_peer_send_up(device, 1000, PIN_A, "T00000001");
	expect_error(device, 2000, GME_OVERLOADED);
	assert_int_equal(router_scene_number("overloaded"), 1);
	/* What a device says of messages to it is let pass, or those would be lost. */
	send_up_error(device, 101);
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=101 status=0 *");
	/* A sign of life is no word of what was read. */
	srp_peer_say(service, &srp_pong_msg, &life);
	router_scene_settle();
	srp_peer_send_up(device, 102, PIN_A, "T00000001");
	expect_error(device, 1102, GME_OVERLOADED);
	/* The service has read. */
	srp_peer_say(service, &srp_pong_msg, &mark);
	router_scene_settle();
	srp_peer_send_up(device, 103, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=103 status=0 *");
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_what_waits_too_long_refuses_more_unless_it_is_little(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	uint64_t late_us;
	struct srp_peer *other;

	(void)state;
	router_scene.set.backlog_age_ms = 1;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	take_up(service, device, SERVICE_FEW - 1);
	for (late_us = loop_real_us() + 1000; loop_real_us() <= late_us;)
		loop_round(router_scene.loop, 1);
	/* All that waits has waited too long, and one less than a few is let pass. */
	srp_peer_send_up(device, 100, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(service, "PING *");
	srp_peer_expect(device, "STATUS tag=100 status=0 *");
	srp_peer_send_up(device, 101, PIN_A, "T00000001");
	expect_error(device, 1101, GME_OVERLOADED);
	/* The next connection of the service begins with nothing unread. */
	other = service_up("the service again", "T00000001");
	srp_peer_expect(other, "COVERAGE pin=2100000A available=1");
	srp_peer_send_up(device, 102, PIN_A, "T00000001");
	srp_peer_expect(other, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=102 status=0 *");
	srp_peer_hang_up(&other);
	srp_peer_hang_up(&device);
	srp_peer_hang_up(&service);
}

static void test_a_device_of_an_unknown_service_is_refused(void **state)
{
	struct srp_peer *device = srp_peer_dial("device");

	(void)state;
	srp_peer_send_register(device, PIN_A, "T99999999");
	srp_peer_expect(device, "RETURN code=1 *");
	srp_peer_expect_closed(device);
	srp_peer_hang_up(&device);
}

static void test_a_second_registration_supersedes(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"),
		*first = device_up("first", PIN_A, "T00000001"), *second, *third;

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, PIN_A, BOTH);
	take_data(first);
	second = device_up("second", PIN_A, "T00000001");
	srp_peer_expect(first, "DISCONNECT reason=3 *");
	srp_peer_expect_closed(first);
	/* What was on its way over the old link comes back; coverage is not withdrawn, only said again. */
	srp_peer_expect(service, "STATUS tag=1 status=2 *");
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_expect_nothing(service);
	send_down(service, 2, PIN_A, BOTH);
	confirm(second, take_data(second));
	srp_peer_expect(service, "STATUS tag=2 status=1 *");
	srp_peer_hang_up(&first);

	/* It is limited: five in a minute, and the living link stays. */
	for (int i = 0; i < 4; i++) {
		third = device_up("again", PIN_A, "T00000001");
		srp_peer_expect(second, "DISCONNECT reason=3 *");
		srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
		srp_peer_hang_up(&second);
		second = third;
	}
	third = srp_peer_dial("too often");
	srp_peer_send_register(third, PIN_A, "T00000001");
	srp_peer_expect(third, "RETURN code=8 *");
	srp_peer_expect_closed(third);
	srp_peer_expect_nothing(second);
	srp_peer_hang_up(&third);
	srp_peer_hang_up(&second);
	srp_peer_hang_up(&service);
}

static void test_a_pin_that_moves_to_another_service_leaves_the_first(void **state)
{
	struct srp_peer *old = service_up("old", "T00000001"), *new = service_up("new", "T00000002");
	struct srp_peer *first = device_up("first", PIN_A, "T00000001"), *second;

	(void)state;
	srp_peer_expect(old, "COVERAGE pin=2100000A available=1");
	second = device_up("second", PIN_A, "T00000002");
	srp_peer_expect(old, "COVERAGE pin=2100000A available=0");
	srp_peer_expect(new, "COVERAGE pin=2100000A available=1");
	srp_peer_hang_up(&first);
	router_scene_settle();
	srp_peer_expect_nothing(new);
	srp_peer_hang_up(&second);
	srp_peer_expect(new, "COVERAGE pin=2100000A available=0");
	srp_peer_expect_nothing(old);
	srp_peer_hang_up(&old);
	srp_peer_hang_up(&new);
}

static void test_a_new_connection_of_the_service_starts_with_a_free_window(void **state)
{
	struct srp_peer *first = service_up("first", "T00000001"), *device = device_up("device", PIN_A, "T00000001"), *second;
	uint32_t old_tag;

	(void)state;
	srp_peer_expect(first, "COVERAGE pin=2100000A available=1");
	for (uint32_t i = 0; i < 5; i++)
		send_down(first, i, PIN_A, BOTH);
	old_tag = take_data(device);
	for (uint32_t i = 1; i < 5; i++)
		take_data(device);
	second = srp_peer_dial("second");
	srp_peer_handshake(second, "T00000001", SRP_PEER_KEY);
	srp_peer_expect(second, "RETURN code=0 text=accepted");
	srp_peer_expect(second, "COVERAGE pin=00000000 available=0");
	srp_peer_expect(second, "COVERAGE pin=2100000A available=1");
	send_down(second, 0, PIN_A, BOTH);
	uint32_t tag = take_data(device);
	confirm(device, old_tag);     /* of the old connection: nobody asks any more */
	srp_peer_expect_nothing(second);
	confirm(device, tag);
	srp_peer_expect(second, "STATUS tag=0 status=1 *");
	srp_peer_hang_up(&first);
	srp_peer_hang_up(&second);
	srp_peer_hang_up(&device);
}

static void test_a_paused_service_is_left_alone(void **state)
{
	struct srp_peer *service = service_up("service", "T00000001"), *device = device_up("device", PIN_A, "T00000001");
	struct srp_session session = { 0 };

	(void)state;
	srp_peer_expect(service, "COVERAGE pin=2100000A available=1");
	srp_peer_say(service, &srp_pause_msg, &session);
	router_scene_settle();
	/* The first is handed over, because it had come already; behind it nothing more is read. */
	for (uint32_t i = 0; i < 3; i++)
		srp_peer_send_up(device, i, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=0 status=0 *");
	srp_peer_expect_nothing(service);
	srp_peer_say(service, &srp_resume_msg, &session);
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_expect(device, "STATUS tag=1 status=0 *");
	srp_peer_expect(device, "STATUS tag=2 status=0 *");
	/* A service that goes while devices are held for it does not leave them so. */
	srp_peer_say(service, &srp_pause_msg, &session);
	router_scene_settle();
	srp_peer_send_up(device, 3, PIN_A, "T00000001");
	srp_peer_expect(service, "RECEIVE *");
	srp_peer_hang_up(&service);
	srp_peer_expect(device, "STATUS tag=3 status=0 *");
	srp_peer_send_up(device, 4, PIN_A, "T00000001");
	srp_peer_expect(device, "DATA *");
	srp_peer_hang_up(&device);
}

#define FLOW(test) cmocka_unit_test_setup_teardown(test, router_scene_begin, router_scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(test_coverage_is_told),
		FLOW(test_delivery),
		FLOW(test_unavailable),
		FLOW(test_a_lost_link_returns_what_was_outstanding),
		FLOW(test_the_sixth_outstanding_is_invalid),
		FLOW(test_what_is_not_confirmed_expires),
		FLOW(test_up),
		FLOW(test_a_device_whose_service_is_not_connected),
		FLOW(test_what_a_service_has_not_read_is_bounded_and_more_is_refused_at_once),
		FLOW(test_what_waits_too_long_refuses_more_unless_it_is_little),
		FLOW(test_a_device_of_an_unknown_service_is_refused),
		FLOW(test_a_second_registration_supersedes),
		FLOW(test_a_pin_that_moves_to_another_service_leaves_the_first),
		FLOW(test_a_new_connection_of_the_service_starts_with_a_free_window),
		FLOW(test_a_paused_service_is_left_alone),
	};

	log_open("router");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, router_scene_make_folder, router_scene_remove_folder);
}
