/* The device against a router, dispatcher and service in one: this test's own, scripted, on a manual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/connection.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/device/device.h"

#define PIN 0x2100000Au
#define SESSION 5u
#define START_MS 1000000u
#define PATIENCE_MS 5000

struct bench {
	struct loop *loop;
	struct listener *listener;
	struct connection *peer;          /* the device, as the router sees it */
	struct channel *channel;
	struct device_identity mine, its; /* the same keys, counted at each end */
	struct device *device;
	uint64_t now_ms;
	unsigned links;                   /* how often the PIN was registered */
	bool deny;                        /* answer REGISTER with a refusal */
	bool store_fails;
	struct buf heard;                 /* what the device said: one dump per line */
	uint32_t heard_id;                /* message id of the last */
	struct gme_address device_address, service_address;
	struct buf told;                  /* the device's events: one line each */
};

static void make_identity(struct device_identity *id)
{
	struct channel_key *key = &id->peer.keys[0];

	memset(id, 0, sizeof *id);
	id->pin = PIN;
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

static void frame_out(struct bench *b, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	connection_send(b->peer, buf_bytes(&frame));
	buf_free(&frame);
}

static void envelope_out(void *ctx, struct bytes envelope)
{
	struct srp_data data = { .tag = 1, .gme = envelope };

	frame_out(ctx, &srp_data_msg, &data);
}

static void say(struct bench *b, const struct wire_msg *msg, uint32_t sequence, const void *in)
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

static void return_error(struct bench *b, uint32_t message_id, enum gme_error_code code, const char *text)
{
	struct gme gme = {
		.kind = GME_ERROR, .message_id = message_id, .source = b->service_address, .destination = b->device_address,
		.error_code = (uint16_t)code, .error_text = bytes_str(text), .content_ids = bytes_str(IM_CONTENT_ID),
	};
	struct buf envelope = { 0 };

	gme_encode(&gme, false, &envelope);
	envelope_out(b, buf_bytes(&envelope));
	buf_free(&envelope);
}

static void receipt(struct bench *b, uint32_t message_id)
{
	struct gme gme = {
		.kind = GME_DELIVERED, .message_id = message_id, .source = b->service_address, .destination = b->device_address,
		.content_ids = bytes_str(IM_CONTENT_ID),
	};
	struct buf envelope = { 0 };

	gme_encode(&gme, false, &envelope);
	envelope_out(b, buf_bytes(&envelope));
	buf_free(&envelope);
}

static void hear(struct bench *b, const struct srp_data *data)
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
	b->device_address.pin = gme.source.pin;
	b->device_address.is_pin = true;
}

static void peer_message(void *ctx, struct bytes frame)
{
	struct bench *b = ctx;
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(frame));
	struct srp_return answer = { .code = b->deny ? SRP_UNKNOWN_PIN : SRP_OK };
	union srp_any any;
	struct error err;

	assert_non_null(msg);
	assert_int_equal(frame_decode(msg, frame, &any, &err), 0);
	if (msg->code == SRP_REGISTER) {
		assert_int_equal(any.reg.pin, PIN);
		assert_true(bytes_is(any.reg.srp_id, "T00000001"));
		b->links++;
		frame_out(b, &srp_return_msg, &answer);
	} else if (msg->code == SRP_DATA) {
		hear(b, &any.data);
	}
}

static void peer_closed(void *ctx, enum connection_end end, const char *why)
{
	struct bench *b = ctx;

	(void)end;
	(void)why;
	connection_free(&b->peer);
}

static void accepted(void *ctx, struct connection *c)
{
	static const struct connection_callbacks callbacks = {
		.split = frame_split, .message = peer_message, .closed = peer_closed,
	};
	struct bench *b = ctx;

	connection_free(&b->peer);
	b->peer = c;
	connection_own(c, &callbacks, b);
}

/* --- the device's side ------------------------------------------------------------------------------------------------- */

static void on_event(void *ctx, const struct device_event *e)
{
	struct bench *b = ctx;

	buf_printf(&b->told, "%s", device_event_name(e->type));
	if (e->type == DEVICE_EVENT_LOGIN_OK || e->type == DEVICE_EVENT_MESSAGE)
		buf_printf(&b->told, " %s", log_value(e->name));
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
	struct bench *b = ctx;

	(void)identity;
	return b->store_fails ? error_set(err, "the disk is full") : 0;
}

