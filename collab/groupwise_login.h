#ifndef BRAMBLE_COLLAB_GROUPWISE_LOGIN_H
#define BRAMBLE_COLLAB_GROUPWISE_LOGIN_H

#include "collab/backend.h"
#include "collab/groupwise_link.h"

/* What a login on the server takes. It is kept while the session lives, because what was changed elsewhere is learned by another login
 * (groupwise_refresh.h), and wiped with it.
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, IM login with GroupWise, step 6 (a cache of
 * connectivity information to maintain the session); that the password is in it: ours. */
struct groupwise_login {
	char *user;
	struct buf password;             /* empty: wiped */
	char *host_line;                 /* the server's address, as the login names it */
	struct tls *tls;
	uint32_t protocol_version;
};

void groupwise_login_set(struct groupwise_login *login, const struct backend_target *target, struct bytes user, struct bytes password);
void groupwise_login_wipe(struct groupwise_login *login);      /* the password; the rest stays */
void groupwise_login_free(struct groupwise_login *login);

/* Sends it; fields is a tree to write in, empty afterwards. */
void groupwise_login_send(const struct groupwise_login *login, struct groupwise_link *link, struct gw_tree *fields,
	groupwise_done *done, void *arg);

#endif
