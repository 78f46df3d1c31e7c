#include "simulator/device/device_words.h"

#include <string.h>

/* --- one function per event ------------------------------------------------------------------------------------------- */

typedef void words_fn(const struct device_printer *p, const struct device_event *e, struct buf *out);

static void say_room(const struct device_event *e, struct buf *out)
{
	if (e->room)
		buf_printf(out, "[%u] ", e->room);
}

static void link_up(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_printf(out, "in coverage: registered with the router at %s", e->peer);
}

static void link_down(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "out of coverage: ");
	device_say(out, e->text);
}

static void link_refused(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "no link: ");
	device_say(out, e->text);
}

static void coverage(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_printf(out, "coverage %s", e->code ? "on" : "off");
}

static void login_sent(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "logging in as ");
	device_say(out, e->user);
	buf_text(out, " ...");
}

/* For `bramble trace show`. */
static void say_login_id(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	if (!p->verbose || !e->login_id.len)
		return;
	buf_text(out, "\n  login ");
	device_say(out, e->login_id);
}

static void login_ok(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	buf_text(out, "logged in as ");
	device_say(out, e->name.len ? e->name : e->user);
	if (e->code)
		buf_text(out, " (the server does not let the password be kept)");
	say_login_id(p, e, out);
}

static void login_failed(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	device_say(out, e->text);
	if (p->verbose && e->reason)
		buf_printf(out, "\n  %s", e->reason);
	say_login_id(p, e, out);
}

static void sent(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	if (p->verbose)
		buf_printf(out, "sent message %u%s: %zu bytes, %zu compressed, %zu encrypted with %s", e->sequence,
			e->reason ? " again" : "", e->sizes.clear, e->sizes.packed, e->sizes.sealed, packet_suite_name(e->sizes.suite));
}

/* What did not happen, by the message that was refused; the user follows where there is one. */
static const char *refusal(enum im_type message)
{
	switch (message) {
	case IM_MESSAGE:
		return "not sent to ";
	case IM_ROOM_OPEN:
		return "the room was not made";
	case IM_ROOM_INVITE:
		return "not invited: ";
	case IM_ROOM_ANSWER:
		return "the answer did not reach ";
	case IM_ROOM_LEAVE:
		return "not left";
	case IM_ROOM_MESSAGE:
		return "not said";
	case IM_CONTACT_CHANGE:
		return "the contact list was not changed: ";
	case IM_BLOCK:
		return "not changed: ";
	case IM_SEARCH:
		return "not searched";
	default:
		return "refused";
	}
}

static void ack(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	if (e->code == IM_OK && e->message == IM_ROOM_OPEN) {
		say_room(e, out);
		buf_text(out, "the room is open");
	} else if (e->code == IM_OK) {
		if (p->verbose)
			buf_printf(out, "message %u was taken", e->sequence);
	} else {
		/* A message that was taken and could not be delivered after all: its text says to whom. */
		bool was_taken = e->message == IM_MESSAGE && e->user.len == 0;

		say_room(e, out);
		buf_text(out, refusal(e->message));
		device_say(out, was_taken ? e->text : e->user);
		buf_printf(out, ": %s", e->reason);
		if (!was_taken)
			device_say_also(out, e->text);
	}
}

static void message(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	bool plain = !e->what || strcmp(e->what, im_message_kind_name(IM_KIND_MESSAGE)) == 0;

	(void)p;
	say_room(e, out);
	device_say(out, e->user);
	if (!plain)
		buf_printf(out, " (%s)", e->what);
	buf_text(out, ": ");
	device_say(out, e->text);
}

static void presence(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "* ");
	device_say(out, e->user);
	buf_printf(out, " is %s", im_presence_name(e->code));
	device_say_also(out, e->text);
}

static void contacts(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "contacts:");
	device_words_list(&(struct device_list){ e->contacts, NULL, e->contact_count }, out);
}

static void contact(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	const struct im_contact *c = e->contacts;

	(void)p;
	buf_text(out, "* ");
	device_say(out, c->user);
	switch (e->code) {
	case IM_CONTACT_ADD:
		device_say_also(out, c->name);
		buf_text(out, " is a contact now");
		break;
	case IM_CONTACT_RENAME:
		buf_text(out, " is called ");
		device_say(out, c->name);
		return;
	case IM_CONTACT_MOVE:
		buf_text(out, " was moved");
		break;
	case IM_CONTACT_REMOVE:
		buf_text(out, " is no contact any more");
		break;
	default:
		buf_printf(out, ": %s", e->what);
	}
	if (c->folder.len == 0)
		return;
	buf_text(out, e->code == IM_CONTACT_MOVE ? " to " : " in ");
	device_say(out, c->folder);
}

