#include "protocol/cwa/tree.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

#define BLOCK_BYTES 1024

struct cwa_block {
	struct cwa_block *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

static void *take(struct cwa_tree *tree, size_t size)
{
	size_t rounded = (size + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
	struct cwa_block *block = tree->blocks;
	char *at;

	if (!block || block->size - block->used < rounded) {
		size_t room = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

		block = memory_new(sizeof *block + room);
		block->size = room;
		block->next = tree->blocks;
		tree->blocks = block;
	}
	at = block->bytes + block->used;
	block->used += rounded;
	return at;
}

void cwa_tree_free(struct cwa_tree *tree)
{
	struct cwa_block *block = tree->blocks, *next;

	for (; block; block = next) {
		next = block->next;
		OPENSSL_cleanse(block->bytes, block->used);
		free(block);
	}
	*tree = (struct cwa_tree){ 0 };
}

const char *cwa_tree_text(struct cwa_tree *tree, struct bytes text)
{
	char *copy;

	if (!text.len)
		return "";
	copy = take(tree, text.len + 1);
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return copy;
}

/* --- the schema ------------------------------------------------------------------------------------------------------------------ */

const struct cwa_child *cwa_schema_child(const struct cwa_element *element, struct bytes name)
{
	for (const struct cwa_child *c = element->children; c && c->element; c++)
		if (bytes_is(name, c->element->name))
			return c;
	return NULL;
}

static size_t attribute_count(const struct cwa_element *element)
{
	size_t count = 0;

	while (element->attributes && element->attributes[count].name)
		count++;
	return count;
}

/* Its place; the count when there is none. */
static size_t attribute_at(const struct cwa_element *element, struct bytes name)
{
	size_t i = 0, count = attribute_count(element);

	while (i < count && !bytes_is(name, element->attributes[i].name))
		i++;
	return i;
}

static size_t known_attribute(const struct cwa_element *element, const char *name)
{
	size_t at = attribute_at(element, bytes_str(name));

	if (at == attribute_count(element))
		bug("<%s> has no attribute %s", element->name, name);
	return at;
}

static size_t order_of(const struct cwa_element *parent, const struct cwa_element *child)
{
	size_t i = 0;

	while (parent->children && parent->children[i].element && parent->children[i].element != child)
		i++;
	return i;
}

/* --- reading --------------------------------------------------------------------------------------------------------------------- */

const char *cwa_attribute(const struct cwa_node *node, const char *name)
{
	return node->values[known_attribute(node->element, name)];
}

bool cwa_is(const struct cwa_node *node, const char *name)
{
	return strcmp(node->element->name, name) == 0;
}

const struct cwa_node *cwa_child(const struct cwa_node *node, const char *name)
{
	const struct cwa_child *row = cwa_schema_child(node->element, bytes_str(name));

	if (!row)
		bug("<%s> has no child %s", node->element->name, name);
	for (const struct cwa_node *child = node->first; child; child = child->next)
		if (child->element == row->element)
			return child;
	return NULL;
}

const struct cwa_node *cwa_next(const struct cwa_node *node)
{
	for (const struct cwa_node *next = node->next; next; next = next->next)
		if (next->element == node->element)
			return next;
	return NULL;
}

const char *cwa_child_text(const struct cwa_node *node, const char *name)
{
	const struct cwa_node *child = cwa_child(node, name);

	return child ? child->text : "";
}

bool cwa_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (!text || !*text)
		return false;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (*text < '0' || *text > '9' || value > (max - digit) / 10 || digit > max)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

bool cwa_true(const char *text)
{
	return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

int cwa_check(const struct cwa_node *node, struct error *err)
{
	const struct cwa_element *element = node->element;

	for (size_t i = 0; i < attribute_count(element); i++)
		if (element->attributes[i].required && !node->values[i])
			return error_set(err, "%s needs the attribute %s", element->name, element->attributes[i].name);
	for (const struct cwa_child *c = element->children; c && c->element; c++)
		if (c->required && !cwa_child(node, c->element->name))
			return error_set(err, "%s needs the element %s", element->name, c->element->name);
	for (const struct cwa_node *child = node->first; child; child = child->next)
		if (cwa_check(child, err) < 0)
			return -1;
	return 0;
}

static const struct cwa_node *skip_unknown(const struct cwa_node *node)
{
	while (node && node->element == &cwa_unknown)
		node = node->next;
	return node;
}

bool cwa_equal(const struct cwa_node *a, const struct cwa_node *b)
{
	if (a->element != b->element || strcmp(a->text, b->text) != 0)
		return false;
	for (size_t i = 0; i < attribute_count(a->element); i++)
		if (!a->values[i] != !b->values[i] || (a->values[i] && strcmp(a->values[i], b->values[i]) != 0))
			return false;
	a = skip_unknown(a->first);
	b = skip_unknown(b->first);
	while (a && b) {
		if (!cwa_equal(a, b))
			return false;
		a = skip_unknown(a->next);
		b = skip_unknown(b->next);
	}
	return !a && !b;
}

static void dump(const struct cwa_node *node, unsigned depth, struct buf *out)
{
	bool unknown = node->element == &cwa_unknown;

	buf_printf(out, "%*s%s", (int)(2 * depth), "", unknown ? "unknown" : node->element->name);
	for (size_t i = 0; i < attribute_count(node->element); i++)
		if (node->values[i])
			buf_printf(out, " %s=%s", node->element->attributes[i].name, log_str(node->values[i]));
	if (*node->text)
		buf_printf(out, ": %s", node->element->secret ? "(hidden)" : log_str(node->text));
	buf_text(out, "\n");
	for (const struct cwa_node *child = node->first; child; child = child->next)
		dump(child, depth + 1, out);
}

void cwa_dump(const struct cwa_node *node, struct buf *out)
{
	dump(node, 0, out);
}

/* --- building -------------------------------------------------------------------------------------------------------------------- */

struct cwa_node *cwa_tree_node(struct cwa_tree *tree, const struct cwa_element *element)
{
	size_t size = sizeof(struct cwa_node) + attribute_count(element) * sizeof(char *);
	struct cwa_node *node;

	if (tree->nodes >= CWA_NODES_MAX)
		return NULL;
	tree->nodes++;
	node = take(tree, size);
	memset(node, 0, size);
	node->element = element;
	node->text = "";
	return node;
}

void cwa_append(struct cwa_node *parent, struct cwa_node *child)
{
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

void cwa_sort(struct cwa_node *node)
{
	struct cwa_node *rest = node->first;

	if (node->element->content != CWA_CHILDREN)
		return;
	node->first = node->last = NULL;
	for (const struct cwa_child *c = node->element->children; rest && c && c->element; c++) {
		struct cwa_node **at = &rest, *child;

		while ((child = *at)) {
			if (child->element != c->element) {
				at = &child->next;
				continue;
			}
			*at = child->next;
			cwa_append(node, child);
		}
	}
}

bool cwa_tree_set(struct cwa_tree *tree, struct cwa_node *node, struct bytes attribute, struct bytes value)
{
	size_t at = attribute_at(node->element, attribute);

	if (at == attribute_count(node->element))
		return false;
	node->values[at] = cwa_tree_text(tree, value);
	return true;
}

struct bytes cwa_trim(struct bytes text)
{
	while (text.len && strchr(" \t\r\n", text.data[0]) && text.data[0])
		text = bytes_slice(text, 1, text.len);
	while (text.len && text.data[text.len - 1] && strchr(" \t\r\n", text.data[text.len - 1]))
		text.len--;
	return text;
}

struct cwa_node *cwa_root(struct cwa_tree *tree, const struct cwa_element *envelope)
{
	tree->root = cwa_tree_node(tree, envelope);
	return tree->root;
}

struct cwa_node *cwa_add(struct cwa_tree *tree, struct cwa_node *parent, const char *name)
{
	const struct cwa_child *row = cwa_schema_child(parent->element, bytes_str(name));
	struct cwa_node *node, *last = parent->last;

	if (!row)
		bug("<%s> has no child %s", parent->element->name, name);
	node = cwa_tree_node(tree, row->element);
	if (!node)
		bug("an envelope of more than %d elements", CWA_NODES_MAX);
	cwa_append(parent, node);
	if (last && parent->element->content == CWA_CHILDREN &&
	    order_of(parent->element, last->element) > order_of(parent->element, node->element))
		cwa_sort(parent);
	return node;
}

void cwa_set_text(struct cwa_tree *tree, struct cwa_node *node, const char *text)
{
	node->text = cwa_tree_text(tree, bytes_str(text));
}

struct cwa_node *cwa_add_text(struct cwa_tree *tree, struct cwa_node *parent, const char *name, const char *text)
{
	struct cwa_node *node = cwa_add(tree, parent, name);

	cwa_set_text(tree, node, text);
	return node;
}

struct cwa_node *cwa_add_number(struct cwa_tree *tree, struct cwa_node *parent, const char *name, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%ju", (uintmax_t)number);
	return cwa_add_text(tree, parent, name, digits);
}

void cwa_set(struct cwa_tree *tree, struct cwa_node *node, const char *attribute, const char *text)
{
	if (text)
		node->values[known_attribute(node->element, attribute)] = cwa_tree_text(tree, bytes_str(text));
}

void cwa_set_number(struct cwa_tree *tree, struct cwa_node *node, const char *attribute, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%ju", (uintmax_t)number);
	cwa_set(tree, node, attribute, digits);
}
