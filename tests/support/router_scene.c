#include "tests/support/router_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"

#define WAIT_S 5

static char folder[] = "/tmp/bramble-router-XXXXXX";
static char identities_path[64], state_path[64];
struct router_scene router_scene;

/* --- a raw peer --- */

static void raw_message(void *ctx, struct bytes frame)
{
	struct srp_peer *raw = ctx;

	if (raw->came == SRP_PEER_FRAMES)
		fail_msg("%s: more than %d frames came", raw->name, SRP_PEER_FRAMES);
	buf_append(&raw->frames[raw->came++], frame);
}

static void raw_closed(void *ctx, enum connection_end end, const char *why)
{
	struct srp_peer *raw = ctx;

	(void)end;
	(void)why;
	raw->is_closed = true;
}

static const struct connection_callbacks raw_callbacks = {
	.split = frame_split, .message = raw_message, .closed = raw_closed,
};

struct srp_peer *srp_peer_dial_to(const char *name, const char *address)
{
	struct srp_peer *raw = memory_new(sizeof *raw);

	raw->name = name;
	raw->c = connection_dial(router_scene.loop, address, NULL, NULL, NULL, &raw_callbacks, raw);
	return raw;
}

struct srp_peer *srp_peer_dial(const char *name)
{
	return srp_peer_dial_to(name, router_address(router_scene.router));
}

void srp_peer_hang_up(struct srp_peer **raw)
{
	connection_free(&(*raw)->c);
	for (unsigned i = 0; i < SRP_PEER_FRAMES; i++)
		buf_free(&(*raw)->frames[i]);
	free(*raw);
	*raw = NULL;
}

static uint64_t deadline_us(void)
{
	return loop_real_us() + WAIT_S * 1000000ULL;
}

void srp_peer_say(struct srp_peer *raw, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	connection_send(raw->c, buf_bytes(&frame));
	buf_free(&frame);
}

void srp_peer_say_hex(struct srp_peer *raw, const char *hex)
{
	struct buf raw_bytes = { 0 };

	assert_int_equal(hex_decode(bytes_str(hex), &raw_bytes), 0);
	connection_send(raw->c, buf_bytes(&raw_bytes));
	buf_free(&raw_bytes);
}

struct bytes srp_peer_next_frame(struct srp_peer *raw, const char *wanted)
{
	uint64_t until = deadline_us();

	while (raw->taken == raw->came) {
		if (raw->is_closed || loop_real_us() > until)
			fail_msg("%s: no further frame came%s; expected: %s", raw->name, raw->is_closed ? " and it was closed" : "", wanted);
		loop_round(router_scene.loop, 50);
	}
	return buf_bytes(&raw->frames[raw->taken++]);
}

void srp_peer_expect(struct srp_peer *raw, const char *format, ...)
{
	union { struct srp_info info; uint8_t bytes[4096]; } decoded;
	char wanted[512];
	struct buf dump = { 0 };
	struct error err;
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof wanted, format, args);
	va_end(args);
	struct bytes frame = srp_peer_next_frame(raw, wanted);
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

void srp_peer_expect_closed(struct srp_peer *raw)
{
	uint64_t until = deadline_us();

	while (!raw->is_closed) {
		if (loop_real_us() > until)
			fail_msg("%s: was not closed", raw->name);
		loop_round(router_scene.loop, 50);
	}
	if (raw->taken != raw->came)
		fail_msg("%s: frames came that nobody expected", raw->name);
}

void srp_peer_expect_nothing(struct srp_peer *raw)
{
	router_scene_settle();
	if (raw->is_closed)
		fail_msg("%s: was closed", raw->name);
	if (raw->taken != raw->came)
		srp_peer_expect(raw, "nothing at all");
}

void srp_peer_send_connect(struct srp_peer *raw, struct bytes value)
{
	struct srp_connect connect = { .value = value };

	srp_peer_say(raw, &srp_connect_msg, &connect);
}

void srp_peer_handshake(struct srp_peer *raw, const char *id, const char *key_hex)
{
	struct buf key = { 0 }, challenge = { 0 };
	struct srp_connect connect;
	uint8_t proof[20];

	hex_decode(bytes_str(key_hex), &key);
	hex_decode(bytes_str(SRP_PEER_CHALLENGE), &challenge);
	srp_peer_send_connect(raw, bytes_str(id));
	assert_int_equal(frame_decode(&srp_connect_msg, srp_peer_next_frame(raw, "the challenge"), &connect, NULL), 0);
	assert_int_equal(connect.value.len, 20);
	srp_proof(key.data, connect.value, proof);
	srp_peer_send_connect(raw, buf_bytes(&challenge));
	srp_peer_next_frame(raw, "the Router's proof");
	srp_peer_send_connect(raw, bytes_of(proof, sizeof proof));
	buf_free(&key);
	buf_free(&challenge);
}

