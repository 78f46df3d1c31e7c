#include "simulator/cwa/cwa.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/io/daemon.h"
#include "base/io/tls.h"
#include "base/io/trail_verbs.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/settings.h"
#include "simulator/cwa/cwa_server.h"
#include "simulator/life.h"

struct options {
	const char *listen, *world, *certificate, *key, *control, *keytab, *history;
	const char *next_hop, *hop_certificate, *hop_key, *hop_ca, *name;
	struct sim_fault_words faults;
	bool http, forms, iwa, native, manual_clock;
	uint64_t clock_ms;
	uint32_t capacity, throttle, hold, poll, busy_poll, idle, ticket, renew, accept;
};

enum { OPTION_LISTEN = 256, OPTION_WORLD, OPTION_HTTP, OPTION_CERTIFICATE, OPTION_KEY, OPTION_CONTROL, OPTION_SIGN_IN, OPTION_KEYTAB, OPTION_NATIVE,
	OPTION_NEXT_HOP, OPTION_HOP_CERTIFICATE, OPTION_HOP_KEY, OPTION_HOP_CA, OPTION_NAME, OPTION_FAULT, OPTION_CLOCK, OPTION_HISTORY, OPTION_LOG_LEVEL, OPTION_HELP, OPTION_NUMBERS };

/* Those that are a number or a duration. */
static const struct {
	const char *name;
	size_t offset;
	bool duration;
	uint32_t min, max;
} numbers[] = {
	{ "capacity", offsetof(struct options, capacity), false, 0, 1000000 },
	{ "throttle", offsetof(struct options, throttle), false, 0, 1000000 },
	{ "hold", offsetof(struct options, hold), true, 0, 60000 },
	{ "poll", offsetof(struct options, poll), true, 1, 15000 },
	{ "busy-poll", offsetof(struct options, busy_poll), true, 1, 15000 },
	{ "idle", offsetof(struct options, idle), true, 1000, 86400000 },
	{ "ticket", offsetof(struct options, ticket), true, 1000, 604800000 },
	{ "renew", offsetof(struct options, renew), true, 0, 604800000 },
	{ "accept", offsetof(struct options, accept), true, 0, 600000 },
};

