#include "simulator/device/device_command.h"

#include <getopt.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/io/clock_verbs.h"
#include "base/io/daemon.h"
#include "base/io/history.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "simulator/control.h"
#include "simulator/device/device_control.h"
#include "simulator/device/device_lab.h"
#include "simulator/device/device_lines.h"
#include "simulator/device/device_shell.h"

#define COUNT_MAX 100000

struct options {
	const char *router, *keys, *lab, *control, *history;
	char pin[9];                   /* with a lab; "": not given */
	unsigned long count;           /* 0: the one file */
	uint64_t status_interval_ms, login_timeout_ms, resend_ms, clock_ms;
	struct sim_fault_words faults;
	bool json, verbose, stay, manual_clock;
};

/* One device of the process, with its key file. */
struct unit {
	struct device_identity identity;
	char *path;
	bool durable;
	struct device_shell **shell;
	const struct device_printer *printer;
};

static void usage(FILE *out)
{
	fprintf(out,
		"usage: bramble-sim device --key-file FILE [OPTIONS]\n"
		"       bramble-sim device --lab DIR --pin PIN [OPTIONS]\n\n"
		"A simulated BlackBerry. It registers its PIN with the router and takes these lines from standard input:\n\n");
	device_lines_help(out);
	fprintf(out,
		"\n"
		"  --key-file FILE           who it is and its transport key, as `bramble device export` writes it; mode 0600\n"
		"  --count N                 N devices in this process: FILE is a folder, its first N *.json are taken\n"
		"  --lab DIR                 of the lab that runs in DIR: its router and its clock; a control socket among the others'\n"
		"  --pin PIN                 with --lab: the key file is DIR/devices/PIN.json; with --count N it is DIR/devices\n"
		"  --router HOST:PORT        [127.0.0.1:3101, or the lab's]\n"
		"  --control SOCKET          serve status, fault and the clock on this Unix socket [DIR/run/device-PROCESS.sock with --lab]\n"
		"  --clock manual[:MS]       a clock that stands (at MS, usually 1000000) until the control verb clock.advance [the lab's]\n"
		"  --history PATH            writes what `bramble check` reads to this file (.jsonl) or folder [the lab's]\n"
		"  --fault WORD              misbehaves: delay=MS, drop, duplicate, reorder, garble, split, close or half-open, then any of\n"
		"                            ,pin=PIN ,on=MESSAGE ,nth=N ,count=N ,after=TIME ,for=TIME; may be given several times\n"
		"  --status-interval TIME    between status messages, as 60s; default: what the service says at login\n"
		"  --login-timeout TIME      until a login without an answer has failed [60s]\n"
		"  --resend TIME             until what was not acknowledged is sent again [30s]\n"
		"  --json                    one JSON object per line instead of words\n"
		"  --stay                    go on when the input has ended (default: until nothing waits for an answer)\n"
		"  -v, --verbose             also status messages and acknowledgements; debug lines on standard error\n"
		"  -h, --help                this text\n"
		"\n"
		"exit status: 0 done, 1 no lab runs there, 2 usage, 3 the key file is wrong, 4 the control socket cannot be made, 6 the\n"
		"lab does not answer\n");
}

static int refuse(const char *option, const char *why)
{
	fprintf(stderr, "bramble-sim device: %s: %s\n", option, why);
	return EXIT_USAGE;
}

/* Options that belong together; as read_options. */
static int check_options(const struct options *o)
{
	if (o->pin[0] && !o->lab)
		return refuse("--pin", "it goes with --lab; else --key-file says who it is") + 1;
	if (o->pin[0] && (o->keys || o->count))
		return refuse("--pin", "it goes with neither --key-file nor --count, which say the same") + 1;
	if (o->lab && o->manual_clock)
		return refuse("--clock", "it does not go with --lab: the clock is the lab's") + 1;
	if (!o->keys && !o->pin[0] && !(o->lab && o->count))
		return refuse("--key-file", o->lab ? "it is needed, or --pin PIN, or --count N" :
			"it is needed; bramble device export writes one") + 1;
	return 0;
}

/* What the command line leaves open, a lab says. lab is filled when there is one. */
static void take_from_lab(struct options *o, struct device_lab *lab)
{
	struct error err;
	int status;

	if (!o->lab)
		return;
	if (device_lab_open(o->lab, lab, &status, &err))
		fatal(status, "%s", err.text);
	if (!o->router)
		o->router = lab->router;
	if (!o->control)
		o->control = lab->control;
	if (!o->history)
		o->history = lab->history;
	o->manual_clock = lab->is_manual;
	o->clock_ms = lab->now_ms;
}

