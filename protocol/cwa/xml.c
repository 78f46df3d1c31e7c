#include "protocol/cwa/xml.h"

#include <libxml/parser.h>
#include <libxml/xmlsave.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/memory_xml.h"

/* --- writing ----------------------------------------------------------------------------------------------------------------- */

void cwa_xml_escape(const char *text, bool in_attribute, struct buf *out)
{
	for (const char *c = text; *c; c++) {
		if (*c == '&')
			buf_text(out, "&amp;");
		else if (*c == '<')
			buf_text(out, "&lt;");
		else if (*c == '>')
			buf_text(out, "&gt;");
		else if (*c == '"' && in_attribute)
			buf_text(out, "&quot;");
		else if (*c == '\r' || (in_attribute && (*c == '\n' || *c == '\t')))
			buf_printf(out, "&#%d;", *c);
		else
			buf_u8(out, (uint8_t)*c);
	}
}

static void write_node(const struct cwa_node *node, const char *namespace, struct buf *out)
{
	const struct cwa_element *element = node->element;

	buf_printf(out, "<%s", element->name);
	for (size_t i = 0; element->attributes && element->attributes[i].name; i++) {
		if (!node->values[i])
			continue;
		buf_printf(out, " %s=\"", element->attributes[i].name);
		cwa_xml_escape(node->values[i], true, out);
		buf_u8(out, '"');
	}
	if (namespace)
		buf_printf(out, " xmlns=\"%s\"", namespace);
	if (!node->first && !*node->text) {
		buf_text(out, "/>");
		return;
	}
	buf_u8(out, '>');
	if (element->content == CWA_FOREIGN)
		/* A public client takes the second child of a category, and the first must be white space. Source: code. */
		buf_printf(out, "\n%s\n", node->text);
	else
		cwa_xml_escape(node->text, false, out);
	for (const struct cwa_node *child = node->first; child; child = child->next)
		if (child->element != &cwa_unknown)
			write_node(child, NULL, out);
	buf_printf(out, "</%s>", element->name);
}

