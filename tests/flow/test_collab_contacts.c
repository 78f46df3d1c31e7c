/* Changes of the contact list, between a played dispatcher and a played GroupWise server. Everybody's list begins with the folder Team
 * (id 1), and bob (2) and carol (3) in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/codes.h"
#include "tests/support/collab_bench.h"

#define BOB_WAS "NM_A_FA_CONTACT/2:9[NM_A_SZ_OBJECT_ID=2 NM_A_SZ_PARENT_ID=1 NM_A_SZ_SEQUENCE_NUMBER=0 " \
	"NM_A_SZ_DISPLAY_NAME=bob NM_A_SZ_DN=CN=bob,O=test]"

static uint32_t change(struct collab_bench *b, uint32_t session, uint32_t sequence, uint32_t action, const char *user,
	const char *name, const char *folder)
{
	fake_dispatcher_up(&b->dispatcher, ALICE, &im_contact_change_msg, sequence, &(struct im_contact_change){ .session = session,
		.action = action, .user = bytes_str(user), .name = bytes_str(name), .folder = bytes_str(folder) });
	return bench_ack(b, ALICE, sequence);
}

static struct im_contact_event expect_change(struct collab_bench *b, uint32_t action, const char *user, const char *name,
	const char *folder)
{
	struct im_contact_event got = { 0 };

	bench_expect(b, ALICE, &im_contact_event_msg, NULL, &got);
	assert_string_equal(im_contact_action_name(got.action), im_contact_action_name(action));
	assert_true(bytes_is(got.user, user));
	assert_true(bytes_is(got.name, name));
	assert_true(bytes_is(got.folder, folder));
	return got;
}

static void expect_script(struct collab_bench *b, const char *script)
{
	assert_string_equal(b->groupwise.script, script);
	b->groupwise.script[0] = '\0';
}

static void a_contact_is_added_to_a_folder_that_is_made_for_it(void **state)
{
	struct collab_bench *b = *state;
	struct im_contact_event event;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_ADD, "erin", "", "New & old"), IM_OK);
	event = expect_change(b, IM_CONTACT_ADD, "erin", "erin Example", "New & old");
	assert_int_equal(event.presence, IM_AVAILABLE);
	expect_script(b, "createfolder NM_A_SZ_PARENT_ID=0 NM_A_SZ_DISPLAY_NAME=New & old NM_A_SZ_SEQUENCE_NUMBER=-1\n"
		"createcontact NM_A_SZ_PARENT_ID=10 NM_A_SZ_USERID=erin\n");

	/* The folder is there now, and a name may be given. */
	assert_int_equal(change(b, alice, 2, IM_CONTACT_ADD, "frank", "Franky", "New & old"), IM_OK);
	expect_change(b, IM_CONTACT_ADD, "frank", "Franky", "New & old");
	expect_script(b, "createcontact NM_A_SZ_PARENT_ID=10 NM_A_SZ_USERID=frank NM_A_SZ_DISPLAY_NAME=Franky\n");
	assert_int_equal(change(b, alice, 3, IM_CONTACT_ADD, "grace", "", ""), IM_OK);
	expect_change(b, IM_CONTACT_ADD, "grace", "grace Example", "");
	expect_script(b, "createcontact NM_A_SZ_PARENT_ID=0 NM_A_SZ_USERID=grace\n");
}

static void status_is_asked_for_where_the_details_are_not_told(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_ADD, "nobody", "Ghost", ""), IM_OK);
	assert_int_equal(expect_change(b, IM_CONTACT_ADD, "nobody", "Ghost", "").presence, IM_BUSY);
}

static void a_contact_is_renamed(void **state)
{
	struct collab_bench *b = *state;
	struct im_message_event said;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_RENAME, "bob", "Bobby", ""), IM_OK);
	expect_change(b, IM_CONTACT_RENAME, "bob", "Bobby", "Team");
	expect_script(b, "updateitem NM_A_FA_CONTACT_LIST:9[" BOB_WAS " NM_A_FA_CONTACT/5:9[NM_A_SZ_OBJECT_ID=2 NM_A_SZ_PARENT_ID=1 "
		"NM_A_SZ_SEQUENCE_NUMBER=0 NM_A_SZ_DISPLAY_NAME=Bobby NM_A_SZ_DN=CN=bob,O=test]]\n");
	fake_groupwise_say(&b->groupwise, "alice", "CN=bob,O=test", "[000000AA-00000000-00000001-0001-0000]", "hi");
	bench_expect(b, ALICE, &im_message_event_msg, NULL, &said);
	assert_true(bytes_is(said.name, "Bobby"));
	assert_int_equal(change(b, alice, 2, IM_CONTACT_RENAME, "bob", "", ""), IM_BACKEND_REFUSED);
	expect_script(b, "");
}