/* 0 to go on; else the exit status plus one, so that --help can end well. */
static int read_options(int argc, char **argv, struct options *o)
{
	enum { KEY_FILE = 256, LAB, PIN, COUNT, ROUTER, CONTROL, CLOCK, HISTORY, FAULT, STATUS_INTERVAL, LOGIN_TIMEOUT, RESEND, JSON, STAY };
	static const struct option known[] = {
		{ "key-file", required_argument, NULL, KEY_FILE }, { "count", required_argument, NULL, COUNT },
		{ "lab", required_argument, NULL, LAB }, { "pin", required_argument, NULL, PIN },
		{ "control", required_argument, NULL, CONTROL }, { "clock", required_argument, NULL, CLOCK },
		{ "fault", required_argument, NULL, FAULT }, { "history", required_argument, NULL, HISTORY },
		{ "router", required_argument, NULL, ROUTER }, { "status-interval", required_argument, NULL, STATUS_INTERVAL },
		{ "login-timeout", required_argument, NULL, LOGIN_TIMEOUT }, { "resend", required_argument, NULL, RESEND },
		{ "json", no_argument, NULL, JSON }, { "stay", no_argument, NULL, STAY }, { "verbose", no_argument, NULL, 'v' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	struct address address;
	struct error err;
	uint32_t pin;
	char *end;
	int c;

	*o = (struct options){ .router = NULL };
	while ((c = getopt_long(argc, argv, "hv", known, NULL)) != -1) {
		switch (c) {
		case KEY_FILE:
			o->keys = optarg;
			break;
		case COUNT:
			o->count = strtoul(optarg, &end, 10);
			if (*end || o->count == 0 || o->count > COUNT_MAX)
				return refuse("--count", "it is a number from 1 to 100000") + 1;
			break;
		case ROUTER:
			o->router = optarg;
			if (address_parse(optarg, &address, &err))
				return refuse("--router", err.text) + 1;
			break;
		case LAB:
			o->lab = optarg;
			break;
		case PIN:
			if (pin_parse(bytes_str(optarg), &pin))
				return refuse("--pin", "it has 8 hex digits, as 2100000A") + 1;
			bytes_copy_str(bytes_str(pin_text(pin)), o->pin, sizeof o->pin);
			break;
		case CONTROL:
			o->control = optarg;
			break;
		case CLOCK:
			if (clock_option_parse(optarg, &o->clock_ms, &err))
				return refuse("--clock", err.text) + 1;
			o->manual_clock = true;
			break;
		case HISTORY:
			o->history = optarg;
			break;
		case FAULT:
			if (sim_fault_word(&o->faults, optarg, &err))
				return refuse("--fault", err.text) + 1;
			break;
		case STATUS_INTERVAL:
			if (duration_parse(optarg, &o->status_interval_ms, &err))
				return refuse("--status-interval", err.text) + 1;
			break;
		case LOGIN_TIMEOUT:
			if (duration_parse(optarg, &o->login_timeout_ms, &err))
				return refuse("--login-timeout", err.text) + 1;
			break;
		case RESEND:
			if (duration_parse(optarg, &o->resend_ms, &err))
				return refuse("--resend", err.text) + 1;
			break;
		case JSON:
			o->json = true;
			break;
		case STAY:
			o->stay = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_DONE + 1;
		default:
			return EXIT_USAGE + 1;      /* getopt has said why */
		}
	}
	if (optind < argc)
		return refuse(argv[optind], "this is no option; commands come from standard input") + 1;
	return check_options(o);
}

static int store_keys(void *ctx, const struct device_identity *identity, struct error *err)
{
	struct unit *unit = ctx;

	return device_keys_store(unit->path, identity, unit->durable, err);
}

static void on_event(void *ctx, const struct device_event *event)
{
	struct unit *unit = ctx;

	device_print_event(unit->printer, event);
	if (*unit->shell)
		device_shell_event(*unit->shell);
}

/* The key files: the one, or the first count of the folder. The list ends with NULL; NULL with a sentence if it is too short. */
static char **key_files(const struct options *o, const struct device_lab *lab, struct error *err)
{
	char **paths = memory_new((o->count + 2) * sizeof(char *));
	const char *keys = o->keys ? o->keys : lab->devices;
	char *pattern;
	glob_t found;

	if (o->count == 0) {
		paths[0] = o->pin[0] ? memory_printf("%s/%s.json", keys, o->pin) : memory_str(keys);
		return paths;
	}
	pattern = memory_printf("%s/*.json", keys);
	if (glob(pattern, 0, NULL, &found) || found.gl_pathc < o->count) {
		error_set(err, "%s has not the %lu *.json key files of --count", keys, o->count);
		free(paths);
		paths = NULL;
	}
	for (size_t i = 0; paths && i < o->count; i++)
		paths[i] = memory_str(found.gl_pathv[i]);
	globfree(&found);
	free(pattern);
	return paths;
}

static void stop(void *arg)
{
	loop_stop(arg);
}

/* For fault words: the PINs of this process. */
struct pins {
	const struct unit *units;
	size_t count;
};

static bool is_here(void *ctx, const char *text)
{
	const struct pins *pins = ctx;
	uint32_t pin;

	if (pin_parse(bytes_str(text), &pin))
		return false;
	for (size_t i = 0; i < pins->count; i++)
		if (pins->units[i].identity.pin == pin)
			return true;
	return false;
}

static void count_devices(void *ctx, struct trail_entry *entry)
{
	const struct device_crowd *crowd = ctx;
	size_t sessions = 0, unanswered = 0;

	for (size_t i = 0; i < crowd->count; i++) {
		sessions += device_session(crowd->devices[i]) != 0;
		unanswered += device_unacknowledged(crowd->devices[i]);
	}
	history_number(entry, "sessions", sessions);
	history_number(entry, "unanswered", unanswered);
}

static struct history *open_history(const struct options *o, struct loop *loop, struct trail *records, struct device_crowd *crowd)
{
	const struct history_settings settings = { .path = o->history, .process = "device" };
	struct error err;
	struct history *history = history_open(loop, records, &settings, &err);

	if (!history)
		fatal(EXIT_CONFIG, "%s", err.text);
	history_count(history, count_devices, crowd);
	return history;
}

static struct sim_control *open_control(const struct options *o, struct loop *loop, struct faults *faults, struct device_crowd *crowd,
	struct history *history)
{
	struct sim_control *control;
	struct error err;

	if (!o->control)
		return NULL;
	control = sim_control_new(loop, o->control, faults, &err);
	if (!control)
		fatal(EXIT_BIND, "%s", err.text);
	sim_control_add(control, device_verbs, crowd);
	sim_control_add(control, history_verbs, history);
	return control;
}

static void run_devices(const struct options *o, struct unit *units, size_t count)
{
	static const struct device_callbacks callbacks = { .event = on_event };
	struct device_printer printer = { .out = stdout, .json = o->json, .verbose = o->verbose, .many = count > 1 };
	struct device_history history = { .count = 0 };
	struct device_crowd crowd = { .devices = memory_new(count * sizeof(struct device *)), .count = count };
	struct pins pins = { units, count };
	struct faults *faults = device_faults_new(is_here, &pins);
	struct loop *loop = loop_new();
	struct trail *records = trail_new(0);
	struct history *recorded;
	struct sim_control *control;
	struct error err;
	struct channel *channel = channel_new();
	struct device_shell *shell = NULL;

	if (o->manual_clock)
		loop_clock_manual(loop, o->clock_ms);
	recorded = open_history(o, loop, records, &crowd);
	faults_record(faults, records);
	if (sim_fault_words_set(&o->faults, faults, loop_now_ms(loop), &err))
		fatal(EXIT_USAGE, "%s", err.text);
	control = open_control(o, loop, faults, &crowd, recorded);
	if (count == 1 && !o->json)
		printer.history = &history;
	loop_signal(loop, SIGTERM, stop, loop);
	loop_signal(loop, SIGINT, stop, loop);
	for (size_t i = 0; i < count; i++) {
		struct device_settings settings = {
			.router = o->router ? o->router : "127.0.0.1:3101", .identity = &units[i].identity, .channel = channel,
			.login_timeout_ms = o->login_timeout_ms, .resend_ms = o->resend_ms, .status_interval_ms = o->status_interval_ms, .store = store_keys,
			.store_ctx = &units[i], .faults = faults, .records = records,
		};

		units[i].shell = &shell;
		units[i].printer = &printer;
		crowd.devices[i] = device_new(loop, &settings, &callbacks, &units[i]);
	}
	shell = device_shell_new(loop, crowd.devices, count, &printer, faults);
	device_shell_read(shell, STDIN_FILENO, o->stay);
	daemon_notify_ready();
	loop_run(loop);

	sim_control_free(&control);
	for (size_t i = 0; i < count; i++)
		device_free(&crowd.devices[i]);
	history_free(&recorded);
	trail_free(&records);
	faults_free(&faults);
	device_shell_free(&shell);
	device_history_clear(&history);
	channel_free(&channel);
	loop_free(&loop);
	free(crowd.devices);
}

static int run(int argc, char **argv)
{
	struct device_lab lab = { .router = NULL };
	struct options options;
	struct unit *units;
	struct error err;
	char **paths;
	size_t count;
	int status = read_options(argc, argv, &options);

	if (status)
		return status - 1;
	log_open("device");
	log_set_level(options.verbose ? LOG_DEBUG : LOG_WARNING);
	daemon_raise_descriptors();
	take_from_lab(&options, &lab);
	paths = key_files(&options, &lab, &err);
	if (!paths)
		fatal(EXIT_CONFIG, "%s", err.text);
	count = options.count ? options.count : 1;
	units = memory_new(count * sizeof *units);
	for (size_t i = 0; i < count; i++) {
		units[i].path = paths[i];
		units[i].durable = count == 1;      /* a thousand devices must not wait for the disk one by one */
		if (device_keys_load(paths[i], &units[i].identity, &err))
			fatal(EXIT_CONFIG, "%s", err.text);
	}
	run_devices(&options, units, count);
	for (size_t i = 0; i < count; i++) {
		device_identity_free(&units[i].identity);
		free(units[i].path);
	}
	free(units);
	free(paths);
	device_lab_free(&lab);
	return EXIT_DONE;
}

const struct sim_command sim_device = {
	.name = "device",
	.help = "a simulated BlackBerry with its IM client",
	.run = run,
};
