/* The device's contact list, its blocking and searching. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/handset.h"

/* --- the list ---------------------------------------------------------------------------------------------------------- */

/* "Folder/user=name" per entry. */
static void assert_list(const struct device_contacts *list, const char *want)
{
	struct buf got = { 0 };

	for (size_t i = 0; i < list->count; i++)
		buf_printf(&got, "%s%s/%s=%s", i ? " " : "", list->list[i].folder, list->list[i].user, list->list[i].name);
	assert_string_equal(buf_cstr(&got), want);
	buf_free(&got);
}

/* One after another on a list that begins with bob at the top and carol in two folders. */
static const struct {
	const char *name;
	enum im_contact_action action;
	const char *user, *called, *folder, *want;
} changes[] = {
	{ "somebody new comes last", IM_CONTACT_ADD, "dave", "Dave", "Work", "/bob=Bob A/carol=Carol B/carol=Carol Work/dave=Dave" },
	{ "the same again is one entry", IM_CONTACT_ADD, "DAVE", "D.", "work", "/bob=Bob A/carol=Carol B/carol=Carol work/DAVE=D." },
	{ "another folder is another entry", IM_CONTACT_ADD, "bob", "Bob", "A", "/bob=Bob A/carol=Carol B/carol=Carol work/DAVE=D. A/bob=Bob" },
	{ "a name is for all entries", IM_CONTACT_RENAME, "carol", "C.", "A", "/bob=Bob A/carol=C. B/carol=C. work/DAVE=D. A/bob=Bob" },
	{ "a move makes one entry", IM_CONTACT_MOVE, "carol", "C.", "Work", "/bob=Bob work/DAVE=D. A/bob=Bob Work/carol=C." },
	{ "removed from all folders", IM_CONTACT_REMOVE, "bob", "", "", "work/DAVE=D. Work/carol=C." },
	{ "removed though it is not there", IM_CONTACT_REMOVE, "erin", "", "", "work/DAVE=D. Work/carol=C." },
	{ "renamed though it is not there", IM_CONTACT_RENAME, "erin", "E.", "", "work/DAVE=D. Work/carol=C." },
	{ "an action that nobody knows", (enum im_contact_action)9, "dave", "B.", "", "work/DAVE=D. Work/carol=C." },
};

static void the_list_follows_every_change(void **state)
{
	static struct im_contacts first = { .count = 3 };
	struct device_contacts list = { 0 };

	(void)state;
	first.contacts[0] = (struct im_contact){ .user = bytes_str("bob"), .name = bytes_str("Bob") };
	first.contacts[1] = (struct im_contact){ .user = bytes_str("carol"), .name = bytes_str("Carol"), .folder = bytes_str("A") };
	first.contacts[2] = (struct im_contact){ .user = bytes_str("carol"), .name = bytes_str("Carol"), .folder = bytes_str("B") };
	device_contacts_take(&list, &first);
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		struct im_contact_event event = {
			.action = changes[i].action, .user = bytes_str(changes[i].user), .name = bytes_str(changes[i].called),
			.folder = bytes_str(changes[i].folder), .presence = IM_BUSY,
		};

		print_message("    %s\n", changes[i].name);
		device_contacts_change(&list, &event);
		assert_list(&list, changes[i].want);
	}
	device_contacts_clear(&list);
}

static void no_more_contacts_are_kept_than_a_device_can(void **state)
{
	struct im_contact_event event = { .action = IM_CONTACT_ADD };
	struct device_contacts list = { 0 };
	char user[16];

	(void)state;
	for (int i = 0; i < DEVICE_CONTACTS_MAX + 2; i++) {
		snprintf(user, sizeof user, "u%d", i);
		event.user = bytes_str(user);
		device_contacts_change(&list, &event);
	}
	assert_int_equal(list.count, DEVICE_CONTACTS_MAX);
	device_contacts_clear(&list);
}

