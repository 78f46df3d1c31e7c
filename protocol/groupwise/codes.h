#ifndef BRAMBLE_PROTOCOL_GROUPWISE_CODES_H
#define BRAMBLE_PROTOCOL_GROUPWISE_CODES_H

#include <stdint.h>

/* Result codes of GroupWise Messenger: hexadecimal to people, decimal text on the wire ("53577" is D149).
 * Source: code - both free clients know most of them; capture - D101; the texts are ours. */
#define GW_CODES(X) \
	X(GW_OK, 0x0000, "success") \
	X(GW_NO_SESSION, 0xD101, "no session, or a bad request") \
	X(GW_ACCOUNT_LOCKED, 0xD106, "the account is locked after too many wrong passwords") \
	X(GW_NOT_SUPPORTED, 0xD10A, "not supported") \
	X(GW_PASSWORD_EXPIRED, 0xD10B, "the password has expired") \
	X(GW_WRONG_PASSWORD, 0xD10C, "wrong password") \
	X(GW_USER_NOT_FOUND, 0xD10D, "user not found") \
	X(GW_ATTRIBUTE_NOT_FOUND, 0xD10E, "attribute not found") \
	X(GW_ACCOUNT_DISABLED, 0xD110, "the account is disabled") \
	X(GW_DIRECTORY_FAILURE, 0xD111, "failure of the directory") \
	X(GW_HOST_NOT_RECOGNISED, 0xD119, "the user's host is not recognised") \
	X(GW_LOCKED_BY_ADMIN, 0xD11C, "locked by the administrator") \
	X(GW_ALREADY_PARTICIPANT, 0xD11F, "already a participant") \
	X(GW_SERVER_BUSY, 0xD123, "the server is busy, try later") \
	X(GW_OBJECT_NOT_FOUND, 0xD124, "object not found") \
	X(GW_DIRECTORY_UPDATE, 0xD125, "the directory could not be updated") \
	X(GW_FOLDER_EXISTS, 0xD126, "the folder exists already") \
	X(GW_CONTACT_EXISTS, 0xD127, "the contact is in that folder already") \
	X(GW_USER_NOT_ALLOWED, 0xD128, "user not allowed") \
	X(GW_TOO_MANY_CONTACTS, 0xD129, "too many contacts") \
	X(GW_NO_CONFERENCE, 0xD12B, "conference not found") \
	X(GW_TOO_MANY_FOLDERS, 0xD12C, "too many folders") \
	X(GW_PROTOCOL_ERROR, 0xD130, "protocol error, or an incompatible version") \
	X(GW_NOT_REACHABLE, 0xD135, "the user is offline or has blocked the sender") \
	X(GW_BLOCKED, 0xD139, "blocked by the other user") \
	X(GW_NO_MASTER_ARCHIVE, 0xD13A, "the master archive is missing") \
	X(GW_PASSWORD_EXPIRED_2, 0xD142, "the password has expired (second form)") \
	X(GW_NO_CREDENTIALS, 0xD146, "user or password missing") \
	X(GW_BAD_CREDENTIALS, 0xD149, "authentication failed") \
	X(GW_LICENCE_LIMIT, 0xD14A, "evaluation licence: too many users at once") \
	X(GW_CLIENT_TOO_OLD, 0xD14B, "client version not supported") \
	X(GW_CHAT_DUPLICATE, 0xD151, "chat room exists already") \
	X(GW_CHAT_NOT_FOUND, 0xD152, "chat room not found") \
	X(GW_CHAT_BAD_NAME, 0xD153, "bad name of a chat room") \
	X(GW_CHAT_ACTIVE, 0xD154, "chat room is in use") \
	X(GW_NO_RIGHTS, 0xD155, "insufficient rights in the conversation") \
	X(GW_CHAT_BUSY, 0xD156, "chat busy") \
	X(GW_CHAT_TOO_SOON, 0xD157, "asked again too soon") \
	X(GW_CHAT_UNCHANGED, 0xD158, "unchanged since the last search") \
	X(GW_CHAT_OFF, 0xD159, "chat rooms are not active") \
	X(GW_BAD_UPDATE, 0xD15A, "bad update") \
	X(GW_DIRECTORY_MISMATCH, 0xD15B, "directory mismatch") \
	X(GW_RECIPIENT_TOO_OLD, 0xD15C, "the recipient's version is too old") \
	X(GW_CHAT_GONE, 0xD15D, "chat room is gone")

enum gw_code {
#define GW_CODE_ENUM(name, code, text) name = (code),
	GW_CODES(GW_CODE_ENUM)
#undef GW_CODE_ENUM
};

/* The code's meaning in words; "unknown result" for any other. Show the number in hexadecimal beside it. */
const char *gw_code_text(uint32_t code);

/* Status of a user, and what setstatus takes. Source: code (both free clients). */
enum gw_status { GW_UNKNOWN, GW_OFFLINE, GW_AVAILABLE, GW_BUSY, GW_AWAY, GW_IDLE, GW_STATUS_INVALID };
const char *gw_status_name(uint32_t status);

/* Protocol versions a client may state in NM_A_UD_BUILD. Source: code; 7: capture of a 2.0 server. */
enum { GW_BUILD_CLIENT = 2, GW_BUILD_NO_DETAILS = 3, GW_BUILD_BROADCAST = 4, GW_BUILD_ROOMS = 5, GW_BUILD_SERVER = 7 };

#define GW_PORT 8300

#endif
