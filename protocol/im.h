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
	IM_MESSAGE = 12, IM_MESSAGE_EVENT, IM_FORCED_LOGOUT, IM_ACK = 16,
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
};
const char *im_reason_name(uint32_t reason);        /* "evicted-coverage" */

/* Availability, numbered as GroupWise does. Source: code (both free clients). */
enum im_presence { IM_UNKNOWN, IM_OFFLINE, IM_AVAILABLE, IM_BUSY, IM_AWAY, IM_IDLE };
const char *im_presence_name(uint32_t presence);

#define IM_USER_MAX 256
#define IM_PASSWORD_MAX 256
#define IM_NAME_MAX 256
#define IM_STATUS_TEXT_MAX 1024
#define IM_TEXT_MAX 32768
#define IM_CONTACTS_MAX 32               /* per message; longer lists come in several */

struct im_login { struct bytes user, password; uint32_t capabilities; };
struct im_login_ok { uint32_t session; struct bytes display_name; uint32_t status_interval_s; };
struct im_login_fail { uint32_t code; struct bytes status_text; };
struct im_session { uint32_t session; };                          /* LOGOUT, STATUS */
struct im_presence_set { uint32_t session, presence; struct bytes text; };
struct im_presence_event { uint32_t session; struct bytes user; uint32_t presence; struct bytes text; };
struct im_contact { struct bytes user, name, folder; uint32_t presence; struct bytes text; };
struct im_contacts { uint32_t session, more; struct im_contact contacts[IM_CONTACTS_MAX]; size_t count; };
struct im_message { uint32_t session; struct bytes to, text; };
struct im_message_event { uint32_t session; struct bytes from, name, text; };
struct im_forced_logout { uint32_t session, reason; struct bytes text; };
struct im_ack { uint32_t session, sequence, code; struct bytes text; };   /* answers LOGOUT, PRESENCE_SET, MESSAGE */

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
	struct im_ack ack;
};

extern const struct wire_msg im_login_msg, im_login_ok_msg, im_login_fail_msg, im_logout_msg, im_status_msg,
	im_presence_set_msg, im_presence_event_msg, im_contacts_msg, im_message_msg, im_message_event_msg,
	im_forced_logout_msg, im_ack_msg;
extern const struct wire_msg *const im_messages[];

#define IM_HEADER 5
int im_peek(struct bytes raw, enum im_type *type, uint32_t *sequence, struct error *err);
int im_decode(const struct wire_msg *msg, struct bytes raw, void *out, struct error *err);
void im_encode(const struct wire_msg *msg, uint32_t sequence, const void *in, struct buf *out);
void im_dump(struct bytes raw, struct buf *out);

#endif
