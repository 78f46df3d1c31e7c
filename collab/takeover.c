#include "collab/takeover.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "collab/parts.h"
#include "protocol/srp.h"

enum { SESSIONS_MAX = 100000 };      /* looked at in the database. Source: ours */

struct takeover {
	struct collab *collab;
	unsigned way;
	struct link_moved_device *devices;
	size_t count, room;
	char instance[65];
	takeover_done_fn *done;
	void *ctx;
	bool is_reading;
};

struct takeover *takeover_new(struct collab *c, unsigned way)
{
	struct takeover *t = memory_new(sizeof *t);

	t->collab = c;
	t->way = way;
	return t;
}

void takeover_free(struct takeover **at)
{
	if (!*at)
		return;
	free((*at)->devices);
	free(*at);
	*at = NULL;
}

static void add(struct takeover *t, const struct link_moved *moved)
{
	for (size_t i = 0; i < moved->count; i++) {
		if (t->count == t->room) {
			t->room = t->room ? t->room * 2 : LINK_MOVED_MAX;
			t->devices = memory_resize(t->devices, t->room * sizeof *t->devices);
		}
		t->devices[t->count++] = moved->devices[i];
	}
}

static void ask_to_log_in(struct collab *c, uint32_t pin, uint32_t session)
{
	courier_send(c->courier, pin, 0, COURIER_KEEP | COURIER_LAST_WORD, collab_encode(c, &im_please_login_msg, 0,
		&(struct im_please_login){ .session = session }));
}

static void finish(struct takeover *t, size_t count, bool is_lost)
{
	t->count = 0;
	t->done(t->ctx, count, is_lost);
}

/* --- of a dead one ------------------------------------------------------------------------------------------------------------- */

static int by_pin(const void *a, const void *b)
{
	const struct link_moved_device *x = a, *y = b;

	return x->pin < y->pin ? -1 : x->pin > y->pin;
}

/* The list was sorted when it was complete. */
static bool is_moved(const struct takeover *t, uint32_t pin)
{
	const struct link_moved_device wanted = { .pin = pin };

	return t->count && bsearch(&wanted, t->devices, t->count, sizeof wanted, by_pin);
}

static void ended(void *ctx, enum db_status status)
{
	(void)ctx;
	if (status != DB_OK)
		log_warning("the seat of a lost session could not be freed: %s; it is when its lease runs out", db_status_text(status));
}

static void lost_session(struct takeover *t, const struct seat_row *row)
{
	struct collab *c = t->collab;
	uint32_t session = (uint32_t)row->session;
	struct trail_entry entry = { .event = "session.end", .pin = row->pin, .numbers = { { "session", session },
		{ "reason", IM_REASON_SERVICE_LOST } } };

	db_session_lost(c->db, row->owner, row->session, IM_REASON_SERVICE_LOST, ended, NULL);
	log_info("session lost device=%s user=%s session=%u login=%s instance=%s", pin_text(row->pin), log_str(row->user), session,
		row->login_id, log_str(t->instance));
	trail_text(&entry, "login=%s reason=%s why=%s user=%s", row->login_id, im_reason_name(IM_REASON_SERVICE_LOST),
		log_str(t->instance), log_str(row->user));
	collab_note(c, &entry, session, true);
	courier_send(c->courier, row->pin, 0, COURIER_KEEP | COURIER_LAST_WORD, collab_encode(c, &im_forced_logout_msg, 0,
		&(struct im_forced_logout){ .session = session, .reason = IM_REASON_SERVICE_LOST }));
	ask_to_log_in(c, row->pin, session);
}

static void got_sessions(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct takeover *t = ctx;
	size_t lost = 0;

	t->is_reading = false;
	if (status != DB_OK)
		log_error("which sessions %s had cannot be read: %s; their devices hear it when they say something", log_str(t->instance),
			db_last_error(t->collab->db));
	for (size_t i = 0; status == DB_OK && i < count; i++) {
		if (strcmp(rows[i].instance, t->instance) != 0 || !is_moved(t, rows[i].pin) ||
		    strcmp(rows[i].environment, environment_now(t->collab->environment)->name) != 0)
			continue;
		lost_session(t, &rows[i]);
		lost++;
	}
	finish(t, lost, true);
}

void takeover_moved(struct takeover *t, const struct link_moved *moved, takeover_done_fn *done, void *ctx)
{
	if (t->is_reading) {
		log_warning("devices of instance=%s are moved here while those of %s still are", log_value(moved->instance), log_str(t->instance));
		return;
	}
	t->done = done;
	t->ctx = ctx;
	bytes_copy_str(moved->instance, t->instance, sizeof t->instance);
	add(t, moved);
	if (moved->more)
		return;
	if (moved->lost) {
		if (t->count)
			qsort(t->devices, t->count, sizeof *t->devices, by_pin);
		t->is_reading = true;
		db_session_list(t->collab->db, false, SESSIONS_MAX, got_sessions, t);
		return;
	}
	for (size_t i = 0; i < t->count; i++)
		ask_to_log_in(t->collab, t->devices[i].pin, t->devices[i].session);
	finish(t, t->count, false);
}
