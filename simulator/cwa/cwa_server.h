#ifndef BRAMBLE_SIMULATOR_CWA_CWA_SERVER_H
#define BRAMBLE_SIMULATOR_CWA_CWA_SERVER_H

#include "base/control.h"
#include "base/error.h"
#include "base/io/loop.h"
#include "simulator/cwa/cwa_uplink.h"

struct faults;
struct tls;
struct trail;
struct trail_entry;

/* A simulated Communicator Web Access server: clients sign in over HTTP, send methods and fetch events. What it does and what not:
 * docs/cwa.md. */
struct cwa_server;

struct cwa_server_settings {
	const char *listen;             /* "127.0.0.1:8443"; port 0: the kernel picks */
	struct tls *tls;                /* NULL: clear */
	bool forms, iwa;                /* which sign-in handlers there are */
	bool native;                    /* the wire of scripts for the 2005 release too; they sign in by iwa */
	const char *keytab;             /* for Kerberos; NULL: none */
	uint32_t capacity;              /* sessions at once; 0: no limit */
	uint32_t hold_ms;               /* how long a request for events waits for one; 0: never */
	uint32_t poll_ms, busy_poll_ms; /* pollWaitTime without and with a conversation */
	uint32_t idle_ms;               /* a session without a request */
	uint32_t ticket_ms, renew_ms;   /* life of a ticket, and its age from which on a new one is handed out */
	uint32_t accept_ms;             /* an invitation accepts itself at the most active client; 0: never */
	struct cwa_uplink_settings uplink;      /* next_hop NULL: users live here */
	struct trail *records;          /* hears sessions and messages, for a history; NULL: nobody does */
	uint32_t throttle;              /* methods of a session within a second; 0: no limit */
	bool works_inline;              /* what takes long is done inside the calls: for simulations */
};

/* The world must live as long as the server. NULL with a sentence when it cannot listen, or cannot authenticate as told. */
struct cwa_server *cwa_server_new(struct loop *loop, const struct world *world, const struct cwa_server_settings *settings,
	struct error *err);
void cwa_server_free(struct cwa_server **server);

const char *cwa_server_address(const struct cwa_server *server);
const char *cwa_server_home(const struct cwa_server *server);   /* where its users live, in words */

/* Its faults: set them by faults_add, or over the control socket. */
struct faults *cwa_server_faults(struct cwa_server *server);

/* What it holds, for marks of its history: sessions that are signed on. ctx is the server. */
void cwa_server_count(void *ctx, struct trail_entry *entry);

/* Ends all sessions and connections politely; done runs when the last one is gone. */
void cwa_server_shutdown(struct cwa_server *server, loop_fn *done, void *arg);

/* census, kick, ...; ctx is the server. */
extern const struct control_verb cwa_server_verbs[];

#endif
