#include "protocol/im.h"

#include <stdio.h>

#include "base/reader.h"

static const struct wire_field login_fields[] = {
	WIRE_BYTES(struct im_login, user, 0, IM_USER_MAX, "user ID at the IM server"),
	WIRE_BYTES(struct im_login, password, WIRE_SECRET, IM_PASSWORD_MAX, "password at the IM server"),
	WIRE_U32(struct im_login, capabilities, 0, "bits: what the device understands (list below)"),
	WIRE_END,
};
#define LOGIN_ID_FIELD(type) WIRE_BYTES(type, login_id, WIRE_OPTIONAL | WIRE_NEVER_EMPTY, IM_LOGIN_ID_MAX, \
	"what log, trails and history call this login")
static const struct wire_field login_ok_fields[] = {
	WIRE_U32(struct im_login_ok, session, 0, "number of the session; every later message carries it"),
	WIRE_BYTES(struct im_login_ok, display_name, 0, IM_NAME_MAX, "the user's own name"),
	WIRE_U32(struct im_login_ok, status_interval_s, 0, "seconds between STATUS messages"),
	LOGIN_ID_FIELD(struct im_login_ok),
	WIRE_U32(struct im_login_ok, forget_password, WIRE_OPTIONAL | WIRE_NEVER_EMPTY, "1: the device may not keep the password"),
	WIRE_END,
};
static const struct wire_field login_fail_fields[] = {
	WIRE_U32(struct im_login_fail, code, 0, "why (list below)"),
	WIRE_BYTES(struct im_login_fail, status_text, 0, IM_STATUS_TEXT_MAX, "what the device shows"),
	LOGIN_ID_FIELD(struct im_login_fail),
	WIRE_END,
};
static const struct wire_field session_fields[] = {
	WIRE_U32(struct im_session, session, 0, "the session"),
	WIRE_END,
};
static const struct wire_field presence_set_fields[] = {
	WIRE_U32(struct im_presence_set, session, 0, "the session"),
	WIRE_U32(struct im_presence_set, presence, 0, "the user's own availability (list below)"),
	WIRE_BYTES(struct im_presence_set, text, 0, IM_STATUS_TEXT_MAX, "status in the user's words, may be empty"),
	WIRE_END,
};
static const struct wire_field presence_event_fields[] = {
	WIRE_U32(struct im_presence_event, session, 0, "the session"),
	WIRE_BYTES(struct im_presence_event, user, 0, IM_USER_MAX, "whose availability"),
	WIRE_U32(struct im_presence_event, presence, 0, "the new one (list below)"),
	WIRE_BYTES(struct im_presence_event, text, 0, IM_STATUS_TEXT_MAX, "status in that user's words, may be empty"),
	WIRE_END,
};
static const struct wire_field contact_fields[] = {
	WIRE_BYTES(struct im_contact, user, 0, IM_USER_MAX, "user ID"),
	WIRE_BYTES(struct im_contact, name, 0, IM_NAME_MAX, "name to show"),
	WIRE_BYTES(struct im_contact, folder, 0, IM_NAME_MAX, "folder of the contact list, empty for the top"),
	WIRE_U32(struct im_contact, presence, 0, "availability (list below)"),
	WIRE_BYTES(struct im_contact, text, 0, IM_STATUS_TEXT_MAX, "status in the contact's words, may be empty"),
	WIRE_END,
};
static const struct wire_field contacts_fields[] = {
	WIRE_U32(struct im_contacts, session, 0, "the session"),
	WIRE_U32(struct im_contacts, more, 0, "1: the list goes on in the next message"),
	WIRE_GROUP(struct im_contacts, contacts, count, contact_fields, "the contacts"),
	WIRE_END,
};
static const struct wire_field message_fields[] = {
	WIRE_U32(struct im_message, session, 0, "the session"),
	WIRE_BYTES(struct im_message, to, 0, IM_USER_MAX, "user ID of the recipient"),
	WIRE_BYTES(struct im_message, text, 0, IM_TEXT_MAX, "what is said"),
	WIRE_END,
};
static const struct wire_field message_event_fields[] = {
	WIRE_U32(struct im_message_event, session, 0, "the session"),
	WIRE_BYTES(struct im_message_event, from, 0, IM_USER_MAX, "user ID of the sender"),
	WIRE_BYTES(struct im_message_event, name, 0, IM_NAME_MAX, "the sender's name to show"),
	WIRE_BYTES(struct im_message_event, text, 0, IM_TEXT_MAX, "what is said"),
	WIRE_U32(struct im_message_event, kind, WIRE_OPTIONAL, "who speaks: a person, an automatic reply, a broadcast (list below)"),
	WIRE_END,
};
static const struct wire_field please_login_fields[] = {
	WIRE_U32(struct im_please_login, session, 0, "the session that is over; 0: whichever the device had"),
	WIRE_BYTES(struct im_please_login, text, 0, IM_STATUS_TEXT_MAX, "in words, may be empty"),
	WIRE_END,
};
static const struct wire_field forced_logout_fields[] = {
	WIRE_U32(struct im_forced_logout, session, 0, "the session that is over"),
	WIRE_U32(struct im_forced_logout, reason, 0, "why (list below)"),
	WIRE_BYTES(struct im_forced_logout, text, 0, IM_STATUS_TEXT_MAX, "in words, may be empty"),
	WIRE_END,
};
static const struct wire_field ack_fields[] = {
	WIRE_U32(struct im_ack, session, 0, "the session"),
	WIRE_U32(struct im_ack, sequence, 0, "of the message that it answers"),
	WIRE_U32(struct im_ack, code, 0, "0 done, else why not (list below)"),
	WIRE_BYTES(struct im_ack, text, 0, IM_STATUS_TEXT_MAX, "in words, may be empty"),
	WIRE_END,
};
static const struct wire_field room_user_fields[] = {
	WIRE_BYTES(struct im_room_user, user, 0, IM_USER_MAX, "user ID of who is invited"),
	WIRE_END,
};
static const struct wire_field room_open_fields[] = {
	WIRE_U32(struct im_room_open, session, 0, "the session"),
	WIRE_U32(struct im_room_open, room, 0, "handle that the device picks: 1 to 0x7fffffff, not in use"),
	WIRE_GROUP(struct im_room_open, users, count, room_user_fields, "all of them are invited"),
	WIRE_END,
};
static const struct wire_field room_invite_fields[] = {
	WIRE_U32(struct im_room_invite, session, 0, "the session"),
	WIRE_U32(struct im_room_invite, room, 0, "handle of the room"),
	WIRE_BYTES(struct im_room_invite, user, 0, IM_USER_MAX, "user ID of who is invited"),
	WIRE_BYTES(struct im_room_invite, text, 0, IM_STATUS_TEXT_MAX, "words to go with it, may be empty"),
	WIRE_END,
};
static const struct wire_field room_leave_fields[] = {
	WIRE_U32(struct im_room_leave, session, 0, "the session"),
	WIRE_U32(struct im_room_leave, room, 0, "handle of the room"),
	WIRE_END,
};
static const struct wire_field room_answer_fields[] = {
	WIRE_U32(struct im_room_answer, session, 0, "the session"),
	WIRE_U32(struct im_room_answer, room, 0, "handle that the invitation came with"),
	WIRE_U32(struct im_room_answer, accept, 0, "1 joins the room, 0 declines"),
	WIRE_END,
};
static const struct wire_field room_event_fields[] = {
	WIRE_U32(struct im_room_event, session, 0, "the session"),
	WIRE_U32(struct im_room_event, room, 0, "handle of the room; of an invitation: one that the service picks, from 0x80000000 up"),
	WIRE_U32(struct im_room_event, event, 0, "what happened (list below)"),
	WIRE_BYTES(struct im_room_event, user, 0, IM_USER_MAX, "whom it is about; of an invitation: who invites"),
	WIRE_BYTES(struct im_room_event, name, 0, IM_NAME_MAX, "that user's name to show"),
	WIRE_BYTES(struct im_room_event, text, 0, IM_STATUS_TEXT_MAX, "words of an invitation, may be empty"),
	WIRE_END,
};
static const struct wire_field room_message_fields[] = {
	WIRE_U32(struct im_room_message, session, 0, "the session"),
	WIRE_U32(struct im_room_message, room, 0, "handle of the room"),
	WIRE_BYTES(struct im_room_message, text, 0, IM_TEXT_MAX, "what is said"),
	WIRE_END,
};
static const struct wire_field room_message_event_fields[] = {
	WIRE_U32(struct im_room_message_event, session, 0, "the session"),
	WIRE_U32(struct im_room_message_event, room, 0, "handle of the room"),
	WIRE_BYTES(struct im_room_message_event, from, 0, IM_USER_MAX, "user ID of the sender"),
	WIRE_BYTES(struct im_room_message_event, name, 0, IM_NAME_MAX, "the sender's name to show"),
	WIRE_BYTES(struct im_room_message_event, text, 0, IM_TEXT_MAX, "what is said"),
	WIRE_END,
};
static const struct wire_field typing_fields[] = {
	WIRE_U32(struct im_typing, session, 0, "the session"),
	WIRE_U32(struct im_typing, room, 0, "handle of the room; 0: between the two alone"),
	WIRE_BYTES(struct im_typing, user, 0, IM_USER_MAX, "device: to whom, empty in a room; service: who types"),
	WIRE_U32(struct im_typing, on, 0, "1 began, 0 stopped"),
	WIRE_END,
};
static const struct wire_field contact_change_fields[] = {
	WIRE_U32(struct im_contact_change, session, 0, "the session"),
	WIRE_U32(struct im_contact_change, action, 0, "what to do (list below)"),
	WIRE_BYTES(struct im_contact_change, user, 0, IM_USER_MAX, "user ID of the contact"),
	WIRE_BYTES(struct im_contact_change, name, 0, IM_NAME_MAX, "RENAME: name to show from now on; ADD: the same, empty for the user's own"),
	WIRE_BYTES(struct im_contact_change, folder, 0, IM_NAME_MAX, "ADD, MOVE: where to, made when missing, empty for the top"),
	WIRE_END,
};
static const struct wire_field contact_event_fields[] = {
	WIRE_U32(struct im_contact_event, session, 0, "the session"),
	WIRE_U32(struct im_contact_event, action, 0, "what was done (list below)"),
	WIRE_BYTES(struct im_contact_event, user, 0, IM_USER_MAX, "user ID of the contact"),
	WIRE_BYTES(struct im_contact_event, name, 0, IM_NAME_MAX, "its name to show"),
	WIRE_BYTES(struct im_contact_event, folder, 0, IM_NAME_MAX, "its folder, empty for the top"),
	WIRE_U32(struct im_contact_event, presence, 0, "its availability (list below)"),
	WIRE_BYTES(struct im_contact_event, text, 0, IM_STATUS_TEXT_MAX, "status in the contact's words, may be empty"),
	WIRE_END,
};
static const struct wire_field block_fields[] = {
	WIRE_U32(struct im_block, session, 0, "the session"),
	WIRE_BYTES(struct im_block, user, 0, IM_USER_MAX, "user ID; empty: everybody who is on neither list"),
	WIRE_U32(struct im_block, blocked, 0, "1 blocked, 0 allowed"),
	WIRE_END,
};
static const struct wire_field search_fields[] = {
	WIRE_U32(struct im_search, session, 0, "the session"),
	WIRE_U32(struct im_search, field, 0, "where to look (list below)"),
	WIRE_BYTES(struct im_search, text, 0, IM_NAME_MAX, "what to look for"),
	WIRE_END,
};
static const struct wire_field search_result_fields[] = {
	WIRE_U32(struct im_search_result, session, 0, "the session"),
	WIRE_U32(struct im_search_result, sequence, 0, "of the SEARCH that it answers"),
	WIRE_U32(struct im_search_result, more, 0, "1: the list goes on in the next message"),
	WIRE_GROUP(struct im_search_result, contacts, count, contact_fields, "who was found; folder is empty"),
	WIRE_END,
};

