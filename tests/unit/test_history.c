#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/check_entry.h"
#include "admin/check_files.h"
#include "base/io/history.h"
#include "base/memory.h"

/* --- a line ------------------------------------------------------------------------------------------------------------------ */

#define LINE(rest) "{\"process\":\"collab\",\"pid\":7,\"seq\":1,\"at_us\":5,\"clock_ms\":6,\"event\":\"answer\"" rest "}"

static void a_line_is_taken_whole_or_refused_with_the_reason(void **state)
{
	static const struct { const char *line, *why; } rows[] = {
		{ LINE(",\"numbers\":{\"code\":100},\"text\":\"login=2100000A-1\""), NULL },
		{ LINE(",\"numbers\":{},\"text\":\"\",\"pin\":\"2100000A\",\"transaction\":9"), NULL },
		{ "", "it is no JSON: " },
		{ "[]", "it is no JSON object" },
		{ LINE(",\"numbers\":{}"), "one of process, pid, seq, at_us, clock_ms, event, numbers and text is missing" },
		{ LINE(",\"text\":\"\""), "one of process, pid, seq, at_us, clock_ms, event, numbers and text is missing" },
		{ LINE(",\"numbers\":[],\"text\":\"\""), "numbers is no object" },
		{ LINE(",\"numbers\":{\"code\":\"1\"},\"text\":\"\""), "the number code is none" },
		{ LINE(",\"numbers\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1},\"text\":\"\""),
			"more than 12 numbers" },
		{ LINE(",\"numbers\":{},\"text\":5"), "text is no text" },
		{ LINE(",\"numbers\":{},\"text\":\"\",\"pin\":\"21\""), "pin is not 8 hex digits" },
		{ LINE(",\"numbers\":{},\"text\":\"\",\"transaction\":4294967296"), "transaction has more than 32 bits" },
		{ LINE(",\"numbers\":{},\"text\":\"\",\"transaction\":-1"), "transaction is no number from 0 up" },
		{ LINE(",\"numbers\":{},\"text\":\"\",\"colour\":1"), "colour is no key of a line" },
		{ LINE(",\"seq\":2,\"numbers\":{},\"text\":\"\""), "it is no JSON: duplicate object key near '\"seq\"'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = { "" };
		struct check_entry entry;
		int rc = check_entry_decode(bytes_str(rows[i].line), &entry, &err);

		if (!rows[i].why) {
			assert_int_equal(rc, 0);
			assert_int_equal(entry.event, EVENT_ANSWER);
			check_entry_free(&entry);
		} else {
			assert_int_equal(rc, -1);
			assert_memory_equal(err.text, rows[i].why, strlen(rows[i].why));
		}
	}
}

static void numbers_and_values_are_found(void **state)
{
	struct check_entry entry;
	char value[24];

	(void)state;
	assert_int_equal(check_entry_decode(bytes_str(LINE(",\"numbers\":{\"code\":100,\"session\":3},\"text\":\"login=2100000A-1 user=bob\"")),
		&entry, NULL), 0);
	assert_int_equal(check_number(&entry, "session"), 3);
	assert_int_equal(check_number(&entry, "nothing"), 0);
	assert_string_equal(check_value(&entry, "user", value, sizeof value), "bob");
	check_entry_free(&entry);
}

/* --- what is written is what is read ------------------------------------------------------------------------------------------- */

struct scene {
	struct loop *loop;
	struct trail *trail;
	char folder[64];
};

static int set_up(void **state)
{
	struct scene *s = memory_new(sizeof *s);

	s->loop = loop_new();
	s->trail = trail_new(4);
	snprintf(s->folder, sizeof s->folder, "/tmp/bramble-history-XXXXXX");
	if (!mkdtemp(s->folder))
		return -1;
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;
	char *command = memory_printf("rm -r %s", s->folder);
	int rc = system(command);

	trail_free(&s->trail);
	loop_free(&s->loop);
	free(command);
	free(s);
	return rc;
}

static struct history *open_history(struct scene *s, const char *name, uint64_t max_bytes)
{
	char *path = memory_printf("%s/%s", s->folder, name);
	struct error err = { "" };
	struct history *history = history_open(s->loop, s->trail, &(struct history_settings){ .path = path, .process = "collab",
		.max_bytes = max_bytes }, &err);

	assert_string_equal(err.text, "");
	assert_non_null(history);
	free(path);
	return history;
}

static struct check_files *read_history(const struct scene *s)
{
	const char *paths[] = { s->folder, NULL };
	struct error err = { "" };
	struct check_files *files = check_files_open(paths, &err);

	assert_string_equal(err.text, "");
	return files;
}

static void expect(struct check_files *files, enum check_event event)
{
	const struct check_entry *entry;
	struct error err = { "" };

	assert_int_equal(check_files_next(files, &entry, &err), 1);
	assert_int_equal(entry->event, event);
}

static void expect_end(struct check_files *files)
{
	const struct check_entry *entry;
	struct error err = { "" };

	assert_int_equal(check_files_next(files, &entry, &err), 0);
}

static void what_is_noted_and_recorded_is_read_again_in_order(void **state)
{
	struct scene *s = *state;
	struct history *history = open_history(s, "a.jsonl", 0);
	struct check_files *files;

	trail_note(s->trail, &(struct trail_entry){ .event = "login", .pin = 0x2100000a });
	trail_record(s->trail, &(struct trail_entry){ .event = "im.taken", .numbers = { { "session", 1 }, { "sequence", 2 } } });
	history_mark(history, "base of all");
	history_free(&history);
	assert_int_equal(trail_last(s->trail), 3);      /* what is recorded is not in the ring */
	files = read_history(s);
	expect(files, EVENT_HISTORY_BEGIN);
	expect(files, EVENT_LOGIN);
	expect(files, EVENT_IM_TAKEN);
	expect(files, EVENT_HISTORY_MARK);
	expect(files, EVENT_HISTORY_END);
	expect_end(files);
	assert_true(check_files_processes(files)->ended);
	assert_int_equal(check_files_lines(files), 5);
	check_files_free(&files);
}

static void sending_writes_what_was_noted_before(void **state)
{
	struct scene *s = *state;
	struct history *history = open_history(s, "a.jsonl", 0);
	char *path = memory_printf("%s/a.jsonl", s->folder);
	struct stat before, noted, sent;

	assert_int_equal(stat(path, &before), 0);
	trail_record(s->trail, &(struct trail_entry){ .event = "im.taken" });
	assert_int_equal(stat(path, &noted), 0);
	assert_int_equal(noted.st_size, before.st_size);
	loop_sending(s->loop);
	assert_int_equal(stat(path, &sent), 0);
	assert_true(sent.st_size > before.st_size);
	free(path);
	history_free(&history);
}

struct first_round { struct loop *loop; const char *path; off_t size; };

static void look_in_first_round(void *arg)
{
	struct first_round *first = arg;
	struct stat now;

	assert_int_equal(stat(first->path, &now), 0);
	first->size = now.st_size;
	loop_stop(first->loop);
}

/* Its first round may be long in coming: a lab's process waits until somebody asks it for something. */
static void what_was_noted_before_the_loop_runs_is_written_before_it_waits(void **state)
{
	struct scene *s = *state;
	struct history *history = open_history(s, "a.jsonl", 0);
	char *path = memory_printf("%s/a.jsonl", s->folder);
	struct first_round first = { .loop = s->loop, .path = path };
	struct loop_task look = { .fn = look_in_first_round, .arg = &first };
	struct stat before;

	assert_int_equal(stat(path, &before), 0);
	trail_record(s->trail, &(struct trail_entry){ .event = "im.taken" });
	loop_defer(s->loop, &look);
	loop_run(s->loop);
	assert_true(first.size > before.st_size);
	free(path);
	history_free(&history);
}

static void a_full_one_says_so_and_ends(void **state)
{
	struct scene *s = *state;
	struct history *history = open_history(s, "a.jsonl", 8192);
	struct check_files *files;
	const struct check_process *process;
	const struct check_entry *entry;
	struct error err;

	for (int i = 0; i < 1000; i++)
		trail_record(s->trail, &(struct trail_entry){ .event = "im.taken" });
	assert_false(trail_is_heard(s->trail));
	history_free(&history);
	files = read_history(s);
	while (check_files_next(files, &entry, &err) == 1)
		;
	process = check_files_processes(files);
	assert_true(process->full);
	assert_true(process->over);
	assert_false(process->ended);
	assert_true(process->lines < 100);
	check_files_free(&files);
}

static void a_second_life_in_the_same_file_is_another_process(void **state)
{
	struct scene *s = *state;
	struct history *history = open_history(s, "a.jsonl", 0);
	struct check_files *files;

	history_free(&history);
	history = open_history(s, "a.jsonl", 0);
	history_free(&history);
	files = read_history(s);
	expect(files, EVENT_HISTORY_BEGIN);
	expect(files, EVENT_HISTORY_END);
	expect(files, EVENT_HISTORY_BEGIN);
	expect(files, EVENT_HISTORY_END);
	expect_end(files);
	assert_non_null(check_files_processes(files)->next);
	check_files_free(&files);
}

static void without_a_path_nobody_listens(void **state)
{
	struct scene *s = *state;
	struct error err;
	struct history *history = history_open(s->loop, s->trail, &(struct history_settings){ .process = "collab" }, &err);

	assert_non_null(history);
	assert_false(trail_is_heard(s->trail));
	history_free(&history);
}

static void a_path_that_cannot_be_written_is_named(void **state)
{
	struct scene *s = *state;
	struct error err = { "" };

	assert_null(history_open(s->loop, s->trail, &(struct history_settings){ .path = "/nowhere/at/all.jsonl", .process = "x" }, &err));
	assert_string_equal(err.text, "the history /nowhere/at/all.jsonl cannot be written: No such file or directory");
	assert_null(history_open(s->loop, s->trail, &(struct history_settings){ .path = "/nowhere/at/all", .process = "x" }, &err));
	assert_string_equal(err.text, "the folder /nowhere/at/all of the history cannot be made: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_taken_whole_or_refused_with_the_reason),
		cmocka_unit_test(numbers_and_values_are_found),
		cmocka_unit_test_setup_teardown(what_is_noted_and_recorded_is_read_again_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sending_writes_what_was_noted_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_noted_before_the_loop_runs_is_written_before_it_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_one_says_so_and_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_life_in_the_same_file_is_another_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_path_nobody_listens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_path_that_cannot_be_written_is_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
