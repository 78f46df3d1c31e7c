#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "protocol/sip/dialog.h"
#include "protocol/sip/im.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a message is read as must be written so that it is read as the same again; so must an answer to it. */
static void check(struct bytes raw)
{
	struct error err = { "" };
	struct sip_message *m = sip_decode(raw, &err), *again, *answer;
	struct buf first = { 0 }, second = { 0 };
	struct sip_dialog dialog;
	char *key;

	if (!m) {
		if (!err.text[0])
			bug("refused without a sentence");
		return;
	}
	sip_encode(m, &first);
	if (first.len <= SIP_HEAD_MAX) {
		again = sip_decode(buf_bytes(&first), &err);
		if (!again)
			bug("cannot be read again: %s", err.text);
		sip_encode(again, &second);
		if (!bytes_equal(buf_bytes(&first), buf_bytes(&second)))
			bug("read again as something else");
		sip_free(&again);
	}
	key = sip_transaction(m);
	free(key);
	sip_im_first_text(m, &second);
	sip_im_type_read(sip_get(m, "Content-Type", 0), &second);
	sip_im_sdp_is_im(buf_bytes(&m->body));
	if (m->method) {
		answer = sip_answer(m, 200, NULL, "t");
		buf_clear(&first);
		sip_encode(answer, &first);
		sip_free(&answer);
		sip_dialog_from_request(&dialog, m, "t");
		sip_dialog_has(&dialog, m);
	} else {
		sip_dialog_from_answer(&dialog, m);
	}
	answer = sip_dialog_request(&dialog, "BYE");
	sip_free(&answer);
	sip_dialog_clear(&dialog);
	while ((key = sip_branch(m))) {
		free(key);
		sip_pop_via(m);
	}
	while ((key = sip_first_route(m))) {
		free(key);
		sip_pop_route(m);
	}
	sip_free(&m);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct error err = { "" };
	ssize_t len;

	while (in.len && (len = sip_split(in, &err)) > 0) {
		check(bytes_slice(in, 0, (size_t)len));
		in = bytes_slice(in, (size_t)len, in.len);
	}
	return 0;
}
