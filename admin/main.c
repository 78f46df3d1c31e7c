#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin/command.h"
#include "base/log.h"
#include "base/memory.h"

static const struct command commands[] = {
	{ "lab", "the whole pipeline on this machine: up, down, status, logs, kill, restart", lab_command, false },
	{ "demo", "the documented login flows on real processes, step by step", demo_command, false },
	{ "user", "who there is, and who may use the collaboration client", user_command, false },
	{ "device", "devices with their PINs and transport keys", device_command, false },
	{ "environment", "the IM servers that sessions are opened on", environment_command, false },
	{ "limits", "maximum sessions, timeouts and capacity of an IM environment", limits_command, false },
	{ "session", "IM sessions: list, watch, log out", session_command, false },
	{ "clock", "the lab's clock: show, advance, freeze, run", clock_command, false },
	{ "failover", "active and standby Collaboration Services: show, switch, claim", failover_command, false },
	{ "trace", "any login as numbered steps: list, show", trace_command, false },
	{ "srp", "SRP identities: add, list, enable again", srp_command, false },
	{ "config", "the settings of the daemons: check, show", config_command, false },
	{ "check", "histories of processes against what must hold of them", check_command, false },
	{ "decode", "any of our formats, field by field", decode_command, false },
	{ NULL, NULL, NULL, false },
};

int main(int argc, char **argv)
{
	log_open("bramble");
	memory_of_libraries();
	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && (strcmp(argv[1], "-V") == 0 || strcmp(argv[1], "--version") == 0)) {
		printf("bramble %s\n", BRAMBLE_VERSION);
		return EXIT_DONE;
	}
	return command_dispatch("bramble", "administers and inspects a Bramble lab or installation", commands, argc, argv);
}
