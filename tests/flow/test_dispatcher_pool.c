/* The Dispatcher's pool between scripted services: who is active, what each is asked and in which order, and that services which are in
 * no pool are spoken to as before. Each test is named after the sentence that it shows. */
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
#include "tests/support/dispatcher_scene.h"

enum { START_MS = 1000000, DEAD_MS = 15000 };

static int begin(void **state)
{
	struct scene *s;

	if (scene_begin(state))
		return -1;
	s = *state;
	s->set.health_dead_ms = DEAD_MS;
	s->set.switch_ms = 10000;
	s->set.promotion_threshold = 60;
	s->set.failover_threshold = 40;
	return 0;
}

static void to_ms(struct scene *s, uint64_t ms)
{
	loop_clock_advance(s->loop, START_MS + ms);
	scene_settle(s);
}

/* A member of the pool, and the list of coverage taken. */
static struct raw *member(struct scene *s, const char *instance, uint32_t role, uint32_t health)
{
	struct raw *raw = service_dial(s, instance);
	struct link_return answer;
	struct link_coverage coverage;

	raw_say(raw, &link_register_msg, &(struct link_register){ .content_id = bytes_str("BBIM"), .instance = bytes_str(instance),
		.health = health, .role = role, .features = LINK_POOL });
	raw_expect(s, raw, &link_return_msg, &answer);
	assert_int_equal(answer.code, SRP_OK);
	raw_expect(s, raw, &link_coverage_msg, &coverage);
	for (uint64_t n = scene_number(s, "covered"); n; n--)
		raw_expect(s, raw, &link_coverage_msg, &coverage);
	return raw;
}

static uint32_t expect_promote(struct scene *s, struct raw *service, const char *from, uint32_t lost)
{
	struct link_promote promote;

	raw_expect(s, service, &link_promote_msg, &promote);
	assert_true(bytes_is(promote.from, from));
	assert_int_equal(promote.lost, lost);
	return promote.number;
}

static uint32_t expect_demote(struct scene *s, struct raw *service, const char *to)
{
	struct link_demote demote;

	raw_expect(s, service, &link_demote_msg, &demote);
	assert_true(bytes_is(demote.to, to));
	return demote.number;
}

static void says_role(struct scene *s, struct raw *service, uint32_t number, uint32_t role)
{
	raw_say(service, &link_role_msg, &(struct link_role){ .number = number, .role = role });
	scene_settle(s);
}

static void says_health(struct scene *s, struct raw *service, uint32_t health)
{
	raw_say(service, &link_health_msg, &(struct link_health){ .health = health });
	scene_settle(s);
}

/* Two of them: a is active, b stands by. */
static void two(struct scene *s, struct raw **a, struct raw **b)
{
	scene_start(s, 1);
	router_accept(s, 0, ALICE, BOB);
	*a = member(s, "a", 1, 100);
	says_role(s, *a, expect_promote(s, *a, "", 0), 1);
	*b = member(s, "b", 0, 100);
	raw_expect_nothing(s, *b);
}

static void one_is_active_and_gets_what_devices_say(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;

	two(s, &a, &b);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	raw_expect_nothing(s, b);
	/* A last word of the one that stands by goes out, and does not make the device its own. */
	service_sends(b, ALICE, 7, bytes_str("goodbye"));
	scene_settle(s);
	device_sends(s, &s->alice, ALICE, bytes_str("again"));
	expect_up(s, a, ALICE, "again");
	raw_free(&a);
	raw_free(&b);
}

static void without_one_that_wants_it_the_highest_score_is_active_after_the_dead_time(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;

	scene_start(s, 1);
	router_accept(s, 0, ALICE, 0);
	a = member(s, "a", 0, 70);
	b = member(s, "b", 0, 90);
	to_ms(s, DEAD_MS - 1);
	says_health(s, a, 70);
	says_health(s, b, 90);
	raw_expect_nothing(s, a);
	raw_expect_nothing(s, b);
	/* Nobody takes anything meanwhile, and the device hears so. */
	device_sends(s, &s->alice, ALICE, bytes_str("too early"));
	expect_gme_error(s, ALICE, GME_NO_SERVICE);
	to_ms(s, DEAD_MS);
	says_role(s, b, expect_promote(s, b, "", 0), 1);
	raw_expect_nothing(s, a);
	device_sends(s, &s->alice, ALICE, bytes_str("now"));
	expect_up(s, b, ALICE, "now");
	raw_free(&a);
	raw_free(&b);
}

