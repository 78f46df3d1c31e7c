#ifndef BRAMBLE_DISPATCHER_DISPATCHER_PRIVATE_H
#define BRAMBLE_DISPATCHER_DISPATCHER_PRIVATE_H

#include "dispatcher/dispatcher.h"
#include "dispatcher/intake.h"
#include "dispatcher/outbound.h"
#include "dispatcher/pool.h"
#include "dispatcher/router_link.h"
#include "dispatcher/service_listener.h"
#include "dispatcher/uplink.h"

struct dispatcher {
	struct loop *loop;
	const struct dispatcher_settings *settings;
	struct db *db;
	struct trail *trail;
	struct tls *tls;
	struct channel *channel;
	struct coverage *coverage;
	struct device_keys *keys;
	struct service_listener *services;
	struct pools *pools;
	struct outbound *outbound;
	struct intake *intake;
	struct uplink *uplink;
	struct router_link *routers[COVERAGE_ROUTERS_MAX];
	unsigned router_count;
	bool is_uplink_full, is_resting, are_services_paused;
	char srp_id[SRP_ID_MAX + 1];
	struct loop_timer *identity;
	struct loop_task pause;
	struct identity_call *asking;
};

/* dispatcher/failover.c: what a switch does besides the pool's own part. ctx: the dispatcher. */
void dispatcher_stepped_back(void *d, unsigned router);
void dispatcher_is_back(void *d, unsigned router, bool is_claimed);
extern const struct pool_callbacks dispatcher_pool_calls;

#endif
