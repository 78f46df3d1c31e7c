#include "simulator/relay/relay.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io/clock_verbs.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/life.h"
#include "simulator/relay/relay_links.h"

struct options {
	struct relay_settings relay;
	const char *control, *history;
	struct sim_fault_words faults;
	bool manual_clock;
	uint64_t clock_ms;
};

enum { OPTION_LISTEN = 256, OPTION_TO, OPTION_UNIT, OPTION_SEED, OPTION_FAULT, OPTION_CONTROL, OPTION_HISTORY, OPTION_CLOCK, OPTION_LOG_LEVEL, OPTION_HELP };

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "to", required_argument, NULL, OPTION_TO },
	{ "unit", required_argument, NULL, OPTION_UNIT },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "fault", required_argument, NULL, OPTION_FAULT },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "history", required_argument, NULL, OPTION_HISTORY },
	{ "clock", required_argument, NULL, OPTION_CLOCK },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: bramble-sim relay --to ADDRESS:PORT [OPTIONS]\n\n"
		"A bad wire between any two of the processes: what comes in is passed on to the other side and back, but for what --fault does to it.\n\n"
		"  --listen ADDRESS:PORT  where [127.0.0.1:0]; port 0: the kernel picks, the log says which\n"
		"  --to ADDRESS:PORT      who is dialled for each connection\n"
		"  --unit chunk|frame|record  what faults befall: what one reading brings, a frame (ports 3101 and 3200), or a record of TLS [chunk]\n"
		"  --seed N               for chance= and for the places that are garbled: the same number, the same faults\n"
		"  --fault WORD           delay=MS, drop, duplicate, reorder, garble, split, half-close, close or half-open, then any of ,link=NUMBER\n"
		"                         ,on=up|down ,nth=N ,count=N ,chance=PERCENT ,after=TIME ,for=TIME; may be given several times\n"
		"  --history PATH         writes what `bramble check` reads to this file (.jsonl) or folder: whose connection each link is, and its faults\n"
		"  --control SOCKET       serve census, replay, fault and the clock on this Unix socket\n"
		"  --clock manual[:MS]    a clock that stands (at MS, usually 1000000) until it is moved over the control socket\n"
		"  --log-level LEVEL      error, warning, info or debug [info]\n"
		"  --help                 this text\n\n"
		"SIGTERM and SIGINT end it, and all connections over it.\n");
}

static int usage(const char *format, const char *value) __attribute__((format(printf, 1, 0)));

static int usage(const char *format, const char *value)
{
	fprintf(stderr, "bramble-sim relay: ");
	fprintf(stderr, format, value);
	fprintf(stderr, "; --help tells more\n");
	return EXIT_USAGE;
}

static int parse_unit(const char *text, enum relay_unit *out)
{
	for (int i = 0; relay_unit_names[i]; i++)
		if (strcmp(relay_unit_names[i], text) == 0) {
			*out = (enum relay_unit)i;
			return 0;
		}
	return -1;
}

static int parse_seed(const char *text, uint32_t *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || *text == '-' || value > UINT32_MAX)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

/* 0 to go on; otherwise the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *o)
{
	enum log_level level;
	struct error err;
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		switch (c) {
		case OPTION_LISTEN: o->relay.listen = optarg; break;
		case OPTION_TO: o->relay.to = optarg; break;
		case OPTION_CONTROL: o->control = optarg; break;
		case OPTION_HISTORY: o->history = optarg; break;
		case OPTION_UNIT:
			if (parse_unit(optarg, &o->relay.unit) < 0)
				return 1 + usage("--unit is chunk, frame or record, not %s", log_str(optarg));
			break;
		case OPTION_SEED:
			if (parse_seed(optarg, &o->relay.seed) < 0)
				return 1 + usage("--seed is 0 to 4294967295, not %s", log_str(optarg));
			break;
		case OPTION_FAULT:
			if (sim_fault_word(&o->faults, optarg, &err) < 0)
				return 1 + usage("%s", err.text);
			break;
		case OPTION_CLOCK:
			if (clock_option_parse(optarg, &o->clock_ms, &err) != 0)
				return 1 + usage("%s", err.text);
			o->manual_clock = true;
			break;
		case OPTION_LOG_LEVEL:
			if (log_level_parse(optarg, &level) < 0)
				return 1 + usage("--log-level is error, warning, info or debug, not %s", log_str(optarg));
			log_set_level(level);
			break;
		case OPTION_HELP:
			print_help(stdout);
			return 1 + EXIT_DONE;
		default:
			return 1 + usage("unknown option or missing value: %s", log_str(argv[optind - 1]));
		}
	}
	if (optind < argc)
		return 1 + usage("nothing is expected after the options, but there is %s", log_str(argv[optind]));
	if (!o->relay.to)
		return 1 + usage("%s is needed", "--to ADDRESS:PORT");
	return 0;
}

static int run(int argc, char **argv)
{
	struct options o = { .relay = { .listen = "127.0.0.1:0" } };
	struct error err = { "" };
	struct relay *relay;
	struct loop *loop;
	char *ready;
	int rc = parse_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	log_open("relay");
	loop = sim_life_loop(o.manual_clock, o.clock_ms);
	o.relay.records = trail_new(0);
	relay = relay_new(loop, &o.relay, &err);
	if (!relay)
		fatal(EXIT_BIND, "%s", err.text);
	ready = memory_printf("listen=%s to=%s", relay_address(relay), o.relay.to);
	sim_life_run(loop, &(struct sim_served){ .server = relay, .faults = relay_faults(relay), .words = &o.faults, .control = o.control,
		.history = { .path = o.history, .process = "relay" }, .records = o.relay.records, .verbs = relay_verbs, .shutdown_help = "closes all connections, ends",
		.shutdown = relay_shutdown }, ready);
	free(ready);
	relay_free(&relay);
	trail_free(&o.relay.records);
	loop_free(&loop);
	log_info("end");
	return EXIT_DONE;
}

const struct sim_command sim_relay = { "relay", "a bad wire between any two of the processes", run };
