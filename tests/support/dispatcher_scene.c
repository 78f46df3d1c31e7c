#include "tests/support/dispatcher_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "protocol/backlog.h"

/* --- raw peers -------------------------------------------------------------------------------------------------------------- */

static void raw_up(void *ctx)
{
	struct raw *raw = ctx;

	raw->is_up = true;
}

static void raw_message(void *ctx, struct bytes frame)
{
	struct raw *raw = ctx;
	struct link_ping ping;

	if (!raw->keeps_marks && frame_opcode(frame) == link_ping_msg.code && frame_decode(&link_ping_msg, frame, &ping, NULL) == 0 &&
	    ping.nonce & BACKLOG_MARK) {
		raw_say(raw, &link_pong_msg, &ping);
		return;
	}
	if (raw->came == 128)
		fail_msg("%s: more than 128 frames came", raw->name);
	buf_append(&raw->frames[raw->came++], frame);
}

static void raw_closed(void *ctx, enum connection_end end, const char *why)
{
	struct raw *raw = ctx;

	(void)end;
	(void)why;
	raw->is_closed = true;
}

static const struct connection_callbacks raw_calls = {
	.up = raw_up, .split = frame_split, .message = raw_message, .closed = raw_closed,
};

static void raw_reset(struct raw *raw)
{
	const char *name = raw->name;

	connection_free(&raw->c);
	for (unsigned i = 0; i < 128; i++)
		buf_free(&raw->frames[i]);
	memset(raw, 0, sizeof *raw);
	raw->name = name;
}

void raw_forget(struct raw *raw)
{
	for (unsigned i = 0; i < raw->came; i++)
		buf_free(&raw->frames[i]);
	raw->came = raw->taken = 0;
}

void raw_free(struct raw **raw)
{
	raw_reset(*raw);
	free(*raw);
	*raw = NULL;
}

void raw_say(struct raw *raw, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	connection_send(raw->c, buf_bytes(&frame));
	buf_free(&frame);
}

void raw_say_hex(struct raw *raw, const char *hex)
{
	struct buf bytes = { 0 };

	assert_int_equal(hex_decode(bytes_str(hex), &bytes), 0);
	connection_send(raw->c, buf_bytes(&bytes));
	buf_free(&bytes);
}

void raw_expect(struct scene *s, struct raw *raw, const struct wire_msg *msg, void *out)
{
	uint64_t until = loop_real_us() + 5000000;
	struct error err;
	struct bytes frame;

	while (raw->taken == raw->came) {
		if (raw->is_closed || loop_real_us() > until)
			fail_msg("%s: no %s came%s", raw->name, msg->name, raw->is_closed ? ", it was closed" : "");
		loop_round(s->loop, 20);
	}
	frame = buf_bytes(&raw->frames[raw->taken++]);
	if (frame_decode(msg, frame, out, &err))
		fail_msg("%s: not %s but opcode %02x: %s", raw->name, msg->name, frame_opcode(frame), err.text);
}

void raw_expect_closed(struct scene *s, struct raw *raw)
{
	scene_await(s, raw->is_closed);
}

void raw_expect_nothing(struct scene *s, struct raw *raw)
{
	scene_settle(s);
	if (raw->taken != raw->came)
		fail_msg("%s: opcode %02x came", raw->name, frame_opcode(buf_bytes(&raw->frames[raw->taken])));
}

/* --- the scene -------------------------------------------------------------------------------------------------------------- */

static void must_be_ok(void *ctx, enum db_status status)
{
	(void)ctx;
	assert_int_equal(status, DB_OK);
}

static void add_user(struct scene *s, const char *name, uint32_t pin, unsigned suites)
{
	struct db_user user = { .server = "bramble", .name = name, .permitted = true };
	uint8_t secret[DB_KEY_SECRET_SIZE];

	memset(secret, (int)(pin & 0xFF) + 1, sizeof secret);
	db_user_add(s->db, &user, must_be_ok, NULL);
	db_device_add(s->db, name, pin, bytes_of(secret, sizeof secret), suites, must_be_ok, NULL);
}

/* As add_user made it, or a later key as the test made it. */
void device_start(struct channel_peer *peer, uint32_t pin, uint32_t serial, unsigned suites)
{
	struct channel_key *key = &peer->keys[0];

	channel_peer_free(peer);
	peer->suites = PACKET_SUITES_ALL;
	snprintf(key->key.id, sizeof key->key.id, "%s+%u", pin_text(pin), serial);
	memset(key->key.secret, (int)(pin & 0xFF) + (int)serial, sizeof key->key.secret);
	key->key.suites = suites;
	key->state = CHANNEL_KEY_CURRENT;
	key->serial = serial;
	replay_start(&key->receive, 0);
	replay_committed(&key->receive, 100000);
	replay_counter_start(&key->send, 0);
	replay_counter_committed(&key->send, 100000);
}

