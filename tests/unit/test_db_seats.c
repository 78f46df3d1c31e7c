/* Seats as transactions: admission, eviction, replacement, owners and their leases, history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/im.h"
#include "tests/support/database.h"

enum { ALICE = 0x2100000a, BOB, CAROL, DAVE };

static int with_people(void **state)
{
	struct database *d;

	database_setup(state);
	d = *state;
	assert_int_equal(user_with_device(d, "alice", ALICE, true), DB_OK);
	assert_int_equal(user_with_device(d, "bob", BOB, true), DB_OK);
	assert_int_equal(user_with_device(d, "carol", CAROL, true), DB_OK);
	assert_int_equal(user_with_device(d, "dave", DAVE, false), DB_OK);
	return 0;
}

static int64_t live(const struct database *d)
{
	return database_exec(d, "SELECT count(*) FROM emu_IMSession");
}

static void below_the_maximum_a_login_takes_a_seat(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a;

	set_limits(d, 2, 600000, 0);
	a = admit(d->db, me, ALICE, "alice", 1000);
	assert_int_equal(a.status, DB_OK);
	assert_int_equal(a.answer.decision.outcome, SEAT_ADMITTED);
	assert_in_range(a.answer.session, 1, UINT32_MAX);
	assert_int_equal(a.answer.census.max_sessions, 2);
	assert_int_equal(a.answer.census.idle_timeout_ms, 600000);
	assert_int_equal(a.answer.census.transport_capacity, 5120);
	assert_int_equal(a.answer.census.live, 0);
	assert_true(a.answer.census.groupwise);
	assert_true(a.answer.census.permitted);
	assert_int_equal(live(d), 1);
}

static void maximum_reached_and_nobody_idle_is_server_busy(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit c;

	set_limits(d, 2, 600000, 0);
	admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 2);
	c = admit(d->db, me, CAROL, "carol", 3);
	assert_int_equal(c.status, DB_OK);
	assert_int_equal(c.answer.decision.outcome, SEAT_SERVER_BUSY);
	assert_int_equal(c.answer.session, 0);
	assert_int_equal(c.answer.census.live, 2);
	assert_int_equal(live(d), 2);
}

static void maximum_reached_and_a_session_out_of_coverage_gives_way(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, c;

	set_limits(d, 2, 600000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 2);
	assert_int_equal(mark(d->db, me, a.answer.session, IM_REASON_EVICTED_COVERAGE, 5), DB_OK);
	c = admit(d->db, me, CAROL, "carol", 6);
	assert_int_equal(c.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(c.answer.census.evictable, 1);
	assert_int_equal(c.answer.ended_count, 1);
	assert_int_equal(c.answer.ended[0].session, a.answer.session);
	assert_int_equal(c.answer.ended[0].owner, me.id);
	assert_int_equal(c.answer.ended[0].reason, IM_REASON_EVICTED_COVERAGE);
	assert_int_equal(live(d), 2);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory WHERE Reason = 'evicted-coverage' "
		"AND EndedBy = 'login-1'"), 1);
	/* Its owner hears of it when it acts on the session again. */
	assert_int_equal(mark(d->db, me, a.answer.session, 0, 7), DB_CONFLICT);
}

