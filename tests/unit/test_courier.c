/* The courier: what devices have not got yet, kept and sent again in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "collab/courier.h"
#include "protocol/srp.h"

enum { PIN = 0x2100000A, OTHER = 0x2100000B, SESSION = 7 };

struct post {
	struct loop *loop;
	struct courier *courier;
	char sent[4096];             /* the letters sent, in order */
	uint32_t tags[4096];
	size_t count;
	bool full;
	unsigned last_way;
	unsigned gone, back, dropped;
};

static void on_send(void *ctx, unsigned way, uint32_t pin, uint32_t tag, struct bytes clear)
{
	struct post *p = ctx;

	p->last_way = way;
	assert_int_equal(pin, PIN);
	p->sent[p->count] = (char)clear.data[0];
	p->tags[p->count++] = tag;
}

static bool on_full(void *ctx, unsigned way)
{
	const struct post *p = ctx;

	(void)way;

	return p->full;
}

static void on_coverage(void *ctx, uint32_t pin, bool available)
{
	struct post *p = ctx;

	(void)pin;
	p->back += available;
	p->gone += !available;
}

static void on_dropped(void *ctx, uint32_t pin, uint32_t session)
{
	struct post *p = ctx;

	assert_int_equal(pin, PIN);
	assert_int_equal(session, SESSION);
	p->dropped++;
}

static int begin(void **state)
{
	static const struct courier_callbacks callbacks = { .send = on_send, .is_full = on_full, .coverage = on_coverage,
		.dropped = on_dropped };
	struct post *p = calloc(1, sizeof *p);

	log_set_level(LOG_ERROR);
	p->loop = loop_new();
	loop_clock_manual(p->loop, 1000);
	p->courier = courier_new(p->loop, &callbacks, p);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct post *p = *state;

	courier_free(&p->courier);
	loop_free(&p->loop);
	free(p);
	return 0;
}

/* Each letter is one message. */
static void post(struct post *p, const char *letters, int flags)
{
	for (; *letters; letters++)
		courier_send(p->courier, PIN, SESSION, flags, bytes_of(letters, 1));
}

static void answer(struct post *p, char letter, enum srp_status status)
{
	size_t at = p->count;

	while (at-- > 0) {
		if (p->sent[at] == letter) {
			courier_status(p->courier, p->tags[at], status);
			return;
		}
	}
	fail_msg("%c was not sent", letter);
}

static void expect_sent(const struct post *p, const char *letters)
{
	assert_int_equal(p->count, strlen(letters));
	assert_memory_equal(p->sent, letters, p->count);
}

static void nothing_is_sent_without_link_or_coverage(void **state)
{
	struct post *p = *state;

	post(p, "a", 0);
	courier_coverage(p->courier, 0, PIN, true);
	expect_sent(p, "");
	courier_link(p->courier, 0, true);
	expect_sent(p, "a");
}

static void what_was_delivered_is_not_sent_again(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	post(p, "ab", 0);
	answer(p, 'a', SRP_DELIVERED);
	courier_link(p->courier, 0, false);
	courier_link(p->courier, 0, true);
	expect_sent(p, "abb");
	assert_int_equal(courier_waiting(p->courier, PIN), 1);
}

static void what_is_worth_nothing_later_goes_at_once_or_never(void **state)
{
	struct post *p = *state;

	post(p, "a", COURIER_NOW);
	courier_link(p->courier, 0, true);
	post(p, "b", COURIER_NOW);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "");
	post(p, "c", COURIER_NOW);
	post(p, "d", 0);
	expect_sent(p, "cd");

	/* Come back: only the one that is kept is sent again. */
	answer(p, 'c', SRP_UNAVAILABLE);
	answer(p, 'd', SRP_UNAVAILABLE);
	assert_int_equal(courier_waiting(p->courier, PIN), 1);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "cdd");

	/* It does not overtake what waits. */
	p->full = true;
	post(p, "e", 0);
	p->full = false;
	post(p, "f", COURIER_NOW);
	expect_sent(p, "cdd");
	courier_drained(p->courier);
	expect_sent(p, "cdde");
}

