#ifndef BRAMBLE_PROTOCOL_LINK_H
#define BRAMBLE_PROTOCOL_LINK_H

#include "protocol/frame.h"

/* Between the Dispatcher and the services that registered with it (port 3200). The vendor's protocol (BIPP) is not public:
 * all of this is ours, on the same frames as SRP. */
#define LINK_CLEAR_MAX (FRAME_MAX - 2048)   /* of one message, so that it fits a frame with its other items */

enum link_opcode {
	LINK_RETURN = 0x01, LINK_DISCONNECT = 0x02, LINK_STATUS = 0x04, LINK_REGISTER = 0x15, LINK_UP = 0x17, LINK_DOWN = 0x16,
	LINK_COVERAGE = 0x20, LINK_PING = 0xFC, LINK_PONG = 0xFD,
	/* Of the pool: only between a Dispatcher and services that registered with LINK_POOL. */
	LINK_PROMOTE = 0x13, LINK_DEMOTE = 0x14, LINK_ROLE = 0x18, LINK_MOVED = 0x19, LINK_HEALTH = 0xFF,
};

/* Bits of REGISTER's features. A service without any sends REGISTER as the first version of this link had it, and is spoken to in
 * that version; one that names features is refused by a Dispatcher of that version. */
enum link_feature { LINK_POOL = 1 };       /* active or standby as the Dispatcher says; tells its health */

#define LINK_HEALTH_MAX 100
#define LINK_MOVED_MAX 256                 /* devices in one MOVED; more come in several */

struct link_return { uint32_t code; struct bytes text; };                 /* srp_result; answers REGISTER */
struct link_disconnect { uint32_t reason; struct bytes text; };
struct link_register { struct bytes content_id, instance; uint32_t health, role, features; };
/* Device -> service. transaction: the envelope's message id. flags bit 0: answer STATUS when taken. sizes for traces. */
struct link_up { uint32_t pin; struct bytes user; uint32_t transaction, flags, packed_len, sealed_len; struct bytes content_id, clear; };
/* Service -> device. transaction: the service's own tag, unique on this link, echoed by STATUS. */
struct link_down { uint32_t pin, transaction; struct bytes content_id, clear; };
/* Outcome of DOWN (srp_status: DELIVERED, UNAVAILABLE, REFUSED, INVALID), or of UP when it was asked for. */
struct link_status { uint32_t pin, transaction, status; struct bytes text; };
struct link_coverage { uint32_t pin, available; };                        /* pin 0, available 0: forget all, the list follows */
struct link_ping { uint32_t nonce; };
struct link_health { uint32_t health; };
/* number: of the switch, as all messages and trails about it name it. from: who was active before, or empty. */
struct link_promote { uint32_t number; struct bytes from; uint32_t lost; };
struct link_demote { uint32_t number; struct bytes to; };
struct link_role { uint32_t number, role; };                              /* that is its role from now on */
/* Devices whose sessions ended with the switch. From the demoted service to the Dispatcher, and on to the promoted one; or made by the
 * Dispatcher when the one before is dead (lost; it does not know the sessions: 0). */
struct link_moved_device { uint32_t pin, session; };
struct link_moved {
	uint32_t number;
	struct bytes instance;
	uint32_t lost, more;
	struct link_moved_device devices[LINK_MOVED_MAX];
	size_t count;
};

/* Room for any of them, for code that handles messages by their table. */
union link_any {
	struct link_return ret;
	struct link_disconnect disconnect;
	struct link_register reg;
	struct link_up up;
	struct link_down down;
	struct link_status status;
	struct link_coverage coverage;
	struct link_ping ping;
	struct link_health health;
	struct link_promote promote;
	struct link_demote demote;
	struct link_role role;
	struct link_moved moved;
};

extern const struct wire_msg link_return_msg, link_disconnect_msg, link_register_msg, link_up_msg, link_down_msg,
	link_status_msg, link_coverage_msg, link_ping_msg, link_pong_msg, link_health_msg, link_promote_msg, link_demote_msg,
	link_role_msg, link_moved_msg;
extern const struct wire_msg *const link_messages[];

#endif
