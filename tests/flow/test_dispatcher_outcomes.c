/* The Dispatcher between a scripted router, a service and a device that do whatever they may, in an order that a generator of
 * numbers chooses: what becomes of every message for a device. The test is named after the sentence that it shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/dispatcher_scene.h"

enum { MESSAGES = 1500 };

struct chaos {
	struct scene *s;
	struct raw *service;
	uint32_t x, sent;
	uint8_t outcomes[MESSAGES + 1];
	struct { uint32_t tag, message_id; } open[SRP_WINDOW];
	unsigned open_count, most;
	bool is_covered;
};

static uint32_t roll(struct chaos *c, uint32_t below)
{
	c->x = c->x * 1664525 + 1013904223;
	return (c->x >> 8) % below;
}

static void hear_service(struct chaos *c)
{
	struct link_status status;
	struct link_coverage coverage;

	for (; c->service->taken < c->service->came; ) {
		struct bytes frame = buf_bytes(&c->service->frames[c->service->taken]);

		if (frame_opcode(frame) == LINK_STATUS) {
			raw_expect(c->s, c->service, &link_status_msg, &status);
			assert_in_range(status.transaction, 1, c->sent);
			if (c->outcomes[status.transaction]++)
				fail_msg("message %u has a second outcome", status.transaction);
		} else {
			raw_expect(c->s, c->service, &link_coverage_msg, &coverage);
		}
	}
	raw_forget(c->service);
}

static void hear_router(struct chaos *c)
{
	struct raw *router = &c->s->router[0];
	struct srp_send send;
	struct gme gme;

	while (router->taken < router->came) {
		raw_expect(c->s, router, &srp_send_msg, &send);
		assert_int_equal(gme_decode(send.gme, &gme, NULL), 0);
		if (c->open_count == SRP_WINDOW)
			fail_msg("a sixth envelope is under way");
		c->open[c->open_count].tag = send.tag;
		c->open[c->open_count++].message_id = gme.message_id;
		c->most = c->open_count > c->most ? c->open_count : c->most;
	}
	raw_forget(router);
}

static void answer(struct chaos *c, unsigned at, enum srp_status status)
{
	router_says(c->s, 0, c->open[at].tag, status);
	c->open[at] = c->open[--c->open_count];
}

static void ask_to_resume(struct chaos *c, unsigned at)
{
	struct gme up = { .kind = GME_MESSAGE, .message_id = c->open[at].message_id, .source = { .srp_id = bytes_str(SRP_ID) },
		.destination = { .is_pin = true, .pin = ALICE } };
	struct buf error = { 0 };
	char text[16];

	snprintf(text, sizeof text, "%u", c->open[at].message_id + roll(c, 400));
	gme_answer_error(&up, &c->s->alice.keys[0].key, GME_RESUME_AT, text, &error);
	router_brings(c->s, 0, ALICE, buf_bytes(&error));
	buf_free(&error);
}

static void set_coverage(struct chaos *c, bool available)
{
	if (available == c->is_covered)
		return;
	/* A router gives back what was outstanding before it says that the device is gone. */
	while (!available && c->open_count)
		answer(c, 0, SRP_UNAVAILABLE);
	router_covers(c->s, 0, ALICE, available);
	c->is_covered = available;
}

static void step(struct chaos *c)
{
	switch (roll(c, 12)) {
	case 0: case 1: case 2: case 3:
		if (c->sent < MESSAGES) {
			c->sent++;
			service_sends(c->service, ALICE, c->sent, noise(roll(c, 8) ? 40 : 2000 + roll(c, 8000)));
		}
		break;
	case 4: case 5: case 6: case 7: case 8:
		if (c->open_count)
			answer(c, roll(c, c->open_count), roll(c, 10) ? SRP_DELIVERED : (enum srp_status)(SRP_UNAVAILABLE + roll(c, 4)));
		break;
	case 9:
		if (c->open_count)
			ask_to_resume(c, roll(c, c->open_count));
		break;
	case 10:
		set_coverage(c, roll(c, 4) > 0);
		break;
	default:
		if (roll(c, 40) == 0) {
			connection_free(&c->s->router[0].c);
			c->open_count = 0;
			scene_settle(c->s);
			loop_clock_advance(c->s->loop, loop_now_ms(c->s->loop) + 61000);
			hear_service(c);
			router_accept(c->s, 0, ALICE, 0);
			c->is_covered = true;
		}
		loop_clock_advance(c->s->loop, loop_now_ms(c->s->loop) + 100);
		break;
	}
	while (loop_round(c->s->loop, 1))
		;
	hear_service(c);
	hear_router(c);
}

static void each_message_has_exactly_one_outcome(void **state)
{
	struct scene *s = *state;
	struct chaos *c = memory_new(sizeof *c);

	s->set.ping_interval_ms = 86400000;
	c->s = s;
	c->service = scene_ready(s, ALICE, 0);
	c->is_covered = true;
	for (c->x = 20; c->sent < MESSAGES; )
		step(c);
	set_coverage(c, true);
	for (unsigned i = 0; i < 5000 && (c->open_count || scene_number(s, "waiting_down") || scene_number(s, "outstanding")); i++) {
		while (c->open_count)
			answer(c, 0, SRP_DELIVERED);
		loop_clock_advance(s->loop, loop_now_ms(s->loop) + 100);
		scene_settle(s);
		hear_service(c);
		hear_router(c);
	}
	scene_settle(s);
	hear_service(c);
	assert_int_equal(scene_number(s, "outstanding"), 0);
	assert_int_equal(scene_number(s, "waiting_down"), 0);
	for (unsigned i = 1; i <= MESSAGES; i++)
		if (c->outcomes[i] != 1)
			fail_msg("message %u has %u outcomes", i, c->outcomes[i]);
	assert_int_equal(c->most, SRP_WINDOW);
	assert_true(scene_count(s, "delivered") > MESSAGES / 4);
	assert_true(scene_count(s, "returned") > MESSAGES / 20);
	assert_true(scene_count(s, "sealed_again") > MESSAGES / 20);
	raw_free(&c->service);
	free(c);
}

#define FLOW(name) cmocka_unit_test_setup_teardown(name, scene_begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(each_message_has_exactly_one_outcome),
	};

	log_open("test");
	log_set_level(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