static void a_contact_is_moved(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_MOVE, "bob", "", ""), IM_OK);
	expect_change(b, IM_CONTACT_MOVE, "bob", "bob", "");
	expect_script(b, "movecontact NM_A_FA_CONTACT_LIST:9[" BOB_WAS "] NM_A_SZ_SEQUENCE_NUMBER=-1 NM_A_SZ_PARENT_ID=0\n");
	assert_int_equal(change(b, alice, 2, IM_CONTACT_MOVE, "bob", "", "Friends"), IM_OK);
	expect_change(b, IM_CONTACT_MOVE, "bob", "bob", "Friends");
	b->groupwise.script[0] = '\0';
	assert_int_equal(change(b, alice, 3, IM_CONTACT_MOVE, "bob", "", "Friends"), IM_OK);
	expect_script(b, "");
}

static void a_contact_is_removed_and_his_presence_is_no_longer_on_the_list(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_REMOVE, "bob", "", ""), IM_OK);
	expect_change(b, IM_CONTACT_REMOVE, "bob", "bob", "");
	expect_script(b, "deletecontact NM_A_SZ_PARENT_ID=1 NM_A_SZ_OBJECT_ID=2\n");
	assert_int_equal(change(b, alice, 2, IM_CONTACT_REMOVE, "bob", "", ""), IM_BACKEND_REFUSED);
	assert_int_equal(change(b, alice, 3, IM_CONTACT_ADD, "bob", "", "Team"), IM_OK);
	expect_change(b, IM_CONTACT_ADD, "bob", "bob Example", "Team");
}

static void who_stands_in_two_folders_is_shown_once_and_removed_from_both(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	assert_int_equal(change(b, alice, 1, IM_CONTACT_ADD, "bob", "", "Friends"), IM_OK);
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_CONTACT_EVENT), 0);
	b->groupwise.script[0] = '\0';
	assert_int_equal(change(b, alice, 2, IM_CONTACT_REMOVE, "bob", "", ""), IM_OK);
	expect_script(b, "deletecontact NM_A_SZ_PARENT_ID=1 NM_A_SZ_OBJECT_ID=2\n"
		"deletecontact NM_A_SZ_PARENT_ID=10 NM_A_SZ_OBJECT_ID=11\n");
	expect_change(b, IM_CONTACT_REMOVE, "bob", "bob", "");
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_CONTACT_EVENT), 1);
}

static void a_refusal_is_told_in_the_servers_words(void **state)
{
	static const struct { uint32_t action, code; const char *text; } rows[] = {
		{ IM_CONTACT_ADD, GW_CONTACT_EXISTS, "D127: the contact is in that folder already" },
		{ IM_CONTACT_ADD, GW_TOO_MANY_CONTACTS, "D129: too many contacts" },
		{ IM_CONTACT_ADD, GW_USER_NOT_FOUND, "D10D: user not found" },
		{ IM_CONTACT_RENAME, GW_OBJECT_NOT_FOUND, "D124: object not found" },
		{ IM_CONTACT_MOVE, GW_LOCKED_BY_ADMIN, "D11C: locked by the administrator" },
		{ IM_CONTACT_REMOVE, GW_DIRECTORY_UPDATE, "D125: the directory could not be updated" },
	};
	struct collab_bench *b = *state;
	struct im_ack ack;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		b->groupwise.next_code = rows[i].code;
		fake_dispatcher_up(&b->dispatcher, ALICE, &im_contact_change_msg, i + 1, &(struct im_contact_change){ .session = alice,
			.action = rows[i].action, .user = bytes_str("bob"), .name = bytes_str("other") });
		bench_expect(b, ALICE, &im_ack_msg, NULL, &ack);
		assert_int_equal(ack.code, IM_BACKEND_REFUSED);
		assert_true(bytes_is(ack.text, rows[i].text));
	}
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_CONTACT_EVENT), 0);
}

