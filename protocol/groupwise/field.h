#ifndef BRAMBLE_PROTOCOL_GROUPWISE_FIELD_H
#define BRAMBLE_PROTOCOL_GROUPWISE_FIELD_H

#include "base/bytes.h"
#include "base/error.h"

/* The tree of named, typed fields that requests and answers carry. Requests write it as escaped text (request.h),
 * answers in binary (answer.h); the tree is the same. */

enum gw_type {
	GW_TYPE_END = 0, GW_TYPE_NUMBER, GW_TYPE_BINARY, GW_TYPE_BYTE, GW_TYPE_UBYTE, GW_TYPE_WORD, GW_TYPE_UWORD, GW_TYPE_DWORD,
	GW_TYPE_UDWORD, GW_TYPE_ARRAY, GW_TYPE_STRING, GW_TYPE_BOOL, GW_TYPE_MULTI, GW_TYPE_DN,
};

/* What is to be done with a field. The numbers stand in answers; requests write one letter for each.
 * Source: code (both free clients). */
#define GW_METHODS(X) \
	X(GW_VALID, 0, '0', "") \
	X(GW_IGNORE, 1, '-', "ignore") \
	X(GW_DELETE, 2, '2', "delete") \
	X(GW_DELETE_ALL, 3, '3', "delete-all") \
	X(GW_EQUAL, 4, 'G', "equal") \
	X(GW_ADD, 5, '1', "add") \
	X(GW_UPDATE, 6, 'F', "update") \
	X(GW_GREATER, 10, 'E', "greater-or-equal") \
	X(GW_LESS, 12, 'D', "less-or-equal") \
	X(GW_NOT_EQUAL, 14, 'C', "not-equal") \
	X(GW_EXISTS, 15, 'B', "exists") \
	X(GW_NOT_EXISTS, 16, 'A', "exists-not") \
	X(GW_CONTAINS, 17, '9', "contains") \
	X(GW_BEGINS, 19, '8', "begins-with") \
	X(GW_ENDS, 20, '7', "ends-with") \
	X(GW_NOT_ARRAY, 40, '6', "not") \
	X(GW_OR_ARRAY, 41, '5', "or") \
	X(GW_AND_ARRAY, 42, '4', "and")

enum gw_method {
#define GW_METHOD_ENUM(name, number, letter, text) name = (number),
	GW_METHODS(GW_METHOD_ENUM)
#undef GW_METHOD_ENUM
};

/* Bounds of what we send and accept. A stock client drops the connection at a longer tag or string. Source: capture
 * (libpurple: tag 64, string 32767, both with their NUL; no bound on the number of fields was met); depth and count: ours. */
#define GW_TAG_MAX 63           /* bytes without the NUL */
#define GW_TEXT_MAX 32766       /* bytes without the NUL */
#define GW_DEPTH_MAX 16         /* arrays inside arrays: six are known, and unknown fields may hold more */
#define GW_FIELDS_MAX 65536     /* fields of one message */

struct gw_field {
	uint8_t type;                   /* enum gw_type */
	uint8_t method;                 /* enum gw_method, or a number we do not know */
	uint32_t number;                /* of numeric types */
	struct bytes tag;
	struct bytes text;              /* strings and DNs; for numeric types their decimal text. Never holds a NUL */
	struct gw_field *first, *last;  /* children of arrays and multi-values */
	struct gw_field *next;
	uint32_t count;                 /* children */
};

/* Owns the fields of one message in a few large blocks. All zero is a valid empty tree; clear it and use it again: the
 * memory stays. What it held is overwritten, for there are passwords among it. */
struct gw_tree {
	struct gw_field root;           /* its children are the top level */
	size_t fields;                  /* how many there are */
	struct gw_block *blocks, *spare; /* private */
};

void gw_tree_clear(struct gw_tree *tree);
void gw_tree_free(struct gw_tree *tree);

/* Append a field to parent (NULL: top level) and return it, so that its method can be set. Tags are literals or live as long
 * as the tree; text is copied into the tree and ends at its first NUL. */
struct gw_field *gw_add_text(struct gw_tree *tree, struct gw_field *parent, const char *tag, struct bytes text);
struct gw_field *gw_add_str(struct gw_tree *tree, struct gw_field *parent, const char *tag, const char *text);
struct gw_field *gw_add_dn(struct gw_tree *tree, struct gw_field *parent, const char *tag, struct bytes dn);
struct gw_field *gw_add_decimal(struct gw_tree *tree, struct gw_field *parent, const char *tag, uint64_t value);  /* a string */
struct gw_field *gw_add_number(struct gw_tree *tree, struct gw_field *parent, const char *tag, enum gw_type type,
	uint32_t value);
struct gw_field *gw_add_array(struct gw_tree *tree, struct gw_field *parent, const char *tag);

/* For decoders: an empty field whose tag and text the decoder sets. NULL when GW_FIELDS_MAX is reached. */
struct gw_field *gw_add_raw(struct gw_tree *tree, struct gw_field *parent, uint8_t type, uint8_t method);
void gw_field_set_number(struct gw_tree *tree, struct gw_field *field, uint32_t value);
/* Memory that lives as long as the tree's content. */
uint8_t *gw_tree_alloc(struct gw_tree *tree, size_t size);

/* The first child of parent with that tag, and the next one after a field with the same tag; NULL if there is none.
 * parent NULL gives NULL, so lookups can be chained. Tags are compared exactly. */
const struct gw_field *gw_find(const struct gw_field *parent, const char *tag);
const struct gw_field *gw_find_next(const struct gw_field *field);

/* The text of the first such child; the empty run if there is none. */
struct bytes gw_text(const struct gw_field *parent, const char *tag);
/* The number of a field of whatever type: real servers and clients write numbers as text and the other way round.
 * false if it is NULL, an array or no decimal of 32 bits. */
bool gw_number(const struct gw_field *field, uint32_t *out);

/* Plain decimal digits of at most 32 bits: 0, or -1 and out as it was. */
int gw_decimal(struct bytes text, uint32_t *out);

bool gw_is_array(const struct gw_field *field);
/* Where the values of a field begin that may be one value or a list of them: itself, or its first child. Go on with ->next
 * only if gw_is_array(field). */
const struct gw_field *gw_values(const struct gw_field *field);

/* One line per field, indented; passwords are hidden. */
void gw_tree_dump(const struct gw_field *root, struct buf *out);

char gw_method_letter(uint8_t method);            /* '\0' for unknown ones */
int gw_method_of_letter(uint8_t letter);          /* -1 for unknown ones */

#endif
