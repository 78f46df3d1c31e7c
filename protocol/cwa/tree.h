#ifndef BRAMBLE_PROTOCOL_CWA_TREE_H
#define BRAMBLE_PROTOCOL_CWA_TREE_H

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/cwa/schema.h"

/* One envelope as a tree of what the schema knows. XML and JSON are two ways to write the same tree.
 * Asking a node for a name that its element does not have in the schema is a bug(). */

/* Bounds of what is read. Source: ours. */
#define CWA_REQUEST_MAX 65536           /* bytes of a request */
#define CWA_ANSWER_MAX 4194304          /* bytes of an answer */
#define CWA_NODES_MAX 20000
#define CWA_ATTRIBUTES_MAX 200          /* of one element, namespaces included */
#define CWA_FOREIGN_MAX 32768           /* bytes of the XML of one category */

struct cwa_node {
	const struct cwa_element *element;
	const char *text;                       /* never NULL; of foreign content: its XML */
	struct cwa_node *first, *last, *next;
	const char *values[];                   /* in the order of the element's attributes; NULL: not there */
};

/* Owns the nodes and texts of one envelope. All zero is a valid empty one. Its memory is overwritten when it goes: there are
 * passwords among it. */
struct cwa_tree {
	struct cwa_node *root;
	unsigned nodes;
	unsigned unexpected;                    /* elements, members and attributes that the schema does not have: left out */
	struct cwa_block *blocks;               /* private */
};

void cwa_tree_free(struct cwa_tree *tree);

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

const char *cwa_attribute(const struct cwa_node *node, const char *name);               /* NULL when it is not there */
const struct cwa_node *cwa_child(const struct cwa_node *node, const char *name);        /* the first; NULL when there is none */
const struct cwa_node *cwa_next(const struct cwa_node *node);                           /* the next one of the same name */
const char *cwa_child_text(const struct cwa_node *node, const char *name);              /* "" when there is none */
bool cwa_is(const struct cwa_node *node, const char *name);
/* Plain decimal digits up to max: true and the number. NULL gives false. */
bool cwa_number(const char *text, uint64_t max, uint64_t *out);
bool cwa_true(const char *text);                                                        /* "true" or "1"; NULL gives false */

/* Everything is there that the schema requires, below this node too. -1 with a sentence that names what is missing where. */
int cwa_check(const struct cwa_node *node, struct error *err);

/* The same elements with the same attributes and texts in the same order; unknown items do not count. */
bool cwa_equal(const struct cwa_node *a, const struct cwa_node *b);

/* One line per element, indented; secrets are hidden. */
void cwa_dump(const struct cwa_node *node, struct buf *out);

/* --- building --------------------------------------------------------------------------------------------------------------- */

struct cwa_node *cwa_root(struct cwa_tree *tree, const struct cwa_element *envelope);
/* Children stand in the order they are added in, except that those of CWA_CHILDREN are put into the schema's order. text may be NULL. */
struct cwa_node *cwa_add(struct cwa_tree *tree, struct cwa_node *parent, const char *name);
struct cwa_node *cwa_add_text(struct cwa_tree *tree, struct cwa_node *parent, const char *name, const char *text);
struct cwa_node *cwa_add_number(struct cwa_tree *tree, struct cwa_node *parent, const char *name, uint64_t number);
void cwa_set(struct cwa_tree *tree, struct cwa_node *node, const char *attribute, const char *text);     /* text NULL: nothing is set */
void cwa_set_number(struct cwa_tree *tree, struct cwa_node *node, const char *attribute, uint64_t number);
void cwa_set_text(struct cwa_tree *tree, struct cwa_node *node, const char *text);

/* --- for the decoders --------------------------------------------------------------------------------------------------------- */

/* The row of a child by name; NULL if there is none. */
const struct cwa_child *cwa_schema_child(const struct cwa_element *element, struct bytes name);
/* NULL when there are CWA_NODES_MAX already. */
struct cwa_node *cwa_tree_node(struct cwa_tree *tree, const struct cwa_element *element);
void cwa_append(struct cwa_node *parent, struct cwa_node *child);
/* false: the element has no such attribute. */
bool cwa_tree_set(struct cwa_tree *tree, struct cwa_node *node, struct bytes attribute, struct bytes value);
const char *cwa_tree_text(struct cwa_tree *tree, struct bytes text);
/* Puts the children into the schema's order, those of one kind in the order they came. */
void cwa_sort(struct cwa_node *node);
struct bytes cwa_trim(struct bytes text);

#endif
