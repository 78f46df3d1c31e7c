#include "collab/environment.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

struct environment {
	struct db *db;
	struct db_environment row;     /* owns its texts */
	loop_fn *changed;
	loop_fn *others;
	void *ctx;
	enum db_status status;
	bool reading, again, loaded;
};

static void keep(struct environment *e, const struct db_environment *row)
{
	char *name = memory_str(row->name), *host = memory_str(row->host), *transport = memory_str(row->transport);

	free((char *)(uintptr_t)e->row.name);
	free((char *)(uintptr_t)e->row.host);
	free((char *)(uintptr_t)e->row.transport);
	e->row = *row;
	e->row.name = name;
	e->row.host = host;
	e->row.transport = transport;
}

static bool same(const struct db_environment *a, const struct db_environment *b)
{
	return strcmp(a->host, b->host) == 0 && strcmp(a->transport, b->transport) == 0 && a->type == b->type && a->port == b->port &&
		a->max_sessions == b->max_sessions && a->idle_timeout_ms == b->idle_timeout_ms &&
		a->inactivity_timeout_ms == b->inactivity_timeout_ms && a->transport_capacity == b->transport_capacity &&
		a->evict == b->evict;
}

static void read_row(struct environment *e);

static void got_row(void *ctx, enum db_status status, const struct db_environment *rows, size_t count)
{
	struct environment *e = ctx;
	bool is_new;

	e->reading = false;
	e->status = status == DB_OK && count == 0 ? DB_NOT_FOUND : status;
	if (e->status == DB_OK) {
		is_new = !e->loaded || !same(&e->row, rows);
		if (is_new && e->loaded)
			log_info("environment changed name=%s server=%s:%u max=%u idle_timeout_ms=%llu inactivity_timeout_ms=%llu capacity=%u",
				log_str(rows->name), log_str(rows->host), rows->port, rows->max_sessions,
				(unsigned long long)rows->idle_timeout_ms, (unsigned long long)rows->inactivity_timeout_ms,
				rows->transport_capacity);
		keep(e, rows);
		if (is_new && e->loaded)
			e->changed(e->ctx);
		e->loaded = true;
	} else if (e->loaded) {
		log_warning("environment not read name=%s error=%s: the last values stay", log_str(e->row.name),
			log_str(db_status_text(e->status)));
	}
	if (e->again) {
		e->again = false;
		read_row(e);
	}
}

static void read_row(struct environment *e)
{
	if (e->reading) {
		e->again = true;
		return;
	}
	e->reading = true;
	db_environment_get(e->db, e->row.name, got_row, e);
}

static void database_changed(void *arg)
{
	struct environment *e = arg;

	read_row(e);
	if (e->others)
		e->others(e->ctx);
}

struct environment *environment_new(struct db *db, const char *name, uint32_t poll_ms, loop_fn *changed, void *ctx, int *status,
	struct error *err)
{
	struct environment *e = memory_new(sizeof *e);

	e->db = db;
	e->row.name = memory_str(name);
	e->changed = changed;
	e->ctx = ctx;
	read_row(e);
	db_wait(db);
	if (e->status == DB_OK) {
		db_watch(db, poll_ms, database_changed, e);
		return e;
	}
	if (e->status == DB_NOT_FOUND) {
		*status = EXIT_CONFIG;
		error_set(err, "collab.environment = %s: the configuration database has no IM environment of that name", name);
	} else {
		*status = EXIT_DATABASE;
		error_set(err, "the IM environment %s cannot be read: %s", name, db_last_error(db));
	}
	environment_free(&e);
	return NULL;
}

void environment_free(struct environment **environment)
{
	struct environment *e = *environment;

	if (!e)
		return;
	db_watch(e->db, 0, NULL, NULL);
	free((char *)(uintptr_t)e->row.name);
	free((char *)(uintptr_t)e->row.host);
	free((char *)(uintptr_t)e->row.transport);
	free(e);
	*environment = NULL;
}

const struct db_environment *environment_now(const struct environment *environment)
{
	return &environment->row;
}

void environment_on_change(struct environment *environment, loop_fn *fn)
{
	environment->others = fn;
}
