#include "protocol/link.h"
#include "tests/fuzz/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union link_any any;

	fuzz_frames(link_messages, &any, bytes_of(data, size));
	return 0;
}
