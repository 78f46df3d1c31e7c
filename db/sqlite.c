#include "db/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/memory.h"
#include "db/sqlite_memory.h"

/* In the file's header, so that another program's SQLite file is not taken for ours: "BRMB". */
#define APPLICATION_ID 0x42524d42
#define OPEN_TRIES 400
#define OPEN_PAUSE_US 5000

struct sqlite {
	struct driver driver;
	sqlite3 *db;
	char *path;
	dev_t device;
	ino_t inode;
	sqlite3_stmt **statements;
	size_t count;
	sqlite3_stmt *begin_read, *begin_write, *first_read, *commit, *rollback, *version;
	struct error error;
};

static struct sqlite *of(struct driver *driver)
{
	return (struct sqlite *)(void *)driver;
}

/* Every failure as a sentence with the file and what can be done. Never the SQL's values. */
static enum driver_result result_of(struct sqlite *s, int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return DRIVER_DONE;
	case SQLITE_ROW:
		return DRIVER_ROW;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		error_set(&s->error, "the configuration database %s is locked by another process", s->path);
		return DRIVER_BUSY;
	case SQLITE_CONSTRAINT:
		error_set(&s->error, "%s: %s", s->path, sqlite3_errmsg(s->db));
		return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ? DRIVER_EXISTS : DRIVER_REFUSED;
	case SQLITE_READONLY:
		error_set(&s->error, "the configuration database %s is read-only: give this user write access to the file and "
			"its folder", s->path);
		return DRIVER_FAILED;
	case SQLITE_FULL:
		error_set(&s->error, "no space is left for the configuration database %s", s->path);
		return DRIVER_FAILED;
	case SQLITE_NOTADB:
		error_set(&s->error, "%s is not a database (or it is damaged at its start): correct the setting 'database', or "
			"restore the file from a backup", s->path);
		return DRIVER_FAILED;
	case SQLITE_CORRUPT:
		error_set(&s->error, "the configuration database %s is damaged (%s): restore it from a backup", s->path,
			sqlite3_errmsg(s->db));
		return DRIVER_FAILED;
	case SQLITE_CANTOPEN:
		error_set(&s->error, "the configuration database %s cannot be opened (%s): check the file, its folder and their "
			"permissions", s->path, sqlite3_errmsg(s->db));
		return DRIVER_FAILED;
	case SQLITE_IOERR:
		error_set(&s->error, "reading or writing the configuration database %s failed (%s): check the disk and its space",
			s->path, sqlite3_errmsg(s->db));
		return DRIVER_FAILED;
	default:
		error_set(&s->error, "the configuration database %s: %s", s->path, sqlite3_errmsg(s->db));
		return DRIVER_FAILED;
	}
}

static void sqlite_close(struct driver *driver)
{
	struct sqlite *s = of(driver);

	for (size_t i = 0; i < s->count; i++)
		sqlite3_finalize(s->statements[i]);
	free(s->statements);
	sqlite3_finalize(s->begin_read);
	sqlite3_finalize(s->begin_write);
	sqlite3_finalize(s->first_read);
	sqlite3_finalize(s->commit);
	sqlite3_finalize(s->rollback);
	sqlite3_finalize(s->version);
	sqlite3_close(s->db);
	free(s->path);
	free(s);
}

/* The first row of a statement as text. A lock held for a moment (another program opening the file) is waited for. */
static int ask(struct sqlite *s, const char *sql, char *answer, size_t size, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	int code = SQLITE_OK;

	answer[0] = '\0';
	for (unsigned tries = 0; tries < OPEN_TRIES; tries++) {
		code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
		if (code == SQLITE_OK)
			code = sqlite3_step(statement);
		if ((code & 0xff) != SQLITE_BUSY)
			break;
		sqlite3_finalize(statement);
		statement = NULL;
		usleep(OPEN_PAUSE_US);
	}
	if (code == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		snprintf(answer, size, "%s", text ? (const char *)text : "");
	} else if (code != SQLITE_DONE) {
		result_of(s, code);
		sqlite3_finalize(statement);
		return error_set(err, "%s", s->error.text);
	}
	sqlite3_finalize(statement);
	return 0;
}

