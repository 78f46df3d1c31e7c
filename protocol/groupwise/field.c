#include "protocol/groupwise/field.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "protocol/groupwise/tags.h"

#define BLOCK_SIZE 8192
#define SPARE_MAX 4          /* blocks kept over a clear: a login answer needs more, the messages after it one */

struct gw_block {
	struct gw_block *next;
	size_t size, used;
	max_align_t data[];
};

static void block_drop(struct gw_tree *tree, struct gw_block *block, unsigned *kept)
{
	OPENSSL_cleanse(block->data, block->used);
	block->used = 0;
	if (block->size == BLOCK_SIZE && *kept < SPARE_MAX) {
		block->next = tree->spare;
		tree->spare = block;
		++*kept;
	} else {
		free(block);
	}
}

void gw_tree_clear(struct gw_tree *tree)
{
	unsigned kept = 0;

	for (const struct gw_block *b = tree->spare; b; b = b->next)
		kept++;
	while (tree->blocks) {
		struct gw_block *block = tree->blocks;

		tree->blocks = block->next;
		block_drop(tree, block, &kept);
	}
	tree->root = (struct gw_field){ 0 };
	tree->fields = 0;
}

void gw_tree_free(struct gw_tree *tree)
{
	gw_tree_clear(tree);
	while (tree->spare) {
		struct gw_block *block = tree->spare;

		tree->spare = block->next;
		free(block);
	}
}

uint8_t *gw_tree_alloc(struct gw_tree *tree, size_t size)
{
	struct gw_block *block = tree->blocks;
	uint8_t *at;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!block || block->size - block->used < size) {
		if (size <= BLOCK_SIZE && tree->spare) {
			block = tree->spare;
			tree->spare = block->next;
		} else {
			size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

			block = memory_new(sizeof *block + room);
			block->size = room;
		}
		block->next = tree->blocks;
		tree->blocks = block;
	}
	at = (uint8_t *)block->data + block->used;
	block->used += size;
	return at;
}

struct gw_field *gw_add_raw(struct gw_tree *tree, struct gw_field *parent, uint8_t type, uint8_t method)
{
	struct gw_field *field;

	if (tree->fields >= GW_FIELDS_MAX)
		return NULL;
	if (!parent)
		parent = &tree->root;
	field = (struct gw_field *)(void *)gw_tree_alloc(tree, sizeof *field);
	*field = (struct gw_field){ .type = type, .method = method };
	if (parent->last)
		parent->last->next = field;
	else
		parent->first = field;
	parent->last = field;
	parent->count++;
	tree->fields++;
	return field;
}

static struct bytes keep(struct gw_tree *tree, struct bytes text)
{
	const uint8_t *nul = text.len ? memchr(text.data, 0, text.len) : NULL;
	uint8_t *copy;

	if (nul)
		text.len = (size_t)(nul - text.data);
	if (!text.len)
		return (struct bytes){ 0 };
	copy = gw_tree_alloc(tree, text.len);
	memcpy(copy, text.data, text.len);
	return bytes_of(copy, text.len);
}

static struct gw_field *add(struct gw_tree *tree, struct gw_field *parent, const char *tag, enum gw_type type)
{
	struct gw_field *field = gw_add_raw(tree, parent, (uint8_t)type, GW_VALID);

	if (!field)
		bug("a message of ours with more than %d fields", GW_FIELDS_MAX);
	field->tag = bytes_str(tag);
	return field;
}

struct gw_field *gw_add_text(struct gw_tree *tree, struct gw_field *parent, const char *tag, struct bytes text)
{
	struct gw_field *field = add(tree, parent, tag, GW_TYPE_STRING);

	field->text = keep(tree, text);
	return field;
}

struct gw_field *gw_add_str(struct gw_tree *tree, struct gw_field *parent, const char *tag, const char *text)
{
	return gw_add_text(tree, parent, tag, bytes_str(text));
}

struct gw_field *gw_add_dn(struct gw_tree *tree, struct gw_field *parent, const char *tag, struct bytes dn)
{
	struct gw_field *field = add(tree, parent, tag, GW_TYPE_DN);

	field->text = keep(tree, dn);
	return field;
}

