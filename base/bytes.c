#include "base/bytes.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct bytes bytes_str(const char *text)
{
	return bytes_of(text, text ? strlen(text) : 0);
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool bytes_is(struct bytes a, const char *text)
{
	return bytes_equal(a, bytes_str(text));
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}

struct bytes bytes_slice(struct bytes all, size_t from, size_t len)
{
	if (from >= all.len)
		return (struct bytes){ 0 };
	if (len > all.len - from)
		len = all.len - from;
	return bytes_of(all.data + from, len);
}

char *bytes_dup(struct bytes bytes)
{
	char *copy = memory_new(bytes.len + 1);

	if (bytes.len)
		memcpy(copy, bytes.data, bytes.len);
	return copy;
}

bool bytes_copy_str(struct bytes bytes, char *into, size_t size)
{
	bool fits = bytes.len < size && (bytes.len == 0 || !memchr(bytes.data, 0, bytes.len));
	size_t len = fits ? bytes.len : 0;

	if (len)
		memcpy(into, bytes.data, len);
	into[len] = '\0';
	return fits;
}

void buf_reserve(struct buf *buf, size_t more)
{
	size_t need = buf->len + more;
	size_t cap = buf->cap ? buf->cap : 64;

	if (need < buf->len)
		memory_exhausted(more);
	if (need <= buf->cap)
		return;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	buf->data = memory_resize(buf->data, cap);
	buf->cap = cap;
}

uint8_t *buf_extend(struct buf *buf, size_t len)
{
	uint8_t *start;

	buf_reserve(buf, len);
	start = buf->data + buf->len;
	buf->len += len;
	return start;
}

void buf_append(struct buf *buf, struct bytes bytes)
{
	if (bytes.len)
		memcpy(buf_extend(buf, bytes.len), bytes.data, bytes.len);
}

void buf_text(struct buf *buf, const char *text)
{
	buf_append(buf, bytes_str(text));
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (len < 0)
		return;
	buf_reserve(buf, (size_t)len + 1);
	vsnprintf((char *)buf->data + buf->len, (size_t)len + 1, format, args);
	buf->len += (size_t)len;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(buf, format, args);
	va_end(args);
}

void buf_u8(struct buf *buf, uint8_t value)
{
	*buf_extend(buf, 1) = value;
}

void buf_u16(struct buf *buf, uint16_t value)
{
	uint8_t *at = buf_extend(buf, 2);

	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void store_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

void buf_u32(struct buf *buf, uint32_t value)
{
	store_u32(buf_extend(buf, 4), value);
}

void buf_u16le(struct buf *buf, uint16_t value)
{
	uint8_t *at = buf_extend(buf, 2);

	at[0] = (uint8_t)value;
	at[1] = (uint8_t)(value >> 8);
}

void buf_u32le(struct buf *buf, uint32_t value)
{
	buf_u16le(buf, (uint16_t)value);
	buf_u16le(buf, (uint16_t)(value >> 16));
}

void buf_patch_u32(struct buf *buf, size_t at, uint32_t value)
{
	if (at + 4 <= buf->len)
		store_u32(buf->data + at, value);
}

void buf_hex(struct buf *buf, struct bytes bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *at = buf_extend(buf, bytes.len * 2);

	for (size_t i = 0; i < bytes.len; i++) {
		*at++ = (uint8_t)digits[bytes.data[i] >> 4];
		*at++ = (uint8_t)digits[bytes.data[i] & 15];
	}
}

void buf_consume(struct buf *buf, size_t len)
{
	if (len >= buf->len) {
		buf->len = 0;
		return;
	}
	memmove(buf->data, buf->data + len, buf->len - len);
	buf->len -= len;
}

const char *buf_cstr(struct buf *buf)
{
	buf_reserve(buf, 1);
	buf->data[buf->len] = '\0';
	return (const char *)buf->data;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ 0 };
}

void buf_wipe(struct buf *buf)
{
	if (buf->data)
		OPENSSL_cleanse(buf->data, buf->cap);
	buf_free(buf);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(struct bytes text, struct buf *out)
{
	size_t before = out->len;

	if (text.len % 2)
		return -1;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_digit(text.data[i]);
		int low = hex_digit(text.data[i + 1]);

		if (high < 0 || low < 0) {
			out->len = before;
			return -1;
		}
		buf_u8(out, (uint8_t)(high << 4 | low));
	}
	return 0;
}