#define MSG(variable, code_, name_, type, fields_, help_) \
	const struct wire_msg variable = { .code = (code_), .name = (name_), .size = sizeof(type), .fields = (fields_), .help = (help_) }

MSG(im_login_msg, IM_LOGIN, "LOGIN", struct im_login, login_fields, "device: begin a session");
MSG(im_login_ok_msg, IM_LOGIN_OK, "LOGIN_OK", struct im_login_ok, login_ok_fields, "service: the session exists");
MSG(im_login_fail_msg, IM_LOGIN_FAIL, "LOGIN_FAIL", struct im_login_fail, login_fail_fields, "service: there is no session");
MSG(im_logout_msg, IM_LOGOUT, "LOGOUT", struct im_session, session_fields, "device: end the session");
MSG(im_status_msg, IM_STATUS, "STATUS", struct im_session, session_fields, "device: I am still there");
MSG(im_presence_set_msg, IM_PRESENCE_SET, "PRESENCE_SET", struct im_presence_set, presence_set_fields,
	"device: the user's own availability");
MSG(im_presence_event_msg, IM_PRESENCE_EVENT, "PRESENCE_EVENT", struct im_presence_event, presence_event_fields,
	"service: a contact's availability changed");
MSG(im_contacts_msg, IM_CONTACTS, "CONTACTS", struct im_contacts, contacts_fields, "service: the contact list");
MSG(im_message_msg, IM_MESSAGE, "MESSAGE", struct im_message, message_fields, "device: say this to somebody");
MSG(im_message_event_msg, IM_MESSAGE_EVENT, "MESSAGE_EVENT", struct im_message_event, message_event_fields,
	"service: somebody says this");