/* A misspelt PRAGMA is accepted without a word, so each is read back. */
static int set_pragma(struct sqlite *s, const char *name, const char *value, const char *expected, struct error *err)
{
	char sql[96], answer[64];

	snprintf(sql, sizeof sql, "PRAGMA %s = %s", name, value);
	if (ask(s, sql, answer, sizeof answer, err) < 0)
		return -1;
	snprintf(sql, sizeof sql, "PRAGMA %s", name);
	if (ask(s, sql, answer, sizeof answer, err) < 0)
		return -1;
	if (strcmp(answer, expected) != 0)
		return error_set(err, "the configuration database %s did not take %s = %s (it says '%s'): is it on a local disk?",
			s->path, name, value, answer);
	return 0;
}

/* Ours, or empty and becoming ours. */
static int check_application(struct sqlite *s, bool create, struct error *err)
{
	char answer[64], expected[16];

	snprintf(expected, sizeof expected, "%d", APPLICATION_ID);
	if (ask(s, "PRAGMA application_id", answer, sizeof answer, err) < 0)
		return -1;
	if (strcmp(answer, expected) == 0)
		return 0;
	if (ask(s, "SELECT count(*) FROM sqlite_schema", answer, sizeof answer, err) < 0)
		return -1;
	if (strcmp(answer, "0") != 0)
		return error_set(err, "%s is an SQLite database of another program, not a configuration database: correct the setting "
			"'database'", s->path);
	if (!create)
		return error_set(err, "%s is an empty file, not a configuration database: remove it and let the bramble tool make "
			"one, or correct the setting 'database'", s->path);
	return set_pragma(s, "application_id", expected, expected, err);
}

static int configure(struct sqlite *s, bool create, struct error *err)
{
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return error_set(err, "the configuration database %s is read-only for this user: give write access to the file and "
			"its folder", s->path);
	if (check_application(s, create, err) < 0)
		return -1;
	/* temp_store: the only folder of a confined process is the database's. FULL: a seat that was answered must survive a power cut. */
	if (set_pragma(s, "journal_mode", "WAL", "wal", err) < 0 || set_pragma(s, "synchronous", "FULL", "2", err) < 0 ||
		set_pragma(s, "foreign_keys", "ON", "1", err) < 0 || set_pragma(s, "trusted_schema", "OFF", "0", err) < 0 ||
		set_pragma(s, "cache_size", "-16384", "-16384", err) < 0 || set_pragma(s, "temp_store", "MEMORY", "2", err) < 0)
		return -1;
	return 0;
}

/* Only its owner may read a new one: it holds user ids, and its log files take the same permissions. */
static int create_file(const char *path, struct error *err)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return error_set(err, "the configuration database %s cannot be created: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return 0;
}

static int check_file(struct sqlite *s, bool create, struct error *err)
{
	struct stat file;

	if (create && create_file(s->path, err) < 0)
		return -1;
	if (stat(s->path, &file) < 0) {
		if (errno == ENOENT)
			return error_set(err, "there is no configuration database %s: make one with the bramble tool, or correct the "
				"setting 'database'", s->path);
		return error_set(err, "the configuration database %s cannot be opened: %s", s->path, strerror(errno));
	}
	if (!S_ISREG(file.st_mode))
		return error_set(err, "%s is not a file: the setting 'database' takes the path of an SQLite file", s->path);
	if (faccessat(AT_FDCWD, s->path, R_OK, AT_EACCESS) < 0)
		return error_set(err, "the configuration database %s cannot be read by this user: %s", s->path, strerror(errno));
	s->device = file.st_dev;
	s->inode = file.st_ino;
	return 0;
}

static int prepare_one(struct sqlite *s, const char *sql, sqlite3_stmt **out, struct error *err)
{
	int code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);

	if (code == SQLITE_OK)
		return 0;
	result_of(s, code);
	return error_set(err, "%s", s->error.text);
}

static struct driver *sqlite_open(const char *where, bool create, struct error *err)
{
	struct sqlite *s = memory_new(sizeof *s);

