#include <string.h>

#include "base/log.h"
#include "protocol/groupwise/request.h"
#include "tests/support/groupwise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a request is read as must be written so that it is read as the same again. */
static void check(struct bytes raw)
{
	struct gw_tree tree = { 0 }, copy = { 0 };
	struct buf first = { 0 }, encoded = { 0 }, second = { 0 };
	struct gw_request request;
	struct error err;

	if (gw_request_decode(raw, &tree, &request, &err) == 0) {
		groupwise_copy(&tree.root, &copy, false);
		groupwise_show(&copy.root, &first);
		gw_request_encode("x", NULL, &copy, 1, &encoded);
		if (gw_request_decode(buf_bytes(&encoded), &tree, &request, &err) < 0)
			bug("cannot be read again: %s", err.text);
		gw_tree_clear(&copy);
		groupwise_copy(&tree.root, &copy, false);
		groupwise_show(&copy.root, &second);
		if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
			bug("read again as something else");
	}
	buf_clear(&first);
	gw_request_dump(raw, &first);
	gw_tree_free(&tree);
	gw_tree_free(&copy);
	buf_free(&first);
	buf_free(&encoded);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct gw_scan scan = { 0 };
	struct error err;
	ssize_t len;

	while ((len = gw_request_split(&scan, in, &err)) > 0) {
		check(bytes_slice(in, 0, (size_t)len));
		in = bytes_slice(in, (size_t)len, in.len);
	}
	return 0;
}
