#include "tests/support/handset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/memory.h"

#define START_MS 1000000u
#define PATIENCE_MS 5000

static void make_identity(struct device_identity *id)
{
	struct channel_key *key = &id->peer.keys[0];

	memset(id, 0, sizeof *id);
	id->pin = HANDSET_PIN;
	strcpy(id->srp_id, "T00000001");
	id->peer.suites = PACKET_SUITES_DOCUMENTED;
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = 1;
	key->key.suites = PACKET_SUITES_DOCUMENTED;
	strcpy(key->key.id, "2100000A+1");
	memset(key->key.secret, 7, sizeof key->key.secret);
	replay_counter_start(&key->send, 0);
	replay_start(&key->receive, 0);
}

/* --- the other end ---------------------------------------------------------------------------------------------------- */

void handset_frame_out(struct handset *b, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	connection_send(b->peer, buf_bytes(&frame));
	buf_free(&frame);
}

static void envelope_out(void *ctx, struct bytes envelope)
{
	struct srp_data data = { .tag = 1, .gme = envelope };

	handset_frame_out(ctx, &srp_data_msg, &data);
}

void handset_say(struct handset *b, const struct wire_msg *msg, uint32_t sequence, const void *in)
{
	struct channel_envelope to = { .source = b->service_address, .destination = b->device_address, .content_id = IM_CONTENT_ID };
	struct channel_key *key = channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT);
	struct channel_sizes sizes;
	struct buf raw = { 0 };
	uint32_t id;

	replay_counter_committed(&key->send, key->send.next + REPLAY_AHEAD);
	im_encode(msg, sequence, in, &raw);
	assert_int_equal(channel_seal(b->channel, &b->its.peer, &to, buf_bytes(&raw), envelope_out, b, &id, &sizes), CHANNEL_OK);
	buf_free(&raw);
}

/* A message of the device, as far as an answer repeats it. */
static struct gme message_of(const struct handset *b, uint32_t message_id)
{
	return (struct gme){ .message_id = message_id, .source = b->device_address, .destination = b->service_address,
		.content_ids = bytes_str(IM_CONTENT_ID) };
}

static void answer_out(struct handset *b, struct buf *envelope)
{
	envelope_out(b, buf_bytes(envelope));
	buf_free(envelope);
}

static const struct packet_key *its_key(struct handset *b)
{
	return &channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key;
}

void handset_return_error(struct handset *b, uint32_t message_id, enum gme_error_code code, const char *text)
{
	struct gme message = message_of(b, message_id);
	struct buf envelope = { 0 };

	gme_answer_error(&message, its_key(b), code, text, &envelope);
	answer_out(b, &envelope);
}

void handset_receipt(struct handset *b, uint32_t message_id)
{
	struct gme message = message_of(b, message_id);
	struct buf envelope = { 0 };

	gme_answer_receipt(&message, its_key(b), &envelope);
	answer_out(b, &envelope);
}

void handset_forge(struct handset *b, uint32_t message_id, struct bytes seen, const struct packet_key *key, enum gme_error_code code,
	const char *text)
{
	struct gme message = message_of(b, message_id);
	struct buf envelope = { 0 };

	message.header = seen;
	if (code)
		gme_answer_error(&message, key, code, text, &envelope);
	else
		gme_answer_receipt(&message, key, &envelope);
	answer_out(b, &envelope);
}

static void hear(struct handset *b, const struct srp_data *data)
{
	struct channel_key *key = channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT);
	struct channel_opened opened;
	struct error err;
	struct gme gme;

	assert_int_equal(gme_decode(data->gme, &gme, &err), 0);
	if (gme.kind != GME_MESSAGE) {
		buf_printf(&b->heard, "kind %d code %u\n", (int)gme.kind, gme.error_code);
		return;
	}
	replay_committed(&key->receive, gme.message_id + REPLAY_AHEAD);
	assert_int_equal(channel_open(b->channel, &b->its.peer, &gme, &opened), CHANNEL_OK);
	im_dump(opened.clear, &b->heard);
	buf_u8(&b->heard, '\n');
	b->heard_id = gme.message_id;
	buf_clear(&b->heard_envelope);
	buf_append(&b->heard_envelope, data->gme);
	b->device_address.pin = gme.source.pin;
	b->device_address.is_pin = true;
}

static void peer_message(void *ctx, struct bytes frame)
{
	struct handset *b = ctx;
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(frame));
	struct srp_return answer = { .code = b->deny ? SRP_UNKNOWN_PIN : SRP_OK };
	union srp_any any;
	struct error err;

	assert_non_null(msg);
	assert_int_equal(frame_decode(msg, frame, &any, &err), 0);
	if (msg->code == SRP_REGISTER) {
		assert_int_equal(any.reg.pin, HANDSET_PIN);
		assert_true(bytes_is(any.reg.srp_id, "T00000001"));
		b->links++;
		handset_frame_out(b, &srp_return_msg, &answer);
	} else if (msg->code == SRP_DATA) {
		hear(b, &any.data);
	}
}

static void peer_closed(void *ctx, enum connection_end end, const char *why)
{
	struct handset *b = ctx;

	(void)end;
	(void)why;
	connection_free(&b->peer);
}

static void accepted(void *ctx, struct connection *c)
{
	static const struct connection_callbacks callbacks = {
		.split = frame_split, .message = peer_message, .closed = peer_closed,
	};
	struct handset *b = ctx;

	connection_free(&b->peer);
	b->peer = c;
	connection_own(c, &callbacks, b);
}

