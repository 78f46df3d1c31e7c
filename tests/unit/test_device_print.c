/* What a person and what a script reads of each happening. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "simulator/device/device_print.h"

#define COMMON ",\"at_us\":9,\"pin\":\"2100000A\""
#define SIZES ",\"transaction\":260,\"clear\":100,\"packed\":60,\"sealed\":190,\"fragments\":1,\"suite\":\"aes256-cbc\""

static const struct im_contact contacts[] = { {
	.user = { (const uint8_t *)"bob", 3 }, .name = { (const uint8_t *)"Bob", 3 }, .presence = IM_AWAY,
	.text = { (const uint8_t *)"lunch", 5 },
} };

#define TEXT(literal) { (const uint8_t *)(literal), sizeof(literal) - 1 }
static const struct im_contact work = {
	.user = TEXT("erin"), .name = TEXT("Erin"), .folder = TEXT("Work"), .presence = IM_AVAILABLE,
};

#define WEIGHED .transaction = 260, .sizes = { 100, 60, 190, 1, PACKET_AES256_CBC }

static const struct {
	const char *name;
	struct device_event event;
	const char *words, *verbose, *json;        /* verbose NULL: the same as words */
} rows[] = {
	{ "the link is up", { .type = DEVICE_EVENT_LINK_UP, .peer = "127.0.0.1:3101" },
	  "in coverage: registered with the router at 127.0.0.1:3101\n", NULL,
	  "{\"event\":\"link-up\"" COMMON ",\"peer\":\"127.0.0.1:3101\"}\n" },
	{ "the link is down", { .type = DEVICE_EVENT_LINK_DOWN, .text = TEXT("reset") }, "out of coverage: reset\n", NULL,
	  "{\"event\":\"link-down\"" COMMON ",\"reason\":\"reset\"}\n" },
	{ "no link was to be had", { .type = DEVICE_EVENT_LINK_REFUSED, .text = TEXT("refused") }, "no link: refused\n", NULL,
	  "{\"event\":\"link-refused\"" COMMON ",\"reason\":\"refused\"}\n" },
	{ "coverage", { .type = DEVICE_EVENT_COVERAGE, .code = 1 }, "coverage on\n", NULL,
	  "{\"event\":\"coverage\"" COMMON ",\"code\":1}\n" },
	{ "a login goes out", { .type = DEVICE_EVENT_LOGIN_SENT, .user = TEXT("alice"), .sequence = 3, .peer = "127.0.0.1:1", WEIGHED },
	  "logging in as alice ...\n", NULL,
	  "{\"event\":\"login-sent\"" COMMON ",\"user\":\"alice\",\"sequence\":3,\"peer\":\"127.0.0.1:1\"" SIZES "}\n" },
	{ "logged in", { .type = DEVICE_EVENT_LOGIN_OK, .user = TEXT("alice"), .name = TEXT("Alice"), .session = 5, .elapsed_us = 7 },
	  "logged in as Alice\n", NULL,
	  "{\"event\":\"login-ok\"" COMMON ",\"user\":\"alice\",\"display_name\":\"Alice\",\"session\":5,\"elapsed_us\":7}\n" },
	{ "logged in, with what the service calls the login", { .type = DEVICE_EVENT_LOGIN_OK, .user = TEXT("alice"), .session = 5,
	  .login_id = TEXT("2100000A-17"), .elapsed_us = 7 }, "logged in as alice\n", "logged in as alice\n  login 2100000A-17\n",
	  "{\"event\":\"login-ok\"" COMMON ",\"user\":\"alice\",\"display_name\":\"\",\"session\":5,\"login_id\":\"2100000A-17\","
	  "\"elapsed_us\":7}\n" },
	{ "refused, with what the service calls the login",
	  { .type = DEVICE_EVENT_LOGIN_FAILED, .user = TEXT("alice"), .code = 100, .text = TEXT("Server Busy"), .reason = "it is full",
	    .login_id = TEXT("2100000A-18") },
	  "Server Busy\n", "Server Busy\n  it is full\n  login 2100000A-18\n",
	  "{\"event\":\"login-failed\"" COMMON ",\"user\":\"alice\",\"status_text\":\"Server Busy\",\"login_id\":\"2100000A-18\","
	  "\"code\":100,\"reason\":\"it is full\",\"elapsed_us\":0}\n" },
	{ "logged in without a name", { .type = DEVICE_EVENT_LOGIN_OK, .user = TEXT("alice") }, "logged in as alice\n", NULL, NULL },
	{ "a refused login shows the status text and nothing else",
	  { .type = DEVICE_EVENT_LOGIN_FAILED, .user = TEXT("alice"), .code = 100, .text = TEXT("Server Busy"), .reason = "it is full" },
	  "Server Busy\n", "Server Busy\n  it is full\n",
	  "{\"event\":\"login-failed\"" COMMON ",\"user\":\"alice\",\"status_text\":\"Server Busy\",\"code\":100,"
	  "\"reason\":\"it is full\",\"elapsed_us\":0}\n" },
	{ "a message goes out", { .type = DEVICE_EVENT_SENT, .message = IM_MESSAGE, .user = TEXT("bob"), .session = 5, .sequence = 2, WEIGHED }, "",
	  "sent message 2: 100 bytes, 60 compressed, 190 encrypted with aes256-cbc\n",
	  "{\"event\":\"sent\"" COMMON ",\"type\":\"MESSAGE\",\"to\":\"bob\",\"session\":5,\"sequence\":2" SIZES "}\n" },
	{ "a message was taken", { .type = DEVICE_EVENT_ACK, .message = IM_MESSAGE, .user = TEXT("bob"), .session = 5, .sequence = 2, .reason = "done" }, "",
	  "message 2 was taken\n",
	  "{\"event\":\"ack\"" COMMON ",\"type\":\"MESSAGE\",\"to\":\"bob\",\"text\":\"\",\"session\":5,\"sequence\":2,\"code\":0,\"reason\":\"done\","
	  "\"elapsed_us\":0}\n" },
	{ "a message was refused", { .type = DEVICE_EVENT_ACK, .message = IM_MESSAGE, .user = TEXT("bob"), .code = 410, .reason = "offline", .text = TEXT("53252") },
	  "not sent to bob: offline (53252)\n", NULL, NULL },
	{ "a message that was taken was not delivered", { .type = DEVICE_EVENT_ACK, .message = IM_MESSAGE, .code = 410, .reason = "offline",
	  .text = TEXT("bob") }, "not sent to bob: offline\n", NULL, NULL },
	{ "a status was refused", { .type = DEVICE_EVENT_ACK, .message = IM_PRESENCE_SET, .code = 502, .reason = "the IM server refused" },
	  "refused: the IM server refused\n", NULL, NULL },
	{ "somebody says something", { .type = DEVICE_EVENT_MESSAGE, .what = "message", .user = TEXT("bob"), .name = TEXT("Bob"), .text = TEXT("hello") },
	  "bob: hello\n", NULL,
	  "{\"event\":\"message\"" COMMON ",\"kind\":\"message\",\"from\":\"bob\",\"name\":\"Bob\",\"text\":\"hello\",\"session\":0,\"sequence\":0}\n" },
	{ "two lines, and an attempt to steer the terminal",
	  { .type = DEVICE_EVENT_MESSAGE, .what = "message", .user = TEXT("bob"), .text = TEXT("a\nb\x1b[2J\x7f") }, "bob: a\n  b?[2J?\n", NULL,
	  "{\"event\":\"message\"" COMMON ",\"kind\":\"message\",\"from\":\"bob\",\"name\":\"\",\"text\":\"a\\nb\\u001B[2J\x7f\",\"session\":0,\"sequence\":0}\n" },
	{ "what is no UTF-8 is still JSON", { .type = DEVICE_EVENT_MESSAGE, .what = "message", .user = TEXT("bob"), .text = TEXT("gr\xfc\xdf") },
	  "bob: gr\xfc\xdf\n", NULL,
	  "{\"event\":\"message\"" COMMON ",\"kind\":\"message\",\"from\":\"bob\",\"name\":\"\",\"text\":\"gr??\",\"session\":0,\"sequence\":0}\n" },
	{ "somebody goes away", { .type = DEVICE_EVENT_PRESENCE, .user = TEXT("bob"), .code = IM_AWAY, .text = TEXT("lunch") },
	  "* bob is away (lunch)\n", NULL,
	  "{\"event\":\"presence\"" COMMON ",\"user\":\"bob\",\"text\":\"lunch\",\"session\":0,\"sequence\":0,\"presence\":\"away\"}\n" },
	{ "contacts", { .type = DEVICE_EVENT_CONTACTS, .contacts = contacts, .contact_count = 1 }, "contacts:\n  bob (Bob): away (lunch)\n", NULL,
	  "{\"event\":\"contacts\"" COMMON ",\"session\":0,\"sequence\":0,\"contacts\":[{\"user\":\"bob\",\"name\":\"Bob\",\"folder\":\"\","
	  "\"presence\":\"away\",\"text\":\"lunch\"}],\"more\":false}\n" },
	{ "somebody new on the list", { .type = DEVICE_EVENT_CONTACT, .what = "add", .code = IM_CONTACT_ADD, .contacts = &work },
	  "* erin (Erin) is a contact now in Work\n", NULL,
	  "{\"event\":\"contact\"" COMMON ",\"what\":\"add\",\"session\":0,\"sequence\":0,\"user\":\"erin\",\"name\":\"Erin\","
	  "\"folder\":\"Work\",\"presence\":\"available\",\"text\":\"\"}\n" },
	{ "another name", { .type = DEVICE_EVENT_CONTACT, .what = "rename", .code = IM_CONTACT_RENAME, .contacts = &work },
	  "* erin is called Erin\n", NULL, NULL },
	{ "another folder", { .type = DEVICE_EVENT_CONTACT, .what = "move", .code = IM_CONTACT_MOVE, .contacts = &work },
	  "* erin was moved to Work\n", NULL, NULL },
	{ "off the list", { .type = DEVICE_EVENT_CONTACT, .what = "remove", .code = IM_CONTACT_REMOVE, .contacts = &contacts[0] },
	  "* bob is no contact any more\n", NULL, NULL },
	{ "a list that was not changed",
	  { .type = DEVICE_EVENT_ACK, .message = IM_CONTACT_CHANGE, .user = TEXT("erin"), .code = 502, .reason = "the IM server refused" },
	  "the contact list was not changed: erin: the IM server refused\n", NULL, NULL },
	{ "somebody is blocked", { .type = DEVICE_EVENT_BLOCK, .user = TEXT("bob"), .code = 1 }, "* bob is blocked\n", NULL,
	  "{\"event\":\"block\"" COMMON ",\"blocked\":true,\"user\":\"bob\",\"session\":0,\"sequence\":0}\n" },
	{ "nothing new about the others", { .type = DEVICE_EVENT_BLOCK, .quiet = true }, "", "* everybody else is allowed\n", NULL },
	{ "people who were found", { .type = DEVICE_EVENT_SEARCH_RESULT, .sequence = 4, .contacts = contacts, .contact_count = 1 },
	  "found:\n  bob (Bob): away (lunch)\n", NULL,
	  "{\"event\":\"search-result\"" COMMON ",\"session\":0,\"search\":4,\"contacts\":[{\"user\":\"bob\",\"name\":\"Bob\","
	  "\"folder\":\"\",\"presence\":\"away\",\"text\":\"lunch\"}],\"more\":false}\n" },
	{ "nobody was found", { .type = DEVICE_EVENT_SEARCH_RESULT, .sequence = 4 }, "nobody was found\n", NULL, NULL },
	{ "no answer to a search", { .type = DEVICE_EVENT_SEARCH_RESULT, .sequence = 4, .reason = "no answer in time" },
	  "nothing was found: no answer in time\n", NULL, NULL },
	{ "not used", { .type = DEVICE_EVENT_IDLE, .code = 1, .session = 5 }, "idle: the device was not used\n", NULL,
	  "{\"event\":\"idle\"" COMMON ",\"idle\":true,\"session\":5}\n" },
	{ "used again", { .type = DEVICE_EVENT_IDLE, .session = 5 }, "back from idle\n", NULL, NULL },
	{ "a login by itself", { .type = DEVICE_EVENT_LOGIN_AGAIN, .user = TEXT("alice"), .code = 1500 },
	  "logging in again as alice in 1.5 s\n", NULL,
	  "{\"event\":\"login-again\"" COMMON ",\"user\":\"alice\",\"in_ms\":1500}\n" },
	{ "an automatic reply", { .type = DEVICE_EVENT_MESSAGE, .what = "automatic-reply", .user = TEXT("bob"), .text = TEXT("on holiday") },
	  "bob (automatic-reply): on holiday\n", NULL, NULL },
	{ "somebody types", { .type = DEVICE_EVENT_TYPING, .user = TEXT("bob"), .code = 1, .session = 5, .sequence = 2 },
	  "* bob is typing\n", NULL,
	  "{\"event\":\"typing\"" COMMON ",\"on\":true,\"user\":\"bob\",\"session\":5,\"sequence\":2}\n" },
	{ "somebody stops typing in a room", { .type = DEVICE_EVENT_TYPING, .user = TEXT("bob"), .room = 3 },
	  "[3] * bob has stopped typing\n", NULL,
	  "{\"event\":\"typing\"" COMMON ",\"room\":3,\"on\":false,\"user\":\"bob\",\"session\":0,\"sequence\":0}\n" },
	{ "a room is made", { .type = DEVICE_EVENT_ROOM_OPENING, .room = 1, .text = TEXT("bob, carol"), .session = 5 },
	  "[1] a room with bob, carol ...\n", NULL,
	  "{\"event\":\"room-opening\"" COMMON ",\"room\":1,\"users\":\"bob, carol\",\"session\":5}\n" },
	{ "the room is there", { .type = DEVICE_EVENT_ACK, .message = IM_ROOM_OPEN, .room = 1, .reason = "done" },
	  "[1] the room is open\n", NULL, NULL },
	{ "the room could not be made", { .type = DEVICE_EVENT_ACK, .message = IM_ROOM_OPEN, .room = 1, .code = 503, .reason = "no server" },
	  "[1] the room was not made: no server\n", NULL, NULL },
	{ "somebody cannot be invited",
	  { .type = DEVICE_EVENT_ACK, .message = IM_ROOM_INVITE, .room = 1, .user = TEXT("bob"), .code = 410, .reason = "offline" },
	  "[1] not invited: bob: offline\n", NULL, NULL },
	{ "an invitation", { .type = DEVICE_EVENT_ROOM, .what = "invited", .code = IM_ROOM_INVITED, .room = 2, .user = TEXT("bob"),
	  .name = TEXT("Bob"), .text = TEXT("lunch?") }, "[2] * bob invites you (lunch?); say: answer 2 yes|no\n", NULL,
	  "{\"event\":\"room\"" COMMON ",\"what\":\"invited\",\"room\":2,\"user\":\"bob\",\"name\":\"Bob\",\"text\":\"lunch?\","
	  "\"session\":0,\"sequence\":0}\n" },
	{ "somebody joins", { .type = DEVICE_EVENT_ROOM, .what = "joined", .code = IM_ROOM_JOINED, .room = 2, .user = TEXT("carol") },
	  "[2] * carol has joined\n", NULL, NULL },
	{ "a room is closed", { .type = DEVICE_EVENT_ROOM, .what = "closed", .code = IM_ROOM_CLOSED, .room = 2 },
	  "[2] * the room is closed\n", NULL, NULL },
	{ "something new happens in a room", { .type = DEVICE_EVENT_ROOM, .what = "event-9", .code = 9, .room = 2, .user = TEXT("bob") },
	  "[2] * bob: event-9\n", NULL, NULL },
	{ "somebody says something in a room",
	  { .type = DEVICE_EVENT_ROOM_MESSAGE, .room = 2, .user = TEXT("bob"), .name = TEXT("Bob"), .text = TEXT("hi") }, "[2] bob: hi\n", NULL,
	  "{\"event\":\"room-message\"" COMMON ",\"room\":2,\"from\":\"bob\",\"name\":\"Bob\",\"text\":\"hi\",\"session\":0,"
	  "\"sequence\":0}\n" },
	{ "waiting", { .type = DEVICE_EVENT_WAITING, .session = 5 }, "waiting for coverage\n", NULL,
	  "{\"event\":\"waiting\"" COMMON ",\"session\":5}\n" },
	{ "resumed", { .type = DEVICE_EVENT_RESUMED, .session = 5 }, "going on with the session\n", NULL,
	  "{\"event\":\"resumed\"" COMMON ",\"session\":5}\n" },
	{ "a status message", { .type = DEVICE_EVENT_STATUS_SENT, .session = 5, .sequence = 4 }, "", "sent a status message\n",
	  "{\"event\":\"status-sent\"" COMMON ",\"session\":5,\"sequence\":4}\n" },
	{ "logged out by the service",
	  { .type = DEVICE_EVENT_FORCED_LOGOUT, .session = 5, .code = 2, .reason = "evicted-coverage", .text = TEXT("bye") },
	  "logged out by the service: evicted-coverage (bye)\n", NULL,
	  "{\"event\":\"forced-logout\"" COMMON ",\"text\":\"bye\",\"session\":5,\"code\":2,\"reason\":\"evicted-coverage\"}\n" },
	{ "asked to log in", { .type = DEVICE_EVENT_PLEASE_LOGIN, .session = 5 }, "please log in again\n", NULL,
	  "{\"event\":\"please-login\"" COMMON ",\"by_itself\":false,\"text\":\"\",\"session\":5}\n" },
	{ "asked to log in, with a password", { .type = DEVICE_EVENT_PLEASE_LOGIN, .session = 5, .code = 1 },
	  "asked to log in again: the password is kept\n", NULL, NULL },
	{ "logged out", { .type = DEVICE_EVENT_LOGGED_OUT, .session = 5 }, "logged out\n", NULL,
	  "{\"event\":\"logged-out\"" COMMON ",\"session\":5}\n" },
	{ "a message came back", { .type = DEVICE_EVENT_RETURNED, .code = 4, .text = TEXT("no service"), .transaction = 260 },
	  "a message came back: no service\n", NULL,
	  "{\"event\":\"returned\"" COMMON ",\"reason\":\"no service\",\"code\":4,\"transaction\":260}\n" },
};