	sqlite_memory();
	s->driver.ops = &driver_sqlite;
	s->path = memory_str(where);
	if (check_file(s, create, err) < 0)
		goto failed;
	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		result_of(s, s->db ? sqlite3_errcode(s->db) : SQLITE_NOMEM);
		error_set(err, "%s", s->error.text);
		goto failed;
	}
	sqlite3_extended_result_codes(s->db, 1);
	if (configure(s, create, err) < 0)
		goto failed;
	if (prepare_one(s, "BEGIN", &s->begin_read, err) < 0 || prepare_one(s, "BEGIN IMMEDIATE", &s->begin_write, err) < 0 ||
		prepare_one(s, "SELECT rootpage FROM sqlite_schema LIMIT 1", &s->first_read, err) < 0 ||
		prepare_one(s, "COMMIT", &s->commit, err) < 0 || prepare_one(s, "ROLLBACK", &s->rollback, err) < 0 ||
		prepare_one(s, "PRAGMA data_version", &s->version, err) < 0)
		goto failed;
	return &s->driver;
failed:
	sqlite_close(&s->driver);
	return NULL;
}

/* Its write-ahead log and the index of that lie beside it. */
static void sqlite_files(const char *where, struct confine *confine)
{
	confine_write_beside(confine, where);
}

static bool sqlite_moved(struct driver *driver)
{
	struct sqlite *s = of(driver);
	struct stat file;

	return stat(s->path, &file) < 0 || file.st_dev != s->device || file.st_ino != s->inode;
}

static int sqlite_schema_version(struct driver *driver, struct error *err)
{
	struct sqlite *s = of(driver);
	char answer[64];

	if (ask(s, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'emu_SchemaVersion'", answer, sizeof answer,
		err) < 0)
		return -1;
	if (strcmp(answer, "0") == 0)
		return 0;
	if (ask(s, "SELECT coalesce(max(Version), 0) FROM emu_SchemaVersion", answer, sizeof answer, err) < 0)
		return -1;
	return (int)strtol(answer, NULL, 10);
}

static enum driver_result sqlite_run(struct driver *driver, const char *sql)
{
	struct sqlite *s = of(driver);

