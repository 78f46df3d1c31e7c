#include "db/db.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/death.h"
#include "base/io/simulated.h"
#include "base/io/worker.h"
#include "base/memory.h"
#include "db/core.h"

/* How many verbs share a transaction at most: bounds how long the first of them waits for the last. */
enum { BATCH_MAX = 512 };
enum { RETRY_FIRST_US = 200, RETRY_MAX_US = 1000 };
enum { REOPEN_FIRST_US = 10000, REOPEN_MAX_US = 200000 };

struct db {
	struct loop *loop;
	struct worker *worker;
	struct core core;                    /* the thread's while running */
	struct verb *first, **last;          /* given, not yet taken */
	struct verb *batch;                  /* the thread's while running */
	bool running;
	struct loop_task start;
	struct error error;
	struct db_stats stats;
	struct {
		struct loop_timer *timer;
		struct loop_hook hook;       /* who moves a clock wants to be sure that nothing was overlooked */
		uint32_t interval_ms;
		loop_fn *fn;
		void *arg;
		bool known;
		uint64_t version;
	} watch;
	atomic_bool closing;                 /* what is away now is not waited for */
	bool away;                           /* the thread's: the last batch did not reach the server */
	unsigned opened;                     /* how often the file was opened: a new one is a change too */
};

const char *db_status_text(enum db_status status)
{
	static const char *const texts[] = {
		[DB_OK] = "ok", [DB_NOT_FOUND] = "not found", [DB_EXISTS] = "exists already",
		[DB_CONFLICT] = "somebody newer owns it", [DB_INVALID] = "invalid value", [DB_UNAVAILABLE] = "database unavailable",
	};

	return (size_t)status < sizeof texts / sizeof *texts ? texts[status] : "?";
}

/* --- opening --------------------------------------------------------------------------------------------------------------- */

static void core_close(struct core *core)
{
	if (core->driver)
		core->driver_ops->close(core->driver);
	core->driver = NULL;
}

static int core_open(struct core *core, bool create, struct error *err)
{
	core->driver = core->driver_ops->open(core->where, create, err);
	if (!core->driver)
		return -1;
	if (schema_bring_up(core->driver_ops, core->driver, core->place, err) < 0 ||
		core->driver_ops->prepare(core->driver, db_statements, SQL_COUNT, err) < 0) {
		core_close(core);
		return -1;
	}
	return 0;
}

static void core_free(struct core *core)
{
	seats_forget(core);
	secret_box_free(&core->secrets);
	memory_wipe_str(&core->where);
	free(core->place);
}

uint64_t core_lease_ms(struct core *core, const struct verb *verb, uint64_t now_ms)
{
	if (!core->driver_ops->clock_ms)
		return now_ms;
	core->clock_was_manual = core->clock_was_manual || verb->manual_clock;
	if (!core->clock_was_manual)
		core->clock_ahead_ms = core->driver_ops->clock_ms(core->driver) - now_ms;
	return now_ms + core->clock_ahead_ms;
}

static void core_reset(struct core *core)
{
	core->failed = DRIVER_DONE;
	core->error.text[0] = '\0';
	seat_batch_clear(core);
}

/* Waits for a lock until the deadline, but tries once in any case. */
static bool core_begin(struct core *core, bool write, uint64_t deadline_us)
{
	unsigned pause_us = RETRY_FIRST_US;
	enum driver_result result;

	core_reset(core);
	while ((result = core->driver_ops->begin(core->driver, write)) == DRIVER_BUSY && loop_real_us() < deadline_us) {
		core->retries++;
		usleep(pause_us);
		pause_us = pause_us * 2 > RETRY_MAX_US ? RETRY_MAX_US : pause_us * 2;
	}
	if (result == DRIVER_DONE)
		return true;
	error_set(&core->error, "%s", core->driver_ops->error(core->driver));
	return false;
}

