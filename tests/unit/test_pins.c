/* The table of PINs: coverage, the window of five, and who is forgotten when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "router/pins.h"

#define A 0x2100000a
#define B 0x2100000b
#define C 0x2100000c
#define SERVICE 1

static const struct pins_limits limits = { .max_pins = 2, .takeovers = 2, .takeover_window_ms = 60000, .delivery_ms = 1000 };

/* Devices are only kept, never looked into. */
static int one, two, three;

static struct pin *last;
static struct device_peer *old;
static char old_id[SRP_ID_MAX + 1];

static enum pins_registered put(struct pins *pins, uint32_t number, const char *id, int *device, uint64_t now_ms)
{
	return pins_register(pins, number, bytes_str(id), (struct device_peer *)(void *)device, now_ms, &last, &old, old_id);
}

static void test_coverage(void **state)
{
	struct pins *pins = pins_new(&limits);

	(void)state;
	assert_null(pins_find(pins, A));
	assert_int_equal(put(pins, A, "T1", &one, 0), PINS_NEW);
	assert_null(old);
	assert_string_equal(old_id, "");
	struct pin *pin = last;
	assert_ptr_equal(pins_find(pins, A), pin);
	assert_true(pin_is_available(pin));
	assert_int_equal(pins_available(pins), 1);

	pin_set_paused(pins, pin, true);       /* "stop sending": out of coverage */
	assert_false(pin_is_available(pin));
	assert_int_equal(pins_available(pins), 0);
	pin_set_paused(pins, pin, true);
	pin_set_paused(pins, pin, false);
	pin_set_paused(pins, pin, false);
	assert_int_equal(pins_available(pins), 1);

	pin_lost(pins, pin);
	pin_lost(pins, pin);
	assert_false(pin_is_available(pin));
	assert_int_equal(pins_available(pins), 0);
	assert_int_equal(pins_count(pins), 1);     /* known, but out of coverage */

	assert_int_equal(put(pins, A, "T1", &two, 5), PINS_BACK);
	assert_null(old);
	assert_true(pin_is_available(pin));
	assert_ptr_equal(pin_device(pin), &two);
	pins_free(&pins);
	assert_null(pins);
}

static void test_a_pause_ends_with_its_link(void **state)
{
	struct pins *pins = pins_new(&limits);

	(void)state;
	put(pins, A, "T1", &one, 0);
	pin_set_paused(pins, last, true);
	pin_lost(pins, last);
	put(pins, A, "T1", &two, 0);
	assert_true(pin_is_available(last));
	pin_set_paused(pins, last, true);
	assert_int_equal(put(pins, A, "T1", &three, 0), PINS_SUPERSEDES);
	assert_true(pin_is_available(last));
	assert_int_equal(pins_available(pins), 1);
	pins_free(&pins);
}

static void test_a_second_registration_supersedes_and_is_limited(void **state)
{
	struct pins *pins = pins_new(&limits);

	(void)state;
	put(pins, A, "T1", &one, 0);
	assert_int_equal(put(pins, A, "T2", &two, 1000), PINS_SUPERSEDES);
	assert_ptr_equal(old, &one);
	assert_string_equal(old_id, "T1");
	assert_string_equal(pin_srp_id(last), "T2");
	assert_int_equal(pins_available(pins), 1);
	assert_int_equal(put(pins, A, "T1", &one, 2000), PINS_SUPERSEDES);
	assert_int_equal(put(pins, A, "T1", &three, 60999), PINS_TOO_OFTEN);
	assert_ptr_equal(pin_device(pins_find(pins, A)), &one);     /* nothing was changed */
	assert_int_equal(put(pins, A, "T1", &three, 61000), PINS_SUPERSEDES);
	/* Coming back after a lost link is no takeover. */
	for (int i = 0; i < 10; i++) {
		pin_lost(pins, last);
		assert_int_equal(put(pins, A, "T1", &one, 61000), PINS_BACK);
	}
	pins_free(&pins);
}

static void test_a_full_table_forgets_who_is_gone_longest(void **state)
{
	struct pins *pins = pins_new(&limits);

	(void)state;
	put(pins, A, "T1", &one, 0);
	put(pins, B, "T1", &two, 0);
	assert_int_equal(put(pins, C, "T1", &three, 0), PINS_FULL);     /* both are in coverage */
	pin_lost(pins, pins_find(pins, B));
	pin_lost(pins, pins_find(pins, A));
	assert_int_equal(put(pins, C, "T1", &three, 0), PINS_NEW);
	assert_null(pins_find(pins, B));
	assert_non_null(pins_find(pins, A));
	assert_int_equal(pins_count(pins), 2);
	pins_free(&pins);
}