struct scene *scene_new(void)
{
	struct scene *s = memory_new(sizeof *s);
	struct db_server server = { .name = "bramble", .srp_id = SRP_ID };
	struct error err = { "" };
	char *database, *key;

	strcpy(s->folder, "/tmp/bramble-dispatcher-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	database = memory_printf("%s/bramble.db", s->folder);
	key = memory_printf("%s/install.key", s->folder);
	s->loop = loop_new();
	loop_clock_manual(s->loop, 1000000);
	s->db = db_open(s->loop, database, key, DB_CREATE, true, &err);
	if (!s->db)
		fail_msg("%s", err.text);
	for (unsigned i = 0; i < SRP_KEY_SIZE; i++)
		s->srp_key[i] = (uint8_t)i;
	server.srp_key = bytes_of(s->srp_key, SRP_KEY_SIZE);
	db_server_add(s->db, &server, must_be_ok, NULL);
	add_user(s, "alice", ALICE, PACKET_SUITES_DOCUMENTED);
	add_user(s, "bob", BOB, PACKET_SUITE_BIT(PACKET_3DES_CBC));
	db_wait(s->db);
	device_start(&s->alice, ALICE, 1, PACKET_SUITES_DOCUMENTED);
	device_start(&s->bob, BOB, 1, PACKET_SUITE_BIT(PACKET_3DES_CBC));
	s->channel = channel_new();
	s->set = (struct dispatcher_settings){
		.listen = memory_str("127.0.0.1:0"), .server = memory_str("bramble"), .ping_interval_ms = 60000, .ping_misses = 3, .srp_connects = 4,
		.delivery_ms = 600000, .queue = 8, .backlog = 32, .devices = 100, .database_check_ms = 50,
	};
	free(database);
	free(key);
	return s;
}

static void router_accepted(struct scene *s, unsigned n, struct connection *c)
{
	raw_reset(&s->router[n]);
	s->dials[n]++;
	s->router[n].name = n ? "second router" : "router";
	s->router[n].c = c;
	connection_own(c, &raw_calls, &s->router[n]);
}

static void accepted_0(void *ctx, struct connection *c)
{
	router_accepted(ctx, 0, c);
}

static void accepted_1(void *ctx, struct connection *c)
{
	router_accepted(ctx, 1, c);
}

void scene_start(struct scene *s, unsigned routers)
{
	struct error err = { "" };
	struct buf list = { 0 };
	int status;

	for (unsigned n = 0; n < routers; n++) {
		if (!s->routers[n])
			s->routers[n] = listener_new(s->loop, "127.0.0.1:0", NULL, NULL, 0, n ? accepted_1 : accepted_0, s, &err);
		assert_non_null(s->routers[n]);
		buf_printf(&list, "%s ", listener_address(s->routers[n]));
	}
	free(s->set.routers);
	s->set.routers = memory_str(buf_cstr(&list));
	buf_free(&list);
	s->dispatcher = dispatcher_new(s->loop, &s->set, s->db, NULL, &status, &err);
	if (!s->dispatcher)
		fail_msg("%s", err.text);
}

struct raw *scene_ready(struct scene *s, uint32_t pin, uint32_t pin2)
{
	scene_start(s, 1);
	router_accept(s, 0, pin, pin2);
	return service_registers(s, "im");
}

void scene_stop(struct scene *s)
{
	dispatcher_free(&s->dispatcher);
	for (unsigned n = 0; n < 2; n++)
		raw_reset(&s->router[n]);
	scene_settle(s);
}

void scene_free(struct scene **s_at)
{
	struct scene *s = *s_at;
	char command[128];

	dispatcher_free(&s->dispatcher);
	for (unsigned n = 0; n < 2; n++) {
		raw_reset(&s->router[n]);
		listener_free(&s->routers[n]);
	}
	channel_peer_free(&s->alice);
	channel_peer_free(&s->bob);
	channel_free(&s->channel);
	db_close(&s->db);
	loop_free(&s->loop);
	free(s->set.listen);
	free(s->set.server);
	free(s->set.routers);
	snprintf(command, sizeof command, "rm -rf %s", s->folder);
	assert_int_equal(system(command), 0);
	free(s);
	*s_at = NULL;
}

int scene_begin(void **state)
{
	*state = scene_new();
	return 0;
}

int scene_finish(void **state)
{
	struct scene *s = *state;

	scene_free(&s);
	return 0;
}

void scene_settle(struct scene *s)
{
	while (loop_round(s->loop, 20))
		;
}

uint64_t scene_number(struct scene *s, const char *name)
{
	json_t *status = json_object();
	uint64_t value;

	dispatcher_status(s->dispatcher, status);
	value = (uint64_t)json_integer_value(json_object_get(status, name));
	json_decref(status);
	return value;
}

uint64_t scene_count(struct scene *s, const char *name)
{
	json_t *status = json_object(), *counter;
	uint64_t value;

	dispatcher_status(s->dispatcher, status);
	counter = json_object_get(json_object_get(status, "counters"), name);
	if (!counter)
		fail_msg("there is no counter %s", name);
	value = (uint64_t)json_integer_value(counter);
	json_decref(status);
	return value;
}

/* --- the router ------------------------------------------------------------------------------------------------------------- */

void router_covers(struct scene *s, unsigned n, uint32_t pin, bool available)
{
	raw_say(&s->router[n], &srp_coverage_msg, &(struct srp_coverage){ .pin = pin, .available = available });
}

void router_accept(struct scene *s, unsigned n, uint32_t pin, uint32_t pin2)
{
	struct raw *router = &s->router[n];
	struct srp_info info;
	struct srp_connect connect;
	uint8_t challenge[20], proof[20];

	scene_await(s, router->c != NULL);
	raw_expect(s, router, &srp_info_msg, &info);
	raw_expect(s, router, &srp_connect_msg, &connect);
	assert_true(bytes_is(connect.value, SRP_ID));
	memset(challenge, 0xA0 + (int)n, sizeof challenge);
	raw_say(router, &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(challenge, sizeof challenge) });
	raw_expect(s, router, &srp_connect_msg, &connect);
	assert_true(connect.value.len > 20);
	srp_proof(s->srp_key, connect.value, proof);
	raw_say(router, &srp_connect_msg, &(struct srp_connect){ .value = bytes_of(proof, sizeof proof) });
	raw_expect(s, router, &srp_connect_msg, &connect);
	srp_proof(s->srp_key, bytes_of(challenge, sizeof challenge), proof);
	assert_true(bytes_equal(connect.value, bytes_of(proof, sizeof proof)));
	raw_say(router, &srp_return_msg, &(struct srp_return){ .code = SRP_OK });
	router_covers(s, n, 0, false);
	if (pin)
		router_covers(s, n, pin, true);
	if (pin2)
		router_covers(s, n, pin2, true);
	scene_await(s, scene_number(s, "routers_up") > n && (!pin || scene_number(s, "covered") > 0));
}

