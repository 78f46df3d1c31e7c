#include "protocol/groupwise/request.h"

#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/tags.h"

#define COMMAND_MAX 64
#define TRANSACTION_MAX 32

/* --- finding a request in a stream ------------------------------------------------------------------------------------ */

static bool may_begin(struct bytes in, const char *word)
{
	size_t len = strlen(word);

	return memcmp(in.data, word, in.len < len ? in.len : len) == 0;
}

static ssize_t found(struct gw_scan *scan, size_t len)
{
	*scan = (struct gw_scan){ 0 };
	return (ssize_t)len;
}

static ssize_t refused(struct gw_scan *scan)
{
	return found(scan, 0) - 1;
}

/* Looks for the mark from where the last look ended; the offset after it, or 0. */
static size_t look_for(struct gw_scan *scan, struct bytes in, const char *mark)
{
	size_t len = strlen(mark);
	const uint8_t *at = scan->at < in.len ? memmem(in.data + scan->at, in.len - scan->at, mark, len) : NULL;

	if (at)
		return scan->at = (size_t)(at - in.data) + len;
	if (in.len >= len - 1 && in.len - (len - 1) > scan->at)
		scan->at = in.len - (len - 1);
	return 0;
}

ssize_t gw_request_split(struct gw_scan *scan, struct bytes in, struct error *err)
{
	if (!in.len)
		return 0;
	if (!may_begin(in, "POST /") && !may_begin(in, "GET /")) {
		error_set(err, "a request begins with %s; \"POST /\" or \"GET /\" was expected", log_value(bytes_slice(in, 0, 8)));
		return refused(scan);
	}
	if (!scan->header) {
		scan->header = look_for(scan, in, "\r\n\r\n");
		if (scan->header > GW_REQUEST_HEADER_MAX || (!scan->header && in.len > GW_REQUEST_HEADER_MAX)) {
			error_set(err, "the header of a request is longer than %d bytes", GW_REQUEST_HEADER_MAX);
			return refused(scan);
		}
		if (!scan->header)
			return 0;
		if (in.data[0] == 'G')
			return found(scan, scan->header);
	}
	if (look_for(scan, in, "\r\n"))
		if (scan->at <= GW_REQUEST_MAX)
			return found(scan, scan->at);
	if (in.len > GW_REQUEST_MAX) {
		error_set(err, "a request is longer than %d bytes", GW_REQUEST_MAX);
		return refused(scan);
	}
	return 0;
}

/* --- writing ----------------------------------------------------------------------------------------------------------- */

static void encode_field(const struct gw_field *field, struct buf *out)
{
	char letter = gw_method_letter(field->method);

	if (!letter)
		bug("a request field with method %u", field->method);
	buf_text(out, "&tag=");
	buf_append(out, field->tag);
	buf_printf(out, "&cmd=%c&val=", letter);
	if (gw_is_array(field))
		buf_printf(out, "%u", field->count);
	else if (field->type == GW_TYPE_STRING || field->type == GW_TYPE_DN)
		gw_escape(field->text, out);
	else
		buf_printf(out, "%u", field->number);
	buf_printf(out, "&type=%u", field->type);
	for (const struct gw_field *child = field->first; child; child = child->next)
		encode_field(child, out);       /* as deep as our own callers build: a handful */
}

void gw_request_encode(const char *command, const char *host, const struct gw_tree *fields, uint32_t transaction,
	struct buf *out)
{
	buf_printf(out, "POST /%s HTTP/1.0\r\n", command);
	if (host)
		buf_printf(out, "Host: %s\r\n", host);
	buf_text(out, "\r\n");
	for (const struct gw_field *field = fields ? fields->root.first : NULL; field; field = field->next)
		encode_field(field, out);
	buf_printf(out, "&tag=" GW_TAG_TRANSACTION "&cmd=0&val=%u&type=10\r\n", transaction);
}

/* --- reading ----------------------------------------------------------------------------------------------------------- */

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A character that was cut off at the end of a value goes; its first bytes alone say nothing. */
static size_t without_cut_character(const uint8_t *text, size_t len)
{
	size_t back = 1;

	while (back <= 4 && back <= len && (text[len - back] & 0xC0) == 0x80)
		back++;
	if (back <= 4 && back <= len && text[len - back] >= 0xC0 && !utf8_is_valid(bytes_of(text + len - back, back)))
		return len - back;
	return len;
}

