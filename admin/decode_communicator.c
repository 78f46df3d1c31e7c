#include "admin/decode_communicator.h"

#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/utf8.h"
#include "protocol/cwa/codec.h"
#include "protocol/sip/sip.h"

/* --- Communicator Web Access -------------------------------------------------------------------------------------------------------- */

/* The start line is printed; the headers are not: the ticket stands there, and credentials. What is left is the body. */
static struct bytes skip_head(struct bytes raw, struct buf *out)
{
	const uint8_t *end = memmem(raw.data, raw.len, "\r\n\r\n", 4), *line = memmem(raw.data, raw.len, "\r\n", 2);

	if (!end || !line || raw.data[0] == '<' || raw.data[0] == '{')
		return raw;
	buf_printf(out, "%s\n", log_value(bytes_of(raw.data, (size_t)(line - raw.data))));
	return bytes_slice(raw, (size_t)(end - raw.data) + 4, raw.len);
}

int decode_cwa(struct bytes raw, struct buf *out, struct error *err)
{
	struct cwa_tree tree = { 0 };
	enum cwa_format format;
	struct bytes body;
	int rc;

	if (raw.len == 0)
		return error_set(err, "there are no bytes");
	body = skip_head(raw, out);
	if (cwa_sniff(body, &format) < 0)
		return error_set(err, "an envelope begins with < or {");
	rc = cwa_decode(format, body, &tree, err);
	if (rc == 0) {
		cwa_dump(tree.root, out);
		if (tree.unexpected)
			buf_printf(out, "left out, because the protocol has no such things: %u\n", tree.unexpected);
		if (cwa_check(tree.root, err) < 0) {
			buf_printf(out, "incomplete: %s\n", err->text);
			*err = (struct error){ "" };
		}
	}
	cwa_tree_free(&tree);
	return rc;
}

/* --- SIP ---------------------------------------------------------------------------------------------------------------------------- */

static bool is_secret(const char *header)
{
	return strcasecmp(header, "Authorization") == 0 || strcasecmp(header, "Proxy-Authorization") == 0;
}

/* Whole, other than log_value has it; control characters become spaces. */
static void print_text(struct bytes text, struct buf *out)
{
	struct buf clean = { 0 };

	utf8_repair_for_xml(text, &clean);
	for (size_t i = 0; i < clean.len; i++) {
		if (clean.data[i] == '\r')
			continue;
		buf_u8(out, clean.data[i]);
		if (clean.data[i] == '\n')
			buf_text(out, "    ");
	}
	buf_free(&clean);
}

static void print_sip(const struct sip_message *m, struct buf *out)
{
	if (m->method)
		buf_printf(out, "%s %s\n", log_str(m->method), log_str(m->uri));
	else
		buf_printf(out, "%d %s\n", m->status, log_str(m->reason ? m->reason : ""));
	for (size_t i = 0; i < m->header_count; i++) {
		const struct sip_header *h = &m->headers[i];

		buf_printf(out, "  %s: ", log_str(h->name));
		print_text(bytes_str(is_secret(h->name) ? "(hidden)" : h->value), out);
		buf_text(out, "\n");
	}
	if (m->body.len) {
		buf_text(out, "    ");
		print_text(buf_bytes(&m->body), out);
		buf_text(out, "\n");
	}
}

int decode_sip(struct bytes raw, struct buf *out, struct error *err)
{
	if (raw.len == 0)
		return error_set(err, "there are no bytes");
	for (size_t at = 0; at < raw.len;) {
		struct bytes rest = bytes_slice(raw, at, raw.len);
		ssize_t len = sip_split(rest, err);
		struct sip_message *m;

		if (len < 0)
			return error_prefix(err, "at byte %zu: ", at);
		if (len == 0)
			return error_set(err, "at byte %zu: the message goes on after the %zu bytes that are there", at, rest.len);
		rest = bytes_slice(rest, 0, (size_t)len);
		at += (size_t)len;
		if (sip_is_keep_alive(rest)) {
			buf_text(out, "(empty lines)\n");
			continue;
		}
		m = sip_decode(rest, err);
		if (!m)
			return error_prefix(err, "at byte %zu: ", at - (size_t)len);
		print_sip(m, out);
		sip_free(&m);
	}
	return 0;
}
