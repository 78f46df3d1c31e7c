/* What a person sees on the device's screen: contacts by folder, and what was said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "simulator/device/device_words.h"

static void assert_words(struct buf *words, const char *want)
{
	assert_string_equal(buf_cstr(words), want);
	buf_free(words);
}

static void note(struct device_history *history, uint32_t room, const char *with, const char *from, const char *text)
{
	device_history_note(history, room, bytes_str(with), bytes_str(from), bytes_str(text));
}

static void contacts_stand_folder_by_folder_those_at_the_top_first(void **state)
{
	static struct im_contacts all = { .count = 5 };
	struct im_block bob = { .user = bytes_str("bob"), .blocked = 1 };
	struct device_contacts contacts = { 0 };
	struct device_blocks blocks = { 0 };
	struct buf words = { 0 };

	(void)state;
	device_words_contacts(&contacts, &blocks, &words);
	assert_words(&words, "no contacts");
	all.contacts[0] = (struct im_contact){ .user = bytes_str("bob"), .folder = bytes_str("Work"), .presence = IM_BUSY };
	all.contacts[1] = (struct im_contact){ .user = bytes_str("carol"), .name = bytes_str("Carol"), .presence = IM_AWAY, .text = bytes_str("lunch") };
	all.contacts[2] = (struct im_contact){ .user = bytes_str("dave"), .folder = bytes_str("Friends") };
	all.contacts[3] = (struct im_contact){ .user = bytes_str("erin"), .folder = bytes_str("WORK"), .presence = IM_IDLE };
	all.contacts[4] = (struct im_contact){ .user = bytes_str("fred"), .folder = bytes_str("a\x1b[2J") };
	device_contacts_take(&contacts, &all);
	device_blocks_take(&blocks, &bob);
	device_words_contacts(&contacts, &blocks, &words);
	assert_words(&words, "contacts:\n  carol (Carol): away (lunch)\n Work:\n  bob: busy, blocked\n  erin: idle\n Friends:\n"
		"  dave: unknown\n a?[2J:\n  fred: unknown");
	device_contacts_clear(&contacts);
	device_blocks_clear(&blocks);
}

static void what_was_said_stands_conversation_by_conversation(void **state)
{
	struct device_history history = { .count = 0 };
	struct buf words = { 0 };

	(void)state;
	device_words_history(&history, &words);
	assert_words(&words, "");
	note(&history, 0, "bob", "", "hello bob");
	note(&history, 2, "", "carol", "hello all");
	note(&history, 0, "BOB", "bob", "hello alice\nhow are you?");
	note(&history, 2, "", "", "hello carol");
	device_words_history(&history, &words);
	assert_words(&words, "\nconversations:\n bob:\n  you: hello bob\n  bob: hello alice\n  how are you?\n [2]:\n"
		"  carol: hello all\n  you: hello carol");
	device_history_forget_rooms(&history);
	assert_int_equal(history.count, 2);
	device_history_clear(&history);
	assert_int_equal(history.count, 0);
}

static void only_the_last_eight_of_a_conversation_are_shown(void **state)
{
	struct device_history history = { .count = 0 };
	struct buf words = { 0 };
	char text[16];

	(void)state;
	for (int i = 1; i <= 10; i++) {
		snprintf(text, sizeof text, "%d", i);
		note(&history, 0, "bob", "", text);
	}
	device_words_history(&history, &words);
	assert_words(&words, "\nconversations:\n bob:\n  you: 3\n  you: 4\n  you: 5\n  you: 6\n  you: 7\n  you: 8\n  you: 9\n  you: 10");
	device_history_clear(&history);
}

static void the_oldest_is_forgotten_first_and_long_texts_are_cut_between_characters(void **state)
{
	static char text[DEVICE_HISTORY_TEXT + 2];
	struct device_history history = { .count = 0 };

	(void)state;
	note(&history, 0, "bob", "", "first");
	note(&history, 0, "bob", "", "second");
	memset(text, 'x', sizeof text);
	memcpy(text + DEVICE_HISTORY_TEXT - 1, "\xc3\xbc", 2);
	for (int i = 0; i < DEVICE_HISTORY_MAX - 1; i++)
		device_history_note(&history, 0, bytes_str("bob"), bytes_str(""), bytes_of(text, sizeof text));
	assert_int_equal(history.count, DEVICE_HISTORY_MAX);
	assert_string_equal(history.said[0].text, "second");
	assert_int_equal(strlen(history.said[1].text), DEVICE_HISTORY_TEXT - 1);
	device_history_clear(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contacts_stand_folder_by_folder_those_at_the_top_first),
		cmocka_unit_test(what_was_said_stands_conversation_by_conversation),
		cmocka_unit_test(only_the_last_eight_of_a_conversation_are_shown),
		cmocka_unit_test(the_oldest_is_forgotten_first_and_long_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
