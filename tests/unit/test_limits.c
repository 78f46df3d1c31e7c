/* The session-limit rule: one row per sentence of the documented login flow, named after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "collab/limits.h"

enum { GW = 1, CWA = 0 };
#define TEN_MINUTES 600000

static const struct row {
	const char *sentence;
	struct seat_census in;
	enum seat_outcome outcome;
	uint32_t evict;
	const char *explain;
} rows[] = {
	/* The maximum is set and not reached. */
	{ "max is set and nobody is logged in: the login goes on",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .permitted = true },
		SEAT_ADMITTED, 0, "max=2 live=0 -> ADMITTED" },
	{ "max is set and one place is left: the login goes on",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 1, .permitted = true },
		SEAT_ADMITTED, 0, "max=2 live=1 -> ADMITTED" },
	{ "the idle timeout is only consulted when the maximum is reached: below it nobody is logged out",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 1, .evictable = 1, .permitted = true },
		SEAT_ADMITTED, 0, "max=2 live=1 -> ADMITTED" },

	/* The maximum is reached and a timeout limit is set: sessions out of coverage and silent ones are logged out. */
	{ "max reached, timeout set, one session idle: it is logged out and the login goes on",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 2, .evictable = 1, .permitted = true },
		SEAT_ADMITTED, 1, "max=2 live=2 evictable=1 idle_timeout=10m evicted=1 -> ADMITTED" },
	{ "max reached, timeout set: any session that is out of coverage or silent is logged out, not only one",
		{ .groupwise = GW, .max_sessions = 4, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 4, .evictable = 3, .permitted = true },
		SEAT_ADMITTED, 3, "max=4 live=4 evictable=3 idle_timeout=10m evicted=3 -> ADMITTED" },
	{ "max reached, timeout set, evict=one: only as many as needed are logged out",
		{ .groupwise = GW, .max_sessions = 4, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 4, .evictable = 3, .permitted = true, .evict = SEAT_EVICT_ONE },
		SEAT_ADMITTED, 1, NULL },
	{ "max lowered below what is live, evict=one: as many as needed to fall below it",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 5, .evictable = 5, .permitted = true, .evict = SEAT_EVICT_ONE },
		SEAT_ADMITTED, 4, NULL },
	{ "max lowered, evict=one, fewer idle than needed: all of them are logged out and the server is busy",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 5, .evictable = 3, .permitted = true, .evict = SEAT_EVICT_ONE },
		SEAT_SERVER_BUSY, 3, NULL },
	{ "max lowered below what is live: those logged out do not make a place, Server Busy",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 5, .evictable = 2, .permitted = true },
		SEAT_SERVER_BUSY, 2, "max=2 live=5 evictable=2 idle_timeout=10m evicted=2 -> SERVER BUSY" },

	/* The maximum is reached and no session is idle: Server Busy, the login is rejected. */
	{ "max reached, timeout set, no idle session found: Server Busy",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 2, .permitted = true },
		SEAT_SERVER_BUSY, 0, "max=2 live=2 evictable=0 idle_timeout=10m -> SERVER BUSY" },
	{ "max reached and no timeout set: Server Busy, even if sessions are out of coverage",
		{ .groupwise = GW, .max_sessions = 2, .transport_capacity = 5120, .live = 2, .evictable = 2, .permitted = true },
		SEAT_SERVER_BUSY, 0, "max=2 live=2 evictable=2 idle_timeout=unset -> SERVER BUSY" },
	{ "Server Busy has the same words with Communicator Web Access",
		{ .groupwise = CWA, .max_sessions = 1, .idle_timeout_ms = 1500, .transport_capacity = 1024, .live = 1, .permitted = true },
		SEAT_SERVER_BUSY, 0, "max=1 live=1 evictable=0 idle_timeout=1500ms -> SERVER BUSY" },
	{ "max=1 and the only session is idle: it gives way",
		{ .groupwise = GW, .max_sessions = 1, .idle_timeout_ms = 1000, .transport_capacity = 5120, .live = 1, .evictable = 1, .permitted = true },
		SEAT_ADMITTED, 1, "max=1 live=1 evictable=1 idle_timeout=1s evicted=1 -> ADMITTED" },

	/* The maximum is not set and the sessions reach what the transport supports: Failed. */
	{ "no max and capacity left: the login goes on",
		{ .groupwise = GW, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 2, .live = 1, .permitted = true },
		SEAT_ADMITTED, 0, "max=unset live=1 capacity=2 -> ADMITTED" },
	{ "no max, GroupWise protocol at its capacity: Failed (300)",
		{ .groupwise = GW, .transport_capacity = 2, .live = 2, .permitted = true },
		SEAT_CAPACITY, 0, "max=unset live=2 capacity=2 -> FAILED (300)" },
	{ "no max, HTTP persistent connections at their capacity: Failed, without a number",
		{ .groupwise = CWA, .transport_capacity = 1024, .live = 1024, .permitted = true },
		SEAT_CAPACITY, 0, "max=unset live=1024 capacity=1024 -> FAILED" },
	{ "no max and capacity reached: nobody is logged out for it, idle or not",
		{ .groupwise = GW, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 2, .live = 2, .evictable = 2, .permitted = true },
		SEAT_CAPACITY, 0, NULL },
	{ "capacity lowered below what is live: Failed (300)",
		{ .groupwise = GW, .transport_capacity = 2, .live = 7, .permitted = true },
		SEAT_CAPACITY, 0, NULL },
	{ "capacity binds also when the maximum is higher: Failed (300)",
		{ .groupwise = GW, .max_sessions = 10, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 2, .live = 2, .evictable = 1, .permitted = true },
		SEAT_CAPACITY, 0, "max=10 live=2 capacity=2 -> FAILED (300)" },
	{ "max and capacity are equal and reached: the maximum is looked at first, Server Busy",
		{ .groupwise = GW, .max_sessions = 2, .transport_capacity = 2, .live = 2, .permitted = true },
		SEAT_SERVER_BUSY, 0, NULL },
	{ "eviction makes a place below the maximum but not below the capacity: Failed (300), and they stay logged out",
		{ .groupwise = GW, .max_sessions = 10, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5, .live = 10, .evictable = 2, .permitted = true },
		SEAT_CAPACITY, 2, "max=10 live=10 evictable=2 idle_timeout=10m evicted=2 capacity=5 -> FAILED (300)" },
	{ "a capacity of nothing refuses everybody",
		{ .groupwise = GW, .permitted = true },
		SEAT_CAPACITY, 0, NULL },

	/* The permission is looked at after the session limit. */
	{ "the user may not use the collaboration client: not permitted",
		{ .groupwise = GW, .max_sessions = 2, .transport_capacity = 5120, .live = 1 },
		SEAT_NOT_PERMITTED, 0, "max=2 live=1 permitted=no -> NOT PERMITTED" },
	{ "eviction comes before the permission check: idle sessions are logged out for a login that is then not permitted",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 2, .evictable = 1 },
		SEAT_NOT_PERMITTED, 1, "max=2 live=2 evictable=1 idle_timeout=10m evicted=1 permitted=no -> NOT PERMITTED" },
	{ "max reached and not permitted: the session limit answers first, Server Busy",
		{ .groupwise = GW, .max_sessions = 2, .idle_timeout_ms = TEN_MINUTES, .transport_capacity = 5120, .live = 2 },
		SEAT_SERVER_BUSY, 0, NULL },
	{ "capacity reached and not permitted: the session limit answers first, Failed (300)",
		{ .groupwise = GW, .transport_capacity = 2, .live = 2 },
		SEAT_CAPACITY, 0, NULL },

	/* Ends of the ranges. */
	{ "the largest maximum, full, all of them idle",
		{ .groupwise = GW, .max_sessions = 2147483647u, .idle_timeout_ms = 1, .transport_capacity = UINT32_MAX, .live = 2147483647u, .evictable = 2147483647u, .permitted = true },
		SEAT_ADMITTED, 2147483647u, NULL },
	{ "the largest capacity is not reached one below it",
		{ .groupwise = GW, .transport_capacity = UINT32_MAX, .live = UINT32_MAX - 1, .permitted = true },
		SEAT_ADMITTED, 0, NULL },
};