static bool core_commit(struct core *core, bool write)
{
	bool with_seat = core->taken.count > 0;

	if (core->failed == DRIVER_DONE) {
		if (write)
			death_at(with_seat ? "seat.commit.before" : "commit.before");
		core->failed = core->driver_ops->commit(core->driver);
		if (write && core->failed == DRIVER_DONE)
			death_at(with_seat ? "seat.commit.after" : "commit.after");
		if (core->failed != DRIVER_DONE)
			error_set(&core->error, "%s", core->driver_ops->error(core->driver));
		if (core->failed == DRIVER_BUSY || core->failed == DRIVER_EXISTS || core->failed == DRIVER_REFUSED)
			core->failed = DRIVER_FAILED;    /* no verb's own failure */
	}
	if (write)
		seats_settled(core, core->failed);
	if (core->failed != DRIVER_DONE) {
		core->driver_ops->rollback(core->driver);
		return false;
	}
	core->commits += write;
	return true;
}

static const struct secret_place key_check_place = { "emu_InstallKey", "KeyCheck", "1" };
static const char key_check_text[] = "install key";

/* Opens the install key and compares it with the one that the database was made with; a new database keeps the check.
 * A key is only made for a database that has none, never beside secrets that it could not open. */
static int core_open_secrets(struct core *core, const char *file, bool create, struct error *err)
{
	struct buf value = { 0 };
	bool known = false;
	bool good = true;

	for (int write = 0; write < 2 && !known && good; write++) {
		good = core_begin(core, write, loop_real_us() + DB_LOCKED_MAX_MS * 1000);
		if (!good)
			break;
		known = sql_row(core, SQL_INSTALL_KEY_GET);
		if (known)
			buf_append(&value, sql_bytes(core, SQL_INSTALL_KEY_GET, 0));
		if (!known && write && core->failed == DRIVER_DONE) {
			core->secrets = secret_box_open(file, create, &core->error);
			if (core->secrets) {
				secret_seal(core->secrets, &key_check_place, bytes_str(key_check_text), &value);
				sql_run(core, SQL_INSTALL_KEY_ADD, blob(buf_bytes(&value)));
			} else {
				core->failed = DRIVER_FAILED;
			}
		}
		good = core_commit(core, write);
	}
	if (good && known) {
		struct buf clear = { 0 };

		core->secrets = secret_box_open(file, false, &core->error);
		good = core->secrets != NULL;
		if (good && secret_open(core->secrets, &key_check_place, buf_bytes(&value), &clear) < 0) {
			good = false;
			error_set(&core->error, "the install key %s is not the one that the configuration database %s was made with", file,
				core->place);
		}
		buf_free(&clear);
	}
	buf_free(&value);
	return good ? 0 : error_set(err, "%s", core->error.text);
}

static int choose_driver(struct core *core, const char *url, struct error *err)
{
	const char *where;

	core->driver_ops = driver_choose(url, &where);
	if (!core->driver_ops)
		return error_set(err, "database = %.*s...: this program knows sqlite:PATH, a bare path, and "
			"postgresql://USER@HOST/DATABASE", (int)strcspn(url, ":"), url);
	core->where = memory_str(where);
	core->place = core->driver_ops->place(core->where, err);
	return core->place ? 0 : -1;
}

static void start_batch(void *arg);

struct db *db_open(struct loop *loop, const char *url, const char *install_key_file, enum db_open_mode mode, bool inline_worker,
	struct error *err)
{
	struct db *db = memory_new(sizeof *db);
	bool create = mode == DB_CREATE;

	db->loop = loop;
	db->last = &db->first;
	db->start = (struct loop_task){ .fn = start_batch, .arg = db };
	if (choose_driver(&db->core, url, err) < 0 || core_open(&db->core, create, err) < 0)
		goto failed;
	db->opened = 1;
	if (install_key_file && core_open_secrets(&db->core, install_key_file, create, err) < 0)
		goto failed;
	db->worker = inline_worker ? worker_new_inline(loop) : worker_new(loop);
	return db;
failed:
	core_reset(&db->core);
	core_close(&db->core);
	core_free(&db->core);
	free(db);
	return NULL;
}

/* --- batches --------------------------------------------------------------------------------------------------------------- */

/* A file that was removed or replaced is not written to any more; when it is back, it is opened again. A server that is away is tried
 * again in the time that the first verb has. */