static void a_mark_taken_back_protects_the_session(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, b;

	set_limits(d, 1, 600000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	assert_int_equal(mark(d->db, me, a.answer.session, 0, 3), DB_OK);
	b = admit(d->db, me, BOB, "bob", 4);
	assert_int_equal(b.answer.decision.outcome, SEAT_SERVER_BUSY);
	assert_int_equal(b.answer.ended_count, 0);
}

static void all_marked_sessions_are_ended_unless_set_to_one(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, b, c;

	set_limits(d, 2, 1000, 0);
	for (int evict_one = 0; evict_one < 2; evict_one++) {
		database_exec(d, evict_one ? "UPDATE emu_IMServiceConfig SET Evict = 'one'" : "DELETE FROM emu_IMSession");
		database_exec(d, "DELETE FROM emu_IMSession");
		a = admit(d->db, me, ALICE, "alice", 1);
		b = admit(d->db, me, BOB, "bob", 2);
		mark(d->db, me, b.answer.session, IM_REASON_EVICTED_SILENT, 10);
		mark(d->db, me, a.answer.session, IM_REASON_EVICTED_COVERAGE, 20);
		c = admit(d->db, me, CAROL, "carol", 30);
		assert_int_equal(c.answer.decision.outcome, SEAT_ADMITTED);
		assert_int_equal(c.answer.ended_count, evict_one ? 1 : 2);
		/* Oldest mark first. */
		assert_int_equal(c.answer.ended[0].session, b.answer.session);
		assert_int_equal(live(d), evict_one ? 2 : 1);
	}
}

static void eviction_comes_before_the_permission_check(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, x;

	set_limits(d, 1, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	x = admit(d->db, me, DAVE, "dave", 3);
	assert_int_equal(x.answer.decision.outcome, SEAT_NOT_PERMITTED);
	assert_false(x.answer.census.permitted);
	assert_int_equal(x.answer.ended_count, 1);
	assert_int_equal(live(d), 0);
}

static void a_pin_that_nobody_has_is_not_permitted(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	assert_int_equal(admit(d->db, me, 0x12345678, "mallory", 1).answer.decision.outcome, SEAT_NOT_PERMITTED);
	assert_int_equal(live(d), 0);
}

static void no_maximum_and_capacity_reached(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	set_limits(d, 0, 0, 2);
	admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 1);
	assert_int_equal(admit(d->db, me, CAROL, "carol", 1).answer.decision.outcome, SEAT_CAPACITY);
}

static void the_same_device_or_user_in_any_case_is_replaced(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit first, second;

	set_limits(d, 1, 0, 0);
	first = admit(d->db, me, ALICE, "alice", 1);
	second = admit(d->db, me, BOB, "Alice", 2);     /* another device, the same IM user */
	assert_int_equal(second.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(second.answer.census.live, 0);
	assert_int_equal(second.answer.ended_count, 1);
	assert_int_equal(second.answer.ended[0].session, first.answer.session);
	assert_int_equal(second.answer.ended[0].reason, IM_REASON_REPLACED);
	first = second;
	second = admit(d->db, me, BOB, "bob", 3);       /* the same device, another IM user */
	assert_int_equal(second.answer.ended_count, 1);
	assert_int_equal(second.answer.ended[0].session, first.answer.session);
	assert_int_equal(live(d), 1);
}

static void a_login_can_replace_two_and_one_that_was_marked(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, both;

	set_limits(d, 3, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	both = admit(d->db, me, ALICE, "bob", 3);
	assert_int_equal(both.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(both.answer.ended_count, 2);
	assert_int_equal(both.answer.census.live, 0);
	assert_int_equal(both.answer.census.evictable, 0);
	assert_int_equal(live(d), 1);
}

static void a_refused_login_leaves_the_older_session_alone(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_status heard = { 0 };

	admit(d->db, me, ALICE, "alice", 1);
	db_user_permit(d->db, "alice", false, hear_status, &heard);
	assert_int_equal(admit(d->db, me, ALICE, "alice", 2).answer.decision.outcome, SEAT_NOT_PERMITTED);
	assert_int_equal(live(d), 1);
}

static void logins_of_one_round_share_a_transaction_and_the_counts_follow(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit heard[40] = { { 0 } };
	struct db_stats before, after;
	unsigned admitted = 0;
	char name[16];

	crowd(d, 0x22000000, 40);
	database_exec(d, "INSERT INTO emu_IMPermission SELECT Id FROM UserConfig WHERE DisplayName LIKE 'user%'");
	set_limits(d, 17, 600000, 0);
	db_stats(d->db, &before);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "user%u", i);
		admit_start(d->db, me, 0x22000000 + i, name, 100, &heard[i]);
	}
	db_wait(d->db);
	db_stats(d->db, &after);
	assert_int_equal(after.commits - before.commits, 1);
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(heard[i].count, 1);
		assert_int_equal(heard[i].status, DB_OK);
		assert_int_equal(heard[i].answer.census.live, i < 17 ? i : 17);
		assert_int_equal(heard[i].answer.decision.outcome, i < 17 ? SEAT_ADMITTED : SEAT_SERVER_BUSY);
		admitted += heard[i].answer.decision.outcome == SEAT_ADMITTED;
	}
	assert_int_equal(admitted, 17);
	assert_int_equal(live(d), 17);
}

static void marks_ends_and_logins_of_one_round_see_each_other(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, b = { 0 }, c = { 0 };
	struct heard_status heard = { 0 };

	set_limits(d, 1, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	admit_start(d->db, me, CAROL, "carol", 2, &c);
	db_session_mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2, hear_status, &heard);
	admit_start(d->db, me, BOB, "bob", 2, &b);
	db_wait(d->db);
	assert_int_equal(c.answer.decision.outcome, SEAT_SERVER_BUSY);
	assert_int_equal(b.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(b.answer.ended[0].session, a.answer.session);
	db_session_end(d->db, me, b.answer.session, IM_REASON_LOGOUT, false, hear_status, &heard);
	admit_start(d->db, me, CAROL, "carol", 3, &c);
	db_wait(d->db);
	assert_int_equal(c.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(heard.status, DB_OK);
	assert_int_equal(live(d), 1);
}

static void an_eviction_is_counted_for_the_logins_behind_it(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, c = { 0 }, x = { 0 };

	set_limits(d, 2, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	admit_start(d->db, me, CAROL, "carol", 3, &c);
	admit_start(d->db, me, DAVE, "dave", 3, &x);
	db_wait(d->db);
	assert_int_equal(c.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(c.answer.census.evictable, 1);
	assert_int_equal(x.answer.decision.outcome, SEAT_SERVER_BUSY);
	assert_int_equal(x.answer.census.live, 2);
	assert_int_equal(x.answer.census.evictable, 0);
}

static void a_replaced_session_that_was_marked_is_not_there_for_the_logins_behind_it(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, again = { 0 }, c = { 0 };

	set_limits(d, 2, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	admit_start(d->db, me, ALICE, "alice", 3, &again);
	admit_start(d->db, me, CAROL, "carol", 3, &c);
	db_wait(d->db);
	assert_int_equal(again.answer.ended[0].reason, IM_REASON_REPLACED);
	assert_int_equal(c.answer.census.live, 2);
	assert_int_equal(c.answer.census.evictable, 0);
	assert_int_equal(c.answer.decision.outcome, SEAT_SERVER_BUSY);
}

static void what_a_login_replaces_is_not_its_victim(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a, b, again;

	set_limits(d, 2, 1000, 0);
	a = admit(d->db, me, ALICE, "alice", 1);
	b = admit(d->db, me, BOB, "bob", 1);
	mark(d->db, me, a.answer.session, IM_REASON_EVICTED_SILENT, 2);
	mark(d->db, me, b.answer.session, IM_REASON_EVICTED_SILENT, 3);
	set_limits(d, 1, 1000, 0);
	again = admit(d->db, me, ALICE, "alice", 4);
	assert_int_equal(again.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(again.answer.ended_count, 2);
	assert_int_equal(again.answer.ended[0].session, b.answer.session);
	assert_int_equal(again.answer.ended[0].reason, IM_REASON_EVICTED_SILENT);
	assert_int_equal(again.answer.ended[1].session, a.answer.session);
	assert_int_equal(again.answer.ended[1].reason, IM_REASON_REPLACED);
	assert_int_equal(live(d), 1);
}

struct order { unsigned next, given[3]; };
static struct order *order;
static void second_done(void *ctx, enum db_status status)
{
	(void)status;
	order->given[order->next++] = *(unsigned *)ctx;
}

static void answers_come_in_the_order_of_the_calls_and_never_inside_them(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct order o = { 0 };
	unsigned one = 1, two = 2, three = 3;

	order = &o;
	db_session_end(d->db, me, 999, IM_REASON_LOGOUT, false, second_done, &one);
	db_user_permit(d->db, "", true, second_done, &two);            /* refused at once, answered in turn */
	db_session_activate(d->db, me, 999, second_done, &three);
	assert_int_equal(o.next, 0);
	db_wait(d->db);
	assert_int_equal(o.next, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(o.given[i], i + 1);
}

static void session_ids_are_never_used_again(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	uint64_t last = 0;
	struct error err;

	for (unsigned i = 0; i < 5; i++) {
		struct heard_admit a = admit(d->db, me, ALICE, "alice", i);

		assert_true(a.answer.session > last);
		last = a.answer.session;
		assert_int_equal(end_session(d->db, me, last, IM_REASON_LOGOUT), DB_OK);
		db_close(&d->db);
		d->db = database_open(d, DB_EXISTING, &err);
		assert_non_null(d->db);
	}
}

static void session_ids_end_at_32_bits(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	database_exec(d, d->postgres ? "SELECT setval(pg_get_serial_sequence('emu_IMSession', 'id'), 4294967294)"
		: "INSERT OR REPLACE INTO sqlite_sequence (name, seq) VALUES ('emu_IMSession', 4294967294)");
	assert_int_equal(admit(d->db, me, ALICE, "alice", 1).answer.session, UINT32_MAX);
	assert_int_equal(admit(d->db, me, BOB, "bob", 1).status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(d->db), "used up"));
	assert_int_equal(live(d), 1);
}

static void ending_frees_the_seat_and_keeps_the_reason(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a = admit(d->db, me, ALICE, "alice", 1);

	assert_int_equal(end_session(d->db, me, a.answer.session, IM_REASON_INACTIVE), DB_OK);
	assert_int_equal(live(d), 0);
	assert_int_equal(end_session(d->db, me, a.answer.session, IM_REASON_LOGOUT), DB_OK);   /* free already */
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory WHERE Reason = 'inactive' AND PIN = '2100000A' "
		"AND LoginId = 'login-1' AND Instance = 'collab1'"), 1);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory"), 1);
}

static void history_is_kept_to_a_bound(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a = admit(d->db, me, ALICE, "alice", 1);

	database_exec(d, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20500) INSERT INTO "
		"emu_IMSessionHistory (SessionId, Environment, Instance, ServiceStateId, PIN, IMUser, LoginId, State, Reason, StartedMs, "
		"EndedMs) SELECT i, 'groupwise', 'old', 1, '2100000A', 'alice', '', 'active', 'logout', 0, 0 FROM n");
	end_session(d->db, me, a.answer.session, IM_REASON_LOGOUT);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory"), 20000);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory WHERE Instance = 'collab1'"), 1);
}

static void the_names_of_reasons_are_the_protocols(void **state)
{
	(void)state;
	for (int reason = IM_REASON_LOGOUT; reason <= IM_REASON_SERVICE_LOST; reason++)
		assert_string_equal(seat_reason_name(reason), im_reason_name((uint32_t)reason));
	assert_string_equal(seat_reason_name(SEAT_REASON_OWNER_LOST), "owner-lost");
}

static void a_new_life_of_an_instance_ends_the_seats_of_the_earlier_one(void **state)
{
	struct database *d = *state;
	struct seat_owner old = owner_start(d->db, "collab1", 0), new;
	struct heard_admit a = admit(d->db, old, ALICE, "alice", 1);

	new = owner_start(d->db, "Collab1", 2);
	assert_int_equal(new.id, old.id);
	assert_true(new.epoch > old.epoch);
	assert_int_equal(live(d), 0);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMSessionHistory WHERE Reason = 'owner-lost'"), 1);
	/* The zombie is fenced. */
	assert_int_equal(admit(d->db, old, BOB, "bob", 3).status, DB_CONFLICT);
	assert_int_equal(mark(d->db, old, a.answer.session, 0, 3), DB_CONFLICT);
	assert_int_equal(admit(d->db, new, BOB, "bob", 3).status, DB_OK);
}

static enum db_status renew(struct database *d, struct seat_owner owner, uint64_t now_ms)
{
	struct heard_status heard = { 0 };

	db_owner_renew(d->db, owner, now_ms, 30000, hear_status, &heard);
	db_wait(d->db);
	return heard.status;
}

static void an_expired_lease_gives_its_seats_back_at_the_next_login(void **state)
{
	struct database *d = *state;
	struct seat_owner dead = owner_start(d->db, "collab1", 0), me = owner_start(d->db, "collab2", 0);
	struct heard_admit b;

	set_limits(d, 1, 0, 0);
	admit(d->db, dead, ALICE, "alice", 1000);
	assert_int_equal(admit(d->db, me, BOB, "bob", 30000).answer.decision.outcome, SEAT_SERVER_BUSY);
	assert_int_equal(renew(d, dead, 20000), DB_OK);
	assert_int_equal(admit(d->db, me, BOB, "bob", 50000).answer.decision.outcome, SEAT_SERVER_BUSY);
	b = admit(d->db, me, BOB, "bob", 50001);
	assert_int_equal(b.answer.decision.outcome, SEAT_ADMITTED);
	assert_int_equal(b.answer.census.live, 0);
	/* Had it only slept: its renewal tells it. */
	assert_int_equal(renew(d, dead, 50002), DB_CONFLICT);
	assert_int_equal(renew(d, me, 50002), DB_OK);
}

static void a_lease_from_before_the_clock_started_anew_has_expired(void **state)
{
	struct database *d = *state;
	struct seat_owner dead = owner_start(d->db, "collab1", 500000000), me;

	set_limits(d, 1, 0, 0);
	admit(d->db, dead, ALICE, "alice", 500000001);
	me = owner_start(d->db, "collab2", 10);
	assert_int_equal(admit(d->db, me, BOB, "bob", 20).answer.decision.outcome, SEAT_ADMITTED);
}

static void an_owner_does_not_end_its_own_seats_by_a_late_renewal(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	admit(d->db, me, ALICE, "alice", 1);
	admit(d->db, me, BOB, "bob", 90000);
	assert_int_equal(live(d), 2);
	assert_int_equal(renew(d, me, 90001), DB_OK);
}

static void an_environment_that_is_not_there(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit heard = { 0 };
	struct seat_request request = { .environment = "sametime", .owner = me, .pin = ALICE, .im_user = "alice", .login_id = "x" };

	db_session_admit(d->db, &request, hear_admit, &heard);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_NOT_FOUND);
	assert_string_equal(db_last_error(d->db), "there is no IM environment 'sametime'");
}

static void user_ids_that_no_table_should_hold_are_invalid(void **state)
{
	static const char *const bad[] = { "", "a\nb", "\xff\xfe", "\xc0\x80", "\xed\xa0\x80", "a\x7f" };
	static const char *const good[] = { "J\xc3\xbcrgen", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "o'hara; DROP TABLE x" };
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	char longest[258];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(admit(d->db, me, ALICE, bad[i], 1).status, DB_INVALID);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_int_equal(admit(d->db, me, ALICE, good[i], 1).answer.decision.outcome, SEAT_ADMITTED);
	memset(longest, 'x', sizeof longest - 1);
	longest[257] = '\0';
	assert_int_equal(admit(d->db, me, ALICE, longest, 1).status, DB_INVALID);
	longest[256] = '\0';
	assert_int_equal(admit(d->db, me, ALICE, longest, 1).status, DB_OK);
	assert_int_equal(admit(d->db, me, 0, "alice", 1).status, DB_INVALID);
}

struct listed { size_t count; struct seat_row first; char text[256]; };
static void hear_list(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct listed *listed = ctx;

	assert_int_equal(status, DB_OK);
	listed->count = count;
	if (count) {
		listed->first = rows[0];
		snprintf(listed->text, sizeof listed->text, "%s %s %s %s %s %s", rows[0].user, rows[0].environment, rows[0].instance,
			rows[0].state, rows[0].reason, rows[0].login_id);
	}
}

static void lists_show_the_live_and_the_ended(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);
	struct heard_admit a = admit(d->db, me, ALICE, "alice", 1), b = admit(d->db, me, BOB, "bob", 1);
	struct heard_status heard = { 0 };
	struct listed listed = { 0 };

	db_session_activate(d->db, me, b.answer.session, hear_status, &heard);
	mark(d->db, me, b.answer.session, IM_REASON_EVICTED_SILENT, 1);
	end_session(d->db, me, a.answer.session, IM_REASON_ADMIN);
	db_session_list(d->db, false, 10, hear_list, &listed);
	db_wait(d->db);
	assert_int_equal(heard.status, DB_OK);
	assert_int_equal(listed.count, 1);
	assert_string_equal(listed.text, "bob groupwise collab1 active  login-1");
	assert_int_equal(listed.first.session, b.answer.session);
	assert_int_equal(listed.first.owner, me.id);
	assert_int_equal(listed.first.pin, BOB);
	assert_int_equal(listed.first.mark, IM_REASON_EVICTED_SILENT);
	assert_true(listed.first.started_wall_ms > 1600000000000);
	db_session_list(d->db, true, 10, hear_list, &listed);
	db_wait(d->db);
	assert_int_equal(listed.count, 1);
	assert_string_equal(listed.text, "alice groupwise collab1 connecting admin login-1");
	assert_true(listed.first.ended_wall_ms >= listed.first.started_wall_ms);
	db_session_list(d->db, true, 0, hear_list, &listed);
	db_wait(d->db);
	assert_int_equal(listed.count, 0);
}

