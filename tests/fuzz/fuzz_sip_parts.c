/* Bodies of several parts: what is read is written so that it is read as the same parts again. The first line is the boundary. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "protocol/sip/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All parts written anew; -1: it was refused, and why is in err. */
static int rewrite(struct bytes body, const char *boundary, struct buf *out, struct error *err)
{
	struct sip_part part;
	int rc;

	while ((rc = sip_part_next(&body, boundary, &part, err)) > 0)
		sip_part_write(boundary, &part, out);
	sip_parts_end(boundary, out);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	struct buf once = { 0 }, twice = { 0 };
	struct error err = { "" };
	char *boundary;

	if (!line)
		return 0;
	boundary = bytes_dup(bytes_of(data, (size_t)(line - data)));
	if (rewrite(bytes_of(line + 1, size - (size_t)(line + 1 - data)), boundary, &once, &err) == 0) {
		if (rewrite(buf_bytes(&once), boundary, &twice, &err) < 0)
			bug("its own parts are refused: %s", err.text);
		if (!bytes_equal(buf_bytes(&once), buf_bytes(&twice)))
			bug("its own parts are read as others");
	} else if (!err.text[0]) {
		bug("refused without a sentence");
	}
	free(boundary);
	buf_free(&once);
	buf_free(&twice);
	return 0;
}