void router_brings(struct scene *s, unsigned n, uint32_t pin, struct bytes gme)
{
	raw_say(&s->router[n], &srp_receive_msg, &(struct srp_receive){ .pin = pin, .gme = gme });
}

void router_says(struct scene *s, unsigned n, uint32_t tag, enum srp_status status)
{
	raw_say(&s->router[n], &srp_status_msg_msg, &(struct srp_status_msg){ .tag = tag, .status = status });
}

/* --- services --------------------------------------------------------------------------------------------------------------- */

struct raw *service_dial(struct scene *s, const char *name)
{
	struct raw *raw = memory_new(sizeof *raw);

	raw->name = name;
	raw->c = connection_dial(s->loop, dispatcher_address(s->dispatcher), NULL, NULL, NULL, &raw_calls, raw);
	scene_await(s, raw->is_up);
	return raw;
}

struct raw *service_registers(struct scene *s, const char *instance)
{
	struct raw *raw = service_dial(s, instance);
	struct link_return answer;
	struct link_coverage coverage;

	raw_say(raw, &link_register_msg, &(struct link_register){ .content_id = bytes_str("BBIM"), .instance = bytes_str(instance),
		.health = 100, .role = 1 });
	raw_expect(s, raw, &link_return_msg, &answer);
	assert_int_equal(answer.code, SRP_OK);
	raw_expect(s, raw, &link_coverage_msg, &coverage);
	assert_int_equal(coverage.pin, 0);
	assert_int_equal(coverage.available, 0);
	for (uint64_t n = scene_number(s, "covered"); n; n--) {
		raw_expect(s, raw, &link_coverage_msg, &coverage);
		assert_int_equal(coverage.available, 1);
	}
	return raw;
}

