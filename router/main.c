#include "router/router.h"

static const struct daemon_program program = {
	.name = "router",
	.help = "lets services in that prove their SRP identifier and devices that register their PIN, keeps each PIN's coverage, "
		"and hands envelopes that it cannot read from one to the other",
	.settings = router_setting_table,
};

int main(int argc, char **argv)
{
	struct router_settings set = { 0 };
	struct daemon *d = daemon_start(argc, argv, &program, &set.common);
	struct router *router = router_new(daemon_loop(d), &set, daemon_trail(d));

	control_server_add(daemon_control(d), router_verbs, router);
	daemon_status_hook(d, router_status, router);
	daemon_run(d);
	router_shutdown(router);
	router_free(&router);
	return daemon_stop(d);
}
