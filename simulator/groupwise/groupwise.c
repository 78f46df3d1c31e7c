#include "simulator/groupwise/groupwise.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/io/daemon.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/codes.h"
#include "simulator/groupwise/gw_server.h"
#include "simulator/life.h"

struct options {
	const char *listen, *world, *certificate, *key, *state, *control, *history;
	struct sim_fault_words faults;
	uint32_t capacity, keepalive;
	bool auth_attribute, several_sessions, manual_clock;
	uint64_t clock_ms;
};

enum { OPTION_LISTEN = 256, OPTION_WORLD, OPTION_CERTIFICATE, OPTION_KEY, OPTION_STATE, OPTION_CONTROL, OPTION_CAPACITY,
	OPTION_KEEPALIVE, OPTION_SESSIONS, OPTION_FAULT, OPTION_AUTH_ATTRIBUTE, OPTION_CLOCK, OPTION_HISTORY, OPTION_LOG_LEVEL, OPTION_HELP };

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "world", required_argument, NULL, OPTION_WORLD },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "capacity", required_argument, NULL, OPTION_CAPACITY },
	{ "keepalive", required_argument, NULL, OPTION_KEEPALIVE },
	{ "sessions", required_argument, NULL, OPTION_SESSIONS },
	{ "fault", required_argument, NULL, OPTION_FAULT },
	{ "auth-attribute", no_argument, NULL, OPTION_AUTH_ATTRIBUTE },
	{ "clock", required_argument, NULL, OPTION_CLOCK },
	{ "history", required_argument, NULL, OPTION_HISTORY },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: bramble-sim groupwise --world FILE [OPTIONS]\n\n"
		"A GroupWise Messenger server for the people of a world.xml. Stock clients sign on to it over TLS.\n\n"
		"  --listen ADDRESS:PORT  where [127.0.0.1:%d]; port 0: the kernel picks, the log says which\n"
		"  --world FILE           the people, their passwords and contacts\n"
		"  --state DIR            contact lists, privacy and statuses are kept in DIR/groupwise, and so is the certificate made when\n"
		"                         none is given; without it nothing is kept and the certificate is made here\n"
		"  --certificate FILE     PEM certificate [DIR/groupwise.crt]; when it and its key are missing, a self-signed one is made\n"
		"  --key FILE             PEM key [DIR/groupwise.key]\n"
		"  --control SOCKET       serve census, kick, fault and the clock on this Unix socket\n"
		"  --capacity N           sessions at once; further logins are answered D123 [0: no limit]\n"
		"  --keepalive MINUTES    what clients are told; after twice that without a request a session ends [10]\n"
		"  --sessions one|several with one, a new login of a user ends his older session; with several, messages and status go to\n"
		"                         all of them [one]\n"
		"  --fault WORD           misbehaves: delay=MS, drop, duplicate, reorder, garble, split, refuse=CODE, half-close, close or\n"
		"                         half-open, then any of ,user=NAME ,on=REQUEST ,nth=N ,count=N ,after=TIME ,for=TIME; may be given\n"
		"                         several times\n"
		"  --auth-attribute       also send each user's plain id, which clients then show instead of the dotted name\n"
		"  --clock manual[:MS]    a clock that stands (at MS, usually 1000000) until it is moved over the control socket\n"
		"  --history PATH         writes what `bramble check` reads to this file (.jsonl) or folder\n"
		"  --log-level LEVEL      error, warning, info or debug [info]\n"
		"  --help                 this text\n\n"
		"SIGTERM and SIGINT end it: clients are told with event 115.\n", GW_PORT);
}

static int usage(const char *format, const char *value) __attribute__((format(printf, 1, 0)));

static int usage(const char *format, const char *value)
{
	fprintf(stderr, "bramble-sim groupwise: ");
	fprintf(stderr, format, value);
	fprintf(stderr, "; --help tells more\n");
	return EXIT_USAGE;
}

