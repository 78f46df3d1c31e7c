/* Load: its buckets against exact percentiles, its plan, its texts, its sums, and that several processes' results add to one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libxml/parser.h>

#include "simulator/load/load_alarm.h"
#include "simulator/load/load_plan.h"
#include "simulator/load/load_result.h"
#include "simulator/load/load_svg.h"
#include "simulator/load/load_texts.h"

/* --- buckets ------------------------------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

enum { SAMPLES = 20000 };

/* The exact one: the smallest value that so many per cent do not exceed. */
static uint64_t exact(const uint64_t *sorted, size_t count, double percent)
{
	size_t rank = (size_t)ceil(percent / 100 * (double)count - 1e-6);

	return sorted[rank ? rank - 1 : 0];
}

static uint64_t uniform(size_t i)
{
	return (i * 7919 % SAMPLES) * 5;
}

static uint64_t exponential(size_t i)
{
	return (uint64_t)(-log(1 - ((double)(i * 7919 % SAMPLES) + 0.5) / SAMPLES) * 5000);
}

static uint64_t two_heaps(size_t i)
{
	return i % 100 == 0 ? 30000000 + i : 120 + i % 40;
}

static uint64_t always_the_same(size_t i)
{
	(void)i;
	return 123456;
}

static uint64_t up_to_an_hour(size_t i)
{
	return (uint64_t)pow(10, 9.55 * (double)i / SAMPLES);
}

static void percentiles_are_exact_to_a_thousandth(void **state)
{
	static uint64_t (*const shapes[])(size_t i) = { uniform, exponential, two_heaps, always_the_same, up_to_an_hour };
	static const double percents[] = { 0.01, 1, 10, 50, 90, 99, 99.9, 99.99, 100 };
	static uint64_t values[SAMPLES];

	(void)state;
	for (size_t shape = 0; shape < sizeof shapes / sizeof *shapes; shape++) {
		struct load_histogram *h = load_histogram_new();
		uint64_t sum = 0;

		for (size_t i = 0; i < SAMPLES; i++) {
			values[i] = shapes[shape](i);
			sum += values[i];
			load_histogram_note(h, values[i]);
		}
		qsort(values, SAMPLES, sizeof *values, by_size);
		for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
			uint64_t want = exact(values, SAMPLES, percents[i]), got = load_histogram_at(h, percents[i]);

			if (got < want || got - want > want / 1000)
				fail_msg("shape %zu at %g %%: %lu, not %lu", shape, percents[i], got, want);
		}
		assert_int_equal(load_histogram_count(h), SAMPLES);
		assert_int_equal(load_histogram_max(h), values[SAMPLES - 1]);
		assert_int_equal(load_histogram_mean(h), sum / SAMPLES);
		load_histogram_free(&h);
	}
}

static void every_bucket_ends_where_the_next_begins(void **state)
{
	struct load_histogram *h = load_histogram_new();
	uint64_t upper, count, below = 0;
	size_t place = 0, buckets = 0;

	(void)state;
	/* One value in each: the end of the last and one. */
	for (uint64_t value = 0; value <= LOAD_HISTOGRAM_MAX_US;) {
		size_t at = 0;

		load_histogram_clear(h);
		load_histogram_note(h, value);
		assert_true(load_histogram_next(h, &at, &upper, &count));
		assert_in_range(upper, value, value + value / 1000);
		value = upper + 1;
		buckets++;
	}
	assert_in_range(buckets, 2048, 2048 + 21 * 1024);
	load_histogram_clear(h);
	load_histogram_note(h, LOAD_HISTOGRAM_MAX_US * 2ull);
	load_histogram_note(h, 0);
	while (load_histogram_next(h, &place, &upper, &count)) {
		assert_true(upper >= below);
		below = upper;
		assert_int_equal(count, 1);
	}
	assert_int_equal(load_histogram_max(h), LOAD_HISTOGRAM_MAX_US);
	assert_int_equal(load_histogram_at(h, 50), 0);
	load_histogram_free(&h);
}