/* Runs rounds until the text is among what was heard or told; takes it out of there, with all before it. */
static void await(struct bench *b, struct buf *where, const char *text)
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
static void settle(struct bench *b)
{
	uint64_t before;

	do {
		before = loop_activity(b->loop);
		loop_round(b->loop, 20);
	} while (loop_activity(b->loop) != before);
}

static void never(struct bench *b, struct buf *where, const char *text)
{
	settle(b);
	if (strstr(buf_cstr(where), text))
		fail_msg("\"%s\" came: %s", text, buf_cstr(where));
}

static void pass_ms(struct bench *b, uint64_t ms)
{
	b->now_ms += ms;
	loop_clock_advance(b->loop, b->now_ms);
}

static void await_links(struct bench *b, unsigned links)
{
	uint64_t end = loop_real_us() + PATIENCE_MS * 1000;

	while (b->links < links || !device_is_linked(b->device)) {
		if (loop_real_us() > end)
			fail_msg("%u links instead of %u", b->links, links);
		loop_round(b->loop, 10);
	}
}

static int set_up(void **state)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	static const struct connection_limits limits = { .first_message_ms = 60000 };
	struct bench *b = memory_new(sizeof *b);
	struct error err;

	log_set_level(LOG_ERROR);
	b->loop = loop_new();
	b->now_ms = START_MS;
	loop_clock_manual(b->loop, b->now_ms);
	b->channel = channel_new();
	make_identity(&b->mine);
	make_identity(&b->its);
	b->device_address = (struct gme_address){ .is_pin = true, .pin = PIN };
	b->service_address = (struct gme_address){ .srp_id = bytes_str("T00000001") };
	b->listener = listener_new(b->loop, "127.0.0.1:0", NULL, &limits, 0, accepted, b, &err);
	assert_non_null(b->listener);
	b->device = device_new(b->loop, &(struct device_settings){
		.router = listener_address(b->listener), .identity = &b->mine, .store = store, .store_ctx = b,
	}, &callbacks, b);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	device_free(&b->device);
	connection_free(&b->peer);
	listener_free(&b->listener);
	channel_free(&b->channel);
	loop_free(&b->loop);
	buf_free(&b->heard);
	buf_free(&b->told);
	device_identity_free(&b->mine);
	device_identity_free(&b->its);
	free(b);
	return 0;
}

/* A device's first LOGIN has arrived: its sequence number. */
static uint32_t login_sequence(struct bench *b)
{
	await(b, &b->heard, "#1 LOGIN user=alice password=<hidden> capabilities=0\n");
	return 1;
}

static void type_login(struct bench *b)
{
	struct error err;

	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("alice-secret"), &err), 0);
}

static void log_in(struct bench *b)
{
	struct im_login_ok ok = { .session = SESSION, .display_name = bytes_str("Alice"), .status_interval_s = 60 };

	type_login(b);
	say(b, &im_login_ok_msg, login_sequence(b), &ok);
	await(b, &b->told, "login-ok Alice user=alice\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	assert_int_equal(device_session(b->device), SESSION);
}

static void type_message(struct bench *b, const char *text)
{
	struct error err;

	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str(text), NULL, &err), 0);
}

static void acknowledge(struct bench *b, uint32_t own_sequence, uint32_t sequence, uint32_t code)
{
	struct im_ack ack = { .session = SESSION, .sequence = sequence, .code = code };

	say(b, &im_ack_msg, own_sequence, &ack);
}

static void cut_link(struct bench *b)
{
	connection_free(&b->peer);
}

/* --- the sentences ------------------------------------------------------------------------------------------------------ */

static void a_login_typed_before_the_link_is_up_goes_out_when_it_is(void **state)
{
	struct bench *b = *state;

	type_login(b);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	await(b, &b->told, "link-up\nlogin-sent user=alice\n");
	login_sequence(b);
}

static void a_refused_login_shows_the_services_text_and_is_not_repeated(void **state)
{
	struct im_login_fail busy = { .code = IM_SERVER_BUSY, .status_text = bytes_str("Server Busy") };
	struct bench *b = *state;

	type_login(b);
	say(b, &im_login_fail_msg, login_sequence(b), &busy);
	await(b, &b->told, "login-failed 100 user=alice text=\"Server Busy\" (the maximum of simultaneous sessions is reached");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	pass_ms(b, 600000);
	never(b, &b->heard, "LOGIN");

	type_login(b);
	await(b, &b->heard, "#2 LOGIN user=alice");
}

