/* Conversations of several: opened, joined, left and spoken in, between a played dispatcher and a played GroupWise server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

/* The first that the played server makes, and one that somebody else has made. */
#define OURS "[00000001-00000000-00000001-0001-0000]"
#define OURS_ON_THE_WIRE "NM_A_FA_CONVERSATION:9[NM_A_SZ_OBJECT_ID=" OURS "]"
#define THEIRS "[000000AA-00000000-00000001-0001-0000]"
#define THEIRS_AGAIN "[000000AA-00000000-00000001-0077-0000]"
#define THEIRS_ON_THE_WIRE "NM_A_FA_CONVERSATION:9[NM_A_SZ_OBJECT_ID=" THEIRS "]"

static void happens(struct collab_bench *b, uint32_t type, const char *user, const char *conference, const char *text)
{
	char dn[64];

	snprintf(dn, sizeof dn, "CN=%s,O=test", user);
	fake_groupwise_event(&b->groupwise, "alice", &(struct gw_event){ .type = type, .source = bytes_str(dn),
		.conference = bytes_str(conference), .text = bytes_str(text) });
}

static struct im_room_event expect_event(struct collab_bench *b, uint32_t event, const char *user)
{
	struct im_room_event got = { 0 };

	bench_expect(b, ALICE, &im_room_event_msg, NULL, &got);
	assert_string_equal(im_room_happening_name(got.event), im_room_happening_name(event));
	assert_true(bytes_is(got.user, user));
	return got;
}

static void up(struct collab_bench *b, const struct wire_msg *msg, uint32_t sequence, const void *in)
{
	fake_dispatcher_up(&b->dispatcher, ALICE, msg, sequence, in);
}

static void expect_script(struct collab_bench *b, const char *script)
{
	bench_settle(b);
	assert_string_equal(b->groupwise.script, script);
	b->groupwise.script[0] = '\0';
}

/* Room 5 with bob. */
static uint32_t open_room(struct collab_bench *b)
{
	uint32_t alice = bench_login(b, ALICE, "alice");

	up(b, &im_room_open_msg, 1, &(struct im_room_open){ .session = alice, .room = 5, .count = 1, .users = { { bytes_str("bob") } } });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	expect_script(b, "sendinvite " OURS_ON_THE_WIRE " NM_A_SZ_DN:13=CN=bob,O=test\n");
	return alice;
}

static uint32_t invited_room(struct collab_bench *b)
{
	struct im_room_event event;

	happens(b, GW_EVENT_INVITATION, "bob", THEIRS, "join {us}");
	event = expect_event(b, IM_ROOM_INVITED, "bob");
	assert_true(bytes_is(event.text, "join {us}"));
	assert_true(event.room > IM_ROOM_DEVICE_MAX);
	return event.room;
}

/* --- one's own ------------------------------------------------------------------------------------------------------------ */

static void a_room_is_made_for_oneself_and_all_are_invited(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	assert_int_equal(b->groupwise.last_conference_had, 1);
	happens(b, GW_EVENT_JOINED, "bob", OURS, "");
	assert_int_equal(expect_event(b, IM_ROOM_JOINED, "bob").room, 5);
	up(b, &im_room_invite_msg, 2, &(struct im_room_invite){ .session = alice, .room = 5, .user = bytes_str("carol"),
		.text = bytes_str("you too") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	expect_script(b, "sendinvite " OURS_ON_THE_WIRE
		" NM_A_SZ_DN:13=CN=carol,O=test NM_A_SZ_MESSAGE_BODY=you too\n");
	happens(b, GW_EVENT_REJECTED, "carol", OURS, "");
	expect_event(b, IM_ROOM_DECLINED, "carol");
	happens(b, GW_EVENT_OTHER_INVITED, "erin", OURS, "");
	assert_true(bytes_is(expect_event(b, IM_ROOM_OTHER_INVITED, "erin").name, "erin Example"));
	happens(b, GW_EVENT_LEFT, "bob", OURS, "");
	expect_event(b, IM_ROOM_LEFT, "bob");
}

static void who_cannot_be_invited_when_a_room_is_made_counts_as_declined(void **state)
{
	struct collab_bench *b = *state;
	struct im_room_event event;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.next_code = GW_NOT_REACHABLE;
	up(b, &im_room_open_msg, 1, &(struct im_room_open){ .session = alice, .room = 7, .count = 3,
		.users = { { bytes_str("bob") }, { bytes_str("carol") }, { bytes_str("nobody") } } });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	event = expect_event(b, IM_ROOM_DECLINED, "bob");
	assert_true(bytes_is(event.text, "D135: the user is offline or has blocked the sender"));
	event = expect_event(b, IM_ROOM_DECLINED, "nobody");
	assert_true(bytes_is(event.text, "D10D: user not found"));
	bench_settle(b);
	assert_int_equal(b->groupwise.scripted, 2);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_ROOM_EVENT), 2);
}

