#ifndef BRAMBLE_DISPATCHER_SERVICE_LISTENER_PRIVATE_H
#define BRAMBLE_DISPATCHER_SERVICE_LISTENER_PRIVATE_H

#include "base/io/loop.h"
#include "dispatcher/service_listener.h"
#include "protocol/backlog.h"

/* Inside of the listener: service_listener.c has connections and messages, service_lookup.c finds services and tells of them. */
struct link_service {
	struct service_listener *owner;
	struct link_service *next;
	uint64_t id;
	struct connection *connection;
	bool is_registered, is_ending, is_full, has_left;
	struct backlog backlog;
	bool takes_any, takes_its_own;
	char content_id[65], instance[65];
	uint32_t health, role, features;
	struct loop_timer *ping;
	unsigned unanswered;
	uint32_t nonce;
};

struct service_listener {
	struct loop *loop;
	struct listener *listener;
	bool is_clear, is_paused;
	uint64_t ping_interval_ms;
	unsigned ping_misses;
	uint32_t backlog;
	struct service_callbacks callbacks;
	void *ctx;
	struct link_service *services;        /* oldest first */
	uint64_t last_id, refused;
	struct buf out;
};

#endif
