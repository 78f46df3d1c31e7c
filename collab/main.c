#include "base/log.h"
#include "collab/collab.h"

int main(int argc, char **argv)
{
	struct collab_settings set;
	struct daemon *d = daemon_start(argc, argv, &collab_program, &set.common);
	struct error err;
	int status = EXIT_DATABASE;
	struct db *db = db_open(daemon_loop(d), set.database, set.install_key, DB_EXISTING, false, &err);
	struct collab *c = db ? collab_new(daemon_loop(d), &set, db, daemon_trail(d), &status, &err) : NULL;
	bool fenced;

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