static bool core_ready(struct db *db, uint64_t deadline_us)
{
	struct core *core = &db->core;
	unsigned pause_us = REOPEN_FIRST_US;

	core_reset(core);
	if (loop_is_dead(db->loop)) {
		error_set(&core->error, "the process that asks the configuration database %s is dead", core->place);
		return false;
	}
	if (core->driver && core->driver_ops->moved(core->driver))
		core_close(core);
	if (core->driver)
		return true;
	if (db->closing && db->away) {
		error_set(&core->error, "the configuration database %s is away, and this program ends", core->place);
		return false;
	}
	while (core_open(core, false, &core->error) < 0) {
		if (!core->driver_ops->waits || db->closing || loop_real_us() + pause_us >= deadline_us)
			return false;
		usleep(pause_us);
		pause_us = pause_us * 2 > REOPEN_MAX_US ? REOPEN_MAX_US : pause_us * 2;
	}
	db->opened++;
	return true;
}

/* A connection that breaks before anything was done is made anew. */
static bool core_ready_to_work(struct db *db, bool write, uint64_t deadline_us)
{
	struct core *core = &db->core;

	do {
		if (!core_ready(db, deadline_us))
			return false;
		if (core_begin(core, write, deadline_us))
			return true;
	} while (core->driver_ops->waits && core->driver_ops->moved(core->driver) && loop_real_us() < deadline_us);
	return false;
}

/* What a constraint refused, or the verb itself, is its own failure and not the database's. */
static void work_alone_status(struct core *core, struct verb *verb)
{
	if (core->failed == DRIVER_EXISTS)
		verb_refuse(verb, DB_EXISTS, "%s", core->error.text);
	else if (core->failed == DRIVER_REFUSED)
		verb_refuse(verb, DB_INVALID, "%s", core->error.text);
	else if (core->failed == DRIVER_DONE && verb->status != DB_OK)
		core->failed = DRIVER_REFUSED;   /* undoes what it did before it found out */
}

/* Everything of the batch or nothing: an answer never goes out for what is not on the disk. */
static bool work_transaction(struct db *db, struct verb *batch)
{
	struct core *core = &db->core;
	bool alone = batch->kind == VERB_ALONE;
	bool write = false;

	for (struct verb *v = batch; v; v = v->next)
		write = write || v->kind != VERB_READ;
	if (!core_ready_to_work(db, write, batch->deadline_us))
		return false;
	if (write)
		seats_end_doubtful(core);
	for (struct verb *v = batch; v && core->failed == DRIVER_DONE; v = v->next) {
		if (!v->refused)
			v->work(core, v);
	}
	if (alone)
		work_alone_status(core, batch);
	else if (core->failed != DRIVER_DONE)
		core->failed = DRIVER_FAILED;   /* a constraint that a shared verb ran into is a fault of the data */
	return core_commit(core, write);
}

static void work_batch(void *arg)
{
	struct db *db = arg;
	struct core *core = &db->core;
	struct verb *batch = db->batch;
	bool needed = false;
	bool good;

	for (struct verb *v = batch; v; v = v->next)
		needed = needed || !v->refused;
	if (!needed)
		return;
	if (batch->kind == VERB_PLAIN) {
		good = core_ready(db, batch->deadline_us);
		if (good)
			batch->work(core, batch);
	} else {
		good = work_transaction(db, batch);
	}
	db->away = core->driver_ops->waits && (!core->driver || core->driver_ops->moved(core->driver));
	if (good || core->failed == DRIVER_EXISTS || core->failed == DRIVER_REFUSED)
		return;
	core->failures++;
	for (struct verb *v = batch; v; v = v->next) {
		if (v->refused)
			continue;
		v->status = DB_OK;   /* whatever it had found out was not committed */
		verb_refuse(v, DB_UNAVAILABLE, "%s", core->error.text);
	}
}

static void free_verb(struct verb *verb)
{
	struct arena arena = verb->arena;

	if (verb->secret)
		arena_wipe(&arena);
	else
		arena_free(&arena);
}

static void answer_batch(void *arg)
{
	struct db *db = arg;
	struct verb *batch = db->batch;

	db->batch = NULL;
	db->running = false;
	db->stats.commits = db->core.commits;
	db->stats.retries = db->core.retries;
	db->stats.failures = db->core.failures;
	if (db->first)
		loop_defer(db->loop, &db->start);
	while (batch) {
		struct verb *verb = batch;

		batch = verb->next;
		if (verb->status != DB_OK)
			db->error = verb->error;
		db->stats.verbs++;
		db->stats.waiting--;
		verb->answer(verb);
		free_verb(verb);
	}
}