static void a_sick_one_is_switched_in_order_and_the_devices_are_handed_on(void **state)
{
	struct scene *s = *state;
	struct link_moved moved = { .instance = bytes_str("somebody else"), .lost = 1, .devices = { { ALICE, 12 } }, .count = 1 }, heard;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	says_health(s, a, 40);
	raw_expect_nothing(s, b);
	says_health(s, a, 39);
	number = expect_promote(s, b, "a", 0);
	raw_expect_nothing(s, a);
	says_role(s, b, number, 1);
	assert_int_equal(expect_demote(s, a, "b"), number);
	/* Its own devices are still its own until it stands by; others go to the new one. */
	device_sends(s, &s->alice, ALICE, bytes_str("in between"));
	expect_up(s, a, ALICE, "in between");
	device_sends(s, &s->bob, BOB, bytes_str("a login"));
	expect_up(s, b, BOB, "a login");
	moved.number = number;
	raw_say(a, &link_moved_msg, &moved);
	raw_expect(s, b, &link_moved_msg, &heard);
	assert_int_equal(heard.number, number);
	assert_true(bytes_is(heard.instance, "a"));        /* whatever it calls itself */
	assert_int_equal(heard.lost, 0);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.devices[0].session, 12);
	says_role(s, a, number, 0);
	assert_int_equal(expect_promote(s, b, "a", 0), number);      /* its answer will say that it has read all of that */
	device_sends(s, &s->alice, ALICE, bytes_str("afterwards"));
	expect_up(s, b, ALICE, "afterwards");
	/* Well again, it does not get it back. */
	says_health(s, a, 100);
	raw_expect_nothing(s, a);
	raw_free(&a);
	raw_free(&b);
}

static void a_dead_one_is_replaced_at_the_dead_time_and_its_devices_are_named(void **state)
{
	struct scene *s = *state;
	struct link_moved lost;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	raw_free(&a);
	to_ms(s, DEAD_MS - 1);
	says_health(s, b, 100);
	raw_expect_nothing(s, b);
	to_ms(s, DEAD_MS);
	number = expect_promote(s, b, "a", 1);
	says_role(s, b, number, 1);
	raw_expect(s, b, &link_moved_msg, &lost);
	assert_true(bytes_is(lost.instance, "a"));
	assert_int_equal(lost.lost, 1);
	assert_int_equal(lost.more, 0);
	assert_int_equal(lost.count, 1);                   /* bob never talked with it */
	assert_int_equal(lost.devices[0].pin, ALICE);
	/* It is back, and thinks that it is active: it is not. */
	a = member(s, "a", 1, 100);
	says_role(s, a, expect_demote(s, a, "b"), 0);
	device_sends(s, &s->alice, ALICE, bytes_str("again"));
	expect_up(s, b, ALICE, "again");
	raw_free(&a);
	raw_free(&b);
}

static void one_that_is_back_within_the_dead_time_has_lost_nothing(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;

	two(s, &a, &b);
	raw_free(&a);
	to_ms(s, DEAD_MS - 1);
	says_health(s, b, 100);
	a = member(s, "a", 1, 100);
	says_role(s, a, expect_promote(s, a, "", 0), 1);
	to_ms(s, DEAD_MS + 1000);
	raw_expect_nothing(s, b);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	raw_free(&a);
	raw_free(&b);
}

static void one_that_says_goodbye_is_replaced_at_once(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;

	two(s, &a, &b);
	raw_say(a, &link_disconnect_msg, &(struct link_disconnect){ .reason = SRP_SHUTTING_DOWN });
	expect_promote(s, b, "a", 1);
	raw_free(&a);
	raw_free(&b);
}

static void one_that_does_not_become_active_in_time_is_passed_over(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b, *c;

	two(s, &a, &b);
	c = member(s, "c", 0, 90);
	raw_say(a, &link_disconnect_msg, &(struct link_disconnect){ .reason = SRP_SHUTTING_DOWN });
	expect_promote(s, b, "a", 1);
	to_ms(s, 9999);
	says_health(s, c, 90);
	raw_expect_nothing(s, c);
	to_ms(s, 10000);
	expect_promote(s, c, "a", 1);
	raw_free(&a);
	raw_free(&b);
	raw_free(&c);
}

static void a_sleeper_that_nobody_could_replace_is_the_active_one_when_it_wakes(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	to_ms(s, DEAD_MS - 1);
	says_health(s, b, 100);
	to_ms(s, DEAD_MS);
	number = expect_promote(s, b, "a", 1);
	assert_int_equal(expect_demote(s, a, "b"), number);
	to_ms(s, DEAD_MS + 10000);
	/* b did not answer, and is told to stand by. a wakes: it reads that it was to demote, and then that it is to be active. */
	expect_demote(s, b, "a");
	says_health(s, a, 100);
	says_role(s, a, expect_promote(s, a, "", 0), 1);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	/* A score that is none ends the link. */
	raw_say(b, &link_health_msg, &(struct link_health){ .health = 101 });
	raw_expect_closed(s, b);
	raw_free(&a);
	raw_free(&b);
}

static void one_that_does_not_demote_in_time_counts_as_dead(void **state)
{
	struct scene *s = *state;
	struct link_moved lost;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	device_sends(s, &s->alice, ALICE, bytes_str("hello"));
	expect_up(s, a, ALICE, "hello");
	says_health(s, a, 0);
	number = expect_promote(s, b, "a", 0);
	says_role(s, b, number, 1);
	expect_demote(s, a, "b");
	to_ms(s, 10000);
	raw_expect(s, b, &link_moved_msg, &lost);
	assert_int_equal(lost.lost, 1);
	assert_int_equal(lost.devices[0].pin, ALICE);
	/* A late word changes nothing. */
	says_role(s, a, number, 1);
	device_sends(s, &s->alice, ALICE, bytes_str("afterwards"));
	expect_up(s, b, ALICE, "afterwards");
	raw_free(&a);
	raw_free(&b);
}