static void a_change_is_asked_for_and_made_when_the_service_says_so(void **state)
{
	struct im_contact_event added = {
		.session = HANDSET_SESSION, .action = IM_CONTACT_ADD, .user = bytes_str("erin"), .name = bytes_str("Erin"),
		.folder = bytes_str("Work"), .presence = IM_AVAILABLE,
	};
	struct handset *b = *state;
	struct bytes none = { 0 };
	struct error err;

	handset_log_in(b);
	handset_ok(device_contact_change(b->device, IM_CONTACT_ADD, bytes_str("erin"), none, bytes_str("Work"), &err), &err);
	handset_await(b, &b->heard, "#1 CONTACT_CHANGE session=5 action=1 user=erin name=\"\" folder=Work\n");
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack user=erin");
	assert_int_equal(device_contacts(b->device)->count, 0);
	handset_say(b, &im_contact_event_msg, 2, &added);
	handset_await(b, &b->told, "contact add 1\n");
	assert_list(device_contacts(b->device), "Work/erin=Erin");
	handset_ok(device_contact_change(b->device, IM_CONTACT_RENAME, bytes_str("erin"), bytes_str("E."), none, &err), &err);
	handset_await(b, &b->heard, "#2 CONTACT_CHANGE session=5 action=2 user=erin name=E. folder=\"\"\n");
	handset_acknowledge(b, 3, 2, IM_BACKEND_REFUSED);
	handset_await(b, &b->told, "ack 502 user=erin");
	assert_list(device_contacts(b->device), "Work/erin=Erin");
}

/* --- blocking ---------------------------------------------------------------------------------------------------------- */

static void blocks(struct handset *b, uint32_t sequence, const char *user, bool blocked)
{
	struct im_block event = { .session = HANDSET_SESSION, .user = bytes_str(user), .blocked = blocked };

	handset_say(b, &im_block_event_msg, sequence, &event);
}

static void who_is_blocked_is_what_the_service_says(void **state)
{
	struct handset *b = *state;
	struct error err;

	handset_log_in(b);
	handset_ok(device_block(b->device, bytes_str("bob"), true, &err), &err);
	handset_await(b, &b->heard, "#1 BLOCK session=5 user=bob blocked=1\n");
	assert_false(device_blocks_has(device_blocks(b->device), "bob"));
	blocks(b, 1, "bob", true);
	handset_await(b, &b->told, "block 1 user=bob\n");
	assert_true(device_blocks_has(device_blocks(b->device), "BOB"));
	assert_false(device_blocks_has(device_blocks(b->device), "carol"));
	handset_ok(device_block(b->device, (struct bytes){ 0 }, true, &err), &err);
	handset_await(b, &b->heard, "#2 BLOCK session=5 user=\"\" blocked=1\n");
	blocks(b, 2, "", true);
	blocks(b, 3, "carol", false);
	handset_await(b, &b->told, "block 1\nblock user=carol\n");
	assert_true(device_blocks_has(device_blocks(b->device), "dave"));
	assert_false(device_blocks_has(device_blocks(b->device), "carol"));
	blocks(b, 4, "bob", false);
	handset_await(b, &b->told, "block user=bob\n");
	assert_false(device_blocks_has(device_blocks(b->device), "bob"));
}

static void who_is_on_no_list_any_more_is_as_all_others_are(void **state)
{
	static const struct { const char *user; bool blocked; } steps[] = {
		{ "carol", false },      /* on the list of those allowed, as it comes after a login */
		{ "bob", true }, { "bob", false }, { "", true },
	};
	struct device_blocks blocks = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		assert_true(device_blocks_take(&blocks, &(struct im_block){ .user = bytes_str(steps[i].user), .blocked = steps[i].blocked }));
	assert_true(device_blocks_has(&blocks, "bob"));
	assert_false(device_blocks_has(&blocks, "carol"));
	assert_false(device_blocks_take(&blocks, &(struct im_block){ .user = bytes_str("Carol"), .blocked = 0 }));
	assert_int_equal(blocks.count, 1);
	device_blocks_clear(&blocks);
}

/* --- searching --------------------------------------------------------------------------------------------------------- */

static void search(struct handset *b)
{
	struct error err;
	uint32_t sequence;

	handset_ok(device_search(b->device, IM_SEARCH_SURNAME, bytes_str("Brown"), &sequence, &err), &err);
	assert_int_equal(sequence, 1);
	handset_await(b, &b->heard, "#1 SEARCH session=5 field=3 text=Brown\n");
	handset_refused(device_search(b->device, IM_SEARCH_SURNAME, bytes_str("x"), &sequence, &err), &err,
		"the search before is not answered yet");
}