static void an_empty_one_says_nought(void **state)
{
	struct load_histogram *h = load_histogram_new();
	uint64_t upper, count;
	size_t place = 0;

	(void)state;
	assert_int_equal(load_histogram_at(h, 99), 0);
	assert_int_equal(load_histogram_max(h), 0);
	assert_int_equal(load_histogram_mean(h), 0);
	assert_false(load_histogram_next(h, &place, &upper, &count));
	assert_int_equal(load_histogram_settle(h, 0, 0), 0);
	assert_int_equal(load_histogram_settle(h, 1, 1), -1);
	load_histogram_free(&h);
}

static void what_is_put_back_must_be_buckets(void **state)
{
	struct load_histogram *h = load_histogram_new();

	(void)state;
	assert_int_equal(load_histogram_put(h, 2047, 3), 0);
	assert_int_equal(load_histogram_put(h, 2048, 1), -1);
	assert_int_equal(load_histogram_put(h, 2049, 1), 0);
	assert_int_equal(load_histogram_put(h, UINT64_MAX, 1), -1);
	assert_int_equal(load_histogram_put(h, 2049, UINT64_MAX), -1);
	assert_int_equal(load_histogram_settle(h, 2047, 8000), -1);
	assert_int_equal(load_histogram_settle(h, 2048, 2048 * 5), -1);
	assert_int_equal(load_histogram_settle(h, 2048, 8000), 0);
	assert_int_equal(load_histogram_at(h, 100), 2048);
	load_histogram_free(&h);
}

/* --- the plan ------------------------------------------------------------------------------------------------------------ */

static void a_plan_does_not_drift(void **state)
{
	struct load_plan plan = load_plan_make(5000000, 3000, 86400000);    /* three a second, for a day */

	(void)state;
	assert_int_equal(plan.count, 3 * 86400);
	assert_int_equal(load_plan_at_us(&plan, 0), 5000000);
	assert_int_equal(load_plan_at_us(&plan, 1), 5333333);
	assert_int_equal(load_plan_at_us(&plan, 3), 6000000);
	assert_int_equal(load_plan_at_us(&plan, 3 * 86399), 5000000 + 86399ull * 1000000);
	assert_false(load_plan_is_due(&plan, 4999999));
	assert_true(load_plan_is_due(&plan, 5000000));
	plan.next = 1;
	assert_false(load_plan_is_due(&plan, 5333332));
	assert_true(load_plan_is_due(&plan, 5333333));
	/* Being late changes nothing about the next ones. */
	plan.next = 2;
	assert_int_equal(load_plan_next_us(&plan), 5666666);
	plan.next = plan.count;
	assert_int_equal(load_plan_next_us(&plan), UINT64_MAX);
	assert_false(load_plan_is_due(&plan, UINT64_MAX - 1));
}

static void so_many_are_planned_as_fall_into_the_time(void **state)
{
	static const struct { uint64_t rate, for_ms, count; } rows[] = {
		{ 1000, 1000, 1 }, { 1000, 1001, 2 }, { 1000, 999, 1 }, { 500000, 6000, 3000 }, { 500, 10000, 5 }, { 0, 10000, 0 },
		{ 1000000, 0, 0 }, { 1, 1, 1 }, { LOAD_RATE_MAX, 1, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct load_plan plan = load_plan_make(0, rows[i].rate, rows[i].for_ms);

		assert_int_equal(plan.count, rows[i].count);
		if (plan.count)
			assert_true(load_plan_at_us(&plan, plan.count - 1) < rows[i].for_ms * 1000);
	}
}

static void rates_are_read_with_or_without_a_unit(void **state)
{
	static const struct { const char *text; uint64_t rate; } good[] = {
		{ "250", 250000 }, { "0.5", 500 }, { "12.25/s", 12250 }, { "1000000", LOAD_RATE_MAX }, { "0.001/s", 1 }, { "40/s", 40000 },
	};
	static const char *const bad[] = { "", "0", "0.0", ".5", "5.", "1000001", "1e3", "-1", "5/m", "5 /s", "0.0001", "99999999999999999999" };
	struct error err;
	uint64_t rate;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(load_rate_parse(good[i].text, &rate, &err), 0);
		assert_int_equal(rate, good[i].rate);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (load_rate_parse(bad[i], &rate, &err) == 0)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(strstr(err.text, "is no rate"));
	}
}

static void note_time(void *arg)
{
	*(uint64_t *)arg = loop_real_us();
}

