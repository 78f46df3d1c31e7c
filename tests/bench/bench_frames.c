/* Frames through one process in the middle, as words ask for (support/instrument.h):
 *
 *   bench_frames --router PORT  --srp-key HEX --pids router=PID      Bramble's router: this program is its devices and its dispatcher
 *                [--second PORT --device-port PORT]                  two of them, which share the port for devices
 *   bench_frames --relay PORT --backend PORT  --pids relay=PID       anything that passes on bytes from PORT to the backend's port, one
 *                                                                    connection there for each here: this program is both ends
 *   [--devices N] [--in-flight N] [--echo]
 *
 * The frames that devices send are the very same. Without --echo they go up alone; with it the far end sends each one back and both ways
 * count. Each device keeps so many under way, and sends in one write what it may: so many frames the middle finds in one read. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "protocol/gme.h"
#include "protocol/srp.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/pump.h"

enum { DEVICES_MAX = 8000, FIRST_PIN = 0x30000000, PAYLOAD = 300, WARM_UP_MS = 150, DEADLINE_MS = 20000, IN_FLIGHT_MAX = 64,
	TAG_AT = FRAME_HEADER + 5 + 1 };      /* in SEND: after the session, an item of five bytes, and the item's type */

struct bench {
	unsigned devices, in_flight, router, second, device_port, relay, backend;
	bool echo, sending;
	struct pump pump;
	struct pump_link *device, *far;          /* far: relay's; of routers the dispatcher's, one to each */
	struct buf *up, *down;                   /* the frame of each device, and what it is sent back as */
	unsigned *under_way;
	uint32_t next_tag;
	uint64_t passed, all_under_way;
	unsigned registered, accepted, challenges;
	bool proven;
	uint8_t key[SRP_KEY_SIZE];
	struct instrument in;
};

static const char srp_id[] = "T00000001";

static size_t split(struct bytes in)
{
	uint32_t length;

	if (in.len < FRAME_HEADER)
		return 0;
	length = (uint32_t)in.data[2] << 24 | (uint32_t)in.data[3] << 16 | (uint32_t)in.data[4] << 8 | in.data[5];
	return in.len >= length ? length : 0;
}

static void say(struct bench *bench, struct pump_link *link, const struct wire_msg *msg, const void *in)
{
	struct buf frame = { 0 };

	frame_encode(msg, in, &frame);
	pump_send_raw(&bench->pump, link, buf_bytes(&frame));
	buf_free(&frame);
}

static void hear(const struct wire_msg *msg, struct bytes frame, void *out)
{
	struct error err;

	if (frame_decode(msg, frame, out, &err))
		instrument_die("a frame that came: %s", err.text);
}

/* --- traffic ------------------------------------------------------------------------------------------------------------------- */

static void send_more(struct bench *bench, unsigned d)
{
	while (bench->sending && bench->under_way[d] < bench->in_flight) {
		pump_send_raw(&bench->pump, &bench->device[d], buf_bytes(&bench->up[d]));
		bench->under_way[d]++;
		bench->all_under_way++;
	}
}

static void over(struct bench *bench, unsigned d)
{
	if (d >= bench->devices || bench->under_way[d] == 0)
		instrument_die("a frame came that nobody had sent");
	bench->under_way[d]--;
	bench->all_under_way--;
	send_more(bench, d);
}

/* It has come up from device d; link: where it came from. */
static void came_up(struct bench *bench, struct pump_link *link, unsigned d)
{
	bench->passed++;
	if (d >= bench->devices)
		instrument_die("a frame of an unknown device");
	if (bench->echo && bench->router)
		buf_patch_u32(&bench->down[d], TAG_AT, bench->next_tag++);
	if (bench->echo)
		pump_send_raw(&bench->pump, link, buf_bytes(&bench->down[d]));
	else
		over(bench, d);
}

static void device_hears(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct bench *bench = ctx;
	struct srp_data data;
	struct srp_status_msg status;

	switch (frame_opcode(frame)) {
	case SRP_RETURN:
		bench->registered++;
		break;
	case SRP_STATUS:
		hear(&srp_status_msg_msg, frame, &status);
		if (status.status != SRP_QUEUED)
			instrument_die("the router would not take a frame: %s", srp_status_text(status.status));
		break;
	case SRP_DATA:
		if (bench->router) {
			hear(&srp_data_msg, frame, &data);
			status = (struct srp_status_msg){ .tag = data.tag, .status = SRP_DELIVERED };
			say(bench, link, &srp_status_msg_msg, &status);
		}
		bench->passed++;
		over(bench, link->number);
		break;
	default:
		instrument_die("a device heard a frame 0x%02x", frame_opcode(frame));
	}
}

