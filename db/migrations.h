#ifndef BRAMBLE_DB_MIGRATIONS_H
#define BRAMBLE_DB_MIGRATIONS_H

/* The numbered files of db/migrations, turned into a table when the program is built; it ends with { 0, 0, 0, 0 }.
 * Each takes a database from number - 1 to number and is never edited once it was released. */
struct db_migration {
	int number;
	const char *name;
	const char *engine;      /* NNNN_x.ENGINE.sql: what only this engine's databases need; the others only count it. NULL: all */
	const char *sql;
};
extern const struct db_migration db_migrations[];

#endif
