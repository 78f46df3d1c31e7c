#include <stdlib.h>

#include "protocol/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A whole header must decode or be refused with a sentence; what is cut short must ask for more. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	struct error err = { "" };
	ssize_t len = proxy_split(bytes_of(data, size), &err);

	if (len < 0 && !*err.text)
		abort();
	if (len <= 0)
		return 0;
	if ((size_t)len > size || proxy_split(bytes_of(data, (size_t)len - 1), &err) != 0)
		abort();
	if (proxy_decode(bytes_of(data, (size_t)len), &header, &err) != 0 ? !*err.text : header.is_local == (*header.peer != '\0'))
		abort();
	return 0;
}
