#ifndef BRAMBLE_PROTOCOL_IM_H
#define BRAMBLE_PROTOCOL_IM_H

#include "protocol/wire.h"

/* What the device's IM client and the Collaboration Service say to each other inside content id BBIM:
 * u8 type, u32 sequence number, items. Bytes: ours; the behaviour follows the documents where they speak.
 *
 * Sequence numbers count up from 1 per session and direction, and make re-sending harmless: both sides send again what was not
 * acknowledged when a link comes back, and drop what they have seen (replay_window's rules). */
#define IM_CONTENT_ID "BBIM"

enum im_type {
	IM_LOGIN = 1, IM_LOGIN_OK, IM_LOGIN_FAIL, IM_LOGOUT, IM_STATUS, IM_PRESENCE_SET, IM_PRESENCE_EVENT, IM_CONTACTS,
	IM_ROOM_OPEN, IM_ROOM_INVITE, IM_ROOM_LEAVE, IM_MESSAGE, IM_MESSAGE_EVENT, IM_FORCED_LOGOUT, IM_PLEASE_LOGIN, IM_ACK,
	IM_ROOM_ANSWER, IM_ROOM_EVENT, IM_ROOM_MESSAGE, IM_ROOM_MESSAGE_EVENT, IM_TYPING, IM_TYPING_EVENT, IM_CONTACT_CHANGE,
	IM_CONTACT_EVENT, IM_BLOCK, IM_BLOCK_EVENT, IM_SEARCH, IM_SEARCH_RESULT,
};

/* LOGIN_FAIL codes. Only the texts "Server Busy", "Failed" and "Failed (300)" and the number 300 are the vendor's. */
enum im_code {
	IM_OK = 0,
	IM_SERVER_BUSY = 100,
	IM_FAILED_CAPACITY = 200,        /* "Failed": transport capacity, OCS and Sametime */
	IM_FAILED_300 = 300,             /* "Failed (300)": transport capacity, GroupWise */
	IM_BAD_CREDENTIALS = 401,
	IM_NOT_PERMITTED = 403,
	IM_NO_SESSION = 404,             /* the service holds no such session */
	IM_NOT_DELIVERED = 410,          /* the recipient is offline or has blocked the sender */
	IM_TOO_LARGE = 413,
	IM_OVERLOADED = 429,             /* more is asked than can be done now; nothing of it was done */
	IM_BACKEND_REFUSED = 502,        /* the IM server answered with a code of its own, in the text */
	IM_UNREACHABLE = 503,
	IM_NO_DATABASE = 504,
};
const char *im_code_status_text(uint32_t code);     /* what the device shows: "Server Busy", "Failed", "Failed (300)" */
const char *im_code_reason(uint32_t code);          /* what happened: "not permitted to use the collaboration client" */

enum im_logout_reason {
	IM_REASON_LOGOUT = 1,            /* the device asked */
	IM_REASON_EVICTED_COVERAGE,      /* maximum reached: device out of coverage */
	IM_REASON_EVICTED_SILENT,        /* maximum reached: no more status messages */
	IM_REASON_INACTIVE,              /* inactivity timeout */
	IM_REASON_REPLACED,              /* the same user or device logged in again */
	IM_REASON_ELSEWHERE,             /* the IM server: signed on from another location */
	IM_REASON_SERVER_LOST,           /* the connection to the IM server ended */
	IM_REASON_ADMIN,                 /* logged out by the administrator */
	IM_REASON_SHUTDOWN,              /* the service ends */
	IM_REASON_UNKNOWN_SESSION,       /* the service holds no such session */
	IM_REASON_OVERFLOW,              /* more events than the session may hold back */
	IM_REASON_REFUSED,               /* the IM server did not accept the login */
	IM_REASON_SWITCHED,              /* another Collaboration Service was made the active one */
	IM_REASON_SERVICE_LOST,          /* the Collaboration Service that had the session is dead */
};
const char *im_reason_name(uint32_t reason);        /* "evicted-coverage" */

/* Availability, numbered as GroupWise does. Source: code (both free clients). */
enum im_presence { IM_UNKNOWN, IM_OFFLINE, IM_AVAILABLE, IM_BUSY, IM_AWAY, IM_IDLE };
const char *im_presence_name(uint32_t presence);

/* A conversation of several people is a room. Its handle is picked by who makes it: the device up to IM_ROOM_DEVICE_MAX, the service
 * (for invitations) from there on. Handles are a session's own; 0 is no room. */
#define IM_ROOM_DEVICE_MAX 0x7fffffffu
enum im_room_happening {
	IM_ROOM_INVITED = 1,             /* the user is: text is the invitation's */
	IM_ROOM_JOINED,
	IM_ROOM_LEFT,
	IM_ROOM_DECLINED,
	IM_ROOM_OTHER_INVITED,
	IM_ROOM_CLOSED,
	IM_ROOM_PRESENT,                 /* who is there when the user joins */
};
const char *im_room_happening_name(uint32_t happening);      /* "other-invited" */

enum im_message_kind { IM_KIND_MESSAGE, IM_KIND_AUTOMATIC_REPLY, IM_KIND_BROADCAST };
const char *im_message_kind_name(uint32_t kind);             /* "automatic-reply" */

/* Bits of LOGIN's capabilities: what the device understands besides the first version. */
enum im_capability {
	IM_CAPABLE_LOGIN_ID = 1,         /* login_id in LOGIN_OK and LOGIN_FAIL; a device that does not say so gets none */
	IM_CAPABLE_POLICY = 2,           /* and after it forget_password in LOGIN_OK; needs the other */
};

