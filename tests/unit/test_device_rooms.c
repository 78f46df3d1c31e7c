/* What a device does in conversations: typing, and rooms of several people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

#define INVITATION 0x80000000u

/* A room with bob and carol that the service has made. */
static uint32_t open_room(struct handset *b)
{
	const struct bytes users[] = { bytes_str("bob"), bytes_str("carol") };
	struct error err;
	uint32_t room;

	handset_ok(device_room_open(b->device, users, 2, &room, &err), &err);
	handset_await(b, &b->told, "room-opening room=1 text=\"bob, carol\"\n");
	handset_await(b, &b->heard, "#1 ROOM_OPEN session=5 room=1 users=[{user=bob}, {user=carol}]\n");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack room=1");
	return room;
}

static void happen(struct handset *b, uint32_t sequence, uint32_t room, enum im_room_happening what, const char *user)
{
	struct im_room_event event = { .session = HANDSET_SESSION, .room = room, .event = what, .user = bytes_str(user) };

	handset_say(b, &im_room_event_msg, sequence, &event);
}

static void invitation(struct handset *b, uint32_t sequence, uint32_t handle)
{
	struct im_room_event event = {
		.session = HANDSET_SESSION, .room = handle, .event = IM_ROOM_INVITED, .user = bytes_str("bob"), .text = bytes_str("lunch?"),
	};

	handset_say(b, &im_room_event_msg, sequence, &event);
}

static void said(struct handset *b, uint32_t sequence, uint32_t room, const char *text)
{
	struct im_room_message_event event = {
		.session = HANDSET_SESSION, .room = room, .from = bytes_str("bob"), .text = bytes_str(text),
	};

	handset_say(b, &im_room_message_event_msg, sequence, &event);
}

static const struct device_room *room(struct handset *b, uint32_t number)
{
	return device_rooms_find(device_rooms(b->device), number);
}

/* --- typing ------------------------------------------------------------------------------------------------------------ */

static void typing_is_told_once_and_waits_for_no_answer(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	handset_ok(device_typing(b->device, 0, bytes_str("bob"), true, &err), &err);
	handset_await(b, &b->heard, "#1 TYPING session=5 room=0 user=bob on=1\n");
	assert_true(device_is_settled(b->device));
	handset_ok(device_typing(b->device, 0, bytes_str("bob"), false, &err), &err);
	handset_await(b, &b->heard, "#2 TYPING session=5 room=0 user=bob on=0\n");
	handset_pass_ms(b, 30000);
	handset_never(b, &b->heard, "TYPING");
}

static void typing_is_not_kept_for_a_link_to_come(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	device_coverage(b->device, false);
	handset_refused(device_typing(b->device, 0, bytes_str("bob"), true, &err), &err, "cannot tell that you type without a link");
	device_coverage(b->device, true);
	handset_await(b, &b->told, "resumed\n");
	handset_never(b, &b->heard, "TYPING");
}

static void typing_of_others_is_shown_alone_and_in_a_room(void **state)
{
	struct im_typing typing = { .session = HANDSET_SESSION, .user = bytes_str("bob"), .on = 1 };
	struct handset *b = *state;

	handset_log_in(b);
	open_room(b);
	handset_say(b, &im_typing_event_msg, 2, &typing);
	handset_await(b, &b->told, "typing 1 user=bob\n");
	typing.room = 1;
	typing.on = 0;
	handset_say(b, &im_typing_event_msg, 3, &typing);
	handset_await(b, &b->told, "typing room=1 user=bob\n");
	typing.room = 9;
	handset_say(b, &im_typing_event_msg, 4, &typing);
	handset_never(b, &b->told, "typing");
}

/* --- rooms ------------------------------------------------------------------------------------------------------------- */

static void a_room_is_open_when_the_service_says_so(void **state)
{
	const struct bytes users[] = { bytes_str("bob") };
	struct handset *b = *state;
	struct error err;
	uint32_t number;

	handset_log_in(b);
	handset_ok(device_room_open(b->device, users, 1, &number, &err), &err);
	assert_int_equal(number, 1);
	assert_int_equal(room(b, 1)->state, DEVICE_ROOM_PENDING);
	assert_true(device_rooms_pending(device_rooms(b->device)));
	handset_await(b, &b->heard, "#1 ROOM_OPEN");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack room=1");
	assert_int_equal(room(b, 1)->state, DEVICE_ROOM_OPEN);
}

static void a_room_that_could_not_be_made_is_forgotten_and_its_number_not_used_again(void **state)
{
	const struct bytes users[] = { bytes_str("bob") };
	struct handset *b = *state;
	struct error err;
	uint32_t number;

	handset_log_in(b);
	handset_ok(device_room_open(b->device, users, 1, &number, &err), &err);
	handset_await(b, &b->heard, "#1 ROOM_OPEN");
	handset_acknowledge(b, 1, 1, IM_UNREACHABLE);
	handset_await(b, &b->told, "ack room=1 503");
	assert_null(room(b, 1));
	handset_ok(device_room_open(b->device, users, 1, &number, &err), &err);
	assert_int_equal(number, 2);
	handset_await(b, &b->heard, "#2 ROOM_OPEN session=5 room=2 users=[{user=bob}]\n");
}

