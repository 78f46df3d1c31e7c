#ifndef BRAMBLE_SIMULATOR_OCS_OCS_SERVER_H
#define BRAMBLE_SIMULATOR_OCS_OCS_SERVER_H

#include "base/control.h"
#include "base/error.h"
#include "base/io/loop.h"
#include "simulator/world.h"

struct faults;
struct tls;
struct trail;
struct trail_entry;

/* A simulated Live or Office Communications Server: SIP on 5061, for other servers by mutual TLS and for clients.
 * What it does and what not: docs/protocol/ocs.md. */
struct ocs_server;

#define OCS_TRUSTED_MAX 64

struct ocs_server_settings {
	const char *listen;                         /* "127.0.0.1:5061"; port 0: the kernel picks */
	struct tls *tls;                            /* a server's; NULL: clear, for tests of one process */
	const char *listen_tcp;                     /* clear, for clients; NULL: none */
	const char *name;                           /* the pool's FQDN: in Contact, Via, Record-Route and diagnostics */
	const char *trusted[OCS_TRUSTED_MAX];       /* names of servers, as their certificates have them */
	size_t trusted_count;
	bool tls_clients;                           /* who shows no certificate is let in as a client; over clear TCP always */
	struct trail *records;                      /* hears registrations and messages, for a history; NULL: nobody does */
	bool lcs2005;                               /* offers the older dialect of presence alone */
};

/* The world must live as long as the server. NULL with a sentence when it cannot listen. */
struct ocs_server *ocs_server_new(struct loop *loop, const struct world *world, const struct ocs_server_settings *settings,
	struct error *err);
void ocs_server_free(struct ocs_server **server);

/* Takes contact lists, access levels and what users said of themselves from the folder, one file a user, and writes there what changes
 * from now on; the folder is made when it is missing. Call before the loop runs. -1 with a sentence that names the file that is damaged. */
int ocs_server_keep(struct ocs_server *server, const char *folder, struct error *err);

/* What one such file says, and what it would say now. user must be of the world; name stands for the file in the sentence. After -1
 * some of it may have been taken. */
int ocs_server_restore(struct ocs_server *server, const char *user, struct bytes text, const char *name, struct error *err);
void ocs_server_stored(struct ocs_server *server, const char *user, struct buf *out);

const char *ocs_server_address(const struct ocs_server *server);
const char *ocs_server_tcp_address(const struct ocs_server *server);   /* NULL: it does not listen there */

/* Its faults: set them by faults_add, or over the control socket. */
struct faults *ocs_server_faults(struct ocs_server *server);

/* What it holds, for marks of its history: registrations. ctx is the server. */
void ocs_server_count(void *ctx, struct trail_entry *entry);

/* Closes all connections politely; done runs when the last one is gone. No new ones. */
void ocs_server_shutdown(struct ocs_server *server, loop_fn *done, void *arg);

/* census, kick; ctx is the server. */
extern const struct control_verb ocs_server_verbs[];

#endif
