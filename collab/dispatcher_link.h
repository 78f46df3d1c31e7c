#ifndef BRAMBLE_COLLAB_DISPATCHER_LINK_H
#define BRAMBLE_COLLAB_DISPATCHER_LINK_H

#include "base/io/connection.h"
#include "protocol/link.h"

/* The connection to the dispatcher: dialled, registered for the IM content id, kept alive, dialled again.
 * Source: document - DOC-MVS, MIB dispatcher (services dial the dispatcher's port); the bytes are ours. */
struct dispatcher_link;

struct dispatcher_link_callbacks {
	/* The dispatcher took our registration, or the link is gone. */
	void (*changed)(void *ctx, bool up);
	/* A device's message, decrypted and inflated; its bytes live until this returns. */
	void (*message)(void *ctx, const struct link_up *up);
	void (*status)(void *ctx, uint32_t tag, uint32_t status);
	void (*coverage)(void *ctx, uint32_t pin, bool available);
	/* dispatcher_link_is_full was true, and is no longer. */
	void (*drained)(void *ctx);
	/* Fills in what REGISTER says besides the name: health, role and features. */
	void (*introduce)(void *ctx, struct link_register *registration);
	/* Of the pool. */
	void (*promote)(void *ctx, const struct link_promote *promote);
	void (*demote)(void *ctx, const struct link_demote *demote);
	void (*moved)(void *ctx, const struct link_moved *moved);
};

/* Copied, but for tls, which is the caller's. */
struct dispatcher_link_settings {
	const char *address, *instance;
	struct tls *tls;                 /* NULL: clear (loopback) */
	uint64_t ping_interval_ms;       /* real time between two questions for a sign of life */
	unsigned ping_misses;            /* so many without an answer end the link */
};

/* Dials at once, answers later. */
struct dispatcher_link *dispatcher_link_new(struct loop *loop, const struct dispatcher_link_settings *settings,
	const struct dispatcher_link_callbacks *callbacks, void *ctx);
void dispatcher_link_free(struct dispatcher_link **link);

bool dispatcher_link_is_up(const struct dispatcher_link *link);
/* Sends a message to a device; only while the link is up. */
void dispatcher_link_send(struct dispatcher_link *link, uint32_t pin, uint32_t tag, struct bytes clear);
/* The same for a message of the pool: HEALTH, ROLE, MOVED. */
void dispatcher_link_tell(struct dispatcher_link *link, const struct wire_msg *msg, const void *message);
/* Says that we go, as the last thing. */
void dispatcher_link_leave(struct dispatcher_link *link);
const char *dispatcher_link_address(const struct dispatcher_link *link);
/* The dispatcher does not read as fast as we write: hold the rest back. */
bool dispatcher_link_is_full(const struct dispatcher_link *link);
/* How much waits to be written to it. */
size_t dispatcher_link_queued(const struct dispatcher_link *link);

#endif