static void what_cannot_be_done_is_not_asked_for(void **state)
{
	static const struct { uint32_t action; const char *user; } rows[] = {
		{ 0, "bob" }, { 5, "bob" }, { IM_CONTACT_ADD, "" }, { IM_CONTACT_RENAME, "erin" }, { IM_CONTACT_MOVE, "erin" },
		{ IM_CONTACT_REMOVE, "erin" },
	};
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(change(b, alice, i + 1, rows[i].action, rows[i].user, "x", "y"), IM_BACKEND_REFUSED);
	expect_script(b, "");
}

static void answers_without_their_differences_do_no_harm(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.bare = true;
	assert_int_equal(change(b, alice, 1, IM_CONTACT_MOVE, "bob", "", ""), IM_OK);
	expect_change(b, IM_CONTACT_MOVE, "bob", "bob", "");
	assert_int_equal(change(b, alice, 2, IM_CONTACT_REMOVE, "bob", "", ""), IM_OK);
	expect_change(b, IM_CONTACT_REMOVE, "bob", "bob", "");
	assert_int_equal(change(b, alice, 3, IM_CONTACT_MOVE, "carol", "", "Nowhere"), IM_BACKEND_REFUSED);
	assert_int_equal(change(b, alice, 4, IM_CONTACT_ADD, "erin", "", ""), IM_BACKEND_REFUSED);
}

static void what_only_has_another_place_in_the_list_stays(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	b->groupwise.resequences = true;
	assert_int_equal(change(b, alice, 1, IM_CONTACT_ADD, "erin", "", "Choir"), IM_OK);
	expect_change(b, IM_CONTACT_ADD, "erin", "erin Example", "Choir");
	assert_int_equal(change(b, alice, 2, IM_CONTACT_RENAME, "carol", "Carola", ""), IM_OK);
	expect_change(b, IM_CONTACT_RENAME, "carol", "Carola", "Team");
	assert_int_equal(fake_dispatcher_delivered(&b->dispatcher, ALICE, IM_CONTACT_EVENT), 2);
}

static void changes_are_made_one_after_the_other(void **state)
{
	struct collab_bench *b = *state;
	uint32_t alice;

	bench_start(b, (struct bench_limits){ 0 });
	alice = bench_login(b, ALICE, "alice");
	for (uint32_t i = 1; i <= 3; i++)
		fake_dispatcher_up(&b->dispatcher, ALICE, &im_contact_change_msg, i, &(struct im_contact_change){ .session = alice,
			.action = IM_CONTACT_ADD, .user = bytes_str(i == 1 ? "erin" : i == 2 ? "frank" : "grace"), .folder = bytes_str("Choir") });
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(bench_ack(b, ALICE, i), IM_OK);
	/* One folder for all three. */
	assert_int_equal(b->groupwise.scripted, 4);
}

static void details_that_the_login_answer_leaves_out_are_asked_for(void **state)
{
	struct collab_bench *b = *state;
	struct im_contacts contacts;
	uint32_t sequence;

	b->groupwise.without_details = true;
	bench_start(b, (struct bench_limits){ 0 });
	bench_send_login(b, ALICE, "alice", 7);
	bench_expect(b, ALICE, &im_contacts_msg, &sequence, &contacts);
	assert_int_equal(b->groupwise.details, 1);
	assert_int_equal(contacts.count, 2);
	assert_true(bytes_is(contacts.contacts[1].user, "carol"));
	assert_true(bytes_is(contacts.contacts[1].folder, "Team"));
	assert_int_equal(contacts.contacts[1].presence, IM_AVAILABLE);
}

#define T(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_contact_is_added_to_a_folder_that_is_made_for_it),
		T(status_is_asked_for_where_the_details_are_not_told),
		T(a_contact_is_renamed),
		T(a_contact_is_moved),
		T(a_contact_is_removed_and_his_presence_is_no_longer_on_the_list),
		T(who_stands_in_two_folders_is_shown_once_and_removed_from_both),
		T(a_refusal_is_told_in_the_servers_words),
		T(what_cannot_be_done_is_not_asked_for),
		T(answers_without_their_differences_do_no_harm),
		T(what_only_has_another_place_in_the_list_stays),
		T(changes_are_made_one_after_the_other),
		T(details_that_the_login_answer_leaves_out_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
