#include "simulator/device/device_print.h"

#include <inttypes.h>
#include <jansson.h>

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
	WITH_PRESENCE = 128 };
static const struct shape {
	const char *user, *name, *text;
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
	[DEVICE_EVENT_SENT] = { .user = "to", .with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES | WITH_PEER | WITH_REASON },
	[DEVICE_EVENT_ACK] = { .user = "to", .text = "text",
		.with = WITH_SESSION | WITH_SEQUENCE | WITH_CODE | WITH_REASON | WITH_ELAPSED },
	[DEVICE_EVENT_MESSAGE] = { .user = "from", .name = "name", .text = "text",
		.with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_PRESENCE] = { .user = "user", .text = "text", .with = WITH_SESSION | WITH_SEQUENCE | WITH_PRESENCE },
	[DEVICE_EVENT_CONTACTS] = { .with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_WAITING] = { .with = WITH_SESSION },
	[DEVICE_EVENT_RESUMED] = { .with = WITH_SESSION },
	[DEVICE_EVENT_STATUS_SENT] = { .with = WITH_SESSION | WITH_SEQUENCE | WITH_SIZES },
	[DEVICE_EVENT_FORCED_LOGOUT] = { .text = "text", .with = WITH_SESSION | WITH_CODE | WITH_REASON },
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

static json_t *json_event(const struct device_event *e)
{
	const struct shape *shape = &shapes[e->type];
	json_t *line = json_pack("{s:s, s:I, s:s}", "event", device_event_name(e->type), "at_us", (json_int_t)e->at_us, "pin",
		pin_text(e->pin));

	if (shape->user)
		json_object_set_new(line, shape->user, json_of(e->user));
	if (shape->name)
		json_object_set_new(line, shape->name, json_of(e->name));
	if (shape->text)
		json_object_set_new(line, shape->text, json_of(e->text));
	if (shape->with & WITH_SESSION)
		json_object_set_new(line, "session", json_integer(e->session));
	if (shape->with & WITH_SEQUENCE)
		json_object_set_new(line, "sequence", json_integer(e->sequence));
	if (shape->with & WITH_CODE)
		json_object_set_new(line, "code", json_integer(e->code));
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
	if (e->contacts) {
		json_t *list = json_array();

		for (size_t i = 0; i < e->contacts->count; i++) {
			const struct im_contact *c = &e->contacts->contacts[i];

			json_array_append_new(list, json_contact(c->user, c->name, c->folder, c->presence, c->text));
		}
		json_object_set_new(line, "contacts", list);
		json_object_set_new(line, "more", json_boolean(e->contacts->more));
	}
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

/* --- words ------------------------------------------------------------------------------------------------------------ */

/* Somebody else's text must not steer the terminal. */
static void say(struct buf *out, struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c == '\n')
			buf_text(out, "\n  ");
		else
			buf_u8(out, c < 0x20 || c == 0x7f ? '?' : c);
	}
}

static void say_also(struct buf *out, struct bytes text)
{
	if (text.len == 0)
		return;
	buf_text(out, " (");
	say(out, text);
	buf_u8(out, ')');
}

static void words_contact(struct bytes user, struct bytes name, uint32_t presence, struct bytes text, struct buf *out)
{
	buf_text(out, "\n  ");
	say(out, user);
	say_also(out, name);
	buf_printf(out, ": %s", im_presence_name(presence));
	say_also(out, text);
}

