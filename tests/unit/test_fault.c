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

#include "simulator/fault.h"

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

static const struct fault_terms terms = { .is_user = is_user, .is_kind = is_kind, .parse_code = parse_code,
	.code_help = "a code in hex" };

static const struct { const char *word, *sentence; } wrong[] = {
	{ "", "there is no fault \"\"; there are delay, drop, garble" },
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
	{ "drop,count", "count of a fault needs a value" },
	{ "drop,colour=red", "a fault has no colour=; there are user=, on=, nth= and count=" },
	{ "close,on=event", "close happens to requests, not with on=event" },
	{ "refuse=1,on=all", "refuse happens to requests, not with on=all" },
	{ "drop,", "needs a value" },
};

static void what_is_wrong_is_said(void **state)
{
	struct faults *faults = faults_new(&terms);

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct error err = { "" };

		if (faults_add(faults, wrong[i].word, &err) == 0 || !strstr(err.text, wrong[i].sentence))
			fail_msg("%s: %s", wrong[i].word, err.text);
	}
	assert_int_equal(faults_next(faults, "alice", "ping").action, FAULT_NONE);
	for (int i = 0; i < FAULTS_MAX; i++)
		assert_int_equal(faults_add(faults, "drop", NULL), 0);
	assert_int_equal(faults_add(faults, "drop", NULL), -1);
	faults_free(&faults);
	assert_null(faults);
}

/* Each letter of came is one thing: a answer to alice's ping, b bob's, l alice's login, e an event to alice. In want an x where it
 * is befallen. */
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
};

static void what_befalls_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct faults *faults = faults_new(&terms);
		char got[16] = "";
		size_t n = 0;

		for (int w = 0; w < 3 && rows[i].words[w]; w++)
			assert_int_equal(faults_add(faults, rows[i].words[w], NULL), 0);
		for (const char *c = rows[i].came; *c; c++) {
			const char *kind = *c == 'l' ? "login" : *c == 'e' ? FAULT_EVENT : "ping";

			got[n++] = faults_next(faults, *c == 'b' ? "bob" : "Alice", kind).action ? 'x' : '.';
		}
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s on %s: %s, not %s", rows[i].words[0], rows[i].came, got, rows[i].want);
		faults_clear(faults);
		assert_int_equal(faults_next(faults, "alice", "ping").action, FAULT_NONE);
		faults_free(&faults);
	}
}

/* --- the outlet -------------------------------------------------------------------------------------------------------------- */

static void gather(void *arg, struct bytes message)
{
	buf_printf(arg, "%.*s|", (int)message.len, (const char *)message.data);
}

static void send_text(struct fault_outlet *outlet, enum fault_action action, uint32_t value, const char *text)
{
	fault_outlet_send(outlet, (struct fault){ .action = action, .value = value }, bytes_str(text));
}

static void messages_leave_late_in_pieces_or_changed_but_in_order(void **state)
{
	struct loop *loop = loop_new();
	struct buf out = { 0 };
	struct fault_outlet *outlet;

	(void)state;
	loop_clock_manual(loop, 1000);
	outlet = fault_outlet_new(loop, gather, &out);
	send_text(outlet, FAULT_NONE, 0, "one");
	send_text(outlet, FAULT_SPLIT, 2, "three");
	send_text(outlet, FAULT_DROP, 0, "gone");
	send_text(outlet, FAULT_DELAY, 500, "late");
	send_text(outlet, FAULT_SPLIT, 4, "behind");
	send_text(outlet, FAULT_DELAY, 700, "later");
	send_text(outlet, FAULT_REFUSE, 7, "last");
	assert_string_equal(buf_cstr(&out), "one|th|re|e|");
	loop_clock_advance(loop, 1499);
	assert_string_equal(buf_cstr(&out), "one|th|re|e|");
	loop_clock_advance(loop, 1500);
	assert_string_equal(buf_cstr(&out), "one|th|re|e|late|behi|nd|");
	loop_clock_advance(loop, 1700);
	assert_string_equal(buf_cstr(&out), "one|th|re|e|late|behi|nd|later|last|");
	buf_clear(&out);
	send_text(outlet, FAULT_GARBLE, 1, "0123456789");
	assert_string_equal(buf_cstr(&out), "01234`6789|");
	buf_clear(&out);
	send_text(outlet, FAULT_GARBLE, 99, "AB");
	assert_string_equal(buf_cstr(&out), "\x14\x17|");
	send_text(outlet, FAULT_DELAY, 1, "never");
	fault_outlet_free(&outlet);
	assert_null(outlet);
	buf_free(&out);
	loop_free(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(what_befalls_what),
		cmocka_unit_test(messages_leave_late_in_pieces_or_changed_but_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
