#include "simulator/device/device_link.h"

#include <stdlib.h>

#include "base/io/connection.h"
#include "base/io/redial.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/im.h"
#include "simulator/device/device_faults.h"
#include "simulator/device/device_link_private.h"

#define REGISTER_MS 10000      /* the Router's answer must be there by then */
#define KEEPALIVE_MS 60000     /* of silence, then PING; on the real clock: liveness is the network's business */
#define KEEPALIVE_MISSES 3

static void send_now(void *ctx, struct bytes frames)
{
	struct device_link *l = ctx;

	connection_send(l->connection, frames);
}

/* kind: what faults call it. */
static void send_as(struct device_link *l, const char *kind, struct bytes frames)
{
	if (device_fate_is_idle(l->fate))
		send_now(l, frames);
	else
		device_fate_send(l->fate, kind, frames);
}

static void encode(struct device_link *l, const struct wire_msg *msg, const void *in)
{
	buf_clear(&l->frame);
	frame_encode(msg, in, &l->frame);
}

static void send_frame(struct device_link *l, const struct wire_msg *msg, const void *in)
{
	encode(l, msg, in);
	send_as(l, DEVICE_FAULT_LINK, buf_bytes(&l->frame));
}

/* Drops the connection and tells the client; again says whether to dial on. */
static void lost(struct device_link *l, bool again, const char *why)
{
	bool was_up = l->registered;

	connection_free(&l->connection);
	device_fate_forget(l->fate);
	loop_timer_cancel(l->watchdog);
	l->registered = l->paused = l->starved = false;
	if (again && l->redial)
		redial_lost(l->redial);
	log_info("link lost device=%s reason=%s", l->name, log_str(why));
	if (was_up)
		l->callbacks.down(l->ctx, why);
	else
		l->callbacks.refused(l->ctx, why);
}

/* --- up: envelopes, and what became of those that came --------------------------------------------------------------------------- */

void device_link_say(struct device_link *l, struct bytes envelope)
{
	struct srp_data data = { .tag = ++l->next_tag, .gme = envelope };

	encode(l, &srp_data_msg, &data);
	if (l->gathers)
		buf_append(&l->fragments, buf_bytes(&l->frame));
	else
		send_as(l, DEVICE_FAULT_RECEIPT, buf_bytes(&l->frame));
}

void device_link_say_status(struct device_link *l, uint32_t tag, enum srp_status status)
{
	send_frame(l, &srp_status_msg_msg, &(struct srp_status_msg){ .tag = tag, .status = status });
}

/* --- down: from the Router to the client ------------------------------------------------------------------------------ */

static void take_return(struct device_link *l, const struct srp_return *answer)
{
	char *why;

	if (l->registered)
		return;
	if (answer->code == SRP_OK) {
		l->registered = true;
		redial_good(l->redial);
		loop_timer_set(l->watchdog, KEEPALIVE_MS);
		log_info("link up device=%s router=%s", l->name, connection_peer(l->connection));
		l->callbacks.up(l->ctx);
		return;
	}
	why = memory_printf("the router refused the PIN: %s", srp_result_text(answer->code));
	lost(l, true, why);
	free(why);
}

static void take_disconnect(struct device_link *l, const struct srp_disconnect *bye)
{
	char *why = memory_printf("the router ended the link: %s", srp_result_text(bye->reason));

	/* Somebody else has registered this PIN: dialling again would only take it back and forth. */
	if (bye->reason == SRP_SUPERSEDED)
		l->coverage = false;
	lost(l, bye->reason != SRP_SUPERSEDED, why);
	free(why);
}

static void take_resume(struct device_link *l)
{
	l->paused = false;
	if (l->starved && device_link_can_send(l)) {
		l->starved = false;
		l->callbacks.drained(l->ctx);
	}
}

static void take_now(void *ctx, struct bytes frame)
{
	struct device_link *l = ctx;
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(frame));
	union srp_any any;
	struct error err;

	l->silent_ticks = 0;
	if (!msg || frame_decode(msg, frame, &any, &err)) {
		log_warning("link refused device=%s: %s", l->name, msg ? err.text : "unknown opcode");
		lost(l, true, "the router sent what cannot be read");
		return;
	}
	switch (msg->code) {
	case SRP_RETURN:
		take_return(l, &any.ret);
		break;
	case SRP_DISCONNECT:
		take_disconnect(l, &any.disconnect);
		break;
	case SRP_DATA:
		if (l->registered)
			device_link_take(l, &any.data);
		break;
	case SRP_STATUS:
		if (any.status.status != SRP_QUEUED && any.status.status != SRP_DELIVERED)
			log_warning("envelope returned device=%s status=%s", l->name, srp_status_text(any.status.status));
		break;
	case SRP_PAUSE:
		l->paused = true;
		break;
	case SRP_RESUME:
		take_resume(l);
		break;
	case SRP_PING:
		send_frame(l, &srp_pong_msg, &any.ping);
		break;
	default:      /* INFO and PONG say nothing that a device acts on */
		break;
	}
}

/* Only envelopes have a fate on their way in. */
static void take_frame(void *ctx, struct bytes frame)
{
	struct device_link *l = ctx;

	if (l->registered && !device_fate_is_idle(l->fate) && frame_opcode(frame) == SRP_DATA)
		device_fate_take(l->fate, frame);
	else
		take_now(l, frame);
}