MSG(im_forced_logout_msg, IM_FORCED_LOGOUT, "FORCED_LOGOUT", struct im_forced_logout, forced_logout_fields,
	"service: the session is over");
MSG(im_please_login_msg, IM_PLEASE_LOGIN, "PLEASE_LOGIN", struct im_please_login, please_login_fields,
	"service: log in again, here");
MSG(im_ack_msg, IM_ACK, "ACK", struct im_ack, ack_fields, "service: answers every message of the device but LOGIN, STATUS and TYPING");
MSG(im_room_open_msg, IM_ROOM_OPEN, "ROOM_OPEN", struct im_room_open, room_open_fields, "device: make a room and invite people");
MSG(im_room_invite_msg, IM_ROOM_INVITE, "ROOM_INVITE", struct im_room_invite, room_invite_fields, "device: invite one more");
MSG(im_room_leave_msg, IM_ROOM_LEAVE, "ROOM_LEAVE", struct im_room_leave, room_leave_fields, "device: leave a room");
MSG(im_room_answer_msg, IM_ROOM_ANSWER, "ROOM_ANSWER", struct im_room_answer, room_answer_fields,
	"device: answers an invitation");
MSG(im_room_event_msg, IM_ROOM_EVENT, "ROOM_EVENT", struct im_room_event, room_event_fields,
	"service: an invitation, or who comes and goes");