static void a_search_ends_with_the_last_part_of_its_result(void **state)
{
	static struct im_search_result result;
	struct handset *b = *state;

	handset_log_in(b);
	search(b);
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack");
	assert_false(device_is_settled(b->device));
	result = (struct im_search_result){ .session = HANDSET_SESSION, .sequence = 2, .count = 1 };
	result.contacts[0] = (struct im_contact){ .user = bytes_str("bob") };
	handset_say(b, &im_search_result_msg, 2, &result);
	handset_never(b, &b->told, "search-result");
	result.sequence = 1;
	result.more = 1;
	handset_say(b, &im_search_result_msg, 3, &result);
	handset_await(b, &b->told, "search-result\n");
	assert_false(device_is_settled(b->device));
	result.more = 0;
	handset_say(b, &im_search_result_msg, 4, &result);
	handset_await(b, &b->told, "search-result\n");
	assert_true(device_is_settled(b->device));
	handset_say(b, &im_search_result_msg, 5, &result);
	handset_never(b, &b->told, "search-result");
	assert_int_equal(device_contacts(b->device)->count, 0);
}

static void a_refused_search_is_over(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	search(b);
	handset_acknowledge(b, 1, 1, IM_BACKEND_REFUSED);
	handset_await(b, &b->told, "ack 502");
	assert_true(device_is_settled(b->device));
	handset_pass_ms(b, 60000);
	handset_never(b, &b->told, "search-result");
}

static void a_search_without_a_result_is_over_after_a_minute(void **state)
{
	struct handset *b = *state;

	handset_log_in(b);
	search(b);
	handset_acknowledge(b, 1, 1, IM_OK);
	handset_await(b, &b->told, "ack");
	handset_pass_ms(b, 59999);
	assert_false(device_is_settled(b->device));
	handset_pass_ms(b, 1);
	handset_await(b, &b->told, "search-result (no answer in time)\n");
	assert_true(device_is_settled(b->device));
}

static void lists_and_searches_end_with_the_session(void **state)
{
	struct im_forced_logout out = { .session = HANDSET_SESSION, .reason = IM_REASON_ADMIN };
	struct handset *b = *state;

	handset_log_in(b);
	blocks(b, 1, "bob", true);
	handset_await(b, &b->told, "block 1 user=bob\n");
	search(b);
	handset_say(b, &im_forced_logout_msg, 2, &out);
	handset_await(b, &b->told, "forced-logout");
	assert_false(device_blocks_has(device_blocks(b->device), "bob"));
	assert_true(device_is_settled(b->device));
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
	static char longest[IM_NAME_MAX + 1];
	struct handset *b = *state;
	struct bytes none = { 0 }, bob = bytes_str("bob"), too_long = bytes_of(longest, sizeof longest);
	struct error err;

	handset_refused(device_contact_change(b->device, IM_CONTACT_ADD, bob, none, none, &err), &err,
		"cannot change the contact list while logged-out");
	handset_refused(device_block(b->device, bob, true, &err), &err, "cannot change who is blocked while logged-out");
	handset_refused(device_search(b->device, IM_SEARCH_SURNAME, bob, NULL, &err), &err, "cannot search while logged-out");
	handset_log_in(b);
	handset_refused(device_contact_change(b->device, IM_CONTACT_ADD, none, none, none, &err), &err, "a user ID has 1 to 256 bytes, not 0");
	handset_refused(device_contact_change(b->device, IM_CONTACT_ADD, bob, none, too_long, &err), &err,
		"a folder's name has at most 256 bytes, not 257");
	handset_refused(device_contact_change(b->device, IM_CONTACT_RENAME, bob, too_long, none, &err), &err,
		"a name has at most 256 bytes, not 257");
	handset_refused(device_contact_change(b->device, IM_CONTACT_RENAME, bob, none, none, &err), &err, "a name has at least one byte");
	handset_refused(device_block(b->device, too_long, true, &err), &err, "a user ID has 1 to 256 bytes, not 257");
	handset_refused(device_search(b->device, IM_SEARCH_SURNAME, none, NULL, &err), &err, "what is searched for has 1 to 256 bytes, not 0");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, handset_set_up, handset_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_follows_every_change),
		cmocka_unit_test(no_more_contacts_are_kept_than_a_device_can),
		TEST(a_change_is_asked_for_and_made_when_the_service_says_so),
		TEST(who_is_blocked_is_what_the_service_says),
		cmocka_unit_test(who_is_on_no_list_any_more_is_as_all_others_are),
		TEST(a_search_ends_with_the_last_part_of_its_result),
		TEST(a_refused_search_is_over),
		TEST(a_search_without_a_result_is_over_after_a_minute),
		TEST(lists_and_searches_end_with_the_session),
		TEST(what_makes_no_sense_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
