/* Devices on a lab that runs, in rounds, as tests/bench/run.py asks for them (support/instrument.h):
 *
 *   bench_load --lab FOLDER --router HOST:PORT --pids router=PID,dispatcher=PID,collab=PID [--first N] [--devices N] [--in-flight N]
 *              [--churn]
 *
 * The devices are those of `bramble-sim load` and every text is compared with what was sent. In a round each keeps so many messages under
 * way; with --churn each logs out and in again instead, as often as it goes, and logins are counted. 0 in flight: they only stand. Anything
 * refused, lost or wrong ends it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "simulator/load/load.h"
#include "simulator/load/load_people.h"
#include "tests/bench/support/instrument.h"

enum { WARM_UP_MS = 250, IDLE_MS = 20 };

struct bench {
	struct loop *loop;
	struct load *load;
	struct instrument in;
	bool churn;
	struct load_done before, after;
};

static void counting(void *ctx, bool on)
{
	struct bench *bench = ctx;

	if (on) {
		bench->before = load_done_so_far(bench->load);
		instrument_begin(&bench->in);
	} else {
		instrument_end(&bench->in);
		bench->after = load_done_so_far(bench->load);
	}
}

static void check(const struct bench *bench, size_t devices)
{
	const struct load_result *r = load_result_of(bench->load);

	if (!load_result_is_whole(r) || r->messages.refused || r->again.refused || r->warm_up_refused)
		instrument_die("what was measured was not whole: %llu lost, %llu without an answer, %llu refused, %llu wrong, %llu sessions lost",
			(unsigned long long)r->messages.lost, (unsigned long long)(r->messages.timed_out + r->again.timed_out),
			(unsigned long long)(r->messages.refused + r->again.refused + r->warm_up_refused),
			(unsigned long long)(r->wrong_texts + r->unexpected), (unsigned long long)r->sessions_lost);
	if (load_online(bench->load) != devices)
		instrument_die("%zu of %zu devices are logged in", load_online(bench->load), devices);
}

static uint64_t do_round(void *ctx, unsigned ms)
{
	struct bench *bench = ctx;

	load_set_times(bench->load, WARM_UP_MS, ms);
	load_traffic(bench->load);
	check(bench, load_linked(bench->load));
	return bench->churn ? bench->after.logins - bench->before.logins : bench->after.messages - bench->before.messages;
}

static void idle(void *ctx)
{
	loop_round(((struct bench *)ctx)->loop, IDLE_MS);
}

static unsigned number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n > LOAD_DEVICES_MAX)
		instrument_die("not a number up to %d: %s", LOAD_DEVICES_MAX, text);
	return (unsigned)n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "lab", 1, NULL, 'l' }, { "router", 1, NULL, 'r' }, { "pids", 1, NULL, 'p' },
		{ "first", 1, NULL, 'f' }, { "devices", 1, NULL, 'd' }, { "in-flight", 1, NULL, 'w' }, { "churn", 0, NULL, 'c' }, { 0 } };
	struct bench bench = { 0 };
	struct load_people_choice choice = { .first = 1, .count = 64 };
	struct load_people people = { 0 };
	struct load_settings settings = { .in_flight = 4, .status_interval_ms = 600000, .counting = counting, .ctx = &bench };
	const char *lab = NULL;
	char *folder;
	struct error err;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l': lab = optarg; break;
		case 'r': settings.router = optarg; break;
		case 'p':
			if (!instrument_add(&bench.in, optarg))
				instrument_die("not NAME=PID,...: %s", optarg);
			break;
		case 'f': choice.first = number(optarg); break;
		case 'd': choice.count = number(optarg); break;
		case 'w': settings.in_flight = number(optarg); break;
		case 'c': bench.churn = true; break;
		default: return EXIT_USAGE;
		}
	}
	if (!lab || !settings.router || choice.first == 0 || choice.count == 0)
		instrument_die("--lab and --router are needed, and devices from 1 on");
	log_open("bench_load");
	log_set_level(LOG_WARNING);
	folder = memory_printf("%s/devices", lab);
	choice.folder = folder;
	if (load_people_read(&choice, &people, &err))
		instrument_die("%s", err.text);
	if (bench.churn)
		settings.churners = people.count;
	settings.store = load_person_store;
	bench.loop = loop_new();
	bench.load = load_new(bench.loop, &settings, people.list, people.count);
	if (load_link(bench.load, &err))
		instrument_die("%s", err.text);
	load_log_in(bench.load);
	if (load_online(bench.load) != people.count)
		instrument_die("%zu of %zu devices could log in", load_online(bench.load), people.count);
	instrument_serve(&bench.in, do_round, idle, &bench);
	load_log_out(bench.load);
	load_free(&bench.load);
	load_people_free(&people);
	loop_free(&bench.loop);
	free(folder);
	return EXIT_DONE;
}
