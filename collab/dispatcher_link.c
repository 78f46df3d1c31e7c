#include "collab/dispatcher_link.h"

#include <stdlib.h>

#include "base/io/redial.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"
#include "protocol/srp.h"

enum { REGISTER_MS = 10000 };    /* until the dispatcher must have answered REGISTER */

struct dispatcher_link {
	struct loop *loop;
	struct dispatcher_link_callbacks callbacks;
	void *ctx;
	char *address, *instance;
	struct tls *tls;
	uint64_t ping_interval_ms;
	unsigned ping_misses;
	struct redial *redial;
	struct connection *connection;
	struct loop_timer *keep_alive;   /* on the real clock: it asks about the network, not about a session */
	unsigned unanswered;
	uint32_t nonce;
	bool registered, reached;
	bool away_told;                  /* the log says already that it cannot be reached */
	struct buf out;
};

static void dial(void *arg);
static void keep_alive(void *arg);

struct dispatcher_link *dispatcher_link_new(struct loop *loop, const struct dispatcher_link_settings *settings,
	const struct dispatcher_link_callbacks *callbacks, void *ctx)
{
	struct dispatcher_link *link = memory_new(sizeof *link);

	link->loop = loop;
	link->callbacks = *callbacks;
	link->ctx = ctx;
	link->address = memory_str(settings->address);
	link->instance = memory_str(settings->instance);
	link->tls = settings->tls;
	link->ping_interval_ms = settings->ping_interval_ms;
	link->ping_misses = settings->ping_misses;
	link->keep_alive = loop_timer_new_real(loop, keep_alive, link);
	link->redial = redial_new(loop, REDIAL_CONNECTS, REDIAL_WINDOW_MS, dial, link);
	redial_start(link->redial);
	return link;
}

void dispatcher_link_free(struct dispatcher_link **link)
{
	struct dispatcher_link *l = *link;

	if (!l)
		return;
	redial_free(&l->redial);
	connection_free(&l->connection);
	loop_timer_free(&l->keep_alive);
	buf_wipe(&l->out);
	free(l->address);
	free(l->instance);
	free(l);
	*link = NULL;
}

bool dispatcher_link_is_up(const struct dispatcher_link *link)
{
	return link->registered;
}

static void send_message(struct dispatcher_link *link, const struct wire_msg *msg, const void *in)
{
	buf_clear(&link->out);
	frame_encode(msg, in, &link->out);
	connection_send(link->connection, buf_bytes(&link->out));
}

void dispatcher_link_send(struct dispatcher_link *link, uint32_t pin, uint32_t tag, struct bytes clear)
{
	if (!link->registered)
		return;
	send_message(link, &link_down_msg, &(struct link_down){ .pin = pin, .transaction = tag,
		.content_id = bytes_str(IM_CONTENT_ID), .clear = clear });
}

void dispatcher_link_tell(struct dispatcher_link *link, const struct wire_msg *msg, const void *message)
{
	if (link->registered)
		send_message(link, msg, message);
}

void dispatcher_link_leave(struct dispatcher_link *link)
{
	dispatcher_link_tell(link, &link_disconnect_msg, &(struct link_disconnect){ .reason = SRP_SHUTTING_DOWN,
		.text = bytes_str("the service ends") });
}

const char *dispatcher_link_address(const struct dispatcher_link *link)
{
	return link->address;
}

bool dispatcher_link_is_full(const struct dispatcher_link *link)
{
	return link->connection && connection_is_full(link->connection);
}

size_t dispatcher_link_queued(const struct dispatcher_link *link)
{
	return link->connection ? connection_queued(link->connection) : 0;
}

static void lost(struct dispatcher_link *link, const char *why)
{
	bool was_registered = link->registered;

	link->registered = false;
	link->unanswered = 0;
	loop_timer_cancel(link->keep_alive);
	connection_free(&link->connection);
	if (link->reached || !link->away_told)
		log_warning("dispatcher lost address=%s registered=%s reason=%s", link->address, was_registered ? "yes" : "no", log_str(why));
	link->away_told = !link->reached;
	link->reached = false;
	redial_lost(link->redial);
	if (was_registered)
		link->callbacks.changed(link->ctx, false);
}

static void keep_alive(void *arg)
{
	struct dispatcher_link *link = arg;

	if (!link->registered) {
		lost(link, "no answer to REGISTER");
		return;
	}
	if (link->unanswered >= link->ping_misses) {
		lost(link, "it does not answer pings");
		return;
	}
	link->unanswered++;
	send_message(link, &link_ping_msg, &(struct link_ping){ .nonce = ++link->nonce });
	loop_timer_set(link->keep_alive, link->ping_interval_ms);
}

