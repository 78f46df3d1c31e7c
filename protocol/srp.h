#ifndef BRAMBLE_PROTOCOL_SRP_H
#define BRAMBLE_PROTOCOL_SRP_H

#include "protocol/frame.h"

/* Server Routing Protocol: between a service (the Dispatcher) and the Router, and between a simulated device and the Router. */
enum srp_opcode {
	SRP_RETURN = 0x01, SRP_DISCONNECT = 0x02, SRP_RECEIVE = 0x03, SRP_STATUS = 0x04, SRP_SEND = 0x06, SRP_CONNECT = 0x13,
	SRP_REGISTER = 0x15, SRP_DATA = 0x17, SRP_PAUSE = 0x18, SRP_RESUME = 0x19,
	SRP_COVERAGE = 0x20,      /* ours: the Router tells a service what it knows of a PIN */
	SRP_PING = 0xFC, SRP_PONG = 0xFD, SRP_INFO_REQUEST = 0xFE, SRP_INFO = 0xFF,
};

enum srp_result {          /* RETURN codes and DISCONNECT reasons (ours) */
	SRP_OK, SRP_UNKNOWN_ID, SRP_BAD_PROOF, SRP_SUPERSEDED, SRP_DEACTIVATED, SRP_PROTOCOL_ERROR, SRP_SHUTTING_DOWN,
	SRP_UNKNOWN_PIN, SRP_NOT_PERMITTED,
};

enum srp_status {          /* STATUS codes (ours) */
	SRP_QUEUED, SRP_DELIVERED, SRP_UNAVAILABLE, SRP_REFUSED, SRP_EXPIRED, SRP_INVALID,
};

enum { SRP_WANT_DELIVERED = 1, SRP_RETURN_IF_UNAVAILABLE = 2 };   /* SEND flags (ours) */

#define SRP_ID_MAX 32
#define SRP_KEY_SIZE 20
#define SRP_WINDOW 5       /* messages outstanding per PIN. Source: document (WITPRO-06, DEV-MDS) */
#define SRP_INFO_MAX 32

struct srp_return { uint32_t code; struct bytes text; };
struct srp_disconnect { uint32_t reason; struct bytes text; };
struct srp_receive { uint32_t session, pin; struct bytes gme; };
struct srp_status_msg { uint32_t tag, status; struct bytes text; };
struct srp_send { uint32_t session, tag, pin, flags; struct bytes gme; };
struct srp_connect { struct bytes value; };                       /* identifier, challenge or proof, by state */
struct srp_register { uint32_t pin; struct bytes srp_id; };
struct srp_data { uint32_t tag; struct bytes gme; };
struct srp_session { uint32_t session; };                         /* PAUSE, RESUME */
struct srp_coverage { uint32_t pin, available; };                 /* pin 0, available 0: forget all, the list follows */
struct srp_ping { uint32_t nonce; };                              /* PING, PONG */
struct srp_info_entry { struct bytes entry; };                    /* "name=value" */
struct srp_info { struct srp_info_entry entries[SRP_INFO_MAX]; size_t count; };
struct srp_empty { uint8_t none; };                               /* INFO REQUEST */

/* Room for any of them, for code that handles messages by their table. */
union srp_any {
	struct srp_return ret;
	struct srp_disconnect disconnect;
	struct srp_receive receive;
	struct srp_status_msg status;
	struct srp_send send;
	struct srp_connect connect;
	struct srp_register reg;
	struct srp_data data;
	struct srp_session session;
	struct srp_coverage coverage;
	struct srp_ping ping;
	struct srp_info info;
	struct srp_empty empty;
};

extern const struct wire_msg srp_return_msg, srp_disconnect_msg, srp_receive_msg, srp_status_msg_msg, srp_send_msg,
	srp_connect_msg, srp_register_msg, srp_data_msg, srp_pause_msg, srp_resume_msg, srp_coverage_msg, srp_ping_msg,
	srp_pong_msg, srp_info_request_msg, srp_info_msg;
extern const struct wire_msg *const srp_messages[];               /* all of them, NULL-terminated */

const char *srp_result_text(uint32_t code);     /* "authentication failed"; "result 99" for unknown ones */
const char *srp_status_text(uint32_t status);   /* "UNAVAILABLE" */

/* The proof of both sides: HMAC-SHA-1(key, challenge). Source: document [STO-A 91]. */
void srp_proof(const uint8_t key[SRP_KEY_SIZE], struct bytes challenge, uint8_t out[20]);

/* An identifier is 1 to SRP_ID_MAX of A-Z, a-z, 0-9, '-' and '_' (ours; a temporary one is Txxxxxxx by the documents). */
bool srp_id_valid(struct bytes id);

/* A PIN as people write it: 8 hex digits. */
int pin_parse(struct bytes text, uint32_t *pin);
const char *pin_text(uint32_t pin);             /* "2100000A"; one of 16 static buffers */

/* An entry of the information packet. A service that has stepped back says it: it wants its identifier only if nobody else is connected
 * with it. A Router says it to tell that it understands that. Source: ours. */
#define SRP_IF_FREE "claim=if-free"

#endif