static void check_row(void **state)
{
	const struct row *row = *state;
	struct seat_decision decision = limits_decide(&row->in);
	struct buf text = { 0 };

	assert_int_equal(decision.outcome, row->outcome);
	assert_int_equal(decision.evict, row->evict);
	limits_explain(&row->in, &decision, &text);
	if (row->explain)
		assert_string_equal(buf_cstr(&text), row->explain);
	assert_non_null(strstr(buf_cstr(&text), " -> "));
	buf_free(&text);
}

/* Whatever the numbers: never above the maximum or the capacity after a login, never more ended than are evictable, nobody
 * ended without a reached maximum and a timeout. */
static void never_over_a_limit(void **state)
{
	static const uint32_t some[] = { 0, 1, 2, 3, 5 };
	unsigned tried = 0;

	(void)state;
	for (unsigned n = 0; n < 5 * 5 * 5 * 5 * 8; n++) {
		struct seat_census c = { .max_sessions = some[n % 5], .transport_capacity = some[n / 5 % 5], .live = some[n / 25 % 5],
			.evictable = some[n / 125 % 5], .idle_timeout_ms = n / 625 & 1 ? 1000 : 0,
			.evict = n / 625 & 2 ? SEAT_EVICT_ONE : SEAT_EVICT_ALL, .permitted = n / 625 & 4 };
		struct seat_decision d;

		if (c.evictable > c.live)
			continue;
		d = limits_decide(&c);
		tried++;
		assert_true(d.evict <= c.evictable);
		if (d.evict)
			assert_true(c.max_sessions && c.live >= c.max_sessions && c.idle_timeout_ms);
		if (d.outcome == SEAT_ADMITTED) {
			assert_true(c.permitted);
			assert_true(!c.max_sessions || c.live - d.evict < c.max_sessions);
			assert_true(c.live - d.evict < c.transport_capacity);
		}
	}
	assert_true(tried > 1000);
}

int main(void)
{
	enum { ROWS = sizeof rows / sizeof *rows };
	struct CMUnitTest tests[ROWS + 1];

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].sentence, .test_func = check_row, .initial_state = (void *)(uintptr_t)&rows[i] };
	tests[ROWS] = (struct CMUnitTest)cmocka_unit_test(never_over_a_limit);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