static void the_alarm_never_rings_early_and_knows_less_than_a_millisecond(void **state)
{
	struct loop *loop = loop_new();
	uint64_t rang = 0, begin, nearest = UINT64_MAX;
	struct load_alarm *alarm = load_alarm_new(loop, note_time, &rang);

	(void)state;
	for (int i = 0; i < 50; i++) {
		begin = loop_real_us();
		rang = 0;
		load_alarm_set(alarm, begin + 300);
		while (!rang)
			loop_round(loop, 100);
		assert_true(rang >= begin + 300);
		if (rang - begin < nearest)
			nearest = rang - begin;
	}
	/* On a busy machine most are late; not all of fifty. */
	assert_in_range(nearest, 300, 999);
	rang = 0;
	load_alarm_set(alarm, 0);
	while (!rang)
		loop_round(loop, 100);
	load_alarm_free(&alarm);
	loop_free(&loop);
}

/* --- texts ---------------------------------------------------------------------------------------------------------------- */

static void texts_differ_and_are_the_same_for_the_same_seed(void **state)
{
	struct load_texts *one = load_texts_new(7, 64, 128), *same = load_texts_new(7, 64, 128), *other = load_texts_new(8, 64, 128);
	char *all[LOAD_TEXTS];
	size_t shortest = SIZE_MAX, longest = 0;

	(void)state;
	for (uint32_t i = 0; i < LOAD_TEXTS; i++) {
		struct bytes text = load_texts_make(one, 1, i);

		all[i] = bytes_dup(bytes_slice(text, 18, text.len));
		shortest = text.len < shortest ? text.len : shortest;
		longest = text.len > longest ? text.len : longest;
		assert_true(bytes_equal(text, load_texts_make(same, 1, i)));
		assert_false(bytes_equal(text, load_texts_make(other, 1, i)));
		assert_null(strstr(all[i], "  "));
		assert_int_not_equal(all[i][strlen(all[i]) - 1], ' ');
		for (uint32_t j = 0; j < i; j++)
			assert_string_not_equal(all[i], all[j]);
	}
	assert_int_equal(shortest, 64);
	assert_int_equal(longest, 128);
	for (size_t i = 0; i < LOAD_TEXTS; i++)
		free(all[i]);
	load_texts_free(&one);
	load_texts_free(&same);
	load_texts_free(&other);
}

static void every_changed_byte_of_a_text_is_noticed(void **state)
{
	struct load_texts *texts = load_texts_new(1, LOAD_TEXT_MIN, LOAD_TEXT_MIN);
	char *text = bytes_dup(load_texts_make(texts, 0x1234, 0xabcdef01));
	uint32_t sender, number;

	(void)state;
	assert_true(load_texts_check(texts, bytes_str(text), &sender, &number));
	assert_int_equal(sender, 0x1234);
	assert_int_equal(number, 0xabcdef01);
	for (size_t i = 0; i < LOAD_TEXT_MIN; i++) {
		char was = text[i];
		bool good;

		text[i] = was == '~' ? '-' : '~';
		good = load_texts_check(texts, bytes_str(text), &sender, &number);
		text[i] = was;
		assert_false(good);
		assert_false(load_texts_check(texts, bytes_of(text, i), &sender, &number));
	}
	/* Another number, as it could be: that text is another one. */
	text[16] = '2';
	assert_false(load_texts_check(texts, bytes_str(text), &sender, &number));
	free(text);
	load_texts_free(&texts);
}

/* --- results -------------------------------------------------------------------------------------------------------------- */

static const struct load_bounds no_bounds = { .max_refused = UINT64_MAX };

static void make_result(struct load_result *r, uint64_t began_ms, uint64_t late_us)
{
	load_result_init(r);
	r->began_wall_ms = began_ms;
	r->login_us = 2000000;
	r->counted_us = 4000000;
	r->logins = (struct load_logins){ .planned = 10, .ok = 7, .refused = 3 };
	load_reasons_note(&r->logins.reasons, 100, "the maximum of simultaneous sessions is reached", 2);
	load_reasons_note(&r->logins.reasons, 300, "Failed (300)", 1);
	r->messages = (struct load_messages){ .planned = 1000, .sent = 990, .not_sent = 10, .answered = 990 };
	for (uint64_t i = 1; i <= 990; i++)
		load_histogram_note(r->latency[LOAD_ARRIVED], i * 1000);
	load_histogram_note(r->latency[LOAD_LATE], late_us);
	for (uint64_t i = 0; i < 3; i++)
		*load_result_second(r) = (struct load_second){ .arrived = 100 + i, .p50_us = 500 + i, .p99_us = i == 1 ? 0 : 900, .max_us = i == 1 ? 0 : 2000 };
	load_result_process(r, &(struct load_process){ .devices = 10, .cpu_permille = 250, .late_p99_us = late_us, .rss_kib = 10240 });
}

