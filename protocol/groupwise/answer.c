#include "protocol/groupwise/answer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/reader.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/tags.h"

/* A string of ours is at most 32 KiB; from others we bear more, within the bound of the whole answer. */
#define READ_TAG_MAX 256
#define READ_TEXT_MAX 1048576

/* --- one field, for the splitter and the decoder alike ------------------------------------------------------------------- */

struct head {
	uint8_t type, method;
	struct bytes tag, text;
	uint32_t number;              /* the value, or the count of children */
};

/* Lengths count a final NUL; whoever forgot it is understood as well, and what follows a NUL inside is not text. */
static struct bytes read_text(struct reader *r, uint32_t max, const char *what, struct error *err, bool *bad)
{
	uint32_t len = reader_u32le(r);
	struct bytes text;
	const uint8_t *nul;

	if (reader_ok(r) && len > max) {
		error_set(err, "a %s of %u bytes at offset %zu; %u are accepted", what, len, r->at - 4, max);
		*bad = true;
		return (struct bytes){ 0 };
	}
	text = reader_bytes(r, len);
	nul = text.len ? memchr(text.data, 0, text.len) : NULL;
	return nul ? bytes_of(text.data, (size_t)(nul - text.data)) : text;
}

enum step { STEP_BAD = -1, STEP_MORE, STEP_FIELD };

static enum step read_head(struct reader *r, struct head *out, struct error *err)
{
	size_t at = r->at;
	bool bad = false;

	out->type = reader_u8(r);
	out->method = reader_u8(r);
	if (reader_ok(r) && (out->type == GW_TYPE_END || out->type == GW_TYPE_BINARY || out->type > GW_TYPE_DN)) {
		error_set(err, "a field of type %u at offset %zu; 1 and 3 to 13 are known", out->type, at);
		return STEP_BAD;
	}
	out->tag = read_text(r, READ_TAG_MAX, "tag", err, &bad);
	if (bad)
		return STEP_BAD;
	if (reader_ok(r) && (out->type == GW_TYPE_STRING || out->type == GW_TYPE_DN))
		out->text = read_text(r, READ_TEXT_MAX, "text", err, &bad);
	else
		out->number = reader_u32le(r);
	return bad ? STEP_BAD : reader_ok(r) ? STEP_FIELD : STEP_MORE;
}

static bool head_is_array(const struct head *head)
{
	return head->type == GW_TYPE_ARRAY || head->type == GW_TYPE_MULTI;
}

static int too_deep(size_t at, struct error *err)
{
	return error_set(err, "arrays are nested deeper than %d at offset %zu", GW_DEPTH_MAX, at);
}

static int too_many(struct error *err)
{
	return error_set(err, "more than %d fields", GW_FIELDS_MAX);
}

/* --- finding the end in a stream ----------------------------------------------------------------------------------------- */

bool gw_is_answer(struct bytes message)
{
	return message.len >= 4 && memcmp(message.data, "HTTP", 4) == 0;
}

/* Walks whole fields from where the last look ended. 1 when the answer is whole, 0 if more must come, -1. */
static int walk_fields(struct gw_scan *scan, struct bytes in, struct error *err)
{
	while (scan->at < in.len) {
		struct reader r = { .in = in, .at = scan->at };
		struct head head;
		enum step step;

		while (scan->depth && !scan->left[scan->depth])
			scan->depth--;
		if (!scan->depth && in.data[scan->at] == GW_TYPE_END) {
			scan->at++;
			return 1;
		}
		step = read_head(&r, &head, err);
		if (step != STEP_FIELD)
			return step;
		if (++scan->fields > GW_FIELDS_MAX)
			return too_many(err);
		if (scan->depth)
			scan->left[scan->depth]--;
		if (head_is_array(&head) && head.number) {
			if (scan->depth == GW_DEPTH_MAX)
				return too_deep(scan->at, err);
			scan->left[++scan->depth] = head.number;
		}
		scan->at = r.at;
	}
	return 0;
}

