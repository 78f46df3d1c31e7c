#include "base/log.h"
#include "protocol/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the splitter takes and a message decodes must encode to the very same bytes, and dump. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct buf again = { 0 }, dump = { 0 };
	const struct wire_msg *msg;
	union link_any any;
	struct error err;
	ssize_t len;

	while ((len = frame_split(NULL, in, &err)) > 0) {
		struct bytes frame = bytes_slice(in, 0, (size_t)len);

		msg = wire_find(link_messages, frame_opcode(frame));
		if (msg && frame_decode(msg, frame, &any, &err) == 0) {
			buf_clear(&again);
			frame_encode(msg, &any, &again);
			if (!bytes_equal(buf_bytes(&again), frame))
				bug("%s: encoded to other bytes", msg->name);
			buf_clear(&dump);
			wire_dump(msg, &any, &dump);
		}
		in = bytes_slice(in, (size_t)len, in.len);
	}
	buf_free(&again);
	buf_free(&dump);
	return 0;
}
