#ifndef BRAMBLE_COLLAB_GROUPWISE_LINK_H
#define BRAMBLE_COLLAB_GROUPWISE_LINK_H

#include "base/io/connection.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/event.h"

/* One connection to a GroupWise Messenger server: requests, their answers (matched by transaction id, each with a deadline) and
 * events. Knows nothing of what they mean. */
struct groupwise_link;

enum {
	GROUPWISE_PENDING_MAX = 256,     /* requests waiting for their answer */
	GROUPWISE_ANSWER_MS = 30000,     /* of real time: an answer that does not come means that the server is lost (ours) */
};

/* answer and fields live until it returns. answer NULL: the connection is over or being freed; just give back what arg holds. */
typedef void groupwise_done(void *ctx, void *arg, const struct gw_answer *answer, const struct gw_field *fields);

struct groupwise_link_callbacks {
	void (*up)(void *ctx);
	void (*event)(void *ctx, const struct gw_event *event);
	/* The link may be freed inside. */
	void (*closed)(void *ctx, enum connection_end end, const char *why);
};

struct groupwise_link *groupwise_link_new(struct loop *loop, const char *address, struct tls *tls,
	const struct groupwise_link_callbacks *callbacks, void *ctx);
/* Calls the done of every pending request, with no answer. */
void groupwise_link_free(struct groupwise_link **link);
/* The same, with this result code (enum gw_code) as the answer to each. */
void groupwise_link_abandon(struct groupwise_link **link, uint32_t code);
/* From here on it belongs to somebody else. */
void groupwise_link_own(struct groupwise_link *link, const struct groupwise_link_callbacks *callbacks, void *ctx);
/* Whether what comes waits; from the next message on. */
void groupwise_link_pause(struct groupwise_link *link, bool pause);
bool groupwise_link_is_busy(const struct groupwise_link *link);      /* a request waits for its answer */

/* Sends one request. host: for the login's Host line, else NULL. false, and done is not called, when too many are pending. */
bool groupwise_link_request(struct groupwise_link *link, const char *command, const char *host, const struct gw_tree *fields,
	groupwise_done *done, void *arg);

const struct connection *groupwise_link_connection(const struct groupwise_link *link);

#endif
