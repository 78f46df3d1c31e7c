#ifndef BRAMBLE_COLLAB_CWA_SERVER_H
#define BRAMBLE_COLLAB_CWA_SERVER_H

#include "base/io/http_client.h"
#include "protocol/cwa/codec.h"

/* Where a Communicator Web Access server is and how it is spoken to: the same for all sessions, copied by each from the
 * environment's row and the settings at its login. */
struct cwa_kerberos;
struct cwa_server {
	struct loop *loop;
	struct http_client *http;
	struct cwa_kerberos *kerberos;       /* NULL: no realm is set; shared by all */
	char *host;                  /* its name, as Kerberos knows it */
	char *base;                  /* "https://cwa.corp.test": addresses begin with it */
	enum cwa_format format;      /* XML: profile ocs2007; JSON: lcs2005 */
	char *domain;                /* put before a user ID without one, for NTLM and forms; "" for none */
};

/* Addresses below the base. Source: document, except where docs/protocol/cwa.md says otherwise. */
#define CWA_PATH_FORMS "/forms/logon.html"
#define CWA_PATH_IWA "/iwa/logon.html"
#define CWA_PATH_COMMAND "/cwa/MainCommandHandler.ashx"
#define CWA_PATH_EVENTS "/cwa/AsyncDataChannel.ashx"

#define CWA_TICKET_HEADER "CWA-Ticket"
#define CWA_TICKET_MAX 4096          /* bytes that we keep of one; a longer one is none. Source: ours */

/* POSTs an envelope, with the ticket if there is one. The rest of ask (auth, bounds, without a ticket headers from the
 * second on) is the caller's. */
void cwa_server_post(const struct cwa_server *server, struct http_line *line, const char *path, const struct cwa_node *root,
	const char *ticket, struct http_ask ask, http_answered_fn *answered, void *ctx);

/* Every answer may carry a new ticket, which takes the place of the one there is. Source: document. */
void cwa_server_ticket(const struct http_answer *answer, char **ticket);

/* An answer's envelope. The tree is to be freed in any case. -1 with a sentence. */
int cwa_server_read(const struct http_answer *answer, struct cwa_tree *tree, struct error *err);

#endif
