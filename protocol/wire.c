#include "protocol/wire.h"

#include <string.h>

#include "base/log.h"
#include "base/reader.h"

#define ITEM_STRING 0x53
#define ITEM_NUMBER 0x49
#define ITEM_STRING_HEADER 5

/* What a decoder is working on, so that every complaint names message, field and place. */
struct decoding {
	const struct wire_msg *msg;
	struct reader in;
	struct error *err;
};

static void *member(void *base, size_t offset)
{
	return (uint8_t *)base + offset;
}

static const void *member_of(const void *base, size_t offset)
{
	return (const uint8_t *)base + offset;
}

static int complain(struct decoding *d, const struct wire_field *f, size_t at, const char *what)
{
	return error_set(d->err, "%s: %s at byte %zu: %s", d->msg->name, f->name, at, what);
}

static int decode_number(struct decoding *d, const struct wire_field *f, void *base)
{
	size_t at = d->in.at;
	uint8_t type = reader_u8(&d->in);
	uint32_t value = reader_u32(&d->in);

	if (type != ITEM_NUMBER)
		return error_set(d->err, "%s: %s at byte %zu: item type 0x%02x where a number (0x49) belongs", d->msg->name,
			f->name, at, type);
	if (!reader_ok(&d->in))
		return complain(d, f, at, "the number is cut off");
	if (value == 0 && f->flags & WIRE_NEVER_EMPTY)
		return complain(d, f, at, "a 0 is left out");
	memcpy(member(base, f->offset), &value, sizeof value);
	return 0;
}

static int decode_string(struct decoding *d, const struct wire_field *f, void *base)
{
	size_t at = d->in.at;
	uint8_t type = reader_u8(&d->in);
	uint32_t len = reader_u32(&d->in);
	struct bytes value;

	if (type != ITEM_STRING)
		return error_set(d->err, "%s: %s at byte %zu: item type 0x%02x where a string (0x53) belongs", d->msg->name,
			f->name, at, type);
	if (!reader_ok(&d->in))
		return complain(d, f, at, "the length of the string is cut off");
	if (len > reader_left(&d->in))
		return error_set(d->err, "%s: %s at byte %zu: a string of %u bytes, but %zu are left", d->msg->name, f->name,
			at, len, reader_left(&d->in));
	if (len > f->max)
		return error_set(d->err, "%s: %s at byte %zu: a string of %u bytes, more than %zu", d->msg->name, f->name, at,
			len, f->max);
	if (len == 0 && f->flags & WIRE_NEVER_EMPTY)
		return complain(d, f, at, "an empty one is left out");
	value = reader_bytes(&d->in, len);
	memcpy(member(base, f->offset), &value, sizeof value);
	return 0;
}

static int decode_fields(struct decoding *d, const struct wire_field *fields, void *base);

static int decode_groups(struct decoding *d, const struct wire_field *f, void *base)
{
	size_t count = 0;

	while (reader_left(&d->in)) {
		if (count == f->max)
			return error_set(d->err, "%s: %s at byte %zu: more than %zu of them", d->msg->name, f->name, d->in.at,
				f->max);
		if (decode_fields(d, f->group, member(base, f->offset + count * f->group_size)))
			return -1;
		count++;
	}
	memcpy(member(base, f->count_offset), &count, sizeof count);
	return 0;
}

static int decode_fields(struct decoding *d, const struct wire_field *fields, void *base)
{
	for (const struct wire_field *f = fields; f->name; f++) {
		int failed;

		if (f->kind == WIRE_KIND_GROUP) {
			failed = decode_groups(d, f, base);
		} else if (reader_left(&d->in) == 0) {
			if (f->flags & WIRE_OPTIONAL)
				continue;
			failed = complain(d, f, d->in.at, "the item is missing");
		} else if (f->kind == WIRE_KIND_U32) {
			failed = decode_number(d, f, base);
		} else {
			failed = decode_string(d, f, base);
		}
		if (failed)
			return -1;
	}
	return 0;
}

int wire_decode(const struct wire_msg *msg, struct bytes items, void *out, struct error *err)
{
	struct decoding d = { .msg = msg, .in = reader_of(items), .err = err };

	memset(out, 0, msg->size);
	if (decode_fields(&d, msg->fields, out))
		return -1;
	if (!reader_done(&d.in))
		return error_set(err, "%s: %zu bytes follow the last item, at byte %zu", msg->name, reader_left(&d.in), d.in.at);
	return 0;
}

static uint32_t number_of(const struct wire_field *f, const void *base)
{
	uint32_t value;

	memcpy(&value, member_of(base, f->offset), sizeof value);
	return value;
}

static struct bytes string_of(const struct wire_field *f, const void *base)
{
	struct bytes value;

	memcpy(&value, member_of(base, f->offset), sizeof value);
	return value;
}

static size_t count_of(const struct wire_field *f, const void *base)
{
	size_t count;

	memcpy(&count, member_of(base, f->count_offset), sizeof count);
	if (count > f->max)
		bug("%s: %zu groups, at most %zu", f->name, count, f->max);
	return count;
}

static const void *group_of(const struct wire_field *f, const void *base, size_t i)
{
	return member_of(base, f->offset + i * f->group_size);
}

