#ifndef BRAMBLE_COLLAB_GROUPWISE_REFUSAL_H
#define BRAMBLE_COLLAB_GROUPWISE_REFUSAL_H

#include "protocol/groupwise/answer.h"
#include "protocol/im.h"

/* The server's result codes as the device shows them: a class (enum im_code), and the number with its meaning. */
enum refusal_of {
	REFUSAL_OF_LOGIN,
	REFUSAL_OF_DELIVERY,     /* of something for somebody: a message, an invitation */
	REFUSAL_OF_CHANGE,       /* everything else */
};

struct refusal {
	uint32_t code;           /* IM_OK: it was not refused */
	char text[96];           /* "D123: the server is busy, try later"; "" for IM_OK */
};

/* An answer without a result code is refused, whatever its HTTP status.
 * Source: the numbers: see protocol/groupwise/codes.h; showing them in hexadecimal: document (clients show unknown codes so);
 * the classes: capture (libpurple takes D10C, D146 and D149 for a wrong password), the rest ours. */
struct refusal groupwise_refusal(const struct gw_answer *answer, enum refusal_of what);
bool groupwise_accepted(const struct gw_answer *answer);

#endif