static ssize_t answer_split(struct gw_scan *scan, struct bytes in, struct error *err)
{
	int whole;

	if (!scan->header) {
		const uint8_t *end = memmem(in.data + scan->at, in.len - scan->at, "\r\n\r\n", 4);

		if ((size_t)((end ? end : in.data + in.len) - in.data) > GW_ANSWER_HEADER_MAX)
			return error_set(err, "the header of an answer is longer than %d bytes", GW_ANSWER_HEADER_MAX);
		if (!end) {
			scan->at = in.len > 3 ? in.len - 3 : 0;
			return 0;
		}
		scan->at = scan->header = (size_t)(end - in.data) + 4;
	}
	whole = walk_fields(scan, in, err);
	if (whole < 0)
		return error_prefix(err, "answer: ");
	if ((whole ? scan->at : in.len) > GW_ANSWER_MAX)
		return error_set(err, "an answer is longer than %d bytes", GW_ANSWER_MAX);
	return whole ? (ssize_t)scan->at : 0;
}

ssize_t gw_stream_split(struct gw_scan *scan, struct bytes in, struct error *err)
{
	ssize_t len;

	if (in.len < 4)
		return 0;
	len = gw_is_answer(in) ? answer_split(scan, in, err) : gw_event_split(in, err);
	if (len)
		*scan = (struct gw_scan){ 0 };
	return len;
}

/* --- writing ------------------------------------------------------------------------------------------------------------- */

static void put_text(struct bytes text, struct buf *out)
{
	buf_u32le(out, (uint32_t)text.len + 1);
	buf_append(out, text);
	buf_u8(out, 0);
}

static int put_field(const struct gw_field *field, struct buf *out, struct error *err)
{
	if (field->tag.len > GW_TAG_MAX)
		return error_set(err, "tag %s has %zu bytes; clients take %d", log_value(field->tag), field->tag.len, GW_TAG_MAX);
	buf_u8(out, field->type);
	buf_u8(out, field->method);
	put_text(field->tag, out);
	if (gw_is_array(field)) {
		buf_u32le(out, field->count);
		for (const struct gw_field *child = field->first; child; child = child->next)
			if (put_field(child, out, err) < 0)     /* as deep as our own callers build: a handful */
				return -1;
	} else if (field->type == GW_TYPE_STRING || field->type == GW_TYPE_DN) {
		if (field->text.len > GW_TEXT_MAX)
			return error_set(err, "field %s has %zu bytes; clients take %d", log_value(field->tag), field->text.len,
				GW_TEXT_MAX);
		put_text(field->text, out);
	} else {
		buf_u32le(out, field->number);
	}
	return 0;
}

static void put_string(const char *tag, struct bytes text, struct buf *out)
{
	buf_u8(out, GW_TYPE_STRING);
	buf_u8(out, GW_VALID);
	put_text(bytes_str(tag), out);
	put_text(text, out);
}

void gw_date(uint64_t wall_ms, char out[GW_DATE_MAX])
{
	/* Not strftime, which would speak the language of the locale. */
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm t;

	gmtime_r(&seconds, &t);
	snprintf(out, GW_DATE_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + (t.tm_wday % 7) * 3, t.tm_mday % 100,
		months + (t.tm_mon % 12) * 3, (1900 + t.tm_year) % 10000, t.tm_hour % 100, t.tm_min % 100, t.tm_sec % 100);
}

int gw_answer_encode(const struct gw_tree *fields, uint32_t code, struct bytes transaction, uint64_t wall_ms, struct buf *out,
	struct error *err)
{
	size_t before = out->len;
	char date[GW_DATE_MAX], decimal[16];

	gw_date(wall_ms, date);
	buf_printf(out, "HTTP/1.0 200\r\nDate: %s\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n\r\n", date);
	for (const struct gw_field *field = fields ? fields->root.first : NULL; field; field = field->next) {
		if (put_field(field, out, err) < 0) {
			out->len = before;
			return -1;
		}
	}
	snprintf(decimal, sizeof decimal, "%u", code);
	put_string(GW_TAG_RESULT, bytes_str(decimal), out);
	put_string(GW_TAG_TRANSACTION, transaction, out);
	buf_u8(out, GW_TYPE_END);
	return 0;
}