static void what_came_back_is_sent_first_when_the_device_is_back(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	post(p, "abc", 0);
	answer(p, 'a', SRP_UNAVAILABLE);
	assert_int_equal(p->gone, 1);

	/* It is back at once, but b and c are still under way: a must not overtake nor be overtaken. */
	courier_seen(p->courier, 0, PIN);
	post(p, "d", 0);
	expect_sent(p, "abc");
	answer(p, 'b', SRP_UNAVAILABLE);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "abc");
	answer(p, 'c', SRP_UNAVAILABLE);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "abcabcd");
}

static void at_most_so_many_are_under_way(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	post(p, "abcdefghijklmnopqrst", 0);
	assert_int_equal(p->count, COURIER_IN_FLIGHT);
	answer(p, 'a', SRP_DELIVERED);
	assert_int_equal(p->count, COURIER_IN_FLIGHT + 1);
	assert_int_equal(p->sent[COURIER_IN_FLIGHT], 'q');
}

static void a_full_way_holds_back_until_it_is_drained(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	p->full = true;
	post(p, "ab", 0);
	expect_sent(p, "");
	p->full = false;
	courier_drained(p->courier);
	expect_sent(p, "ab");
}

static void a_full_queue_drops_the_oldest_that_may_be_dropped(void **state)
{
	struct post *p = *state;
	struct courier_counts counts;

	post(p, "K", COURIER_KEEP);
	for (int i = 1; i < COURIER_QUEUE; i++)
		post(p, i == 1 ? "x" : "y", 0);
	post(p, "z", 0);
	courier_count(p->courier, &counts);
	assert_int_equal(counts.dropped, 1);
	assert_int_equal(counts.waiting, COURIER_QUEUE);
	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	assert_int_equal(p->sent[0], 'K');
	assert_int_equal(p->sent[1], 'y');
}

static void presence_goes_from_a_full_queue_before_any_message(void **state)
{
	struct post *p = *state;
	struct courier_counts counts;

	post(p, "m", 0);
	for (int i = 1; i < COURIER_QUEUE; i++)
		post(p, "p", COURIER_SOFT);
	for (int i = 0; i < 10; i++)
		post(p, "n", 0);
	courier_count(p->courier, &counts);
	assert_int_equal(counts.dropped, 10);
	assert_int_equal(p->dropped, 10);
	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	assert_int_equal(p->sent[0], 'm');
	assert_int_equal(p->sent[1], 'p');
}

static void large_messages_count_by_their_bytes(void **state)
{
	struct post *p = *state;
	static const uint8_t large[COURIER_BYTES / 4];

	for (int i = 0; i < 6; i++)
		courier_send(p->courier, PIN, SESSION, 0, bytes_of(large, sizeof large));
	assert_int_equal(courier_waiting(p->courier, PIN), 4);
}

static void a_session_that_ended_is_forgotten_but_for_its_last_word(void **state)
{
	struct post *p = *state;

	post(p, "ab", 0);
	post(p, "L", COURIER_LAST_WORD);
	courier_forget(p->courier, PIN, SESSION);
	assert_true(courier_has(p->courier, PIN, SESSION));
	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "L");
	answer(p, 'L', SRP_DELIVERED);
	assert_false(courier_has(p->courier, PIN, SESSION));
}

static void what_was_under_way_for_a_forgotten_session_is_not_sent_again(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	post(p, "ab", 0);
	courier_forget(p->courier, PIN, SESSION);
	answer(p, 'a', SRP_UNAVAILABLE);
	courier_link(p->courier, 0, false);
	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	expect_sent(p, "ab");
	assert_int_equal(courier_waiting(p->courier, PIN), 0);
}

static void a_queue_full_of_what_is_kept_has_a_bound_too(void **state)
{
	struct post *p = *state;
	struct courier_counts counts;

	courier_link(p->courier, 0, true);
	courier_coverage(p->courier, 0, PIN, true);
	for (int i = 0; i < COURIER_QUEUE + 50; i++)
		post(p, i < COURIER_QUEUE + 49 ? "k" : "l", COURIER_KEEP | COURIER_LAST_WORD);
	assert_int_equal(courier_waiting(p->courier, PIN), COURIER_QUEUE);
	courier_count(p->courier, &counts);
	assert_int_equal(counts.dropped, 50);
	for (size_t i = 0; i < p->count; i++)
		courier_status(p->courier, p->tags[i], SRP_DELIVERED);
	assert_int_equal(courier_waiting(p->courier, PIN), 0);
	assert_int_equal(p->sent[p->count - 1], 'l');
}

