#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "protocol/link.h"
#include "tests/support/vectors.h"

static int recode(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err)
{
	const struct wire_msg *msg = wire_find(link_messages, frame_opcode(raw));
	union link_any any;

	if (!msg)
		return error_set(err, "unknown opcode");
	if (frame_decode(msg, raw, &any, err))
		return -1;
	wire_dump(msg, &any, dump);
	frame_encode(msg, &any, encoded);
	return 0;
}

static void vectors_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check("link", recode, false), 18);
}

static void the_largest_message_fits_a_frame(void **state)
{
	static uint8_t text[LINK_CLEAR_MAX];
	struct link_up up = { .user = bytes_of(text, 256), .content_id = bytes_of(text, 64), .clear = bytes_of(text, sizeof text) };
	struct link_up again;
	struct buf frame = { 0 };
	struct error err;

	(void)state;
	frame_encode(&link_up_msg, &up, &frame);
	assert_int_equal(frame_split(NULL, buf_bytes(&frame), &err), frame.len);
	assert_int_equal(frame_decode(&link_up_msg, buf_bytes(&frame), &again, &err), 0);
	assert_true(wire_equal(&link_up_msg, &up, &again));
	buf_free(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_page),
		cmocka_unit_test(the_largest_message_fits_a_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
