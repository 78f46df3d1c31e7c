#include "simulator/load/load_command.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/io/daemon.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "simulator/device/device_lab.h"
#include "simulator/load/load_output.h"
#include "simulator/load/load_people.h"
#include "simulator/load/load_plan.h"
#include "simulator/load/load_texts.h"

#define SOURCES_MAX 256
#define RESERVED_DESCRIPTORS 64        /* for files, the loop, a control connection */
#define PLAIN_SECONDS 5                /* between two lines of progress when it is not a terminal */
#define FIRST_MAX 1000000

struct options {
	const char *lab;
	struct load_people_choice people;
	struct load_settings load;
	struct load_output output;
	char sources[SOURCES_MAX][INET_ADDRSTRLEN];
	const char *source_list[SOURCES_MAX];
	bool closed, hold, has_for, quiet;
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: bramble-sim load --lab DIR --devices N [OPTIONS]\n"
		"       bramble-sim load --key-files FOLDER --router HOST:PORT --devices N [OPTIONS]\n"
		"       bramble-sim load merge FILE...      (bramble-sim load merge --help says more)\n\n"
		"Thousands of simulated devices in one process: all of them link, log in, say things to each other, log out. What is planned\n"
		"is measured from its planned time, however late it was done; every text is compared where it arrives.\n\n"
		"  --lab DIR             of the lab that runs in DIR, made by `bramble lab up --users N`\n"
		"  --key-files FOLDER    the devices' key files, PIN.json\n"
		"  --router HOST:PORT    [the lab's]\n"
		"  --people FILE         who has which device: lines PIN USER PASSWORD [22000001 user0001 user0001-secret and on]\n"
		"  --devices N           1 to 15000 [100]\n"
		"  --first K             from the K-th on, so that several processes share them [1]\n"
		"  --source A[-B]        dial from these IPv4 addresses in turn, as 127.0.0.1-127.0.0.8\n"
		"  --logins RATE         so many logins a second, by plan [as fast as --at-once lets them]\n"
		"  --at-once N           links and unplanned logins under way together [64]\n"
		"  --messages RATE       so many messages a second over all devices, by plan\n"
		"  --mode open|closed    by plan, or each device as fast as it is answered [open]\n"
		"  --in-flight W         with closed: messages of a device under way, 1 to %u [4]\n"
		"  --churn N             the last N devices log out and in again, --logins a second (closed: without pause)\n"
		"  --hold                they stay logged in, and send heartbeats\n"
		"  --warm-up TIME        before it is counted [2s]\n"
		"  --for TIME            how long it is counted [10s; 0 when there is nothing to do but to log in]\n"
		"  --timeout TIME        for a login, and at the end for what is still under way [30s]\n"
		"  --status-interval TIME  between heartbeats [what the service says]\n"
		"  --size N or N-M       bytes of a message, %d to %d [256]\n"
		"  --seed N              of the texts [1]\n", LOAD_IN_FLIGHT_MAX, LOAD_TEXT_MIN, LOAD_TEXT_MAX);
	load_output_help(out);
	fprintf(out,
		"  -q, --quiet           no progress on standard error\n"
		"  -h, --help            this text\n\n"
		"exit status: 0 done, 1 something was lost or timed out, a threshold failed, or no lab runs there, 2 usage, 3 a file is wrong,\n"
		"6 not all devices got a link in time\n");
}

static int refuse(const char *option, const char *why)
{
	fprintf(stderr, "bramble-sim load: %s: %s\n", option, why);
	return EXIT_USAGE + 1;
}

/* --- options ------------------------------------------------------------------------------------------------------------------ */

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
	if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
		return false;
	*out = strtoull(text, NULL, 10);
	return *out >= least && *out <= most;
}

