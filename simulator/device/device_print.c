#include "simulator/device/device_print.h"

#include <inttypes.h>
#include <jansson.h>
#include <unistd.h>

#include "simulator/device/device_words.h"

/* --- JSON ------------------------------------------------------------------------------------------------------------- */

/* Text from outside as a JSON string; what is not UTF-8 becomes question marks. */
static json_t *json_of(struct bytes text)
{
	json_t *value = json_stringn((const char *)text.data, text.len);
	struct buf ascii = { 0 };

	if (value || text.len == 0)
		return value ? value : json_string("");
	for (size_t i = 0; i < text.len; i++)
		buf_u8(&ascii, text.data[i] < 0x80 ? text.data[i] : '?');
	value = json_stringn((const char *)ascii.data, ascii.len);
	buf_free(&ascii);
	return value;
}

static json_t *json_contact(struct bytes user, struct bytes name, struct bytes folder, uint32_t presence, struct bytes text)
{
	return json_pack("{s:o, s:o, s:o, s:s, s:o}", "user", json_of(user), "name", json_of(name), "folder", json_of(folder),
		"presence", im_presence_name(presence), "text", json_of(text));
}

/* Which members an event's line has, besides the ones that all have, and what the borrowed strings are called there. */
enum { WITH_SESSION = 1, WITH_SEQUENCE = 2, WITH_SIZES = 4, WITH_ELAPSED = 8, WITH_CODE = 16, WITH_REASON = 32, WITH_PEER = 64,
	WITH_PRESENCE = 128, WITH_CONTACTS = 256, WITH_ROOM = 512, WITH_TYPE = 1024, WITH_CONTACT = 2048 };
static const struct shape {
	const char *user, *name, *text, *what, *flag, *sequence, *code;
	unsigned with;
} shapes[DEVICE_EVENT_COUNT] = {
	[DEVICE_EVENT_LINK_UP] = { .with = WITH_PEER },
	[DEVICE_EVENT_LINK_DOWN] = { .text = "reason" },
	[DEVICE_EVENT_LINK_REFUSED] = { .text = "reason" },
	[DEVICE_EVENT_COVERAGE] = { .with = WITH_CODE },
	[DEVICE_EVENT_LOGIN_SENT] = { .user = "user", .with = WITH_SEQUENCE | WITH_SIZES | WITH_PEER },
	[DEVICE_EVENT_LOGIN_OK] = { .user = "user", .name = "display_name", .with = WITH_SESSION | WITH_ELAPSED | WITH_SIZES },
	[DEVICE_EVENT_LOGIN_FAILED] = { .user = "user", .text = "status_text",
		.with = WITH_CODE | WITH_REASON | WITH_ELAPSED | WITH_SIZES },
	[DEVICE_EVENT_SENT] = { .user = "to",
		.with = WITH_TYPE | WITH_ROOM | WITH_SESSION | WITH_SEQUENCE | WITH_SIZES | WITH_PEER | WITH_REASON },
	[DEVICE_EVENT_ACK] = { .user = "to", .text = "text",
		.with = WITH_TYPE | WITH_ROOM | WITH_SESSION | WITH_SEQUENCE | WITH_CODE | WITH_REASON | WITH_ELAPSED },
	[DEVICE_EVENT_MESSAGE] = { .user = "from", .name = "name", .text = "text", .what = "kind",
		.with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_PRESENCE] = { .user = "user", .text = "text", .with = WITH_SESSION | WITH_SEQUENCE | WITH_PRESENCE },
	[DEVICE_EVENT_CONTACTS] = { .with = WITH_CONTACTS | WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_TYPING] = { .flag = "on", .user = "user", .with = WITH_ROOM | WITH_SESSION | WITH_SEQUENCE },
	[DEVICE_EVENT_ROOM_OPENING] = { .text = "users", .with = WITH_ROOM | WITH_SESSION },
	[DEVICE_EVENT_ROOM] = { .what = "what", .user = "user", .name = "name", .text = "text",
		.with = WITH_ROOM | WITH_SESSION | WITH_SEQUENCE },
	[DEVICE_EVENT_ROOM_MESSAGE] = { .user = "from", .name = "name", .text = "text",
		.with = WITH_ROOM | WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_CONTACT] = { .what = "what", .with = WITH_CONTACT | WITH_SESSION | WITH_SEQUENCE },
	[DEVICE_EVENT_BLOCK] = { .flag = "blocked", .user = "user", .with = WITH_SESSION | WITH_SEQUENCE },
	[DEVICE_EVENT_SEARCH_RESULT] = { .sequence = "search", .with = WITH_CONTACTS | WITH_SESSION | WITH_SEQUENCE | WITH_REASON },
	[DEVICE_EVENT_IDLE] = { .flag = "idle", .with = WITH_SESSION },
	[DEVICE_EVENT_LOGIN_AGAIN] = { .user = "user", .code = "in_ms", .with = WITH_CODE },
	[DEVICE_EVENT_WAITING] = { .with = WITH_SESSION },
	[DEVICE_EVENT_RESUMED] = { .with = WITH_SESSION },
	[DEVICE_EVENT_STATUS_SENT] = { .with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_FORCED_LOGOUT] = { .text = "text", .with = WITH_SESSION | WITH_CODE | WITH_REASON },
	[DEVICE_EVENT_PLEASE_LOGIN] = { .flag = "by_itself", .text = "text", .with = WITH_SESSION },
	[DEVICE_EVENT_LOGGED_OUT] = { .with = WITH_SESSION },
	[DEVICE_EVENT_RETURNED] = { .text = "reason", .with = WITH_CODE | WITH_SIZES },
};