void service_sends(struct raw *service, uint32_t pin, uint32_t transaction, struct bytes clear)
{
	raw_say(service, &link_down_msg, &(struct link_down){ .pin = pin, .transaction = transaction,
		.content_id = bytes_str("BBIM"), .clear = clear });
}

struct bytes noise(size_t len)
{
	static uint8_t data[20000];
	uint32_t x = 7;

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	return bytes_of(data, len);
}

void expect_status(struct scene *s, struct raw *service, uint32_t transaction, enum srp_status status)
{
	struct link_status got;

	raw_expect(s, service, &link_status_msg, &got);
	assert_int_equal(got.transaction, transaction);
	assert_int_equal(got.status, status);
}

void expect_coverage(struct scene *s, struct raw *service, uint32_t pin, uint32_t available)
{
	struct link_coverage got;

	raw_expect(s, service, &link_coverage_msg, &got);
	assert_int_equal(got.pin, pin);
	assert_int_equal(got.available, available);
}

void expect_up(struct scene *s, struct raw *service, uint32_t pin, const char *clear)
{
	struct link_up up;

	raw_expect(s, service, &link_up_msg, &up);
	assert_int_equal(up.pin, pin);
	assert_true(bytes_is(up.clear, clear));
}

/* --- devices ---------------------------------------------------------------------------------------------------------------- */

static void keep(void *ctx, struct bytes envelope)
{
	struct sealed *sealed = ctx;

	buf_append(&sealed->envelopes[sealed->count++], envelope);
}

void device_seals(struct scene *s, struct channel_peer *peer, uint32_t pin, const char *content_id, unsigned flags,
	struct bytes clear, struct sealed *out)
{
	struct channel_envelope to = { .source = { .is_pin = true, .pin = pin }, .destination = { .srp_id = bytes_str(SRP_ID) },
		.content_id = content_id, .flags = flags };
	struct channel_sizes sizes;

	memset(out, 0, sizeof *out);
	assert_int_equal(channel_seal(s->channel, peer, &to, clear, keep, out, &out->id, &sizes), CHANNEL_OK);
}

void device_sends(struct scene *s, struct channel_peer *peer, uint32_t pin, struct bytes clear)
{
	struct sealed sealed;

	device_seals(s, peer, pin, "BBIM", 0, clear, &sealed);
	for (unsigned i = 0; i < sealed.count; i++)
		router_brings(s, 0, pin, buf_bytes(&sealed.envelopes[i]));
	sealed_free(&sealed);
}

void sealed_free(struct sealed *sealed)
{
	for (unsigned i = 0; i < GME_FRAGMENTS_MAX; i++)
		buf_free(&sealed->envelopes[i]);
}

enum channel_result device_opens(struct scene *s, struct channel_peer *peer, const struct srp_send *send,
	struct channel_opened *opened)
{
	struct gme gme;
	struct error err;

	if (gme_decode(send->gme, &gme, &err))
		fail_msg("%s", err.text);
	assert_int_equal(gme.kind, GME_MESSAGE);
	assert_int_equal(gme.destination.pin, send->pin);
	assert_true(bytes_is(gme.source.srp_id, SRP_ID));
	assert_int_equal(send->flags, SRP_WANT_DELIVERED | SRP_RETURN_IF_UNAVAILABLE);
	return channel_open(s->channel, peer, &gme, opened);
}

static void expect_notice(struct scene *s, uint32_t pin, enum gme_kind kind, struct gme *gme)
{
	struct srp_send send;

	raw_expect(s, &s->router[0], &srp_send_msg, &send);
	assert_int_equal(send.pin, pin);
	assert_int_equal(gme_decode(send.gme, gme, NULL), 0);
	assert_int_equal(gme->kind, kind);
	assert_int_equal(gme->destination.pin, pin);
	router_says(s, 0, send.tag, SRP_DELIVERED);
}

unsigned long expect_gme_error(struct scene *s, uint32_t pin, enum gme_error_code code)
{
	struct gme gme;
	char text[16] = "";

	expect_notice(s, pin, GME_ERROR, &gme);
	assert_int_equal(gme.error_code, code);
	bytes_copy_str(gme.error_text, text, sizeof text);
	return strtoul(text, NULL, 10);
}

void expect_receipt(struct scene *s, uint32_t pin, uint32_t message_id)
{
	struct gme gme;

	expect_notice(s, pin, GME_DELIVERED, &gme);
	assert_int_equal(gme.message_id, message_id);
}
