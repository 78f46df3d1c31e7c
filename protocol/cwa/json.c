#include "protocol/cwa/json.h"

#include <jansson.h>
#include <string.h>

#include "protocol/cwa/xml.h"

/* --- writing ----------------------------------------------------------------------------------------------------------------- */

static void quote(const char *text, struct buf *out)
{
	buf_u8(out, '"');
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			buf_printf(out, "\\%c", *c);
		else if (*c == '\n')
			buf_text(out, "\\n");
		else if (*c == '\r')
			buf_text(out, "\\r");
		else if (*c == '\t')
			buf_text(out, "\\t");
		else if (*c < ' ')
			buf_printf(out, "\\u%04x", *c);
		else
			buf_u8(out, *c);
	}
	buf_u8(out, '"');
}

static void comma(struct buf *out)
{
	if (out->data[out->len - 1] != '{' && out->data[out->len - 1] != '[')
		buf_u8(out, ',');
}

static void write_value(const struct cwa_node *node, struct buf *out);

/* Children of one kind that may be many are one member with an array; they stand together, as the schema orders them. */
static void write_children(const struct cwa_node *node, struct buf *out)
{
	for (const struct cwa_node *child = node->first; child;) {
		const struct cwa_child *row = cwa_schema_child(node->element, bytes_str(child->element->name));
		const struct cwa_element *element = child->element;

		comma(out);
		quote(element->name, out);
		buf_text(out, row->many ? ":[" : ":");
		do {
			if (row->many)
				comma(out);
			write_value(child, out);
			child = child->next;
		} while (child && row->many && child->element == element);
		if (row->many)
			buf_u8(out, ']');
	}
}

static void write_items(const struct cwa_node *node, struct buf *out)
{
	comma(out);
	buf_text(out, "\"items\":[");
	for (const struct cwa_node *child = node->first; child; child = child->next) {
		if (child->element == &cwa_unknown)
			continue;
		comma(out);
		buf_u8(out, '{');
		quote(child->element->name, out);
		buf_u8(out, ':');
		write_value(child, out);
		buf_u8(out, '}');
	}
	buf_u8(out, ']');
}

static bool has_attributes(const struct cwa_node *node)
{
	for (size_t i = 0; node->element->attributes && node->element->attributes[i].name; i++)
		if (node->values[i])
			return true;
	return false;
}

static void write_list(const struct cwa_node *node, struct buf *out)
{
	buf_u8(out, '[');
	for (const struct cwa_node *child = node->first; child; child = child->next) {
		comma(out);
		write_value(child, out);
	}
	buf_u8(out, ']');
}

static void write_value(const struct cwa_node *node, struct buf *out)
{
	const struct cwa_element *element = node->element;
	bool is_text = element->content == CWA_TEXT || element->content == CWA_RAW_TEXT;

	if (element->content == CWA_LIST) {
		write_list(node, out);
		return;
	}
	if (is_text && !has_attributes(node)) {
		quote(node->text, out);
		return;
	}
	buf_u8(out, '{');
	for (size_t i = 0; element->attributes && element->attributes[i].name; i++) {
		if (!node->values[i])
			continue;
		comma(out);
		buf_printf(out, "\"@%s\":", element->attributes[i].name);
		quote(node->values[i], out);
	}
	if (*node->text || is_text) {
		comma(out);
		buf_text(out, is_text ? "\"#text\":" : "\"#xml\":");
		quote(node->text, out);
	}
	if (element->content == CWA_ITEMS)
		write_items(node, out);
	else
		write_children(node, out);
	buf_u8(out, '}');
}

void cwa_json_encode(const struct cwa_node *root, struct buf *out)
{
	buf_u8(out, '{');
	quote(root->element->name, out);
	buf_u8(out, ':');
	write_value(root, out);
	buf_u8(out, '}');
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
	struct cwa_tree *tree;
	struct error *err;
};

