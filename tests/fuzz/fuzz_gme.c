/* Envelopes: what decodes encodes to the same bytes, and can be answered. */
#include <stdlib.h>

#include "protocol/gme_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet_key key = { .id = "2100000A+3", .secret = { 1 } };
	struct buf out = { 0 };
	struct gme gme, answer;
	struct error err;

	if (gme_decode(bytes_of(data, size), &gme, &err) == 0) {
		gme_encode(&gme, false, &out);
		if (!bytes_equal(buf_bytes(&out), bytes_of(data, size)))
			abort();
		buf_clear(&out);
		gme_dump(&gme, &out);
		buf_clear(&out);
		gme_answer_error(&gme, &key, GME_RESUME_AT, "256", &out);
		if (gme_decode(buf_bytes(&out), &answer, &err) || answer.message_id != gme.message_id ||
		    !gme_answer_is_proved(&answer, &key))
			abort();
	}
	buf_free(&out);
	return 0;
}
