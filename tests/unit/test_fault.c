/* The simulators' common fault words: what is understood, what befalls what, and what leaves when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "simulator/fault_hole.h"
#include "simulator/fault_outlet.h"

static bool is_user(void *ctx, const char *name)
{
	(void)ctx;
	return strcasecmp(name, "alice") == 0;
}

static bool is_kind(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "ping") == 0 || strcmp(name, "login") == 0;
}

static int parse_code(const char *text, uint32_t *out)
{
	*out = (uint32_t)strtoul(text, NULL, 16);
	return *out ? 0 : -1;
}

/* As a system whose events cannot be closed. */
static int suits(void *ctx, enum fault_action action, const char *kind, struct error *err)
{
	(void)ctx;
	if (action == FAULT_CLOSE && kind && strcmp(kind, "event") == 0)
		return error_set(err, "%s happens to requests, not with on=%s", fault_action_name(action), kind);
	return 0;
}

static const char *const special[] = { "event", NULL };
static const struct fault_terms terms = { .whom = "user", .where = "in this world", .is_whom = is_user, .is_kind = is_kind,
	.special = special, .kind_noun = "request", .kind_help = "event and all", .suits = suits, .parse_code = parse_code,
	.code_help = "a code in hex" };

static const struct { const char *word, *sentence; } wrong[] = {
	{ "", "there is no fault \"\"; there are delay, drop, duplicate, reorder, garble" },
	{ "dealy=3", "there is no fault dealy" },
	{ "delay", "delay needs a value: delay=N" },
	{ "delay=0", "delay is a number from 1 to 3600000, not 0" },
	{ "delay=x", "delay is a number from 1 to 3600000, not x" },
	{ "delay=99999999999999999999999", "delay is a number from 1 to 3600000" },
	{ "drop=1", "drop takes no value, but there is 1" },
	{ "refuse", "refuse= takes a code in hex" },
	{ "refuse=zz", "refuse= takes a code in hex, not zz" },
	{ "drop,user=bob", "there is no user bob in this world" },
	{ "drop,on=pong", "there is no request pong; on= also takes event and all" },
	{ "drop,nth=0", "nth is a number from 1 to" },
	{ "drop,chance=101", "chance is a number from 1 to 100, not 101" },
	{ "drop,count", "count of a fault needs a value" },
	{ "drop,colour=red", "a fault has no colour=; there are user=, on=, nth=, count=, chance=, after= and for=" },
	{ "drop,pin=2100000A", "a fault has no pin=; there are user=" },
	{ "duplicate=0", "duplicate is a number from 1 to 100, not 0" },
	{ "duplicate=101", "duplicate is a number from 1 to 100, not 101" },
	{ "reorder=2", "reorder takes no value, but there is 2" },
	{ "half-open=70s", "half-open takes no value, but there is 70s" },
	{ "drop,for=soon", "for= takes a time: soon is not a duration; write 250ms, 90s" },
	{ "drop,for=0", "for= is a time from 1ms to 365d, not 0" },
	{ "drop,after=366d", "after= is a time from 1ms to 365d, not 366d" },
	{ "drop,on=ping,on=login", "on= is given twice" },
	{ "drop,user=alice,user=alice", "user= is given twice" },
	{ "close,on=event", "close happens to requests, not with on=event" },
	{ "drop,", "needs a value" },
};

static void what_is_wrong_is_said(void **state)
{
	struct faults *faults = faults_new(&terms);

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct error err = { "" };

		if (faults_add(faults, wrong[i].word, 0, &err) == 0 || !strstr(err.text, wrong[i].sentence))
			fail_msg("%s: %s", wrong[i].word, err.text);
	}
	assert_int_equal(faults_next(faults, 0, "alice", "ping").action, FAULT_NONE);
	assert_false(faults_any(faults));
	assert_false(faults_any(NULL));
	for (int i = 0; i < FAULTS_MAX; i++)
		assert_int_equal(faults_add(faults, i ? "drop" : "drop,for=1s", 0, NULL), 0);
	assert_int_equal(faults_add(faults, "drop", 999, NULL), -1);
	/* One whose time is over makes room. */
	assert_int_equal(faults_add(faults, "drop", 1000, NULL), 0);
	assert_int_equal(faults_add(faults, "drop", 1000, NULL), -1);
	assert_true(faults_any(faults));
	faults_free(&faults);
	assert_null(faults);
}

