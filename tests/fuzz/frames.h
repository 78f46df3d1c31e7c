#ifndef BRAMBLE_TESTS_FUZZ_FRAMES_H
#define BRAMBLE_TESTS_FUZZ_FRAMES_H

#include "base/log.h"
#include "protocol/frame.h"

/* What the splitter takes and a message of the list decodes must encode to the very same bytes, and dump.
 * any: room for each of the messages. */
static inline void fuzz_frames(const struct wire_msg *const *list, void *any, struct bytes in)
{
	struct buf again = { 0 }, dump = { 0 };
	ssize_t len;

	while ((len = frame_split(NULL, in, NULL)) > 0) {
		struct bytes frame = bytes_slice(in, 0, (size_t)len);
		const struct wire_msg *msg = wire_find(list, frame_opcode(frame));
		struct error err;

		if (msg && frame_decode(msg, frame, any, &err) == 0) {
			buf_clear(&again);
			frame_encode(msg, any, &again);
			if (!bytes_equal(buf_bytes(&again), frame))
				bug("%s: encoded to other bytes", msg->name);
			buf_clear(&dump);
			wire_dump(msg, any, &dump);
		}
		in = bytes_slice(in, (size_t)len, in.len);
	}
	buf_free(&again);
	buf_free(&dump);
}

#endif