MSG(im_room_message_msg, IM_ROOM_MESSAGE, "ROOM_MESSAGE", struct im_room_message, room_message_fields,
	"device: say this to all in a room");
MSG(im_room_message_event_msg, IM_ROOM_MESSAGE_EVENT, "ROOM_MESSAGE_EVENT", struct im_room_message_event,
	room_message_event_fields, "service: somebody says this in a room");
MSG(im_typing_msg, IM_TYPING, "TYPING", struct im_typing, typing_fields, "device: the user types; neither answered nor kept");
MSG(im_typing_event_msg, IM_TYPING_EVENT, "TYPING_EVENT", struct im_typing, typing_fields,
	"service: somebody types; not kept for later");
MSG(im_contact_change_msg, IM_CONTACT_CHANGE, "CONTACT_CHANGE", struct im_contact_change, contact_change_fields,
	"device: change the contact list");
MSG(im_contact_event_msg, IM_CONTACT_EVENT, "CONTACT_EVENT", struct im_contact_event, contact_event_fields,
	"service: the contact list changed, here or elsewhere");
MSG(im_block_msg, IM_BLOCK, "BLOCK", struct im_block, block_fields, "device: block or allow somebody");
MSG(im_block_event_msg, IM_BLOCK_EVENT, "BLOCK_EVENT", struct im_block, block_fields,
	"service: an entry of the lists: all after login, then what changes");
