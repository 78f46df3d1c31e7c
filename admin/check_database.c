#include "admin/check_database.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "admin/check_seats.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/seats.h"

struct reading {
	struct store *store;
	struct check_database *into;
	bool history;
};

void check_database_add(struct check_database *into, const struct seat_row *rows, size_t count, bool live)
{
	into->rows = memory_resize(into->rows, (into->count + count + 1) * sizeof *into->rows);
	for (size_t i = 0; i < count; i++) {
		struct check_row *row = &into->rows[into->count++];

		*row = (struct check_row){ .session = (uint32_t)rows[i].session, .pin = rows[i].pin, .live = live };
		snprintf(row->reason, sizeof row->reason, "%s", rows[i].reason ? rows[i].reason : "");
	}
}

static void got_rows(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct reading *r = ctx;

	store_done(r->store, status);
	if (status == DB_OK)
		check_database_add(r->into, rows, count, !r->history);
}

int check_database_read(struct check_database *into, struct store *store)
{
	struct reading reading = { .store = store, .into = into };
	int status;

	db_session_list(store->db, false, UINT32_MAX, got_rows, &reading);
	status = store_wait(store, "sessions");
	if (status != EXIT_DONE)
		return status;
	reading.history = true;
	db_session_list(store->db, true, DB_HISTORY_KEEP, got_rows, &reading);
	return store_wait(store, "history of sessions");
}

void check_database_free(struct check_database *database)
{
	free(database->rows);
	*database = (struct check_database){ 0 };
}

static void judge_row(struct check *c, const struct check_row *row)
{
	const struct seat *seat = check_seat_find(c, row->session);

	if (!seat) {
		/* From before these histories, or of a service that was killed before it could say so. */
		check_unknown(c->report, RULE_DATABASE, "rows of sessions that no history has", 1);
	} else if (seat->pin != row->pin) {
		check_violated(c->report, RULE_DATABASE, seat->admitted, (struct check_place){ 0 }, "session %u is PIN %08X's by the history and %08X's "
			"in the database", row->session, seat->pin, row->pin);
	} else if (row->live && seat->perhaps_to_us != UINT64_MAX) {
		check_violated(c->report, RULE_DATABASE, seat->over.process ? seat->over : seat->taken, seat->admitted,
			"session %u has ended by the history and lives in the database", row->session);
	} else if (!row->live && seat->sure_to_us == UINT64_MAX && check_is_whole(seat->service->process)) {
		check_violated(c->report, RULE_DATABASE, seat->admitted, (struct check_place){ 0 }, "session %u lives by the history and has ended as %s "
			"in the database", row->session, row->reason);
	} else {
		check_good(c->report, RULE_DATABASE, 1);
	}
}

static int by_session(const void *a, const void *b)
{
	const struct check_row *x = a, *y = b;

	return (x->session > y->session) - (x->session < y->session);
}

/* What the history says that lives must be there. */
static void judge_missing(struct check *c)
{
	const struct check_database *database = c->database;
	const struct seat *seat, *next;

	HASH_ITER(hh, c->seats->seats, seat, next) {
		const struct check_row key = { .session = seat->session };
		const struct check_row *row = bsearch(&key, database->rows, database->count, sizeof key, by_session);

		if (row || (seat->taken_us == 0 && !seat->over.process && !check_is_whole(seat->service->process)))
			continue;
		if (database->count < DB_HISTORY_KEEP)
			check_violated(c->report, RULE_DATABASE, seat->admitted, (struct check_place){ 0 },
				"session %u is in neither of the database's tables", seat->session);
		else
			check_unknown(c->report, RULE_DATABASE, "sessions that the database may have forgotten", 1);
	}
}

void check_database_judge(struct check *c)
{
	if (!c->database) {
		check_unknown(c->report, RULE_DATABASE, "database that was not given (--dir or --config)", 1);
		return;
	}
	if (!c->seats)
		return;
	qsort(c->database->rows, c->database->count, sizeof *c->database->rows, by_session);
	for (size_t i = 0; i < c->database->count; i++)
		judge_row(c, &c->database->rows[i]);
	judge_missing(c);
}
