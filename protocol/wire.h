#ifndef BRAMBLE_PROTOCOL_WIRE_H
#define BRAMBLE_PROTOCOL_WIRE_H

#include "base/bytes.h"
#include "base/error.h"

/* Messages made of items, described once: a plain struct and one table of its fields. Encoder, decoder, dump, equality and the
 * protocol pages all read the table. An item is 'S' (0x53), u32 length, bytes; or 'I' (0x49), u32 value.
 * Items stand in the order of the table; unknown item types, missing items and trailing bytes are refused. */
enum wire_kind {
	WIRE_KIND_U32,      /* uint32_t */
	WIRE_KIND_BYTES,    /* struct bytes, borrowed from the frame */
	WIRE_KIND_GROUP,    /* what is left: up to max groups of the sub-table, in an array inside the struct; last field only */
};

enum {
	WIRE_SECRET = 1,    /* a dump says only that there was one */
	WIRE_HEX = 2,       /* printed as hex; a number as 8 digits, the way people write PINs */
	WIRE_OPTIONAL = 4,  /* may be missing at the end: zero or empty then. The encoder always writes it */
	WIRE_OPAQUE = 8,    /* another format inside: a dump says its length */
	WIRE_NEVER_EMPTY = 16,   /* of an optional last item: left out when it is empty or 0, so such a one is refused */
};

struct wire_field {
	const char *name;
	enum wire_kind kind;
	unsigned flags;
	size_t offset;
	size_t max;                        /* bytes of a string, or groups */
	size_t count_offset;               /* groups: size_t with how many there are */
	size_t group_size;
	const struct wire_field *group;    /* ends with a NULL name */
	const char *help;
};

struct wire_msg {
	uint8_t code;
	const char *name;
	size_t size;                       /* of the struct */
	const struct wire_field *fields;   /* ends with a NULL name */
	const char *help;
};

#define WIRE_U32(type, member, flags_, help_) \
	{ .name = #member, .kind = WIRE_KIND_U32, .flags = (flags_), .offset = offsetof(type, member), .help = (help_) }
#define WIRE_BYTES(type, member, flags_, max_, help_) \
	{ .name = #member, .kind = WIRE_KIND_BYTES, .flags = (flags_), .offset = offsetof(type, member), .max = (max_), \
	  .help = (help_) }
#define WIRE_GROUP(type, member, count_, table, help_) \
	{ .name = #member, .kind = WIRE_KIND_GROUP, .offset = offsetof(type, member), \
	  .max = sizeof ((type *)NULL)->member / sizeof ((type *)NULL)->member[0], .count_offset = offsetof(type, count_), \
	  .group_size = sizeof ((type *)NULL)->member[0], .group = (table), .help = (help_) }
#define WIRE_END { .name = NULL }

/* Fills *out (of msg->size) from the items. 0, or -1 with a sentence that names message, field and offset. */
int wire_decode(const struct wire_msg *msg, struct bytes items, void *out, struct error *err);
/* Appends the items. A string over its maximum is bug(): callers check what comes from outside. */
void wire_encode(const struct wire_msg *msg, const void *in, struct buf *out);
/* "SEND session=1 tag=7 pin=2100000A gme=<312 bytes>" */
void wire_dump(const struct wire_msg *msg, const void *in, struct buf *out);
bool wire_equal(const struct wire_msg *msg, const void *a, const void *b);
/* Rows of a Markdown table, for docs/protocol. */
void wire_document(const struct wire_msg *msg, struct buf *out);

/* The message with this code in a NULL-terminated list, or NULL. */
const struct wire_msg *wire_find(const struct wire_msg *const *list, uint8_t code);

#endif