static int take_sources(struct options *o, const char *text)
{
	static const char wanted[] = "it is an IPv4 address, or the first and the last of at most 256, as 127.0.0.1-127.0.0.8";
	const char *dash = strchr(text, '-');
	struct in_addr first, last;
	char from[INET_ADDRSTRLEN];
	uint32_t count;

	if (!bytes_copy_str(bytes_of(text, dash ? (size_t)(dash - text) : strlen(text)), from, sizeof from) ||
	    inet_pton(AF_INET, from, &first) != 1 || inet_pton(AF_INET, dash ? dash + 1 : from, &last) != 1)
		return refuse("--source", wanted);
	count = ntohl(last.s_addr) - ntohl(first.s_addr) + 1;
	if (ntohl(last.s_addr) < ntohl(first.s_addr) || count > SOURCES_MAX)
		return refuse("--source", wanted);
	for (uint32_t i = 0; i < count; i++) {
		struct in_addr at = { htonl(ntohl(first.s_addr) + i) };

		o->source_list[i] = inet_ntop(AF_INET, &at, o->sources[i], sizeof o->sources[i]);
	}
	o->load.sources = o->source_list;
	o->load.source_count = count;
	return 0;
}

static int take_size(struct options *o, const char *text)
{
	const char *dash = strchr(text, '-');
	char *first = bytes_dup(bytes_of(text, dash ? (size_t)(dash - text) : strlen(text)));
	uint64_t from, to;
	bool good = parse_number(first, LOAD_TEXT_MIN, LOAD_TEXT_MAX, &from) && parse_number(dash ? dash + 1 : first, from, LOAD_TEXT_MAX, &to);

	free(first);
	if (!good)
		return refuse("--size", "it is a number from 32 to 16384, or two of them, as 64-512");
	o->load.min_size = (size_t)from;
	o->load.max_size = (size_t)to;
	return 0;
}

enum { LAB = 256, KEY_FILES, ROUTER, PEOPLE, DEVICES, FIRST, SOURCE, LOGINS, AT_ONCE, MESSAGES, MODE, IN_FLIGHT, CHURN, HOLD, WARM_UP,
	FOR, TIMEOUT, STATUS_INTERVAL, SIZE, SEED };

/* Options that are a number, a rate or a time: their range and where they go. */
static int take_number(struct options *o, int option, const char *text)
{
	static const struct { int option; const char *name; uint64_t least, most; const char *wanted; } numbers[] = {
		{ DEVICES, "--devices", 1, LOAD_DEVICES_MAX, "it is a number from 1 to 15000" },
		{ FIRST, "--first", 1, FIRST_MAX, "it is a number from 1 to 1000000" },
		{ AT_ONCE, "--at-once", 1, LOAD_DEVICES_MAX, "it is a number from 1 to 15000" },
		{ IN_FLIGHT, "--in-flight", 1, LOAD_IN_FLIGHT_MAX, "it is a number from 1 to 16" },
		{ CHURN, "--churn", 1, LOAD_DEVICES_MAX, "it is a number from 1 to 15000" },
		{ SEED, "--seed", 0, INT64_MAX, "it is a number of at most 18 digits" },
	};
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (numbers[i].option == option && !parse_number(text, numbers[i].least, numbers[i].most, &value))
			return refuse(numbers[i].name, numbers[i].wanted);
	}
	if (option == DEVICES)
		o->people.count = (size_t)value;
	else if (option == FIRST)
		o->people.first = (size_t)value;
	else if (option == AT_ONCE)
		o->load.at_once = (unsigned)value;
	else if (option == IN_FLIGHT)
		o->load.in_flight = (unsigned)value;
	else if (option == CHURN)
		o->load.churners = (size_t)value;
	else
		o->load.seed = value;
	return 0;
}

static int take_rate(const char *name, const char *text, uint64_t *rate)
{
	struct error err;

	return load_rate_parse(text, rate, &err) ? refuse(name, err.text) : 0;
}

static int take_time(const char *name, const char *text, uint64_t most_ms, uint64_t *ms)
{
	struct error err;

	if (duration_parse(text, ms, &err))
		return refuse(name, err.text);
	return *ms > most_ms ? refuse(name, "at most a day") : 0;
}