void cwa_xml_encode(const struct cwa_node *root, struct buf *out)
{
	write_node(root, root->element == &cwa_requests ? CWA_NAMESPACE : NULL, out);
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

struct reading {
	struct cwa_tree *tree;
	struct error *err;
	bool doctype;
};

static struct bytes xml_bytes(const xmlChar *text)
{
	return bytes_str((const char *)text);
}

static void on_doctype(void *arg, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxtPtr parser = arg;

	(void)name;
	(void)public_id;
	(void)system_id;
	*(bool *)parser->_private = true;
	xmlStopParser(parser);
}

/* Goes to after what ends this; to the end when that does not come. */
static void skip(struct bytes *xml, const char *end)
{
	const uint8_t *at = xml->len ? memmem(xml->data, xml->len, end, strlen(end)) : NULL;

	*xml = at ? bytes_slice(*xml, (size_t)(at - xml->data) + strlen(end), xml->len) : (struct bytes){ 0 };
}

/* From after a "<" to after its ">". How many attributes there were. */
static unsigned skip_tag(struct bytes *xml)
{
	unsigned attributes = 0;

	while (xml->len && xml->data[0] != '>') {
		uint8_t c = xml->data[0];

		*xml = bytes_slice(*xml, 1, xml->len);
		if (c != '"' && c != '\'')
			continue;
		attributes++;
		skip(xml, c == '"' ? "\"" : "'");
	}
	return attributes;
}

/* libxml2 compares each attribute of a tag with all before it: 100,000 in one tag take half a minute. What is no XML is left to it. */
static int check_tags(struct bytes xml, struct error *err)
{
	for (skip(&xml, "<"); xml.len; skip(&xml, "<")) {
		if (bytes_is(bytes_slice(xml, 0, 3), "!--")) {
			xml = bytes_slice(xml, 3, xml.len);
			skip(&xml, "-->");
		} else if (bytes_is(bytes_slice(xml, 0, 8), "![CDATA[")) {
			skip(&xml, "]]>");
		} else if (xml.data[0] == '?') {
			skip(&xml, "?>");
		} else if (skip_tag(&xml) > CWA_ATTRIBUTES_MAX) {
			return error_set(err, "an element has more than %d attributes", CWA_ATTRIBUTES_MAX);
		}
	}
	return 0;
}

xmlDocPtr cwa_xml_parse(struct bytes xml, struct error *err)
{
	xmlParserCtxtPtr parser;
	bool doctype = false;
	xmlDocPtr doc;

	memory_of_xml();
	parser = xmlNewParserCtxt();
	if (!parser)
		bug("libxml2 does not start");
	if (check_tags(xml, err) < 0) {
		xmlFreeParserCtxt(parser);
		return NULL;
	}
	parser->_private = &doctype;
	parser->sax->internalSubset = on_doctype;
	doc = xmlCtxtReadMemory(parser, (const char *)xml.data, (int)xml.len, NULL, "UTF-8",
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA);
	if (doctype) {
		error_set(err, "a DOCTYPE is not accepted");
		xmlFreeDoc(doc);
		doc = NULL;
	} else if (!doc) {
		const xmlError *e = xmlCtxtGetLastError(parser);

		error_set(err, "no well-formed XML: line %d", e ? e->line : 1);
	}
	xmlFreeParserCtxt(parser);
	return doc;
}

static bool is_default(const xmlNs *ns, const char *href)
{
	return ns && !ns->prefix && (!href || (ns->href && strcmp((const char *)ns->href, href) == 0));
}

/* The envelope's namespace as default means none: whether an envelope declares it must not matter to what stands in a category. Below an
 * element with another default it stays, for there "none" would have to be said. */
static void forget_envelope(xmlNodePtr node)
{
	for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
		if (is_default(ns, NULL) && !is_default(ns, CWA_NAMESPACE))
			return;
	if (is_default(node->ns, CWA_NAMESPACE))
		node->ns = NULL;
	for (xmlNodePtr child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE)
			forget_envelope(child);
	for (xmlNsPtr *at = &node->nsDef; *at;) {
		xmlNsPtr ns = *at;

		if (!is_default(ns, CWA_NAMESPACE)) {
			at = &ns->next;
			continue;
		}
		*at = ns->next;
		xmlFreeNs(ns);
	}
}

/* The elements below a node, each with the namespaces it needs, in UTF-8. */
static int write_foreign(const xmlNode *node, struct buf *out, struct error *err)
{
	size_t before = out->len;

	for (xmlNodePtr child = node->children; child; child = child->next) {
		xmlDocPtr doc;
		xmlNodePtr copy;
		xmlBufferPtr text;
		xmlSaveCtxtPtr save;

		if (child->type != XML_ELEMENT_NODE)
			continue;
		doc = xmlNewDoc((const xmlChar *)"1.0");
		text = xmlBufferCreate();
		/* Else a long text is copied again with every few bytes of it. */
		if (text)
			xmlBufferSetAllocationScheme(text, XML_BUFFER_ALLOC_DOUBLEIT);
		copy = doc ? xmlDocCopyNode(child, doc, 1) : NULL;
		save = text ? xmlSaveToBuffer(text, "UTF-8", XML_SAVE_NO_DECL | XML_SAVE_AS_XML) : NULL;
		if (!copy || !save)
			memory_exhausted(sizeof *doc);
		xmlDocSetRootElement(doc, copy);
		forget_envelope(copy);
		xmlSaveTree(save, copy);
		xmlSaveClose(save);
		buf_append(out, bytes_of(xmlBufferContent(text), (size_t)xmlBufferLength(text)));
		xmlBufferFree(text);
		xmlFreeDoc(doc);
		if (out->len - before > CWA_FOREIGN_MAX)
			return error_set(err, "the XML of a category has more than %d bytes", CWA_FOREIGN_MAX);
	}
	/* Namespaces that were declared around it are attributes now. */
	return check_tags(bytes_slice(buf_bytes(out), before, out->len), err);
}

int cwa_xml_fragment(struct bytes xml, struct buf *out, struct error *err)
{
	struct buf whole = { 0 };
	xmlDocPtr doc = NULL;
	xmlNodePtr root;
	int rc = -1;

	if (xml.len > CWA_FOREIGN_MAX) {
		error_set(err, "the XML of a category has more than %d bytes", CWA_FOREIGN_MAX);
	} else {
		buf_text(&whole, "<x>");
		buf_append(&whole, xml);
		buf_text(&whole, "</x>");
		doc = cwa_xml_parse(buf_bytes(&whole), err);
	}
	root = doc ? xmlDocGetRootElement(doc) : NULL;
	if (root)
		rc = write_foreign(root, out, err);
	xmlFreeDoc(doc);
	buf_free(&whole);
	return rc;
}

static int read_node(struct reading *r, const xmlNode *xml, struct cwa_node *node);

static void read_attributes(struct reading *r, const xmlNode *xml, struct cwa_node *node)
{
	for (const xmlAttr *given = xml->properties; given; given = given->next) {
		xmlChar *value = xmlNodeListGetString(xml->doc, given->children, 1);
		bool known = !given->ns && cwa_tree_set(r->tree, node, xml_bytes(given->name), xml_bytes(value));

		if (!known && node->element != &cwa_unknown)
			r->tree->unexpected++;
		xmlFree(value);
	}
}

static int read_child(struct reading *r, const xmlNode *xml, struct cwa_node *parent)
{
	const struct cwa_child *row = cwa_schema_child(parent->element, xml_bytes(xml->name));
	bool keep = row || parent->element->content == CWA_ITEMS;
	struct cwa_node *node;

	if (!row)
		r->tree->unexpected++;
	if (!keep)
		return 0;
	node = cwa_tree_node(r->tree, row ? row->element : &cwa_unknown);
	if (!node)
		return error_set(r->err, "more than %d elements", CWA_NODES_MAX);
	cwa_append(parent, node);
	if (row)
		return read_node(r, xml, node);
	read_attributes(r, xml, node);
	cwa_tree_set(r->tree, node, bytes_str("name"), xml_bytes(xml->name));
	return 0;
}

static int read_node(struct reading *r, const xmlNode *xml, struct cwa_node *node)
{
	enum cwa_content content = node->element->content;
	struct buf text = { 0 };
	int rc = 0;

	read_attributes(r, xml, node);
	if (content == CWA_FOREIGN) {
		rc = write_foreign(xml, &text, r->err);
		node->text = cwa_tree_text(r->tree, buf_bytes(&text));
		buf_free(&text);
		return rc;
	}
	for (const xmlNode *child = xml->children; child && rc == 0; child = child->next) {
		if (child->type == XML_ELEMENT_NODE)
			rc = read_child(r, child, node);
		else if (child->type == XML_TEXT_NODE && (content == CWA_TEXT || content == CWA_RAW_TEXT))
			buf_append(&text, xml_bytes(child->content));
	}
	if (text.len)
		node->text = cwa_tree_text(r->tree, content == CWA_TEXT ? cwa_trim(buf_bytes(&text)) : buf_bytes(&text));
	buf_wipe(&text);
	cwa_sort(node);
	return rc;
}

static const xmlNode *first_element(const xmlNode *node, const char *name)
{
	for (; node; node = node->next)
		if (node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0)
			return node;
	return NULL;
}

int cwa_xml_decode(struct bytes body, struct cwa_tree *tree, struct error *err)
{
	static const struct cwa_element *const all[] = { &cwa_requests, &cwa_responses, &cwa_events };
	struct reading r = { .tree = tree, .err = err };
	xmlDocPtr doc = cwa_xml_parse(body, err);
	const xmlNode *root, *inner;
	int rc = -1;

	if (!doc)
		return -1;
	root = xmlDocGetRootElement(doc);
	/* One page of the documents shows events inside an answer. */
	if (strcmp((const char *)root->name, cwa_responses.name) == 0 && (inner = first_element(root->children, cwa_events.name)))
		root = inner;
	error_set(err, "cwaRequests, cwaResponses or cwaEvents is expected");
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp((const char *)root->name, all[i]->name) == 0)
			rc = read_node(&r, root, cwa_root(tree, all[i]));
	xmlFreeDoc(doc);
	return rc;
}
