#ifndef BRAMBLE_DB_DRIVER_H
#define BRAMBLE_DB_DRIVER_H

#include "base/bytes.h"
#include "base/confine.h"
#include "base/error.h"

/* The seam under the verbs: what a database engine must offer. All of it is called from one thread at a time. Statements are
 * written with ?1 ?2 for their parameters; an engine that spells them otherwise rewrites them when it prepares. */

enum driver_result {
	DRIVER_DONE,
	DRIVER_ROW,
	DRIVER_BUSY,             /* somebody else holds a lock: nothing happened, try again */
	DRIVER_EXISTS,           /* a unique index refused it */
	DRIVER_REFUSED,          /* another constraint refused it */
	DRIVER_FAILED,           /* everything else; driver error() has the sentence */
	DRIVER_UNKNOWN,          /* of a commit only: it may have happened, or may yet */
};

enum db_value_kind { DB_VALUE_NULL, DB_VALUE_NUMBER, DB_VALUE_TEXT, DB_VALUE_BLOB };
struct db_value {
	enum db_value_kind kind;
	int64_t number;
	struct bytes bytes;      /* must live until the statement was stepped */
};

/* One statement of the program's list; see db/statements.h. */
struct db_statement { const char *name, *sql; };

struct driver;
struct driver_ops {
	const char *name;        /* as migrations that are one engine's call it: 0004_x.NAME.sql */
	bool waits;              /* one that was lost may be back in a moment: verbs wait for it until their deadline */
	/* How sentences call what the setting names: without a password. NULL with a sentence; the caller frees it. */
	char *(*place)(const char *where, struct error *err);
	/* NULL with a sentence that names the database and what to do. create: make it if it is missing. */
	struct driver *(*open)(const char *where, bool create, struct error *err);
	/* What it will open, now and when it opens again. */
	void (*files)(const char *where, struct confine *confine);
	void (*close)(struct driver *driver);
	/* Is what was opened no longer what the name stands for? A file may have been deleted or replaced, a connection lost. */
	bool (*moved)(struct driver *driver);
	/* The newest migration that was applied; 0: none, an empty database. -1 with a sentence. */
	int (*schema_version)(struct driver *driver, struct error *err);
	/* Several statements without parameters, in the words of the migrations, which the driver may spell otherwise. */
	enum driver_result (*run)(struct driver *driver, const char *sql);
	int (*prepare)(struct driver *driver, const struct db_statement *list, size_t count, struct error *err);

	enum driver_result (*begin)(struct driver *driver, bool write);
	enum driver_result (*commit)(struct driver *driver);     /* not DONE: roll back */
	void (*rollback)(struct driver *driver);

	/* Binds and leaves it before its first row. Rows end when it is started again or the transaction ends. */
	enum driver_result (*start)(struct driver *driver, size_t statement, const struct db_value *values, size_t count);
	enum driver_result (*step)(struct driver *driver, size_t statement);
	bool (*is_null)(struct driver *driver, size_t statement, int column);
	int64_t (*number)(struct driver *driver, size_t statement, int column);
	struct bytes (*bytes)(struct driver *driver, size_t statement, int column);   /* until the next step; text is terminated */
	uint64_t (*changed)(struct driver *driver);              /* rows that the last statement changed */

	/* The clock of the server, in milliseconds, when the transaction that writes began. NULL: the engine has none of its own, its
	 * processes are on one host. */
	uint64_t (*clock_ms)(struct driver *driver);

	/* Another value than last time: somebody else has committed a change. */
	enum driver_result (*data_version)(struct driver *driver, uint64_t *version);
	const char *(*error)(struct driver *driver);             /* why the last call failed: one sentence */
};

/* What every engine's own struct begins with. */
struct driver { const struct driver_ops *ops; };

extern const struct driver_ops driver_sqlite, driver_postgres;

/* The engine that a database setting names, and in *where what it is called there (within url). NULL: none of ours. */
const struct driver_ops *driver_choose(const char *url, const char **where);

#endif