/* Each letter of came is one thing: a answer to alice's ping, b bob's, l alice's login, e an event to alice; 7 is seven seconds
 * that pass. In want an x where it is befallen. */
static const struct { const char *words[3], *came, *want; } rows[] = {
	{ { "drop" }, "able", "xxx." },
	{ { "drop,user=alice" }, "abale", "x.xx." },
	{ { "drop,user=ALICE" }, "ab", "x." },
	{ { "drop,on=ping" }, "able", "xx.." },
	{ { "drop,on=event" }, "able", "...x" },
	{ { "drop,on=all" }, "able", "xxxx" },
	{ { "drop,on=all,user=alice" }, "able", "x.xx" },
	{ { "drop,count=2" }, "aaaa", "xx.." },
	{ { "drop,nth=3" }, "aaaaaaa", "..x..x." },
	{ { "drop,nth=3,count=1" }, "aaaaaaa", "..x...." },
	{ { "drop,nth=2,on=login" }, "alalal", "...x.." },
	{ { "drop,count=1", "drop,count=1,nth=2" }, "aaaa", "xx.." },
	{ { "garble=2,count=1,on=ping", "split=3,count=1" }, "lal", "xx." },
	/* Times count from when it was set. */
	{ { "drop,for=7s" }, "a3a3a1a", "x3x3x1." },
	{ { "drop,after=7s" }, "a6a1a9a", ".6.1x9x" },
	{ { "drop,after=2s,for=3s" }, "a2a2a1a9a", ".2x2x1.9." },
	{ { "drop,on=login,user=alice,nth=3,count=1,for=9s" }, "llal5lll", "...x5..." },
	{ { "drop,nth=2,after=1s" }, "aaa1aaaa", "...1.x.x" },        /* what came before does not count */
	{ { "drop,count=3,for=5s" }, "a5aaa", "x5..." },
	{ { "half-open" }, "abe", "xxx" },                            /* of any kind, events too */
	{ { "half-open,on=login" }, "abel", "...x" },
	{ { "half-open,user=alice" }, "bea", ".xx" },
};

enum { DRAWS = 1000 };

static void draw_all(uint32_t seed, struct fault *out)
{
	struct faults *faults = faults_new(&terms);

	faults_seed(faults, seed);
	assert_int_equal(faults_add(faults, "garble,chance=30", 0, NULL), 0);
	for (int i = 0; i < DRAWS; i++)
		out[i] = faults_next(faults, 0, "alice", "ping");
	faults_free(&faults);
}

static void what_is_drawn_is_the_same_for_the_same_seed(void **state)
{
	static struct fault once[DRAWS], again[DRAWS], other[DRAWS];
	int done = 0, same_place = 0, differs = 0;

	(void)state;
	draw_all(7, once);
	draw_all(7, again);
	draw_all(8, other);
	for (int i = 0; i < DRAWS; i++) {
		assert_int_equal(once[i].action, again[i].action);
		assert_int_equal(once[i].place, again[i].place);
		done += once[i].action == FAULT_GARBLE;
		differs += once[i].action != other[i].action;
		same_place += i && once[i].place && once[i].place == once[i - 1].place;
	}
	assert_in_range(done, DRAWS / 4, DRAWS * 2 / 5);
	assert_true(differs > DRAWS / 10);
	assert_int_equal(same_place, 0);
	/* Without a seed places are the usual ones. */
	draw_all(0, once);
	for (int i = 0; i < DRAWS; i++)
		assert_int_equal(once[i].place, 0);
}

