#include "db/driver.h"

#include <string.h>

#include "db/db.h"

const struct driver_ops *driver_choose(const char *url, const char **where)
{
	const char *colon = strchr(url, ':');
	bool bare = !colon || (strchr(url, '/') && strchr(url, '/') < colon);

	*where = url;
	if (strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0)
		return &driver_postgres;
	if (bare)
		return &driver_sqlite;
	*where = url + 7;
	return strncmp(url, "sqlite:", 7) == 0 ? &driver_sqlite : NULL;
}

void db_files(const char *url, const char *install_key_file, struct confine *confine)
{
	const char *where;
	const struct driver_ops *ops = driver_choose(url, &where);

	confine_read_beside(confine, install_key_file);
	if (ops)
		ops->files(where, confine);
}
