/* Thin clients of any TLS server: logins as often as they go, or connections that stand.
 *
 *   bench_clients --port PORT --pids peer=PID --script xmpp|mqtt|none [--connections N] [--hold] [--first N]
 *
 * A client connects, shakes hands (TLS, always in full), says a line of its script and waits for the answer that it expects, and so on; then
 * it closes and begins again, and one is counted. With --hold it stays. The people are user0001 and on; what is not answered as expected
 * within 20 s ends the program. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/memory.h"
#include "tests/bench/support/instrument.h"
#include "tests/bench/support/pump.h"

enum { CONNECTIONS_MAX = 9000, STEPS_MAX = 8, WARM_UP_MS = 300, DEADLINE_MS = 20000 };

struct step { const char *say, *expect; };      /* say: with the user's number for %u, his credentials for %s */

#define STREAM "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' " \
	"version='1.0'>"

/* What a client needs for the same as ours: known, bound, its list of contacts read, seen, and gone again. */
static const struct step xmpp[] = {
	{ STREAM, "</stream:features>" },
	{ "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>", "<success" },
	{ STREAM, "</stream:features>" },
	{ "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", "<jid>" },
	{ "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>", "id='r'" },
	{ "</stream:stream>", "</stream:stream>" },
	{ NULL, NULL },
};
static const struct step nothing[] = { { NULL, NULL }, { NULL, NULL } };

struct client {
	struct bench *bench;
	struct pump_link link;
	unsigned user, step;
	bool over;
	uint64_t since_us;
};

struct bench {
	struct pump pump;
	unsigned port, connections;
	bool hold, is_mqtt, sending;
	const struct step *script;
	SSL_CTX *tls;
	struct client *clients;
	uint64_t done;
	struct instrument in;
};

/* MQTT 3.1.1: CONNECT with a clean session and no keep-alive. */
static void say_mqtt(struct client *c)
{
	static const uint8_t head[] = { 0x10, 20, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 8 };
	char id[16];
	struct buf packet = { 0 };

	snprintf(id, sizeof id, "user%04u", c->user % 10000);
	buf_append(&packet, bytes_of(head, sizeof head));
	buf_append(&packet, bytes_of(id, 8));
	pump_send_raw(&c->bench->pump, &c->link, buf_bytes(&packet));
	buf_free(&packet);
}

