/* The Router on one loop with a clock moved by hand, and raw peers that say exactly what the script gives them. Each step is said
 * in words; a frame that is expected is written as its dump. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/io/connection.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/gme_answer.h"
#include "protocol/srp.h"
#include "router/router.h"
#include "router/service_peer.h"

#define A 0x2100000aU
#define B 0x2100000bU
#define MINUTE 60000U
#define BOTH (SRP_WANT_DELIVERED | SRP_RETURN_IF_UNAVAILABLE)
#define WAIT_S 5
#define FRAMES 512

/* The reference's key and challenge, and what the proof over it must be. */
#define KEY "000102030405060708090a0b0c0d0e0f10111213"
#define KEY2 "131211100f0e0d0c0b0a09080706050403020100"
#define CHALLENGE "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf454d554245533031"
#define PROOF "06707b131077edacba99fb2efa072574467d39a5"

static char folder[] = "/tmp/bramble-router-XXXXXX";
static char identities_path[64], state_path[64];
static struct router_settings set;
static struct loop *loop;
static struct router *router;

/* --- a raw peer --- */

struct raw {
	struct connection *c;
	struct { struct buf bytes; } frames[FRAMES];
	unsigned came, taken;
	bool is_up, is_closed;
	const char *name;
};

static void raw_up(void *ctx)
{
	struct raw *raw = ctx;

	raw->is_up = true;
}

static void raw_message(void *ctx, struct bytes frame)
{
	struct raw *raw = ctx;

	if (raw->came == FRAMES)
		fail_msg("%s: more than %d frames came", raw->name, FRAMES);
	buf_append(&raw->frames[raw->came++].bytes, frame);
}

static void raw_closed(void *ctx, enum connection_end end, const char *why)
{
	struct raw *raw = ctx;

	(void)end;
	(void)why;
	raw->is_closed = true;
}

static const struct connection_callbacks raw_callbacks = {
	.up = raw_up, .split = frame_split, .message = raw_message, .closed = raw_closed,
};

static struct raw *dial_to(const char *name, const char *address)
{
	struct raw *raw = memory_new(sizeof *raw);

	raw->name = name;
	raw->c = connection_dial(loop, address, NULL, NULL, NULL, &raw_callbacks, raw);
	return raw;
}

static struct raw *dial(const char *name)
{
	return dial_to(name, router_address(router));
}

static void hang_up(struct raw **raw)
{
	connection_free(&(*raw)->c);
	for (unsigned i = 0; i < FRAMES; i++)
		buf_free(&(*raw)->frames[i].bytes);
	free(*raw);
	*raw = NULL;
}

static uint64_t deadline_us(void)
{
	return loop_real_us() + WAIT_S * 1000000ULL;
}

/* Runs the loop until nothing has happened for a while: for showing that something did not come. */
static void settle(void)
{
	while (loop_round(loop, 30))
		;
}

static void say(struct raw *raw, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	connection_send(raw->c, buf_bytes(&frame));
	buf_free(&frame);
}

static void say_hex(struct raw *raw, const char *hex)
{
	struct buf raw_bytes = { 0 };

	assert_int_equal(hex_decode(bytes_str(hex), &raw_bytes), 0);
	connection_send(raw->c, buf_bytes(&raw_bytes));
	buf_free(&raw_bytes);
}

static struct bytes next_frame(struct raw *raw, const char *wanted)
{
	uint64_t until = deadline_us();

	while (raw->taken == raw->came) {
		if (raw->is_closed || loop_real_us() > until)
			fail_msg("%s: no further frame came%s; expected: %s", raw->name, raw->is_closed ? " and it was closed" : "", wanted);
		loop_round(loop, 50);
	}
	return buf_bytes(&raw->frames[raw->taken++].bytes);
}

/* The next frame, written as its dump: a '*' at the end stands for anything. */
static void expect(struct raw *raw, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void expect(struct raw *raw, const char *format, ...)
{
	union { struct srp_info info; uint8_t bytes[4096]; } decoded;
	char wanted[512];
	struct buf dump = { 0 };
	struct error err;
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof wanted, format, args);
	va_end(args);
	struct bytes frame = next_frame(raw, wanted);
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(frame));
	assert_non_null(msg);
	assert_true(msg->size <= sizeof decoded);
	if (frame_decode(msg, frame, &decoded, &err) != 0)
		fail_msg("%s: %s", raw->name, err.text);
	wire_dump(msg, &decoded, &dump);
	size_t len = strcspn(wanted, "*");
	if (strncmp(buf_cstr(&dump), wanted, len) != 0 || (wanted[len] != '*' && buf_cstr(&dump)[len]))
		fail_msg("%s: expected %s\n   came %s", raw->name, wanted, buf_cstr(&dump));
	buf_free(&dump);
}

static void expect_closed(struct raw *raw)
{
	uint64_t until = deadline_us();

	while (!raw->is_closed) {
		if (loop_real_us() > until)
			fail_msg("%s: was not closed", raw->name);
		loop_round(loop, 50);
	}
	if (raw->taken != raw->came)
		fail_msg("%s: frames came that nobody expected", raw->name);
}

static void expect_nothing(struct raw *raw)
{
	settle();
	if (raw->is_closed)
		fail_msg("%s: was closed", raw->name);
	if (raw->taken != raw->came)
		expect(raw, "nothing at all");
}

static void send_connect(struct raw *raw, struct bytes value)
{
	struct srp_connect connect = { .value = value };

	say(raw, &srp_connect_msg, &connect);
}

