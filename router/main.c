#include "base/io/address.h"
#include "base/log.h"
#include "router/keeper.h"
#include "router/router.h"

static const struct daemon_program program = {
	.name = "router",
	.help = "lets services in that prove their SRP identifier and devices that register their PIN, keeps each PIN's coverage, "
		"and hands envelopes that it cannot read from one to the other",
	.settings = router_setting_table,
};

/* No files at all and no sockets but those that are open, and that come to them. */
static void confine(struct daemon *d, struct router *router, const struct router_settings *set)
{
	static struct keeper_files files;
	struct confine *policy = confine_new();
	struct keeper *keeper;
	struct error err;

	if (set->common.confine != CONFINE_NO) {
		files = (struct keeper_files){ set->identities, set->state,
			{ daemon_socket(d), address_unix_path(set->listen),
				set->device_listen ? address_unix_path(set->device_listen) : NULL } };
		keeper = keeper_start(&files, &err);
		if (!keeper)
			fatal(EXIT_INTERNAL, "%s", err.text);
		router_use(router, keeper);
	}
	daemon_confine(d, &policy, 0);
}

int main(int argc, char **argv)
{
	struct router_settings set = { 0 };
	struct daemon *d = daemon_start(argc, argv, &program, &set.common);
	struct router *router = router_new(daemon_loop(d), &set, daemon_trail(d));

	control_server_add(daemon_control(d), router_verbs, router);
	daemon_status_hook(d, router_status, router);
	confine(d, router, &set);
	daemon_run(d);
	router_shutdown(router);
	router_free(&router);
	return daemon_stop(d);
}