static void encode_fields(const struct wire_msg *msg, const struct wire_field *fields, const void *base, struct buf *out)
{
	for (const struct wire_field *f = fields; f->name; f++) {
		struct bytes value;

		switch (f->kind) {
		case WIRE_KIND_U32:
			if (number_of(f, base) == 0 && f->flags & WIRE_NEVER_EMPTY)
				break;
			buf_u8(out, ITEM_NUMBER);
			buf_u32(out, number_of(f, base));
			break;
		case WIRE_KIND_BYTES:
			value = string_of(f, base);
			if (value.len == 0 && f->flags & WIRE_NEVER_EMPTY)
				break;
			if (value.len > f->max)
				bug("%s: %s of %zu bytes, at most %zu", msg->name, f->name, value.len, f->max);
			buf_reserve(out, ITEM_STRING_HEADER + value.len);
			buf_u8(out, ITEM_STRING);
			buf_u32(out, (uint32_t)value.len);
			buf_append(out, value);
			break;
		case WIRE_KIND_GROUP:
			for (size_t i = 0, count = count_of(f, base); i < count; i++)
				encode_fields(msg, f->group, group_of(f, base, i), out);
			break;
		}
	}
}

void wire_encode(const struct wire_msg *msg, const void *in, struct buf *out)
{
	encode_fields(msg, msg->fields, in, out);
}

static void dump_number(const struct wire_field *f, uint32_t value, struct buf *out)
{
	if (f->flags & WIRE_SECRET)
		buf_text(out, "<hidden>");
	else
		buf_printf(out, f->flags & WIRE_HEX ? "%08X" : "%u", value);
}

static void dump_string(const struct wire_field *f, struct bytes value, struct buf *out)
{
	if (f->flags & WIRE_SECRET)
		buf_text(out, "<hidden>");       /* its length is nobody's business either */
	else if (f->flags & WIRE_OPAQUE)
		buf_printf(out, "<%zu bytes>", value.len);
	else if (f->flags & WIRE_HEX)
		buf_hex(out, value);
	else if (value.len == 0)
		buf_text(out, "\"\"");
	else
		buf_text(out, log_value(value));
}

static void dump_fields(const struct wire_field *fields, const void *base, bool first, struct buf *out)
{
	for (const struct wire_field *f = fields; f->name; f++) {
		if (!first)
			buf_u8(out, ' ');
		first = false;
		buf_printf(out, "%s=", f->name);
		if (f->kind == WIRE_KIND_U32) {
			dump_number(f, number_of(f, base), out);
		} else if (f->kind == WIRE_KIND_BYTES) {
			dump_string(f, string_of(f, base), out);
		} else {
			size_t count = count_of(f, base);

			buf_u8(out, '[');
			for (size_t i = 0; i < count; i++) {
				buf_text(out, i ? ", {" : "{");
				dump_fields(f->group, group_of(f, base, i), true, out);
				buf_u8(out, '}');
			}
			buf_u8(out, ']');
		}
	}
}

void wire_dump(const struct wire_msg *msg, const void *in, struct buf *out)
{
	buf_text(out, msg->name);
	dump_fields(msg->fields, in, false, out);
}

static bool equal_fields(const struct wire_field *fields, const void *a, const void *b)
{
	for (const struct wire_field *f = fields; f->name; f++) {
		size_t count;

		switch (f->kind) {
		case WIRE_KIND_U32:
			if (number_of(f, a) != number_of(f, b))
				return false;
			break;
		case WIRE_KIND_BYTES:
			if (!bytes_equal_secret(string_of(f, a), string_of(f, b)))
				return false;
			break;
		case WIRE_KIND_GROUP:
			count = count_of(f, a);
			if (count != count_of(f, b))
				return false;
			for (size_t i = 0; i < count; i++) {
				if (!equal_fields(f->group, group_of(f, a, i), group_of(f, b, i)))
					return false;
			}
			break;
		}
	}
	return true;
}

bool wire_equal(const struct wire_msg *msg, const void *a, const void *b)
{
	return equal_fields(msg->fields, a, b);
}

static void document_fields(const struct wire_field *fields, const char *prefix, struct buf *out)
{
	for (const struct wire_field *f = fields; f->name; f++) {
		buf_printf(out, "| | `%s%s` | ", prefix, f->name);
		switch (f->kind) {
		case WIRE_KIND_U32:
			buf_text(out, "I");
			break;
		case WIRE_KIND_BYTES:
			buf_printf(out, "S, at most %zu bytes", f->max);
			break;
		case WIRE_KIND_GROUP:
			buf_printf(out, "up to %zu times", f->max);
			break;
		}
		buf_printf(out, "%s%s | %s |\n", f->flags & WIRE_SECRET ? ", secret" : "",
			f->flags & WIRE_OPTIONAL ? ", optional" : "", f->help);
		if (f->kind == WIRE_KIND_GROUP)
			document_fields(f->group, "&nbsp; ", out);
	}
}

void wire_document(const struct wire_msg *msg, struct buf *out)
{
	buf_printf(out, "| 0x%02x | **%s** | | %s |\n", msg->code, msg->name, msg->help);
	document_fields(msg->fields, "", out);
}

const struct wire_msg *wire_find(const struct wire_msg *const *list, uint8_t code)
{
	for (; *list; list++) {
		if ((*list)->code == code)
			return *list;
	}
	return NULL;
}
