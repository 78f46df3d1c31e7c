#include <stdlib.h>

#include "base/log.h"
#include "collab/collab.h"

/* Its database, its keys, and what Kerberos is told by the environment. Tickets are kept in memory. */
static void confine(struct daemon *d, const struct collab_settings *set)
{
	struct confine *policy = confine_new();

	confine_read_system(policy);
	db_files(set->database, set->install_key, policy);
	confine_read(policy, set->tls_certificate);
	confine_read(policy, set->tls_key);
	confine_read(policy, set->tls_ca);
	confine_read(policy, set->trust_ca);
	confine_read(policy, getenv("KRB5_CONFIG"));
	daemon_confine(d, &policy, CONFINE_FILES | CONFINE_SOCKETS);
}

int main(int argc, char **argv)
{
	struct collab_settings set;
	struct daemon *d = daemon_start(argc, argv, &collab_program, &set.common);
	struct error err;
	int status = EXIT_DATABASE;
	struct collab *c;
	struct db *db;
	bool fenced;

	confine(d, &set);
	db = db_open(daemon_loop(d), set.database, set.install_key, DB_EXISTING, false, &err);
	c = db ? collab_new(daemon_loop(d), &set, db, daemon_trail(d), &status, &err) : NULL;
	if (!c)
		fatal((enum exit_status)status, "%s", err.text);
	control_server_add(daemon_control(d), collab_verbs, c);
	daemon_status_hook(d, collab_status, c);
	history_count(daemon_history(d), collab_count, c);

	daemon_run(d);
	fenced = collab_is_fenced(c);
	collab_free(&c);
	db_close(&db);
	status = daemon_stop(d);
	return fenced ? EXIT_REFUSED : status;
}
