#ifndef BRAMBLE_COLLAB_CWA_SIGN_IN_H
#define BRAMBLE_COLLAB_CWA_SIGN_IN_H

#include "collab/cwa_refusal.h"
#include "collab/cwa_server.h"

/* How a user signs in to a CWA server: Integrated Windows Authentication first, forms when that is not successful; what comes of it is a
 * ticket that stands for the user from then on.
 *
 *   KERBEROS -> NTLM -> FORMS        401, 403, 404, 405, or 200 without a ticket: the next step
 *                                    the network or TLS: the end, because that is no answer about the user
 *
 * Kerberos only where a realm is set, and a ticket of it for this user could be had.
 *
 * Source: document - BlackBerry Enterprise Server Feature and Technical Overview, IM login with Live Communications Server, step 6 (the
 * order); what counts as "not successful", and the bounds of a step (3 requests, 30 s): ours. */
struct cwa_sign_in;

/* Who signs in. The password is kept as long as the session may need it again. */
struct cwa_credentials {
	char *user;
	struct buf password;
};
void cwa_credentials_set(struct cwa_credentials *credentials, struct bytes user, struct bytes password);
void cwa_credentials_free(struct cwa_credentials *credentials);       /* wipes */

struct cwa_signed_in {
	struct cwa_refusal refusal;          /* code IM_OK: signed in */
	const char *ticket;
	const char *uri;                     /* as the server says; "" if it says none */
	const char *sign_in_data;            /* unread, for initiateSession; "" for none */
	const char *by;                      /* "kerberos", "ntlm", "forms" */
	const char *peer, *local, *tls_version;
};

struct cwa_sign_in_callbacks {
	/* A step is over: "by=ntlm outcome=refused status=401". For trails. */
	void (*step)(void *ctx, const char *text);
	/* Once, last; what it is told lives until it returns. The sign-in may be freed inside. */
	void (*done)(void *ctx, const struct cwa_signed_in *result);
};

/* Answers later, never inside. server and credentials live as long as the sign-in. */
struct cwa_sign_in *cwa_sign_in_new(const struct cwa_server *server, const struct cwa_credentials *credentials,
	const struct cwa_sign_in_callbacks *callbacks, void *ctx);
void cwa_sign_in_free(struct cwa_sign_in **sign_in);      /* gives up; NULL inside is fine */

#endif