static void set_sizes(json_t *line, const struct device_event *e)
{
	if (e->transaction)
		json_object_set_new(line, "transaction", json_integer(e->transaction));
	if (!e->sizes.sealed)
		return;
	json_object_set_new(line, "clear", json_integer((json_int_t)e->sizes.clear));
	json_object_set_new(line, "packed", json_integer((json_int_t)e->sizes.packed));
	json_object_set_new(line, "sealed", json_integer((json_int_t)e->sizes.sealed));
	json_object_set_new(line, "fragments", json_integer(e->sizes.fragments));
	json_object_set_new(line, "suite", json_string(packet_suite_name(e->sizes.suite)));
}

static void set_contacts(json_t *line, const struct device_event *e)
{
	json_t *list = json_array();

	for (size_t i = 0; i < e->contact_count; i++) {
		const struct im_contact *c = &e->contacts[i];

		json_array_append_new(list, json_contact(c->user, c->name, c->folder, c->presence, c->text));
	}
	json_object_set_new(line, "contacts", list);
	json_object_set_new(line, "more", json_boolean(e->more));
}

static json_t *json_event(const struct device_event *e)
{
	const struct shape *shape = &shapes[e->type];
	json_t *line = json_pack("{s:s, s:I, s:s}", "event", device_event_name(e->type), "at_us", (json_int_t)e->at_us, "pin",
		pin_text(e->pin));

	if (shape->what)
		json_object_set_new(line, shape->what, json_string(e->what));
	if (shape->with & WITH_TYPE)
		json_object_set_new(line, "type", json_string(wire_find(im_messages, (uint8_t)e->message)->name));
	if (shape->with & WITH_ROOM && e->room)
		json_object_set_new(line, "room", json_integer(e->room));
	if (shape->flag)
		json_object_set_new(line, shape->flag, json_boolean(e->code));
	if (shape->user)
		json_object_set_new(line, shape->user, json_of(e->user));
	if (shape->name)
		json_object_set_new(line, shape->name, json_of(e->name));
	if (shape->text)
		json_object_set_new(line, shape->text, json_of(e->text));
	if (shape->with & WITH_SESSION)
		json_object_set_new(line, "session", json_integer(e->session));
	if (e->type == DEVICE_EVENT_LOGIN_OK && e->code)
		json_object_set_new(line, "forget_password", json_true());
	if (e->login_id.len)
		json_object_set_new(line, "login_id", json_of(e->login_id));
	if (shape->with & WITH_SEQUENCE)
		json_object_set_new(line, shape->sequence ? shape->sequence : "sequence", json_integer(e->sequence));
	if (shape->with & WITH_CODE)
		json_object_set_new(line, shape->code ? shape->code : "code", json_integer(e->code));
	if (shape->with & WITH_PRESENCE)
		json_object_set_new(line, "presence", json_string(im_presence_name(e->code)));
	if (shape->with & WITH_REASON && e->reason)
		json_object_set_new(line, "reason", json_string(e->reason));
	if (shape->with & WITH_ELAPSED)
		json_object_set_new(line, "elapsed_us", json_integer((json_int_t)e->elapsed_us));
	if (shape->with & WITH_PEER && e->peer)
		json_object_set_new(line, "peer", json_string(e->peer));
	if (shape->with & WITH_SIZES)
		set_sizes(line, e);
	if (shape->with & WITH_CONTACT) {
		const struct im_contact *c = e->contacts;

		json_object_update_new(line, json_contact(c->user, c->name, c->folder, c->presence, c->text));
	}
	if (shape->with & WITH_CONTACTS)
		set_contacts(line, e);
	return line;
}

