#include "admin/trace_read.h"

#include <string.h>

#include "admin/session.h"
#include "admin/session_rows.h"
#include "base/log.h"
#include "db/seats.h"
#include "db/trail.h"
#include "protocol/srp.h"

/* A page of a trail: a whole ring of long entries would not fit one line of the control socket. */
enum { PAGE = 2000, PAGES_MAX = 16 };

static json_int_t last_seq(const json_t *entries)
{
	size_t count = json_array_size(entries);

	return count ? json_integer_value(json_object_get(json_array_get(entries, count - 1), "seq")) : 0;
}

/* Of one device, or, pin 0, of all. NULL: it does not answer. */
static json_t *read_trail(const struct place *place, const char *process, uint32_t pin)
{
	json_t *entries = json_array();

	for (unsigned page = 0; page < PAGES_MAX; page++) {
		json_t *params = json_pack("{s:I, s:i}", "after", last_seq(entries), "max", PAGE);
		struct error err;
		json_t *answer, *more;
		size_t count;
		int status;

		if (pin)
			json_object_set_new(params, "pin", json_string(pin_text(pin)));
		answer = place_ask(place, process, "trail", params, &status, &err);
		if (!answer) {
			json_decref(entries);
			return NULL;
		}
		more = json_object_get(answer, "entries");
		count = json_array_size(more);
		json_array_extend(entries, more);
		json_decref(answer);
		if (count < PAGE)
			break;
	}
	return entries;
}

static void take_sessions(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, session_row_json(&rows[i]));
}

/* What the completion left in the store. */
static int taken(struct store *store, const char *what, json_t **out)
{
	int status = store_wait(store, what);

	*out = store->rows;
	store->rows = NULL;
	return status;
}

static void take_environment(void *ctx, enum db_status status, const struct db_environment *environments, size_t count)
{
	bool *is_cwa = ctx;

	*is_cwa = status == DB_OK && count && environments[0].type == DB_CWA;
}

int trace_read_stored(struct trace_source *source, struct store *store, uint32_t pin)
{
	int status;

	*source = (struct trace_source){ 0 };
	db_environment_get(store->db, store->place.collab_environment, take_environment, &source->is_cwa);
	db_trail_list(store->db, UINT64_MAX, pin, DB_TRAIL_KEEP, store_take_events, store);
	status = taken(store, "the event trail", &source->events);
	if (status == EXIT_DONE) {
		db_session_list(store->db, true, DB_HISTORY_KEEP, take_sessions, store);
		status = taken(store, "the history", &source->history);
	}
	if (status == EXIT_DONE) {
		db_session_list(store->db, false, DB_HISTORY_KEEP, take_sessions, store);
		status = taken(store, "the sessions", &source->live);
	}
	return status;
}

/* A login is at one service, and what made way for it may have been at another. */
static void add_other_services(const struct store *store, json_t **trail)
{
	for (size_t i = 1; place_services[i]; i++) {
		json_t *more = read_trail(&store->place, place_services[i], 0);

		if (*trail && more)
			json_array_extend(*trail, more);
		else if (!*trail)
			*trail = json_incref(more);
		json_decref(more);
	}
}

int trace_read(struct trace_source *source, struct store *store, uint32_t pin)
{
	json_t *trails[TRACE_PROCESSES];
	int status;

	/* The trails first: what the database has of a login is written after the process noted it. */
	for (int i = 0; i < TRACE_PROCESSES; i++) {
		/* The sessions that made way for a login are other devices'. */
		trails[i] = read_trail(&store->place, trace_process_names[i], i == TRACE_COLLAB ? 0 : pin);
	}
	add_other_services(store, &trails[TRACE_COLLAB]);
	status = trace_read_stored(source, store, pin);
	memcpy(source->trails, trails, sizeof trails);
	if (source->is_cwa)
		source->cwa_trail = read_trail(&store->place, "cwa", 0);
	return status;
}
