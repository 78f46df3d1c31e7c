#ifndef BRAMBLE_COLLAB_ADMISSION_H
#define BRAMBLE_COLLAB_ADMISSION_H

#include "protocol/im.h"

/* One login, step by step: asked -> admitted by the database -> those it evicts are logged out and their connections closed ->
 * connected -> logged in at the IM server -> recorded -> LOGIN_OK and the contact list. Each way out of it is exactly one LOGIN_FAIL.
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, IM login, steps 3 to 6; see docs/sessions.md. */
struct collab;
struct admission;
struct login;

enum {
	ADMISSION_LOOK_MS = 10,           /* how often a login that waits for connections of other services looks, in real time */
	ADMISSION_CLOSING_MS = 5000,      /* and for how long, besides the others' time to notice: then it goes on all the same */
};

struct admission *admission_new(struct collab *collab);
/* All sessions must have ended, and all completions have come back. */
void admission_free(struct admission **admission);
size_t admission_count(const struct admission *admission);
size_t admission_of_way(const struct admission *admission, unsigned way);     /* of these, not answered yet, of one dispatcher */

/* A device's LOGIN. A second one with the same number while the first is under way is the first one again. */
void admission_login(struct admission *admission, unsigned way, uint32_t pin, uint32_t transaction, uint32_t sequence,
	const struct im_login *message);

/* The connection of a session of ours that is over is closed: told to the database, and logins that wait for it go on. */
void admission_closed(struct admission *admission, uint32_t session);

/* The login's session and its backend say how it goes on; each of the last three consumes the login. */
void admission_logged_in(struct login *login, struct bytes display_name, bool forget_password);
void admission_login_failed(struct login *login, uint32_t code, const char *why);
void admission_abandoned(struct login *login, enum im_logout_reason reason, const char *why);

#endif
