#include "base/log.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/dump.h"
#include "tests/support/groupwise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct bytes raw)
{
	struct gw_tree tree = { 0 }, copy = { 0 };
	struct buf first = { 0 }, encoded = { 0 }, second = { 0 };
	struct gw_answer answer;
	struct error err;

	if (gw_answer_decode(raw, &tree, &answer, &err) < 0)
		bug("the splitter found an answer that the decoder refuses: %s", err.text);
	groupwise_copy(&tree.root, &copy, true);
	groupwise_show(&copy.root, &first);
	if (gw_answer_encode(&copy, 0, bytes_str("1"), 0, &encoded, &err) == 0) {
		if (gw_answer_decode(buf_bytes(&encoded), &tree, &answer, &err) < 0)
			bug("cannot be read again: %s", err.text);
		gw_tree_clear(&copy);
		groupwise_copy(&tree.root, &copy, true);
		groupwise_show(&copy.root, &second);
		if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
			bug("read again as something else");
	}
	gw_tree_free(&tree);
	gw_tree_free(&copy);
	buf_free(&first);
	buf_free(&encoded);
	buf_free(&second);
}

/* What a client reads: answers and events in one stream. Whole or byte by byte, the splitter must find the same ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct gw_scan whole = { 0 }, slow = { 0 };
	struct buf dump = { 0 };
	struct error err;
	ssize_t len;

	gw_dump(in, &dump);
	buf_free(&dump);
	while ((len = gw_stream_split(&whole, in, &err)) > 0) {
		ssize_t found = 0;

		for (size_t have = size > 4096 ? (size_t)len : 0; have <= (size_t)len && !found; have++)
			found = gw_stream_split(&slow, bytes_slice(in, 0, have), &err);
		if (found != len)
			bug("an end found at %zd at once and at %zd byte by byte", len, found);
		if (gw_is_answer(in)) {
			struct gw_answer answer;
			struct gw_tree tree = { 0 };

			if (gw_answer_decode(bytes_slice(in, 0, (size_t)len), &tree, &answer, &err) == 0)
				check(bytes_slice(in, 0, (size_t)len));
			gw_tree_free(&tree);
		}
		in = bytes_slice(in, (size_t)len, in.len);
	}
	return 0;
}