	return result_of(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

static int sqlite_prepare(struct driver *driver, const struct db_statement *list, size_t count, struct error *err)
{
	struct sqlite *s = of(driver);

	s->statements = memory_new(count * sizeof *s->statements);
	s->count = count;
	for (size_t i = 0; i < count; i++) {
		if (prepare_one(s, list[i].sql, &s->statements[i], err) < 0)
			return error_prefix(err, "statement %s: ", list[i].name);
	}
	return 0;
}

/* Rows left unread would keep the read snapshot open and the log from being checkpointed. */
static void reset_all(struct sqlite *s)
{
	for (size_t i = 0; i < s->count; i++) {
		if (sqlite3_stmt_busy(s->statements[i]))
			sqlite3_reset(s->statements[i]);
	}
}

static enum driver_result once(struct sqlite *s, sqlite3_stmt *statement)
{
	enum driver_result result = result_of(s, sqlite3_step(statement));

	sqlite3_reset(statement);
	return result;
}

/* A plain BEGIN takes its locks with the first read: that is done here, so that a lock is met before any verb has worked. */
static enum driver_result sqlite_begin(struct driver *driver, bool write)
{
	struct sqlite *s = of(driver);
	enum driver_result result = once(s, write ? s->begin_write : s->begin_read);

	if (result != DRIVER_DONE || write)
		return result;
	result = once(s, s->first_read);
	if (result == DRIVER_ROW || result == DRIVER_DONE)
		return DRIVER_DONE;
	sqlite3_step(s->rollback);
	sqlite3_reset(s->rollback);
	return result;
}

static enum driver_result sqlite_commit(struct driver *driver)
{
	struct sqlite *s = of(driver);

	reset_all(s);
	return once(s, s->commit);
}

/* The engine may have rolled back by itself (a full disk): then there is nothing left to do. */
static void sqlite_rollback(struct driver *driver)
{
	struct sqlite *s = of(driver);

	reset_all(s);
	if (!sqlite3_get_autocommit(s->db)) {
		sqlite3_step(s->rollback);
		sqlite3_reset(s->rollback);
	}
}

static int bind(sqlite3_stmt *statement, int at, const struct db_value *value)
{
	switch (value->kind) {
	case DB_VALUE_NULL:
		return sqlite3_bind_null(statement, at);
	case DB_VALUE_NUMBER:
		return sqlite3_bind_int64(statement, at, value->number);
	case DB_VALUE_TEXT:
		return sqlite3_bind_text(statement, at, value->bytes.data ? (const char *)value->bytes.data : "",
			(int)value->bytes.len, SQLITE_STATIC);
	case DB_VALUE_BLOB:
		return sqlite3_bind_blob(statement, at, value->bytes.data, (int)value->bytes.len, SQLITE_STATIC);
	}
	return SQLITE_MISUSE;
}

static enum driver_result sqlite_start(struct driver *driver, size_t which, const struct db_value *values, size_t count)
{
	struct sqlite *s = of(driver);
	sqlite3_stmt *statement = s->statements[which];
	int code = SQLITE_OK;

	sqlite3_reset(statement);
	if ((int)count != sqlite3_bind_parameter_count(statement)) {
		error_set(&s->error, "statement %zu takes %d values, not %zu", which, sqlite3_bind_parameter_count(statement), count);
		return DRIVER_FAILED;
	}
	for (size_t i = 0; i < count && code == SQLITE_OK; i++)
		code = bind(statement, (int)i + 1, &values[i]);
	return result_of(s, code);
}

static enum driver_result sqlite_step(struct driver *driver, size_t which)
{
	struct sqlite *s = of(driver);
	sqlite3_stmt *statement = s->statements[which];
	int code = sqlite3_step(statement);
	enum driver_result result = result_of(s, code);

	if (code != SQLITE_ROW)
		sqlite3_reset(statement);
	return result;
}

static bool sqlite_is_null(struct driver *driver, size_t which, int column)
{
	return sqlite3_column_type(of(driver)->statements[which], column) == SQLITE_NULL;
}

static int64_t sqlite_number(struct driver *driver, size_t which, int column)
{
	return sqlite3_column_int64(of(driver)->statements[which], column);
}

static struct bytes sqlite_bytes(struct driver *driver, size_t which, int column)
{
	sqlite3_stmt *statement = of(driver)->statements[which];
	const void *data = sqlite3_column_type(statement, column) == SQLITE_BLOB ? sqlite3_column_blob(statement, column)
		: (const void *)sqlite3_column_text(statement, column);

	return bytes_of(data, (size_t)sqlite3_column_bytes(statement, column));
}

static uint64_t sqlite_changed(struct driver *driver)
{
	return (uint64_t)sqlite3_changes64(of(driver)->db);
}

static enum driver_result sqlite_data_version(struct driver *driver, uint64_t *version)
{
	struct sqlite *s = of(driver);
	enum driver_result result = result_of(s, sqlite3_step(s->version));

	if (result == DRIVER_ROW)
		*version = (uint64_t)sqlite3_column_int64(s->version, 0);
	sqlite3_reset(s->version);
	return result;
}

static const char *sqlite_error(struct driver *driver)
{
	return of(driver)->error.text;
}

static char *sqlite_place(const char *where, struct error *err)
{
	(void)err;
	return memory_str(where);
}

const struct driver_ops driver_sqlite = {
	.name = "sqlite", .place = sqlite_place, .open = sqlite_open, .files = sqlite_files, .close = sqlite_close, .moved = sqlite_moved, .schema_version = sqlite_schema_version,
	.run = sqlite_run, .prepare = sqlite_prepare, .begin = sqlite_begin, .commit = sqlite_commit,
	.rollback = sqlite_rollback, .start = sqlite_start, .step = sqlite_step, .is_null = sqlite_is_null,
	.number = sqlite_number, .bytes = sqlite_bytes, .changed = sqlite_changed, .data_version = sqlite_data_version,
	.error = sqlite_error,
};