/* XML could not say every text of JSON, and both must mean the same: a control character other than tab and line ends is refused. */
static bool text_is_good(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (*c < ' ' && *c != '\t' && *c != '\n' && *c != '\r')
			return false;
		if (c[0] == 0xEF && c[1] == 0xBF && c[2] >= 0xBE)
			return false;
	}
	return true;
}

/* A string, or a bare number or truth value. -1 with a sentence. */
static int read_text(struct reading *r, const json_t *value, const char *name, char number[32], struct bytes *out)
{
	if (json_is_string(value)) {
		if (!text_is_good(json_string_value(value)))
			return error_set(r->err, "%s holds a control character", name);
		*out = bytes_str(json_string_value(value));
		return 0;
	}
	if (json_is_integer(value))
		snprintf(number, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(number, 32, "%s", json_is_true(value) ? "true" : "false");
	else
		return error_set(r->err, "%s must be a text, a whole number or a truth value", name);
	*out = bytes_str(number);
	return 0;
}

static int read_node(struct reading *r, const json_t *value, struct cwa_node *node);

static int add_node(struct reading *r, const json_t *value, const struct cwa_element *element, struct cwa_node *parent)
{
	struct cwa_node *node = cwa_tree_node(r->tree, element);

	if (!node)
		return error_set(r->err, "more than %d elements", CWA_NODES_MAX);
	cwa_append(parent, node);
	return read_node(r, value, node);
}

static int set_text(struct reading *r, const json_t *value, struct cwa_node *node)
{
	char number[32];
	struct bytes text = { 0 };

	if (read_text(r, value, node->element->name, number, &text) < 0)
		return -1;
	node->text = cwa_tree_text(r->tree, node->element->content == CWA_TEXT ? cwa_trim(text) : text);
	return 0;
}

static int set_foreign(struct reading *r, const json_t *value, struct cwa_node *node)
{
	struct buf xml = { 0 };
	int rc = 0;

	if (!json_is_string(value))
		rc = error_set(r->err, "#xml of %s must be a text", node->element->name);
	else
		rc = cwa_xml_fragment(bytes_str(json_string_value(value)), &xml, r->err);
	if (rc == 0)
		node->text = cwa_tree_text(r->tree, buf_bytes(&xml));
	buf_free(&xml);
	return rc;
}

/* The members of an item of an envelope that we do not know; only its rid is of use. */
static int add_unknown(struct reading *r, const char *name, const json_t *value, struct cwa_node *parent)
{
	struct cwa_node *node = cwa_tree_node(r->tree, &cwa_unknown);
	const json_t *rid = json_object_get(value, "@rid");
	struct bytes text = { 0 };
	char number[32];

	if (!node)
		return error_set(r->err, "more than %d elements", CWA_NODES_MAX);
	r->tree->unexpected++;
	cwa_append(parent, node);
	cwa_tree_set(r->tree, node, bytes_str("name"), bytes_str(name));
	if (rid && read_text(r, rid, "@rid", number, &text) < 0)
		return -1;
	if (rid)
		cwa_tree_set(r->tree, node, bytes_str("rid"), text);
	return 0;
}

static int read_items(struct reading *r, json_t *items, struct cwa_node *node)
{
	if (!json_is_array(items))
		return error_set(r->err, "items of %s must be an array", node->element->name);
	for (size_t i = 0; i < json_array_size(items); i++) {
		json_t *item = json_array_get(items, i);
		void *iter = json_object_iter(item);
		const struct cwa_child *row;

		if (json_object_size(item) != 1)
			return error_set(r->err, "an item of %s must be an object with one member", node->element->name);
		row = cwa_schema_child(node->element, bytes_str(json_object_iter_key(iter)));
		if (row ? add_node(r, json_object_iter_value(iter), row->element, node) < 0 :
		    add_unknown(r, json_object_iter_key(iter), json_object_iter_value(iter), node) < 0)
			return -1;
	}
	return 0;
}

static int read_child(struct reading *r, const char *key, json_t *value, struct cwa_node *node)
{
	const struct cwa_child *row = cwa_schema_child(node->element, bytes_str(key));

	if (!row) {
		r->tree->unexpected++;
		return 0;
	}
	if (!json_is_array(value) || row->element->content == CWA_LIST)
		return add_node(r, value, row->element, node);
	if (!row->many && json_array_size(value) != 1)
		return error_set(r->err, "%s of %s must be one", row->element->name, node->element->name);
	for (size_t i = 0; i < json_array_size(value); i++)
		if (add_node(r, json_array_get(value, i), row->element, node) < 0)
			return -1;
	return 0;
}

static int read_member(struct reading *r, const char *key, json_t *value, struct cwa_node *node)
{
	enum cwa_content content = node->element->content;
	struct bytes text = { 0 };
	char number[32];

	if (key[0] == '@') {
		if (read_text(r, value, key, number, &text) < 0)
			return -1;
		if (!cwa_tree_set(r->tree, node, bytes_str(key + 1), text))
			r->tree->unexpected++;
		return 0;
	}
	if (strcmp(key, "#text") == 0 && (content == CWA_TEXT || content == CWA_RAW_TEXT))
		return set_text(r, value, node);
	if (strcmp(key, "#xml") == 0 && content == CWA_FOREIGN)
		return set_foreign(r, value, node);
	if (strcmp(key, "items") == 0 && content == CWA_ITEMS)
		return read_items(r, value, node);
	if (content == CWA_ITEMS) {
		r->tree->unexpected++;
		return 0;
	}
	return read_child(r, key, value, node);
}

static int read_node(struct reading *r, const json_t *value, struct cwa_node *node)
{
	enum cwa_content content = node->element->content;
	const char *key;
	json_t *member;

	if (content == CWA_LIST) {
		if (!json_is_array(value))
			return error_set(r->err, "%s must be an array", node->element->name);
		for (size_t i = 0; i < json_array_size(value); i++)
			if (add_node(r, json_array_get(value, i), node->element->children[0].element, node) < 0)
				return -1;
		return 0;
	}
	if (!json_is_object(value)) {
		if (content == CWA_TEXT || content == CWA_RAW_TEXT)
			return set_text(r, value, node);
		return error_set(r->err, "%s must be an object", node->element->name);
	}
	/* The iteration macro takes an object that is not const, though it changes nothing. */
	json_object_foreach((json_t *)(uintptr_t)value, key, member)
		if (read_member(r, key, member, node) < 0)
			return -1;
	cwa_sort(node);
	return 0;
}

static const struct cwa_element *envelope(const char *name)
{
	static const struct cwa_element *const all[] = { &cwa_requests, &cwa_responses, &cwa_events };

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

/* Events inside an answer, as one page of the documents shows them in XML. */
static const json_t *events_inside(const json_t *responses)
{
	const json_t *items = json_object_get(responses, "items"), *events;

	for (size_t i = 0; i < json_array_size(items); i++)
		if ((events = json_object_get(json_array_get(items, i), cwa_events.name)) != NULL)
			return events;
	return NULL;
}

int cwa_json_decode(struct bytes body, struct cwa_tree *tree, struct error *err)
{
	struct reading r = { .tree = tree, .err = err };
	const struct cwa_element *element;
	const json_t *value, *inner;
	json_error_t wrong;
	json_t *root;
	int rc;

	if (body.len >= 3 && memcmp(body.data, "\xEF\xBB\xBF", 3) == 0)
		body = bytes_slice(body, 3, body.len);
	root = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &wrong);
	if (!root)
		return error_set(err, "no JSON: line %d, column %d", wrong.line, wrong.column);
	element = json_object_size(root) == 1 ? envelope(json_object_iter_key(json_object_iter(root))) : NULL;
	value = element ? json_object_iter_value(json_object_iter(root)) : NULL;
	inner = element == &cwa_responses ? events_inside(value) : NULL;
	if (!element)
		rc = error_set(err, "an object with the single member cwaRequests, cwaResponses or cwaEvents is expected");
	else
		rc = read_node(&r, inner ? inner : value, cwa_root(tree, inner ? &cwa_events : element));
	json_decref(root);
	return rc;
}