#define NUMBER(name, i) { name, required_argument, NULL, OPTION_NUMBERS + (i) }
static const struct option long_options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "world", required_argument, NULL, OPTION_WORLD },
	{ "http", no_argument, NULL, OPTION_HTTP },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "sign-in", required_argument, NULL, OPTION_SIGN_IN },
	{ "keytab", required_argument, NULL, OPTION_KEYTAB },
	{ "native-2005", no_argument, NULL, OPTION_NATIVE },
	{ "next-hop", required_argument, NULL, OPTION_NEXT_HOP },
	{ "next-hop-certificate", required_argument, NULL, OPTION_HOP_CERTIFICATE },
	{ "next-hop-key", required_argument, NULL, OPTION_HOP_KEY },
	{ "next-hop-ca", required_argument, NULL, OPTION_HOP_CA },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "fault", required_argument, NULL, OPTION_FAULT },
	{ "clock", required_argument, NULL, OPTION_CLOCK },
	{ "history", required_argument, NULL, OPTION_HISTORY },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	NUMBER("capacity", 0), NUMBER("throttle", 1), NUMBER("hold", 2), NUMBER("poll", 3), NUMBER("busy-poll", 4), NUMBER("idle", 5),
	NUMBER("ticket", 6), NUMBER("renew", 7), NUMBER("accept", 8),
	{ NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: bramble-sim cwa --world FILE [OPTIONS]\n\n"
		"A Communicator Web Access server for the people of a world.xml: HTTPS, XML (profile ocs2007) and JSON (profile lcs2005).\n\n"
		"  --listen ADDRESS:PORT  where [127.0.0.1:8443]; port 0: the kernel picks, the log says which\n"
		"  --world FILE           the people, their passwords and contacts\n"
		"  --http                 without TLS\n"
		"  --certificate FILE     PEM certificate [cwa.crt]; when it and its key are missing, a self-signed one is made\n"
		"  --key FILE             PEM key [cwa.key]\n"
		"  --control SOCKET       serve census, kick, load, capacity, fault and the clock on this Unix socket\n"
		"  --sign-in HOW          forms, iwa or both [both]; iwa: Integrated Windows Authentication (NTLM, Kerberos, SPNEGO)\n"
		"  --keytab FILE          the key of HTTP/HOST, for Kerberos\n"
		"  --native-2005          also serve what public scripts for the 2005 release send; they sign in by iwa\n"
		"  --next-hop HOST:PORT   the Communications Server on which the users live, by mutual TLS [none: they live here]\n"
		"  --next-hop-ca FILE     PEM certificates of the CAs that its certificate, with HOST in it, may be signed by\n"
		"  --next-hop-certificate FILE  PEM certificate that is shown to it [that of --certificate]\n"
		"  --next-hop-key FILE    its PEM key [that of --key]\n"
		"  --name FQDN            what this server calls itself there [localhost]\n"
		"  --capacity N           sessions at once; further ones are refused with 18101 [0: no limit]\n"
		"  --throttle N           methods of a session within a second; further ones are refused with 18101 [100; 0: no limit]\n"
		"  --hold TIME            how long a request for events waits for one, up to 60s [20s; 0: paced polling]\n"
		"  --poll TIME            the pause that clients are told between such requests [3s]\n"
		"  --busy-poll TIME       the same while they have a conversation [1s]\n"
		"  --idle TIME            a session without a request ends [10m]\n"
		"  --ticket TIME          life of a ticket [8h]\n"
		"  --renew TIME           age of a ticket from which on a new one is handed out [15m]\n"
		"  --accept TIME          after this the most active client of a person accepts an invitation by itself [7s; 0: never]\n"
		"  --fault WORD           misbehaves: delay=MS, drop, garble, split, refuse=CODE, half-close or close, then any of\n"
		"                         ,user=NAME ,on=METHOD ,nth=N ,count=N ,after=TIME ,for=TIME; may be given several times\n"
		"  --clock manual[:MS]    a clock that stands (at MS, usually 1000000) until it is moved over the control socket\n"
		"  --history PATH         writes what `bramble check` reads to this file (.jsonl) or folder\n"
		"  --log-level LEVEL      error, warning, info or debug [info]\n"
		"  --help                 this text\n\n"
		"SIGTERM and SIGINT end it: requests that wait are answered first.\n");
}

static int usage(const char *format, const char *value) __attribute__((format(printf, 1, 0)));

static int usage(const char *format, const char *value)
{
	fprintf(stderr, "bramble-sim cwa: ");
	fprintf(stderr, format, value);
	fprintf(stderr, "; --help tells more\n");
	return EXIT_USAGE;
}

static int parse_number(struct options *o, size_t which, const char *text)
{
	uint64_t value;
	char *end;
	struct error err;

	if (numbers[which].duration) {
		if (duration_parse(text, &value, &err) < 0)
			return 1 + usage("%s", err.text);
	} else {
		value = strtoul(text, &end, 10);
		if (*end || end == text || text[0] == '-')
			value = UINT64_MAX;
	}
	if (value < numbers[which].min || value > numbers[which].max) {
		fprintf(stderr, "bramble-sim cwa: --%s is %u to %u%s, not %s; --help tells more\n", numbers[which].name, numbers[which].min,
			numbers[which].max, numbers[which].duration ? " milliseconds" : "", log_str(text));
		return 1 + EXIT_USAGE;
	}
	*(uint32_t *)(void *)((char *)o + numbers[which].offset) = (uint32_t)value;
	return 0;
}

static int parse_sign_in(struct options *o, const char *how)
{
	o->forms = strcmp(how, "iwa") != 0;
	o->iwa = strcmp(how, "forms") != 0;
	if (strcmp(how, "both") != 0 && o->forms && o->iwa)
		return 1 + usage("--sign-in is forms, iwa or both, not %s", log_str(how));
	return 0;
}