static void far_hears(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct srp_data data;

	hear(&srp_data_msg, frame, &data);
	came_up(ctx, link, data.tag);
}

/* --- the dispatcher's end -------------------------------------------------------------------------------------------------------- */

static void prove(struct bench *bench, struct pump_link *link, struct bytes frame)
{
	static uint8_t theirs[20];
	static const char mine[] = "sixteen bytes of it, and a text";
	struct srp_connect heard, said;

	hear(&srp_connect_msg, frame, &heard);
	if (bench->challenges++ == 0) {
		srp_proof(bench->key, heard.value, theirs);
		said.value = bytes_of(mine, sizeof mine - 1);
	} else {
		said.value = bytes_of(theirs, sizeof theirs);
	}
	say(bench, link, &srp_connect_msg, &said);
}

static void service_hears(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct bench *bench = ctx;
	struct srp_connect connect = { .value = bytes_str(srp_id) };
	struct srp_receive receive;
	struct srp_return answer;
	struct srp_status_msg status;
	struct srp_ping mark;

	switch (frame_opcode(frame)) {
	case SRP_INFO:
		say(bench, link, &srp_connect_msg, &connect);
		break;
	case SRP_CONNECT:
		prove(bench, link, frame);
		break;
	case SRP_RETURN:
		hear(&srp_return_msg, frame, &answer);
		if (answer.code != SRP_OK)
			instrument_die("the router refused the dispatcher: %s", srp_result_text(answer.code));
		bench->proven = true;
		break;
	case SRP_RECEIVE:
		hear(&srp_receive_msg, frame, &receive);
		came_up(bench, link, receive.pin - FIRST_PIN);
		break;
	case SRP_STATUS:
		hear(&srp_status_msg_msg, frame, &status);
		if (status.status != SRP_DELIVERED)
			instrument_die("the router would not carry a frame down: %s", srp_status_text(status.status));
		break;
	case SRP_PING:
		hear(&srp_ping_msg, frame, &mark);
		say(bench, link, &srp_pong_msg, &mark);
		break;
	default:
		break;      /* COVERAGE */
	}
}

/* --- start ------------------------------------------------------------------------------------------------------------------------ */

static void make_frames(struct bench *bench, unsigned d)
{
	static const uint8_t payload[PAYLOAD];
	struct gme gme = { .kind = GME_MESSAGE, .flags = GME_ENCRYPTED, .message_id = 1, .content_ids = bytes_str("BBIM"),
		.source = { .is_pin = true, .pin = FIRST_PIN + d }, .destination = { .srp_id = bytes_str(srp_id) }, .payload = bytes_of(payload, PAYLOAD) };
	struct srp_data data = { .tag = d };
	struct srp_send send = { .tag = d, .pin = FIRST_PIN + d, .flags = SRP_WANT_DELIVERED | SRP_RETURN_IF_UNAVAILABLE };
	struct buf envelope = { 0 };

	gme_encode(&gme, false, &envelope);
	data.gme = buf_bytes(&envelope);
	frame_encode(&srp_data_msg, &data, &bench->up[d]);
	if (!bench->router) {
		buf_append(&bench->down[d], buf_bytes(&bench->up[d]));
	} else {
		buf_clear(&envelope);
		gme.destination = gme.source;
		gme.source = (struct gme_address){ .srp_id = bytes_str(srp_id) };
		gme_encode(&gme, false, &envelope);
		send.gme = buf_bytes(&envelope);
		frame_encode(&srp_send_msg, &send, &bench->down[d]);
	}
	buf_free(&envelope);
}

#define AWAIT(bench, condition, what) do { \
	uint64_t end = instrument_now_us() + DEADLINE_MS * 1000; \
	while (!(condition)) { \
		if (instrument_now_us() > end) \
			instrument_die("%s did not come", what); \
		pump_round(&(bench)->pump, 10); \
	} } while (0)

static void start_service(struct bench *bench, struct pump_link *link, unsigned port)
{
	struct srp_info info = { .entries = { { bytes_str("version=bench") }, { bytes_str("srpId=T00000001") } }, .count = 2 };

	bench->challenges = 0;
	bench->proven = false;
	*link = (struct pump_link){ .fd = pump_dial(port), .frame = service_hears, .split = split, .ctx = bench };
	pump_add(&bench->pump, link);
	say(bench, link, &srp_info_msg, &info);
	pump_flush(&bench->pump);
	AWAIT(bench, bench->proven, "the router's acceptance");
}

