/* The least that the way of a message can cost: three processes between devices and an IM server, as router, dispatcher and collab are, that
 * do the same compression, encryption and TLS and nothing else: no envelope, no sessions, no replay check, no limits.
 *
 *   bench_floor [--devices N] [--in-flight N]          then words as of support/instrument.h
 *
 *   device --TCP--> router --TCP--> dispatcher (open, inflate) --TCP--> collab --TLS--> server
 *
 * The server answers each text on its connection and hands it to the partner on the partner's: one message is one passage up and two down,
 * each sealed, as it is with Bramble. Devices and server are this process, whose CPU is not counted. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulator/load/load_plan.h"
#include "simulator/load/load_texts.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/pump.h"
#include "tests/bench/support/seal.h"

enum { DEVICES_MAX = 4096, NUMBER = 4, ANSWER = 24, TEXT = 256, WARM_UP_MS = 250, SETTLE_MS = 10000, NUMBERS = 65536 };

/* One process: a link to the left, one to the right, and one each for devices or sessions. */
struct hop {
	struct pump pump;
	struct pump_link left, right, *each;
	unsigned devices;
	struct seal *seal;
	SSL_CTX *tls;
};

struct bench {
	unsigned devices, in_flight;
	struct hop router, dispatcher, collab;
	struct pump pump;
	struct pump_link *device, *session;      /* of this process */
	struct seal *seal;
	struct load_texts *texts;
	unsigned *under_way, all_under_way;
	uint32_t next_number;
	uint64_t arrived, answered;
	struct load_plan plan;
	uint64_t planned_us[NUMBERS];            /* of those under way, by the last bits of their numbers */
	bool sending;
	struct instrument in;
};

/* A frame between two hops begins with the device's number. */
static void pass(struct hop *hop, struct pump_link *to, unsigned device, struct bytes payload)
{
	uint8_t frame[NUMBER + SEAL_ROOM];
	uint32_t number = device;

	memcpy(frame, &number, NUMBER);
	memcpy(frame + NUMBER, payload.data, payload.len);
	pump_send(&hop->pump, to, bytes_of(frame, NUMBER + payload.len));
}

static unsigned number_of(struct bytes frame, struct bytes *payload)
{
	uint32_t number;

	memcpy(&number, frame.data, NUMBER);
	*payload = bytes_slice(frame, NUMBER, frame.len);
	return number;
}

/* --- the three processes ------------------------------------------------------------------------------------------------------- */

static void router_up(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct hop *hop = ctx;

	pass(hop, &hop->right, link->number, frame);
}

static void router_down(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct hop *hop = ctx;
	struct bytes payload;
	unsigned device = number_of(frame, &payload);

	(void)link;
	pump_send(&hop->pump, &hop->each[device], payload);
}

static void dispatcher_up(void *ctx, struct pump_link *link, struct bytes frame)
{
	uint8_t clear[SEAL_ROOM];
	struct hop *hop = ctx;
	struct bytes payload;
	unsigned device = number_of(frame, &payload);

	(void)link;
	pass(hop, &hop->right, device, bytes_of(clear, seal_open(hop->seal, payload, clear)));
}

static void dispatcher_down(void *ctx, struct pump_link *link, struct bytes frame)
{
	uint8_t sealed[SEAL_ROOM];
	struct hop *hop = ctx;
	struct bytes payload;
	unsigned device = number_of(frame, &payload);

	(void)link;
	pass(hop, &hop->left, device, bytes_of(sealed, seal_close(hop->seal, payload, sealed)));
}

static void collab_up(void *ctx, struct pump_link *link, struct bytes frame)
{
	struct hop *hop = ctx;
	struct bytes payload;
	unsigned device = number_of(frame, &payload);

	(void)link;
	pump_send_raw(&hop->pump, &hop->each[device], payload);
}

static void collab_down(void *ctx, struct pump_link *link, struct bytes record)
{
	struct hop *hop = ctx;

	pass(hop, &hop->left, link->number, record);
}