enum im_contact_action { IM_CONTACT_ADD = 1, IM_CONTACT_RENAME, IM_CONTACT_MOVE, IM_CONTACT_REMOVE };
const char *im_contact_action_name(uint32_t action);         /* "add" */

enum im_search_field {
	IM_SEARCH_ANY_NAME = 1, IM_SEARCH_GIVEN_NAME, IM_SEARCH_SURNAME, IM_SEARCH_USER_ID, IM_SEARCH_TITLE, IM_SEARCH_DEPARTMENT,
};
const char *im_search_field_name(uint32_t field);            /* "given-name" */

#define IM_USER_MAX 256
#define IM_PASSWORD_MAX 256
#define IM_NAME_MAX 256
#define IM_STATUS_TEXT_MAX 1024
#define IM_TEXT_MAX 32768
#define IM_LOGIN_ID_MAX 32
#define IM_CONTACTS_MAX 32               /* per message; longer lists come in several */
#define IM_ROOM_USERS_MAX 16             /* invited when a room is made; more may be invited later */

struct im_login { struct bytes user, password; uint32_t capabilities; };
struct im_login_ok { uint32_t session; struct bytes display_name; uint32_t status_interval_s; struct bytes login_id; uint32_t forget_password; };
struct im_login_fail { uint32_t code; struct bytes status_text, login_id; };
struct im_session { uint32_t session; };                          /* LOGOUT, STATUS */
struct im_presence_set { uint32_t session, presence; struct bytes text; };
struct im_presence_event { uint32_t session; struct bytes user; uint32_t presence; struct bytes text; };
struct im_contact { struct bytes user, name, folder; uint32_t presence; struct bytes text; };
struct im_contacts { uint32_t session, more; struct im_contact contacts[IM_CONTACTS_MAX]; size_t count; };
struct im_message { uint32_t session; struct bytes to, text; };
struct im_message_event { uint32_t session; struct bytes from, name, text; uint32_t kind; };
struct im_forced_logout { uint32_t session, reason; struct bytes text; };
struct im_please_login { uint32_t session; struct bytes text; };       /* session: the one that is over; 0: whichever there was */
struct im_ack { uint32_t session, sequence, code; struct bytes text; };   /* answers all but LOGIN, STATUS, TYPING */
struct im_room_user { struct bytes user; };
struct im_room_open { uint32_t session, room; struct im_room_user users[IM_ROOM_USERS_MAX]; size_t count; };
struct im_room_invite { uint32_t session, room; struct bytes user, text; };
struct im_room_leave { uint32_t session, room; };
struct im_room_answer { uint32_t session, room, accept; };
struct im_room_event { uint32_t session, room, event; struct bytes user, name, text; };
struct im_room_message { uint32_t session, room; struct bytes text; };
struct im_room_message_event { uint32_t session, room; struct bytes from, name, text; };
struct im_typing { uint32_t session, room; struct bytes user; uint32_t on; };     /* also the event */
struct im_contact_change { uint32_t session, action; struct bytes user, name, folder; };
struct im_contact_event { uint32_t session, action; struct bytes user, name, folder; uint32_t presence; struct bytes text; };
struct im_block { uint32_t session; struct bytes user; uint32_t blocked; };       /* also the event */
struct im_search { uint32_t session, field; struct bytes text; };
struct im_search_result {
	uint32_t session, sequence, more;
	struct im_contact contacts[IM_CONTACTS_MAX];
	size_t count;
};

/* Room for any of them, for code that handles messages by their table. */
union im_any {
	struct im_login login;
	struct im_login_ok login_ok;
	struct im_login_fail login_fail;
	struct im_session session;
	struct im_presence_set presence_set;
	struct im_presence_event presence_event;
	struct im_contacts contacts;
	struct im_message message;
	struct im_message_event message_event;
	struct im_forced_logout forced_logout;
	struct im_please_login please_login;
	struct im_ack ack;
	struct im_room_open room_open;
	struct im_room_invite room_invite;
	struct im_room_leave room_leave;
	struct im_room_answer room_answer;
	struct im_room_event room_event;
	struct im_room_message room_message;
	struct im_room_message_event room_message_event;
	struct im_typing typing;
	struct im_contact_change contact_change;
	struct im_contact_event contact_event;
	struct im_block block;
	struct im_search search;
	struct im_search_result search_result;
};

extern const struct wire_msg im_login_msg, im_login_ok_msg, im_login_fail_msg, im_logout_msg, im_status_msg,
	im_presence_set_msg, im_presence_event_msg, im_contacts_msg, im_message_msg, im_message_event_msg,
	im_forced_logout_msg, im_please_login_msg, im_ack_msg, im_room_open_msg, im_room_invite_msg, im_room_leave_msg, im_room_answer_msg,
	im_room_event_msg, im_room_message_msg, im_room_message_event_msg, im_typing_msg, im_typing_event_msg,
	im_contact_change_msg, im_contact_event_msg, im_block_msg, im_block_event_msg, im_search_msg, im_search_result_msg;
extern const struct wire_msg *const im_messages[];

#define IM_HEADER 5
int im_peek(struct bytes raw, enum im_type *type, uint32_t *sequence, struct error *err);
int im_decode(const struct wire_msg *msg, struct bytes raw, void *out, struct error *err);
void im_encode(const struct wire_msg *msg, uint32_t sequence, const void *in, struct buf *out);
void im_dump(struct bytes raw, struct buf *out);

#endif