static bool joins(const struct verb *verb)
{
	return verb->kind == VERB_READ || verb->kind == VERB_SHARED;
}

/* At the end of a loop round: what the round has given, or what has gathered behind the last batch, goes together. */
static void start_batch(void *arg)
{
	struct db *db = arg;
	struct verb **end = &db->first;

	if (db->running || !db->first)
		return;
	if (joins(db->first)) {
		for (unsigned count = 0; *end && joins(*end) && count < BATCH_MAX; count++)
			end = &(*end)->next;
	} else {
		end = &db->first->next;
	}
	db->batch = db->first;
	db->first = *end;
	*end = NULL;
	if (!db->first)
		db->last = &db->first;
	db->running = true;
	worker_run(db->worker, work_batch, answer_batch, db);
}

void verb_give(struct db *db, struct verb *verb)
{
	verb->refused = verb->status != DB_OK;
	verb->manual_clock = loop_clock_is_manual(db->loop);
	verb->deadline_us = loop_real_us() + DB_LOCKED_MAX_MS * 1000;
	*db->last = verb;
	db->last = &verb->next;
	db->stats.waiting++;
	if (!db->running)
		loop_defer(db->loop, &db->start);
}

/* --- the rest --------------------------------------------------------------------------------------------------------------- */

void db_wait(struct db *db)
{
	while (db->stats.waiting)
		loop_round(db->loop, 1000);
}

void db_close(struct db **db_at)
{
	struct db *db = *db_at;

	if (!db)
		return;
	*db_at = NULL;
	db->closing = true;
	db_watch(db, 0, NULL, NULL);
	loop_timer_free(&db->watch.timer);
	db_wait(db);
	worker_free(&db->worker);
	loop_drop(db->loop, &db->start);
	core_reset(&db->core);
	core_close(&db->core);
	core_free(&db->core);
	free(db);
}

const char *db_last_error(const struct db *db)
{
	return db->error.text;
}

void db_stats(const struct db *db, struct db_stats *out)
{
	*out = db->stats;
}

struct watch_verb {
	struct verb verb;
	struct db *db;
	uint64_t version;
};

static void watch_work(struct core *core, struct verb *verb)
{
	struct watch_verb *v = (struct watch_verb *)(void *)verb;

	if (core->driver_ops->data_version(core->driver, &v->version) != DRIVER_ROW) {
		verb_refuse(verb, DB_UNAVAILABLE, "%s", core->driver_ops->error(core->driver));
		return;
	}
	v->version |= (uint64_t)v->db->opened << 32;
}

static void watch_answer(struct verb *verb)
{
	struct watch_verb *v = (struct watch_verb *)(void *)verb;
	struct db *db = v->db;
	bool changed = verb->status == DB_OK && db->watch.known && v->version != db->watch.version;

	if (verb->status == DB_OK) {
		db->watch.known = true;
		db->watch.version = v->version;
	}
	if (!db->watch.fn)
		return;
	loop_timer_set(db->watch.timer, db->watch.interval_ms);
	if (changed)
		db->watch.fn(db->watch.arg);
}

static void watch_look(void *arg)
{
	struct db *db = arg;
	struct watch_verb *v = VERB_NEW(struct watch_verb, VERB_PLAIN, watch_work, watch_answer, NULL);

	v->db = db;
	verb_give(db, &v->verb);
}

void db_watch(struct db *db, uint32_t interval_ms, loop_fn *fn, void *arg)
{
	loop_off_look(db->loop, &db->watch.hook);
	db->watch.interval_ms = interval_ms;
	db->watch.fn = fn;
	db->watch.arg = arg;
	if (!db->watch.timer)
		db->watch.timer = loop_timer_new_real(db->loop, watch_look, db);
	loop_timer_cancel(db->watch.timer);
	if (!fn)
		return;
	db->watch.hook = (struct loop_hook){ .fn = watch_look, .arg = db };
	loop_on_look(db->loop, &db->watch.hook);
	watch_look(db);
}
