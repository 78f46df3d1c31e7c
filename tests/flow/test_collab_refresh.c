/* What the user changes in another client of his reaches the device: between a played dispatcher and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "collab/groupwise_refresh.h"
#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

/* Elsewhere bob is renamed and moved, carol removed, erin added, and bob has gone away. */
static const struct fake_entry other_list[4] = { { "bob", "Bobby", "5", "4" }, { "erin", "Erin E.", "0", "3" } };

static void change_elsewhere(struct collab_bench *b)
{
	memcpy(b->groupwise.list, other_list, sizeof other_list);
}

static void tell_of_change(struct collab_bench *b)
{
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_CONTACT_ADDED,
		.source = bytes_str("CN=alice,O=test") });
	bench_settle(b);
}

static void expect_contact(struct collab_bench *b, uint32_t action, const char *user, const char *name, const char *folder)
{
	struct im_contact_event got = { 0 };

	bench_expect(b, ALICE, &im_contact_event_msg, NULL, &got);
	assert_string_equal(im_contact_action_name(got.action), im_contact_action_name(action));
	assert_true(bytes_is(got.user, user));
	assert_true(bytes_is(got.name, name));
	assert_true(bytes_is(got.folder, folder));
}

static void expect_other_list(struct collab_bench *b)
{
	struct im_presence_event presence;

	bench_expect(b, ALICE, &im_presence_event_msg, NULL, &presence);
	assert_true(bytes_is(presence.user, "bob"));
	assert_int_equal(presence.presence, IM_AWAY);
	expect_contact(b, IM_CONTACT_RENAME, "bob", "Bobby", "Friends");
	expect_contact(b, IM_CONTACT_MOVE, "bob", "Bobby", "Friends");
	expect_contact(b, IM_CONTACT_REMOVE, "carol", "carol", "");
	expect_contact(b, IM_CONTACT_ADD, "erin", "Erin E.", "");
}

static void expect_block(struct collab_bench *b, const char *user, bool blocked)
{
	struct im_block got = { 0 };

	bench_expect(b, ALICE, &im_block_event_msg, NULL, &got);
	assert_true(bytes_is(got.user, user));
	assert_int_equal(got.blocked, blocked);
}

static void say(struct collab_bench *b, uint32_t session, uint32_t sequence)
{
	bench_message(b, ALICE, session, sequence, "bob", "hello");
	assert_int_equal(bench_ack(b, ALICE, sequence), IM_OK);
}

static void a_change_made_elsewhere_reaches_the_device_and_disturbs_nothing(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	say(b, alice, 1);
	change_elsewhere(b);
	tell_of_change(b);
	expect_other_list(b);
	bench_until(b, b->groupwise.open == 1);
	assert_int_equal(b->groupwise.logins, 2);
	assert_int_equal(b->groupwise.logouts, 1);
	/* The same conference as before; nothing is told twice. */
	say(b, alice, 2);
	assert_int_equal(b->groupwise.conferences, 1);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_CONTACT_EVENT), 4);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_PRESENCE_EVENT), 1);
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", "[000000AA-00000000-00000001-0001-0000]", "hi");
	bench_until(b, fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_MESSAGE_EVENT) == 1);
}

static void privacy_changed_elsewhere_reaches_the_device(void **state)
{
	struct collab_bench *b = *state;

	b->groupwise.denied[0] = "carol";
	b->groupwise.allowed[0] = "bob";
	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	expect_block(b, "carol", true);
	expect_block(b, "bob", false);
	b->groupwise.denied[0] = "erin";
	tell_of_change(b);
	expect_block(b, "carol", false);
	expect_block(b, "erin", true);
	b->groupwise.denies = true;
	b->groupwise.allowed[0] = NULL;
	tell_of_change(b);
	bench_advance(b, REFRESH_APART_MS);
	expect_block(b, "", true);
	expect_block(b, "bob", true);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_BLOCK_EVENT), 6);
}

static void a_burst_of_changes_is_read_once_and_once_more(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	tell_of_change(b);
	bench_until(b, b->groupwise.logouts == 1);
	for (int i = 0; i < 5; i++)
		tell_of_change(b);
	bench_advance(b, REFRESH_APART_MS - 1);
	assert_int_equal(b->groupwise.logins, 2);
	bench_advance(b, 1);
	bench_until(b, b->groupwise.logouts == 2);
	bench_advance(b, 3600000);
	assert_int_equal(b->groupwise.logins, 3);
}

