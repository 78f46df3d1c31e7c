/* The rules of message ids: one row per sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/replay.h"

/* A window that was started with `committed`, took `ceiling` as its next one, and accepted these ids. */
struct window_row {
	const char *name;
	uint32_t committed, ceiling;
	uint32_t accepted[4];
	uint32_t id;
	enum replay_verdict want;
};

static const struct window_row window_rows[] = {
	{ "the first id of a new key waits for its ceiling", 0, 0, { 0 }, 1, REPLAY_COMMIT_FIRST },
	{ "the first id of a new key", 0, 256, { 0 }, 1, REPLAY_NEW },
	{ "id 0 is nobody's", 0, 256, { 0 }, 0, REPLAY_DUPLICATE },
	{ "the same id again", 0, 256, { 1 }, 1, REPLAY_DUPLICATE },
	{ "the next id", 0, 256, { 1 }, 2, REPLAY_NEW },
	{ "a gap is no harm", 0, 256, { 1 }, 200, REPLAY_NEW },
	{ "an id that was overtaken and is inside the window", 0, 256, { 64 }, 1, REPLAY_NEW },
	{ "the same one, once it was taken", 0, 256, { 64, 1 }, 1, REPLAY_DUPLICATE },
	{ "an id that the window has left behind", 0, 256, { 65 }, 1, REPLAY_DUPLICATE },
	{ "the window moves with the highest", 0, 256, { 3, 70 }, 7, REPLAY_NEW },
	{ "a jump beyond the window forgets nothing that could come again", 0, 256, { 3, 200 }, 3, REPLAY_DUPLICATE },
	{ "the last id under the ceiling", 0, 256, { 1 }, 256, REPLAY_NEW },
	{ "the first id above the ceiling", 0, 256, { 1 }, 257, REPLAY_COMMIT_FIRST },
	{ "after a restart ids up to the ceiling are used up", 256, 0, { 0 }, 256, REPLAY_RESUME },
	{ "after a restart, far below", 512, 768, { 600 }, 1, REPLAY_RESUME },
	{ "after a restart the first id above waits", 256, 0, { 0 }, 257, REPLAY_COMMIT_FIRST },
	{ "after a restart the first id above", 256, 512, { 0 }, 257, REPLAY_NEW },
	{ "an old id inside the window still belongs to the earlier life", 256, 512, { 260 }, 255, REPLAY_RESUME },
	{ "the very last id", 4294967000u, 4294967295u, { 0 }, 4294967295u, REPLAY_NEW },
	{ "the very last id again", 4294967000u, 4294967295u, { 4294967295u }, 4294967295u, REPLAY_DUPLICATE },
};

static void window_judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof window_rows / sizeof window_rows[0]; i++) {
		const struct window_row *row = &window_rows[i];
		struct replay_window w;

		print_message("  %s\n", row->name);
		replay_start(&w, row->committed);
		replay_committed(&w, row->ceiling);
		for (size_t n = 0; n < 4 && row->accepted[n]; n++)
			replay_accept(&w, row->accepted[n]);
		assert_int_equal(replay_check(&w, row->id), row->want);
	}
}

static const struct { const char *name; uint32_t committed, highest, id, want; } ceiling_rows[] = {
	{ "a new key asks before its first id", 0, 0, 1, 1 + REPLAY_AHEAD },
	{ "nothing is asked while more than half is left", REPLAY_AHEAD, REPLAY_AHEAD / 2 - 1, 0, 0 },
	{ "half used: asked ahead of need", REPLAY_AHEAD, REPLAY_AHEAD / 2, 0, REPLAY_AHEAD / 2 + REPLAY_AHEAD },
	{ "the id in hand counts", 256, 1, 200, 200 + REPLAY_AHEAD },
	{ "an id beyond the ceiling", 256, 1, 5000, 5000 + REPLAY_AHEAD },
	{ "the ceiling ends with the ids", 4294967295u - 100, 4294967295u - 100, 0, 4294967295u },
	{ "nothing above the last", 4294967295u, 4294967290u, 0, 0 },
};

static void ceiling_is_asked_ahead(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ceiling_rows / sizeof ceiling_rows[0]; i++) {
		struct replay_window w = { .highest = ceiling_rows[i].highest, .committed = ceiling_rows[i].committed };

		print_message("  %s\n", ceiling_rows[i].name);
		assert_int_equal(replay_wanted_ceiling(&w, ceiling_rows[i].id), ceiling_rows[i].want);
	}
}

