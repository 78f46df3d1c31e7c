#include "protocol/link.h"

#define LINK_TEXT_MAX 256
#define LINK_NAME_MAX 64
#define LINK_USER_MAX 256

static const struct wire_field return_fields[] = {
	WIRE_U32(struct link_return, code, 0, "0 accepted, else as SRP's RETURN"),
	WIRE_BYTES(struct link_return, text, 0, LINK_TEXT_MAX, "the same in words"),
	WIRE_END,
};
static const struct wire_field disconnect_fields[] = {
	WIRE_U32(struct link_disconnect, reason, 0, "as RETURN's code"),
	WIRE_BYTES(struct link_disconnect, text, 0, LINK_TEXT_MAX, "the same in words"),
	WIRE_END,
};
static const struct wire_field register_fields[] = {
	WIRE_BYTES(struct link_register, content_id, 0, LINK_NAME_MAX, "which messages it takes: `BBIM`"),
	WIRE_BYTES(struct link_register, instance, 0, LINK_NAME_MAX, "name of this instance of the service"),
	WIRE_U32(struct link_register, health, 0, "health score, 0 to 100"),
	WIRE_U32(struct link_register, role, 0, "1 active, 0 standby"),
	WIRE_U32(struct link_register, features, WIRE_OPTIONAL | WIRE_NEVER_EMPTY, "bits: 1 a member of the pool"),
	WIRE_END,
};
static const struct wire_field up_fields[] = {
	WIRE_U32(struct link_up, pin, WIRE_HEX, "the device it comes from"),
	WIRE_BYTES(struct link_up, user, 0, LINK_USER_MAX, "who the device belongs to, as the database says"),
	WIRE_U32(struct link_up, transaction, 0, "the envelope's message id"),
	WIRE_U32(struct link_up, flags, 0, "1: answer STATUS when it is taken"),
	WIRE_U32(struct link_up, packed_len, 0, "bytes after compression, for traces"),
	WIRE_U32(struct link_up, sealed_len, 0, "bytes after encryption, for traces"),
	WIRE_BYTES(struct link_up, content_id, 0, LINK_NAME_MAX, "the one that the message came under"),
	WIRE_BYTES(struct link_up, clear, WIRE_SECRET, LINK_CLEAR_MAX, "the message; a login carries a password"),
	WIRE_END,
};
static const struct wire_field down_fields[] = {
	WIRE_U32(struct link_down, pin, WIRE_HEX, "the device it goes to"),
	WIRE_U32(struct link_down, transaction, 0, "the service's own number, unique on this link; STATUS repeats it"),
	WIRE_BYTES(struct link_down, content_id, 0, LINK_NAME_MAX, "as in REGISTER"),
	WIRE_BYTES(struct link_down, clear, WIRE_SECRET, LINK_CLEAR_MAX, "the message"),
	WIRE_END,
};
static const struct wire_field status_fields[] = {
	WIRE_U32(struct link_status, pin, WIRE_HEX, "as in the message that it answers"),
	WIRE_U32(struct link_status, transaction, 0, "likewise"),
	WIRE_U32(struct link_status, status, 0, "as SRP's STATUS"),
	WIRE_BYTES(struct link_status, text, 0, LINK_TEXT_MAX, "in words, may be empty"),
	WIRE_END,
};
static const struct wire_field coverage_fields[] = {
	WIRE_U32(struct link_coverage, pin, WIRE_HEX, "the device; 0 with available 0: forget all, the list follows"),
	WIRE_U32(struct link_coverage, available, 0, "1 in coverage, 0 not"),
	WIRE_END,
};
static const struct wire_field ping_fields[] = {
	WIRE_U32(struct link_ping, nonce, 0, "PONG repeats it"),
	WIRE_END,
};