static void start_router(struct bench *bench)
{
	start_service(bench, &bench->far[0], bench->router);
	if (bench->second)
		start_service(bench, &bench->far[1], bench->second);
	for (unsigned d = 0; d < bench->devices; d++) {
		struct srp_register claim = { .pin = FIRST_PIN + d, .srp_id = bytes_str(srp_id) };

		bench->device[d] = (struct pump_link){ .fd = pump_dial(bench->device_port), .frame = device_hears, .split = split, .ctx = bench,
			.number = d };
		pump_add(&bench->pump, &bench->device[d]);
		say(bench, &bench->device[d], &srp_register_msg, &claim);
		pump_flush(&bench->pump);
		if (d % 64 == 63 || d + 1 == bench->devices)
			AWAIT(bench, bench->registered == d + 1, "registrations");
	}
}

static void start_relay(struct bench *bench)
{
	int listener = pump_listen(&bench->backend);

	for (unsigned d = 0; d < bench->devices; d++) {
		bench->device[d] = (struct pump_link){ .fd = pump_dial(bench->relay), .frame = device_hears, .split = split, .ctx = bench,
			.number = d };
		bench->far[d] = (struct pump_link){ .fd = pump_accept(listener), .frame = far_hears, .split = split, .ctx = bench };
		pump_add(&bench->pump, &bench->device[d]);
		pump_add(&bench->pump, &bench->far[d]);
	}
	close(listener);
}

static void run_for(struct bench *bench, uint64_t us)
{
	for (uint64_t end = instrument_now_us() + us; instrument_now_us() < end;)
		pump_round(&bench->pump, 1);
}

static uint64_t do_round(void *ctx, unsigned ms)
{
	struct bench *bench = ctx;
	uint64_t before, count;

	bench->sending = true;
	for (unsigned d = 0; d < bench->devices; d++)
		send_more(bench, d);
	pump_flush(&bench->pump);
	run_for(bench, WARM_UP_MS * 1000);
	before = bench->passed;
	instrument_begin(&bench->in);
	run_for(bench, (uint64_t)ms * 1000);
	instrument_end(&bench->in);
	count = bench->passed - before;
	bench->sending = false;
	AWAIT(bench, bench->all_under_way == 0, "frames that were under way");
	return count;
}

static unsigned number(const char *text)
{
	return (unsigned)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "router", 1, NULL, 'r' }, { "srp-key", 1, NULL, 'k' }, { "relay", 1, NULL, 'y' },
		{ "backend", 1, NULL, 'b' }, { "pids", 1, NULL, 'p' }, { "devices", 1, NULL, 'd' }, { "in-flight", 1, NULL, 'w' },
		{ "echo", 0, NULL, 'e' }, { "second", 1, NULL, 's' }, { "device-port", 1, NULL, 'v' }, { 0 } };
	struct bench bench = { .devices = 64, .in_flight = 1 };
	struct buf key = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r': bench.router = number(optarg); break;
		case 'y': bench.relay = number(optarg); break;
		case 'b': bench.backend = number(optarg); break;
		case 'd': bench.devices = number(optarg); break;
		case 'w': bench.in_flight = number(optarg); break;
		case 'e': bench.echo = true; break;
		case 's': bench.second = number(optarg); break;
		case 'v': bench.device_port = number(optarg); break;
		case 'k':
			if (hex_decode(bytes_str(optarg), &key) || key.len != SRP_KEY_SIZE)
				instrument_die("--srp-key takes %d hex digits", 2 * SRP_KEY_SIZE);
			memcpy(bench.key, key.data, SRP_KEY_SIZE);
			break;
		case 'p':
			if (!instrument_add(&bench.in, optarg))
				instrument_die("not NAME=PID,...: %s", optarg);
			break;
		default: return 2;
		}
	}
	if (!bench.router == !bench.relay || bench.devices < 1 || bench.devices > DEVICES_MAX || bench.in_flight < 1 ||
	    bench.in_flight > IN_FLIGHT_MAX)
		instrument_die("--router or --relay; 1 to %d devices; 1 to %d in flight", DEVICES_MAX, IN_FLIGHT_MAX);
	if (!bench.device_port)
		bench.device_port = bench.router;
	pump_init(&bench.pump);
	bench.device = memory_new(bench.devices * sizeof *bench.device);
	bench.far = memory_new((bench.devices + 1) * sizeof *bench.far);
	bench.up = memory_new(bench.devices * sizeof *bench.up);
	bench.down = memory_new(bench.devices * sizeof *bench.down);
	bench.under_way = memory_new(bench.devices * sizeof *bench.under_way);
	for (unsigned d = 0; d < bench.devices; d++)
		make_frames(&bench, d);
	if (bench.router)
		start_router(&bench);
	else
		start_relay(&bench);
	buf_free(&key);
	instrument_serve(&bench.in, do_round, NULL, &bench);
	return 0;
}