/* 0 to go on; otherwise the exit status + 1. */
static int parse_option(struct options *o, int c, char **argv)
{
	enum log_level level;
	struct error err;

	switch (c) {
	case OPTION_LISTEN: o->listen = optarg; return 0;
	case OPTION_WORLD: o->world = optarg; return 0;
	case OPTION_HTTP: o->http = true; return 0;
	case OPTION_CERTIFICATE: o->certificate = optarg; return 0;
	case OPTION_KEY: o->key = optarg; return 0;
	case OPTION_CONTROL: o->control = optarg; return 0;
	case OPTION_NATIVE: o->native = true; return 0;
	case OPTION_KEYTAB: o->keytab = optarg; return 0;
	case OPTION_NEXT_HOP: o->next_hop = optarg; return 0;
	case OPTION_HOP_CERTIFICATE: o->hop_certificate = optarg; return 0;
	case OPTION_HOP_KEY: o->hop_key = optarg; return 0;
	case OPTION_HOP_CA: o->hop_ca = optarg; return 0;
	case OPTION_NAME:
		if (!address_is_host(optarg))
			return 1 + usage("--name is a host name, not %s", log_str(optarg));
		o->name = optarg;
		return 0;
	case OPTION_SIGN_IN: return parse_sign_in(o, optarg);
	case OPTION_FAULT:
		if (sim_fault_word(&o->faults, optarg, &err) < 0)
			return 1 + usage("%s", err.text);
		return 0;
	case OPTION_CLOCK:
		if (clock_option_parse(optarg, &o->clock_ms, &err) != 0)
			return 1 + usage("%s", err.text);
		o->manual_clock = true;
		return 0;
	case OPTION_HISTORY:
		o->history = optarg;
		return 0;
	case OPTION_LOG_LEVEL:
		if (log_level_parse(optarg, &level) < 0)
			return 1 + usage("--log-level is error, warning, info or debug, not %s", log_str(optarg));
		log_set_level(level);
		return 0;
	case OPTION_HELP:
		print_help(stdout);
		return 1 + EXIT_DONE;
	default:
		if (c >= OPTION_NUMBERS)
			return parse_number(o, (size_t)(c - OPTION_NUMBERS), optarg);
		return 1 + usage("unknown option or missing value: %s", log_str(argv[optind - 1]));
	}
}

static int check_next_hop(struct options *o)
{
	struct address address;
	struct error err = { "" };

	if (!o->next_hop) {
		if (o->hop_ca || o->hop_certificate || o->hop_key || o->name)
			return 1 + usage("--next-hop-... and --name go with %s", "--next-hop HOST:PORT");
		return 0;
	}
	if (address_parse(o->next_hop, &address, &err) < 0)
		return 1 + usage("--next-hop: %s", err.text);
	if (address.is_unix || !address.port)
		return 1 + usage("--next-hop is HOST:PORT with a port above 0, not %s", log_str(o->next_hop));
	if (!o->hop_ca)
		return 1 + usage("--next-hop needs %s: it is only spoken to when its certificate is good", "--next-hop-ca FILE");
	if (!o->hop_certificate != !o->hop_key)
		return 1 + usage("%s go together", "--next-hop-certificate and --next-hop-key");
	o->name = o->name ? o->name : "localhost";
	return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	int c, rc;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1)
		if ((rc = parse_option(o, c, argv)))
			return rc;
	if (optind < argc)
		return 1 + usage("nothing is expected after the options, but there is %s", log_str(argv[optind]));
	if (!o->world)
		return 1 + usage("%s is needed", "--world FILE");
	if (o->native && !o->iwa)
		return 1 + usage("%s needs iwa among --sign-in", "--native-2005");
	if (o->keytab && access(o->keytab, R_OK) < 0)
		return 1 + usage("--keytab %s cannot be read", log_str(o->keytab));
	return check_next_hop(o);
}

/* --- TLS -------------------------------------------------------------------------------------------------------------------------- */

static bool exists(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0;
}

/* RSA, which every client of the time can verify. */
static struct tls *make_tls(const struct options *o)
{
	struct error err = { "" };
	struct address address;
	struct tls *tls;

