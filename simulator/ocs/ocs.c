#include "simulator/ocs/ocs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io/address.h"
#include "base/io/daemon.h"
#include "base/io/tls.h"
#include "base/log.h"
#include "base/memory.h"
#include "simulator/life.h"
#include "simulator/ocs/ocs_server.h"

#define OCS_PORT 5061
#define OCS_TCP_PORT 5060

struct options {
	struct ocs_server_settings server;
	const char *world, *certificate, *key, *ca, *state, *control, *history;
	struct sim_fault_words faults;
	bool tcp_clients, manual_clock;
	uint64_t clock_ms;
};

enum { OPTION_LISTEN = 256, OPTION_LISTEN_TCP, OPTION_WORLD, OPTION_CERTIFICATE, OPTION_KEY, OPTION_CA, OPTION_TRUSTED, OPTION_CLIENTS,
	OPTION_NAME, OPTION_PROFILE, OPTION_STATE, OPTION_CONTROL, OPTION_FAULT, OPTION_CLOCK, OPTION_HISTORY, OPTION_LOG_LEVEL, OPTION_HELP };

static const struct option long_options[] = {
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "listen-tcp", required_argument, NULL, OPTION_LISTEN_TCP },
	{ "world", required_argument, NULL, OPTION_WORLD },
	{ "certificate", required_argument, NULL, OPTION_CERTIFICATE },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "ca", required_argument, NULL, OPTION_CA },
	{ "trusted-server", required_argument, NULL, OPTION_TRUSTED },
	{ "clients", required_argument, NULL, OPTION_CLIENTS },
	{ "name", required_argument, NULL, OPTION_NAME },
	{ "profile", required_argument, NULL, OPTION_PROFILE },
	{ "state", required_argument, NULL, OPTION_STATE },
	{ "control", required_argument, NULL, OPTION_CONTROL },
	{ "fault", required_argument, NULL, OPTION_FAULT },
	{ "clock", required_argument, NULL, OPTION_CLOCK },
	{ "history", required_argument, NULL, OPTION_HISTORY },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static void print_help(FILE *out)
{
	fprintf(out, "usage: bramble-sim ocs --world FILE --certificate FILE --key FILE [OPTIONS]\n\n"
		"A Live or Office Communications Server for the people of a world.xml: SIP over TLS. Servers it trusts (Communicator Web\n"
		"Access) bring users on line by mutual TLS; clients are let in by --clients, without a password.\n\n"
		"  --listen ADDRESS:PORT  where [127.0.0.1:%d]; port 0: the kernel picks, the log says which\n"
		"  --world FILE           the people and their contacts; a user's address is sip:ID@DOMAIN\n"
		"  --certificate FILE     PEM certificate of this server\n"
		"  --key FILE             its PEM key\n"
		"  --ca FILE              PEM certificates of the CAs whose servers may be trusted; without it no server is\n"
		"  --trusted-server NAME  a name in the certificate of a server whose users need no further proof; may be given several times.\n"
		"                         A peer with a good certificate and no such name is answered 403\n"
		"  --clients WHICH        who shows no certificate and is still let in: none, tls, tcp or tls,tcp [none]\n"
		"  --listen-tcp ADDRESS:PORT  where clients come in by clear TCP, with --clients tcp [127.0.0.1:%d]\n"
		"  --name FQDN            what this server calls itself [localhost]\n"
		"  --profile NAME         whose dialect of presence is offered: ocs2007 or lcs2005; who asks for the other one has it [ocs2007]\n"
		"  --state DIR            contact lists, access levels, notes and chosen states are kept in DIR/ocs, one file a user\n"
		"  --control SOCKET       serve census, kick, fault and the clock on this Unix socket\n"
		"  --fault WORD           misbehaves: delay=MS, drop, duplicate, reorder, garble, split, refuse=STATUS, half-close,\n"
		"                         close or half-open, then any of ,user=NAME ,on=METHOD ,nth=N ,count=N ,after=TIME ,for=TIME; may be\n"
		"                         given several times\n"
		"  --clock manual[:MS]    a clock that stands (at MS, usually 1000000) until it is moved over the control socket\n"
		"  --history PATH         writes what `bramble check` reads to this file (.jsonl) or folder\n"
		"  --log-level LEVEL      error, warning, info or debug [info]\n"
		"  --help                 this text\n\n"
		"Without --state what is changed is kept in memory alone. SIGTERM and SIGINT end it.\n", OCS_PORT, OCS_TCP_PORT);
}

static int usage(const char *format, const char *value) __attribute__((format(printf, 1, 0)));

static int usage(const char *format, const char *value)
{
	fprintf(stderr, "bramble-sim ocs: ");
	fprintf(stderr, format, value);
	fprintf(stderr, "; --help tells more\n");
	return EXIT_USAGE;
}

static int parse_clients(const char *text, struct options *o)
{
	char *copy = memory_str(text), *rest = copy, *word;
	int rc = 0;

	o->server.tls_clients = o->tcp_clients = false;
	while ((word = strsep(&rest, ","))) {
		if (strcmp(word, "tls") == 0)
			o->server.tls_clients = true;
		else if (strcmp(word, "tcp") == 0)
			o->tcp_clients = true;
		else if (strcmp(word, "none") != 0)
			rc = -1;
	}
	free(copy);
	return rc;
}