static void a_refused_invitation_into_a_room_is_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	b->groupwise.next_code = GW_ALREADY_PARTICIPANT;
	up(b, &im_room_invite_msg, 2, &(struct im_room_invite){ .session = alice, .room = 5, .user = bytes_str("bob") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
	up(b, &im_room_invite_msg, 3, &(struct im_room_invite){ .session = alice, .room = 6, .user = bytes_str("bob") });
	assert_int_equal(bench_ack(b, ALICE, 3), IM_BACKEND_REFUSED);
}

static void a_handle_is_free_again_after_leaving(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	up(b, &im_room_open_msg, 2, &(struct im_room_open){ .session = alice, .room = 5 });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
	up(b, &im_room_leave_msg, 3, &(struct im_room_leave){ .session = alice, .room = 5 });
	assert_int_equal(bench_ack(b, ALICE, 3), IM_OK);
	expect_script(b, "leaveconf " OURS_ON_THE_WIRE "\n");
	up(b, &im_room_leave_msg, 4, &(struct im_room_leave){ .session = alice, .room = 5 });
	assert_int_equal(bench_ack(b, ALICE, 4), IM_BACKEND_REFUSED);
	up(b, &im_room_open_msg, 5, &(struct im_room_open){ .session = alice, .room = 5 });
	assert_int_equal(bench_ack(b, ALICE, 5), IM_OK);
}

static void handles_of_the_services_range_are_not_the_devices_to_pick(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	up(b, &im_room_open_msg, 1, &(struct im_room_open){ .session = alice, .room = 0x80000000u });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_BACKEND_REFUSED);
	up(b, &im_room_open_msg, 2, &(struct im_room_open){ .session = alice, .room = 0 });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
	assert_int_equal(b->groupwise.conferences, 0);
}

/* --- others' -------------------------------------------------------------------------------------------------------------- */

static void an_invitation_is_accepted_and_who_is_there_is_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, room;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	room = invited_room(b);
	up(b, &im_room_answer_msg, 1, &(struct im_room_answer){ .session = alice, .room = room, .accept = 1 });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	expect_script(b, "joinconf " THEIRS_ON_THE_WIRE "\n");
	assert_int_equal(expect_event(b, IM_ROOM_PRESENT, "bob").room, room);
	assert_true(bytes_is(expect_event(b, IM_ROOM_OTHER_INVITED, "erin").name, "erin Example"));
	happens(b, GW_EVENT_CONFERENCE_CLOSED, "bob", THEIRS_AGAIN, "");
	assert_int_equal(expect_event(b, IM_ROOM_CLOSED, "").room, room);
	up(b, &im_room_message_msg, 2, &(struct im_room_message){ .session = alice, .room = room, .text = bytes_str("hello?") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
}

static void an_invitation_is_declined(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice, room;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	room = invited_room(b);
	up(b, &im_room_answer_msg, 1, &(struct im_room_answer){ .session = alice, .room = room });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	expect_script(b, "rejectconf " THEIRS_ON_THE_WIRE "\n");
	up(b, &im_room_answer_msg, 2, &(struct im_room_answer){ .session = alice, .room = room, .accept = 1 });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
}

static void a_room_that_is_gone_cannot_be_joined(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice, room;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	room = invited_room(b);
	b->groupwise.next_code = GW_NO_CONFERENCE;
	up(b, &im_room_answer_msg, 1, &(struct im_room_answer){ .session = alice, .room = room, .accept = 1 });
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.code, IM_BACKEND_REFUSED);
	assert_true(bytes_is(ack.text, "D12B: conference not found"));
	assert_int_not_equal(invited_room(b), room);
}