/* Takes the object over. */
static void write_json(const struct device_printer *p, json_t *line)
{
	json_dumpf(line, p->out, JSON_COMPACT);
	fputc('\n', p->out);
	fflush(p->out);
	json_decref(line);
}

/* --- both ------------------------------------------------------------------------------------------------------------- */

static void write_words(const struct device_printer *p, uint32_t pin, struct buf *words)
{
	if (words->len) {
		if (p->many)
			fprintf(p->out, "%s ", pin_text(pin));
		fprintf(p->out, "%s\n", buf_cstr(words));
		fflush(p->out);
	}
	buf_free(words);
}

static void note(struct device_history *history, const struct device_event *e)
{
	if (e->type == DEVICE_EVENT_MESSAGE)
		device_history_note(history, 0, e->user, e->user, e->text);
	else if (e->type == DEVICE_EVENT_ROOM_MESSAGE)
		device_history_note(history, e->room, (struct bytes){ 0 }, e->user, e->text);
	else if (e->type == DEVICE_EVENT_LOGIN_OK)
		device_history_forget_rooms(history);
}

void device_print_event(const struct device_printer *p, const struct device_event *event)
{
	struct buf words = { 0 };

	if (p->json) {
		write_json(p, json_event(event));
		return;
	}
	if (p->history)
		note(p->history, event);
	device_words(p, event, &words);
	write_words(p, event->pin, &words);
}

static json_t *json_answer(const struct device *d, const char *event)
{
	return json_pack("{s:s, s:I, s:s}", "event", event, "at_us", (json_int_t)loop_real_us(), "pin", pin_text(device_own_pin(d)));
}

/* Takes the object over. */
static void write_answer(const struct device_printer *p, const struct device *d, json_t *line, struct buf *words)
{
	if (p->json) {
		write_json(p, line);
		buf_free(words);
		return;
	}
	json_decref(line);
	write_words(p, device_own_pin(d), words);
}

void device_print_contacts(const struct device_printer *p, const struct device *d)
{
	const struct device_contacts *contacts = device_contacts(d);
	const struct device_blocks *blocks = device_blocks(d);
	struct buf words = { 0 };
	json_t *list = json_array(), *line = json_answer(d, "contact-list");

	for (size_t i = 0; i < contacts->count; i++) {
		const struct device_contact *c = &contacts->list[i];
		json_t *contact = json_contact(bytes_str(c->user), bytes_str(c->name), bytes_str(c->folder), c->presence,
			bytes_str(c->text));

		json_object_set_new(contact, "blocked", json_boolean(device_blocks_has(blocks, c->user)));
		json_array_append_new(list, contact);
	}
	json_object_set_new(line, "contacts", list);
	device_words_contacts(contacts, blocks, &words);
	write_answer(p, d, line, &words);
}