/* The stock plugin cuts long values at 4091 bytes and leaves a NUL there, in the middle of an escape or a character. */
static struct bytes unescape(struct gw_tree *tree, struct bytes in)
{
	uint8_t *text = gw_tree_alloc(tree, in.len ? in.len : 1);
	size_t len = 0;

	while (in.len && in.data[in.len - 1] == 0)
		in.len--;
	for (size_t i = 0; i < in.len; i++) {
		uint8_t c = in.data[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = i + 1 < in.len ? hex(in.data[i + 1]) : -1;
			int low = i + 2 < in.len ? hex(in.data[i + 2]) : -1;

			if (high >= 0 && low >= 0) {
				c = (uint8_t)(high << 4 | low);
				i += 2;
			} else if (i + 1 == in.len || (high >= 0 && i + 2 == in.len)) {
				break;
			}
		}
		if (c)
			text[len++] = c;
	}
	len = without_cut_character(text, len);
	if (!utf8_is_valid(bytes_of(text, len))) {
		struct buf good = { 0 };
		struct bytes copy;

		utf8_repair(bytes_of(text, len), &good);
		text = gw_tree_alloc(tree, good.len);
		memcpy(text, good.data, good.len);
		copy = bytes_of(text, good.len);
		buf_wipe(&good);
		return copy;
	}
	return bytes_of(text, len);
}

/* One field as it stands in the body, before it is put into the tree. */
struct pairs {
	bool open;
	struct bytes tag, cmd, val, type;
	size_t at;              /* where it begins, for the sentence */
};

struct nest {
	struct gw_field *parent[GW_DEPTH_MAX + 1];
	uint32_t left[GW_DEPTH_MAX + 1];
	unsigned depth;
};

static int take_field(struct gw_tree *tree, struct nest *nest, const struct pairs *p, struct gw_request *out, struct error *err)
{
	uint32_t type, number = 0;
	int method = p->cmd.len == 1 ? gw_method_of_letter(p->cmd.data[0]) : p->cmd.len == 0 ? GW_VALID : -1;
	struct gw_field *field;

	if (!p->tag.len || p->tag.len > GW_TAG_MAX)
		return error_set(err, "the field at byte %zu has a tag of %zu bytes; 1 to %d are accepted", p->at, p->tag.len,
			GW_TAG_MAX);
	if (gw_decimal(p->type, &type) < 0 || type == GW_TYPE_END || type == GW_TYPE_BINARY || type > GW_TYPE_DN)
		return error_set(err, "field %s at byte %zu has type %s; 1 and 3 to 13 are accepted", log_value(p->tag), p->at,
			log_value(p->type));
	if (method < 0)
		return error_set(err, "field %s at byte %zu has method %s, which is none", log_value(p->tag), p->at, log_value(p->cmd));
	if (type != GW_TYPE_STRING && type != GW_TYPE_DN && gw_decimal(p->val, &number) < 0)
		return error_set(err, "field %s at byte %zu has value %s where a number of 32 bits belongs", log_value(p->tag), p->at,
			log_value(p->val));

	while (nest->depth && !nest->left[nest->depth])
		nest->depth--;
	if (nest->depth)
		nest->left[nest->depth]--;
	field = gw_add_raw(tree, nest->depth ? nest->parent[nest->depth] : NULL, (uint8_t)type, (uint8_t)method);
	if (!field)
		return error_set(err, "more than %d fields", GW_FIELDS_MAX);
	field->tag = p->tag;
	if (type == GW_TYPE_STRING || type == GW_TYPE_DN) {
		field->text = unescape(tree, p->val);
		if (bytes_is(field->tag, GW_TAG_TRANSACTION) && field->text.len && field->text.len <= TRANSACTION_MAX)
			out->transaction = field->text;
	} else if (!gw_is_array(field)) {
		gw_field_set_number(tree, field, number);
	} else if (number) {
		if (nest->depth == GW_DEPTH_MAX)
			return error_set(err, "arrays are nested deeper than %d at byte %zu", GW_DEPTH_MAX, p->at);
		nest->depth++;
		nest->parent[nest->depth] = field;
		nest->left[nest->depth] = number;
	}
	return 0;
}

