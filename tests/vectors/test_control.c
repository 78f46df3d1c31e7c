#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/control.h"
#include "tests/support/vectors.h"

static int recode(struct bytes line, struct buf *dump, struct buf *encoded, struct error *err)
{
	struct control_call call;
	struct control_answer answer;

	if (control_call_decode(line, &call, err) == 0) {
		control_call_encode(&call, encoded);
		control_call_free(&call);
	} else if (control_answer_decode(line, &answer, err) == 0) {
		control_answer_encode(&answer, encoded);
		control_answer_free(&answer);
	} else {
		return -1;
	}
	encoded->len--;      /* the newline that ends a line is not part of it */
	control_dump(line, dump);
	return 0;
}

static void vectors_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check_text("control", recode), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