static int take_option(struct options *o, int option, const char *value)
{
	struct address address;
	struct error err;

	switch (option) {
	case LAB:
		o->lab = value;
		return 0;
	case KEY_FILES:
		o->people.folder = value;
		return 0;
	case PEOPLE:
		o->people.file = value;
		return 0;
	case ROUTER:
		o->load.router = value;
		return address_parse(value, &address, &err) ? refuse("--router", err.text) : 0;
	case SOURCE:
		return take_sources(o, value);
	case LOGINS:
		return take_rate("--logins", value, &o->load.login_rate);
	case MESSAGES:
		return take_rate("--messages", value, &o->load.message_rate);
	case MODE:
		o->closed = strcmp(value, "closed") == 0;
		return o->closed || strcmp(value, "open") == 0 ? 0 : refuse("--mode", "it is open or closed");
	case HOLD:
		o->hold = true;
		return 0;
	case WARM_UP:
		return take_time("--warm-up", value, 86400000, &o->load.warm_up_ms);
	case FOR:
		o->has_for = true;
		return take_time("--for", value, 86400000, &o->load.for_ms);
	case TIMEOUT:
		return take_time("--timeout", value, 86400000, &o->load.timeout_ms);
	case STATUS_INTERVAL:
		return take_time("--status-interval", value, 86400000, &o->load.status_interval_ms);
	case SIZE:
		return take_size(o, value);
	default:
		return take_number(o, option, value);
	}
}

/* Options that belong together; as read_options. */
static int check_options(struct options *o)
{
	bool works = o->load.message_rate || o->load.churners || o->closed;

	if (!o->lab && !(o->people.folder && o->load.router))
		return refuse("--lab", "it is needed, or --key-files and --router");
	if (o->load.churners > o->people.count)
		return refuse("--churn", "these are more than --devices");
	if (o->closed && o->load.message_rate)
		return refuse("--messages", "in a closed loop the answers say how fast it goes; leave it out, or --mode");
	if (!o->closed && o->load.in_flight)
		return refuse("--in-flight", "it goes with --mode closed");
	if (!o->closed && o->load.churners && !o->load.login_rate)
		return refuse("--churn", "--logins says how many a second; or --mode closed");
	if (o->hold && works)
		return refuse("--hold", "it goes with neither --messages, --churn nor --mode closed");
	if ((o->load.message_rate || (o->closed && !o->load.churners)) && o->people.count - o->load.churners < 2)
		return refuse("--devices", "at least two talk to each other, beside those of --churn");
	if (o->closed && !o->load.in_flight)
		o->load.in_flight = 4;
	if (!works)
		o->load.warm_up_ms = 0;
	if (!works && !o->hold && !o->has_for)
		o->load.for_ms = 0;
	return 0;
}

/* 0 to go on; else the exit status plus one, so that --help can end well. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		LOAD_OUTPUT_OPTIONS,
		{ "lab", required_argument, NULL, LAB }, { "key-files", required_argument, NULL, KEY_FILES },
		{ "router", required_argument, NULL, ROUTER }, { "people", required_argument, NULL, PEOPLE },
		{ "devices", required_argument, NULL, DEVICES }, { "first", required_argument, NULL, FIRST },
		{ "source", required_argument, NULL, SOURCE }, { "logins", required_argument, NULL, LOGINS },
		{ "at-once", required_argument, NULL, AT_ONCE }, { "messages", required_argument, NULL, MESSAGES },
		{ "mode", required_argument, NULL, MODE }, { "in-flight", required_argument, NULL, IN_FLIGHT },
		{ "churn", required_argument, NULL, CHURN }, { "hold", no_argument, NULL, HOLD }, { "warm-up", required_argument, NULL, WARM_UP },
		{ "for", required_argument, NULL, FOR }, { "timeout", required_argument, NULL, TIMEOUT },
		{ "status-interval", required_argument, NULL, STATUS_INTERVAL }, { "size", required_argument, NULL, SIZE },
		{ "seed", required_argument, NULL, SEED }, { "quiet", no_argument, NULL, 'q' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct error err;
	int c;

	*o = (struct options){ .people = { .first = 1, .count = 100 }, .load = { .warm_up_ms = 2000, .for_ms = 10000, .seed = 1 } };
	load_output_init(&o->output);
	while ((c = getopt_long(argc, argv, "hq", known, NULL)) != -1) {
		int taken = load_output_option(&o->output, c, optarg, &err), status = 0;

		if (taken < 0) {
			fprintf(stderr, "bramble-sim load: %s\n", err.text);
			return EXIT_USAGE + 1;
		}
		if (c == 'h') {
			usage(stdout);
			return EXIT_DONE + 1;
		}
		if (c == '?')
			return EXIT_USAGE + 1;      /* getopt has said why */
		if (c == 'q')
			o->quiet = true;
		else if (!taken)
			status = take_option(o, c, optarg);
		if (status)
			return status;
	}
	if (optind < argc)
		return refuse(argv[optind], "this is no option");
	return check_options(o);
}