/* However many ids come and in whatever order, none is new twice. */
static void nothing_is_new_twice(void **state)
{
	static uint8_t taken[2000];
	struct replay_window w;
	uint32_t x = 12345, base = 0;

	(void)state;
	replay_start(&w, 0);
	for (unsigned n = 0; n < 20000; n++) {
		uint32_t id = base + (x = x * 1103515245 + 12345, x >> 16) % 100 + 1, wanted;

		base = n / 12;
		if (id >= sizeof taken)
			continue;
		wanted = replay_wanted_ceiling(&w, id);
		if (wanted)
			replay_committed(&w, wanted);
		if (replay_check(&w, id) != REPLAY_NEW)
			continue;
		assert_int_equal(taken[id], 0);
		taken[id] = 1;
		replay_accept(&w, id);
	}
}

static void counter_counts_up(void **state)
{
	struct replay_counter c;
	uint32_t id = 0;

	(void)state;
	replay_counter_start(&c, 0);
	assert_false(replay_counter_take(&c, &id));                  /* nothing before a ceiling is stored */
	assert_int_equal(replay_counter_wanted(&c), REPLAY_AHEAD);
	replay_counter_committed(&c, REPLAY_AHEAD);
	assert_int_equal(replay_counter_wanted(&c), 0);
	for (uint32_t want = 1; want <= REPLAY_AHEAD; want++) {
		assert_true(replay_counter_take(&c, &id));
		assert_int_equal(id, want);
		assert_int_equal(replay_counter_wanted(&c) != 0, want >= REPLAY_AHEAD / 2);
	}
	assert_false(replay_counter_take(&c, &id));
	replay_counter_committed(&c, REPLAY_AHEAD + 44);
	replay_counter_committed(&c, 10);                            /* never back */
	assert_true(replay_counter_take(&c, &id));
	assert_int_equal(id, REPLAY_AHEAD + 1);

	replay_counter_start(&c, 300);                               /* the next life begins above what was committed */
	assert_false(replay_counter_take(&c, &id));
	replay_counter_committed(&c, replay_counter_wanted(&c));
	assert_true(replay_counter_take(&c, &id));
	assert_int_equal(id, 301);
}

static void counter_ends(void **state)
{
	struct replay_counter c;
	uint32_t id = 0;

	(void)state;
	replay_counter_start(&c, UINT32_MAX - 1);
	assert_int_equal(replay_counter_wanted(&c), UINT32_MAX);
	replay_counter_committed(&c, UINT32_MAX);
	assert_true(replay_counter_take(&c, &id));
	assert_int_equal(id, UINT32_MAX);
	assert_false(replay_counter_take(&c, &id));                  /* and does not begin again at 0 */
	assert_int_equal(replay_counter_wanted(&c), 0);
	replay_counter_start(&c, UINT32_MAX);
	assert_false(replay_counter_take(&c, &id));
	assert_int_equal(replay_counter_wanted(&c), 0);
}

static void counter_resumes(void **state)
{
	static const struct { const char *name; uint32_t at; bool want; uint32_t next; } rows[] = {
		{ "resume below what is used: nothing changes", 50, true, 101 },
		{ "resume at what is used: nothing changes", 100, true, 101 },
		{ "resume above continues after it", 512, true, 513 },
		{ "a jump of 2^20 is the largest", 100 + (1u << 20), true, 101 + (1u << 20) },
		{ "a larger jump is refused", 101 + (1u << 20), false, 101 },
		{ "the last id is refused", UINT32_MAX, false, 101 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct replay_counter c = { .next = 101, .committed = 256 };
		uint32_t id;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(replay_counter_resume(&c, rows[i].at), rows[i].want);
		assert_int_equal(c.next, rows[i].next);
		if (rows[i].next > 256)
			assert_false(replay_counter_take(&c, &id));  /* above the ceiling: commit first */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(window_judges), cmocka_unit_test(ceiling_is_asked_ahead), cmocka_unit_test(nothing_is_new_twice),
		cmocka_unit_test(counter_counts_up), cmocka_unit_test(counter_ends), cmocka_unit_test(counter_resumes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
