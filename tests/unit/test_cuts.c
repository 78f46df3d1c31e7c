/* What IM servers and their clients say may come cut in two anywhere, or byte by byte: it ends where it ends. The messages are the vectors that
 * something other than our codec made; frames of our own links are in tests/flow/test_hostile_wire.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/request.h"
#include "protocol/sip/sip.h"

typedef ssize_t split_fn(struct gw_scan *scan, struct bytes in, struct error *err);

static ssize_t split_event(struct gw_scan *scan, struct bytes in, struct error *err)
{
	(void)scan;
	return gw_event_split(in, err);
}

static ssize_t split_sip(struct gw_scan *scan, struct bytes in, struct error *err)
{
	(void)scan;
	return sip_split(in, err);
}

static void must_be(const char *file, unsigned line, size_t cut, ssize_t got, size_t want, const struct error *err)
{
	if (got != (ssize_t)want)
		fail_msg("%s line %u: after %zu bytes it ends at %zd, not %zu %s", file, line, cut, got, want, err->text);
}

static void cut_everywhere(const char *file, unsigned line, split_fn *split, struct bytes message)
{
	struct gw_scan drip = { 0 };
	struct error err = { "" };

	for (size_t cut = 1; cut < message.len; cut++) {
		struct gw_scan scan = { 0 };

		must_be(file, line, cut, split(&scan, bytes_slice(message, 0, cut), &err), 0, &err);
		must_be(file, line, cut, split(&scan, message, &err), message.len, &err);
		must_be(file, line, cut, split(&drip, bytes_slice(message, 0, cut), &err), 0, &err);
	}
	must_be(file, line, message.len, split(&drip, message, &err), message.len, &err);
}

static unsigned all_of(const char *name, split_fn *split)
{
	static char row[1 << 20];
	char path[128];
	unsigned line = 0;
	FILE *file;

	snprintf(path, sizeof path, "tests/vectors/%s.txt", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(row, sizeof row, file)) {
		struct buf message = { 0 };

		line++;
		row[strcspn(row, "\t\n")] = '\0';
		assert_int_equal(hex_decode(bytes_str(row), &message), 0);
		cut_everywhere(path, line, split, buf_bytes(&message));
		buf_free(&message);
	}
	fclose(file);
	return line;
}

static void requests_to_the_messenger_server(void **state)
{
	(void)state;
	assert_true(all_of("gw_request", gw_request_split) > 20);
}

static void its_answers(void **state)
{
	(void)state;
	assert_true(all_of("gw_answer", gw_stream_split) > 5);
}

static void its_events(void **state)
{
	(void)state;
	assert_true(all_of("gw_event", split_event) > 5);
}

static void requests_and_answers_of_sip(void **state)
{
	(void)state;
	assert_true(all_of("sip", split_sip) > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_to_the_messenger_server),
		cmocka_unit_test(its_answers),
		cmocka_unit_test(its_events),
		cmocka_unit_test(requests_and_answers_of_sip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
