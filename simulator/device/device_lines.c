#include "simulator/device/device_lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/nearest.h"
#include "base/settings.h"

static struct bytes trim(struct bytes text)
{
	while (text.len && (text.data[0] == ' ' || text.data[0] == '\t'))
		text = bytes_slice(text, 1, text.len);
	while (text.len && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t' || text.data[text.len - 1] == '\r'))
		text.len--;
	return text;
}

struct bytes device_next_word(struct device_words_left *words)
{
	struct bytes text = trim(words->rest);
	size_t len = 0;

	while (len < text.len && text.data[len] != ' ' && text.data[len] != '\t')
		len++;
	words->rest = trim(bytes_slice(text, len, text.len));
	return bytes_slice(text, 0, len);
}

static int on_or_off(struct device_words_left *words, const char *command, bool *out, struct error *err)
{
	struct bytes word = device_next_word(words);

	*out = bytes_is(word, "on");
	return *out || bytes_is(word, "off") ? 0 : error_set(err, "%s takes on or off", command);
}

static int number_of(struct bytes word, uint32_t *number)
{
	uint64_t value = 0;

	*number = 0;
	for (size_t i = 0; i < word.len; i++) {
		if (word.data[i] < '0' || word.data[i] > '9' || value > UINT32_MAX)
			return -1;
		value = value * 10 + (uint64_t)(word.data[i] - '0');
	}
	*number = (uint32_t)value;
	return word.len && value <= UINT32_MAX ? 0 : -1;
}

static int room_number(struct device_words_left *words, const char *command, uint32_t *room, struct error *err)
{
	struct bytes word = device_next_word(words);

	if (number_of(word, room) == 0)
		return 0;
	return error_set(err, "%s takes the number of a room first; rooms lists them", command);
}

static int do_login(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes who = device_next_word(&words);

	(void)user;
	if (who.len == 0)
		return error_set(err, "login takes a user and a password");
	return device_login(d, who, words.rest, err);
}

static int do_send(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes to = device_next_word(&words);

	if (to.len == 0 || words.rest.len == 0)
		return error_set(err, "send takes a user and what to say");
	if (device_send(d, to, words.rest, NULL, err))
		return -1;
	if (user->printer.history)
		device_history_note(user->printer.history, 0, to, (struct bytes){ 0 }, words.rest);
	return 0;
}

static int do_status(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes name = device_next_word(&words);

	(void)user;
	for (enum im_presence presence = IM_AVAILABLE; presence <= IM_AWAY; presence++) {
		if (bytes_is(name, im_presence_name(presence)))
			return device_presence(d, presence, words.rest, err);
	}
	return error_set(err, "status takes available, busy or away, and words if you like");
}

static int do_logout(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	(void)words;
	return device_logout(d, err);
}

static int do_contacts(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_contacts(&user->printer, d);
	return 0;
}

static int do_coverage(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	bool on;

	(void)user;
	if (on_or_off(&words, "coverage", &on, err))
		return -1;
	device_coverage(d, on);
	return 0;
}

static int do_silent(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	bool on;

	(void)user;
	if (on_or_off(&words, "silent", &on, err))
		return -1;
	device_silent(d, on);
	return 0;
}

static int do_session(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_session(&user->printer, d);
	return 0;
}

static int do_quit(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)d;
	(void)words;
	(void)err;
	loop_stop(user->loop);
	return 0;
}

static int do_fault(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	char *word;
	int rc;

	(void)d;
	if (!words.rest.len || memchr(words.rest.data, '\0', words.rest.len))
		return error_set(err, "fault takes a word, as drop,on=login,nth=3,count=1; docs/faults.md has all");
	word = bytes_dup(words.rest);
	rc = faults_add(user->faults, word, loop_now_ms(user->loop), err);
	free(word);
	return rc;
}

static int do_faults(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	if (words.rest.len == 0) {
		device_print_faults(&user->printer, d, user->faults, loop_now_ms(user->loop));
		return 0;
	}
	if (!bytes_is(words.rest, "clear"))
		return error_set(err, "faults takes nothing, or clear");
	faults_clear(user->faults);
	return 0;
}

static int do_help(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)d;
	(void)words;
	(void)err;
	device_lines_help(user->printer.json ? stderr : user->printer.out);
	fflush(user->printer.out);
	return 0;
}