	if (o->http)
		return NULL;
	if (!exists(o->certificate) && !exists(o->key)) {
		bool other = address_parse(o->listen, &address, NULL) == 0 && strcmp(address.host, "127.0.0.1") != 0 &&
			strcmp(address.host, "localhost") != 0;
		char *names = memory_printf("localhost 127.0.0.1%s%s", other ? " " : "", other ? address.host : "");

		if (tls_make_self_signed(o->certificate, o->key, names, true, &err) < 0)
			fatal(EXIT_CONFIG, "%s", err.text);
		log_info("certificate made file=%s names=%s", log_str(o->certificate), log_str(names));
		free(names);
	}
	tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = o->certificate, .key_file = o->key }, &err);
	if (!tls)
		fatal(EXIT_CONFIG, "%s", err.text);
	return tls;
}

/* What is shown to the Communications Server, and what it must show. */
static struct tls *make_hop_tls(const struct options *o)
{
	const struct tls_settings settings = { .certificate_file = o->hop_certificate ? o->hop_certificate : o->certificate,
		.key_file = o->hop_key ? o->hop_key : o->key, .ca_file = o->hop_ca };
	struct error err = { "" };
	struct tls *tls = o->next_hop ? tls_new(&settings, &err) : NULL;

	if (o->next_hop && !tls)
		fatal(EXIT_CONFIG, "%s", err.text);
	return tls;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------- */

static void shut_down(void *server, loop_fn *done, void *arg)
{
	cwa_server_shutdown(server, done, arg);
}

static int run(int argc, char **argv)
{
	struct options o = { .listen = "127.0.0.1:8443", .certificate = "cwa.crt", .key = "cwa.key", .forms = true, .iwa = true, .throttle = 100,
		.hold = 20000, .poll = 3000, .busy_poll = 1000, .idle = 600000, .ticket = 28800000, .renew = 900000, .accept = 7000 };
	struct cwa_server_settings settings;
	struct cwa_server *server;
	struct trail *trail;
	struct error err = { "" };
	struct world *world;
	struct loop *loop;
	char *ready;
	int rc = parse_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	log_open("cwa");
	world = world_load(o.world, &err);
	if (!world)
		fatal(EXIT_CONFIG, "%s", err.text);
	loop = sim_life_loop(o.manual_clock, o.clock_ms);
	trail = trail_new(TRAIL_ENTRIES);
	trail_set_clock(trail, loop);
	settings = (struct cwa_server_settings){ .listen = o.listen, .tls = make_tls(&o), .forms = o.forms, .iwa = o.iwa, .native = o.native, .keytab = o.keytab,
		.capacity = o.capacity, .throttle = o.throttle, .hold_ms = o.hold, .poll_ms = o.poll, .busy_poll_ms = o.busy_poll,
		.uplink = { o.next_hop, make_hop_tls(&o), o.name, trail }, .idle_ms = o.idle, .ticket_ms = o.ticket, .renew_ms = o.renew, .accept_ms = o.accept,
		.records = trail };
	server = cwa_server_new(loop, world, &settings, &err);
	if (!server)
		fatal(EXIT_BIND, "%s", err.text);
	ready = memory_printf("listen=%s users=%zu tls=%s: %s", cwa_server_address(server), world->user_count, o.http ? "no" : "yes",
		cwa_server_home(server));
	sim_life_run(loop, &(struct sim_served){ .server = server, .faults = cwa_server_faults(server), .words = &o.faults, .control = o.control,
		.history = { .path = o.history, .process = "cwa" },
		.count = cwa_server_count, .verbs = cwa_server_verbs, .trail = trail, .shutdown_help = "answers the requests that wait, closes, ends",
		.shutdown = shut_down }, ready);
	free(ready);
	cwa_server_free(&server);
	trail_free(&trail);
	tls_free(&settings.tls);
	tls_free(&settings.uplink.tls);
	loop_free(&loop);
	world_free(&world);
	log_info("end");
	return EXIT_DONE;
}

const struct sim_command sim_cwa = { "cwa", "a Communicator Web Access server", run };