/* Appends the line without its end; nothing when a person need not see it. */
static void words_event(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	switch (e->type) {
	case DEVICE_EVENT_LINK_UP:
		buf_printf(out, "in coverage: registered with the router at %s", e->peer);
		break;
	case DEVICE_EVENT_LINK_DOWN:
		buf_text(out, "out of coverage: ");
		say(out, e->text);
		break;
	case DEVICE_EVENT_LINK_REFUSED:
		buf_text(out, "no link: ");
		say(out, e->text);
		break;
	case DEVICE_EVENT_COVERAGE:
		buf_printf(out, "coverage %s", e->code ? "on" : "off");
		break;
	case DEVICE_EVENT_LOGIN_SENT:
		buf_text(out, "logging in as ");
		say(out, e->user);
		buf_text(out, " ...");
		break;
	case DEVICE_EVENT_LOGIN_OK:
		buf_text(out, "logged in as ");
		say(out, e->name.len ? e->name : e->user);
		break;
	case DEVICE_EVENT_LOGIN_FAILED:
		say(out, e->text);
		if (p->verbose && e->reason)
			buf_printf(out, "\n  %s", e->reason);
		break;
	case DEVICE_EVENT_SENT:
		if (p->verbose)
			buf_printf(out, "sent message %u%s: %zu bytes, %zu compressed, %zu encrypted with %s", e->sequence,
				e->reason ? " again" : "", e->sizes.clear, e->sizes.packed, e->sizes.sealed,
				packet_suite_name(e->sizes.suite));
		break;
	case DEVICE_EVENT_ACK:
		if (e->code != IM_OK) {
			buf_text(out, e->user.len ? "not sent to " : "refused");
			say(out, e->user);
			buf_printf(out, ": %s", e->reason);
			say_also(out, e->text);
		} else if (p->verbose) {
			buf_printf(out, "message %u was taken", e->sequence);
		}
		break;
	case DEVICE_EVENT_MESSAGE:
		say(out, e->user);
		buf_text(out, ": ");
		say(out, e->text);
		break;
	case DEVICE_EVENT_PRESENCE:
		buf_text(out, "* ");
		say(out, e->user);
		buf_printf(out, " is %s", im_presence_name(e->code));
		say_also(out, e->text);
		break;
	case DEVICE_EVENT_CONTACTS:
		buf_text(out, "contacts:");
		for (size_t i = 0; i < e->contacts->count; i++) {
			const struct im_contact *c = &e->contacts->contacts[i];

			words_contact(c->user, c->name, c->presence, c->text, out);
		}
		break;
	case DEVICE_EVENT_WAITING:
		buf_text(out, "waiting for coverage");
		break;
	case DEVICE_EVENT_RESUMED:
		buf_text(out, "going on with the session");
		break;
	case DEVICE_EVENT_STATUS_SENT:
		if (p->verbose)
			buf_text(out, "sent a status message");
		break;
	case DEVICE_EVENT_FORCED_LOGOUT:
		buf_printf(out, "logged out by the service: %s", e->reason);
		say_also(out, e->text);
		break;
	case DEVICE_EVENT_LOGGED_OUT:
		buf_text(out, "logged out");
		break;
	case DEVICE_EVENT_RETURNED:
		buf_text(out, "a message came back: ");
		say(out, e->text);
		break;
	case DEVICE_EVENT_COUNT:
		break;
	}
}

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

/* --- both ------------------------------------------------------------------------------------------------------------- */

void device_print_event(const struct device_printer *p, const struct device_event *event)
{
	struct buf words = { 0 };

	if (p->json) {
		write_json(p, json_event(event));
		return;
	}
	words_event(p, event, &words);
	write_words(p, event->pin, &words);
}

static json_t *json_answer(const struct device *d, const char *event)
{
	return json_pack("{s:s, s:I, s:s}", "event", event, "at_us", (json_int_t)loop_real_us(), "pin", pin_text(device_own_pin(d)));
}

void device_print_contacts(const struct device_printer *p, const struct device *d)
{
	const struct device_contacts *contacts = device_contacts(d);
	struct buf words = { 0 };
	json_t *list = json_array(), *line = json_answer(d, "contact-list");

	buf_text(&words, contacts->count ? "contacts:" : "no contacts");
	for (size_t i = 0; i < contacts->count; i++) {
		const struct device_contact *c = &contacts->list[i];

		words_contact(bytes_str(c->user), bytes_str(c->name), c->presence, bytes_str(c->text), &words);
		json_array_append_new(list, json_contact(bytes_str(c->user), bytes_str(c->name), bytes_str(c->folder),
			c->presence, bytes_str(c->text)));
	}
	json_object_set_new(line, "contacts", list);
	if (p->json) {
		write_json(p, line);
		buf_free(&words);
		return;
	}
	json_decref(line);
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
