#ifndef BRAMBLE_SIMULATOR_GROUPWISE_GW_SERVER_H
#define BRAMBLE_SIMULATOR_GROUPWISE_GW_SERVER_H

#include "base/control.h"
#include "base/error.h"
#include "base/io/loop.h"
#include "base/trail.h"
#include "simulator/world.h"

struct faults;
struct tls;

/* A simulated GroupWise Messenger server: stock clients sign on to it. What it does and what not: docs/messenger.md. */
struct gw_server;

struct gw_server_settings {
	const char *listen;             /* "127.0.0.1:8300"; port 0: the kernel picks */
	struct tls *tls;                /* a server's; NULL: clear, for tests of one process */
	uint32_t capacity;              /* sessions at once; further logins are answered D123. 0: no limit */
	uint32_t keepalive_minutes;     /* told to clients; twice as long without a request ends a session */
	bool several_sessions;          /* of one user at once; else a new login ends the older one */
	struct trail *records;          /* hears of logins and messages; NULL: nobody does */
	bool auth_attribute;            /* send NM_A_SZ_AUTH_ATTRIBUTE, so that clients show plain ids */
};

/* Policies and custom statuses of the world. -1 with a sentence that names the line. */
int gw_world_check(const struct world *world, struct error *err);

/* The world must have been found good by gw_world_check, and live as long as the server. NULL with a sentence when it cannot listen. */
struct gw_server *gw_server_new(struct loop *loop, const struct world *world, const struct gw_server_settings *settings,
	struct error *err);
void gw_server_count(void *server, struct trail_entry *entry);       /* a history_count_fn */
void gw_server_free(struct gw_server **server);

/* Takes contact lists, privacy and statuses from the folder, one file a user, and writes there what changes from now on; the
 * folder is made when it is missing. Call before the loop runs. -1 with a sentence that names the file that is damaged. */
int gw_server_keep(struct gw_server *server, const char *folder, struct error *err);

/* What one such file says, and what it would say now. user must be of the world; name stands for the file in the sentence. After -1
 * some of it may have been taken. */
int gw_server_restore(struct gw_server *server, const char *user, struct bytes text, const char *name, struct error *err);
void gw_server_stored(struct gw_server *server, const char *user, struct buf *out);

const char *gw_server_address(const struct gw_server *server);

/* Its faults: set them by faults_add, on the clock of its loop. */
struct faults *gw_server_faults(struct gw_server *server);

/* Tells every client with event 115 and closes all connections politely; done runs when the last one is gone. No new ones. */
void gw_server_shutdown(struct gw_server *server, loop_fn *done, void *arg);

/* census, kick, ...; ctx is the server. */
extern const struct control_verb gw_server_verbs[];

#endif