/* Claims, challenges, and answers the Router's challenge under the key; leaves the answer to that to the caller. */
static void handshake(struct raw *raw, const char *id, const char *key_hex)
{
	struct buf key = { 0 }, challenge = { 0 };
	struct srp_connect connect;
	uint8_t proof[20];

	hex_decode(bytes_str(key_hex), &key);
	hex_decode(bytes_str(CHALLENGE), &challenge);
	send_connect(raw, bytes_str(id));
	assert_int_equal(frame_decode(&srp_connect_msg, next_frame(raw, "the challenge"), &connect, NULL), 0);
	assert_int_equal(connect.value.len, 20);
	srp_proof(key.data, connect.value, proof);
	send_connect(raw, buf_bytes(&challenge));
	next_frame(raw, "the Router's proof");
	send_connect(raw, bytes_of(proof, sizeof proof));
	buf_free(&key);
	buf_free(&challenge);
}

static struct raw *service_up(const char *name, const char *id)
{
	struct raw *raw = dial(name);

	handshake(raw, id, strcmp(id, "T00000002") == 0 ? KEY2 : KEY);
	expect(raw, "RETURN code=0 text=accepted");
	expect(raw, "COVERAGE pin=00000000 available=0");
	return raw;
}

static void send_register(struct raw *raw, uint32_t pin, const char *id)
{
	struct srp_register claim = { .pin = pin, .srp_id = bytes_str(id) };

	say(raw, &srp_register_msg, &claim);
}

static struct raw *device_up(const char *name, uint32_t pin, const char *id)
{
	struct raw *raw = dial(name);

	send_register(raw, pin, id);
	expect(raw, "RETURN code=0 text=accepted");
	return raw;
}

static void envelope(bool up, uint32_t pin, const char *id, uint32_t message_id, struct buf *out)
{
	struct gme_address device = { .is_pin = true, .pin = pin }, service = { .srp_id = bytes_str(id) };
	struct gme gme = { .kind = GME_MESSAGE, .flags = GME_ENCRYPTED, .message_id = message_id, .source = up ? device : service,
		.destination = up ? service : device, .content_ids = bytes_str("BBIM"), .payload = bytes_str("sealed") };

	gme_encode(&gme, false, out);
}

static void send_down(struct raw *raw, uint32_t tag, uint32_t pin, uint32_t flags)
{
	struct srp_send send = { .tag = tag, .pin = pin, .flags = flags };
	struct buf gme = { 0 };

	envelope(false, pin, "T00000001", tag + 1000, &gme);
	send.gme = buf_bytes(&gme);
	say(raw, &srp_send_msg, &send);
	buf_free(&gme);
}

static void send_up(struct raw *raw, uint32_t tag, uint32_t pin, const char *id)
{
	struct srp_data data = { .tag = tag };
	struct buf gme = { 0 };

	envelope(true, pin, id, tag + 1000, &gme);
	data.gme = buf_bytes(&gme);
	say(raw, &srp_data_msg, &data);
	buf_free(&gme);
}

/* Takes the next DATA and returns the Router's tag of it. */
static uint32_t take_data(struct raw *raw)
{
	struct srp_data data;
	struct gme gme;

	assert_int_equal(frame_decode(&srp_data_msg, next_frame(raw, "DATA"), &data, NULL), 0);
	assert_int_equal(gme_decode(data.gme, &gme, NULL), 0);
	assert_true(bytes_is(gme.payload, "sealed"));
	return data.tag;
}

static void confirm(struct raw *raw, uint32_t tag)
{
	struct srp_status_msg status = { .tag = tag, .status = SRP_DELIVERED };

	say(raw, &srp_status_msg_msg, &status);
}

/* --- the stage --- */

static void write_identities(const char *text)
{
	FILE *file = fopen(identities_path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(identities_path, 0600), 0);
}

static void start_router(void)
{
	router = router_new(loop, &set, NULL);
}

static int set_up(void **state)
{
	struct error err;

	(void)state;
	snprintf(identities_path, sizeof identities_path, "%s/srp.keys", folder);
	snprintf(state_path, sizeof state_path, "%s/router.state", folder);
	unlink(state_path);
	write_identities("T00000001 " KEY "\nT00000002 " KEY2 "\n");
	if (settings_load(router_setting_table, &set, "router", NULL, NULL, &err) != 0)
		return -1;
	free(set.identities);
	free(set.state);
	free(set.listen);
	set.identities = memory_str(identities_path);
	set.state = memory_str(state_path);
	set.listen = memory_str("127.0.0.1:0");
	loop = loop_new();
	loop_clock_manual(loop, 1000000);
	start_router();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	router_free(&router);
	loop_free(&loop);
	settings_free(router_setting_table, &set);
	return 0;
}

static void advance(uint64_t ms)
{
	loop_clock_advance(loop, loop_now_ms(loop) + ms);
}

static uint64_t number(const char *key)
{
	json_t *status = json_object();

	router_status(router, status);
	assert_non_null(json_object_get(status, key));
	uint64_t value = (uint64_t)json_integer_value(json_object_get(status, key));
	json_decref(status);
	return value;
}

/* --- opening --- */

static void test_opening_sequence(void **state)
{
	struct raw *service = dial("service");
	struct srp_connect connect;
	struct srp_info info = { .entries = { { bytes_str("version=4.1") }, { bytes_str("srpId=T00000001") } }, .count = 2 };

	(void)state;
	/* 0. The basic information packet; the other side sends its own only after it has received one. */
	settle();
	assert_int_equal(service->came, 0);
	say(service, &srp_info_msg, &info);
	expect(service, "INFO *");
	/* 1. The claim, as the reference writes it. 2. A random challenge. */
	say_hex(service, "011300000014530000000954303030303030" "3031");
	struct bytes frame = next_frame(service, "challenge");
	assert_int_equal(frame_decode(&srp_connect_msg, frame, &connect, NULL), 0);
	assert_int_equal(connect.value.len, 20);
	/* 3. The service's challenge. 4. HMAC-SHA-1 over it. */
	say_hex(service, "01130000002353" "00000018" CHALLENGE);
	assert_int_equal(frame_decode(&srp_connect_msg, next_frame(service, "proof"), &connect, NULL), 0);
	struct buf proof = { 0 };
	hex_decode(bytes_str(PROOF), &proof);
	assert_true(bytes_equal(connect.value, buf_bytes(&proof)));
	buf_free(&proof);
	assert_int_equal(number("services_up"), 0);
	hang_up(&service);

	/* 5. and 6., and each connection has its own challenge. */
	struct raw *first = dial("first"), *second = dial("second");
	send_connect(first, bytes_str("T00000001"));
	send_connect(second, bytes_str("T00000001"));
	struct bytes one = next_frame(first, "challenge"), two = next_frame(second, "challenge");
	assert_false(bytes_equal(bytes_slice(one, 11, 16), bytes_slice(two, 11, 16)));
	hang_up(&first);
	hang_up(&second);
	service = service_up("service", "T00000001");
	assert_int_equal(number("services_up"), 1);
	hang_up(&service);
}

