#include <stdlib.h>

#include "base/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line that is read as a call or an answer is written and read again with the same meaning. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_call call, call2;
	struct control_answer answer, answer2;
	struct error err;
	struct buf out = { 0 };

	if (control_call_decode(bytes_of(data, size), &call, &err) == 0) {
		control_call_encode(&call, &out);
		if (control_call_decode(buf_bytes(&out), &call2, &err) != 0 || call.id != call2.id ||
		    !bytes_equal(bytes_str(call.verb), bytes_str(call2.verb)) || !json_equal(call.params, call2.params))
			abort();
		control_call_free(&call2);
	}
	control_call_free(&call);
	buf_clear(&out);
	if (control_answer_decode(bytes_of(data, size), &answer, &err) == 0) {
		control_answer_encode(&answer, &out);
		if (control_answer_decode(buf_bytes(&out), &answer2, &err) != 0 || answer.id != answer2.id ||
		    answer.ok != answer2.ok || answer.status != answer2.status ||
		    !bytes_equal(bytes_str(answer.error), bytes_str(answer2.error)) ||
		    (answer.ok && !json_equal(answer.result, answer2.result)))
			abort();
		control_answer_free(&answer2);
	}
	control_answer_free(&answer);
	buf_free(&out);
	return 0;
}
