/* What is known of a peer's backlog from the marks that it answers: one row per sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "protocol/backlog.h"

#define EVERY 4
#define MARK(n) (BACKLOG_MARK | (n))

static const struct {
	const char *name;
	uint32_t before, handed;     /* both counts at the start; messages that follow */
	uint32_t answers[2];         /* nonces of PONGs, 0: none */
	bool takes;                  /* what the last of them is taken for */
	uint32_t want;               /* the size at the end */
} rows[] = {
	{ "nothing was handed over", 0, 0, { 0 }, false, 0 },
	{ "nothing is answered", 0, 9, { 0 }, false, 9 },
	{ "the first mark says that what came before it was read", 0, 9, { MARK(4) }, true, 5 },
	{ "what follows the last mark counts as not read", 0, 9, { MARK(8) }, true, 1 },
	{ "an answer may be for several marks", 0, 12, { MARK(12) }, true, 0 },
	{ "an answer that comes again changes nothing", 0, 9, { MARK(8), MARK(8) }, false, 1 },
	{ "an older mark after a newer one changes nothing", 0, 9, { MARK(8), MARK(4) }, false, 1 },
	{ "a mark that was never sent changes nothing", 0, 9, { MARK(12) }, false, 9 },
	{ "the keep-alive's answer is no mark's", 0, 9, { 8 }, false, 9 },
	{ "the counts wrap in the middle of a mark's bits", BACKLOG_MARK - 4, 9, { MARK(0) }, true, 5 },
	{ "the counts wrap", UINT32_MAX - 3, 9, { MARK(4) }, true, 1 },
};

/* Message n is handed over at n ms, and asked at 1000 ms. */
static const struct { const char *name; uint32_t handed, answer; uint64_t want_ms; } ages[] = {
	{ "nothing waits", 0, 0, 0 },
	{ "no mark is outstanding yet", 3, 0, 0 },
	{ "the first mark", 4, 0, 996 },
	{ "the oldest of several", 9, 0, 996 },
	{ "the oldest that is not answered", 13, MARK(4), 992 },
	{ "all are answered", 9, MARK(8), 0 },
	{ "of more than have their time, the oldest that has", EVERY * (BACKLOG_MARKS + 2), 0, 1000 - 3 * EVERY },
};

static void marks_tell_what_was_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct backlog backlog = { .every = EVERY, .handed = rows[i].before, .read = rows[i].before };
		bool taken = false;

		print_message("  %s\n", rows[i].name);
		for (uint32_t n = 1; n <= rows[i].handed; n++) {
			assert_int_equal(backlog_add(&backlog), n % EVERY == 0);
			if (n % EVERY == 0)
				assert_int_equal(backlog_mark(&backlog, 0), MARK(rows[i].before + n));
		}
		for (size_t n = 0; n < 2 && rows[i].answers[n]; n++)
			taken = backlog_answer(&backlog, rows[i].answers[n]);
		assert_int_equal(taken, rows[i].takes);
		assert_int_equal(backlog_size(&backlog), rows[i].want);
	}
}

static void marks_tell_how_long_it_waits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
		struct backlog backlog;

		print_message("  %s\n", ages[i].name);
		backlog_start(&backlog, EVERY);
		for (uint32_t n = 1; n <= ages[i].handed; n++)
			if (backlog_add(&backlog))
				backlog_mark(&backlog, n * UINT64_C(1000));
		if (ages[i].answer)
			assert_true(backlog_answer(&backlog, ages[i].answer));
		assert_int_equal(backlog_age_us(&backlog, 1000000), ages[i].want_ms * 1000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_tell_what_was_read),
		cmocka_unit_test(marks_tell_how_long_it_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