static void what_befalls_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct faults *faults = faults_new(&terms);
		char got[16] = "";
		uint64_t now_ms = 5000;
		size_t n = 0;

		for (int w = 0; w < 3 && rows[i].words[w]; w++)
			assert_int_equal(faults_add(faults, rows[i].words[w], now_ms, NULL), 0);
		for (const char *c = rows[i].came; *c; c++) {
			const char *kind = *c == 'l' ? "login" : *c == 'e' ? "event" : "ping";

			if (*c >= '0' && *c <= '9') {
				now_ms += 1000 * (uint64_t)(*c - '0');
				got[n++] = *c;
				continue;
			}
			got[n++] = faults_next(faults, now_ms, *c == 'b' ? "bob" : "Alice", kind).action ? 'x' : '.';
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s on %s: %s, not %s", rows[i].words[0], rows[i].came, got, rows[i].want);
		faults_clear(faults);
		assert_int_equal(faults_next(faults, now_ms, "alice", "ping").action, FAULT_NONE);
		faults_free(&faults);
	}
}

static void the_list_says_what_was_done_and_how_long_it_lasts(void **state)
{
	struct faults *faults = faults_new(&terms);
	struct buf text = { 0 };
	json_t *list;

	(void)state;
	assert_int_equal(faults_add(faults, "drop,nth=2,count=5", 1000, NULL), 0);
	assert_int_equal(faults_add(faults, "drop,on=login,after=2s,for=70s", 1000, NULL), 0);
	for (int i = 0; i < 3; i++)
		faults_next(faults, 1500, "alice", "ping");
	list = faults_json(faults, 1500);
	for (size_t i = 0; i < 2; i++) {
		char *line = json_dumps(json_array_get(list, i), JSON_SORT_KEYS);

		assert_string_equal(line, i == 0 ? "{\"done\": 1, \"left\": 4, \"seen\": 3, \"word\": \"drop,nth=2,count=5\"}"
			: "{\"done\": 0, \"in_ms\": 1500, \"left_ms\": 71500, \"seen\": 0, \"word\": \"drop,on=login,after=2s,for=70s\"}");
		free(line);
	}
	json_decref(list);
	faults_text(faults, 73000, &text);
	assert_string_equal(buf_cstr(&text), "\"drop,nth=2,count=5\": seen 3, done 1\n"
		"\"drop,on=login,after=2s,for=70s\": seen 0, done 0, over\n");
	buf_free(&text);
	faults_free(&faults);
}

/* --- the outlet -------------------------------------------------------------------------------------------------------------- */

struct bench {
	struct loop *loop;
	struct fault_outlet *outlet;
	struct buf out;
};

static void gather(void *arg, struct bytes message)
{
	buf_printf(arg, "%.*s|", (int)message.len, (const char *)message.data);
}

static void bench_open(struct bench *b)
{
	*b = (struct bench){ .loop = loop_new() };
	loop_clock_manual(b->loop, 1000);
	b->outlet = fault_outlet_new(b->loop, gather, &b->out);
}

static void bench_close(struct bench *b)
{
	fault_outlet_free(&b->outlet);
	assert_null(b->outlet);
	buf_free(&b->out);
	loop_free(&b->loop);
}

static void send_text(struct bench *b, enum fault_action action, uint32_t value, const char *text)
{
	fault_outlet_send(b->outlet, (struct fault){ .action = action, .value = value }, bytes_str(text));
}

/* What has left since the last time. */
static void left(struct bench *b, const char *want)
{
	assert_string_equal(buf_cstr(&b->out), want);
	buf_clear(&b->out);
}

static void at(struct bench *b, uint64_t now_ms, const char *want)
{
	loop_clock_advance(b->loop, now_ms);
	left(b, want);
}

