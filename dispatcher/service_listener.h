#ifndef BRAMBLE_DISPATCHER_SERVICE_LISTENER_H
#define BRAMBLE_DISPATCHER_SERVICE_LISTENER_H

#include "base/io/connection.h"
#include "base/io/tls.h"
#include "protocol/link.h"

/* Where services dial in (3200), register for a content id, and from then on get the messages of devices and send messages to
 * them. Loopback may be clear; anything else is mutual TLS 1.3 with the installation's own CA.
 * Source: document for the port and who dials ([DOC-MVS], MIB); the protocol is ours. */
struct service_listener;
struct link_service;

struct service_callbacks {
	void (*registered)(void *ctx, struct link_service *service);
	void (*gone)(void *ctx, struct link_service *service);                 /* it had registered; do not keep it */
	void (*down)(void *ctx, struct link_service *service, const struct link_down *down);
	void (*status)(void *ctx, struct link_service *service, const struct link_status *status);
	/* Of members of the pool. */
	void (*health)(void *ctx, struct link_service *service, const struct link_health *health);
	void (*role)(void *ctx, struct link_service *service, const struct link_role *role);
	void (*moved)(void *ctx, struct link_service *service, const struct link_moved *moved);
	void (*full)(void *ctx);                                          /* a service does not read fast enough */
	void (*drained)(void *ctx);                                       /* and now it does again */
};

struct service_listener_settings {
	const char *listen;
	struct tls *tls;                 /* NULL: clear, loopback only */
	uint64_t ping_interval_ms;
	unsigned ping_misses;
	uint32_t backlog;                /* messages that one may have before it unread until it counts as full; from SERVICE_MARK_EVERY on */
};

enum { SERVICE_MARK_EVERY = 16 };        /* messages: how exactly that is known. Source: ours */

/* Is this content id one that the public record knows? Source: document [DOC-PROTO]; SYNC and BBIM: reverse-engineered. */
bool content_id_known(struct bytes content_id);

/* NULL with a sentence: the address is taken, or is not loopback and has no TLS. */
struct service_listener *service_listener_new(struct loop *loop, const struct service_listener_settings *settings,
	const struct service_callbacks *callbacks, void *ctx, struct error *err);
void service_listener_free(struct service_listener **listener);
const char *service_listener_address(const struct service_listener *listener);

/* The service to take a message: the wanted one if it is registered for the content id and still takes what its devices say, else,
 * of those that take any, an active one before a standby one, then the healthier, then the older. NULL: none. */
struct link_service *link_service_pick(struct service_listener *listener, const char *content_id, uint64_t wanted);
struct link_service *link_service_find(struct service_listener *listener, uint64_t id);      /* registered; or NULL */
struct link_service *link_service_next(struct service_listener *listener, struct link_service *after);   /* all registered; NULL begins */

uint64_t link_service_id(const struct link_service *service);          /* counts up, never used again */
const char *link_service_content_id(const struct link_service *service);
const char *link_service_instance(const struct link_service *service);
const char *link_service_peer(const struct link_service *service);
uint32_t link_service_role(const struct link_service *service);
uint32_t link_service_health(const struct link_service *service);
bool link_service_is_tls(const struct link_service *service);
/* A member of the pool takes nothing until the pool says so; any other service takes all from the start. */
bool link_service_is_pooled(const struct link_service *service);
void link_service_takes(struct link_service *service, bool any, bool its_own);
bool link_service_takes_its_own(const struct link_service *service);
bool link_service_has_left(const struct link_service *service);        /* it said that it goes */
uint32_t link_service_instance_tag(const struct link_service *service); /* of its instance's name; never 0 */
uint32_t instance_tag(const char *instance);
/* It does not read what was sent, or not fast enough: no messages of devices should be handed to it. */
bool link_service_is_full(const struct link_service *service);
void link_service_send(struct link_service *service, const struct wire_msg *msg, const void *in);
void link_service_hand_up(struct link_service *service, const struct link_up *up);

/* Reads nothing more from any service for now. */
void service_listener_pause(struct service_listener *listener, bool pause);

/* Peers refused or closed for what they sent, since the start. */
uint64_t service_listener_refused(const struct service_listener *listener);
unsigned service_listener_count(const struct service_listener *listener);

#endif