static void test_wrong_key_is_refused(void **state)
{
	struct raw *good = service_up("good", "T00000001"), *bad = dial("bad");

	(void)state;
	handshake(bad, "T00000001", KEY2);
	expect(bad, "RETURN code=2 *");
	expect_closed(bad);
	/* It proved nothing, so it superseded nobody. */
	expect_nothing(good);
	assert_int_equal(number("refused"), 1);
	hang_up(&good);
	hang_up(&bad);
}

static void test_unknown_identifier_is_refused(void **state)
{
	static const char *const ids[] = { "T99999999", "", "no good", "T000000010" };

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		struct raw *raw = dial(ids[i]);
		send_connect(raw, bytes_str(ids[i]));
		expect(raw, "RETURN code=1 *");
		expect_closed(raw);
		hang_up(&raw);
	}
}

static void test_our_own_challenge_cannot_be_handed_back(void **state)
{
	struct raw *first = dial("first"), *second = dial("second");
	struct srp_connect connect;

	(void)state;
	send_connect(first, bytes_str("T00000001"));
	assert_int_equal(frame_decode(&srp_connect_msg, next_frame(first, "challenge"), &connect, NULL), 0);
	send_connect(second, bytes_str("T00000001"));
	next_frame(second, "challenge");
	send_connect(second, connect.value);
	expect(second, "RETURN code=5 *");
	expect_closed(second);
	hang_up(&first);
	hang_up(&second);
}

static void test_a_second_connection_supersedes_the_first(void **state)
{
	struct raw *first = service_up("first", "T00000001"), *other = service_up("other", "T00000002");
	struct raw *second = service_up("second", "T00000001");

	(void)state;
	expect(first, "DISCONNECT reason=3 *");
	expect_closed(first);
	expect_nothing(other);
	assert_int_equal(number("services_up"), 2);
	hang_up(&first);
	hang_up(&second);
	hang_up(&other);
}

/* A service that says that it wants its identifier only if nobody has it. */
static struct raw *modest(const char *name)
{
	struct raw *raw = dial(name);
	struct srp_info info = { .entries = { { bytes_str(SRP_IF_FREE) } }, .count = 1 };

	say(raw, &srp_info_msg, &info);
	expect(raw, "INFO *claim=if-free*");
	handshake(raw, "T00000001", KEY);
	return raw;
}

static void test_one_that_wants_the_identifier_only_if_it_is_free_supersedes_nobody(void **state)
{
	struct raw *first = service_up("first", "T00000001"), *second;

	(void)state;
	/* However often it asks: nothing of it counts as a connection. */
	for (unsigned i = 0; i < 8; i++) {
		second = modest("second");
		expect(second, "RETURN code=3 *");
		expect_closed(second);
		hang_up(&second);
	}
	expect_nothing(first);
	hang_up(&first);
	settle();
	second = modest("second");
	expect(second, "RETURN code=0 text=accepted");
	expect(second, "COVERAGE pin=00000000 available=0");
	/* It is one like any other now. */
	first = service_up("first again", "T00000001");
	expect(second, "DISCONNECT reason=3 *");
	hang_up(&first);
	hang_up(&second);
}

static void connect_and_drop(const char *id)
{
	struct raw *raw = service_up("short-lived", id);

	hang_up(&raw);
	settle();
}

static void expect_deactivated(const char *id)
{
	struct raw *raw = dial("deactivated");

	send_connect(raw, bytes_str(id));
	expect(raw, "RETURN code=4 *");
	expect_closed(raw);
	hang_up(&raw);
}

static void test_five_connects_in_a_minute_deactivate_over_restarts(void **state)
{
	struct raw *other;

	(void)state;
	for (int i = 0; i < 4; i++) {
		connect_and_drop("T00000001");
		advance(100);
	}
	connect_and_drop("T00000001");
	expect_deactivated("T00000001");
	other = service_up("other", "T00000002");     /* only that identifier */
	hang_up(&other);

	router_free(&router);
	start_router();
	expect_deactivated("T00000001");
	assert_true(router_enable(router, "T00000001"));
	assert_false(router_enable(router, "T00000001"));
	connect_and_drop("T00000001");

	router_free(&router);
	start_router();
	connect_and_drop("T00000001");
}

static void test_an_end_of_the_router_is_not_the_services_doing(void **state)
{
	struct raw *service;

	(void)state;
	for (int i = 0; i < 4; i++)
		connect_and_drop("T00000001");
	service = service_up("fifth", "T00000001");
	router_free(&router);
	hang_up(&service);
	start_router();
	connect_and_drop("T00000001");
}

static void test_connects_that_are_spread_do_not_deactivate(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		connect_and_drop("T00000001");
		advance(15000);
	}
}