static void where_a_user_has_one_session_it_goes_on_on_the_new_connection(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	b->groupwise.one_session = true;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_presence_set_msg, 1, &(struct im_presence_set){ .session = alice,
		.presence = IM_BUSY, .text = bytes_str("writing") });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	say(b, alice, 2);
	change_elsewhere(b);
	b->groupwise.last_status[0] = '\0';
	tell_of_change(b);
	expect_other_list(b);
	bench_until(b, b->groupwise.open == 1 && b->groupwise.last_status[0]);
	assert_string_equal(b->groupwise.last_status, "3");
	assert_int_equal(b->groupwise.logouts, 0);
	say(b, alice, 3);
	assert_int_equal(b->groupwise.conferences, 2);
	/* Nobody can change anything elsewhere here: no more logins. */
	tell_of_change(b);
	bench_advance(b, 60000);
	assert_int_equal(b->groupwise.logins, 2);
	say(b, alice, 4);
	/* Another login is another client's from now on. */
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_ELSEWHERE });
	assert_int_equal(bench_forced_logout(b, ALICE, alice), IM_REASON_ELSEWHERE);
}

static void what_waited_on_the_connection_that_ended_is_said_again_on_the_new_one(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	b->groupwise.one_session = true;
	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	say(b, alice, 1);
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_CONTACT_ADDED });
	bench_until(b, b->groupwise.open == 2);
	b->groupwise.swallow = true;
	bench_message(b, ALICE, alice, 2, "bob", "do not lose me");
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_string_equal(b->groupwise.last_text, "do not lose me");
	assert_int_equal(b->groupwise.logins, 2);
	assert_int_equal(b->groupwise.conferences, 2);
	assert_int_equal(b->groupwise.messages, 2);
}

static void a_room_is_not_ended_to_find_out(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_room_open_msg, 1, &(struct im_room_open){ .session = alice, .room = 7 });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	change_elsewhere(b);
	tell_of_change(b);
	bench_advance(b, 5000);
	assert_int_equal(b->groupwise.logins, 1);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_room_leave_msg, 2, &(struct im_room_leave){ .session = alice, .room = 7 });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	bench_advance(b, 1000);
	expect_other_list(b);
	bench_until(b, b->groupwise.logouts == 1);

	/* Several sessions are known to be possible now, and a room is in nobody's way. */
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_room_open_msg, 3, &(struct im_room_open){ .session = alice, .room = 8 });
	assert_int_equal(bench_ack(b, ALICE, 3), IM_OK);
	tell_of_change(b);
	bench_advance(b, 1000);
	bench_until(b, b->groupwise.logouts == 2);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_room_message_msg, 4, &(struct im_room_message){ .session = alice, .room = 8,
		.text = bytes_str("still here") });
	assert_int_equal(bench_ack(b, ALICE, 4), IM_OK);
}

static void a_login_that_fails_leaves_the_session_alone_and_is_tried_again(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	change_elsewhere(b);
	b->groupwise.login_code = GW_SERVER_BUSY;
	tell_of_change(b);
	bench_until(b, b->groupwise.rejected == 1);
	bench_advance(b, 1999);
	assert_int_equal(b->groupwise.rejected, 1);
	bench_advance(b, 1);
	bench_until(b, b->groupwise.rejected == 2);
	say(b, alice, 1);
	b->groupwise.login_code = 0;
	b->groupwise.drop_login = true;
	bench_advance(b, 4000);
	bench_until(b, !b->groupwise.drop_login);
	say(b, alice, 2);
	bench_advance(b, 8000);
	expect_other_list(b);
	say(b, alice, 3);
	assert_int_equal(b->groupwise.conferences, 1);
}

static void a_password_that_is_refused_is_not_tried_again(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.login_code = GW_BAD_CREDENTIALS;
	tell_of_change(b);
	bench_until(b, b->groupwise.rejected == 1);
	tell_of_change(b);
	bench_advance(b, 3600000);
	assert_int_equal(b->groupwise.rejected, 1);
	say(b, alice, 1);
}

static void it_is_read_again_as_often_as_the_setting_says(void **state)
{
	struct collab_bench *b = *state;

	b->settings.list_refresh_ms = 60000;
	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	change_elsewhere(b);
	bench_advance(b, 59999);
	assert_int_equal(b->groupwise.logins, 1);
	bench_advance(b, 1);
	expect_other_list(b);
	bench_until(b, b->groupwise.logouts == 1);
	bench_advance(b, 60000);
	bench_until(b, b->groupwise.logouts == 2);
}

static void a_logout_in_the_middle_of_it(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = GW_EVENT_CONTACT_ADDED });
	bench_until(b, b->groupwise.open == 2);
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_logout_msg, 1, &(struct im_session){ .session = alice });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	bench_until(b, b->groupwise.open == 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(a_change_made_elsewhere_reaches_the_device_and_disturbs_nothing),
		T(privacy_changed_elsewhere_reaches_the_device),
		T(a_burst_of_changes_is_read_once_and_once_more),
		T(where_a_user_has_one_session_it_goes_on_on_the_new_connection),
		T(what_waited_on_the_connection_that_ended_is_said_again_on_the_new_one),
		T(a_room_is_not_ended_to_find_out),
		T(a_login_that_fails_leaves_the_session_alone_and_is_tried_again),
		T(a_password_that_is_refused_is_not_tried_again),
		T(it_is_read_again_as_often_as_the_setting_says),
		T(a_logout_in_the_middle_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
