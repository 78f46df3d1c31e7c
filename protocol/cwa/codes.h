#ifndef BRAMBLE_PROTOCOL_CWA_CODES_H
#define BRAMBLE_PROTOCOL_CWA_CODES_H

#include "base/bytes.h"

/* Numbers of error@code. Source: document for number and name (Microsoft's event codes of CWA); that they stand there, and when,
 * is inferred and ours: docs/protocol/cwa.md. */
#define CWA_CODES(X) \
	X(CWA_INVALID_FORMAT, 18000, "InvalidFormat") \
	X(CWA_INVALID_REQUEST, 18001, "InvalidRequest") \
	X(CWA_SESSION_NOT_FOUND, 18100, "SessionNotFound") \
	X(CWA_THROTTLED, 18101, "RequestThrottled") \
	X(CWA_INVALID_OPERATION, 18102, "InvalidOperation") \
	X(CWA_OCS_FAILURE, 18201, "OCSFailureResponse") \
	X(CWA_OCS_INVALID, 18202, "InvalidOCSMessage") \
	X(CWA_OCS_TIMEOUT, 18203, "OCSResponseTimeout") \
	X(CWA_CONNECTION_FAILED, 18301, "ConnectionFailed") \
	X(CWA_TLS_FAILED, 18302, "TLSFailed") \
	X(CWA_INTERNAL, 18400, "InternalFailure")

enum cwa_code {
#define CWA_CODE_ENUM(name, number, text) name = (number),
	CWA_CODES(CWA_CODE_ENUM)
#undef CWA_CODE_ENUM
};

const char *cwa_code_name(uint32_t code);       /* NULL: none of them */

/* What a user's availability is published as. Source: document. */
#define CWA_AVAILABILITIES(X) \
	X(CWA_ONLINE, 3500, 3000, "online") \
	X(CWA_IDLE, 4500, 4500, "idle") \
	X(CWA_BUSY, 6500, 6000, "busy") \
	X(CWA_BUSY_IDLE, 7500, 7500, "busy-idle") \
	X(CWA_DO_NOT_DISTURB, 9500, 9000, "do-not-disturb") \
	X(CWA_BE_RIGHT_BACK, 12500, 12000, "be-right-back") \
	X(CWA_AWAY, 15500, 15000, "away") \
	X(CWA_OFFLINE, 18500, 18000, "offline")

enum cwa_availability {
#define CWA_AVAILABILITY_ENUM(name, number, from, text) name = (number),
	CWA_AVAILABILITIES(CWA_AVAILABILITY_ENUM)
#undef CWA_AVAILABILITY_ENUM
};

/* The availability whose range an aggregated number falls into; what is below all of them is offline (a documented sample has 0
 * for it). */
enum cwa_availability cwa_availability_of(uint64_t aggregate);
const char *cwa_availability_name(uint64_t aggregate);

/* "sip:ana@corp.test" of a URI with or without the scheme, in any letter case, with white space around it: appended in lower case.
 * -1 when it has no user and host, or characters that no such URI has. */
#define CWA_URI_MAX 254
int cwa_uri(const char *text, struct buf *out);

#endif