static void test_two_servers_with_one_identifier_deactivate_it(void **state)
{
	struct raw *raws[6];

	(void)state;
	for (int i = 0; i < 5; i++)
		raws[i] = service_up("rival", "T00000001");
	/* The sixth drops the fifth, which is the fifth one that was dropped. */
	raws[5] = dial("sixth");
	handshake(raws[5], "T00000001", KEY);
	expect(raws[5], "RETURN code=4 *");
	expect_closed(raws[5]);
	for (int i = 0; i < 6; i++)
		hang_up(&raws[i]);
}

static void test_a_changed_key_ends_the_service_that_had_the_old_one(void **state)
{
	struct raw *changed = service_up("changed", "T00000001"), *same = service_up("same", "T00000002");
	struct error err;

	(void)state;
	write_identities("T00000001 nonsense\n");
	assert_int_equal(router_reload_identities(router, &err), -1);
	expect_nothing(changed);
	write_identities("T00000001 " KEY2 "\nT00000002 " KEY2 "\nT00000003 " KEY "\n");
	assert_int_equal(router_reload_identities(router, &err), 0);
	expect(changed, "DISCONNECT reason=2 *");
	expect_closed(changed);
	expect_nothing(same);
	struct raw *fresh = service_up("new identifier", "T00000003");
	hang_up(&fresh);
	hang_up(&changed);
	hang_up(&same);
}

/* --- coverage and delivery --- */

static void test_coverage_is_told(void **state)
{
	struct raw *early = device_up("early", A, "T00000001"), *service, *late, *other;

	(void)state;
	service = dial("service");
	handshake(service, "T00000001", KEY);
	expect(service, "RETURN code=0 text=accepted");
	expect(service, "COVERAGE pin=00000000 available=0");
	expect(service, "COVERAGE pin=2100000A available=1");
	other = service_up("other", "T00000002");
	late = device_up("late", B, "T00000001");
	expect(service, "COVERAGE pin=2100000B available=1");
	hang_up(&early);
	expect(service, "COVERAGE pin=2100000A available=0");
	/* A device that asks for a pause is out of coverage until it goes on. */
	struct srp_session session = { 0 };
	say(late, &srp_pause_msg, &session);
	expect(service, "COVERAGE pin=2100000B available=0");
	say(late, &srp_resume_msg, &session);
	expect(service, "COVERAGE pin=2100000B available=1");
	expect_nothing(other);
	assert_int_equal(number("devices_registered"), 2);
	assert_int_equal(number("devices_covered"), 1);
	hang_up(&late);
	hang_up(&service);
	hang_up(&other);
}

static void test_delivery(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	/* Want delivered: told when the device has confirmed, not before. */
	send_down(service, 7, A, BOTH);
	uint32_t tag = take_data(device);
	expect_nothing(service);
	confirm(device, tag);
	expect(service, "STATUS tag=7 status=1 *");
	confirm(device, tag);
	expect_nothing(service);
	/* Not asked for: nothing is said. */
	send_down(service, 8, A, 0);
	confirm(device, take_data(device));
	expect_nothing(service);
	/* The device does not take it. */
	send_down(service, 9, A, 0);
	struct srp_status_msg no = { .tag = take_data(device), .status = SRP_REFUSED };
	say(device, &srp_status_msg_msg, &no);
	expect(service, "STATUS tag=9 status=5 *");
	assert_int_equal(number("forwarded_down"), 3);
	assert_int_equal(number("delivered"), 2);
	hang_up(&device);
	hang_up(&service);
}

static void test_unavailable(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	hang_up(&device);
	expect(service, "COVERAGE pin=2100000A available=0");
	/* Unavailable and "return" set: returned. */
	send_down(service, 1, A, SRP_RETURN_IF_UNAVAILABLE);
	expect(service, "STATUS tag=1 status=2 *");
	/* Unavailable and not set: nothing is returned. */
	send_down(service, 2, A, SRP_WANT_DELIVERED);
	expect_nothing(service);
	assert_int_equal(number("dropped"), 1);
	/* The PIN is checked before sending: one that never registered is refused. */
	send_down(service, 3, B, 0);
	expect(service, "STATUS tag=3 status=3 *");
	/* So is one that registered for another service. */
	device = device_up("device", B, "T00000002");
	send_down(service, 4, B, 0);
	expect(service, "STATUS tag=4 status=3 *");
	expect_nothing(device);
	hang_up(&device);
	hang_up(&service);
}

static void test_a_lost_link_returns_what_was_outstanding(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, A, BOTH);
	send_down(service, 2, A, SRP_WANT_DELIVERED);
	send_down(service, 3, A, BOTH);
	for (int i = 0; i < 3; i++)
		take_data(device);
	hang_up(&device);
	expect(service, "STATUS tag=1 status=2 *");
	expect(service, "STATUS tag=3 status=2 *");
	expect(service, "COVERAGE pin=2100000A available=0");
	expect_nothing(service);
	hang_up(&service);
}

static void test_the_sixth_outstanding_is_invalid(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	uint32_t tags[5];

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	for (uint32_t i = 0; i < 5; i++)
		send_down(service, i, A, BOTH);
	for (uint32_t i = 0; i < 5; i++)
		tags[i] = take_data(device);
	send_down(service, 5, A, BOTH);
	expect(service, "STATUS tag=5 status=5 *");
	expect_nothing(device);
	confirm(device, tags[3]);
	expect(service, "STATUS tag=3 status=1 *");
	send_down(service, 6, A, BOTH);
	take_data(device);
	send_down(service, 6, A, BOTH);     /* the same one again */
	expect(service, "STATUS tag=6 status=5 *");
	expect_nothing(device);
	hang_up(&device);
	hang_up(&service);
}

static void test_what_is_not_confirmed_expires(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, A, BOTH);
	uint32_t tag = take_data(device);
	advance(10 * MINUTE);
	expect(service, "PING nonce=1");
	expect(service, "STATUS tag=1 status=4 *");
	confirm(device, tag);
	expect_nothing(service);
	hang_up(&device);
	hang_up(&service);
}