static void block(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	if (e->quiet && !p->verbose)
		return;
	buf_text(out, "* ");
	device_say(out, e->user.len ? e->user : bytes_str("everybody else"));
	buf_text(out, e->code ? " is blocked" : " is allowed");
}

static void search_result(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	if (e->reason)
		buf_printf(out, "nothing was found: %s", e->reason);
	else
		buf_text(out, e->contact_count ? "found:" : "nobody was found");
	device_words_list(&(struct device_list){ e->contacts, NULL, e->contact_count }, out);
}

static void typing(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	say_room(e, out);
	buf_text(out, "* ");
	device_say(out, e->user);
	buf_text(out, e->code ? " is typing" : " has stopped typing");
}

static void room_opening(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	say_room(e, out);
	buf_text(out, "a room with ");
	device_say(out, e->text.len ? e->text : bytes_str("nobody else yet"));
	buf_text(out, " ...");
}

static void room(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	static const char *const happened[] = {
		[IM_ROOM_INVITED] = " invites you",
		[IM_ROOM_JOINED] = " has joined",
		[IM_ROOM_LEFT] = " has left",
		[IM_ROOM_DECLINED] = " does not want to join",
		[IM_ROOM_OTHER_INVITED] = " was invited",
		[IM_ROOM_CLOSED] = "the room is closed",
		[IM_ROOM_PRESENT] = " is here",
	};

	(void)p;
	say_room(e, out);
	buf_text(out, "* ");
	if (e->code != IM_ROOM_CLOSED)
		device_say(out, e->user);
	if (e->code < sizeof happened / sizeof happened[0] && happened[e->code])
		buf_text(out, happened[e->code]);
	else
		buf_printf(out, ": %s", e->what);
	device_say_also(out, e->text);
	if (e->code == IM_ROOM_INVITED)
		buf_printf(out, "; say: answer %u yes|no", e->room);
}

static void idle(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, e->code ? "idle: the device was not used" : "back from idle");
}

static void login_again(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "logging in again as ");
	device_say(out, e->user);
	buf_printf(out, " in %.1f s", e->code / 1000.0);
}

static void waiting(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	(void)e;
	buf_text(out, "waiting for coverage");
}

static void resumed(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	(void)e;
	buf_text(out, "going on with the session");
}

static void status_sent(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)e;
	if (p->verbose)
		buf_text(out, "sent a status message");
}

static void forced_logout(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_printf(out, "logged out by the service: %s", e->reason);
	device_say_also(out, e->text);
}

static void please_login(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, e->code ? "asked to log in again: the password is kept" : "please log in again");
	device_say_also(out, e->text);
}

static void logged_out(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	(void)e;
	buf_text(out, "logged out");
}

static void returned(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	(void)p;
	buf_text(out, "a message came back: ");
	device_say(out, e->text);
}

void device_words(const struct device_printer *p, const struct device_event *e, struct buf *out)
{
	static words_fn *const words[DEVICE_EVENT_COUNT] = {
		[DEVICE_EVENT_LINK_UP] = link_up,
		[DEVICE_EVENT_LINK_DOWN] = link_down,
		[DEVICE_EVENT_LINK_REFUSED] = link_refused,
		[DEVICE_EVENT_COVERAGE] = coverage,
		[DEVICE_EVENT_LOGIN_SENT] = login_sent,
		[DEVICE_EVENT_LOGIN_OK] = login_ok,
		[DEVICE_EVENT_LOGIN_FAILED] = login_failed,
		[DEVICE_EVENT_SENT] = sent,
		[DEVICE_EVENT_ACK] = ack,
		[DEVICE_EVENT_MESSAGE] = message,
		[DEVICE_EVENT_PRESENCE] = presence,
		[DEVICE_EVENT_CONTACTS] = contacts,
		[DEVICE_EVENT_TYPING] = typing,
		[DEVICE_EVENT_CONTACT] = contact,
		[DEVICE_EVENT_BLOCK] = block,
		[DEVICE_EVENT_SEARCH_RESULT] = search_result,
		[DEVICE_EVENT_ROOM_OPENING] = room_opening,
		[DEVICE_EVENT_ROOM] = room,
		[DEVICE_EVENT_ROOM_MESSAGE] = message,
		[DEVICE_EVENT_IDLE] = idle,
		[DEVICE_EVENT_LOGIN_AGAIN] = login_again,
		[DEVICE_EVENT_WAITING] = waiting,
		[DEVICE_EVENT_RESUMED] = resumed,
		[DEVICE_EVENT_STATUS_SENT] = status_sent,
		[DEVICE_EVENT_FORCED_LOGOUT] = forced_logout,
		[DEVICE_EVENT_PLEASE_LOGIN] = please_login,
		[DEVICE_EVENT_LOGGED_OUT] = logged_out,
		[DEVICE_EVENT_RETURNED] = returned,
	};

	words[e->type](p, e, out);
}