static void a_message_that_the_dispatcher_refuses_is_dropped(void **state)
{
	struct post *p = *state;
	struct courier_counts counts;

	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	post(p, "ab", 0);
	answer(p, 'a', SRP_INVALID);
	courier_count(p->courier, &counts);
	assert_int_equal(counts.refused, 1);
	assert_int_equal(counts.waiting, 1);
	assert_true(courier_available(p->courier, PIN));
}

static void a_new_list_takes_effect_for_those_missing_after_the_grace(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_coverage(p->courier, 0, PIN, true);
	courier_coverage(p->courier, 0, OTHER, true);
	courier_coverage(p->courier, 0, 0, false);
	courier_coverage(p->courier, 0, OTHER, true);
	assert_true(courier_available(p->courier, PIN));
	loop_clock_advance(p->loop, 1000 + COURIER_GRACE_MS);
	assert_false(courier_available(p->courier, PIN));
	assert_true(courier_available(p->courier, OTHER));
	assert_int_equal(p->gone, 1);
}

static void answers_to_unknown_tags_are_harmless(void **state)
{
	struct post *p = *state;

	courier_status(p->courier, 4711, SRP_DELIVERED);
	courier_status(p->courier, 0, SRP_UNAVAILABLE);
	assert_int_equal(p->gone, 0);
}

static void a_device_is_reached_by_the_way_that_named_it_last(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_link(p->courier, 2, true);
	courier_coverage(p->courier, 0, PIN, true);
	post(p, "a", 0);
	assert_int_equal(p->last_way, 0);
	/* What is under way by the old one will not be answered: it goes again by the new one, and nothing is lost or counted as away. */
	courier_coverage(p->courier, 2, PIN, true);
	expect_sent(p, "aa");
	assert_int_equal(p->last_way, 2);
	courier_coverage(p->courier, 0, PIN, false);
	courier_link(p->courier, 0, false);
	assert_true(courier_available(p->courier, PIN));
	post(p, "b", 0);
	assert_int_equal(p->last_way, 2);
	courier_coverage(p->courier, 2, PIN, false);
	assert_int_equal(p->gone, 1);
	/* Traffic says the same. */
	courier_link(p->courier, 0, true);
	courier_seen(p->courier, 0, PIN);
	assert_int_equal(p->last_way, 0);
	expect_sent(p, "aabab");
}

static void a_new_list_of_one_way_says_nothing_of_the_others(void **state)
{
	struct post *p = *state;

	courier_link(p->courier, 0, true);
	courier_link(p->courier, 1, true);
	courier_coverage(p->courier, 1, PIN, true);
	courier_coverage(p->courier, 0, 0, false);
	loop_clock_advance(p->loop, 1000 + COURIER_GRACE_MS);
	assert_true(courier_available(p->courier, PIN));
	courier_coverage(p->courier, 1, 0, false);
	loop_clock_advance(p->loop, 1000 + 2 * COURIER_GRACE_MS);
	assert_false(courier_available(p->courier, PIN));
}

#define T(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_sent_without_link_or_coverage),
		T(what_was_delivered_is_not_sent_again),
		T(what_is_worth_nothing_later_goes_at_once_or_never),
		T(what_came_back_is_sent_first_when_the_device_is_back),
		T(at_most_so_many_are_under_way),
		T(a_full_way_holds_back_until_it_is_drained),
		T(a_full_queue_drops_the_oldest_that_may_be_dropped),
		T(presence_goes_from_a_full_queue_before_any_message),
		T(large_messages_count_by_their_bytes),
		T(a_session_that_ended_is_forgotten_but_for_its_last_word),
		T(what_was_under_way_for_a_forgotten_session_is_not_sent_again),
		T(a_queue_full_of_what_is_kept_has_a_bound_too),
		T(a_message_that_the_dispatcher_refuses_is_dropped),
		T(a_new_list_takes_effect_for_those_missing_after_the_grace),
		T(answers_to_unknown_tags_are_harmless),
		T(a_device_is_reached_by_the_way_that_named_it_last),
		T(a_new_list_of_one_way_says_nothing_of_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