static void what_is_said_in_a_room_goes_to_the_room(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	open_room(b);
	handset_ok(device_room_say(b->device, 1, bytes_str("hello all"), &err), &err);
	handset_await(b, &b->heard, "#2 ROOM_MESSAGE session=5 room=1 text=\"hello all\"\n");
	handset_ok(device_room_invite(b->device, 1, bytes_str("dave"), bytes_str("join us"), &err), &err);
	handset_await(b, &b->heard, "#3 ROOM_INVITE session=5 room=1 user=dave text=\"join us\"\n");
	handset_ok(device_typing(b->device, 1, (struct bytes){ 0 }, true, &err), &err);
	handset_await(b, &b->heard, "#4 TYPING session=5 room=1 user=\"\" on=1\n");
	said(b, 2, 1, "hello alice");
	handset_await(b, &b->told, "room-message room=1 user=bob text=\"hello alice\"\n");
}

static void a_room_message_is_sent_again_until_it_is_acknowledged(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	open_room(b);
	handset_ok(device_room_say(b->device, 1, bytes_str("hello"), &err), &err);
	handset_await(b, &b->heard, "#2 ROOM_MESSAGE");
	handset_pass_ms(b, 30000);
	handset_await(b, &b->heard, "#2 ROOM_MESSAGE");
	handset_acknowledge(b, 2, 2, IM_OK);
	handset_await(b, &b->told, "ack room=1");
	handset_pass_ms(b, 29999);
	handset_never(b, &b->heard, "ROOM_MESSAGE");
}

static void who_comes_and_goes_is_known(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	open_room(b);
	happen(b, 2, 1, IM_ROOM_JOINED, "bob");
	handset_await(b, &b->told, "room joined room=1 2 user=bob\n");
	happen(b, 3, 1, IM_ROOM_JOINED, "BOB");
	happen(b, 4, 1, IM_ROOM_DECLINED, "carol");
	happen(b, 5, 1, IM_ROOM_OTHER_INVITED, "dave");
	happen(b, 6, 1, IM_ROOM_JOINED, "dave");
	handset_await(b, &b->told, "room declined room=1 4 user=carol\nroom other-invited room=1 5 user=dave\nroom joined room=1 2 user=dave\n");
	assert_int_equal(room(b, 1)->count, 2);
	happen(b, 7, 1, IM_ROOM_LEFT, "bob");
	handset_await(b, &b->told, "room left room=1 3 user=bob\n");
	assert_int_equal(room(b, 1)->count, 1);
	assert_string_equal(room(b, 1)->people[0], "dave");
	happen(b, 8, 1, IM_ROOM_CLOSED, "");
	handset_await(b, &b->told, "room closed room=1 6\n");
	assert_null(room(b, 1));
}

static void an_accepted_invitation_opens_the_room_under_the_services_handle(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	invitation(b, 1, INVITATION);
	handset_await(b, &b->told, "room invited room=1 1 user=bob text=lunch?\n");
	assert_int_equal(room(b, 1)->state, DEVICE_ROOM_INVITED);
	handset_refused(device_room_say(b->device, 1, bytes_str("x"), &err), &err, "the invitation to room 1 is not answered yet");
	handset_ok(device_room_answer(b->device, 1, true, &err), &err);
	handset_await(b, &b->heard, "#1 ROOM_ANSWER session=5 room=2147483648 accept=1\n");
	handset_refused(device_room_answer(b->device, 1, true, &err), &err, "no invitation to room 1 waits for an answer");
	happen(b, 2, INVITATION, IM_ROOM_PRESENT, "bob");
	handset_acknowledge(b, 3, 1, IM_OK);
	handset_await(b, &b->told, "room present room=1 7 user=bob\nack room=1");
	assert_int_equal(room(b, 1)->state, DEVICE_ROOM_OPEN);
	handset_ok(device_room_say(b->device, 1, bytes_str("x"), &err), &err);
	handset_await(b, &b->heard, "#2 ROOM_MESSAGE session=5 room=2147483648 text=x\n");
}

static void a_declined_invitation_is_forgotten(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	invitation(b, 1, INVITATION);
	handset_await(b, &b->told, "room invited room=1");
	handset_ok(device_room_answer(b->device, 1, false, &err), &err);
	handset_await(b, &b->heard, "#1 ROOM_ANSWER session=5 room=2147483648 accept=0\n");
	handset_acknowledge(b, 2, 1, IM_OK);
	handset_await(b, &b->told, "ack room=1");
	assert_null(room(b, 1));
}