static void changed_limits_by_plain_sql_take_effect_at_the_next_login(void **state)
{
	struct database *d = *state;
	struct seat_owner me = owner_start(d->db, "collab1", 0);

	admit(d->db, me, ALICE, "alice", 1);
	database_exec(d, "UPDATE emu_IMServiceConfig SET MaxSessions = 1");
	assert_int_equal(admit(d->db, me, BOB, "bob", 2).answer.decision.outcome, SEAT_SERVER_BUSY);
	database_exec(d, "UPDATE emu_IMServiceConfig SET MaxSessions = 2");
	assert_int_equal(admit(d->db, me, BOB, "bob", 3).answer.decision.outcome, SEAT_ADMITTED);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, with_people, database_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(below_the_maximum_a_login_takes_a_seat),
		TEST(maximum_reached_and_nobody_idle_is_server_busy),
		TEST(maximum_reached_and_a_session_out_of_coverage_gives_way),
		TEST(a_mark_taken_back_protects_the_session),
		TEST(all_marked_sessions_are_ended_unless_set_to_one),
		TEST(eviction_comes_before_the_permission_check),
		TEST(a_pin_that_nobody_has_is_not_permitted),
		TEST(no_maximum_and_capacity_reached),
		TEST(the_same_device_or_user_in_any_case_is_replaced),
		TEST(a_login_can_replace_two_and_one_that_was_marked),
		TEST(a_refused_login_leaves_the_older_session_alone),
		TEST(logins_of_one_round_share_a_transaction_and_the_counts_follow),
		TEST(marks_ends_and_logins_of_one_round_see_each_other),
		TEST(an_eviction_is_counted_for_the_logins_behind_it),
		TEST(a_replaced_session_that_was_marked_is_not_there_for_the_logins_behind_it),
		TEST(what_a_login_replaces_is_not_its_victim),
		TEST(answers_come_in_the_order_of_the_calls_and_never_inside_them),
		TEST(session_ids_are_never_used_again),
		TEST(session_ids_end_at_32_bits),
		TEST(ending_frees_the_seat_and_keeps_the_reason),
		TEST(history_is_kept_to_a_bound),
		TEST(the_names_of_reasons_are_the_protocols),
		TEST(a_new_life_of_an_instance_ends_the_seats_of_the_earlier_one),
		TEST(an_expired_lease_gives_its_seats_back_at_the_next_login),
		TEST(a_lease_from_before_the_clock_started_anew_has_expired),
		TEST(an_owner_does_not_end_its_own_seats_by_a_late_renewal),
		TEST(an_environment_that_is_not_there),
		TEST(user_ids_that_no_table_should_hold_are_invalid),
		TEST(lists_show_the_live_and_the_ended),
		TEST(changed_limits_by_plain_sql_take_effect_at_the_next_login),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