void device_print_blocks(const struct device_printer *p, const struct device *d)
{
	const struct device_blocks *blocks = device_blocks(d);
	struct buf words = { 0 };
	json_t *list = json_array(), *line = json_answer(d, "block-list");

	for (size_t i = 0; i < blocks->count; i++)
		json_array_append_new(list, json_pack("{s:o, s:b}", "user", json_of(bytes_str(blocks->list[i].user)), "blocked",
			blocks->list[i].blocked));
	json_object_set_new(line, "blocks", list);
	json_object_set_new(line, "others_blocked", json_boolean(blocks->others_blocked));
	device_words_blocks(blocks, &words);
	write_answer(p, d, line, &words);
}

void device_print_rooms(const struct device_printer *p, const struct device *d)
{
	const struct device_rooms *rooms = device_rooms(d);
	struct buf words = { 0 };
	json_t *list = json_array(), *line = json_answer(d, "room-list");

	for (const struct device_room *room = rooms->first; room; room = room->next) {
		json_t *people = json_array();

		for (size_t i = 0; i < room->count; i++)
			json_array_append_new(people, json_of(bytes_str(room->people[i])));
		json_array_append_new(list, json_pack("{s:I, s:s, s:o, s:o}", "room", (json_int_t)room->number, "state",
			device_room_state_name(room->state), "inviter", json_of(bytes_str(room->inviter)), "people", people));
	}
	json_object_set_new(line, "rooms", list);
	device_words_rooms(rooms, &words);
	write_answer(p, d, line, &words);
}

void device_print_screen(const struct device_printer *p, const struct device *d)
{
	struct buf words = { 0 };

	if (isatty(fileno(p->out)))
		buf_text(&words, "\x1b[H\x1b[2J");
	device_words_standing(d, &words);
	buf_u8(&words, '\n');
	device_words_contacts(device_contacts(d), device_blocks(d), &words);
	if (device_rooms(d)->first) {
		buf_u8(&words, '\n');
		device_words_rooms(device_rooms(d), &words);
	}
	if (p->history)
		device_words_history(p->history, &words);
	write_words(p, device_own_pin(d), &words);
}

void device_print_session(const struct device_printer *p, const struct device *d)
{
	struct device_counts counts;
	struct buf words = { 0 };
	json_t *line;

	device_count(d, &counts);
	if (!p->json) {
		buf_printf(&words, "%s, session %u, %s%s, %zu messages not acknowledged, %" PRIu64 " sent, %" PRIu64 " received",
			device_state_name(device_state(d)), device_session(d), device_is_linked(d) ? "linked to " : "no link",
			device_peer(d), device_unacknowledged(d), counts.messages_out, counts.messages_in);
		write_words(p, device_own_pin(d), &words);
		return;
	}
	line = json_answer(d, "session");
	json_object_update_new(line, json_pack("{s:s, s:I, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "state",
		device_state_name(device_state(d)), "session", (json_int_t)device_session(d), "linked", device_is_linked(d), "peer",
		device_peer(d), "unacknowledged", (json_int_t)device_unacknowledged(d), "messages_in", (json_int_t)counts.messages_in,
		"messages_out", (json_int_t)counts.messages_out, "resent", (json_int_t)counts.resent, "duplicates",
		(json_int_t)counts.duplicates, "status_sent", (json_int_t)counts.status_sent, "returned", (json_int_t)counts.returned));
	write_json(p, line);
}

void device_print_faults(const struct device_printer *p, const struct device *d, const struct faults *faults, uint64_t now_ms)
{
	struct buf words = { 0 };
	json_t *line = json_answer(d, "fault-list");

	json_object_set_new(line, "faults", faults_json(faults, now_ms));
	faults_text(faults, now_ms, &words);
	write_answer(p, d, line, &words);
}

void device_print_error(const struct device_printer *p, const struct device *d, const char *sentence)
{
	struct buf words = { 0 };

	if (p->json) {
		json_t *line = json_answer(d, "error");

		json_object_set_new(line, "text", json_of(bytes_str(sentence)));
		write_json(p, line);
		return;
	}
	buf_printf(&words, "%s", sentence);
	write_words(p, device_own_pin(d), &words);
}