/* --- progress ------------------------------------------------------------------------------------------------------------------ */

struct progress {
	bool is_terminal;
	unsigned seconds;
};

static void on_second(void *ctx, const struct load *load)
{
	struct progress *progress = ctx;
	const struct load_result *r = load_result_of(load);
	const struct load_second *now = &r->seconds[r->second_count - 1];

	if (!progress->is_terminal && ++progress->seconds % PLAIN_SECONDS != 0)
		return;
	fprintf(stderr, "%s%4zu s  %-20s online %zu, logins %" PRIu64 "/s, messages %" PRIu64 "/s, p50 %s, p99 %s, refused %" PRIu64 "%s",
		progress->is_terminal ? "\r" : "", r->second_count, load_phase_name(load_phase_of(load)), load_online(load), now->logins,
		now->arrived, load_time_text(now->p50_us), load_time_text(now->p99_us), now->refused, progress->is_terminal ? "\033[K" : "\n");
}

/* --- the run -------------------------------------------------------------------------------------------------------------------- */

static void on_signal(void *arg)
{
	load_stop(arg);
}

/* What the command line leaves open, a lab says. */
static void take_from_lab(struct options *o, struct device_lab *lab)
{
	struct error err;
	int status;

	if (!o->lab)
		return;
	if (device_lab_open(o->lab, lab, &status, &err))
		fatal(status, "%s", err.text);
	if (lab->is_manual)
		fatal(EXIT_REFUSED, "the clock of the lab in %s stands: a load needs one that runs, see bramble clock run", o->lab);
	if (!o->load.router)
		o->load.router = lab->router;
	if (!o->people.folder)
		o->people.folder = lab->devices;
}

static void check_descriptors(size_t devices)
{
	unsigned long limit = daemon_raise_descriptors();
	unsigned long links = limit > RESERVED_DESCRIPTORS ? limit - RESERVED_DESCRIPTORS : 0;

	if (devices > links)
		fatal(EXIT_REFUSED, "this process may have %lu descriptors open, which is enough for %lu devices, not for %zu: raise its hard limit "
			"(ulimit -Hn), or let several processes share them (--first)", limit, links, devices);
}

static int run_load(const struct options *o, struct load_people *people)
{
	struct progress progress = { .is_terminal = isatty(STDERR_FILENO) };
	struct load_settings settings = o->load;
	struct loop *loop = loop_new();
	struct load *load;
	struct error err;
	int status;

	settings.store = load_person_store;
	settings.second = o->quiet ? NULL : on_second;
	settings.ctx = &progress;
	load = load_new(loop, &settings, people->list, people->count);
	loop_signal(loop, SIGINT, on_signal, load);
	loop_signal(loop, SIGTERM, on_signal, load);
	if (load_link(load, &err)) {
		fprintf(stderr, "bramble-sim load: %s\n", err.text);
		status = EXIT_TIMEOUT;
	} else {
		load_log_in(load);
		load_traffic(load);
		load_log_out(load);
		if (!o->quiet && progress.is_terminal)
			fputs("\r\033[K", stderr);
		status = load_output_write(&o->output, load_result_of(load));
	}
	load_free(&load);
	loop_free(&loop);
	return status;
}

static int run(int argc, char **argv)
{
	struct device_lab lab = { .router = NULL };
	struct load_people people;
	struct options o;
	struct error err;
	int status;

	if (argc > 1 && strcmp(argv[1], "merge") == 0)
		return load_merge(argc - 1, argv + 1);
	status = read_options(argc, argv, &o);
	if (status)
		return status - 1;
	log_open("load");
	log_set_level(LOG_ERROR);
	check_descriptors(o.people.count);
	take_from_lab(&o, &lab);
	if (load_people_read(&o.people, &people, &err))
		fatal(EXIT_CONFIG, "%s", err.text);
	status = run_load(&o, &people);
	load_people_free(&people);
	device_lab_free(&lab);
	return status;
}

const struct sim_command sim_load = {
	.name = "load",
	.help = "thousands of simulated devices in one process, and how long things take",
	.run = run,
};
