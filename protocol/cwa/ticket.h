#ifndef BRAMBLE_PROTOCOL_CWA_TICKET_H
#define BRAMBLE_PROTOCOL_CWA_TICKET_H

#include "base/bytes.h"

/* The ticket that a server hands out at sign-in and wants back with every request:
 *   base64url(user "|" issued "|" expires "|" nonce) "." base64url(HMAC-SHA256(key, first part))
 * Times are the server's own milliseconds. For a client it is an opaque text. Format: ours (the real one is not public). */
#define CWA_TICKET_KEY 32
#define CWA_TICKET_NONCE 8
#define CWA_TICKET_TEXT_MAX 512
#define CWA_TICKET_USER_MAX 128

struct cwa_ticket {
	char user[CWA_TICKET_USER_MAX + 1];     /* no '|' in it */
	uint64_t issued_ms, expires_ms;
};

enum cwa_ticket_state { CWA_TICKET_GOOD, CWA_TICKET_EXPIRED, CWA_TICKET_WRONG };

void cwa_ticket_make(const uint8_t key[CWA_TICKET_KEY], const uint8_t nonce[CWA_TICKET_NONCE], const struct cwa_ticket *ticket,
	struct buf *out);
/* out is set unless it is wrong. */
enum cwa_ticket_state cwa_ticket_check(const uint8_t key[CWA_TICKET_KEY], struct bytes text, uint64_t now_ms, struct cwa_ticket *out);

#endif