static void run_hop(void *ctx)
{
	struct hop *hop = ctx;

	pump_init(&hop->pump);
	hop->seal = seal_new();
	for (unsigned i = 0; hop->each && i < hop->devices; i++) {
		if (hop->tls) {
			hop->each[i].ssl = SSL_new(hop->tls);
			SSL_set_fd(hop->each[i].ssl, hop->each[i].fd);
			SSL_set_connect_state(hop->each[i].ssl);
		}
		pump_add(&hop->pump, &hop->each[i]);
	}
	if (hop->left.fd)
		pump_add(&hop->pump, &hop->left);
	if (hop->right.fd)
		pump_add(&hop->pump, &hop->right);
	pump_run(&hop->pump);
}

/* --- devices and server ---------------------------------------------------------------------------------------------------------- */

static void send_one(struct bench *bench, unsigned device)
{
	uint8_t sealed[SEAL_ROOM];
	struct bytes text = load_texts_make(bench->texts, device, bench->next_number++);

	pump_send(&bench->pump, &bench->device[device], bytes_of(sealed, seal_close(bench->seal, text, sealed)));
	bench->under_way[device]++;
	bench->all_under_way += 2;      /* the answer and the partner's */
}

static void send_more(struct bench *bench, unsigned device)
{
	while (bench->sending && bench->under_way[device] < bench->in_flight)
		send_one(bench, device);
}

static void send_planned(struct bench *bench)
{
	while (load_plan_is_due(&bench->plan, instrument_now_us())) {
		if (bench->all_under_way >= NUMBERS)
			instrument_die("%u a second are more than it can do", bench->in.per_s);
		bench->planned_us[bench->next_number % NUMBERS] = load_plan_next_us(&bench->plan);
		send_one(bench, (unsigned)(bench->plan.next++ % bench->devices));
	}
}

static void device_hears(void *ctx, struct pump_link *link, struct bytes frame)
{
	uint8_t clear[SEAL_ROOM];
	struct bench *bench = ctx;
	struct bytes text = bytes_of(clear, seal_open(bench->seal, frame, clear));
	uint32_t sender, number;

	bench->all_under_way--;
	if (text.len == ANSWER) {
		bench->answered++;
		return;
	}
	if (!load_texts_check(bench->texts, text, &sender, &number) || (sender ^ 1u) != link->number)
		instrument_die("a text arrived that nobody had sent");
	bench->arrived++;
	bench->under_way[sender]--;
	if (bench->in.per_s)
		load_histogram_note(bench->in.latency, instrument_now_us() - bench->planned_us[number % NUMBERS]);
	else
		send_more(bench, sender);
}

static size_t whole_record(struct bytes in)
{
	return in.len;
}

static void server_hears(void *ctx, struct pump_link *link, struct bytes record)
{
	struct bench *bench = ctx;

	pump_send_raw(&bench->pump, link, bytes_slice(record, 0, ANSWER));
	pump_send_raw(&bench->pump, &bench->session[link->number ^ 1u], record);
}

static void run_for(struct bench *bench, uint64_t us)
{
	uint64_t now, end = instrument_now_us() + us;

	while ((now = instrument_now_us()) < end) {
		uint64_t next = load_plan_next_us(&bench->plan), until = next < end ? next : end;

		pump_round_us(&bench->pump, until > now ? until - now : 0);
		send_planned(bench);
		pump_flush(&bench->pump);
	}
}

static uint64_t do_round(void *ctx, unsigned ms)
{
	struct bench *bench = ctx;
	uint64_t before, count, end;

	bench->sending = !bench->in.per_s;
	for (unsigned i = 0; i < bench->devices; i++)
		send_more(bench, i);
	pump_flush(&bench->pump);
	bench->plan = load_plan_make(instrument_now_us(), (uint64_t)bench->in.per_s * 1000, WARM_UP_MS + ms);      /* 0 a second: none */
	run_for(bench, WARM_UP_MS * 1000);
	before = bench->arrived;
	load_histogram_clear(bench->in.latency);
	instrument_begin(&bench->in);
	run_for(bench, (uint64_t)ms * 1000);
	instrument_end(&bench->in);
	count = bench->arrived - before;
	bench->sending = false;
	for (end = instrument_now_us() + SETTLE_MS * 1000; bench->all_under_way && instrument_now_us() < end;)
		pump_round(&bench->pump, 1);
	if (bench->all_under_way || bench->arrived != bench->answered)
		instrument_die("%u answers or texts did not arrive", bench->all_under_way);
	return count;
}

