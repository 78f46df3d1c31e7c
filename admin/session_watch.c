#include "admin/session_watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "admin/session_rows.h"
#include "admin/table.h"
#include "base/io/control_client.h"
#include "base/log.h"
#include "base/memory.h"
#include "db/seats.h"

enum {
	DATABASE_MS = 250,            /* how often to look whether the database was changed */
	TICK_MS = 1000,
	ANSWER_MS = 1000,             /* a service that hangs must not hold the list up */
	LIVE_MAX = 8000,              /* what fits one answer of the control socket */
};

static const struct table_column live_columns[] = {
	{ "session", "SESSION" }, { "user", "USER" }, { "pin", "PIN" }, { "state", "STATE" }, { "coverage", "COVERAGE" },
	{ "status", "LAST STATUS" }, { "idle", "IDLE IN" }, { "inactive", "INACTIVE IN" }, { "evictable", "MARK" },
	{ "instance", "INSTANCE" }, { "login_id", "LOGIN" }, { "started", "STARTED" }, { NULL, NULL },
};
static const struct table_column ended_columns[] = {
	{ "session", "SESSION" }, { "user", "USER" }, { "pin", "PIN" }, { "reason", "WHY" }, { "ended_by", "BY LOGIN" }, { "lasted", "LASTED" },
	{ "login_id", "LOGIN" }, { "started", "STARTED" }, { "ended", "ENDED" }, { NULL, NULL },
};

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static void take_sessions(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct store *store = ctx;

	store->status = status;
	json_decref(store->rows);
	store->rows = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(store->rows, session_row_json(&rows[i]));
}

static void join_live(const struct session_view *view, json_t *rows)
{
	json_t *all = NULL;

	for (size_t i = 0; place_services[i]; i++) {
		char *path = memory_printf("%s/%s.sock", view->store->place.run_dir, place_services[i]);
		struct error err;
		int status;
		json_t *sessions = control_ask(path, "sessions", json_pack("{s:i}", "max", LIVE_MAX), ANSWER_MS, &status, &err);

		if (!all)
			all = json_incref(sessions);
		else
			json_array_extend(json_object_get(all, "sessions"), json_object_get(sessions, "sessions"));
		json_decref(sessions);
		free(path);
	}
	session_rows_join(rows, all);
	json_decref(all);
}

json_t *session_view_read(const struct session_view *view, int *status)
{
	struct store *store = view->store;

	db_session_list(store->db, view->history, view->most, take_sessions, store);
	*status = store_wait(store, "the sessions");
	if (*status != EXIT_DONE)
		return NULL;
	if (!view->history)
		join_live(view, store->rows);
	return json_incref(store->rows);
}

/* --- showing ---------------------------------------------------------------------------------------------------------------- */

static void print_words(const struct session_view *view, const json_t *rows)
{
	json_t *words = session_rows_words(rows);

	table_print(words, view->history ? ended_columns : live_columns);
	json_decref(words);
}

void session_view_print(const struct session_view *view, const json_t *rows)
{
	if (view->json)
		table_json(rows);
	else
		print_words(view, rows);
	fflush(stdout);
}

struct watch {
	const struct session_view *view;
	json_t *rows;                 /* of the database, as read last */
	json_t *state;                /* as printed last */
	struct loop_timer *tick;
	bool is_asked, ask_again, is_terminal;
};

static unsigned terminal_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/* In place: the cursor goes home and what stood there is wiped. The last line of the terminal stays free, else it would scroll. */
static void redraw(const struct watch *w)
{
	size_t count = json_array_size(w->rows), room = terminal_rows(), shown;
	json_t *part = json_array();

	room = room > 4 ? room - 3 : 1;
	shown = count <= room ? count : room;
	for (size_t i = 0; i < shown; i++)
		json_array_append(part, json_array_get(w->rows, i));
	fputs("\033[H\033[J", stdout);
	print_words(w->view, part);
	if (shown < count)
		printf("... and %zu more\n", count - shown);
	fflush(stdout);
	json_decref(part);
}

static void show(struct watch *w)
{
	json_t *state;
	char *line;

	if (!w->view->history)
		join_live(w->view, w->rows);
	if (w->is_terminal) {
		redraw(w);
		return;
	}
	state = session_rows_state(w->rows);
	if (w->state && json_equal(state, w->state)) {
		json_decref(state);
		return;
	}
	json_decref(w->state);
	w->state = state;
	if (w->view->json) {
		line = json_dumps(w->rows, JSON_COMPACT);
		puts(line);
		free(line);
	} else {
		print_words(w->view, w->rows);
		puts("");
	}
	fflush(stdout);
}

static void ask_database(void *arg);

static void database_told(void *ctx, enum db_status status, const struct seat_row *rows, size_t count)
{
	struct watch *w = ctx;
	struct store *store = w->view->store;

	w->is_asked = false;
	if (status != DB_OK) {
		log_warning("the sessions cannot be read: %s", db_last_error(store->db));
		return;
	}
	take_sessions(store, status, rows, count);
	json_decref(w->rows);
	w->rows = json_incref(store->rows);
	show(w);
	if (w->ask_again)
		ask_database(w);
}

static void ask_database(void *arg)
{
	struct watch *w = arg;

	w->ask_again = w->is_asked;
	if (w->is_asked)
		return;
	w->is_asked = true;
	db_session_list(w->view->store->db, w->view->history, w->view->most, database_told, w);
}

static void tick(void *arg)
{
	struct watch *w = arg;

	if (w->rows)
		show(w);
	else
		ask_database(w);
	loop_timer_set(w->tick, TICK_MS);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

void session_view_watch(const struct session_view *view)
{
	struct loop *loop = view->store->loop;
	struct watch w = { .view = view, .is_terminal = !view->json && isatty(STDOUT_FILENO) };

	/* `... --watch | head` ends with its reader. */
	signal(SIGPIPE, SIG_DFL);
	loop_signal(loop, SIGINT, stop, loop);
	loop_signal(loop, SIGTERM, stop, loop);
	if (w.is_terminal)
		fputs("\033[?7l", stdout);     /* long lines are cut, not wrapped: a row is a line */
	w.tick = loop_timer_new_real(loop, tick, &w);
	loop_timer_set(w.tick, TICK_MS);
	db_watch(view->store->db, DATABASE_MS, ask_database, &w);
	ask_database(&w);
	loop_run(loop);
	db_wait(view->store->db);
	loop_timer_free(&w.tick);
	if (w.is_terminal)
		fputs("\033[?7h", stdout);
	fflush(stdout);
	json_decref(w.rows);
	json_decref(w.state);
}
