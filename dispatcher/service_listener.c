#include "dispatcher/service_listener_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/io/address.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/srp.h"

#define SERVICES_MAX 64          /* connections at once, registered or not. Source: ours */
#define GOODBYE_MS 1000

bool content_id_known(struct bytes content_id)
{
	static const char *const known[] = { "BBIM", "CMIME", "CICAL", "ALP", "IPPP", "DFTP", "OTAFM", "OTAKEYGEN", "SYNC",
		"ITADMIN" };

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (bytes_is(content_id, known[i]))
			return true;
	return false;
}

/* --- one service --------------------------------------------------------------------------------------------------------- */

/* Once full it is so until half of what waits is read, or reading would stop and go on with every message. */
static void see_if_full(struct link_service *service)
{
	const struct service_listener *listener = service->owner;
	uint32_t bound = service->is_full ? listener->backlog / 2 : listener->backlog;
	bool is_full = connection_is_full(service->connection) || backlog_size(&service->backlog) >= bound;

	if (is_full == service->is_full)
		return;
	service->is_full = is_full;
	if (is_full)
		listener->callbacks.full(listener->ctx);
	else
		listener->callbacks.drained(listener->ctx);
}

void link_service_send(struct link_service *service, const struct wire_msg *msg, const void *in)
{
	struct buf *out = &service->owner->out;

	if (service->is_ending)
		return;
	buf_clear(out);
	frame_encode(msg, in, out);
	connection_send(service->connection, buf_bytes(out));
	if (!service->is_full)
		see_if_full(service);
}

void link_service_hand_up(struct link_service *service, const struct link_up *up)
{
	link_service_send(service, &link_up_msg, up);
	if (backlog_add(&service->backlog))
		link_service_send(service, &link_ping_msg, &(struct link_ping){ .nonce = backlog_mark(&service->backlog, loop_real_us()) });
}

static void unlink_service(struct link_service *service)
{
	struct link_service **at = &service->owner->services;

	while (*at && *at != service)
		at = &(*at)->next;
	if (*at)
		*at = service->next;
}

static void link_service_free(struct link_service *service)
{
	unlink_service(service);
	connection_free(&service->connection);
	loop_timer_free(&service->ping);
	free(service);
}

/* Not registered any more: nobody outside may keep it. */
static void leave(struct link_service *service, const char *why)
{
	if (!service->is_registered)
		return;
	service->is_registered = false;
	loop_timer_cancel(service->ping);
	log_info("service gone content=%s instance=%s peer=%s why=%s", service->content_id, log_str(service->instance),
		connection_peer(service->connection), log_str(why));
	service->owner->callbacks.gone(service->owner->ctx, service);
	if (service->is_full)
		service->owner->callbacks.drained(service->owner->ctx);
}

/* Tells the peer why, and closes when it was said. */
static void end(struct link_service *service, enum srp_result reason, const char *why)
{
	struct link_disconnect disconnect = { .reason = reason, .text = bytes_slice(bytes_str(why), 0, 256) };

	if (service->is_ending)
		return;
	log_warning("service refused peer=%s reason=%s why=%s", connection_peer(service->connection), srp_result_text(reason),
		log_str(why));
	service->owner->refused++;
	link_service_send(service, &link_disconnect_msg, &disconnect);
	leave(service, why);
	service->is_ending = true;
	connection_finish(service->connection, GOODBYE_MS);
}

static void ping_due(void *arg)
{
	struct link_service *service = arg;

	/* While nothing is read no answer can come; that is no fault of the service. */
	if (service->owner->is_paused)
		service->unanswered = 0;
	if (service->unanswered >= service->owner->ping_misses) {
		end(service, SRP_PROTOCOL_ERROR, "no answer to pings");
		return;
	}
	service->unanswered++;
	link_service_send(service, &link_ping_msg, &(struct link_ping){ .nonce = ++service->nonce });
	loop_timer_set(service->ping, service->owner->ping_interval_ms);
}

/* --- messages -------------------------------------------------------------------------------------------------------------- */

static void answer_register(struct link_service *service, enum srp_result code, const char *text)
{
	link_service_send(service, &link_return_msg, &(struct link_return){ .code = code, .text = bytes_str(text) });
}

/* The same instance again is its next life: the older connection is superseded, as with SRP identifiers. */
static void supersede(struct link_service *service)
{
	for (struct link_service *old = service->owner->services, *next; old; old = next) {
		next = old->next;
		if (old != service && old->is_registered && !strcmp(old->content_id, service->content_id) &&
		    !strcmp(old->instance, service->instance))
			end(old, SRP_SUPERSEDED, "the same instance registered again");
	}
}