static int parse_option(int c, struct options *o)
{
	enum log_level level;
	struct error err;

	switch (c) {
	case OPTION_LISTEN: o->server.listen = optarg; break;
	case OPTION_LISTEN_TCP: o->server.listen_tcp = optarg; break;
	case OPTION_WORLD: o->world = optarg; break;
	case OPTION_CERTIFICATE: o->certificate = optarg; break;
	case OPTION_KEY: o->key = optarg; break;
	case OPTION_CA: o->ca = optarg; break;
	case OPTION_STATE: o->state = optarg; break;
	case OPTION_CONTROL: o->control = optarg; break;
	case OPTION_TRUSTED:
		if (!address_is_host(optarg))
			return 1 + usage("--trusted-server is a host name, not %s", log_str(optarg));
		if (o->server.trusted_count == OCS_TRUSTED_MAX)
			return 1 + usage("%s is one trusted server too many", log_str(optarg));
		o->server.trusted[o->server.trusted_count++] = optarg;
		break;
	case OPTION_CLIENTS:
		if (parse_clients(optarg, o) < 0)
			return 1 + usage("--clients is none, tls, tcp or tls,tcp, not %s", log_str(optarg));
		break;
	case OPTION_NAME:
		if (!address_is_host(optarg))
			return 1 + usage("--name is a host name, not %s", log_str(optarg));
		o->server.name = optarg;
		break;
	case OPTION_PROFILE:
		if (strcmp(optarg, "ocs2007") != 0 && strcmp(optarg, "lcs2005") != 0)
			return 1 + usage("--profile is ocs2007 or lcs2005, not %s", log_str(optarg));
		o->server.lcs2005 = strcmp(optarg, "lcs2005") == 0;
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
	case OPTION_HISTORY:
		o->history = optarg;
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
		return -1;
	}
	return 0;
}

/* 0 to go on; otherwise the exit status + 1. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int c, rc;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		rc = parse_option(c, o);
		if (rc < 0)
			return 1 + usage("unknown option or missing value: %s", log_str(argv[optind - 1]));
		if (rc)
			return rc;
	}
	if (optind < argc)
		return 1 + usage("nothing is expected after the options, but there is %s", log_str(argv[optind]));
	if (!o->world)
		return 1 + usage("%s is needed", "--world FILE");
	if (!o->certificate || !o->key)
		return 1 + usage("%s are needed", "--certificate FILE and --key FILE");
	if (o->server.trusted_count && !o->ca)
		return 1 + usage("%s is needed to know a trusted server", "--ca FILE");
	if (o->server.listen_tcp && !o->tcp_clients)
		return 1 + usage("%s goes with --clients tcp", "--listen-tcp");
	if (o->server.listen_tcp && !address_is_loopback(o->server.listen_tcp))
		return 1 + usage("--listen-tcp lets clients in without password or TLS: it takes a loopback address, not %s",
			log_str(o->server.listen_tcp));
	if (o->tcp_clients && !o->server.listen_tcp)
		o->server.listen_tcp = "127.0.0.1:5060";
	return 0;
}

/* --- life ---------------------------------------------------------------------------------------------------------------------------- */

static void shut_down(void *server, loop_fn *done, void *arg)
{
	ocs_server_shutdown(server, done, arg);
}

static int run(int argc, char **argv)
{
	struct options o = { .server = { .listen = "127.0.0.1:5061", .name = "localhost" } };
	struct ocs_server *server;
	struct error err = { "" };
	struct world *world;
	struct loop *loop;
	char *ready;
	int rc = parse_options(argc, argv, &o);

	if (rc)
		return rc - 1;
	log_open("ocs");
	world = world_load(o.world, &err);
	if (!world)
		fatal(EXIT_CONFIG, "%s", err.text);
	loop = sim_life_loop(o.manual_clock, o.clock_ms);
	o.server.tls = tls_new(&(struct tls_settings){ .server = true, .certificate_file = o.certificate, .key_file = o.key, .ca_file = o.ca,
		.ask_only = true }, &err);
	if (!o.server.tls)
		fatal(EXIT_CONFIG, "%s", err.text);
	o.server.records = trail_new(0);
	server = ocs_server_new(loop, world, &o.server, &err);
	if (!server)
		fatal(EXIT_BIND, "%s", err.text);
	if (o.state && ocs_server_keep(server, o.state, &err) < 0)
		fatal(EXIT_CONFIG, "%s", err.text);
	ready = memory_printf("listen=%s listen_tcp=%s users=%zu profile=%s", ocs_server_address(server),
		ocs_server_tcp_address(server) ? ocs_server_tcp_address(server) : "-", world->user_count,
		o.server.lcs2005 ? "lcs2005" : "ocs2007");
	sim_life_run(loop, &(struct sim_served){ .server = server, .faults = ocs_server_faults(server), .words = &o.faults, .control = o.control,
		.history = { .path = o.history, .process = "ocs" }, .records = o.server.records, .count = ocs_server_count,
		.verbs = ocs_server_verbs, .shutdown_help = "closes all links, ends",
		.shutdown = shut_down }, ready);
	free(ready);
	ocs_server_free(&server);
	trail_free(&o.server.records);
	tls_free(&o.server.tls);
	loop_free(&loop);
	world_free(&world);
	log_info("end");
	return EXIT_DONE;
}

const struct sim_command sim_ocs = { "ocs", "a Live or Office Communications Server", run };