static int decode_body(struct bytes body, struct gw_tree *tree, struct gw_request *out, struct error *err)
{
	struct nest nest = { .depth = 0 };
	struct pairs field = { .open = false };
	size_t at = 0;

	while (at < body.len) {
		const uint8_t *amp = memchr(body.data + at, '&', body.len - at);
		size_t end = amp ? (size_t)(amp - body.data) : body.len;
		struct bytes pair = bytes_slice(body, at, end - at);
		const uint8_t *equal = pair.len ? memchr(pair.data, '=', pair.len) : NULL;
		struct bytes name = bytes_slice(pair, 0, equal ? (size_t)(equal - pair.data) : pair.len);
		struct bytes value = bytes_slice(pair, name.len + 1, pair.len);

		/* The NUL that follows a cut value stands before the next '&'; behind a tag or type it has no meaning either. */
		if (bytes_is(name, "tag")) {
			if (field.open && take_field(tree, &nest, &field, out, err) < 0)
				return -1;
			field = (struct pairs){ .open = true, .tag = value, .at = at };
		} else if (bytes_is(name, "cmd")) {
			field.cmd = value;
		} else if (bytes_is(name, "val")) {
			field.val = value;
		} else if (bytes_is(name, "type")) {
			field.type = value;
		}
		at = end + 1;
	}
	if (field.open && take_field(tree, &nest, &field, out, err) < 0)
		return -1;
	for (; nest.depth; nest.depth--)
		if (nest.left[nest.depth])
			return error_set(err, "array %s announces %u fields more than there are",
				log_value(nest.parent[nest.depth]->tag), nest.left[nest.depth]);
	return 0;
}

/* "POST /login HTTP/1.0". Real servers also take GET, and a path may carry a query, which nobody reads. */
static int decode_line(struct bytes line, struct gw_request *out, struct error *err)
{
	size_t start, end;

	out->is_get = line.len && line.data[0] == 'G';
	start = out->is_get ? 5 : 6;
	for (end = start; end < line.len && line.data[end] != ' ' && line.data[end] != '?'; end++)
		if ((unsigned)(line.data[end] | 0x20) - 'a' > 25 && (unsigned)line.data[end] - '0' > 9 && line.data[end] != '_')
			return error_set(err, "a command name with the byte 0x%02x in it", line.data[end]);
	if (end >= line.len || end == start || end - start > COMMAND_MAX)
		return error_set(err, "no command name of 1 to %d characters in the first line %s", COMMAND_MAX, log_value(line));
	out->command = bytes_slice(line, start, end - start);
	return 0;
}

int gw_request_decode(struct bytes raw, struct gw_tree *fields, struct gw_request *out, struct error *err)
{
	const uint8_t *line_end = raw.len ? memmem(raw.data, raw.len, "\r\n", 2) : NULL;
	const uint8_t *header_end = raw.len ? memmem(raw.data, raw.len, "\r\n\r\n", 4) : NULL;
	struct bytes body;

	gw_tree_clear(fields);
	*out = (struct gw_request){ .transaction = bytes_str("0") };
	if (!header_end || !(may_begin(raw, "POST /") || may_begin(raw, "GET /")))
		return error_set(err, "no request: \"POST /COMMAND HTTP/1.0\" and an empty line were expected");
	if (decode_line(bytes_of(raw.data, (size_t)(line_end - raw.data)), out, err) < 0)
		return -1;
	body = bytes_slice(raw, (size_t)(header_end + 4 - raw.data), raw.len);
	if (out->is_get)
		return body.len ? error_set(err, "%zu bytes follow a GET request", body.len) : 0;
	if (body.len < 2 || memmem(body.data, body.len, "\r\n", 2) != body.data + body.len - 2)
		return error_set(err, "the body is not one line that ends with CRLF");
	body.len -= 2;
	return decode_body(body, fields, out, err);
}

void gw_request_dump(struct bytes raw, struct buf *out)
{
	struct gw_tree fields = { 0 };
	struct gw_request request;
	struct error err;
	int rc = gw_request_decode(raw, &fields, &request, &err);

	buf_printf(out, "request %s%s transaction=%s\n", log_value(request.command), request.is_get ? " (GET)" : "",
		log_value(request.transaction));
	gw_tree_dump(&fields.root, out);
	if (rc < 0)
		buf_printf(out, "malformed: %s\n", err.text);
	gw_tree_free(&fields);
}