/* Whom a has logged out; b hears it, and what tells the Dispatcher that b did. */
static void list_arrives(struct scene *s, struct raw *a, struct raw *b, uint32_t number)
{
	struct link_moved moved = { .number = number, .instance = bytes_str("a"), .devices = { { ALICE, 12 } }, .count = 1 }, heard;

	raw_say(a, &link_moved_msg, &moved);
	says_role(s, a, number, 0);
	raw_expect(s, b, &link_moved_msg, &heard);
	assert_int_equal(heard.count, 1);
	assert_int_equal(heard.devices[0].session, 12);
	assert_int_equal(expect_promote(s, b, "a", 0), number);
}

static void a_link_that_breaks_in_the_middle_of_a_demotion_loses_no_device(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	says_health(s, a, 0);
	number = expect_promote(s, b, "a", 0);
	says_role(s, b, number, 1);
	assert_int_equal(expect_demote(s, a, "b"), number);
	/* What it then says goes nowhere: its link is broken. When it is back it is asked again. */
	raw_free(&a);
	scene_settle(s);
	a = member(s, "a", 0, 0);
	assert_int_equal(expect_demote(s, a, "b"), number);
	raw_expect_nothing(s, a);
	list_arrives(s, a, b, number);
	/* The other's link breaks, and nobody knows what it has read. */
	raw_free(&b);
	scene_settle(s);
	b = member(s, "b", 1, 100);
	assert_int_equal(expect_promote(s, b, "", 0), number);
	says_role(s, b, number, 1);
	assert_int_equal(expect_demote(s, a, "b"), number);
	list_arrives(s, a, b, number);
	says_role(s, b, number, 1);
	/* Now it is known to have it, and nobody is asked any more. */
	raw_free(&a);
	raw_free(&b);
	scene_settle(s);
	b = member(s, "b", 1, 100);
	expect_promote(s, b, "", 0);
	a = member(s, "a", 0, 0);
	raw_expect_nothing(s, a);
	raw_free(&a);
	raw_free(&b);
}

static void one_that_was_given_up_and_is_back_is_asked_whom_it_has_logged_out(void **state)
{
	struct scene *s = *state;
	struct link_moved lost;
	struct raw *a, *b;
	uint32_t number;

	two(s, &a, &b);
	says_health(s, a, 0);
	number = expect_promote(s, b, "a", 0);
	says_role(s, b, number, 1);
	expect_demote(s, a, "b");
	raw_free(&a);
	to_ms(s, 10000);
	raw_expect(s, b, &link_moved_msg, &lost);
	assert_int_equal(lost.lost, 1);
	a = member(s, "a", 0, 0);
	assert_int_equal(expect_demote(s, a, "b"), number);
	raw_expect_nothing(s, a);
	list_arrives(s, a, b, number);
	raw_free(&a);
	raw_free(&b);
}

static void services_of_the_first_version_share_as_before(void **state)
{
	struct scene *s = *state;
	struct raw *a, *b;

	scene_start(s, 1);
	router_accept(s, 0, ALICE, 0);
	a = service_registers(s, "a");
	b = service_registers(s, "b");
	device_sends(s, &s->alice, ALICE, bytes_str("to the first"));
	expect_up(s, a, ALICE, "to the first");
	service_sends(b, ALICE, 7, bytes_str("mine"));
	scene_settle(s);
	device_sends(s, &s->alice, ALICE, bytes_str("to the one that talked last"));
	expect_up(s, b, ALICE, "to the one that talked last");
	to_ms(s, 2 * DEAD_MS);
	raw_expect_nothing(s, a);
	/* What they may not say ends the link. */
	raw_say(a, &link_health_msg, &(struct link_health){ .health = 100 });
	raw_expect_closed(s, a);
	raw_free(&a);
	raw_free(&b);
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, scene_finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_is_active_and_gets_what_devices_say),
		T(without_one_that_wants_it_the_highest_score_is_active_after_the_dead_time),
		T(a_sick_one_is_switched_in_order_and_the_devices_are_handed_on),
		T(a_dead_one_is_replaced_at_the_dead_time_and_its_devices_are_named),
		T(one_that_is_back_within_the_dead_time_has_lost_nothing),
		T(one_that_says_goodbye_is_replaced_at_once),
		T(one_that_does_not_become_active_in_time_is_passed_over),
		T(a_sleeper_that_nobody_could_replace_is_the_active_one_when_it_wakes),
		T(one_that_does_not_demote_in_time_counts_as_dead),
		T(a_link_that_breaks_in_the_middle_of_a_demotion_loses_no_device),
		T(one_that_was_given_up_and_is_back_is_asked_whom_it_has_logged_out),
		T(services_of_the_first_version_share_as_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
