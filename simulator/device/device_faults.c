#include "simulator/device/device_faults.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/gme.h"
#include "protocol/im.h"
#include "protocol/srp.h"
#include "simulator/fault_hole.h"

/* --- what fault words may name ----------------------------------------------------------------------------------------- */

static const char *const special[] = { DEVICE_FAULT_ARRIVING, DEVICE_FAULT_RECEIPT, DEVICE_FAULT_LINK, NULL };

/* What a device says, as the Collaboration Service hears it. */
static const struct wire_msg *const said[] = {
	&im_login_msg, &im_logout_msg, &im_status_msg, &im_presence_set_msg, &im_message_msg, &im_typing_msg, &im_room_open_msg,
	&im_room_invite_msg, &im_room_answer_msg, &im_room_message_msg, &im_room_leave_msg, &im_contact_change_msg, &im_block_msg,
	&im_search_msg,
};

static bool is_pin(void *ctx, const char *name)
{
	uint32_t pin;

	(void)ctx;
	return pin_parse(bytes_str(name), &pin) == 0;
}

static bool is_said(void *ctx, const char *name)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
		if (strcasecmp(said[i]->name, name) == 0)
			return true;
	return false;
}

static int suits(void *ctx, enum fault_action action, const char *kind, struct error *err)
{
	(void)ctx;
	if (action == FAULT_HALF_CLOSE)
		return error_set(err, "a device's link knows no half-close; there is close, and half-open");
	if (action == FAULT_SPLIT && kind && strcmp(kind, DEVICE_FAULT_ARRIVING) == 0)
		return error_set(err, "split happens to what a device sends, not with on=%s", kind);
	return 0;
}

struct faults *device_faults_new(bool (*is_here)(void *ctx, const char *pin), void *ctx)
{
	return faults_new(&(struct fault_terms){
		.whom = "pin", .where = "here (it has 8 hex digits, as 2100000A)", .is_whom = is_here ? is_here : is_pin, .is_kind = is_said,
		.special = special, .kind_noun = "message of a device",
		.kind_help = DEVICE_FAULT_ARRIVING ", " DEVICE_FAULT_RECEIPT ", " DEVICE_FAULT_LINK " and all", .suits = suits, .ctx = ctx,
	});
}

/* --- one link ---------------------------------------------------------------------------------------------------------- */

struct device_fate {
	struct loop *loop;
	struct faults *set;
	char pin[9];
	struct device_fate_callbacks callbacks;
	void *ctx;
	/* Made when the first fault befalls this link: most links of most processes never need them. */
	struct fault_outlet *out, *in;
	struct fault_hole *hole;
	struct loop_task close;         /* the fault close, at the end of the round */
};

static void hole_is_over(void *arg)
{
	struct device_fate *f = arg;

	f->callbacks.cut(f->ctx, "it was half-open, which is over");
}

static void close_now(void *arg)
{
	struct device_fate *f = arg;

	f->callbacks.cut(f->ctx, "a fault closed it");
}

struct device_fate *device_fate_new(struct loop *loop, struct faults *set, uint32_t pin, const struct device_fate_callbacks *callbacks,
	void *ctx)
{
	struct device_fate *f;

	if (!set)
		return NULL;
	f = memory_new(sizeof *f);
	*f = (struct device_fate){ .loop = loop, .set = set, .callbacks = *callbacks, .ctx = ctx };
	bytes_copy_str(bytes_str(pin_text(pin)), f->pin, sizeof f->pin);
	f->close = (struct loop_task){ .fn = close_now, .arg = f };
	return f;
}

void device_fate_free(struct device_fate **fate)
{
	struct device_fate *f = *fate;

	if (!f)
		return;
	loop_drop(f->loop, &f->close);
	fault_outlet_free(&f->out);
	fault_outlet_free(&f->in);
	fault_hole_free(&f->hole);
	free(f);
	*fate = NULL;
}

bool device_fate_is_idle(const struct device_fate *f)
{
	if (!f)
		return true;
	if (faults_any(f->set) || f->close.queued || fault_hole_is_open(f->hole))
		return false;
	return !f->out || (fault_outlet_is_empty(f->out) && fault_outlet_is_empty(f->in));
}

void device_fate_forget(struct device_fate *f)
{
	if (!f || !f->out)
		return;
	loop_drop(f->loop, &f->close);
	fault_outlet_clear(f->out);
	fault_outlet_clear(f->in);
	fault_hole_close(f->hole);
}

static void make_outlets(struct device_fate *f)
{
	if (f->out)
		return;
	f->out = fault_outlet_new(f->loop, f->callbacks.send, f->ctx);
	f->in = fault_outlet_new(f->loop, f->callbacks.take, f->ctx);
	f->hole = fault_hole_new(f->loop, f->set, hole_is_over, f);
}

/* What befalls it; FAULT_CLOSE when it is gone with all that follows. */
static struct fault befalls(struct device_fate *f, const char *kind)
{
	struct fault gone = { .action = FAULT_CLOSE }, fault;

	if (f->close.queued || fault_hole_is_open(f->hole))
		return gone;
	fault = faults_next(f->set, loop_now_ms(f->loop), f->pin, kind);
	if (fault.action != FAULT_NONE)
		make_outlets(f);
	if (fault.action == FAULT_HALF_OPEN) {
		fault_outlet_clear(f->out);
		fault_outlet_clear(f->in);
		fault_hole_open(f->hole, fault);
		f->callbacks.deaf(f->ctx);
		return gone;
	}
	if (fault.action == FAULT_CLOSE)
		loop_defer(f->loop, &f->close);
	return fault;
}

void device_fate_send(struct device_fate *f, const char *kind, struct bytes frames)
{
	struct fault fault = befalls(f, kind);

	if (fault.action == FAULT_CLOSE)
		return;
	if (!f->out)
		f->callbacks.send(f->ctx, frames);
	else if (fault.action == FAULT_NONE && strcmp(kind, DEVICE_FAULT_LINK) == 0)
		fault_outlet_pass(f->out, frames);
	else
		fault_outlet_send(f->out, fault, frames);
}

void device_fate_say(struct device_fate *f, struct bytes message, struct bytes frames)
{
	const struct wire_msg *msg;
	enum im_type type;
	uint32_t sequence;
	struct error err;

	if (im_peek(message, &type, &sequence, &err) < 0)
		bug("the client says what is no message: %s", err.text);
	msg = wire_find(im_messages, (uint8_t)type);
	device_fate_send(f, msg ? msg->name : "unknown", frames);
}

static const char *kind_of(struct bytes frame)
{
	struct srp_data data;
	struct error err;
	struct gme gme;

	if (frame_decode(&srp_data_msg, frame, &data, &err) == 0 && gme_decode(data.gme, &gme, &err) == 0 && gme.kind != GME_MESSAGE)
		return DEVICE_FAULT_RECEIPT;
	return DEVICE_FAULT_ARRIVING;
}

void device_fate_take(struct device_fate *f, struct bytes frame)
{
	struct fault fault = befalls(f, kind_of(frame));

	if (fault.action == FAULT_CLOSE)
		return;
	if (fault.action == FAULT_SPLIT)
		fault.action = FAULT_NONE;      /* a frame is heard whole */
	if (f->in)
		fault_outlet_send(f->in, fault, frame);
	else
		f->callbacks.take(f->ctx, frame);
}