static void prints(const struct device_printer *how, const struct device_event *event, const char *want)
{
	struct device_printer printer = *how;
	char *text = NULL;
	size_t size = 0;

	printer.out = open_memstream(&text, &size);
	assert_non_null(printer.out);
	device_print_event(&printer, event);
	fclose(printer.out);
	assert_string_equal(text, want);
	free(text);
}

static void a_line_per_happening(void **state)
{
	bool seen[DEVICE_EVENT_COUNT] = { false };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct device_event event = rows[i].event;

		print_message("    %s\n", rows[i].name);
		event.at_us = 9;
		event.pin = 0x2100000A;
		prints(&(struct device_printer){ .verbose = false }, &event, rows[i].words);
		prints(&(struct device_printer){ .verbose = true }, &event, rows[i].verbose ? rows[i].verbose : rows[i].words);
		if (rows[i].json)
			prints(&(struct device_printer){ .json = true }, &event, rows[i].json);
		seen[event.type] = true;
	}
	for (size_t i = 0; i < DEVICE_EVENT_COUNT; i++)
		assert_true(seen[i]);
}

static void with_several_devices_each_line_says_whose_it_is(void **state)
{
	struct device_event event = { .type = DEVICE_EVENT_LOGGED_OUT, .pin = 0x2100000B };

	(void)state;
	prints(&(struct device_printer){ .many = true }, &event, "2100000B logged out\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_per_happening),
		cmocka_unit_test(with_several_devices_each_line_says_whose_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