static void what_is_written_is_read_back(void **state)
{
	struct load_result r, back;
	struct error err;
	json_t *one, *two;

	(void)state;
	make_result(&r, 1700000000000, 120);
	one = load_result_json(&r, &no_bounds, true);
	assert_int_equal(load_result_read(one, &back, &err), 0);
	two = load_result_json(&back, &no_bounds, true);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
	load_result_free(&r);
	load_result_free(&back);
}

static void a_file_that_cannot_be_is_refused_in_words(void **state)
{
	static const struct { const char *path, *value, *words; } rows[] = {
		{ "format", "\"other\"", "not what `bramble-sim load --histogram` writes" },
		{ "messages", "{}", "\"messages.planned\"" },
		{ "login_us", "-1", "\"login_us\"" },
		{ "heartbeats", "1.5", "\"heartbeats\"" },
		{ "losses", "{\"reasons\":[{\"code\":1}]}", "count" },
		{ "latency", "{}", "only a file of --histogram" },
		{ "seconds", "[{}]", "\"seconds.logins\"" },
		{ "processes", "[]", "\"processes\"" },
	};
	struct load_result r, back;
	struct error err;

	(void)state;
	make_result(&r, 1700000000000, 120);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *root = load_result_json(&r, &no_bounds, true);

		json_object_set_new(root, rows[i].path, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		assert_int_equal(load_result_read(root, &back, &err), -1);
		if (!strstr(err.text, rows[i].words))
			fail_msg("'%s' does not hold '%s'", err.text, rows[i].words);
		load_result_free(&back);
		json_decref(root);
	}
	load_result_free(&r);
}

static void two_processes_make_one_result(void **state)
{
	struct load_result all, one, two;
	struct error why;

	(void)state;
	load_result_init(&all);
	make_result(&one, 1700000002000, 120);
	make_result(&two, 1700000000000, 50000);
	load_result_merge(&all, &one);
	assert_false(load_result_bottleneck(&all, &why));
	load_result_merge(&all, &two);
	assert_true(load_result_adds_up(&all));
	assert_true(load_result_is_whole(&all));
	assert_int_equal(all.messages.answered, 1980);
	assert_int_equal(load_result_message_rate(&all), 495000);
	assert_int_equal(load_result_login_rate(&all), 7000);
	assert_int_equal(load_histogram_count(all.latency[LOAD_ARRIVED]), 1980);
	assert_in_range(load_histogram_at(all.latency[LOAD_ARRIVED], 50), 495000, 495495);
	assert_int_equal(all.logins.reasons.count, 2);
	assert_int_equal(all.logins.reasons.list[0].count, 4);
	/* Begun two seconds apart, of three seconds each: one is common to both. */
	assert_int_equal(all.second_count, 5);
	assert_int_equal(all.began_wall_ms, 1700000000000);
	assert_int_equal(all.seconds[2].arrived, 102 + 100);
	assert_int_equal(all.seconds[4].arrived, 102);
	assert_int_equal(all.process_count, 2);
	/* One of them was late, whatever the other one was. */
	assert_true(load_result_bottleneck(&all, &why));
	assert_non_null(strstr(why.text, "the generator was the bottleneck"));
	assert_non_null(strstr(why.text, "50.0 ms"));
	all.processes[1].late_p99_us = LOAD_LATE_US;
	assert_false(load_result_bottleneck(&all, &why));
	all.processes[0].cpu_permille = 950;
	assert_true(load_result_bottleneck(&all, &why));
	assert_string_equal(why.text, "the generator was the bottleneck: it used 95 % of a core");
	load_result_free(&all);
	load_result_free(&one);
	load_result_free(&two);
}

