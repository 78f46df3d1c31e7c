#ifndef BRAMBLE_BASE_BYTES_H
#define BRAMBLE_BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes: somebody else owns them and says how long they live. */
struct bytes {
	const uint8_t *data;
	size_t len;
};

/* An owned, growing run of bytes. All zero is a valid empty one. Running out of memory ends the process. */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
	return (struct bytes){ .data = data, .len = len };
}

/* The bytes of a C string, without its terminator. NULL gives the empty run. */
struct bytes bytes_str(const char *text);

static inline struct bytes buf_bytes(const struct buf *buf)
{
	return (struct bytes){ .data = buf->data, .len = buf->len };
}

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_is(struct bytes a, const char *text);

/* Compares without leaking by its duration where they differ; the lengths are not secret. */
bool bytes_equal_secret(struct bytes a, struct bytes b);

/* Part of a run; both ends are clipped to it. */
struct bytes bytes_slice(struct bytes all, size_t from, size_t len);

/* A terminated copy of the bytes (NUL bytes inside stay). The caller frees it. */
char *bytes_dup(struct bytes bytes);

/* Copies into a fixed array and terminates it. false, and the empty string, if it does not fit or holds a NUL. */
bool bytes_copy_str(struct bytes bytes, char *into, size_t size);

void buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, struct bytes bytes);
void buf_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args);

/* Makes room for len bytes at the end and returns them for the caller to fill. */
uint8_t *buf_extend(struct buf *buf, size_t len);

/* Unsigned integers in network order, and the little-endian ones of GroupWise. */
void buf_u8(struct buf *buf, uint8_t value);
void buf_u16(struct buf *buf, uint16_t value);
void buf_u32(struct buf *buf, uint32_t value);
void buf_u16le(struct buf *buf, uint16_t value);
void buf_u32le(struct buf *buf, uint32_t value);

/* Overwrites four bytes already written at an offset (for lengths known only later). */
void buf_patch_u32(struct buf *buf, size_t at, uint32_t value);

void buf_hex(struct buf *buf, struct bytes bytes);

/* Drops the first len bytes; what follows moves to the front. */
void buf_consume(struct buf *buf, size_t len);

/* A terminated view of the content: valid until the next change. */
const char *buf_cstr(struct buf *buf);

void buf_clear(struct buf *buf);   /* empties, keeps the memory */
void buf_free(struct buf *buf);    /* gives the memory back; the buf is a valid empty one again */
void buf_wipe(struct buf *buf);    /* like free, but zeroes the memory first: for keys and passwords */

/* Reads an even number of hex digits, either case. 0, or -1 and out as it was. */
int hex_decode(struct bytes text, struct buf *out);

#endif