static void delayed_messages_hold_back_what_follows(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_NONE, 0, "one");
	send_text(&b, FAULT_DROP, 0, "gone");
	send_text(&b, FAULT_DELAY, 500, "late");
	send_text(&b, FAULT_NONE, 0, "behind");
	fault_outlet_pass(b.outlet, bytes_str("also"));
	send_text(&b, FAULT_DELAY, 700, "later");
	send_text(&b, FAULT_REFUSE, 7, "last");
	left(&b, "one|");
	at(&b, 1499, "");
	at(&b, 1500, "late|behind|also|");
	at(&b, 1700, "later|last|");
	send_text(&b, FAULT_DELAY, 1, "never");
	assert_false(fault_outlet_is_empty(b.outlet));
	bench_close(&b);
}

static void garbled_messages_change_at_the_same_places(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_GARBLE, 1, "0123456789");
	left(&b, "01234`6789|");
	send_text(&b, FAULT_GARBLE, 99, "AB");
	left(&b, "\x14\x17|");
	bench_close(&b);
}

static void duplicates_leave_at_once_or_when_it_is_their_turn(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_DUPLICATE, 1, "a");
	left(&b, "a|a|");
	send_text(&b, FAULT_DELAY, 10, "b");
	send_text(&b, FAULT_DUPLICATE, 2, "c");
	at(&b, 1010, "b|c|c|c|");
	bench_close(&b);
}

static void a_reordered_message_changes_places_with_the_next(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_REORDER, 0, "1");
	fault_outlet_pass(b.outlet, bytes_str("ping"));
	left(&b, "ping|");
	send_text(&b, FAULT_NONE, 0, "2");
	left(&b, "2|1|");
	/* All of them: in pairs. */
	for (const char *c = "3\0004\0005\0006\0"; *c; c += 2)
		send_text(&b, FAULT_REORDER, 0, c);
	left(&b, "4|3|6|5|");
	/* What is dropped is not the next one, what is late takes it along. */
	send_text(&b, FAULT_REORDER, 0, "7");
	send_text(&b, FAULT_DROP, 0, "gone");
	send_text(&b, FAULT_DELAY, 300, "8");
	send_text(&b, FAULT_NONE, 0, "9");
	at(&b, 1299, "");
	at(&b, 1300, "8|7|9|");
	bench_close(&b);
}

static void a_reordered_message_that_nothing_follows_leaves_after_a_second(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_REORDER, 0, "alone");
	at(&b, 1999, "");
	at(&b, 2000, "alone|");
	bench_close(&b);
}

static void split_messages_leave_piece_by_piece_each_after_a_round(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b);
	send_text(&b, FAULT_SPLIT, 2, "three");
	send_text(&b, FAULT_NONE, 0, "behind");
	left(&b, "th|");
	for (int rounds = 0; !fault_outlet_is_empty(b.outlet); rounds++) {
		size_t before = b.out.len;

		if (rounds > 1000)
			fail_msg("still waiting: %s", buf_cstr(&b.out));
		loop_round(b.loop, 10);
		assert_true(b.out.len <= before + 3 || strstr(buf_cstr(&b.out), "e|behind|"));      /* one piece a round */
	}
	left(&b, "re|e|behind|");
	/* Whose peer is done does not lose the rest. */
	send_text(&b, FAULT_SPLIT, 1, "abc");
	send_text(&b, FAULT_DELAY, 1000, "d");
	send_text(&b, FAULT_REORDER, 0, "e");
	fault_outlet_finish(b.outlet);
	left(&b, "a|b|c|d|e|");
	assert_true(fault_outlet_is_empty(b.outlet));
	send_text(&b, FAULT_SPLIT, 1, "abc");
	fault_outlet_clear(b.outlet);
	left(&b, "a|");
	assert_true(fault_outlet_is_empty(b.outlet));
	bench_close(&b);
}

static void gather_and_clear(void *arg, struct bytes message)
{
	struct bench *b = arg;

	gather(&b->out, message);
	if (message.data[0] == '!')
		fault_outlet_clear(b->outlet);
}