static void go_deaf(void *ctx)
{
	struct device_link *l = ctx;

	connection_pause(l->connection);
}

static void cut(void *ctx, const char *why)
{
	lost(ctx, true, why);
}

/* --- the connection ---------------------------------------------------------------------------------------------------- */

static void on_up(void *ctx)
{
	struct device_link *l = ctx;
	struct device_identity *identity = l->settings.identity;
	struct srp_register reg = { .pin = identity->pin, .srp_id = bytes_str(identity->srp_id) };

	redial_reached(l->redial);
	send_frame(l, &srp_register_msg, &reg);
	l->silent_ticks = 0;
	loop_timer_set(l->watchdog, REGISTER_MS);
}

static void on_closed(void *ctx, enum connection_end end, const char *why)
{
	struct device_link *l = ctx;
	char *text = memory_printf("%s: %s", connection_end_name(end), why);

	lost(l, true, text);
	free(text);
}

static void on_drained(void *ctx)
{
	struct device_link *l = ctx;

	if (l->starved && device_link_can_send(l)) {
		l->starved = false;
		l->callbacks.drained(l->ctx);
	}
}

static void watch(void *arg)
{
	struct device_link *l = arg;
	struct srp_ping ping = { .nonce = ++l->next_tag };

	if (!l->registered) {
		lost(l, true, "the router did not answer the registration");
		return;
	}
	if (l->silent_ticks++ >= KEEPALIVE_MISSES) {
		lost(l, true, "the router does not answer any more");
		return;
	}
	send_frame(l, &srp_ping_msg, &ping);
	loop_timer_set(l->watchdog, KEEPALIVE_MS);
}

static void dial(void *arg)
{
	static const struct connection_callbacks callbacks = {
		.up = on_up, .split = frame_split, .message = take_frame, .closed = on_closed, .drained = on_drained,
	};
	static const struct connection_limits limits = { .max_message = FRAME_MAX };
	struct device_link *l = arg;

	if (l->connection)
		return;
	l->connection = connection_dial_from(l->loop, l->settings.source, l->settings.router, NULL, NULL, &limits, &callbacks, l);
}

struct device_link *device_link_new(struct loop *loop, const struct device_link_settings *settings,
	const struct device_link_callbacks *callbacks, void *ctx)
{
	static const struct device_fate_callbacks fate_callbacks = { .send = send_now, .take = take_now, .deaf = go_deaf, .cut = cut };
	struct device_link *l = memory_new(sizeof *l);

	l->loop = loop;
	l->settings = *settings;
	l->callbacks = *callbacks;
	l->ctx = ctx;
	bytes_copy_str(bytes_str(pin_text(settings->identity->pin)), l->name, sizeof l->name);
	l->watchdog = loop_timer_new_real(loop, watch, l);
	l->fate = device_fate_new(loop, settings->faults, settings->identity->pin, &fate_callbacks, l);
	return l;
}

void device_link_free(struct device_link **link)
{
	struct device_link *l = *link;

	if (!l)
		return;
	connection_free(&l->connection);
	redial_free(&l->redial);
	loop_timer_free(&l->watchdog);
	device_fate_free(&l->fate);
	buf_free(&l->frame);
	buf_free(&l->fragments);
	free(l);
	*link = NULL;
}

void device_link_coverage(struct device_link *l, bool on)
{
	if (l->coverage == on)
		return;
	l->coverage = on;
	redial_free(&l->redial);
	if (on) {
		l->redial = redial_new(l->loop, REDIAL_CONNECTS, REDIAL_WINDOW_MS, dial, l);
		redial_start(l->redial);
	} else if (l->connection) {
		lost(l, false, "out of coverage");
	}
}

bool device_link_has_coverage(const struct device_link *l)
{
	return l->coverage;
}

bool device_link_is_up(const struct device_link *l)
{
	return l->registered;
}

bool device_link_can_send(const struct device_link *l)
{
	return l->registered && !l->paused && !connection_is_full(l->connection);
}

const char *device_link_peer(const struct device_link *l)
{
	return l->connection ? connection_peer(l->connection) : "";
}

int device_link_send(struct device_link *l, struct bytes clear, bool want_receipt, struct device_sealed *sealed,
	struct channel_sizes *sizes, struct error *err)
{
	struct device_identity *identity = l->settings.identity;
	struct channel_envelope to = {
		.source = { .is_pin = true, .pin = identity->pin },
		.destination = { .srp_id = bytes_str(identity->srp_id) },
		.content_id = IM_CONTENT_ID,
		.flags = want_receipt ? GME_RECEIPT_WANTED : 0,
	};
	int rc;

	if (!device_link_can_send(l)) {
		l->starved = l->registered;
		return error_set(err, l->registered ? "the link takes nothing more at the moment" : "there is no link");
	}
	l->gathers = !device_fate_is_idle(l->fate);
	rc = device_link_seal(l, &to, clear, sealed, sizes, err);
	if (l->gathers && rc == 0)
		device_fate_say(l->fate, clear, buf_bytes(&l->fragments));
	l->gathers = false;
	buf_clear(&l->fragments);
	return rc;
}