static void an_invitation_that_is_not_good_any_more_is_forgotten(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	invitation(b, 1, INVITATION);
	handset_await(b, &b->told, "room invited room=1");
	handset_ok(device_room_answer(b->device, 1, true, &err), &err);
	handset_await(b, &b->heard, "#1 ROOM_ANSWER");
	handset_acknowledge(b, 2, 1, IM_BACKEND_REFUSED);
	handset_await(b, &b->told, "ack room=1 502");
	assert_null(room(b, 1));
}

static void more_invitations_than_a_device_keeps_are_declined(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	for (uint32_t i = 0; i < DEVICE_ROOMS_MAX; i++)
		invitation(b, 1 + i, INVITATION + i);
	handset_await(b, &b->told, "room invited room=64");
	invitation(b, 1 + DEVICE_ROOMS_MAX, INVITATION + DEVICE_ROOMS_MAX);
	handset_await(b, &b->heard, "#1 ROOM_ANSWER session=5 room=2147483712 accept=0\n");
	assert_int_equal(device_rooms(b->device)->count, DEVICE_ROOMS_MAX);
}

static void an_invitation_under_one_of_the_devices_own_handles_is_none(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	invitation(b, 1, IM_ROOM_DEVICE_MAX);
	handset_never(b, &b->told, "room");
	assert_int_equal(device_rooms(b->device)->count, 0);
}

static void a_room_that_was_left_is_forgotten_when_the_service_has_heard_it(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	open_room(b);
	handset_ok(device_room_leave(b->device, 1, &err), &err);
	handset_await(b, &b->heard, "#2 ROOM_LEAVE session=5 room=1\n");
	handset_refused(device_room_say(b->device, 1, bytes_str("x"), &err), &err, "you have left room 1");
	handset_acknowledge(b, 2, 2, IM_OK);
	handset_await(b, &b->told, "ack room=1");
	assert_null(room(b, 1));
	said(b, 3, 1, "late");
	handset_never(b, &b->told, "room-message");
}

static void rooms_end_with_the_session(void **state)
{
	struct im_forced_logout out = { .session = HANDSET_SESSION, .reason = IM_REASON_ADMIN };
	struct handset *b = *state;

	handset_log_in(b);
	open_room(b);
	handset_say(b, &im_forced_logout_msg, 2, &out);
	handset_await(b, &b->told, "forced-logout");
	assert_int_equal(device_rooms(b->device)->count, 0);
}

static void what_makes_no_sense_in_a_room_is_refused_in_words(void **state)
{
	struct bytes users[IM_ROOM_USERS_MAX + 1];
	struct handset *b = *state;
	struct error err;
	uint32_t number;

	for (size_t i = 0; i < IM_ROOM_USERS_MAX + 1; i++)
		users[i] = bytes_str("bob");
	handset_refused(device_room_open(b->device, users, 1, &number, &err), &err, "cannot open a room while logged-out");
	handset_refused(device_typing(b->device, 0, bytes_str("bob"), true, &err), &err, "cannot tell that you type while logged-out");
	handset_log_in(b);
	handset_refused(device_room_open(b->device, users, IM_ROOM_USERS_MAX + 1, &number, &err), &err,
		"a room is made with at most 16 people, not 17; invite the others then");
	handset_refused(device_room_say(b->device, 7, bytes_str("x"), &err), &err, "there is no room 7");
	handset_refused(device_typing(b->device, 7, (struct bytes){ 0 }, true, &err), &err, "there is no room 7");
	users[0] = (struct bytes){ 0 };
	handset_refused(device_room_open(b->device, users, 1, &number, &err), &err, "a user ID has 1 to 256 bytes, not 0");
	open_room(b);
	handset_refused(device_room_answer(b->device, 1, true, &err), &err, "no invitation to room 1 waits for an answer");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handset_set_up, handset_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(typing_is_told_once_and_waits_for_no_answer),
		TEST(typing_is_not_kept_for_a_link_to_come),
		TEST(typing_of_others_is_shown_alone_and_in_a_room),
		TEST(a_room_is_open_when_the_service_says_so),
		TEST(a_room_that_could_not_be_made_is_forgotten_and_its_number_not_used_again),
		TEST(what_is_said_in_a_room_goes_to_the_room),
		TEST(a_room_message_is_sent_again_until_it_is_acknowledged),
		TEST(who_comes_and_goes_is_known),
		TEST(an_accepted_invitation_opens_the_room_under_the_services_handle),
		TEST(a_declined_invitation_is_forgotten),
		TEST(an_invitation_that_is_not_good_any_more_is_forgotten),
		TEST(more_invitations_than_a_device_keeps_are_declined),
		TEST(an_invitation_under_one_of_the_devices_own_handles_is_none),
		TEST(a_room_that_was_left_is_forgotten_when_the_service_has_heard_it),
		TEST(rooms_end_with_the_session),
		TEST(what_makes_no_sense_in_a_room_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