/* --- start ---------------------------------------------------------------------------------------------------------------------- */

static void join(struct pump_link *left, void (*left_hears)(void *, struct pump_link *, struct bytes), void *left_ctx,
	struct pump_link *right, void (*right_hears)(void *, struct pump_link *, struct bytes), void *right_ctx, unsigned number)
{
	int fds[2];

	pump_pair(fds);
	*left = (struct pump_link){ .fd = fds[0], .frame = left_hears, .ctx = left_ctx, .number = number };
	*right = (struct pump_link){ .fd = fds[1], .frame = right_hears, .ctx = right_ctx, .number = number };
}

static void start(struct bench *bench)
{
	SSL_CTX *server = pump_tls_server();
	unsigned n = bench->devices;
	uint64_t end = instrument_now_us() + SETTLE_MS * 1000;
	bool shaking = true;

	bench->device = memory_new(n * sizeof *bench->device);
	bench->session = memory_new(n * sizeof *bench->session);
	bench->under_way = memory_new(n * sizeof *bench->under_way);
	bench->router.each = memory_new(n * sizeof *bench->device);
	bench->collab.each = memory_new(n * sizeof *bench->device);
	bench->router.devices = bench->collab.devices = n;
	bench->collab.tls = pump_tls_client();
	for (unsigned i = 0; i < n; i++) {
		join(&bench->device[i], device_hears, bench, &bench->router.each[i], router_up, &bench->router, i);
		join(&bench->collab.each[i], collab_down, &bench->collab, &bench->session[i], server_hears, bench, i);
		bench->collab.each[i].split = bench->session[i].split = whole_record;
	}
	join(&bench->router.right, router_down, &bench->router, &bench->dispatcher.left, dispatcher_up, &bench->dispatcher, 0);
	join(&bench->dispatcher.right, dispatcher_down, &bench->dispatcher, &bench->collab.left, collab_up, &bench->collab, 0);
	instrument_add_pid(&bench->in, "router", pump_fork(run_hop, &bench->router));
	instrument_add_pid(&bench->in, "dispatcher", pump_fork(run_hop, &bench->dispatcher));
	instrument_add_pid(&bench->in, "collab", pump_fork(run_hop, &bench->collab));

	pump_init(&bench->pump);
	bench->seal = seal_new();
	bench->texts = load_texts_new(1, TEXT, TEXT);
	for (unsigned i = 0; i < n; i++) {
		bench->session[i].ssl = SSL_new(server);
		SSL_set_fd(bench->session[i].ssl, bench->session[i].fd);
		SSL_set_accept_state(bench->session[i].ssl);
		pump_add(&bench->pump, &bench->session[i]);
		pump_add(&bench->pump, &bench->device[i]);
	}
	while (shaking && instrument_now_us() < end) {
		pump_round(&bench->pump, 10);
		shaking = false;
		for (unsigned i = 0; i < n; i++)
			shaking |= bench->session[i].shaking;
	}
	if (shaking)
		instrument_die("the TLS handshakes did not end");
	SSL_CTX_free(server);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "devices", 1, NULL, 'd' }, { "in-flight", 1, NULL, 'w' }, { 0 } };
	struct bench bench = { .devices = 64, .in_flight = 4 };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'd')
			bench.devices = (unsigned)strtoul(optarg, NULL, 10) & ~1u;
		else if (c == 'w')
			bench.in_flight = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (bench.devices < 2 || bench.devices > DEVICES_MAX || bench.in_flight < 1 || bench.in_flight > 16)
		instrument_die("2 to %d devices, and 1 to 16 in flight", DEVICES_MAX);
	bench.in.latency = load_histogram_new();
	start(&bench);
	instrument_serve(&bench.in, do_round, NULL, &bench);
	return 0;
}
