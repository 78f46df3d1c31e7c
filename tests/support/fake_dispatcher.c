#include "tests/support/fake_dispatcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "protocol/srp.h"

static void send_frame(struct fake_dispatcher *d, const struct wire_msg *msg, const void *in)
{
	if (!d->service)
		return;
	buf_clear(&d->out);
	frame_encode(msg, in, &d->out);
	connection_send(d->service, buf_bytes(&d->out));
}

static struct fake_pin *pin_of(struct fake_dispatcher *d, uint32_t pin)
{
	for (size_t i = 0; i < d->pin_count; i++) {
		if (d->pins[i].pin == pin)
			return &d->pins[i];
	}
	assert_true(d->pin_count < sizeof d->pins / sizeof *d->pins);
	d->pins[d->pin_count] = (struct fake_pin){ .pin = pin };
	return &d->pins[d->pin_count++];
}

static void tell_coverage(struct fake_dispatcher *d, uint32_t pin, bool available)
{
	send_frame(d, &link_coverage_msg, &(struct link_coverage){ .pin = pin, .available = available });
}

static void got_pool(struct fake_pool *p, const struct wire_msg *msg, const union link_any *m)
{
	if (msg == &link_health_msg) {
		p->health = m->health.health;
		p->healths++;
	} else if (msg == &link_role_msg) {
		p->number = m->role.number;
		p->role = m->role.role;
		p->roles++;
	} else {
		memcpy(p->devices, m->moved.devices, m->moved.count * sizeof p->devices[0]);
		p->device_count = m->moved.count;
		p->moved++;
	}
}

static void got_register(struct fake_dispatcher *d, const struct link_register *reg)
{
	d->pool.features = reg->features;
	d->pool.wants = reg->role;
	d->pool.health = reg->health;
	d->registrations++;
	send_frame(d, &link_return_msg, &(struct link_return){ .code = SRP_OK });
	tell_coverage(d, 0, false);
	for (size_t i = 0; i < d->pin_count; i++) {
		if (d->pins[i].available)
			tell_coverage(d, d->pins[i].pin, true);
	}
}

static void got_down(struct fake_dispatcher *d, const struct link_down *down)
{
	uint32_t status = pin_of(d, down->pin)->available ? SRP_DELIVERED : SRP_UNAVAILABLE;

	assert_true(d->down_count < sizeof d->downs / sizeof *d->downs);
	d->downs[d->down_count++] = (struct fake_down){ .pin = down->pin, .tag = down->transaction, .status = status,
		.clear = bytes_of(bytes_dup(down->clear), down->clear.len) };
	if (d->silent) {
		d->downs[d->down_count - 1].status = SRP_QUEUED;
		return;
	}
	send_frame(d, &link_status_msg, &(struct link_status){ .pin = down->pin, .transaction = down->transaction, .status = status });
}

static void message(void *ctx, struct bytes frame)
{
	struct fake_dispatcher *d = ctx;
	union link_any m;
	struct error err = { "" };
	const struct wire_msg *msg = wire_find(link_messages, frame_opcode(frame));

	assert_non_null(msg);
	if (frame_decode(msg, frame, &m, &err) != 0)
		fail_msg("%s", err.text);
	if (msg == &link_register_msg)
		got_register(d, &m.reg);
	else if (msg == &link_health_msg || msg == &link_role_msg || msg == &link_moved_msg)
		got_pool(&d->pool, msg, &m);
	else if (msg == &link_down_msg)
		got_down(d, &m.down);
	else if (msg == &link_ping_msg)
		send_frame(d, &link_pong_msg, &m.ping);
}

static void closed(void *ctx, enum connection_end end, const char *why)
{
	struct fake_dispatcher *d = ctx;

	(void)end;
	(void)why;
	connection_free(&d->service);
}

static const struct connection_callbacks callbacks = { .split = frame_split, .message = message, .closed = closed };

static void accepted(void *ctx, struct connection *c)
{
	struct fake_dispatcher *d = ctx;

	connection_free(&d->service);
	d->service = c;
	connection_own(c, &callbacks, d);
}

void fake_dispatcher_start(struct fake_dispatcher *d, struct loop *loop)
{
	struct error err = { "" };

	memset(d, 0, sizeof *d);
	d->loop = loop;
	d->next_transaction = 1;
	d->listener = listener_new(loop, "127.0.0.1:0", NULL, NULL, 0, accepted, d, &err);
	if (!d->listener)
		fail_msg("%s", err.text);
}

void fake_dispatcher_stop(struct fake_dispatcher *d)
{
	connection_free(&d->service);
	listener_free(&d->listener);
	for (size_t i = 0; i < d->down_count; i++)
		free((void *)(uintptr_t)d->downs[i].clear.data);
	buf_free(&d->out);
}

const char *fake_dispatcher_address(const struct fake_dispatcher *d)
{
	return listener_address(d->listener);
}

void fake_dispatcher_drop_service(struct fake_dispatcher *d)
{
	connection_free(&d->service);
}

void fake_dispatcher_coverage(struct fake_dispatcher *d, uint32_t pin, bool available)
{
	pin_of(d, pin)->available = available;
	tell_coverage(d, pin, available);
}

void fake_dispatcher_say(struct fake_dispatcher *d, const struct wire_msg *msg, const void *in)
{
	send_frame(d, msg, in);
}

uint32_t fake_dispatcher_up(struct fake_dispatcher *d, uint32_t pin, const struct wire_msg *msg, uint32_t sequence, const void *in)
{
	struct buf clear = { 0 };
	struct link_up up = { .pin = pin, .user = bytes_str("test"), .transaction = d->next_transaction++,
		.content_id = bytes_str(IM_CONTENT_ID) };

	im_encode(msg, sequence, in, &clear);
	up.clear = buf_bytes(&clear);
	send_frame(d, &link_up_msg, &up);
	buf_free(&clear);
	return up.transaction;
}

bool fake_dispatcher_take(struct fake_dispatcher *d, uint32_t pin, const struct wire_msg *msg, uint32_t *sequence, void *out)
{
	for (size_t i = 0; i < d->down_count; i++) {
		struct fake_down *down = &d->downs[i];
		enum im_type type;
		uint32_t number;
		struct error err = { "" };

		if (down->taken || down->pin != pin || down->status != SRP_DELIVERED)
			continue;
		assert_int_equal(im_peek(down->clear, &type, &number, &err), 0);
		if (type != msg->code)
			continue;
		if (im_decode(msg, down->clear, out, &err) != 0)
			fail_msg("%s", err.text);
		if (sequence)
			*sequence = number;
		down->taken = true;
		return true;
	}
	return false;
}

size_t fake_dispatcher_delivered(const struct fake_dispatcher *d, uint32_t pin, enum im_type type)
{
	size_t count = 0;

	for (size_t i = 0; i < d->down_count; i++)
		count += d->downs[i].pin == pin && d->downs[i].status == SRP_DELIVERED && d->downs[i].clear.data[0] == type;
	return count;
}