/* --- reading ------------------------------------------------------------------------------------------------------------- */

static int decode_status_line(struct bytes raw, unsigned *status, struct error *err)
{
	/* "HTTP/1.0 200", with or without a phrase */
	if (raw.len < 12 || memcmp(raw.data, "HTTP/1.", 7) != 0 || raw.data[8] != ' ')
		return error_set(err, "the first line is %s, not \"HTTP/1.0 200\"", log_value(bytes_slice(raw, 0, 16)));
	*status = 0;
	for (size_t i = 9; i < 12; i++) {
		if (raw.data[i] < '0' || raw.data[i] > '9')
			return error_set(err, "the first line %s has no status of three digits", log_value(bytes_slice(raw, 0, 16)));
		*status = *status * 10 + (unsigned)(raw.data[i] - '0');
	}
	return 0;
}

static int decode_fields(struct reader *r, struct gw_tree *tree, struct error *err)
{
	struct gw_field *parent[GW_DEPTH_MAX + 1] = { NULL };
	uint32_t left[GW_DEPTH_MAX + 1] = { 0 };
	unsigned depth = 0;

	for (;;) {
		struct gw_field *field;
		struct head head;
		size_t at = r->at;
		enum step step;

		while (depth && !left[depth])
			depth--;
		if (!depth && reader_left(r) && r->in.data[r->at] == GW_TYPE_END) {
			reader_u8(r);
			return 0;
		}
		step = read_head(r, &head, err);
		if (step == STEP_MORE)
			return error_set(err, "cut off in the field at offset %zu", at);
		if (step == STEP_BAD)
			return -1;
		field = gw_add_raw(tree, depth ? parent[depth] : NULL, head.type, head.method);
		if (!field)
			return too_many(err);
		if (depth)
			left[depth]--;
		field->tag = head.tag;
		if (head_is_array(&head)) {
			if (head.number && depth == GW_DEPTH_MAX)
				return too_deep(at, err);
			if (head.number) {
				parent[++depth] = field;
				left[depth] = head.number;
			}
		} else if (head.type == GW_TYPE_STRING || head.type == GW_TYPE_DN) {
			field->text = head.text;
		} else {
			gw_field_set_number(tree, field, head.number);
		}
	}
}

int gw_answer_decode(struct bytes raw, struct gw_tree *fields, struct gw_answer *out, struct error *err)
{
	const uint8_t *header_end = raw.len ? memmem(raw.data, raw.len, "\r\n\r\n", 4) : NULL;
	struct reader r = reader_of(raw);

	gw_tree_clear(fields);
	*out = (struct gw_answer){ 0 };
	if (!header_end)
		return error_set(err, "no answer: the header has no end");
	if (decode_status_line(raw, &out->http_status, err) < 0)
		return -1;
	r.at = (size_t)(header_end - raw.data) + 4;
	if (decode_fields(&r, fields, err) < 0)
		return -1;
	if (!reader_done(&r))
		return error_set(err, "%zu bytes follow the end of the answer", reader_left(&r));
	out->has_code = gw_number(gw_find(&fields->root, GW_TAG_RESULT), &out->code);
	out->has_transaction = gw_number(gw_find(&fields->root, GW_TAG_TRANSACTION), &out->transaction);
	return 0;
}

void gw_answer_dump(struct bytes raw, struct buf *out)
{
	struct gw_tree fields = { 0 };
	struct gw_answer answer;
	struct error err;
	int rc = gw_answer_decode(raw, &fields, &answer, &err);

	buf_printf(out, "answer http=%u", answer.http_status);
	if (answer.has_code)
		buf_printf(out, " code=%04X (%s)", answer.code, gw_code_text(answer.code));
	if (answer.has_transaction)
		buf_printf(out, " transaction=%u", answer.transaction);
	buf_u8(out, '\n');
	gw_tree_dump(&fields.root, out);
	if (rc < 0)
		buf_printf(out, "malformed: %s\n", err.text);
	gw_tree_free(&fields);
}