static void test_the_window_is_five(void **state)
{
	struct pins *pins = pins_new(&limits);
	struct outstanding was;
	uint32_t tags[5], tag;

	(void)state;
	put(pins, A, "T1", &one, 0);
	struct pin *a = last;
	put(pins, B, "T1", &two, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(pin_take(pins, a, 100 + i, SERVICE, i, 0, &tags[i]), PIN_TAKEN);
	assert_int_equal(pin_take(pins, a, 200, SERVICE, 0, 0, &tag), PIN_WINDOW_FULL);
	assert_int_equal(pin_take(pins, a, 103, SERVICE, 0, 0, &tag), PIN_TAG_IN_USE);
	assert_int_equal(pin_take(pins, last, 100, SERVICE, 0, 0, &tag), PIN_TAKEN);     /* another PIN has its own five */
	assert_int_equal(pin_outstanding(a), 5);

	assert_false(pin_settle(pins, last, tags[2], &was));     /* a device confirms its own messages only */
	assert_false(pin_settle(pins, a, 0, &was));
	assert_true(pin_settle(pins, a, tags[2], &was));
	assert_int_equal(was.service_tag, 102);
	assert_int_equal(was.service_serial, SERVICE);
	assert_int_equal(was.flags, 2);
	assert_ptr_equal(was.pin, a);
	assert_false(pin_settle(pins, a, tags[2], &was));        /* once */
	assert_int_equal(pin_take(pins, a, 200, SERVICE, 0, 0, &tag), PIN_TAKEN);
	assert_int_equal(pin_take(pins, a, 201, SERVICE, 0, 0, &tag), PIN_WINDOW_FULL);

	static const uint32_t in_order[] = { 100, 101, 103, 104, 200 };
	for (unsigned i = 0; i < 5; i++) {
		assert_true(pin_return(pins, a, &was));
		assert_int_equal(was.service_tag, in_order[i]);
	}
	assert_false(pin_return(pins, a, &was));
	assert_int_equal(pin_outstanding(a), 0);
	pins_free(&pins);
}

static void test_what_is_not_confirmed_expires_in_order(void **state)
{
	struct pins *pins = pins_new(&limits);
	struct outstanding was;
	uint32_t tag, middle;

	(void)state;
	put(pins, A, "T1", &one, 0);
	struct pin *a = last;
	put(pins, B, "T1", &two, 0);
	assert_int_equal(pins_next_expiry_ms(pins), UINT64_MAX);
	pin_take(pins, a, 1, SERVICE, 0, 100, &tag);
	pin_take(pins, last, 2, SERVICE, 0, 200, &middle);
	pin_take(pins, a, 3, SERVICE, 0, 300, &tag);
	assert_int_equal(pins_next_expiry_ms(pins), 1100);
	assert_false(pins_expire(pins, 1099, &was));
	assert_true(pins_expire(pins, 1100, &was));
	assert_int_equal(was.service_tag, 1);
	assert_int_equal(pins_next_expiry_ms(pins), 1200);
	assert_true(pin_settle(pins, last, middle, &was));
	assert_int_equal(pins_next_expiry_ms(pins), 1300);
	assert_true(pins_expire(pins, 5000, &was));
	assert_int_equal(was.service_tag, 3);
	assert_false(pins_expire(pins, 5000, &was));
	pins_free(&pins);
}

static void test_a_service_that_is_gone_waits_for_nothing(void **state)
{
	struct pins *pins = pins_new(&limits);
	struct outstanding was;
	uint32_t tag;

	(void)state;
	put(pins, A, "T1", &one, 0);
	pin_take(pins, last, 1, SERVICE, 0, 0, &tag);
	pin_take(pins, last, 1, SERVICE + 1, 0, 0, &tag);     /* the same tag of another connection is another message */
	pins_drop_service(pins, SERVICE);
	assert_int_equal(pin_outstanding(last), 1);
	assert_true(pin_return(pins, last, &was));
	assert_int_equal(was.service_serial, SERVICE + 1);
	assert_int_equal(pins_next_expiry_ms(pins), UINT64_MAX);
	pins_free(&pins);
}

static void count_one(void *ctx, const struct pin *pin)
{
	int *count = ctx;

	assert_true(pin_belongs_to(pin, bytes_str("T1")) || pin_belongs_to(pin, bytes_str("T2")));
	(*count)++;
}

static void test_each(void **state)
{
	struct pins *pins = pins_new(&limits);
	int count = 0;

	(void)state;
	put(pins, A, "T1", &one, 0);
	put(pins, B, "T2", &two, 0);
	pins_each(pins, bytes_str("T1"), count_one, &count);
	assert_int_equal(count, 1);
	pins_each(pins, bytes_str(""), count_one, &count);
	assert_int_equal(count, 3);
	pins_each(pins, bytes_str("T"), count_one, &count);
	assert_int_equal(count, 3);
	pins_free(&pins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coverage),
		cmocka_unit_test(test_a_pause_ends_with_its_link),
		cmocka_unit_test(test_a_second_registration_supersedes_and_is_limited),
		cmocka_unit_test(test_a_full_table_forgets_who_is_gone_longest),
		cmocka_unit_test(test_the_window_is_five),
		cmocka_unit_test(test_what_is_not_confirmed_expires_in_order),
		cmocka_unit_test(test_a_service_that_is_gone_waits_for_nothing),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