static void test_up(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *other = service_up("other", "T00000002");
	struct raw *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	send_up(device, 7, A, "T00000001");
	expect(service, "RECEIVE session=0 pin=2100000A gme=<*");
	expect(device, "STATUS tag=7 status=0 *");
	/* A PIN speaks for itself only, and to its own service only. */
	send_up(device, 8, B, "T00000001");
	expect(device, "STATUS tag=8 status=5 *");
	send_up(device, 9, A, "T00000002");
	expect(device, "STATUS tag=9 status=5 *");
	expect_nothing(service);
	expect_nothing(other);
	assert_int_equal(number("invalid"), 2);
	hang_up(&device);
	hang_up(&service);
	hang_up(&other);
}

/* The device's message of this id comes back with this code. */
static void expect_error(struct raw *device, uint32_t message_id, enum gme_error_code code)
{
	struct srp_data data;
	struct gme gme;

	assert_int_equal(frame_decode(&srp_data_msg, next_frame(device, "an error envelope"), &data, NULL), 0);
	assert_int_equal(gme_decode(data.gme, &gme, NULL), 0);
	assert_int_equal(gme.kind, GME_ERROR);
	assert_int_equal(gme.error_code, code);
	assert_int_equal(gme.message_id, message_id);
	assert_int_equal(gme.destination.pin, A);
	confirm(device, data.tag);
}

static void test_a_device_whose_service_is_not_connected(void **state)
{
	struct raw *device = device_up("device", A, "T00000001");

	(void)state;
	send_up(device, 7, A, "T00000001");
	expect_error(device, 1007, GME_NO_SERVICE);
	expect_nothing(device);
	hang_up(&device);
}

static void send_up_error(struct raw *device, uint32_t tag)
{
	struct gme message = { .kind = GME_MESSAGE, .message_id = 5, .source = { .srp_id = bytes_str("T00000001") },
		.destination = { .is_pin = true, .pin = A }, .content_ids = bytes_str("BBIM") };
	struct buf error = { 0 };

	gme_answer_error(&message, NULL, GME_BAD_FORMAT, "", &error);
	say(device, &srp_data_msg, &(struct srp_data){ .tag = tag, .gme = buf_bytes(&error) });
	buf_free(&error);
}

/* So many messages reach the service, with their marks between them: the last mark. */
static struct srp_ping take_up(struct raw *service, struct raw *device, uint32_t count)
{
	struct srp_ping mark = { 0 };

	for (uint32_t i = 1; i <= count; i++) {
		send_up(device, i, A, "T00000001");
		expect(service, "RECEIVE *");
		expect(device, "STATUS tag=%u status=0 *", i);
		if (i % SERVICE_MARK_EVERY == 0)
			assert_int_equal(frame_decode(&srp_ping_msg, next_frame(service, "a mark"), &mark, NULL), 0);
	}
	return mark;
}

static void test_what_a_service_has_not_read_is_bounded_and_more_is_refused_at_once(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	struct srp_ping mark, life = { .nonce = 1 };

	(void)state;
	set.backlog = SERVICE_FEW;
	expect(service, "COVERAGE pin=2100000A available=1");
	mark = take_up(service, device, SERVICE_FEW);
	/* The bound is reached. */
	send_up(device, 1000, A, "T00000001");
	expect_error(device, 2000, GME_OVERLOADED);
	assert_int_equal(number("overloaded"), 1);
	/* What a device says of messages to it is let pass, or those would be lost. */
	send_up_error(device, 101);
	expect(service, "RECEIVE *");
	expect(device, "STATUS tag=101 status=0 *");
	/* A sign of life is no word of what was read. */
	say(service, &srp_pong_msg, &life);
	settle();
	send_up(device, 102, A, "T00000001");
	expect_error(device, 1102, GME_OVERLOADED);
	/* The service has read. */
	say(service, &srp_pong_msg, &mark);
	settle();
	send_up(device, 103, A, "T00000001");
	expect(service, "RECEIVE *");
	expect(device, "STATUS tag=103 status=0 *");
	hang_up(&device);
	hang_up(&service);
}

static void test_what_waits_too_long_refuses_more_unless_it_is_little(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	uint64_t late_us;
	struct raw *other;

	(void)state;
	set.backlog_age_ms = 1;
	expect(service, "COVERAGE pin=2100000A available=1");
	take_up(service, device, SERVICE_FEW - 1);
	for (late_us = loop_real_us() + 1000; loop_real_us() <= late_us;)
		loop_round(loop, 1);
	/* All that waits has waited too long, and one less than a few is let pass. */
	send_up(device, 100, A, "T00000001");
	expect(service, "RECEIVE *");
	expect(service, "PING *");
	expect(device, "STATUS tag=100 status=0 *");
	send_up(device, 101, A, "T00000001");
	expect_error(device, 1101, GME_OVERLOADED);
	/* The next connection of the service begins with nothing unread. */
	other = service_up("the service again", "T00000001");
	expect(other, "COVERAGE pin=2100000A available=1");
	send_up(device, 102, A, "T00000001");
	expect(other, "RECEIVE *");
	expect(device, "STATUS tag=102 status=0 *");
	hang_up(&other);
	hang_up(&device);
	hang_up(&service);
}

static void test_a_device_of_an_unknown_service_is_refused(void **state)
{
	struct raw *device = dial("device");

	(void)state;
	send_register(device, A, "T99999999");
	expect(device, "RETURN code=1 *");
	expect_closed(device);
	hang_up(&device);
}

