#include "base/io/address.h"
#include "base/log.h"
#include "dispatcher/dispatcher.h"

static const struct daemon_program program = {
	.name = "dispatcher",
	.help = "opens and seals what devices and services say to each other",
	.settings = dispatcher_setting_table,
};

/* Its database, its keys and its sockets. */
static void confine(struct daemon *d, const struct dispatcher_settings *set)
{
	struct confine *policy = confine_new();

	confine_read_system(policy);
	db_files(set->database, set->install_key, policy);
	confine_read(policy, set->tls_certificate);
	confine_read(policy, set->tls_key);
	confine_read(policy, set->tls_ca);
	confine_write_beside(policy, address_unix_path(set->listen));
	daemon_confine(d, &policy, CONFINE_FILES | CONFINE_SOCKETS);
}

int main(int argc, char **argv)
{
	struct dispatcher_settings set = { 0 };
	struct daemon *d = daemon_start(argc, argv, &program, &set.common);
	struct error err;
	int status = EXIT_INTERNAL;
	struct dispatcher *dispatcher;
	struct db *db;

	confine(d, &set);
	db = db_open(daemon_loop(d), set.database, set.install_key, DB_EXISTING, false, &err);
	if (!db)
		fatal(EXIT_DATABASE, "%s", err.text);
	dispatcher = dispatcher_new(daemon_loop(d), &set, db, daemon_trail(d), &status, &err);
	if (!dispatcher)
		fatal((enum exit_status)status, "%s", err.text);
	control_server_add(daemon_control(d), dispatcher_verbs, dispatcher);
	daemon_status_hook(d, dispatcher_status, dispatcher);

	daemon_run(d);
	dispatcher_free(&dispatcher);
	db_close(&db);
	settings_free(dispatcher_setting_table, &set);
	return daemon_stop(d);
}
