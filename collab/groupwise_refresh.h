#ifndef BRAMBLE_COLLAB_GROUPWISE_REFRESH_H
#define BRAMBLE_COLLAB_GROUPWISE_REFRESH_H

#include "collab/groupwise_login.h"
#include "collab/groupwise_messenger.h"

/* What the user changes in another client of his reaches the device: the protocol has no command that reads the contact list or
 * privacy again, only the answer to a login has them. So the same user logs in on a second connection, takes them (and everybody's
 * availability) from the answer, tells the device the differences, and logs out there. The session itself is not disturbed.
 *
 * Where a user may have one session only, that login ends the session's own connection: then the second one takes its place, the status
 * is set again, and no more is asked, because nobody can change anything elsewhere there. What kind a server is shows at the first time;
 * until then it waits for a moment without rooms, which such a change would end.
 *
 * Asked for by event 104, which carries nothing, and as often as a setting says; at most once a second, one at a time, and not while a
 * change of the device's own is being made. A login that is refused or fails leaves the session alone and is tried again, after 2 s at
 * first and 5 minutes at last; after a refused password never again.
 * Source: ours; code for 104, and for one session or several. */
struct refresh;

enum { REFRESH_APART_MS = 1000, REFRESH_AGAIN_MAX_MS = 300000 };

struct refresh_callbacks {
	/* The session goes on on this connection; the old one is over. */
	void (*moved)(void *ctx, struct groupwise_link *link);
	/* The session's connection was lost (refresh_takes_loss) and the other one came to nothing. The refresh may be freed inside. */
	void (*lost)(void *ctx, enum im_logout_reason reason, const char *why);
};

/* login is its owner's, and is wiped as soon as it is not needed any more. period_ms 0: only when asked. */
struct refresh *refresh_new(struct messenger *messenger, struct groupwise_login *login, uint64_t period_ms,
	const struct refresh_callbacks *callbacks, void *ctx);
void refresh_free(struct refresh **refresh);         /* after the session's connection */

void refresh_start(struct refresh *refresh);         /* the device is logged in */
void refresh_want(struct refresh *refresh);
void refresh_stop(struct refresh *refresh);          /* may be called inside its callbacks and events */

/* The session's connection is over. true: a login of ours may be the reason; it goes on on the second connection, or lost is called. */
bool refresh_takes_loss(struct refresh *refresh, enum im_logout_reason reason, const char *why);

#endif