static void test_a_second_registration_supersedes(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *first = device_up("first", A, "T00000001"), *second, *third;

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	send_down(service, 1, A, BOTH);
	take_data(first);
	second = device_up("second", A, "T00000001");
	expect(first, "DISCONNECT reason=3 *");
	expect_closed(first);
	/* What was on its way over the old link comes back; coverage is not withdrawn, only said again. */
	expect(service, "STATUS tag=1 status=2 *");
	expect(service, "COVERAGE pin=2100000A available=1");
	expect_nothing(service);
	send_down(service, 2, A, BOTH);
	confirm(second, take_data(second));
	expect(service, "STATUS tag=2 status=1 *");
	hang_up(&first);

	/* It is limited: five in a minute, and the living link stays. */
	for (int i = 0; i < 4; i++) {
		third = device_up("again", A, "T00000001");
		expect(second, "DISCONNECT reason=3 *");
		expect(service, "COVERAGE pin=2100000A available=1");
		hang_up(&second);
		second = third;
	}
	third = dial("too often");
	send_register(third, A, "T00000001");
	expect(third, "RETURN code=8 *");
	expect_closed(third);
	expect_nothing(second);
	hang_up(&third);
	hang_up(&second);
	hang_up(&service);
}

static void test_a_pin_that_moves_to_another_service_leaves_the_first(void **state)
{
	struct raw *old = service_up("old", "T00000001"), *new = service_up("new", "T00000002");
	struct raw *first = device_up("first", A, "T00000001"), *second;

	(void)state;
	expect(old, "COVERAGE pin=2100000A available=1");
	second = device_up("second", A, "T00000002");
	expect(old, "COVERAGE pin=2100000A available=0");
	expect(new, "COVERAGE pin=2100000A available=1");
	hang_up(&first);
	settle();
	expect_nothing(new);
	hang_up(&second);
	expect(new, "COVERAGE pin=2100000A available=0");
	expect_nothing(old);
	hang_up(&old);
	hang_up(&new);
}

static void test_a_new_connection_of_the_service_starts_with_a_free_window(void **state)
{
	struct raw *first = service_up("first", "T00000001"), *device = device_up("device", A, "T00000001"), *second;
	uint32_t old_tag;

	(void)state;
	expect(first, "COVERAGE pin=2100000A available=1");
	for (uint32_t i = 0; i < 5; i++)
		send_down(first, i, A, BOTH);
	old_tag = take_data(device);
	for (uint32_t i = 1; i < 5; i++)
		take_data(device);
	second = dial("second");
	handshake(second, "T00000001", KEY);
	expect(second, "RETURN code=0 text=accepted");
	expect(second, "COVERAGE pin=00000000 available=0");
	expect(second, "COVERAGE pin=2100000A available=1");
	send_down(second, 0, A, BOTH);
	uint32_t tag = take_data(device);
	confirm(device, old_tag);     /* of the old connection: nobody asks any more */
	expect_nothing(second);
	confirm(device, tag);
	expect(second, "STATUS tag=0 status=1 *");
	hang_up(&first);
	hang_up(&second);
	hang_up(&device);
}

static void test_a_paused_service_is_left_alone(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	struct srp_session session = { 0 };

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	say(service, &srp_pause_msg, &session);
	settle();
	/* The first is handed over, because it had come already; behind it nothing more is read. */
	for (uint32_t i = 0; i < 3; i++)
		send_up(device, i, A, "T00000001");
	expect(service, "RECEIVE *");
	expect(device, "STATUS tag=0 status=0 *");
	expect_nothing(service);
	say(service, &srp_resume_msg, &session);
	expect(service, "RECEIVE *");
	expect(service, "RECEIVE *");
	expect(device, "STATUS tag=1 status=0 *");
	expect(device, "STATUS tag=2 status=0 *");
	/* A service that goes while devices are held for it does not leave them so. */
	say(service, &srp_pause_msg, &session);
	settle();
	send_up(device, 3, A, "T00000001");
	expect(service, "RECEIVE *");
	hang_up(&service);
	expect(device, "STATUS tag=3 status=0 *");
	send_up(device, 4, A, "T00000001");
	expect(device, "DATA *");
	hang_up(&device);
}

/* --- keep-alive --- */

static void test_silent_peers_are_asked(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	struct srp_ping pong = { .nonce = 1 };

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	advance(MINUTE - 1);
	expect_nothing(service);
	advance(1);
	expect(service, "PING nonce=1");
	expect(device, "PING nonce=1");
	say(service, &srp_pong_msg, &pong);
	settle();
	/* The device says nothing: three unanswered, and its link is over. */
	for (uint32_t i = 2; i <= 3; i++) {
		advance(MINUTE);
		expect(device, "PING nonce=%u", i);
		expect(service, "PING nonce=%u", i);
		pong.nonce = i;
		say(service, &srp_pong_msg, &pong);
		settle();
	}
	advance(MINUTE);
	expect(device, "DISCONNECT reason=5 *");
	expect_closed(device);
	expect(service, "PING nonce=4");
	expect(service, "COVERAGE pin=2100000A available=0");
	hang_up(&device);
	hang_up(&service);
}

static void test_a_clock_that_leaps_cuts_no_link(void **state)
{
	struct raw *service = service_up("service", "T00000001");

	(void)state;
	advance(31 * MINUTE);
	expect(service, "PING nonce=1");
	struct srp_ping pong = { .nonce = 1 };
	say(service, &srp_pong_msg, &pong);
	expect_nothing(service);
	assert_int_equal(number("services_up"), 1);
	hang_up(&service);
}

static void test_a_ping_is_answered(void **state)
{
	struct raw *device = device_up("device", A, "T00000001");

	(void)state;
	say_hex(device, "01fc0000000b4900000007");     /* PING 7, as the reference writes it */
	expect(device, "PONG nonce=7");
	hang_up(&device);
}

/* --- what is wrong ends with its reason, and harms nobody else --- */

struct bad {
	const char *what, *hex, *says;
};