MSG(im_search_msg, IM_SEARCH, "SEARCH", struct im_search, search_fields, "device: look for people");
MSG(im_search_result_msg, IM_SEARCH_RESULT, "SEARCH_RESULT", struct im_search_result, search_result_fields,
	"service: who was found");

const struct wire_msg *const im_messages[] = {
	&im_login_msg, &im_login_ok_msg, &im_login_fail_msg, &im_logout_msg, &im_status_msg, &im_presence_set_msg,
	&im_presence_event_msg, &im_contacts_msg, &im_room_open_msg, &im_room_invite_msg, &im_room_leave_msg, &im_message_msg,
	&im_message_event_msg, &im_forced_logout_msg, &im_please_login_msg, &im_ack_msg, &im_room_answer_msg, &im_room_event_msg, &im_room_message_msg,
	&im_room_message_event_msg, &im_typing_msg, &im_typing_event_msg, &im_contact_change_msg, &im_contact_event_msg,
	&im_block_msg, &im_block_event_msg, &im_search_msg, &im_search_result_msg,
	NULL,
};

struct code_row { uint32_t code; const char *status_text, *reason; };

/* The vendor's documents give three texts; what they do not cover shows as plain "Failed".
 * Source: document (IM login flows); the other codes and all reasons are ours. */
static const struct code_row codes[] = {
	{ IM_OK, "OK", "done" },
	{ IM_SERVER_BUSY, "Server Busy", "the maximum of simultaneous sessions is reached and none is idle" },
	{ IM_FAILED_CAPACITY, "Failed", "the transport's capacity is reached" },
	{ IM_FAILED_300, "Failed (300)", "the transport's capacity is reached" },
	{ IM_BAD_CREDENTIALS, "Failed", "the IM server does not accept user ID and password" },
	{ IM_NOT_PERMITTED, "Failed", "not permitted to use the collaboration client" },
	{ IM_NO_SESSION, "Failed", "the service holds no such session" },
	{ IM_NOT_DELIVERED, "Failed", "the recipient is offline or has blocked the sender" },
	{ IM_TOO_LARGE, "Failed", "the message is too large" },
	{ IM_OVERLOADED, "Failed", "more is asked than can be done now" },
	{ IM_BACKEND_REFUSED, "Failed", "the IM server refused" },
	{ IM_UNREACHABLE, "Failed", "the IM server cannot be reached" },
	{ IM_NO_DATABASE, "Failed", "the configuration database is not available" },
};

static const struct code_row *code_row(uint32_t code)
{
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		if (codes[i].code == code)
			return &codes[i];
	}
	return NULL;
}

/* For numbers that nobody gave a name: "what NUMBER", in one of a few static buffers. */
static const char *unknown(const char *what, uint32_t value)
{
	static __thread char texts[4][32];
	static __thread unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(texts[turn], sizeof texts[turn], "%s-%u", what, value);
	return texts[turn];
}

static const char *name_in(const char *const *names, size_t count, const char *what, uint32_t value)
{
	return value < count && names[value] ? names[value] : unknown(what, value);
}
#define NAME_IN(names, what, value) name_in(names, sizeof (names) / sizeof (names)[0], what, value)

const char *im_code_status_text(uint32_t code)
{
	const struct code_row *row = code_row(code);

	return row ? row->status_text : "Failed";
}

const char *im_code_reason(uint32_t code)
{
	const struct code_row *row = code_row(code);

	return row ? row->reason : unknown("code", code);
}

const char *im_reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[IM_REASON_LOGOUT] = "logout",
		[IM_REASON_EVICTED_COVERAGE] = "evicted-coverage",
		[IM_REASON_EVICTED_SILENT] = "evicted-silent",
		[IM_REASON_INACTIVE] = "inactive",
		[IM_REASON_REPLACED] = "replaced",
		[IM_REASON_ELSEWHERE] = "elsewhere",
		[IM_REASON_SERVER_LOST] = "server-lost",
		[IM_REASON_ADMIN] = "admin",
		[IM_REASON_SHUTDOWN] = "shutdown",
		[IM_REASON_UNKNOWN_SESSION] = "unknown-session",
		[IM_REASON_OVERFLOW] = "overflow",
		[IM_REASON_REFUSED] = "refused",
		[IM_REASON_SWITCHED] = "switched",
		[IM_REASON_SERVICE_LOST] = "service-lost",
	};

	return NAME_IN(names, "reason", reason);
}

