#ifndef BRAMBLE_COLLAB_CWA_KERBEROS_H
#define BRAMBLE_COLLAB_CWA_KERBEROS_H

#include "base/bytes.h"
#include "base/io/loop.h"

/* Kerberos for a sign-in over HTTP: with the user's password a ticket of the realm, with that one for the web server, and of it the token
 * that goes into the header "Authorization: Negotiate". The library's calls block: they run in a few threads that all sign-ins share.
 * What is had lives in memory, under a name of its own, and is gone when the token is there. Where the realm's servers are, krb5.conf says.
 * Source: document (the service has a realm in its krb5.conf); code (MIT Kerberos). */
struct cwa_kerberos;
struct cwa_kerberos_ask;

struct cwa_kerberos *cwa_kerberos_new(struct loop *loop, const char *realm);
void cwa_kerberos_free(struct cwa_kerberos **kerberos);      /* all that was asked must be over or freed; waits for what runs */

/* token: base64, lives until this returns; NULL when none could be had, and why says so. */
typedef void cwa_kerberos_fn(void *ctx, const char *token, const char *why);

/* user: as typed; the realm takes the place of its domain. host: of the web server. All is copied. Answers later, never inside. */
struct cwa_kerberos_ask *cwa_kerberos_ask(struct cwa_kerberos *kerberos, const char *user, struct bytes password, const char *host,
	cwa_kerberos_fn *fn, void *ctx);
/* No answer is given any more. Also after the answer, or inside it; NULL inside is fine. */
void cwa_kerberos_ask_free(struct cwa_kerberos_ask **ask);

#endif
