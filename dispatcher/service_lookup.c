#include "dispatcher/service_listener_private.h"

#include <string.h>

struct link_service *link_service_next(struct service_listener *listener, struct link_service *after)
{
	struct link_service *service = after ? after->next : listener->services;

	while (service && !service->is_registered)
		service = service->next;
	return service;
}

struct link_service *link_service_find(struct service_listener *listener, uint64_t id)
{
	struct link_service *service = NULL;

	while ((service = link_service_next(listener, service)))
		if (service->id == id)
			return service;
	return NULL;
}

static bool is_better(const struct link_service *a, const struct link_service *than)
{
	if (!a->role != !than->role)
		return a->role;
	return a->health > than->health;
}

struct link_service *link_service_pick(struct service_listener *listener, const char *content_id, uint64_t wanted)
{
	struct link_service *service = NULL, *best = NULL;

	while ((service = link_service_next(listener, service))) {
		if (strcmp(service->content_id, content_id) != 0)
			continue;
		if (service->id == wanted && service->takes_its_own)
			return service;
		if (service->takes_any && (!best || is_better(service, best)))
			best = service;
	}
	return best;
}

uint64_t link_service_id(const struct link_service *service)
{
	return service->id;
}

const char *link_service_content_id(const struct link_service *service)
{
	return service->content_id;
}

const char *link_service_instance(const struct link_service *service)
{
	return service->instance;
}

const char *link_service_peer(const struct link_service *service)
{
	return connection_peer(service->connection);
}

uint32_t link_service_role(const struct link_service *service)
{
	return service->role;
}

uint32_t link_service_health(const struct link_service *service)
{
	return service->health;
}

bool link_service_is_tls(const struct link_service *service)
{
	return connection_is_tls(service->connection);
}

bool link_service_is_pooled(const struct link_service *service)
{
	return (service->features & LINK_POOL) != 0;
}

void link_service_takes(struct link_service *service, bool any, bool its_own)
{
	service->takes_any = any;
	service->takes_its_own = its_own;
}

bool link_service_takes_its_own(const struct link_service *service)
{
	return service->takes_its_own;
}

bool link_service_has_left(const struct link_service *service)
{
	return service->has_left;
}

/* FNV-1a: two instances of one tag would only make a list longer than it need be. */
uint32_t instance_tag(const char *instance)
{
	uint32_t tag = 2166136261u;

	for (; *instance; instance++)
		tag = (tag ^ (uint8_t)*instance) * 16777619u;
	return tag ? tag : 1;
}

uint32_t link_service_instance_tag(const struct link_service *service)
{
	return instance_tag(service->instance);
}

bool link_service_is_full(const struct link_service *service)
{
	return service->is_full;
}
