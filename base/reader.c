#include "base/reader.h"

struct reader reader_of(struct bytes in)
{
	return (struct reader){ .in = in };
}

size_t reader_left(const struct reader *r)
{
	return r->in.len - r->at;
}

bool reader_ok(const struct reader *r)
{
	return !r->is_short;
}

bool reader_done(const struct reader *r)
{
	return !r->is_short && r->at == r->in.len;
}

struct bytes reader_bytes(struct reader *r, size_t len)
{
	struct bytes out;

	if (r->is_short || len > reader_left(r)) {
		r->is_short = true;
		return (struct bytes){ 0 };
	}
	out = bytes_of(r->in.data + r->at, len);
	r->at += len;
	return out;
}

struct bytes reader_rest(struct reader *r)
{
	return reader_bytes(r, reader_left(r));
}

static uint64_t read_big(struct reader *r, size_t len)
{
	struct bytes raw = reader_bytes(r, len);
	uint64_t value = 0;

	for (size_t i = 0; i < raw.len; i++)
		value = value << 8 | raw.data[i];
	return value;
}

static uint32_t read_little(struct reader *r, size_t len)
{
	struct bytes raw = reader_bytes(r, len);
	uint32_t value = 0;

	for (size_t i = raw.len; i > 0; i--)
		value = value << 8 | raw.data[i - 1];
	return value;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)read_big(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)read_big(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)read_big(r, 4);
}

uint16_t reader_u16le(struct reader *r)
{
	return (uint16_t)read_little(r, 2);
}

uint32_t reader_u32le(struct reader *r)
{
	return read_little(r, 4);
}
