#include "base/log.h"
#include "protocol/im.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An item that may be missing is written always. */
static bool same_but_for_the_optional(const struct wire_msg *msg, struct bytes again, struct bytes raw)
{
	static const uint8_t zero[] = { 0x49, 0, 0, 0, 0 };

	return msg == &im_message_event_msg && again.len == raw.len + sizeof zero &&
		bytes_equal(bytes_slice(again, 0, raw.len), raw) &&
		bytes_equal(bytes_slice(again, raw.len, again.len), bytes_of(zero, sizeof zero));
}

/* What decodes must encode to the very same bytes; anything at all can be dumped. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes raw = bytes_of(data, size);
	struct buf again = { 0 }, dump = { 0 };
	const struct wire_msg *msg;
	union im_any any;
	enum im_type type;
	uint32_t sequence;
	struct error err;

	im_dump(raw, &dump);
	if (im_peek(raw, &type, &sequence, &err) == 0) {
		msg = wire_find(im_messages, (uint8_t)type);
		if (im_decode(msg, raw, &any, &err) == 0) {
			im_encode(msg, sequence, &any, &again);
			if (!bytes_equal(buf_bytes(&again), raw) && !same_but_for_the_optional(msg, buf_bytes(&again), raw))
				bug("%s: encoded to other bytes", msg->name);
		}
	}
	buf_free(&again);
	buf_free(&dump);
	return 0;
}
