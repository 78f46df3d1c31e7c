#ifndef BRAMBLE_ROUTER_PEER_H
#define BRAMBLE_ROUTER_PEER_H

#include "protocol/gme.h"
#include "protocol/srp.h"
#include "router/state.h"

/* One accepted connection: frames in, frames out, the deadline for proving itself, keep-alive, and one orderly end. What it is
 * (service or device) is known from its first frame on; that part is its role.
 *
 * Ending it (peer_refuse, peer_disconnect, or the other side) tells the role once, through ended(), which frees the role's
 * struct: after a call that ends the peer the caller touches neither. */
struct peer;

struct peer_role {
	const char *name;                                       /* "service", for logs */
	size_t max_frame;
	void (*frame)(void *as, struct bytes frame);
	void (*ended)(void *as, const char *why);
};

enum { PEER_MAY_BE_SERVICE = 1, PEER_MAY_BE_DEVICE = 2 };

/* Before it has proved itself a peer has no business with longer frames (ours). */
#define PEER_UNPROVEN_FRAME 4096

/* first decides by the first frame what the peer is, and calls peer_become, or peer_refuse. */
typedef void peer_first_fn(struct peer *peer, struct bytes frame);
void peer_accept(struct router *router, struct connection *connection, unsigned may_be, peer_first_fn *first);
void peer_become(struct peer *peer, const struct peer_role *role, void *as);
/* It has proved its identifier, or registered: the deadline for that is over, its frames may be as long as the role allows. */
void peer_proven(struct peer *peer);

struct router *peer_router(const struct peer *peer);
unsigned peer_may_be(const struct peer *peer);
const char *peer_address(const struct peer *peer);               /* behind a proxy: as the proxy gave it */
/* Names it in logs from now on: "srp=T00000001". */
void peer_name(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));

void peer_send(struct peer *peer, const struct wire_msg *msg, const void *in);
/* It said in its information packet that it wants the identifier only if nobody has it (SRP_IF_FREE). */
bool peer_is_modest(const struct peer *peer);
size_t peer_queued(const struct peer *peer);
/* Stops and goes on reading from it because of what lies behind it (its own full queue pauses it as well, by itself). */
void peer_hold(struct peer *peer, bool hold);

/* Decodes into *out; if that fails the peer is refused with PROTOCOL ERROR, and -1 comes back. */
int peer_decode(struct peer *peer, const struct wire_msg *msg, struct bytes frame, void *out);

/* RETURN code and sentence (none of them secret), then close. */
void peer_refuse(struct peer *peer, enum srp_result code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* DISCONNECT reason, then close. */
void peer_disconnect(struct peer *peer, enum srp_result reason, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* PING, PONG and INFO are the same for both roles: true if the frame was one of them. The peer may have ended. */
bool peer_common_frame(struct peer *peer, struct bytes frame);

/* DISCONNECT to all of them: the router is shutting down. */
void peers_say_goodbye(struct router *router);
/* Ends all of them without a word. */
void peers_free(struct router *router);

#endif