static void sums_that_do_not_add_up_are_noticed(void **state)
{
	struct load_result r;

	(void)state;
	make_result(&r, 1, 1);
	assert_true(load_result_adds_up(&r));
	r.messages.lost++;
	assert_false(load_result_adds_up(&r));
	r.messages.answered--;
	assert_true(load_result_adds_up(&r));
	assert_false(load_result_is_whole(&r));
	r.logins.refused++;
	r.logins.planned++;
	assert_false(load_result_adds_up(&r));
	load_result_free(&r);
}

static void thresholds_fail_with_a_sentence(void **state)
{
	static const struct { struct load_bounds bounds; size_t failed; const char *words; } rows[] = {
		{ { .max_p99_us = 985000, .min_rate = 247000, .max_refused = 3 }, 0, NULL },
		{ { .max_p99_us = 980000, .max_refused = UINT64_MAX }, 1, "\"arrived\" is 982 ms, over 980 ms" },
		{ { .min_rate = 248000, .max_refused = UINT64_MAX }, 1, "the rate was 247.5/s, under 248.0/s" },
		{ { .max_refused = 2 }, 1, "3 were refused, more than 2" },
		{ { .max_p99_us = 1, .min_rate = LOAD_RATE_MAX }, 3, "99th percentile" },
	};
	struct error out[4];
	struct load_result r;

	(void)state;
	make_result(&r, 1, 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(load_result_judge(&r, &rows[i].bounds, out, 4), rows[i].failed);
		if (rows[i].words && !strstr(out[0].text, rows[i].words))
			fail_msg("'%s' does not hold '%s'", out[0].text, rows[i].words);
		assert_int_equal(load_result_judge(&r, &rows[i].bounds, NULL, 0), rows[i].failed);
	}
	load_result_free(&r);
}

static void more_reasons_than_there_is_room_for_are_counted_together(void **state)
{
	struct load_reasons reasons = { .count = 0 };
	uint64_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < 3 * LOAD_REASONS; i++)
		load_reasons_note(&reasons, i, "some reason", 2);
	assert_int_equal(reasons.count, LOAD_REASONS);
	for (size_t i = 0; i < reasons.count; i++)
		sum += reasons.list[i].count;
	assert_int_equal(sum, 6 * LOAD_REASONS);
	assert_string_equal(reasons.list[LOAD_REASONS - 1].text, "other reasons");
}

static void pictures_are_xml_whatever_was_measured(void **state)
{
	struct load_result r, empty;
	struct buf svg = { 0 };

	(void)state;
	make_result(&r, 1, 1);
	load_result_init(&empty);
	for (int i = 0; i < 2; i++) {
		xmlDocPtr doc;

		buf_clear(&svg);
		load_svg(i ? &empty : &r, &svg);
		doc = xmlReadMemory((const char *)svg.data, (int)svg.len, "svg", NULL, XML_PARSE_NONET);
		assert_non_null(doc);
		xmlFreeDoc(doc);
		assert_null(strstr(buf_cstr(&svg), "nan"));
		assert_null(strstr(buf_cstr(&svg), "inf"));
		assert_non_null(strstr(buf_cstr(&svg), "prefers-color-scheme: dark"));
	}
	buf_free(&svg);
	load_result_free(&r);
	load_result_free(&empty);
	xmlCleanupParser();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_exact_to_a_thousandth),
		cmocka_unit_test(every_bucket_ends_where_the_next_begins),
		cmocka_unit_test(an_empty_one_says_nought),
		cmocka_unit_test(what_is_put_back_must_be_buckets),
		cmocka_unit_test(a_plan_does_not_drift),
		cmocka_unit_test(so_many_are_planned_as_fall_into_the_time),
		cmocka_unit_test(rates_are_read_with_or_without_a_unit),
		cmocka_unit_test(the_alarm_never_rings_early_and_knows_less_than_a_millisecond),
		cmocka_unit_test(texts_differ_and_are_the_same_for_the_same_seed),
		cmocka_unit_test(every_changed_byte_of_a_text_is_noticed),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_file_that_cannot_be_is_refused_in_words),
		cmocka_unit_test(two_processes_make_one_result),
		cmocka_unit_test(sums_that_do_not_add_up_are_noticed),
		cmocka_unit_test(thresholds_fail_with_a_sentence),
		cmocka_unit_test(more_reasons_than_there_is_room_for_are_counted_together),
		cmocka_unit_test(pictures_are_xml_whatever_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