static const struct wire_field health_fields[] = {
	WIRE_U32(struct link_health, health, 0, "health score, 0 to 100"),
	WIRE_END,
};
static const struct wire_field promote_fields[] = {
	WIRE_U32(struct link_promote, number, 0, "of the switch; what is said about it repeats it"),
	WIRE_BYTES(struct link_promote, from, 0, LINK_NAME_MAX, "instance that was active before, empty for none"),
	WIRE_U32(struct link_promote, lost, 0, "1: that one is dead"),
	WIRE_END,
};
static const struct wire_field demote_fields[] = {
	WIRE_U32(struct link_demote, number, 0, "of the switch"),
	WIRE_BYTES(struct link_demote, to, 0, LINK_NAME_MAX, "instance that is active now"),
	WIRE_END,
};
static const struct wire_field role_fields[] = {
	WIRE_U32(struct link_role, number, 0, "of the switch"),
	WIRE_U32(struct link_role, role, 0, "1 active, 0 standby"),
	WIRE_END,
};
static const struct wire_field moved_device_fields[] = {
	WIRE_U32(struct link_moved_device, pin, WIRE_HEX, "a device"),
	WIRE_U32(struct link_moved_device, session, 0, "the session that it had; 0: not known"),
	WIRE_END,
};
static const struct wire_field moved_fields[] = {
	WIRE_U32(struct link_moved, number, 0, "of the switch"),
	WIRE_BYTES(struct link_moved, instance, 0, LINK_NAME_MAX, "instance that had the sessions"),
	WIRE_U32(struct link_moved, lost, 0, "1: it is dead, and whoever receives this ends their seats"),
	WIRE_U32(struct link_moved, more, 0, "1: the list goes on in the next message"),
	WIRE_GROUP(struct link_moved, devices, count, moved_device_fields, "devices whose sessions are over"),
	WIRE_END,
};

#define MSG(variable, code_, name_, type, fields_, help_) \
	const struct wire_msg variable = { .code = (code_), .name = (name_), .size = sizeof(type), .fields = (fields_), .help = (help_) }

MSG(link_return_msg, LINK_RETURN, "RETURN", struct link_return, return_fields, "the Dispatcher's answer to REGISTER");
MSG(link_disconnect_msg, LINK_DISCONNECT, "DISCONNECT", struct link_disconnect, disconnect_fields, "orderly end, either side");
MSG(link_register_msg, LINK_REGISTER, "REGISTER", struct link_register, register_fields, "service to Dispatcher: who it is");
MSG(link_up_msg, LINK_UP, "UP", struct link_up, up_fields, "Dispatcher to service: a message from a device");
MSG(link_down_msg, LINK_DOWN, "DOWN", struct link_down, down_fields, "service to Dispatcher: a message for a device");
MSG(link_status_msg, LINK_STATUS, "STATUS", struct link_status, status_fields,
	"what became of a DOWN, or of an UP that asked for it");
MSG(link_coverage_msg, LINK_COVERAGE, "COVERAGE", struct link_coverage, coverage_fields,
	"Dispatcher to service: what it knows of a device");
MSG(link_ping_msg, LINK_PING, "PING", struct link_ping, ping_fields, "are you there");
MSG(link_pong_msg, LINK_PONG, "PONG", struct link_ping, ping_fields, "I am");
MSG(link_health_msg, LINK_HEALTH, "HEALTH", struct link_health, health_fields, "service to Dispatcher: how it is");
MSG(link_promote_msg, LINK_PROMOTE, "PROMOTE", struct link_promote, promote_fields, "Dispatcher to service: be the active one");
MSG(link_demote_msg, LINK_DEMOTE, "DEMOTE", struct link_demote, demote_fields, "Dispatcher to service: be a standby one");
MSG(link_role_msg, LINK_ROLE, "ROLE", struct link_role, role_fields, "service to Dispatcher: that is done");
MSG(link_moved_msg, LINK_MOVED, "MOVED", struct link_moved, moved_fields,
	"demoted service to Dispatcher, Dispatcher to promoted service: whom to ask to log in");

const struct wire_msg *const link_messages[] = {
	&link_return_msg, &link_disconnect_msg, &link_register_msg, &link_up_msg, &link_down_msg, &link_status_msg,
	&link_coverage_msg, &link_ping_msg, &link_pong_msg, &link_health_msg, &link_promote_msg, &link_demote_msg, &link_role_msg,
	&link_moved_msg, NULL,
};