static void a_strangers_invitation_waits_for_his_details(void **state)
{
	struct collab_bench *b = *state;

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	happens(b, GW_EVENT_INVITATION, "frank", THEIRS, "");
	assert_true(bytes_is(expect_event(b, IM_ROOM_INVITED, "frank").name, "frank Example"));
}

static void more_invitations_than_a_session_holds_are_declined(void **state)
{
	struct collab_bench *b = *state;
	char conference[64];

	bench_start(b, (struct bench_limits){ 0 });
	bench_login(b, ALICE, "alice");
	for (unsigned i = 0; i < 33; i++) {
		snprintf(conference, sizeof conference, "[000000%02X-00000000-00000001-0001-0000]", i);
		happens(b, GW_EVENT_INVITATION, "bob", conference, "");
	}
	bench_until(b, b->groupwise.scripted == 1);
	bench_settle(b);
	assert_non_null(strstr(b->groupwise.script, "rejectconf"));
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_ROOM_EVENT), 32);
}

/* --- talking -------------------------------------------------------------------------------------------------------------- */

static void what_is_said_in_a_room_is_told_apart_by_its_conference(void **state)
{
	struct collab_bench *b = *state;
	struct im_room_message_event in_room;
	struct im_message_event alone;
	struct im_typing typing;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	happens(b, GW_EVENT_JOINED, "bob", OURS, "");
	expect_event(b, IM_ROOM_JOINED, "bob");
	up(b, &im_room_message_msg, 2, &(struct im_room_message){ .session = alice, .room = 5, .text = bytes_str("to all") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	assert_string_equal(b->groupwise.last_conference, OURS);
	assert_string_equal(b->groupwise.last_to, "bob");

	/* A message to bob alone goes into a conference of its own, although bob alone is in the room. */
	bench_message(b, ALICE, alice, 3, "bob", "to you");
	assert_int_equal(bench_ack(b, ALICE, 3), IM_OK);
	assert_string_not_equal(b->groupwise.last_conference, OURS);
	assert_int_equal(b->groupwise.last_conference_had, 2);
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", OURS, "in here");
	bench_expect(b, ALICE, &im_room_message_event_msg, NULL, &in_room);
	assert_int_equal(in_room.room, 5);
	assert_true(bytes_is(in_room.from, "bob"));
	assert_true(bytes_is(in_room.text, "in here"));
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", b->groupwise.last_conference, "out there");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &alone);
	assert_true(bytes_is(alone.text, "out there"));

	happens(b, GW_EVENT_TYPING, "bob", OURS, "");
	bench_expect(b, ALICE, &im_typing_event_msg, NULL, &typing);
	assert_int_equal(typing.room, 5);
	up(b, &im_typing_msg, 4, &(struct im_typing){ .session = alice, .room = 5, .on = 1 });
	bench_until(b, b->groupwise.typing == 1);
	assert_string_equal(b->groupwise.last_typing, "112 " OURS);
}

static void a_room_that_the_server_forgot_is_closed(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	b->groupwise.send_code = GW_NO_CONFERENCE;
	up(b, &im_room_message_msg, 2, &(struct im_room_message){ .session = alice, .room = 5, .text = bytes_str("anybody?") });
	assert_int_equal(expect_event(b, IM_ROOM_CLOSED, "").room, 5);
	assert_int_equal(bench_ack(b, ALICE, 2), IM_BACKEND_REFUSED);
}

static void who_missed_a_message_in_a_room_is_told(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	up(b, &im_room_message_msg, 2, &(struct im_room_message){ .session = alice, .room = 5, .text = bytes_str("all here?") });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	happens(b, GW_EVENT_UNDELIVERABLE, "carol", OURS, "");
	bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
	assert_int_equal(ack.sequence, 2);
	assert_int_equal(ack.code, IM_NOT_DELIVERED);
	assert_true(bytes_is(ack.text, "carol"));
}

static void a_missed_message_may_be_told_before_it_is_answered(void **state)
{
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = open_room(b);
	happens(b, GW_EVENT_JOINED, "carol", OURS, "");
	expect_event(b, IM_ROOM_JOINED, "carol");
	b->groupwise.nobody_home_first = true;
	for (uint32_t i = 2; i <= 3; i++) {
		up(b, &im_room_message_msg, i, &(struct im_room_message){ .session = alice, .room = 5, .text = bytes_str("all here?") });
		bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
		assert_int_equal(ack.sequence, i);
		assert_int_equal(ack.code, IM_NOT_DELIVERED);
		assert_true(bytes_is(ack.text, "carol"));
	}
}

/* --- a conversation that grows -------------------------------------------------------------------------------------------- */

static void a_conversation_that_a_third_joins_becomes_a_room_when_the_user_agrees(void **state)
{
	struct collab_bench *b = *state;
	struct im_room_message_event in_room;
	struct im_message_event alone;
	uint32_t alice, room;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", THEIRS, "knock");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &alone);
	happens(b, GW_EVENT_OTHER_INVITED, "carol", THEIRS, "");
	room = expect_event(b, IM_ROOM_INVITED, "bob").room;
	happens(b, GW_EVENT_JOINED, "carol", THEIRS, "");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", THEIRS, "still to you");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &alone);
	assert_true(bytes_is(alone.text, "still to you"));

	/* What is answered to bob alone must not be heard by carol. */
	bench_message(b, ALICE, alice, 1, "bob", "between us");
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	assert_string_not_equal(b->groupwise.last_conference, THEIRS);
	up(b, &im_room_answer_msg, 2, &(struct im_room_answer){ .session = alice, .room = room, .accept = 1 });
	assert_int_equal(bench_ack(b, ALICE, 2), IM_OK);
	expect_event(b, IM_ROOM_PRESENT, "bob");
	expect_event(b, IM_ROOM_PRESENT, "carol");
	assert_int_equal(b->groupwise.scripted, 0);
	fake_groupwise_say(&b->groupwise, "alice", "CN=carol,O=test", THEIRS, "hi all");
	bench_expect(b, ALICE, &im_room_message_event_msg, NULL, &in_room);
	assert_int_equal(in_room.room, room);
}

static void a_conversation_that_grew_is_left_when_the_user_declines(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event alone;
	uint32_t alice, room;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", THEIRS, "knock");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &alone);
	happens(b, GW_EVENT_JOINED, "carol", THEIRS, "");
	room = expect_event(b, IM_ROOM_INVITED, "bob").room;
	up(b, &im_room_answer_msg, 1, &(struct im_room_answer){ .session = alice, .room = room });
	assert_int_equal(bench_ack(b, ALICE, 1), IM_OK);
	expect_script(b, "leaveconf " THEIRS_ON_THE_WIRE "\n");
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_room_is_made_for_oneself_and_all_are_invited),
		T(who_cannot_be_invited_when_a_room_is_made_counts_as_declined),
		T(a_refused_invitation_into_a_room_is_told),
		T(a_handle_is_free_again_after_leaving),
		T(handles_of_the_services_range_are_not_the_devices_to_pick),
		T(an_invitation_is_accepted_and_who_is_there_is_told),
		T(an_invitation_is_declined),
		T(a_room_that_is_gone_cannot_be_joined),
		T(a_strangers_invitation_waits_for_his_details),
		T(more_invitations_than_a_session_holds_are_declined),
		T(what_is_said_in_a_room_is_told_apart_by_its_conference),
		T(a_room_that_the_server_forgot_is_closed),
		T(who_missed_a_message_in_a_room_is_told),
		T(a_missed_message_may_be_told_before_it_is_answered),
		T(a_conversation_that_a_third_joins_becomes_a_room_when_the_user_agrees),
		T(a_conversation_that_grew_is_left_when_the_user_declines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