/* 1 to 64 printable characters without a space: it stands in logs and reports. */
static bool is_name(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.data[i] <= ' ' || name.data[i] > '~')
			return false;
	return name.len > 0;
}

static void on_register(struct link_service *service, const void *message)
{
	const struct link_register *request = message;

	if (service->is_registered) {
		end(service, SRP_PROTOCOL_ERROR, "REGISTER twice on one connection");
		return;
	}
	if (!content_id_known(request->content_id) || !is_name(request->instance) ||
	    !bytes_copy_str(request->instance, service->instance, sizeof service->instance) ||
	    !bytes_copy_str(request->content_id, service->content_id, sizeof service->content_id)) {
		log_warning("registration refused content=%s peer=%s", log_value(request->content_id),
			connection_peer(service->connection));
		answer_register(service, SRP_NOT_PERMITTED, "content id is not known here, or instance has no name");
		end(service, SRP_NOT_PERMITTED, "content id is not known here, or instance has no name");
		return;
	}
	service->health = request->health < LINK_HEALTH_MAX ? request->health : LINK_HEALTH_MAX;
	service->role = request->role;
	service->features = request->features;
	service->takes_any = service->takes_its_own = !(request->features & LINK_POOL);
	supersede(service);
	service->is_registered = true;
	log_info("service registered content=%s instance=%s role=%s pool=%s health=%u peer=%s tls=%s", service->content_id,
		log_str(service->instance), service->role ? "active" : "standby", link_service_is_pooled(service) ? "yes" : "no",
		service->health,
		connection_peer(service->connection), connection_is_tls(service->connection) ? "yes" : "no");
	answer_register(service, SRP_OK, "");
	loop_timer_set(service->ping, service->owner->ping_interval_ms);
	service->owner->callbacks.registered(service->owner->ctx, service);
}

static void on_down(struct link_service *service, const void *message)
{
	service->owner->callbacks.down(service->owner->ctx, service, message);
}

static void on_status(struct link_service *service, const void *message)
{
	service->owner->callbacks.status(service->owner->ctx, service, message);
}

static void on_disconnect(struct link_service *service, const void *message)
{
	const struct link_disconnect *disconnect = message;

	service->has_left = true;
	leave(service, srp_result_text(disconnect->reason));
	service->is_ending = true;
	connection_finish(service->connection, GOODBYE_MS);
}

static void on_health(struct link_service *service, const void *message)
{
	const struct link_health *health = message;

	if (health->health > LINK_HEALTH_MAX) {
		end(service, SRP_PROTOCOL_ERROR, "a health score above 100");
		return;
	}
	service->health = health->health;
	service->owner->callbacks.health(service->owner->ctx, service, health);
}

static void on_role(struct link_service *service, const void *message)
{
	service->owner->callbacks.role(service->owner->ctx, service, message);
}

static void on_moved(struct link_service *service, const void *message)
{
	service->owner->callbacks.moved(service->owner->ctx, service, message);
}

static void on_ping(struct link_service *service, const void *message)
{
	link_service_send(service, &link_pong_msg, message);
}

static void on_pong(struct link_service *service, const void *message)
{
	const struct link_ping *pong = message;

	if (pong->nonce == service->nonce)
		service->unanswered = 0;
	if (backlog_answer(&service->backlog, pong->nonce) && service->is_full)
		see_if_full(service);
}

static const struct row {
	const struct wire_msg *msg;
	bool needs_registration, needs_pool;
	void (*run)(struct link_service *service, const void *message);
} table[] = {
	{ &link_register_msg, false, false, on_register },
	{ &link_down_msg, true, false, on_down },
	{ &link_status_msg, true, false, on_status },
	{ &link_disconnect_msg, false, false, on_disconnect },
	{ &link_ping_msg, true, false, on_ping },
	{ &link_pong_msg, true, false, on_pong },
	{ &link_health_msg, true, true, on_health },
	{ &link_role_msg, true, true, on_role },
	{ &link_moved_msg, true, true, on_moved },
};

union decoded {
	struct link_register registration;
	struct link_down down;
	struct link_status status;
	struct link_disconnect disconnect;
	struct link_ping ping;
	struct link_health health;
	struct link_role role;
	struct link_moved moved;
};

