/* The queue between routers and opening: order, turns, rest and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dispatcher/intake.h"

struct scene {
	struct loop *loop;
	struct intake *intake;
	char came[4096];             /* "1 2 mark0:7 3 " */
	bool is_full;
	bool rests_after_each;
	struct loop_task other;      /* something else that the loop has to do */
	size_t waited;               /* envelopes that were left when it had its turn */
};

static void envelope(void *ctx, uint32_t pin, struct bytes gme)
{
	struct scene *s = ctx;
	size_t len = strlen(s->came);

	if (gme.len < 100)
		snprintf(s->came + len, sizeof s->came - len, "%u:%.*s ", pin, (int)gme.len, (const char *)gme.data);
	if (s->rests_after_each)
		intake_rest(s->intake, true);
}

static void mark(void *ctx, unsigned router, uint32_t nonce)
{
	struct scene *s = ctx;
	size_t len = strlen(s->came);

	snprintf(s->came + len, sizeof s->came - len, "mark%u:%u ", router, nonce);
}

static void full(void *ctx, bool is_full)
{
	struct scene *s = ctx;

	s->is_full = is_full;
}

static int set_up(void **state)
{
	static const struct intake_callbacks callbacks = { .envelope = envelope, .mark = mark, .full = full };
	static struct scene scene;

	scene = (struct scene){ .loop = loop_new() };
	scene.intake = intake_new(scene.loop, &callbacks, &scene);
	*state = &scene;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	intake_free(&s->intake);
	loop_free(&s->loop);
	return 0;
}

static void expect(struct scene *s, const char *came)
{
	for (int i = 0; i < 10; i++)
		loop_round(s->loop, 0);
	assert_string_equal(s->came, came);
	s->came[0] = '\0';
}

static void envelopes_and_marks_keep_their_order(void **state)
{
	struct scene *s = *state;

	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_mark(s->intake, 0, 7);
	intake_envelope(s->intake, 2, bytes_str("b"));
	assert_int_equal(intake_count(s->intake), 2);
	assert_string_equal(s->came, "");      /* not inside the call */
	expect(s, "1:a mark0:7 2:b ");
	assert_int_equal(intake_count(s->intake), 0);
}

static void while_it_rests_nothing_is_handed_out(void **state)
{
	struct scene *s = *state;

	s->rests_after_each = true;
	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_envelope(s->intake, 2, bytes_str("b"));
	expect(s, "1:a ");
	intake_envelope(s->intake, 3, bytes_str("c"));
	expect(s, "");
	s->rests_after_each = false;
	intake_rest(s->intake, false);
	expect(s, "2:b 3:c ");
}

static void a_lost_routers_marks_are_forgotten_and_its_envelopes_are_not(void **state)
{
	struct scene *s = *state;

	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_mark(s->intake, 0, 7);
	intake_mark(s->intake, 1, 8);
	intake_router_lost(s->intake, 0);
	expect(s, "1:a mark1:8 ");
}

static void what_one_device_has_waiting_comes_together_up_to_four(void **state)
{
	struct scene *s = *state;

	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_envelope(s->intake, 2, bytes_str("b"));
	for (const char *text = "cdef"; *text; text++)
		intake_envelope(s->intake, 1, bytes_of(text, 1));
	intake_envelope(s->intake, 2, bytes_str("g"));
	expect(s, "1:a 1:c 1:d 1:e 2:b 2:g 1:f ");
	assert_int_equal(intake_count(s->intake), 0);
	/* What went is forgotten: the next one of the same device is by itself again. */
	intake_envelope(s->intake, 1, bytes_str("h"));
	intake_envelope(s->intake, 2, bytes_str("i"));
	expect(s, "1:h 2:i ");
}

static void a_mark_waits_for_all_before_it_and_for_nothing_else(void **state)
{
	struct scene *s = *state;

	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_envelope(s->intake, 2, bytes_str("b"));
	intake_mark(s->intake, 0, 7);
	intake_envelope(s->intake, 1, bytes_str("c"));
	intake_mark(s->intake, 0, 8);
	intake_envelope(s->intake, 3, bytes_str("d"));
	expect(s, "1:a 1:c 2:b mark0:7 mark0:8 3:d ");
}

static void a_rest_in_between_leaves_the_others_in_their_order(void **state)
{
	struct scene *s = *state;

	s->rests_after_each = true;
	intake_envelope(s->intake, 1, bytes_str("a"));
	intake_envelope(s->intake, 2, bytes_str("b"));
	intake_envelope(s->intake, 1, bytes_str("c"));
	expect(s, "1:a ");
	s->rests_after_each = false;
	intake_envelope(s->intake, 2, bytes_str("d"));
	intake_rest(s->intake, false);
	expect(s, "2:b 2:d 1:c ");
}

static void what_waits_at_the_end_is_freed(void **state)
{
	struct scene *s = *state;

	intake_rest(s->intake, true);
	for (uint32_t i = 0; i < 100; i++)
		intake_envelope(s->intake, i % 30, bytes_str("a"));
	assert_int_equal(intake_count(s->intake), 100);
}

static void has_its_turn(void *arg)
{
	struct scene *s = arg;

	s->waited = intake_count(s->intake);
}

static void others_have_their_turn_in_between(void **state)
{
	struct scene *s = *state;

	s->other = (struct loop_task){ .fn = has_its_turn, .arg = s };
	for (uint32_t i = 0; i < 100; i++)
		intake_envelope(s->intake, i, bytes_str(""));
	loop_defer(s->loop, &s->other);
	loop_round(s->loop, 0);
	assert_in_range(s->waited, 50, 99);
	s->came[0] = '\0';
}

static void more_than_4_mib_is_full_until_a_quarter_is_left(void **state)
{
	static uint8_t bytes[8192];
	struct scene *s = *state;
	unsigned count = 0;

	intake_rest(s->intake, true);
	while (!s->is_full && count < 1000) {
		intake_envelope(s->intake, 1, bytes_of(bytes, sizeof bytes));
		count++;
	}
	assert_in_range(count, 500, 512);
	s->rests_after_each = true;
	while (s->is_full && count) {
		intake_rest(s->intake, false);
		loop_round(s->loop, 0);
		count--;
	}
	assert_in_range(count, 120, 128);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(envelopes_and_marks_keep_their_order),
		TEST(while_it_rests_nothing_is_handed_out),
		TEST(a_lost_routers_marks_are_forgotten_and_its_envelopes_are_not),
		TEST(what_one_device_has_waiting_comes_together_up_to_four),
		TEST(a_mark_waits_for_all_before_it_and_for_nothing_else),
		TEST(a_rest_in_between_leaves_the_others_in_their_order),
		TEST(what_waits_at_the_end_is_freed),
		TEST(others_have_their_turn_in_between),
		TEST(more_than_4_mib_is_full_until_a_quarter_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
