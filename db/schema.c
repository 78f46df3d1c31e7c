#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "db/core.h"
#include "db/migrations.h"

static int newest(void)
{
	int version = 0;

	for (const struct db_migration *m = db_migrations; m->number; m++)
		version = m->number;
	return version;
}

static int check_version(struct driver *driver, const char *where, struct error *err)
{
	int version = driver->ops->schema_version(driver, err);

	if (version > newest())
		return error_set(err, "the configuration database %s has schema version %d, this program knows versions up to %d: use "
			"the newer program, or a backup from before the upgrade", where, version, newest());
	return version;
}

/* A migration and the row that says so are one transaction; another program may have been faster. */
static int apply(struct driver *driver, const struct db_migration *m, const char *where, struct error *err)
{
	const struct driver_ops *ops = driver->ops;
	char note[160];
	int version = check_version(driver, where, err);

	if (version < 0 || version >= m->number)
		return version < 0 ? -1 : 0;
	if (version != m->number - 1)
		return error_set(err, "the configuration database %s has schema version %d, and %s needs %d before it", where, version,
			m->name, m->number - 1);
	snprintf(note, sizeof note, "INSERT INTO emu_SchemaVersion (Version, Name, AppliedMs) VALUES (%d, '%s', %llu)", m->number,
		m->name, (unsigned long long)loop_wall_ms());
	if (((!m->engine || strcmp(m->engine, ops->name) == 0) && ops->run(driver, m->sql) != DRIVER_DONE) || ops->run(driver, note) != DRIVER_DONE)
		return error_set(err, "%s (migration %s)", ops->error(driver), m->name);
	return 0;
}

/* Waits a moment for a lock: several programs of one installation start together. */
static int begin(struct driver *driver, struct error *err)
{
	enum driver_result result = DRIVER_BUSY;

	for (uint64_t end = loop_real_us() + 2000000; loop_real_us() < end; usleep(1000)) {
		result = driver->ops->begin(driver, true);
		if (result != DRIVER_BUSY)
			break;
	}
	return result == DRIVER_DONE ? 0 : error_set(err, "%s", driver->ops->error(driver));
}

int schema_bring_up(const struct driver_ops *ops, struct driver *driver, const char *where, struct error *err)
{
	int version = check_version(driver, where, err);

	if (version < 0)
		return -1;
	for (const struct db_migration *m = db_migrations; m->number; m++) {
		if (m->number <= version)
			continue;
		if (begin(driver, err) < 0)
			return -1;
		if (apply(driver, m, where, err) < 0) {
			ops->rollback(driver);
			return -1;
		}
		if (ops->commit(driver) != DRIVER_DONE) {
			error_set(err, "%s (migration %s)", ops->error(driver), m->name);
			ops->rollback(driver);
			return -1;
		}
	}
	return 0;
}
