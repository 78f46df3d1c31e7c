#include "base/log.h"
#include "protocol/groupwise/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct buf first = { 0 }, encoded = { 0 }, second = { 0 };
	struct gw_event event;
	struct error err;
	ssize_t len;

	while ((len = gw_event_split(in, &err)) > 0) {
		if (gw_event_decode(bytes_slice(in, 0, (size_t)len), &event, &err) < 0)
			bug("the splitter found an event that the decoder refuses: %s", err.text);
		buf_clear(&first);
		buf_clear(&encoded);
		buf_clear(&second);
		gw_event_dump(bytes_slice(in, 0, (size_t)len), &first);
		gw_event_encode(&event, &encoded);
		gw_event_dump(buf_bytes(&encoded), &second);
		if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
			bug("read again as something else");
		in = bytes_slice(in, (size_t)len, in.len);
	}
	buf_free(&first);
	buf_free(&encoded);
	buf_free(&second);
	return 0;
}
