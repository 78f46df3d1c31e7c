#ifndef BRAMBLE_DISPATCHER_POOL_H
#define BRAMBLE_DISPATCHER_POOL_H

#include <jansson.h>

#include "base/io/loop.h"
#include "dispatcher/service_listener.h"

/* The services of a content id that registered for the pool: one has the active connection, the others stand by. Assigns it, replaces
 * one that is dead, and switches in the documented order: a standby one is asked to promote (1) and is active (2), the old one is asked
 * to demote (3), and does the rest (4 to 6); what it logged out the new one asks to log in (7). docs/failover.md
 * Source: document [DOC-BCSHA] [DOC-FSBCS] for pool, scores and the seven steps; messages, times and thresholds are ours. */
struct pools;

struct pool_settings {
	uint64_t dead_ms;               /* without a word of its health an instance is dead */
	uint64_t switch_ms;             /* and within this it must have done what it was asked to */
	uint32_t promote_at, failover_at;
	bool is_manual;                 /* nothing but the first assignment goes by itself */
};

/* One step of a switch, for the trails. */
struct pool_step {
	const char *event;              /* "failover.promote" */
	unsigned step;                  /* of the documented seven; 0: none of them */
	uint32_t number;                /* of the switch */
	const char *instance, *other;   /* whom it is about; the other one, or "" */
	uint32_t health;
	const char *why;
};

struct pool_callbacks {
	void (*step)(void *ctx, const struct pool_step *step);
	/* The instance is dead: the service takes care of the devices that it had. */
	void (*lost)(void *ctx, struct link_service *to, uint32_t number, const char *instance);
};

struct pools *pools_new(struct loop *loop, const struct pool_settings *settings, struct service_listener *services,
	const struct pool_callbacks *callbacks, void *ctx);
void pools_free(struct pools **pools);

/* What a service does; those that are in no pool are not looked at. */
void pools_registered(struct pools *pools, struct link_service *service);
void pools_gone(struct pools *pools, const struct link_service *service);
void pools_health(struct pools *pools, const struct link_service *service, uint32_t health);
void pools_role(struct pools *pools, const struct link_service *service, const struct link_role *role);
void pools_moved(struct pools *pools, const struct link_service *service, const struct link_moved *moved);

/* A planned switch by hand. to NULL: to the best standby one. -1 with a sentence; the number of the switch in *number. */
int pools_switch(struct pools *pools, const char *content_id, const char *to, uint32_t *number, struct error *err);

/* Of each content id that has a pool: who is active, the members with score and state, and whether a switch is under way. */
json_t *pools_json(const struct pools *pools);

#endif