/* As the first thing a peer says. */
static const struct bad bad_first[] = {
	{ "another version", "02", "RETURN code=5 text=\"frame: version 2*" },
	{ "garbage", "474554202f20485454502f312e310d0a0d0a", "RETURN code=5 text=\"frame: version 71*" },
	{ "a length below the header's", "011300000005", "RETURN code=5 text=\"frame: length 5*" },
	{ "a length over the maximum", "011300020001", "RETURN code=5 text=\"frame: length 131073*" },
	{ "a negative length", "0113ffffffff", "RETURN code=5 text=\"frame: length 4294967295*" },
	{ "longer than one that has not proved itself may be", "011300001001", "RETURN code=5 text=\"frame: length 4097*" },
	{ "a kind that nobody knows", "01aa00000006", "RETURN code=5 text=\"opcode 0xaa*" },
	{ "SEND before the opening", "010600000006", "RETURN code=5 text=\"opcode 0x06*" },
	{ "DATA before REGISTER", "011700000006", "RETURN code=5 text=\"opcode 0x17*" },
	{ "CONNECT without its item", "011300000006", "RETURN code=5 text=\"CONNECT*" },
	{ "an item of unknown type", "01130000000b5800000000", "RETURN code=5 text=\"CONNECT*" },
	{ "an item longer than what is left", "01130000000b53000000ff", "RETURN code=5 text=\"CONNECT*" },
	{ "an item with a negative length", "01130000000b53ffffffff", "RETURN code=5 text=\"CONNECT*" },
	{ "trailing bytes", "0113000000155300000009543030303030303031" "3100", "RETURN code=5 text=\"CONNECT*" },
	{ "REGISTER without the service", "01150000000b492100000a", "RETURN code=5 text=\"REGISTER*" },
	{ "REGISTER of PIN 0", "0115000000194900000000530000000954303030303030" "3031", "RETURN code=7 *" },
};

static void test_bad_first_frames(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	for (size_t i = 0; i < sizeof bad_first / sizeof bad_first[0]; i++) {
		struct raw *raw = dial(bad_first[i].what);
		say_hex(raw, bad_first[i].hex);
		expect(raw, "%s", bad_first[i].says);
		expect_closed(raw);
		hang_up(&raw);
	}
	/* Everybody else goes on. */
	send_up(device, 1, A, "T00000001");
	expect(service, "RECEIVE *");
	expect(device, "STATUS tag=1 status=0 *");
	hang_up(&device);
	hang_up(&service);
}

/* As what a registered device says next. */
static const struct bad bad_device[] = {
	{ "REGISTER again", "0115000000194921" "00000a530000000954303030303030" "3031", "RETURN code=5 text=\"REGISTER*" },
	{ "SEND, which is a service's", "010600000006", "RETURN code=5 text=\"SEND*" },
	{ "CONNECT, which is a service's", "011300000006", "RETURN code=5 text=\"CONNECT*" },
	{ "a frame longer than an envelope needs", "011700002041", "RETURN code=5 text=\"frame: length 8257*" },
	{ "DATA with an envelope that is none", "0117000000104900000001530000000" "0", "RETURN code=5 text=\"envelope: *" },
	{ "garbage", "ffffffffffff", "RETURN code=5 text=\"frame: version 255*" },
};

static void test_bad_frames_of_a_device(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *other = device_up("other", B, "T00000001");

	(void)state;
	expect(service, "COVERAGE pin=2100000B available=1");
	for (size_t i = 0; i < sizeof bad_device / sizeof bad_device[0]; i++) {
		struct raw *raw = device_up(bad_device[i].what, A, "T00000001");
		expect(service, "COVERAGE pin=2100000A available=1");
		say_hex(raw, bad_device[i].hex);
		expect(raw, "%s", bad_device[i].says);
		expect_closed(raw);
		expect(service, "COVERAGE pin=2100000A available=0");
		hang_up(&raw);
	}
	send_up(other, 1, B, "T00000001");
	expect(service, "RECEIVE *");
	hang_up(&other);
	hang_up(&service);
}

static void test_bad_envelopes_of_a_service_are_answered(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	struct srp_send send = { .tag = 3, .pin = A };
	struct buf gme = { 0 };

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	send.gme = bytes_str("nonsense");
	say(service, &srp_send_msg, &send);
	expect(service, "STATUS tag=3 status=5 text=\"envelope: *");
	envelope(false, B, "T00000001", 1, &gme);
	send.gme = buf_bytes(&gme);
	say(service, &srp_send_msg, &send);
	expect(service, "STATUS tag=3 status=5 *");
	buf_clear(&gme);
	envelope(false, A, "T00000002", 1, &gme);
	send.gme = buf_bytes(&gme);
	say(service, &srp_send_msg, &send);
	expect(service, "STATUS tag=3 status=5 *");
	expect_nothing(device);
	buf_free(&gme);
	hang_up(&device);
	hang_up(&service);
}

static void test_frames_out_of_place_in_the_opening(void **state)
{
	struct raw *raw = dial("out of place");

	(void)state;
	send_connect(raw, bytes_str("T00000001"));
	next_frame(raw, "challenge");
	say_hex(raw, "01180000000b4900000000");
	expect(raw, "RETURN code=5 text=\"PAUSE *");
	expect_closed(raw);
	hang_up(&raw);
}

static void test_slow_peers_are_told_and_closed(void **state)
{
	(void)state;
	router_free(&router);
	set.handshake_timeout_ms = 200;
	start_router();
	struct raw *silent = dial("silent"), *half = dial("half a frame"), *stuck = dial("stuck in the opening");
	say_hex(half, "0113000000");
	send_connect(stuck, bytes_str("T00000001"));
	next_frame(stuck, "challenge");
	expect(silent, "RETURN code=5 text=\"no first frame within 200ms\"");
	expect(half, "RETURN code=5 text=\"no first frame within 200ms\"");
	expect(stuck, "RETURN code=5 text=\"the opening sequence was not finished within 200ms\"");
	expect_closed(silent);
	expect_closed(half);
	expect_closed(stuck);
	hang_up(&silent);
	hang_up(&half);
	hang_up(&stuck);
}

