#include "protocol/cwa/native.h"

#include <string.h>

#include "base/log.h"
#include "protocol/cwa/xml.h"

#define ARGUMENTS_MAX 5
#define SAID 3                  /* which of them is the text of a message */

/* --- commands ------------------------------------------------------------------------------------------------------------------ */

struct arguments {
	struct buf items[ARGUMENTS_MAX];
	size_t count;
};

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Escaped once more than the form itself, so that it may hold commas and semicolons. A '%' that begins no escape is one. */
static void decode(struct bytes text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high = text.data[i] == '%' && i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;

		if (low < 0) {
			buf_u8(out, text.data[i]);
			continue;
		}
		buf_u8(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
}

/* White space around an argument does not count, except in what is said. */
static void trim(struct buf *argument)
{
	struct bytes inner = cwa_trim(buf_bytes(argument));

	if (inner.len && argument->data)
		memmove(argument->data, inner.data, inner.len);
	argument->len = inner.len;
}

/* The last argument takes what is left, commas included. */
static void split(struct bytes command, struct arguments *out)
{
	while (out->count < ARGUMENTS_MAX) {
		const uint8_t *comma = command.len && out->count + 1 < ARGUMENTS_MAX ? memchr(command.data, ',', command.len) : NULL;
		size_t len = comma ? (size_t)(comma - command.data) : command.len;

		decode(bytes_slice(command, 0, len), &out->items[out->count]);
		if (out->count != SAID)
			trim(&out->items[out->count]);
		out->count++;
		if (!comma)
			return;
		command = bytes_slice(command, len + 1, command.len);
	}
}

static const char *argument(struct arguments *a, size_t at)
{
	return at < a->count ? buf_cstr(&a->items[at]) : "";
}

static struct cwa_node *conference(struct cwa_tree *tree, const char *rid, const char *conf, const char *method)
{
	struct cwa_node *node = cwa_add(tree, cwa_root(tree, &cwa_requests), "conference");

	cwa_set(tree, node, "rid", rid);
	cwa_set(tree, node, "confId", conf);
	return cwa_add(tree, node, method);
}

static int build(struct arguments *a, struct cwa_tree *tree, struct error *err)
{
	const char *rid = argument(a, 0), *name = argument(a, 1), *third = argument(a, 2), *text = argument(a, 3), *format = argument(a, 4);
	struct cwa_node *node;

	if (strcmp(name, "LcwStartImRequest") == 0) {
		node = conference(tree, rid, "0", "initiateImSession");
		cwa_add_text(tree, cwa_add(tree, node, "uris"), "uri", third);
		node = cwa_add(tree, node, "message");
		cwa_add_text(tree, node, "format", format);
		cwa_add_text(tree, node, "content", text);
	} else if (strcmp(name, "LcwAcceptImRequest") == 0) {
		conference(tree, rid, third, "acceptImSession");
	} else if (strcmp(name, "LcwSendMessageRequest") == 0) {
		node = conference(tree, rid, third, "sendMessage");
		cwa_add_text(tree, node, "format", format);
		cwa_add_text(tree, node, "content", text);
	} else {
		return error_set(err, "the commands are LcwStartImRequest, LcwAcceptImRequest and LcwSendMessageRequest");
	}
	return 0;
}

/* What the other encodings could not say is refused here too: it goes on to others in them. */
static bool is_text(struct bytes text)
{
	struct cwa_tree tree = { 0 };
	struct buf body = { 0 };
	struct error err;
	bool good;

	buf_text(&body, "<cwaRequests>");
	for (size_t i = 0; i < text.len; i++)
		buf_u8(&body, text.data[i] == '<' || text.data[i] == '&' ? '.' : text.data[i]);
	buf_text(&body, "</cwaRequests>");
	good = cwa_xml_decode(buf_bytes(&body), &tree, &err) == 0;
	buf_free(&body);
	cwa_tree_free(&tree);
	return good;
}

int cwa_native_command(struct bytes command, struct cwa_tree *tree, struct error *err)
{
	struct arguments arguments = { .count = 0 };
	int rc = 0;

	split(command, &arguments);
	for (size_t i = 0; i < arguments.count && rc == 0; i++)
		if (!is_text(buf_bytes(&arguments.items[i])))
			rc = error_set(err, "an argument is no text");
	if (rc == 0)
		rc = build(&arguments, tree, err);
	for (size_t i = 0; i < arguments.count; i++)
		buf_free(&arguments.items[i]);
	return rc;
}

/* --- events -------------------------------------------------------------------------------------------------------------------- */

static void write_attribute(const char *name, const char *value, struct buf *out)
{
	buf_printf(out, " %s=\"", name);
	cwa_xml_escape(value, true, out);
	buf_u8(out, '"');
}

static void write_event(const struct cwa_node *event, struct buf *out)
{
	const struct cwa_node *invited = cwa_child(event, "imSessionReceived"), *received = cwa_child(event, "messageReceived");
	const struct cwa_node *of = invited ? invited : received, *inviter = invited ? cwa_child(invited, "inviter") : NULL;
	const struct cwa_node *message = of ? cwa_child(of, "message") : NULL;
	const char *conf = cwa_attribute(event, "confId"), *sender = received ? cwa_attribute(received, "sender") : NULL;

	if (!of)
		return;
	buf_printf(out, "<div id=\"%s\"", invited ? "imInvitation" : "imMessage");
	write_attribute("imId", conf ? conf : "", out);
	if (inviter && cwa_attribute(inviter, "uri"))
		write_attribute("inviters", cwa_attribute(inviter, "uri"), out);
	if (received)
		write_attribute("action", "receive", out);
	write_attribute("message", message ? cwa_child_text(message, "content") : "", out);
	if (sender)
		write_attribute("uri", sender, out);
	buf_text(out, "></div>");
}

static void write_events(const struct cwa_node *root, struct buf *out)
{
	const char *last = cwa_attribute(root, "ackId");

	buf_printf(out, "<div id=\"%s\"", root->first ? "updates" : "QueryTimeout");
	write_attribute("latestUpdate", last ? last : "0", out);
	buf_u8(out, '>');
	for (const struct cwa_node *event = cwa_child(root, "conference"); event; event = cwa_next(event))
		write_event(event, out);
	buf_text(out, "</div>");
}

static const struct cwa_node *error_of(const struct cwa_node *status)
{
	if (cwa_is(status, "error"))
		return status;
	return cwa_is(status, "requestFailed") || cwa_is(status, "requestInvalid") ? cwa_child(status, "error") : NULL;
}

void cwa_native_encode(const struct cwa_node *root, struct buf *out)
{
	if (root->element == &cwa_events) {
		write_events(root, out);
		return;
	}
	for (const struct cwa_node *status = root->first; status; status = status->next) {
		const struct cwa_node *error = error_of(status);

		buf_printf(out, "<div id=\"%s\"", error ? "exception" : "accepted");
		if (error && cwa_attribute(error, "code"))
			write_attribute("code", cwa_attribute(error, "code"), out);
		if (error && cwa_attribute(error, "detail"))
			write_attribute("detail", cwa_attribute(error, "detail"), out);
		if (cwa_is(status, "initiateImSessionAccepted") && cwa_attribute(status, "confId"))
			write_attribute("imId", cwa_attribute(status, "confId"), out);
		buf_text(out, "></div>");
	}
}