struct srp_peer *service_up(const char *name, const char *id)
{
	struct srp_peer *raw = srp_peer_dial(name);

	srp_peer_handshake(raw, id, strcmp(id, "T00000002") == 0 ? SRP_PEER_KEY2 : SRP_PEER_KEY);
	srp_peer_expect(raw, "RETURN code=0 text=accepted");
	srp_peer_expect(raw, "COVERAGE pin=00000000 available=0");
	return raw;
}

void srp_peer_send_register(struct srp_peer *raw, uint32_t pin, const char *id)
{
	struct srp_register claim = { .pin = pin, .srp_id = bytes_str(id) };

	srp_peer_say(raw, &srp_register_msg, &claim);
}

struct srp_peer *device_up(const char *name, uint32_t pin, const char *id)
{
	struct srp_peer *raw = srp_peer_dial(name);

	srp_peer_send_register(raw, pin, id);
	srp_peer_expect(raw, "RETURN code=0 text=accepted");
	return raw;
}

void srp_peer_envelope(bool up, uint32_t pin, const char *id, uint32_t message_id, struct buf *out)
{
	struct gme_address device = { .is_pin = true, .pin = pin }, service = { .srp_id = bytes_str(id) };
	struct gme gme = { .kind = GME_MESSAGE, .flags = GME_ENCRYPTED, .message_id = message_id, .source = up ? device : service,
		.destination = up ? service : device, .content_ids = bytes_str("BBIM"), .payload = bytes_str("sealed") };

	gme_encode(&gme, false, out);
}

void srp_peer_send_up(struct srp_peer *raw, uint32_t tag, uint32_t pin, const char *id)
{
	struct srp_data data = { .tag = tag };
	struct buf gme = { 0 };

	srp_peer_envelope(true, pin, id, tag + 1000, &gme);
	data.gme = buf_bytes(&gme);
	srp_peer_say(raw, &srp_data_msg, &data);
	buf_free(&gme);
}

/* --- the scene --- */

int router_scene_make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

int router_scene_remove_folder(void **state)
{
	(void)state;
	unlink(identities_path);
	unlink(state_path);
	rmdir(folder);
	return 0;
}

void router_scene_write_identities(const char *text)
{
	FILE *file = fopen(identities_path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(identities_path, 0600), 0);
}

void router_scene_start(void)
{
	router_scene.router = router_new(router_scene.loop, &router_scene.set, NULL);
}

int router_scene_begin(void **state)
{
	struct error err;

	(void)state;
	snprintf(identities_path, sizeof identities_path, "%s/srp.keys", folder);
	snprintf(state_path, sizeof state_path, "%s/router.state", folder);
	unlink(state_path);
	router_scene_write_identities("T00000001 " SRP_PEER_KEY "\nT00000002 " SRP_PEER_KEY2 "\n");
	if (settings_load(router_setting_table, &router_scene.set, "router", NULL, NULL, &err) != 0)
		return -1;
	free(router_scene.set.identities);
	free(router_scene.set.state);
	free(router_scene.set.listen);
	router_scene.set.identities = memory_str(identities_path);
	router_scene.set.state = memory_str(state_path);
	router_scene.set.listen = memory_str("127.0.0.1:0");
	router_scene.loop = loop_new();
	loop_clock_manual(router_scene.loop, 1000000);
	router_scene_start();
	return 0;
}

int router_scene_finish(void **state)
{
	(void)state;
	router_free(&router_scene.router);
	loop_free(&router_scene.loop);
	settings_free(router_setting_table, &router_scene.set);
	return 0;
}

void router_scene_settle(void)
{
	while (loop_round(router_scene.loop, 30))
		;
}

void router_scene_advance(uint64_t ms)
{
	loop_clock_advance(router_scene.loop, loop_now_ms(router_scene.loop) + ms);
}

uint64_t router_scene_number(const char *key)
{
	json_t *status = json_object();

	router_status(router_scene.router, status);
	assert_non_null(json_object_get(status, key));
	uint64_t value = (uint64_t)json_integer_value(json_object_get(status, key));
	json_decref(status);
	return value;
}
