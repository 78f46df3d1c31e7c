#ifndef BRAMBLE_COLLAB_CWA_REFUSAL_H
#define BRAMBLE_COLLAB_CWA_REFUSAL_H

#include "protocol/cwa/tree.h"
#include "protocol/im.h"

/* An error of a CWA server as the device shows it: a class (enum im_code), and the number with its meaning. Numbers: protocol/cwa/codes.h;
 * the classes: ours. */
enum cwa_asked {
	CWA_ASKED_SIGN_IN,
	CWA_ASKED_SESSION,       /* initiateSession */
	CWA_ASKED_DELIVERY,      /* of something for somebody: a message, an invitation */
	CWA_ASKED_CHANGE,        /* everything else */
};

struct cwa_refusal {
	uint32_t code;           /* enum im_code */
	uint32_t number;         /* the server's; 0: it named none */
	char text[160];          /* "18201 OCSFailureResponse: 404 Not Found" */
};

/* error: the element of that name, or NULL when there was none. */
struct cwa_refusal cwa_refusal(const struct cwa_node *error, enum cwa_asked what);

/* A refusal in words of our own. */
struct cwa_refusal cwa_refusal_of(uint32_t code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