/* --- what the dispatcher says: one handler per message ----------------------------------------------------------------- */

static void got_return(struct dispatcher_link *link, const union link_any *m)
{
	if (link->registered)
		return;
	if (m->ret.code != SRP_OK) {
		log_error("dispatcher refused us address=%s reason=%s text=%s", link->address, log_str(srp_result_text(m->ret.code)),
			log_value(m->ret.text));
		lost(link, "registration refused");
		return;
	}
	link->registered = true;
	redial_good(link->redial);
	log_info("dispatcher registered address=%s instance=%s tls=%s", link->address, log_str(link->instance),
		link->tls ? connection_tls_version(link->connection) : "no");
	loop_timer_set(link->keep_alive, link->ping_interval_ms);
	link->callbacks.changed(link->ctx, true);
}

static void got_disconnect(struct dispatcher_link *link, const union link_any *m)
{
	lost(link, srp_result_text(m->disconnect.reason));
}

static void got_up(struct dispatcher_link *link, const union link_any *m)
{
	if (!link->registered) {
		lost(link, "a message before the registration was answered");
		return;
	}
	link->callbacks.message(link->ctx, &m->up);
	if ((m->up.flags & 1) && link->registered)
		send_message(link, &link_status_msg, &(struct link_status){ .pin = m->up.pin, .transaction = m->up.transaction,
			.status = SRP_DELIVERED });
}

static void got_status(struct dispatcher_link *link, const union link_any *m)
{
	link->callbacks.status(link->ctx, m->status.transaction, m->status.status);
}

static void got_coverage(struct dispatcher_link *link, const union link_any *m)
{
	link->callbacks.coverage(link->ctx, m->coverage.pin, m->coverage.available != 0);
}

static void got_promote(struct dispatcher_link *link, const union link_any *m)
{
	link->callbacks.promote(link->ctx, &m->promote);
}

static void got_demote(struct dispatcher_link *link, const union link_any *m)
{
	link->callbacks.demote(link->ctx, &m->demote);
}

static void got_moved(struct dispatcher_link *link, const union link_any *m)
{
	link->callbacks.moved(link->ctx, &m->moved);
}

static void got_ping(struct dispatcher_link *link, const union link_any *m)
{
	send_message(link, &link_pong_msg, &m->ping);
}

static void got_pong(struct dispatcher_link *link, const union link_any *m)
{
	if (m->ping.nonce == link->nonce)
		link->unanswered = 0;
}

static const struct {
	const struct wire_msg *msg;
	void (*run)(struct dispatcher_link *link, const union link_any *m);
} handlers[] = {
	{ &link_return_msg, got_return },
	{ &link_disconnect_msg, got_disconnect },
	{ &link_up_msg, got_up },
	{ &link_status_msg, got_status },
	{ &link_coverage_msg, got_coverage },
	{ &link_ping_msg, got_ping },
	{ &link_pong_msg, got_pong },
	{ &link_promote_msg, got_promote },
	{ &link_demote_msg, got_demote },
	{ &link_moved_msg, got_moved },
};

static void message(void *ctx, struct bytes frame)
{
	struct dispatcher_link *link = ctx;
	uint8_t opcode = frame_opcode(frame);
	struct error err;

	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		union link_any m;

		if (handlers[i].msg->code != opcode)
			continue;
		if (frame_decode(handlers[i].msg, frame, &m, &err) != 0)
			lost(link, err.text);
		else
			handlers[i].run(link, &m);
		return;
	}
	error_set(&err, "a frame with opcode %02x, which is not for services", opcode);
	lost(link, err.text);
}

static void up(void *ctx)
{
	struct dispatcher_link *link = ctx;
	struct link_register registration = { .content_id = bytes_str(IM_CONTENT_ID), .instance = bytes_str(link->instance) };

	link->reached = true;
	redial_reached(link->redial);
	link->callbacks.introduce(link->ctx, &registration);
	send_message(link, &link_register_msg, &registration);
	loop_timer_set(link->keep_alive, REGISTER_MS);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	(void)end;
	lost(ctx, why);
}

static void drained(void *ctx)
{
	struct dispatcher_link *link = ctx;

	if (link->registered)
		link->callbacks.drained(link->ctx);
}

static const struct connection_callbacks connection_callbacks = {
	.up = up, .split = frame_split, .message = message, .closed = closed, .drained = drained,
};

static void dial(void *arg)
{
	struct dispatcher_link *link = arg;
	const struct connection_limits limits = { .max_message = FRAME_MAX };

	link->connection = connection_dial(link->loop, link->address, link->tls, NULL, &limits, &connection_callbacks, link);
}