const char *im_presence_name(uint32_t presence)
{
	static const char *const names[] = {
		[IM_UNKNOWN] = "unknown",
		[IM_OFFLINE] = "offline",
		[IM_AVAILABLE] = "available",
		[IM_BUSY] = "busy",
		[IM_AWAY] = "away",
		[IM_IDLE] = "idle",
	};

	return NAME_IN(names, "presence", presence);
}

const char *im_room_happening_name(uint32_t happening)
{
	static const char *const names[] = {
		[IM_ROOM_INVITED] = "invited",
		[IM_ROOM_JOINED] = "joined",
		[IM_ROOM_LEFT] = "left",
		[IM_ROOM_DECLINED] = "declined",
		[IM_ROOM_OTHER_INVITED] = "other-invited",
		[IM_ROOM_CLOSED] = "closed",
		[IM_ROOM_PRESENT] = "present",
	};

	return NAME_IN(names, "event", happening);
}

const char *im_message_kind_name(uint32_t kind)
{
	static const char *const names[] = {
		[IM_KIND_MESSAGE] = "message",
		[IM_KIND_AUTOMATIC_REPLY] = "automatic-reply",
		[IM_KIND_BROADCAST] = "broadcast",
	};

	return NAME_IN(names, "kind", kind);
}

const char *im_contact_action_name(uint32_t action)
{
	static const char *const names[] = {
		[IM_CONTACT_ADD] = "add",
		[IM_CONTACT_RENAME] = "rename",
		[IM_CONTACT_MOVE] = "move",
		[IM_CONTACT_REMOVE] = "remove",
	};

	return NAME_IN(names, "action", action);
}

const char *im_search_field_name(uint32_t field)
{
	static const char *const names[] = {
		[IM_SEARCH_ANY_NAME] = "name",
		[IM_SEARCH_GIVEN_NAME] = "given-name",
		[IM_SEARCH_SURNAME] = "surname",
		[IM_SEARCH_USER_ID] = "user",
		[IM_SEARCH_TITLE] = "title",
		[IM_SEARCH_DEPARTMENT] = "department",
	};

	return NAME_IN(names, "field", field);
}

int im_peek(struct bytes raw, enum im_type *type, uint32_t *sequence, struct error *err)
{
	struct reader r = reader_of(raw);
	uint8_t code = reader_u8(&r);

	*type = (enum im_type)code;
	*sequence = reader_u32(&r);
	if (!reader_ok(&r))
		return error_set(err, "IM message: %zu bytes are no header of %d", raw.len, IM_HEADER);
	if (!wire_find(im_messages, code))
		return error_set(err, "IM message: unknown type %u", code);
	return 0;
}

int im_decode(const struct wire_msg *msg, struct bytes raw, void *out, struct error *err)
{
	enum im_type type;
	uint32_t sequence;

	if (im_peek(raw, &type, &sequence, err))
		return -1;
	if (type != (enum im_type)msg->code)
		return error_set(err, "%s: type %u where %u belongs", msg->name, (unsigned)type, msg->code);
	return wire_decode(msg, bytes_slice(raw, IM_HEADER, raw.len), out, err);
}

void im_encode(const struct wire_msg *msg, uint32_t sequence, const void *in, struct buf *out)
{
	buf_u8(out, msg->code);
	buf_u32(out, sequence);
	wire_encode(msg, in, out);
}

void im_dump(struct bytes raw, struct buf *out)
{
	union im_any any;
	enum im_type type;
	uint32_t sequence;
	struct error err;

	if (im_peek(raw, &type, &sequence, &err) || im_decode(wire_find(im_messages, (uint8_t)type), raw, &any, &err)) {
		buf_printf(out, "<%s>", err.text);
		return;
	}
	buf_printf(out, "#%u ", sequence);
	wire_dump(wire_find(im_messages, (uint8_t)type), &any, out);
}