static int do_typing(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes whom = device_next_word(&words);
	uint32_t room = 0;
	bool on;

	(void)user;
	if (on_or_off(&words, "typing", &on, err))
		return -1;
	/* A number is a room if there is one of that number, else somebody with an odd name. */
	if (number_of(whom, &room) == 0 && device_rooms_find(device_rooms(d), room))
		return device_typing(d, room, (struct bytes){ 0 }, on, err);
	return device_typing(d, 0, whom, on, err);
}

static int do_open(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes users[IM_ROOM_USERS_MAX + 1];
	size_t count = 0;
	uint32_t room = 0;

	(void)user;
	while (words.rest.len && count < sizeof users / sizeof users[0])
		users[count++] = device_next_word(&words);
	if (count == 0)
		return error_set(err, "open takes the users to invite");
	return device_room_open(d, users, count, &room, err);
}

static int do_invite(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes whom;
	uint32_t room = 0;

	(void)user;
	if (room_number(&words, "invite", &room, err))
		return -1;
	whom = device_next_word(&words);
	return device_room_invite(d, room, whom, words.rest, err);
}

static int do_answer(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes word;
	uint32_t room = 0;

	(void)user;
	if (room_number(&words, "answer", &room, err))
		return -1;
	word = device_next_word(&words);
	if (!bytes_is(word, "yes") && !bytes_is(word, "no"))
		return error_set(err, "answer takes a room and yes or no");
	return device_room_answer(d, room, bytes_is(word, "yes"), err);
}

static int do_leave(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	uint32_t room = 0;

	(void)user;
	if (room_number(&words, "leave", &room, err))
		return -1;
	return device_room_leave(d, room, err);
}

static int do_say(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes none = { 0 };
	uint32_t room = 0;

	if (room_number(&words, "say", &room, err))
		return -1;
	if (words.rest.len == 0)
		return error_set(err, "say takes a room and what to say");
	if (device_room_say(d, room, words.rest, err))
		return -1;
	if (user->printer.history)
		device_history_note(user->printer.history, room, none, none, words.rest);
	return 0;
}

static int do_rooms(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_rooms(&user->printer, d);
	return 0;
}

static int change_contact(struct device *d, enum im_contact_action action, struct device_words_left words, struct error *err)
{
	struct bytes whom = device_next_word(&words), none = { 0 };
	bool renames = action == IM_CONTACT_RENAME;

	if (whom.len == 0 || (renames && words.rest.len == 0))
		return error_set(err, "%s takes a user%s", im_contact_action_name(action), renames ? " and a name" : "");
	return device_contact_change(d, action, whom, renames ? words.rest : none, renames ? none : words.rest, err);
}

static int do_add(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_contact(d, IM_CONTACT_ADD, words, err);
}

static int do_rename(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_contact(d, IM_CONTACT_RENAME, words, err);
}

static int do_move(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_contact(d, IM_CONTACT_MOVE, words, err);
}

static int do_remove(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_contact(d, IM_CONTACT_REMOVE, words, err);
}

static int change_block(struct device *d, bool blocked, struct device_words_left words, struct error *err)
{
	struct bytes whom = device_next_word(&words);

	if (whom.len == 0)
		return error_set(err, "%s takes a user, or all for everybody who is on no list", blocked ? "block" : "unblock");
	return device_block(d, bytes_is(whom, "all") ? (struct bytes){ 0 } : whom, blocked, err);
}

static int do_block(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_block(d, true, words, err);
}

static int do_unblock(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)user;
	return change_block(d, false, words, err);
}

static int do_blocks(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)words;
	(void)err;
	device_print_blocks(&user->printer, d);
	return 0;
}

static int do_search(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	struct bytes name = device_next_word(&words);

	(void)user;
	for (enum im_search_field field = IM_SEARCH_ANY_NAME; field <= IM_SEARCH_DEPARTMENT; field++) {
		if (bytes_is(name, im_search_field_name(field)))
			return device_search(d, field, words.rest, NULL, err);
	}
	return error_set(err, "search takes name, given-name, surname, user, title or department, and what to look for");
}

static int do_screen(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	(void)words;
	if (user->printer.json)
		return error_set(err, "the screen is for people; session, contacts, blocks and rooms answer in JSON");
	device_print_screen(&user->printer, d);
	return 0;
}

static int do_remember(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	bool on;

	(void)user;
	if (on_or_off(&words, "remember", &on, err))
		return -1;
	device_remember(d, on);
	return 0;
}