static void say_step(struct client *c)
{
	const struct step *step = &c->bench->script[c->step];
	char plain[64];
	struct buf credentials = { 0 }, line = { 0 };
	int len = snprintf(plain, sizeof plain, "%cuser%04u%cuser%04u-secret", 0, c->user, 0, c->user);

	buf_clear(&c->link.in);
	if (c->bench->is_mqtt) {
		say_mqtt(c);
		return;
	}
	if (!step->say)
		return;
	if (strchr(step->say, '%')) {
		base64_encode(bytes_of(plain, (size_t)len), &credentials);
		buf_text(&line, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>");
		buf_append(&line, buf_bytes(&credentials));
		buf_text(&line, "</auth>");
	} else {
		buf_text(&line, step->say);
	}
	pump_send_raw(&c->bench->pump, &c->link, buf_bytes(&line));
	buf_free(&line);
	buf_free(&credentials);
}

static bool is_answered(const struct client *c, struct bytes all)
{
	const char *expect = c->bench->script[c->step].expect;

	if (c->bench->is_mqtt)
		return all.len >= 4 && all.data[0] == 0x20 && all.data[3] == 0;      /* CONNACK: accepted */
	return memmem(all.data, all.len, expect, strlen(expect)) != NULL;
}

/* Keeps what has come until it is the answer: split says that nothing is whole before. */
static void client_hears(void *ctx, struct pump_link *link, struct bytes all)
{
	struct client *c = ctx;

	(void)link;
	(void)all;
	c->step++;
	c->over = c->bench->is_mqtt || !c->bench->script[c->step].say;
	if (!c->over)
		say_step(c);
}

static size_t nothing_whole(struct bytes in)
{
	(void)in;
	return 0;
}

static void open_client(struct client *c)
{
	struct bench *bench = c->bench;

	c->step = 0;
	c->over = false;
	c->since_us = instrument_now_us();
	c->link = (struct pump_link){ .fd = pump_dial(bench->port), .frame = client_hears, .split = nothing_whole, .ctx = c,
		.may_end = true };
	c->link.ssl = SSL_new(bench->tls);
	SSL_set_fd(c->link.ssl, c->link.fd);
	SSL_set_connect_state(c->link.ssl);
	pump_add(&bench->pump, &c->link);
	if (bench->is_mqtt || bench->script[0].say)
		say_step(c);      /* kept until the handshake is over */
}

/* After a round: what has come is looked at once, and those that are through begin again. */
static void look(struct bench *bench)
{
	for (unsigned i = 0; i < bench->connections; i++) {
		struct client *c = &bench->clients[i];

		if (c->link.fd < 0)
			continue;
		if (!c->over && (bench->is_mqtt || bench->script[c->step].say) && c->link.in.len && is_answered(c, buf_bytes(&c->link.in)))
			client_hears(c, &c->link, buf_bytes(&c->link.in));
		if (!c->over && !bench->is_mqtt && !bench->script[0].say)
			c->over = !c->link.shaking;
		/* Who said goodbye may be closed upon without an answer. */
		if (c->link.ended && !bench->is_mqtt && !bench->script[c->step + 1].say)
			c->over = true;
		if (!c->over && c->link.ended)
			instrument_die("the server closed at step %u: %.200s", c->step, buf_cstr(&c->link.in));
		if (!c->over && instrument_now_us() - c->since_us > DEADLINE_MS * 1000)
			instrument_die("no answer to step %u: %.200s", c->step, buf_cstr(&c->link.in));
		if (!c->over || bench->hold)
			continue;
		bench->done++;
		pump_drop(&bench->pump, &c->link);
		if (bench->sending)
			open_client(c);
	}
	pump_flush(&bench->pump);
}

static void run_for(struct bench *bench, uint64_t us)
{
	for (uint64_t end = instrument_now_us() + us; instrument_now_us() < end;) {
		pump_round(&bench->pump, 1);
		look(bench);
	}
}

static void start(struct bench *bench, unsigned first)
{
	bench->clients = memory_new(bench->connections * sizeof *bench->clients);
	for (unsigned i = 0; i < bench->connections; i++)
		bench->clients[i] = (struct client){ .bench = bench, .user = first + i, .link = { .fd = -1 } };
}

static uint64_t do_round(void *ctx, unsigned ms)
{
	struct bench *bench = ctx;
	uint64_t before, count;
	bool standing = true;

	bench->sending = true;
	for (unsigned i = 0; i < bench->connections; i++)
		if (bench->clients[i].link.fd < 0)
			open_client(&bench->clients[i]);
	run_for(bench, WARM_UP_MS * 1000);
	before = bench->done;
	instrument_begin(&bench->in);
	run_for(bench, (uint64_t)ms * 1000);
	instrument_end(&bench->in);
	count = bench->done - before;
	bench->sending = false;
	for (uint64_t end = instrument_now_us() + DEADLINE_MS * 1000; standing && instrument_now_us() < end;) {
		run_for(bench, 1000);
		standing = false;
		for (unsigned i = 0; i < bench->connections; i++)
			standing |= bench->clients[i].link.fd >= 0;
	}
	if (standing)
		instrument_die("logins that were under way did not end");
	return count;
}

/* Dials some at a time, so that no backlog overflows. */
static void stand(struct bench *bench)
{
	for (unsigned i = 0, over = 0; i < bench->connections; i++, over = 0) {
		open_client(&bench->clients[i]);
		while ((i % 32 == 31 || i + 1 == bench->connections) && over <= i) {
			run_for(bench, 1000);
			for (over = 0; over <= i && bench->clients[over].over;)
				over++;
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "port", 1, NULL, 'p' }, { "pids", 1, NULL, 'i' }, { "script", 1, NULL, 's' },
		{ "connections", 1, NULL, 'c' }, { "hold", 0, NULL, 'h' }, { "first", 1, NULL, 'f' }, { 0 } };
	struct bench bench = { .connections = 64, .script = nothing };
	unsigned first = 1;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'p': bench.port = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'c': bench.connections = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'f': first = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'h': bench.hold = true; break;
		case 's':
			bench.is_mqtt = strcmp(optarg, "mqtt") == 0;
			bench.script = strcmp(optarg, "xmpp") == 0 ? xmpp : nothing;
			break;
		case 'i':
			if (!instrument_add(&bench.in, optarg))
				instrument_die("not NAME=PID,...: %s", optarg);
			break;
		default: return 2;
		}
	}
	if (bench.connections < 1 || bench.connections > CONNECTIONS_MAX || !bench.port)
		instrument_die("a port, and 1 to %d connections", CONNECTIONS_MAX);
	bench.tls = pump_tls_client();
	pump_init(&bench.pump);
	start(&bench, first);
	if (bench.hold)
		stand(&bench);
	instrument_serve(&bench.in, do_round, NULL, &bench);
	return 0;
}
