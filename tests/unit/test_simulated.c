/* Many processes in one: the death of one, and waiting among the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/io/history.h"
#include "base/io/simulated.h"
#include "base/memory.h"
#include "tests/support/database.h"
#include "tests/support/peers.h"

/* --- connections ----------------------------------------------------------------------------------------------------------- */

/* The server's end is on the loop that dies. */
struct scene {
	struct pair pair;
	struct loop *alive, *dying;
};

static bool turn_both(void *arg)
{
	struct scene *s = arg;
	bool any = false;

	if (!loop_is_turning(s->dying))
		any = loop_round(s->dying, 0);
	if (!loop_is_turning(s->alive))
		any = loop_round(s->alive, 0) || any;
	return any;
}

static int begin(void **state)
{
	struct scene *s = memory_new(sizeof *s);

	s->alive = loop_new();
	s->dying = loop_new();
	loop_others(turn_both, s);
	s->pair.loop = s->dying;
	pair_listen(&s->pair, "127.0.0.1:0", NULL, NULL);
	s->pair.loop = s->alive;
	pair_dial(&s->pair, NULL, NULL, NULL);
	RUN_UNTIL(s->alive, s->pair.client.ups == 1 && s->pair.accepted == 1);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct scene *s = *state;

	pair_close(&s->pair);
	loop_others(NULL, NULL);
	loop_free(&s->alive);
	loop_free(&s->dying);
	free(s);
	return 0;
}

static void while_one_waits_the_others_go_on(void **state)
{
	struct scene *s = *state;

	s->pair.server.echo = true;
	peer_say(&s->pair.client, "hello");
	RUN_UNTIL(s->alive, s->pair.client.messages == 1);
}

/* It reads the message, and dies before the round ends in which it would be answered. */
static void die_when_read(void *arg)
{
	loop_die(arg);
}

static void what_was_not_sent_is_lost_and_the_peer_hears_the_end(void **state)
{
	struct scene *s = *state;
	struct loop_hook hook = { .fn = die_when_read, .arg = s->dying };

	s->pair.server.echo = true;
	peer_say(&s->pair.client, "hello");
	loop_round(s->alive, 0);
	loop_on_send(s->dying, &hook);
	RUN_UNTIL(s->alive, s->pair.client.ends == 1);
	loop_off_send(s->dying, &hook);
	assert_true(loop_is_dead(s->dying));
	assert_int_equal(s->pair.client.messages, 0);
	/* So its own end comes to an end, too: nobody waits for ever in what has to be freed. */
	RUN_UNTIL(s->dying, s->pair.server.ends == 1);
}

static void the_dead_dial_nobody_and_nobody_reaches_them(void **state)
{
	struct scene *s = *state;
	struct listener *open = s->pair.listener;
	struct peer ghost = { .loop = s->dying }, late = { .loop = s->alive };
	char *address = memory_str(listener_address(open));

	loop_die(s->dying);
	ghost.connection = connection_dial(s->dying, address, NULL, NULL, NULL, &peer_callbacks, &ghost);
	RUN_UNTIL(s->dying, ghost.ends == 1);
	assert_int_equal(ghost.end, CONNECTION_FAILED);
	assert_non_null(strstr(ghost.why, "Network is down"));
	late.connection = connection_dial(s->alive, address, NULL, NULL, NULL, &peer_callbacks, &late);
	RUN_UNTIL(s->alive, late.ends == 1);
	assert_non_null(strstr(late.why, "Connection refused"));
	connection_free(&ghost.connection);
	connection_free(&late.connection);
	free(address);
}

/* --- history and database -------------------------------------------------------------------------------------------------- */

static void the_dead_note_nothing_and_change_nothing(void **state)
{
	struct database *d = *state;
	struct error err = { "" };
	struct loop *dying = loop_new();
	struct trail *trail = trail_new(4);
	char *path = memory_printf("%s/history.jsonl", d->folder), text[4096] = "";
	struct db *db = db_open(dying, d->file, d->key_file, DB_EXISTING, true, &err);
	struct history *history = history_open(dying, trail, &(struct history_settings){ .path = path, .process = "collab" }, &err);
	struct db_environment change = { .name = "groupwise", .max_sessions = 7 };
	struct heard_status heard = { 0 };
	FILE *file;

	assert_string_equal(err.text, "");
	trail_note(trail, &(struct trail_entry){ .event = "written" });
	loop_sending(dying);
	trail_note(trail, &(struct trail_entry){ .event = "unwritten" });
	db_environment_set(db, &change, DB_ENV_MAX_SESSIONS, hear_status, &heard);
	loop_die(dying);
	trail_note(trail, &(struct trail_entry){ .event = "unreal" });
	db_wait(db);
	assert_int_equal(heard.status, DB_UNAVAILABLE);
	assert_non_null(strstr(db_last_error(db), "is dead"));
	history_free(&history);
	db_close(&db);
	trail_free(&trail);
	loop_free(&dying);
	assert_int_equal(database_exec(d, "SELECT count(*) FROM emu_IMServiceConfig WHERE MaxSessions = 7"), 0);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(text, 1, sizeof text - 1, file) > 0);
	fclose(file);
	free(path);
	assert_non_null(strstr(text, "history.begin"));
	assert_non_null(strstr(text, "\"written\""));
	assert_null(strstr(text, "unwritten"));
	assert_null(strstr(text, "unreal"));
	assert_null(strstr(text, "history.end"));
}

/* --- when --------------------------------------------------------------------------------------------------------------------- */

static void death_comes_at_the_line_that_was_ordered_or_before_anything_of_it_leaves(void **state)
{
	static const struct { const char *what; unsigned order, notes; bool unsent, spared, dies_at_once, dies_on_sending; } rows[] = {
		{ "at the second",                .order = 2, .notes = 2, .dies_at_once = true, .dies_on_sending = true },
		{ "not yet at the second",        .order = 3, .notes = 2 },
		{ "unsent",                       .order = 2, .notes = 2, .unsent = true, .dies_on_sending = true },
		{ "unsent, and not yet there",    .order = 3, .notes = 2, .unsent = true },
		{ "taken back",                   .order = 2, .notes = 2, .spared = true },
		{ "not ordered",                  .order = 0, .notes = 9 },
	};
	struct database *d = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = { "" };
		struct loop *loop = loop_new();
		struct trail *trail = trail_new(4);
		struct history *history = history_open(loop, trail, &(struct history_settings){ .path = d->folder, .process = "collab" }, &err);

		print_message("%s\n", rows[i].what);
		assert_string_equal(err.text, "");
		history_die(history, rows[i].order, rows[i].unsent);
		if (rows[i].spared)
			history_die(history, 0, false);
		for (unsigned k = 0; k < rows[i].notes; k++)
			trail_record(trail, &(struct trail_entry){ .event = "im.taken" });
		assert_int_equal(loop_is_dead(loop), rows[i].dies_at_once);
		loop_sending(loop);
		assert_int_equal(loop_is_dead(loop), rows[i].dies_on_sending);
		history_free(&history);
		trail_free(&trail);
		loop_free(&loop);
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(while_one_waits_the_others_go_on),
		ROW(what_was_not_sent_is_lost_and_the_peer_hears_the_end),
		ROW(the_dead_dial_nobody_and_nobody_reaches_them),
		cmocka_unit_test_setup_teardown(the_dead_note_nothing_and_change_nothing, database_setup, database_teardown),
		cmocka_unit_test_setup_teardown(death_comes_at_the_line_that_was_ordered_or_before_anything_of_it_leaves, database_setup, database_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