static void who_clears_the_outlet_while_it_sends_hears_no_more(void **state)
{
	struct bench b;

	(void)state;
	b = (struct bench){ .loop = loop_new() };
	loop_clock_manual(b.loop, 1000);
	b.outlet = fault_outlet_new(b.loop, gather_and_clear, &b);
	send_text(&b, FAULT_DUPLICATE, 5, "!");
	left(&b, "!|");
	send_text(&b, FAULT_DELAY, 10, "!");
	send_text(&b, FAULT_NONE, 0, "behind");
	at(&b, 1010, "!|");
	send_text(&b, FAULT_SPLIT, 1, "!!!");
	left(&b, "!|");
	assert_true(fault_outlet_is_empty(b.outlet));
	bench_close(&b);
}

static void what_waits_has_a_bound(void **state)
{
	static char large[FAULT_OUTLET_MAX];
	struct bench b;

	(void)state;
	bench_open(&b);
	memset(large, 'x', sizeof large - 1);
	send_text(&b, FAULT_DELAY, 10, large);
	send_text(&b, FAULT_NONE, 0, "y");
	send_text(&b, FAULT_NONE, 0, "z");
	loop_clock_advance(b.loop, 1010);
	assert_int_equal(b.out.len, sizeof large + 2);
	buf_clear(&b.out);
	send_text(&b, FAULT_NONE, 0, "z");
	left(&b, "z|");
	bench_close(&b);
}

/* --- half-open --------------------------------------------------------------------------------------------------------------- */

static void count(void *arg)
{
	++*(unsigned *)arg;
}

static void a_hole_is_over_with_its_time_or_when_faults_are_cleared(void **state)
{
	struct loop *loop = loop_new();
	struct faults *faults = faults_new(&terms);
	struct fault timed = { .action = FAULT_HALF_OPEN, .until_ms = 71000 };
	struct fault forever = { .action = FAULT_HALF_OPEN, .until_ms = UINT64_MAX };
	struct fault_hole *holes[3];
	unsigned over = 0;

	(void)state;
	loop_clock_manual(loop, 1000);
	for (int i = 0; i < 3; i++)
		holes[i] = fault_hole_new(loop, faults, count, &over);
	assert_false(fault_hole_is_open(NULL));
	assert_false(fault_hole_is_open(holes[0]));
	fault_hole_open(holes[0], timed);
	fault_hole_open(holes[1], forever);
	fault_hole_open(holes[2], timed);
	fault_hole_close(holes[2]);
	loop_clock_advance(loop, 70999);
	assert_true(fault_hole_is_open(holes[0]));
	loop_clock_advance(loop, 71000);
	assert_int_equal(over, 1);
	assert_false(fault_hole_is_open(holes[0]));
	assert_true(fault_hole_is_open(holes[1]));
	fault_hole_open(holes[0], forever);
	faults_clear(faults);
	assert_int_equal(over, 3);
	assert_false(fault_hole_is_open(holes[1]));
	fault_hole_open(holes[1], forever);
	for (int i = 0; i < 3; i++)
		fault_hole_free(&holes[i]);
	faults_clear(faults);
	assert_int_equal(over, 3);
	faults_free(&faults);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(what_is_drawn_is_the_same_for_the_same_seed),
		cmocka_unit_test(what_befalls_what),
		cmocka_unit_test(the_list_says_what_was_done_and_how_long_it_lasts),
		cmocka_unit_test(delayed_messages_hold_back_what_follows),
		cmocka_unit_test(garbled_messages_change_at_the_same_places),
		cmocka_unit_test(duplicates_leave_at_once_or_when_it_is_their_turn),
		cmocka_unit_test(a_reordered_message_changes_places_with_the_next),
		cmocka_unit_test(a_reordered_message_that_nothing_follows_leaves_after_a_second),
		cmocka_unit_test(split_messages_leave_piece_by_piece_each_after_a_round),
		cmocka_unit_test(who_clears_the_outlet_while_it_sends_hears_no_more),
		cmocka_unit_test(what_waits_has_a_bound),
		cmocka_unit_test(a_hole_is_over_with_its_time_or_when_faults_are_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