static void on_message(void *ctx, struct bytes frame)
{
	struct link_service *service = ctx;
	const struct wire_msg *msg = wire_find(link_messages, frame_opcode(frame));
	union decoded decoded;
	struct error err;

	if (service->is_ending)
		return;
	for (size_t i = 0; msg && i < sizeof table / sizeof table[0]; i++) {
		if (table[i].msg != msg || (table[i].needs_registration && !service->is_registered) ||
		    (table[i].needs_pool && !link_service_is_pooled(service)))
			continue;
		if (frame_decode(msg, frame, &decoded, &err))
			end(service, SRP_PROTOCOL_ERROR, err.text);
		else
			table[i].run(service, &decoded);
		return;
	}
	error_set(&err, "%s (opcode %02x) is not accepted %s", msg ? msg->name : "an unknown message", frame_opcode(frame),
		service->is_registered ? "here" : "before REGISTER");
	end(service, SRP_PROTOCOL_ERROR, err.text);
}

static void on_closed(void *ctx, enum connection_end ended, const char *why)
{
	struct link_service *service = ctx;

	if (!service->is_ending && ended != CONNECTION_PEER_CLOSED) {
		log_warning("service connection ended peer=%s end=%s why=%s", connection_peer(service->connection),
			connection_end_name(ended), log_str(why));
		service->owner->refused++;
	}
	leave(service, why);
	link_service_free(service);
}

static void on_drained(void *ctx)
{
	struct link_service *service = ctx;

	see_if_full(service);
}

static const struct connection_callbacks connection_calls = {
	.split = frame_split, .message = on_message, .closed = on_closed, .drained = on_drained,
};

/* --- the listener ---------------------------------------------------------------------------------------------------------- */

static void on_accept(void *ctx, struct connection *connection)
{
	struct service_listener *listener = ctx;
	struct link_service *service, **at = &listener->services;

	if (listener->is_clear && !address_is_loopback(connection_peer(connection))) {
		log_warning("service refused peer=%s why=\"not loopback, and this listener has no TLS\"", connection_peer(connection));
		listener->refused++;
		connection_free(&connection);
		return;
	}
	service = memory_new(sizeof *service);
	service->owner = listener;
	service->id = ++listener->last_id;
	backlog_start(&service->backlog, SERVICE_MARK_EVERY);
	service->connection = connection;
	service->ping = loop_timer_new(listener->loop, ping_due, service);
	while (*at)
		at = &(*at)->next;
	*at = service;
	connection_own(connection, &connection_calls, service);
	if (listener->is_paused)
		connection_pause(connection);
}

struct service_listener *service_listener_new(struct loop *loop, const struct service_listener_settings *settings,
	const struct service_callbacks *callbacks, void *ctx, struct error *err)
{
	struct service_listener *listener = memory_new(sizeof *listener);

	listener->loop = loop;
	listener->is_clear = !settings->tls;
	listener->ping_interval_ms = settings->ping_interval_ms;
	listener->ping_misses = settings->ping_misses;
	listener->backlog = settings->backlog;
	listener->callbacks = *callbacks;
	listener->ctx = ctx;
	if (listener->is_clear && !address_is_loopback(settings->listen)) {
		error_set(err, "[dispatcher] listen = %s is not a loopback address, and services may only come from elsewhere over mutual "
			"TLS 1.3: set tls_certificate, tls_key and tls_ca, or listen on 127.0.0.1", log_str(settings->listen));
		service_listener_free(&listener);
		return NULL;
	}
	listener->listener = listener_new(loop, settings->listen, settings->tls, NULL, SERVICES_MAX, on_accept, listener, err);
	if (!listener->listener)
		service_listener_free(&listener);
	return listener;
}

void service_listener_free(struct service_listener **listener_at)
{
	struct service_listener *listener = *listener_at;

	if (!listener)
		return;
	*listener_at = NULL;
	listener_free(&listener->listener);
	while (listener->services)
		link_service_free(listener->services);
	buf_wipe(&listener->out);
	free(listener);
}

void service_listener_pause(struct service_listener *listener, bool pause)
{
	if (listener->is_paused == pause)
		return;
	listener->is_paused = pause;
	for (struct link_service *service = listener->services; service; service = service->next) {
		if (pause)
			connection_pause(service->connection);
		else
			connection_resume(service->connection);
	}
}

const char *service_listener_address(const struct service_listener *listener)
{
	return listener_address(listener->listener);
}

uint64_t service_listener_refused(const struct service_listener *listener)
{
	return listener->refused;
}

unsigned service_listener_count(const struct service_listener *listener)
{
	unsigned count = 0;

	for (const struct link_service *service = listener->services; service; service = service->next)
		count += service->is_registered;
	return count;
}