static struct bytes decimal(struct gw_tree *tree, uint64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%llu", (unsigned long long)value);

	return keep(tree, bytes_of(text, (size_t)len));
}

struct gw_field *gw_add_decimal(struct gw_tree *tree, struct gw_field *parent, const char *tag, uint64_t value)
{
	struct gw_field *field = add(tree, parent, tag, GW_TYPE_STRING);

	field->text = decimal(tree, value);
	return field;
}

struct gw_field *gw_add_number(struct gw_tree *tree, struct gw_field *parent, const char *tag, enum gw_type type,
	uint32_t value)
{
	struct gw_field *field = add(tree, parent, tag, type);

	gw_field_set_number(tree, field, value);
	return field;
}

void gw_field_set_number(struct gw_tree *tree, struct gw_field *field, uint32_t value)
{
	field->number = value;
	field->text = decimal(tree, value);
}

struct gw_field *gw_add_array(struct gw_tree *tree, struct gw_field *parent, const char *tag)
{
	return add(tree, parent, tag, GW_TYPE_ARRAY);
}

const struct gw_field *gw_find(const struct gw_field *parent, const char *tag)
{
	struct bytes name = bytes_str(tag);

	for (const struct gw_field *f = parent ? parent->first : NULL; f; f = f->next)
		if (bytes_equal(f->tag, name))
			return f;
	return NULL;
}

const struct gw_field *gw_find_next(const struct gw_field *field)
{
	for (const struct gw_field *f = field ? field->next : NULL; f; f = f->next)
		if (bytes_equal(f->tag, field->tag))
			return f;
	return NULL;
}

struct bytes gw_text(const struct gw_field *parent, const char *tag)
{
	const struct gw_field *field = gw_find(parent, tag);

	return field ? field->text : (struct bytes){ 0 };
}

bool gw_is_array(const struct gw_field *field)
{
	return field && (field->type == GW_TYPE_ARRAY || field->type == GW_TYPE_MULTI);
}

int gw_decimal(struct bytes text, uint32_t *out)
{
	uint64_t value = 0;

	if (!text.len || text.len > 10)
		return -1;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	if (value > UINT32_MAX)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

bool gw_number(const struct gw_field *field, uint32_t *out)
{
	return field && !gw_is_array(field) && gw_decimal(field->text, out) == 0;
}

const struct gw_field *gw_values(const struct gw_field *field)
{
	return gw_is_array(field) ? field->first : field;
}

static void dump_field(const struct gw_field *field, unsigned depth, struct buf *out)
{
	const char *method = "?";

	switch (field->method) {
#define CASE(name, number, letter, text) case number: method = text; break;
	GW_METHODS(CASE)
#undef CASE
	default:
		break;
	}
	buf_printf(out, "%*s%s%s%s ", (int)(2 * depth), "", log_value(field->tag), *method ? "/" : "", method);
	if (gw_is_array(field))
		buf_printf(out, "type=%u children=%u\n", field->type, field->count);
	else if (bytes_is(field->tag, GW_TAG_CREDENTIALS))
		buf_printf(out, "type=%u <%zu bytes hidden>\n", field->type, field->text.len);
	else
		buf_printf(out, "type=%u value=%s\n", field->type, log_value(field->text));
}

void gw_tree_dump(const struct gw_field *root, struct buf *out)
{
	const struct gw_field *stack[GW_DEPTH_MAX + 2];
	unsigned depth = 0;

	stack[0] = root->first;
	for (;;) {
		const struct gw_field *field = stack[depth];

		if (!field) {
			if (!depth--)
				return;
			continue;
		}
		stack[depth] = field->next;
		dump_field(field, depth, out);
		if (field->first && depth + 1 < GW_DEPTH_MAX + 2)
			stack[++depth] = field->first;
	}
}

char gw_method_letter(uint8_t method)
{
	switch (method) {
#define CASE(name, number, letter, text) case number: return letter;
	GW_METHODS(CASE)
#undef CASE
	default:
		return '\0';
	}
}

int gw_method_of_letter(uint8_t given)
{
	switch (given) {
#define CASE(name, number, letter, text) case letter: return number;
	GW_METHODS(CASE)
#undef CASE
	default:
		return -1;
	}
}