static int parse_number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || text[0] == '-' || value > max)
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
		case OPTION_LISTEN: o->listen = optarg; break;
		case OPTION_WORLD: o->world = optarg; break;
		case OPTION_CERTIFICATE: o->certificate = optarg; break;
		case OPTION_KEY: o->key = optarg; break;
		case OPTION_STATE: o->state = optarg; break;
		case OPTION_CONTROL: o->control = optarg; break;
		case OPTION_AUTH_ATTRIBUTE: o->auth_attribute = true; break;
		case OPTION_CAPACITY:
			if (parse_number(optarg, 1000000, &o->capacity) < 0)
				return 1 + usage("--capacity is 0 to 1000000, not %s", log_str(optarg));
			break;
		case OPTION_KEEPALIVE:
			if (parse_number(optarg, 10000, &o->keepalive) < 0 || !o->keepalive)
				return 1 + usage("--keepalive is 1 to 10000 minutes, not %s", log_str(optarg));
			break;
		case OPTION_SESSIONS:
			if (strcmp(optarg, "one") != 0 && strcmp(optarg, "several") != 0)
				return 1 + usage("--sessions is one or several, not %s", log_str(optarg));
			o->several_sessions = strcmp(optarg, "several") == 0;
			break;
		case OPTION_FAULT:
			if (sim_fault_word(&o->faults, optarg, &err) < 0)
				return 1 + usage("%s", err.text);
			break;
		case OPTION_HISTORY: o->history = optarg; break;
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
	if (!o->world)
		return 1 + usage("%s is needed", "--world FILE");
	return 0;
}

/* --- TLS -------------------------------------------------------------------------------------------------------------------------- */

static bool exists(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0;
}

/* The names a client may reach us by. */
static char *certificate_names(const char *listen)
{
	struct address address;

	if (address_parse(listen, &address, NULL) == 0 && strcmp(address.host, "127.0.0.1") != 0 &&
	    strcmp(address.host, "localhost") != 0)
		return memory_printf("localhost 127.0.0.1 %s", address.host);
	return memory_str("localhost 127.0.0.1");
}

/* RSA, which every client of the time can verify. */
static struct tls *make_tls(const struct options *o)
{
	const char *folder = o->state ? o->state : ".";
	char *certificate = o->certificate ? memory_str(o->certificate) : memory_printf("%s/groupwise.crt", folder);
	char *key = o->key ? memory_str(o->key) : memory_printf("%s/groupwise.key", folder);
	struct error err = { "" };
	struct tls *tls;

	if (!exists(certificate) && !exists(key)) {
		char *names = certificate_names(o->listen);

		if (tls_make_self_signed(certificate, key, names, true, &err) < 0)
			fatal(EXIT_CONFIG, "%s", err.text);
		log_info("certificate made file=%s names=%s", log_str(certificate), log_str(names));
		free(names);
	}
	tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = certificate, .key_file = key }, &err);
	if (!tls)
		fatal(EXIT_CONFIG, "%s", err.text);
	free(certificate);
	free(key);
	return tls;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------- */

static void shut_down(void *server, loop_fn *done, void *arg)
{
	gw_server_shutdown(server, done, arg);
}

static int run(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:8300", .keepalive = 10 };
	struct gw_server_settings settings;
	struct gw_server *server;
	struct error err = { "" };
	struct world *world;
	struct loop *loop;
	char *ready;
	int rc = parse_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	log_open("groupwise");
	world = world_load(o.world, &err);
	if (!world)
		fatal(EXIT_CONFIG, "%s", err.text);
	if (gw_world_check(world, &err) < 0)
		fatal(EXIT_CONFIG, "%s: %s", o.world, err.text);
	loop = sim_life_loop(o.manual_clock, o.clock_ms);
	settings = (struct gw_server_settings){ .listen = o.listen, .tls = make_tls(&o), .capacity = o.capacity,
		.keepalive_minutes = o.keepalive, .auth_attribute = o.auth_attribute,
		.several_sessions = o.several_sessions, .records = trail_new(0) };
	server = gw_server_new(loop, world, &settings, &err);
	if (!server)
		fatal(EXIT_BIND, "%s", err.text);
	if (o.state && gw_server_keep(server, o.state, &err) < 0)
		fatal(EXIT_CONFIG, "%s", err.text);
	ready = memory_printf("listen=%s users=%zu", gw_server_address(server), world->user_count);
	sim_life_run(loop, &(struct sim_served){ .server = server, .faults = gw_server_faults(server), .words = &o.faults, .control = o.control,
		.history = { .path = o.history, .process = "groupwise" }, .records = settings.records, .count = gw_server_count,
		.verbs = gw_server_verbs, .shutdown_help = "tells every client with event 115, closes, ends",
		.shutdown = shut_down }, ready);
	free(ready);
	gw_server_free(&server);
	trail_free(&settings.records);
	tls_free(&settings.tls);
	loop_free(&loop);
	world_free(&world);
	log_info("end");
	return EXIT_DONE;
}

const struct sim_command sim_groupwise = { "groupwise", "a GroupWise Messenger server", run };