static void test_a_frame_that_stops_half_way_is_closed(void **state)
{
	(void)state;
	router_free(&router);
	set.frame_timeout_ms = 200;
	start_router();
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	expect(service, "COVERAGE pin=2100000A available=1");
	say_hex(device, "01170000");
	expect_closed(device);
	expect(service, "COVERAGE pin=2100000A available=0");
	hang_up(&device);
	hang_up(&service);
}

static void test_silent_strangers_do_not_keep_others_out(void **state)
{
	struct raw *silent[3], *service;

	(void)state;
	router_free(&router);
	set.max_unproven = 2;
	start_router();
	for (int i = 0; i < 3; i++) {
		silent[i] = dial("silent");
		settle();
	}
	expect(silent[0], "RETURN code=8 *");
	expect_closed(silent[0]);
	service = service_up("service", "T00000001");
	expect(silent[1], "RETURN code=8 *");
	hang_up(&service);
	for (int i = 0; i < 3; i++)
		hang_up(&silent[i]);
}

static void test_listeners_of_their_own(void **state)
{
	(void)state;
	router_free(&router);
	set.device_listen = memory_str("127.0.0.1:0");
	set.device_networks = memory_str("192.0.2.0/24");
	start_router();
	/* Each takes only its own. */
	struct raw *raw = dial("device at the services' door");
	send_register(raw, A, "T00000001");
	expect(raw, "RETURN code=8 *");
	expect_closed(raw);
	hang_up(&raw);
	raw = dial_to("service at the devices' door", router_device_address(router));
	send_connect(raw, bytes_str("T00000001"));
	expect(raw, "RETURN code=8 *");
	expect_closed(raw);
	hang_up(&raw);
	/* And only from the networks it was told. */
	raw = dial_to("device from elsewhere", router_device_address(router));
	send_register(raw, A, "T00000001");
	expect(raw, "RETURN code=8 *");
	expect_closed(raw);
	hang_up(&raw);
	raw = service_up("service", "T00000001");
	hang_up(&raw);

	router_free(&router);
	free(set.device_networks);
	set.device_networks = memory_str("192.0.2.0/24 127.0.0.0/8");
	start_router();
	raw = dial_to("device", router_device_address(router));
	send_register(raw, A, "T00000001");
	expect(raw, "RETURN code=0 *");
	hang_up(&raw);
}

static void test_goodbyes(void **state)
{
	struct raw *service = service_up("service", "T00000001"), *device = device_up("device", A, "T00000001");
	struct srp_disconnect goodbye = { .reason = SRP_SHUTTING_DOWN };

	(void)state;
	expect(service, "COVERAGE pin=2100000A available=1");
	say(device, &srp_disconnect_msg, &goodbye);
	expect_closed(device);
	expect(service, "COVERAGE pin=2100000A available=0");
	router_shutdown(router);
	expect(service, "DISCONNECT reason=6 *");
	expect_closed(service);
	hang_up(&device);
	hang_up(&service);
}

#define FLOW(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW(test_opening_sequence),
		FLOW(test_wrong_key_is_refused),
		FLOW(test_unknown_identifier_is_refused),
		FLOW(test_our_own_challenge_cannot_be_handed_back),
		FLOW(test_a_second_connection_supersedes_the_first),
		FLOW(test_one_that_wants_the_identifier_only_if_it_is_free_supersedes_nobody),
		FLOW(test_five_connects_in_a_minute_deactivate_over_restarts),
		FLOW(test_an_end_of_the_router_is_not_the_services_doing),
		FLOW(test_connects_that_are_spread_do_not_deactivate),
		FLOW(test_two_servers_with_one_identifier_deactivate_it),
		FLOW(test_a_changed_key_ends_the_service_that_had_the_old_one),
		FLOW(test_coverage_is_told),
		FLOW(test_delivery),
		FLOW(test_unavailable),
		FLOW(test_a_lost_link_returns_what_was_outstanding),
		FLOW(test_the_sixth_outstanding_is_invalid),
		FLOW(test_what_is_not_confirmed_expires),
		FLOW(test_up),
		FLOW(test_a_device_whose_service_is_not_connected),
		FLOW(test_what_a_service_has_not_read_is_bounded_and_more_is_refused_at_once),
		FLOW(test_what_waits_too_long_refuses_more_unless_it_is_little),
		FLOW(test_a_device_of_an_unknown_service_is_refused),
		FLOW(test_a_second_registration_supersedes),
		FLOW(test_a_pin_that_moves_to_another_service_leaves_the_first),
		FLOW(test_a_new_connection_of_the_service_starts_with_a_free_window),
		FLOW(test_a_paused_service_is_left_alone),
		FLOW(test_silent_peers_are_asked),
		FLOW(test_a_clock_that_leaps_cuts_no_link),
		FLOW(test_a_ping_is_answered),
		FLOW(test_bad_first_frames),
		FLOW(test_bad_frames_of_a_device),
		FLOW(test_bad_envelopes_of_a_service_are_answered),
		FLOW(test_frames_out_of_place_in_the_opening),
		FLOW(test_slow_peers_are_told_and_closed),
		FLOW(test_a_frame_that_stops_half_way_is_closed),
		FLOW(test_silent_strangers_do_not_keep_others_out),
		FLOW(test_listeners_of_their_own),
		FLOW(test_goodbyes),
	};

	if (!mkdtemp(folder))
		return 1;
	log_open("router");
	log_set_level(LOG_ERROR);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(identities_path);
	unlink(state_path);
	rmdir(folder);
	return failed;
}