static int do_away_after(struct device_user *user, struct device *d, struct device_words_left words, struct error *err)
{
	char text[32];
	uint64_t ms = 0;

	(void)user;
	if (!bytes_copy_str(words.rest, text, sizeof text) || !text[0])
		return error_set(err, "away-after takes a time, as 5m, or off");
	if (!bytes_is(words.rest, "off") && duration_parse(text, &ms, err))
		return -1;
	device_away_after(d, ms);
	return 0;
}

const struct device_line device_lines[] = {
	{ "login", "USER PASSWORD", "begin a session; without PASSWORD: the remembered one", true, false, false, do_login },
	{ "remember", "on|off", "keep the next login's password, log in again by itself", true, false, false, do_remember },
	{ "send", "USER TEXT", "say something to somebody", true, false, false, do_send },
	{ "typing", "USER|ROOM on|off", "show that you type, or have stopped", true, false, false, do_typing },
	{ "status", "available|busy|away [TEXT]", "your own availability", true, false, false, do_status },
	{ "away-after", "TIME|off", "idle by itself when nothing was typed for so long, as 5m", true, false, false, do_away_after },
	{ "contacts", "", "the contact list, folder by folder", true, false, false, do_contacts },
	{ "add", "USER [FOLDER]", "put somebody on the contact list", true, false, false, do_add },
	{ "rename", "USER NAME", "show a contact under another name", true, false, false, do_rename },
	{ "move", "USER [FOLDER]", "put a contact into a folder, or to the top", true, false, false, do_move },
	{ "remove", "USER", "take a contact off the list", true, false, false, do_remove },
	{ "block", "USER|all", "they see you offline and cannot reach you", true, false, false, do_block },
	{ "unblock", "USER|all", "they can again", true, false, false, do_unblock },
	{ "blocks", "", "who is blocked or allowed", true, false, false, do_blocks },
	{ "search", "FIELD TEXT", "find people: name, given-name, surname, user, title, department", true, false, false, do_search },
	{ "open", "USER...", "make a room and invite them; it gets a number", true, false, false, do_open },
	{ "invite", "ROOM USER [TEXT]", "invite one more", true, true, false, do_invite },
	{ "answer", "ROOM yes|no", "join a room that you are invited to, or decline", true, false, false, do_answer },
	{ "say", "ROOM TEXT", "say something to all in a room", true, true, false, do_say },
	{ "leave", "ROOM", "leave a room", true, true, false, do_leave },
	{ "rooms", "", "the rooms, and who is in them", true, true, false, do_rooms },
	{ "screen", "", "all at once: you, contacts, rooms, conversations", true, false, false, do_screen },
	{ "session", "", "state of the session and the link", true, false, false, do_session },
	{ "logout", "", "end the session", true, false, false, do_logout },
	{ "coverage", "off|on", "lose the link, find it again", false, false, false, do_coverage },
	{ "silent", "on|off", "keep the link, stop or resume the status messages", false, false, false, do_silent },
	{ "fault", "WORD", "misbehave, as drop,on=login,nth=3,count=1", false, false, true, do_fault },
	{ "faults", "[clear]", "the faults that are set, and how often they were done", false, false, true, do_faults },
	{ "help", "", "this list", false, false, true, do_help },
	{ "quit", "", "switch the device off; the session stays with the service", false, false, true, do_quit },
	{ NULL, NULL, NULL, false, false, false, NULL },
};

void device_lines_help(FILE *out)
{
	for (const struct device_line *line = device_lines; line->name; line++)
		fprintf(out, "  %-10s %-28s %s\n", line->name, line->arguments, line->help);
	fprintf(out, "  With several devices in one process a line is for all of them, or for one with @PIN before it.\n");
}

const struct device_line *device_line_find(struct bytes name, struct error *err)
{
	const char *names[sizeof device_lines / sizeof device_lines[0]] = { NULL };
	char near[64];
	char typed[32];

	for (size_t i = 0; device_lines[i].name; i++) {
		names[i] = device_lines[i].name;
		if (bytes_is(name, names[i]))
			return &device_lines[i];
	}
	bytes_copy_str(bytes_slice(name, 0, sizeof typed - 1), typed, sizeof typed);
	did_you_mean(typed, names, near, sizeof near);
	error_set(err, "unknown command %s%s", log_value(name), near[0] ? near : "; help lists them");
	return NULL;
}
