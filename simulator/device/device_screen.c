#include <stdlib.h>
#include <strings.h>

#include "base/memory.h"
#include "simulator/device/device_words.h"

#define SHOWN_PER_CONVERSATION 8

/* Somebody else's text must not steer the terminal. */
void device_say(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\n')
			buf_text(out, "\n  ");
		else
			buf_u8(out, c < 0x20 || c == 0x7f ? '?' : c);
	}
}

void device_say_also(struct buf *out, struct bytes text)
{
	if (text.len == 0)
		return;
	buf_text(out, " (");
	device_say(out, text);
	buf_u8(out, ')');
}

void device_say_contact(struct bytes user, struct bytes name, uint32_t presence, struct bytes text, struct buf *out)
{
	buf_text(out, "\n  ");
	device_say(out, user);
	device_say_also(out, name);
	buf_printf(out, ": %s", im_presence_name(presence));
	device_say_also(out, text);
}

static bool same_folder(const struct im_contact *a, const struct im_contact *b)
{
	return a->folder.len == b->folder.len &&
		(a->folder.len == 0 || strncasecmp((const char *)a->folder.data, (const char *)b->folder.data, a->folder.len) == 0);
}

static void say_folder(const struct device_list *list, const struct im_contact *of, struct buf *out)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct im_contact *c = &list->contacts[i];

		if (!same_folder(c, of))
			continue;
		device_say_contact(c->user, c->name, c->presence, c->text, out);
		if (list->blocked && list->blocked[i])
			buf_text(out, ", blocked");
	}
}

static bool begins_folder(const struct device_list *list, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (same_folder(&list->contacts[i], &list->contacts[at]))
			return false;
	}
	return true;
}

/* Those at the top first, then folder by folder. */
void device_words_list(const struct device_list *list, struct buf *out)
{
	static const struct im_contact top = { .presence = IM_UNKNOWN };

	say_folder(list, &top, out);
	for (size_t i = 0; i < list->count; i++) {
		if (list->contacts[i].folder.len == 0 || !begins_folder(list, i))
			continue;
		buf_text(out, "\n ");
		device_say(out, list->contacts[i].folder);
		buf_u8(out, ':');
		say_folder(list, &list->contacts[i], out);
	}
}

void device_words_contacts(const struct device_contacts *contacts, const struct device_blocks *blocks, struct buf *out)
{
	struct im_contact *seen = memory_new((contacts->count + 1) * sizeof *seen);
	bool *blocked = memory_new(contacts->count + 1);

	for (size_t i = 0; i < contacts->count; i++) {
		const struct device_contact *c = &contacts->list[i];

		seen[i] = (struct im_contact){
			bytes_str(c->user), bytes_str(c->name), bytes_str(c->folder), c->presence, bytes_str(c->text),
		};
		blocked[i] = device_blocks_has(blocks, c->user);
	}
	buf_text(out, contacts->count ? "contacts:" : "no contacts");
	device_words_list(&(struct device_list){ seen, blocked, contacts->count }, out);
	free(seen);
	free(blocked);
}

void device_words_blocks(const struct device_blocks *blocks, struct buf *out)
{
	for (size_t i = 0; i < blocks->count; i++) {
		device_say(out, bytes_str(blocks->list[i].user));
		buf_text(out, blocks->list[i].blocked ? " is blocked\n" : " is allowed\n");
	}
	buf_printf(out, "everybody else is %s", blocks->others_blocked ? "blocked" : "allowed");
}

void device_words_rooms(const struct device_rooms *rooms, struct buf *out)
{
	buf_text(out, rooms->first ? "rooms:" : "no rooms");
	for (const struct device_room *room = rooms->first; room; room = room->next) {
		buf_printf(out, "\n  [%u] %s", room->number, device_room_state_name(room->state));
		if (room->state == DEVICE_ROOM_INVITED) {
			buf_text(out, " by ");
			device_say(out, bytes_str(room->inviter));
		}
		for (size_t i = 0; i < room->count; i++) {
			buf_text(out, i ? ", " : ": ");
			device_say(out, bytes_str(room->people[i]));
		}
	}
}

void device_words_standing(const struct device *d, struct buf *out)
{
	const char *user = device_login_name(d);

	buf_printf(out, "%s: ", pin_text(device_own_pin(d)));
	device_say(out, bytes_str(user ? user : "nobody"));
	buf_printf(out, ", %s", device_state_name(device_state(d)));
	if (device_session(d)) {
		buf_printf(out, ", %s", im_presence_name(device_own_presence(d)));
		device_say_also(out, bytes_str(device_own_status(d)));
	}
	buf_text(out, device_is_linked(d) ? ", in coverage" : ", out of coverage");
}

/* --- conversations ------------------------------------------------------------------------------------------------------- */

static void say_conversation(const struct device_history *history, const struct device_said *first, struct buf *out)
{
	size_t all = 0, at = 0;

	if (first->room)
		buf_printf(out, "\n [%u]:", first->room);
	else {
		buf_text(out, "\n ");
		device_say(out, bytes_str(first->with));
		buf_u8(out, ':');
	}
	for (size_t i = 0; i < history->count; i++)
		all += device_said_together(&history->said[i], first);
	for (size_t i = 0; i < history->count; i++) {
		const struct device_said *said = &history->said[i];

		if (!device_said_together(said, first) || ++at + SHOWN_PER_CONVERSATION <= all)
			continue;
		buf_text(out, "\n  ");
		device_say(out, bytes_str(said->from[0] ? said->from : "you"));
		buf_text(out, ": ");
		device_say(out, bytes_str(said->text));
	}
}

static bool begins_conversation(const struct device_history *history, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (device_said_together(&history->said[i], &history->said[at]))
			return false;
	}
	return true;
}

void device_words_history(const struct device_history *history, struct buf *out)
{
	if (history->count)
		buf_text(out, "\nconversations:");
	for (size_t i = 0; i < history->count; i++) {
		if (begins_conversation(history, i))
			say_conversation(history, &history->said[i], out);
	}
}