/* --- the device's side ------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct device_event *e)
{
	struct handset *b = ctx;

	buf_printf(&b->told, "%s", device_event_name(e->type));
	if (e->type == DEVICE_EVENT_LOGIN_OK || e->type == DEVICE_EVENT_MESSAGE)
		buf_printf(&b->told, " %s", log_value(e->name));
	if (e->what && e->type != DEVICE_EVENT_MESSAGE)
		buf_printf(&b->told, " %s", e->what);
	if (e->room)
		buf_printf(&b->told, " room=%u", e->room);
	if (e->code)
		buf_printf(&b->told, " %u", e->code);
	if (e->user.len)
		buf_printf(&b->told, " user=%s", log_value(e->user));
	if (e->text.len && e->type != DEVICE_EVENT_LINK_DOWN && e->type != DEVICE_EVENT_LINK_REFUSED)
		buf_printf(&b->told, " text=%s", log_value(e->text));
	if (e->reason)
		buf_printf(&b->told, " (%s)", e->reason);
	buf_u8(&b->told, '\n');
}

static int store(void *ctx, const struct device_identity *identity, struct error *err)
{
	struct handset *b = ctx;

	(void)identity;
	return b->store_fails ? error_set(err, "the disk is full") : 0;
}

/* Runs rounds until the text is among what was heard or told; takes it out of there, with all before it. */
void handset_await(struct handset *b, struct buf *where, const char *text)
{
	uint64_t end = loop_real_us() + PATIENCE_MS * 1000;
	char *found;

	while (!(found = strstr(buf_cstr(where), text))) {
		if (loop_real_us() > end)
			fail_msg("\"%s\" did not come; heard:\n%stold:\n%s", text, buf_cstr(&b->heard), buf_cstr(&b->told));
		loop_round(b->loop, 10);
	}
	buf_consume(where, (size_t)(found - (char *)where->data) + strlen(text));
}

/* Everything that is under way has arrived: a frame went there and back. */
void handset_settle(struct handset *b)
{
	uint64_t before;

	do {
		before = loop_activity(b->loop);
		loop_round(b->loop, 20);
	} while (loop_activity(b->loop) != before);
}

void handset_never(struct handset *b, struct buf *where, const char *text)
{
	handset_settle(b);
	if (strstr(buf_cstr(where), text))
		fail_msg("\"%s\" came: %s", text, buf_cstr(where));
}

void handset_pass_ms(struct handset *b, uint64_t ms)
{
	b->now_ms += ms;
	loop_clock_advance(b->loop, b->now_ms);
}

void handset_await_links(struct handset *b, unsigned links)
{
	uint64_t end = loop_real_us() + PATIENCE_MS * 1000;

	while (b->links < links || !device_is_linked(b->device)) {
		if (loop_real_us() > end)
			fail_msg("%u links instead of %u", b->links, links);
		loop_round(b->loop, 10);
	}
}

int handset_set_up(void **state)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	static const struct connection_limits limits = { .first_message_ms = 60000 };
	struct handset *b = memory_new(sizeof *b);
	struct error err;

	log_set_level(LOG_ERROR);
	b->loop = loop_new();
	b->now_ms = START_MS;
	loop_clock_manual(b->loop, b->now_ms);
	b->channel = channel_new();
	make_identity(&b->mine);
	make_identity(&b->its);
	b->device_address = (struct gme_address){ .is_pin = true, .pin = HANDSET_PIN };
	b->service_address = (struct gme_address){ .srp_id = bytes_str("T00000001") };
	b->listener = listener_new(b->loop, "127.0.0.1:0", NULL, &limits, 0, accepted, b, &err);
	assert_non_null(b->listener);
	b->device = device_new(b->loop, &(struct device_settings){
		.router = listener_address(b->listener), .identity = &b->mine, .store = store, .store_ctx = b,
	}, &callbacks, b);
	*state = b;
	return 0;
}

int handset_tear_down(void **state)
{
	struct handset *b = *state;

	device_free(&b->device);
	connection_free(&b->peer);
	listener_free(&b->listener);
	channel_free(&b->channel);
	loop_free(&b->loop);
	buf_free(&b->heard);
	buf_free(&b->heard_envelope);
	buf_free(&b->told);
	device_identity_free(&b->mine);
	device_identity_free(&b->its);
	free(b);
	return 0;
}

/* A device's first LOGIN has arrived: its sequence number. */
uint32_t handset_login_sequence(struct handset *b)
{
	handset_await(b, &b->heard, "#1 LOGIN user=alice password=<hidden> capabilities=3\n");
	return 1;
}

void handset_type_login(struct handset *b)
{
	struct error err;

	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("alice-secret"), &err), 0);
}

void handset_log_in(struct handset *b)
{
	struct im_login_ok ok = { .session = HANDSET_SESSION, .display_name = bytes_str("Alice"), .status_interval_s = 60 };

	handset_type_login(b);
	handset_say(b, &im_login_ok_msg, handset_login_sequence(b), &ok);
	handset_await(b, &b->told, "login-ok Alice user=alice\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	assert_int_equal(device_session(b->device), HANDSET_SESSION);
}

void handset_type_message(struct handset *b, const char *text)
{
	struct error err;

	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str(text), NULL, &err), 0);
}

void handset_acknowledge(struct handset *b, uint32_t own_sequence, uint32_t sequence, uint32_t code)
{
	struct im_ack ack = { .session = HANDSET_SESSION, .sequence = sequence, .code = code };

	handset_say(b, &im_ack_msg, own_sequence, &ack);
}

void handset_cut_link(struct handset *b)
{
	connection_free(&b->peer);
}

void handset_ok(int status, const struct error *err)
{
	if (status)
		fail_msg("%s", err->text);
}

void handset_refused(int status, const struct error *err, const char *want)
{
	assert_int_equal(status, -1);
	assert_string_equal(err->text, want);
}
