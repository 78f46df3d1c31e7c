/* Switches told from the event trail, which several processes have written in whatever order they came to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "admin/trace_failover.h"

static void add(json_t *events, const char *process, const char *event, const char *text)
{
	json_array_append_new(events, json_pack("{s:s, s:s, s:s, s:s}", "time", "t", "process", process, "event", event, "text", text));
}

static void expect(const json_t *rows, size_t at, const char *event, int step, const char *instance)
{
	const json_t *row = json_array_get(rows, at);

	assert_string_equal(json_string_value(json_object_get(row, "event")), event);
	assert_int_equal(json_integer_value(json_object_get(row, "step")), step);
	assert_string_equal(json_string_value(json_object_get(row, "instance")), instance);
}

static void the_steps_are_in_the_documented_order(void **state)
{
	json_t *events = json_array(), *rows;

	(void)state;
	add(events, "dispatcher", "failover.promote", "switch=1 step=1 health=100 instance=a other=\"\" why=\"nobody was active\"");
	add(events, "dispatcher", "failover.active", "switch=1 step=2 health=100 instance=a other=\"\" why=\"\"");
	add(events, "collab", "answer", "code=0");
	add(events, "dispatcher", "failover.promote", "switch=2 step=1 health=90 instance=b other=a why=\"the administrator asked\"");
	add(events, "collab", "failover.drained", "switch=2 step=4 sessions=3 instance=a other=b why=done");
	add(events, "collab", "failover.log-out", "switch=2 step=6 sessions=3 instance=a other=b why=all");
	add(events, "collab", "failover.bes-checked", "switch=2 step=5 sessions=0 instance=a other=b why=no");
	add(events, "dispatcher", "failover.active", "switch=2 step=2 health=90 instance=b other=a why=\"\"");
	add(events, "collab", "failover.log-in", "switch=2 step=7 sessions=3 instance=b other=a why=\"their devices\"");
	add(events, "dispatcher", "failover.demote", "switch=2 step=3 health=80 instance=a other=b why=\"\"");
	/* The Dispatcher was started anew, and counts from 1. */
	add(events, "dispatcher", "srp.free", "instance=127.0.0.1:3200 other=r why=x");
	add(events, "dispatcher", "failover.promote", "switch=1 step=1 health=90 instance=b other=\"\" why=\"nobody was active\"");
	rows = trace_failover(events);
	assert_int_equal(json_array_size(rows), 11);
	expect(rows, 0, "failover.promote", 1, "a");
	expect(rows, 1, "failover.active", 2, "a");
	expect(rows, 2, "failover.promote", 1, "b");
	expect(rows, 3, "failover.active", 2, "b");
	expect(rows, 4, "failover.demote", 3, "a");
	expect(rows, 5, "failover.drained", 4, "a");
	expect(rows, 6, "failover.bes-checked", 5, "a");
	expect(rows, 7, "failover.log-out", 6, "a");
	expect(rows, 8, "failover.log-in", 7, "b");
	expect(rows, 9, "srp.free", 0, "127.0.0.1:3200");
	expect(rows, 10, "failover.promote", 1, "b");
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 2), "why")), "the administrator asked");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 8), "sessions")), 3);
	json_decref(rows);
	json_decref(events);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_steps_are_in_the_documented_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