static void a_login_without_an_answer_fails_after_a_minute(void **state)
{
	struct bench *b = *state;

	type_login(b);
	login_sequence(b);
	pass_ms(b, 59999);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	pass_ms(b, 1);
	await(b, &b->told, "login-failed user=alice text=Failed (no answer in time)\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

static void a_session_that_comes_after_the_login_was_given_up_is_logged_out(void **state)
{
	struct im_login_ok ok = { .session = SESSION };
	struct bench *b = *state;

	type_login(b);
	login_sequence(b);
	pass_ms(b, 60000);
	say(b, &im_login_ok_msg, 1, &ok);
	await(b, &b->heard, "#1 LOGOUT session=5\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

static void an_answer_to_an_earlier_login_is_not_taken_for_this_one(void **state)
{
	struct im_login_ok ok = { .session = SESSION };
	struct bench *b = *state;

	type_login(b);
	login_sequence(b);
	pass_ms(b, 60000);
	type_login(b);
	await(b, &b->heard, "#2 LOGIN");
	say(b, &im_login_ok_msg, 1, &ok);
	settle(b);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
}

static void an_error_receipt_ends_the_login_it_names(void **state)
{
	struct bench *b = *state;

	type_login(b);
	login_sequence(b);
	return_error(b, b->heard_id + 1, GME_UNKNOWN_KEY, "");
	await(b, &b->told, "returned 1");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
	return_error(b, b->heard_id, GME_UNKNOWN_KEY, "");
	await(b, &b->told, "login-failed user=alice text=Failed (");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
}

static void resume_at_makes_the_login_be_sealed_again_under_a_higher_number(void **state)
{
	struct bench *b = *state;
	uint32_t first;

	type_login(b);
	login_sequence(b);
	first = b->heard_id;
	return_error(b, first, GME_RESUME_AT, "5000");
	await(b, &b->heard, "#1 LOGIN user=alice");
	assert_int_equal(b->heard_id, 5001);
	/* A number that would use up the ids, and one that is none, change nothing. */
	return_error(b, b->heard_id, GME_RESUME_AT, "4000000000");
	return_error(b, b->heard_id, GME_RESUME_AT, "-1");
	never(b, &b->heard, "LOGIN");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_IN);
}

static void a_login_under_way_is_sent_again_over_a_new_link_unless_the_service_has_it(void **state)
{
	struct bench *b = *state;

	type_login(b);
	login_sequence(b);
	cut_link(b);
	await_links(b, 2);
	await(b, &b->heard, "#1 LOGIN user=alice");
	receipt(b, b->heard_id);
	settle(b);
	cut_link(b);
	await(b, &b->told, "link-down");
	pass_ms(b, 30000);
	await_links(b, 3);
	never(b, &b->heard, "LOGIN");
}

static void a_message_is_kept_until_it_is_acknowledged(void **state)
{
	struct bench *b = *state;

	log_in(b);
	type_message(b, "hello");
	assert_int_equal(device_unacknowledged(b->device), 1);
	await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=hello\n");
	acknowledge(b, 1, 1, IM_OK);
	await(b, &b->told, "ack user=bob (done)\n");
	assert_int_equal(device_unacknowledged(b->device), 0);
	assert_true(device_is_settled(b->device));
	type_message(b, "again");
	acknowledge(b, 2, 2, IM_NOT_DELIVERED);
	await(b, &b->told, "ack 410 user=bob (the recipient is offline or has blocked the sender)\n");
	acknowledge(b, 3, 2, IM_OK);
	never(b, &b->told, "ack");
}

static void a_message_without_acknowledgement_goes_again_after_half_a_minute(void **state)
{
	struct bench *b = *state;
	struct device_counts counts;
	uint32_t id;

	log_in(b);
	type_message(b, "hello");
	await(b, &b->heard, "#1 MESSAGE");
	id = b->heard_id;
	pass_ms(b, 29999);
	never(b, &b->heard, "#1 MESSAGE");
	pass_ms(b, 1);
	await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=hello\n");
	assert_true(b->heard_id > id);
	device_count(b->device, &counts);
	assert_int_equal(counts.resent, 1);
	assert_int_equal(counts.messages_out, 1);
}

static void more_than_the_services_window_is_not_sent_unacknowledged(void **state)
{
	struct bench *b = *state;
	struct error err;

	log_in(b);
	for (int i = 0; i < 32; i++)
		type_message(b, "x");
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str("x"), NULL, &err), -1);
	assert_string_equal(err.text, "32 messages are not acknowledged yet");
}

static void after_a_lost_link_the_session_goes_on(void **state)
{
	struct bench *b = *state;

	log_in(b);
	type_message(b, "one");
	await(b, &b->heard, "#1 MESSAGE");
	device_coverage(b->device, false);
	await(b, &b->told, "waiting\n");
	assert_int_equal(device_state(b->device), DEVICE_WAITING);
	type_message(b, "two");
	device_coverage(b->device, true);
	await(b, &b->told, "resumed\n");
	await(b, &b->heard, "#3 STATUS session=5\n#1 MESSAGE session=5 to=bob text=one\n#2 MESSAGE session=5 to=bob text=two\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
}

static void an_event_that_comes_twice_is_shown_once(void **state)
{
	struct im_message_event event = { .session = SESSION, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct device_counts counts;
	struct bench *b = *state;

	log_in(b);
	say(b, &im_message_event_msg, 1, &event);
	await(b, &b->told, "message \"\" user=bob text=hello\n");
	say(b, &im_message_event_msg, 1, &event);
	say(b, &im_message_event_msg, 3, &event);
	say(b, &im_message_event_msg, 2, &event);
	await(b, &b->told, "message \"\" user=bob text=hello\nmessage \"\" user=bob text=hello\n");
	never(b, &b->told, "message");
	device_count(b->device, &counts);
	assert_int_equal(counts.messages_in, 3);
	assert_int_equal(counts.duplicates, 1);
}

static void an_event_of_another_session_is_not_shown(void **state)
{
	struct im_message_event event = { .session = SESSION + 1, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct bench *b = *state;

	log_in(b);
	say(b, &im_message_event_msg, 1, &event);
	never(b, &b->told, "message");
}

static void status_messages_come_as_often_as_the_service_said(void **state)
{
	struct bench *b = *state;

	log_in(b);
	pass_ms(b, 59999);
	never(b, &b->heard, "STATUS");
	pass_ms(b, 1);
	await(b, &b->heard, "#1 STATUS session=5\n");
	pass_ms(b, 60000);
	await(b, &b->heard, "#2 STATUS session=5\n");
}

static void a_silent_device_keeps_its_link_and_sends_no_status_messages(void **state)
{
	struct bench *b = *state;

	log_in(b);
	device_silent(b->device, true);
	pass_ms(b, 600000);
	never(b, &b->heard, "STATUS");
	assert_true(device_is_linked(b->device));
	device_silent(b->device, false);
	pass_ms(b, 60000);
	await(b, &b->heard, "STATUS session=5\n");
}

static void a_logout_ends_when_the_service_acknowledges_it(void **state)
{
	struct bench *b = *state;
	struct error err;

	log_in(b);
	assert_int_equal(device_logout(b->device, &err), 0);
	await(b, &b->heard, "#1 LOGOUT session=5\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_OUT);
	assert_false(device_is_settled(b->device));
	acknowledge(b, 1, 1, IM_OK);
	await(b, &b->told, "logged-out\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	assert_int_equal(device_session(b->device), 0);
}

static void a_logout_out_of_coverage_is_sent_when_the_link_is_back_or_given_up(void **state)
{
	struct bench *b = *state;
	struct error err;

	log_in(b);
	device_coverage(b->device, false);
	assert_int_equal(device_logout(b->device, &err), 0);
	assert_int_equal(device_state(b->device), DEVICE_LOGGING_OUT);
	device_coverage(b->device, true);
	await(b, &b->heard, "#1 LOGOUT session=5\n");
	pass_ms(b, 60000);
	await(b, &b->told, "logged-out\n");
}

static void a_forced_logout_ends_the_session_with_its_reason(void **state)
{
	struct im_forced_logout out = { .session = SESSION + 1, .reason = IM_REASON_EVICTED_COVERAGE };
	struct bench *b = *state;
	struct error err;

	log_in(b);
	say(b, &im_forced_logout_msg, 1, &out);
	never(b, &b->told, "forced-logout");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	out.session = SESSION;
	say(b, &im_forced_logout_msg, 1, &out);
	await(b, &b->told, "forced-logout 2 (evicted-coverage)\n");
	assert_int_equal(device_state(b->device), DEVICE_LOGGED_OUT);
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_str("x"), NULL, &err), -1);
	assert_string_equal(err.text, "cannot send while logged-out");
	pass_ms(b, 600000);
	never(b, &b->heard, "STATUS");
}

static void an_error_receipt_does_not_end_a_session(void **state)
{
	struct bench *b = *state;

	log_in(b);
	type_message(b, "x");
	await(b, &b->heard, "#1 MESSAGE");
	return_error(b, b->heard_id, GME_BAD_FORMAT, "");
	await(b, &b->told, "returned 2");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
	pass_ms(b, 30000);
	await(b, &b->heard, "#1 MESSAGE");
	return_error(b, b->heard_id, GME_RESUME_AT, "1000");
	await(b, &b->heard, "#1 MESSAGE");
	assert_int_equal(b->heard_id, 1001);
}

static void while_the_service_is_not_there_a_message_is_tried_after_longer_and_longer_times(void **state)
{
	struct bench *b = *state;

	log_in(b);
	type_message(b, "x");
	for (uint64_t wait_ms = 1000; wait_ms <= 16000; wait_ms *= 2) {
		await(b, &b->heard, "#1 MESSAGE");
		return_error(b, b->heard_id, GME_NO_SERVICE, "");
		await(b, &b->told, "returned 4");
		pass_ms(b, wait_ms - 1);
		never(b, &b->heard, "MESSAGE");
		pass_ms(b, 1);
	}
	await(b, &b->heard, "#1 MESSAGE");
	acknowledge(b, 1, 1, IM_OK);
	await(b, &b->told, "ack");
	pass_ms(b, 600000);
	never(b, &b->heard, "MESSAGE");
}

static void contacts_in_several_parts_are_one_list_and_follow_presence(void **state)
{
	static struct im_contacts part;
	struct im_presence_event busy = { .session = SESSION, .user = bytes_str("CAROL"), .presence = IM_BUSY, .text = bytes_str("meeting") };
	struct bench *b = *state;
	const struct device_contacts *list;

	log_in(b);
	part = (struct im_contacts){ .session = SESSION, .more = 1, .count = 1 };
	part.contacts[0] = (struct im_contact){ .user = bytes_str("bob"), .presence = IM_OFFLINE };
	say(b, &im_contacts_msg, 1, &part);
	part.more = 0;
	part.contacts[0] = (struct im_contact){ .user = bytes_str("carol"), .presence = IM_AVAILABLE };
	say(b, &im_contacts_msg, 2, &part);
	say(b, &im_presence_event_msg, 3, &busy);
	await(b, &b->told, "presence 3 user=CAROL text=meeting\n");
	list = device_contacts(b->device);
	assert_int_equal(list->count, 2);
	assert_string_equal(list->list[0].user, "bob");
	assert_int_equal(list->list[1].presence, IM_BUSY);
	assert_string_equal(list->list[1].text, "meeting");
	say(b, &im_contacts_msg, 4, &part);
	await(b, &b->told, "contacts\n");
	assert_int_equal(device_contacts(b->device)->count, 1);
}

static void a_device_whose_pin_was_taken_over_does_not_dial_again(void **state)
{
	struct srp_disconnect bye = { .reason = SRP_SUPERSEDED };
	struct bench *b = *state;

	log_in(b);
	frame_out(b, &srp_disconnect_msg, &bye);
	await(b, &b->told, "waiting\n");
	pass_ms(b, 600000);
	settle(b);
	assert_int_equal(b->links, 1);
	device_coverage(b->device, true);
	await(b, &b->told, "resumed\n");
}

static void a_router_that_refuses_the_pin_is_asked_again_later(void **state)
{
	struct bench *b = *state;

	b->deny = true;
	await(b, &b->told, "link-refused");
	assert_false(device_is_linked(b->device));
	b->deny = false;
	pass_ms(b, 120000);
	await(b, &b->told, "link-up\n");
}

static void a_paused_device_sends_when_it_may_again(void **state)
{
	struct srp_session pause = { 0 };
	struct bench *b = *state;

	log_in(b);
	frame_out(b, &srp_pause_msg, &pause);
	settle(b);
	type_message(b, "one");
	type_message(b, "two");
	never(b, &b->heard, "MESSAGE");
	frame_out(b, &srp_resume_msg, &pause);
	await(b, &b->heard, "#1 MESSAGE session=5 to=bob text=one\n#2 MESSAGE session=5 to=bob text=two\n");
}

static void nothing_is_sent_under_a_number_that_could_not_be_stored(void **state)
{
	struct bench *b = *state;

	await(b, &b->told, "link-up\n");
	b->store_fails = true;
	type_login(b);
	await(b, &b->told, "login-failed user=alice text=Failed (the disk is full)\n");
	never(b, &b->heard, "LOGIN");
	b->store_fails = false;
	type_login(b);
	await(b, &b->heard, "#2 LOGIN user=alice");
	assert_int_equal(b->mine.send_ceiling, REPLAY_AHEAD);
}

static void what_is_not_for_this_device_or_cannot_be_read_is_left_alone(void **state)
{
	struct im_message_event event = { .session = SESSION, .from = bytes_str("bob"), .text = bytes_str("hello") };
	struct srp_data data = { .tag = 1, .gme = bytes_str("no envelope") };
	struct bench *b = *state;

	log_in(b);
	b->device_address.pin = PIN + 1;
	say(b, &im_message_event_msg, 1, &event);
	b->device_address.pin = PIN;
	b->service_address.srp_id = bytes_str("T00000002");
	say(b, &im_message_event_msg, 1, &event);
	b->service_address.srp_id = bytes_str("T00000001");
	frame_out(b, &srp_data_msg, &data);
	never(b, &b->told, "message");
	channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key.secret[0] ^= 1;
	say(b, &im_message_event_msg, 1, &event);
	await(b, &b->heard, "kind 2 code 2\n");
	strcpy(channel_peer_key(&b->its.peer, CHANNEL_KEY_CURRENT)->key.id, "2100000A+9");
	say(b, &im_message_event_msg, 1, &event);
	await(b, &b->heard, "kind 2 code 1\n");
	assert_int_equal(device_state(b->device), DEVICE_ONLINE);
}

static void what_makes_no_sense_now_is_refused_in_words(void **state)
{
	struct bench *b = *state;
	static char longest[IM_TEXT_MAX + 1];
	struct error err;

	assert_int_equal(device_logout(b->device, &err), -1);
	assert_string_equal(err.text, "cannot log out while logged-out");
	assert_int_equal(device_login(b->device, bytes_str(""), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "a user ID has 1 to 256 bytes, not 0");
	device_coverage(b->device, false);
	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "cannot log in out of coverage");
	device_coverage(b->device, true);
	log_in(b);
	assert_int_equal(device_login(b->device, bytes_str("alice"), bytes_str("x"), &err), -1);
	assert_string_equal(err.text, "cannot log in while online");
	assert_int_equal(device_send(b->device, bytes_str("bob"), bytes_of(longest, sizeof longest), NULL, &err), -1);
	assert_string_equal(err.text, "a message has at most 32768 bytes, not 32769");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_login_typed_before_the_link_is_up_goes_out_when_it_is),
		TEST(a_refused_login_shows_the_services_text_and_is_not_repeated),
		TEST(a_login_without_an_answer_fails_after_a_minute),
		TEST(a_session_that_comes_after_the_login_was_given_up_is_logged_out),
		TEST(an_answer_to_an_earlier_login_is_not_taken_for_this_one),
		TEST(an_error_receipt_ends_the_login_it_names),
		TEST(resume_at_makes_the_login_be_sealed_again_under_a_higher_number),
		TEST(a_login_under_way_is_sent_again_over_a_new_link_unless_the_service_has_it),
		TEST(a_message_is_kept_until_it_is_acknowledged),
		TEST(a_message_without_acknowledgement_goes_again_after_half_a_minute),
		TEST(more_than_the_services_window_is_not_sent_unacknowledged),
		TEST(after_a_lost_link_the_session_goes_on),
		TEST(an_event_that_comes_twice_is_shown_once),
		TEST(an_event_of_another_session_is_not_shown),
		TEST(status_messages_come_as_often_as_the_service_said),
		TEST(a_silent_device_keeps_its_link_and_sends_no_status_messages),
		TEST(a_logout_ends_when_the_service_acknowledges_it),
		TEST(a_logout_out_of_coverage_is_sent_when_the_link_is_back_or_given_up),
		TEST(a_forced_logout_ends_the_session_with_its_reason),
		TEST(an_error_receipt_does_not_end_a_session),
		TEST(while_the_service_is_not_there_a_message_is_tried_after_longer_and_longer_times),
		TEST(contacts_in_several_parts_are_one_list_and_follow_presence),
		TEST(a_device_whose_pin_was_taken_over_does_not_dial_again),
		TEST(a_router_that_refuses_the_pin_is_asked_again_later),
		TEST(a_paused_device_sends_when_it_may_again),
		TEST(nothing_is_sent_under_a_number_that_could_not_be_stored),
		TEST(what_is_not_for_this_device_or_cannot_be_read_is_left_alone),
		TEST(what_makes_no_sense_now_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
