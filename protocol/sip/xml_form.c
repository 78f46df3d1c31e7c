#include "protocol/sip/xml_form.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/memory_xml.h"
#include "protocol/sip/sip.h"

/* --- reading ------------------------------------------------------------------------------------------------------------------- */

static const char *text_of(const xmlChar *text)
{
	return (const char *)text;
}

static void *member(void *in, size_t offset)
{
	return (char *)in + offset;
}

static const void *member_of(const void *in, size_t offset)
{
	return (const char *)in + offset;
}

static bool is_named(const struct xml_form *form, const char *name)
{
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++)
		if ((f->kind == XML_CHILD && strcmp(f->name, name) == 0) || (f->form && strcmp(f->form->name, name) == 0))
			return true;
	return false;
}

/* What stands in an element, apart from its namespace's declarations: those are written anew. Of a form (NULL: all) the elements that
 * it does not name. */
static char *inner_of(const xmlNode *node, const struct xml_form *form)
{
	struct buf text = { 0 };
	char *all;

	for (xmlNode *child = node->children; child; child = child->next) {
		xmlDocPtr doc;
		xmlNodePtr copy;
		xmlBufferPtr out;

		if (child->type != XML_ELEMENT_NODE || (form && is_named(form, text_of(child->name))))
			continue;
		doc = xmlNewDoc((const xmlChar *)"1.0");
		copy = doc ? xmlDocCopyNode(child, doc, 1) : NULL;
		out = xmlBufferCreate();
		if (!copy || !out)
			memory_exhausted(sizeof *copy);
		xmlDocSetRootElement(doc, copy);
		if (xmlNodeDump(out, doc, copy, 0, 0) > 0)
			buf_append(&text, bytes_of(xmlBufferContent(out), (size_t)xmlBufferLength(out)));
		xmlBufferFree(out);
		xmlFreeDoc(doc);
	}
	all = text.len ? bytes_dup(buf_bytes(&text)) : NULL;
	buf_free(&text);
	return all;
}

static int set_value(const xmlNode *node, const struct xml_field *f, const char *text, void *out, struct error *err)
{
	uint64_t number = 0;

	switch (f->type) {
	case XML_STRING:
		free(*(char **)member(out, f->offset));
		*(char **)member(out, f->offset) = memory_str(text);
		return 0;
	case XML_FLAG:
		*(bool *)member(out, f->offset) = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
		return 0;
	case XML_NUMBER:
		text += strspn(text, " \t\r\n");
		for (const char *c = text; *c && !strchr(" \t\r\n", *c); c++) {
			if (*c < '0' || *c > '9' || number > UINT32_MAX)
				return error_set(err, "%s in <%s> is a number, not %s", f->name, text_of(node->name), log_str(text));
			number = number * 10 + (uint64_t)(*c - '0');
		}
		if (!*text || number > UINT32_MAX)
			return error_set(err, "%s in <%s> is a number, not %s", f->name, text_of(node->name), log_str(text));
		*(uint32_t *)member(out, f->offset) = (uint32_t)number;
		return 0;
	}
	return 0;
}

static int read_element(const xmlNode *node, const struct xml_form *form, void *out, struct error *err);

static const xmlNode *find_child(const xmlNode *node, const char *name)
{
	for (const xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && strcmp(text_of(child->name), name) == 0)
			return child;
	return NULL;
}

/* Attributes that stand in a namespace. */
static const struct {
	const char *prefix, *declaration, *ns;
} prefixes[] = {
	{ "xsi:", "xsi=", "http://www.w3.org/2001/XMLSchema-instance" },
	{ "msci:", "msci=", "http://schemas.microsoft.com/rtc/2005/08/confinfoextensions" },
};
#define PREFIXES (sizeof prefixes / sizeof prefixes[0])

/* PREFIXES: it has none. */
static size_t prefix_of(const struct xml_field *f)
{
	size_t i = 0;

	while (i < PREFIXES && strncmp(f->name, prefixes[i].prefix, strlen(prefixes[i].prefix)) != 0)
		i++;
	return i;
}

/* An attribute is found by its local name: SOAP writes m:attrib. */
static xmlChar *attribute_of(const xmlNode *node, const char *name)
{
	for (const xmlAttr *a = node->properties; a; a = a->next)
		if (strcmp(text_of(a->name), name) == 0)
			return a->children ? xmlNodeListGetString(node->doc, a->children, 1) : xmlStrdup((const xmlChar *)"");
	return NULL;
}

static int read_one(const xmlNode *node, const struct xml_field *f, void *out, struct error *err)
{
	const xmlNode *child = find_child(node, f->form->name);
	void **into = member(out, f->offset);

	if (!child)
		return f->presence == XML_REQUIRED ? error_set(err, "<%s> needs <%s>", text_of(node->name), f->form->name) : 0;
	*into = memory_new(f->form->size);
	return read_element(child, f->form, *into, err);
}

static int read_many(const xmlNode *node, const struct xml_field *f, void *out, struct error *err)
{
	void **array = member(out, f->offset);
	size_t *count = member(out, f->count_offset);

	for (const xmlNode *child = node->children; child; child = child->next) {
		void *item;

		if (child->type != XML_ELEMENT_NODE || strcmp(text_of(child->name), f->form->name) != 0)
			continue;
		if (*count == f->max)
			return error_set(err, "<%s> has more than the %zu <%s> that are accepted", text_of(node->name), f->max, f->form->name);
		/* Powers of two. */
		if ((*count & (*count - 1)) == 0)
			*array = memory_resize(*array, (*count ? *count * 2 : 1) * f->form->size);
		item = (char *)*array + (*count)++ * f->form->size;
		memset(item, 0, f->form->size);
		if (read_element(child, f->form, item, err) < 0)
			return -1;
	}
	return 0;
}

static int read_field(const xmlNode *node, const struct xml_form *form, const struct xml_field *f, void *out, struct error *err)
{
	xmlChar *text = NULL;
	size_t prefix;
	int rc = 0;

	switch (f->kind) {
	case XML_END:
		break;
	case XML_ONE:
		return read_one(node, f, out, err);
	case XML_MANY:
		return read_many(node, f, out, err);
	case XML_INNER:
	case XML_OTHERS:
		*(char **)member(out, f->offset) = inner_of(node, f->kind == XML_OTHERS ? form : NULL);
		return 0;
	case XML_ATTRIBUTE:
		prefix = prefix_of(f);
		text = attribute_of(node, prefix < PREFIXES ? f->name + strlen(prefixes[prefix].prefix) : f->name);
		break;
	case XML_CHILD:
		node = find_child(node, f->name);
		text = node ? xmlNodeGetContent(node) : NULL;
		break;
	case XML_TEXT:
		text = xmlNodeGetContent(node);
		break;
	}
	if (text)
		rc = set_value(node, f, text_of(text), out, err);
	else if (f->presence == XML_REQUIRED)
		rc = error_set(err, "%s is missing", f->name);
	xmlFree(text);
	return rc;
}

static int read_element(const xmlNode *node, const struct xml_form *form, void *out, struct error *err)
{
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++)
		if (read_field(node, form, f, out, err) < 0)
			return -1;
	return 0;
}

static bool is_too_deep(const xmlNode *node, unsigned levels)
{
	if (!levels)
		return true;
	for (const xmlNode *child = node->children; child; child = child->next)
		if (child->type == XML_ELEMENT_NODE && is_too_deep(child, levels - 1))
			return true;
	return false;
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

int xml_form_read(struct bytes xml, const struct xml_form *form, void *out, struct error *err)
{
	return xml_form_read_long(xml, SIP_BODY_MAX, form, out, err);
}

int xml_form_read_long(struct bytes xml, size_t max, const struct xml_form *form, void *out, struct error *err)
{
	xmlParserCtxtPtr parser;
	const xmlNode *root;
	bool doctype = false;
	xmlDocPtr doc;
	int rc;

	memory_of_xml();
	parser = xmlNewParserCtxt();
	if (!parser)
		bug("libxml2 does not start");
	memset(out, 0, form->size);
	parser->_private = &doctype;
	parser->sax->internalSubset = on_doctype;
	/* A NUL would end it for libxml2, whatever came behind. */
	doc = xml.len && xml.len <= max && !memchr(xml.data, '\0', xml.len) ? xmlCtxtReadMemory(parser, (const char *)xml.data, (int)xml.len, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA) : NULL;
	root = doc && !doctype ? xmlDocGetRootElement(doc) : NULL;
	if (doctype)
		rc = error_set(err, "a DOCTYPE is not accepted");
	else if (!root)
		rc = error_set(err, "no XML document, or one of more than %d bytes", SIP_BODY_MAX);
	else if (strcmp(text_of(root->name), form->name) != 0)
		rc = error_set(err, "<%s> was expected, not <%s>", form->name, log_str(text_of(root->name)));
	else if (is_too_deep(root, XML_FORM_DEPTH))
		rc = error_set(err, "more than %d levels of elements", XML_FORM_DEPTH);
	else
		rc = read_element(root, form, out, err);
	if (rc < 0)
		xml_form_clear(form, out);
	xmlFreeDoc(doc);
	xmlFreeParserCtxt(parser);
	return rc;
}

/* --- writing --------------------------------------------------------------------------------------------------------------------- */

void xml_escape(const char *text, struct buf *out)
{
	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '&': buf_text(out, "&amp;"); break;
		case '<': buf_text(out, "&lt;"); break;
		case '>': buf_text(out, "&gt;"); break;
		case '"': buf_text(out, "&quot;"); break;
		case '\t': case '\n': case '\r': buf_printf(out, "&#%d;", *c); break;
		default:
			/* Other control characters are not XML. */
			buf_u8(out, (uint8_t)*c < 0x20 ? '?' : (uint8_t)*c);
		}
	}
}

/* false: it is not there. */
static bool value_of(const struct xml_field *f, const void *in, char *number, size_t size, const char **text)
{
	bool always = f->presence != XML_OPTIONAL;

	switch (f->type) {
	case XML_STRING:
		*text = *(char *const *)member_of(in, f->offset);
		if (!*text && always)
			*text = "";
		return *text != NULL;
	case XML_FLAG:
		*text = *(const bool *)member_of(in, f->offset) ? "true" : "false";
		return always || **text == 't';
	case XML_NUMBER:
		snprintf(number, size, "%u", *(const uint32_t *)member_of(in, f->offset));
		*text = number;
		return always || strcmp(number, "0") != 0;
	}
	return false;
}

static void write_element(const struct xml_form *form, const void *in, const char *ns, struct buf *out);

static void write_content(const struct xml_form *form, const void *in, const char *ns, struct buf *out)
{
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++) {
		char number[16];
		const char *text;
		const void *item;

		switch (f->kind) {
		case XML_END:
		case XML_ATTRIBUTE:
			break;
		case XML_CHILD:
			if (!value_of(f, in, number, sizeof number, &text))
				break;
			buf_printf(out, "<%s>", f->name);
			xml_escape(text, out);
			buf_printf(out, "</%s>", f->name);
			break;
		case XML_TEXT:
			if (value_of(f, in, number, sizeof number, &text))
				xml_escape(text, out);
			break;
		case XML_INNER:
		case XML_OTHERS:
			text = *(char *const *)member_of(in, f->offset);
			buf_text(out, text ? text : "");
			break;
		case XML_ONE:
			item = *(void *const *)member_of(in, f->offset);
			if (item)
				write_element(f->form, item, ns, out);
			break;
		case XML_MANY:
			for (size_t i = 0; i < *(const size_t *)member_of(in, f->count_offset); i++)
				write_element(f->form, *(char *const *)member_of(in, f->offset) + i * f->form->size, ns, out);
			break;
		}
	}
}

static void write_element(const struct xml_form *form, const void *in, const char *ns, struct buf *out)
{
	bool declared[PREFIXES] = { false };
	size_t start;

	buf_printf(out, "<%s", form->name);
	if (form->ns && (!ns || strcmp(ns, form->ns) != 0))
		buf_printf(out, " xmlns=\"%s\"", form->ns);
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++) {
		char number[16];
		const char *text;
		size_t prefix;

		if (f->kind != XML_ATTRIBUTE || !value_of(f, in, number, sizeof number, &text))
			continue;
		prefix = prefix_of(f);
		if (prefix < PREFIXES && !declared[prefix])
			buf_printf(out, " xmlns:%s\"%s\"", prefixes[prefix].declaration, prefixes[prefix].ns);
		if (prefix < PREFIXES)
			declared[prefix] = true;
		buf_printf(out, " %s=\"", f->name);
		xml_escape(text, out);
		buf_text(out, "\"");
	}
	start = out->len;
	buf_text(out, ">");
	write_content(form, in, form->ns ? form->ns : ns, out);
	if (out->len == start + 1) {
		out->len = start;
		buf_text(out, "/>");
	} else {
		buf_printf(out, "</%s>", form->name);
	}
}

void xml_form_write(const struct xml_form *form, const void *in, struct buf *out)
{
	write_element(form, in, NULL, out);
}

/* --- the end --------------------------------------------------------------------------------------------------------------------- */

void xml_form_clear(const struct xml_form *form, void *in)
{
	for (const struct xml_field *f = form->fields; f->kind != XML_END; f++) {
		void **at = member(in, f->offset);

		if (f->kind == XML_MANY) {
			for (size_t i = 0; i < *(size_t *)member(in, f->count_offset); i++)
				xml_form_clear(f->form, (char *)*at + i * f->form->size);
			free(*at);
		} else if (f->kind == XML_ONE) {
			if (*at)
				xml_form_clear(f->form, *at);
			free(*at);
		} else if (f->type == XML_STRING) {
			free(*at);
		}
	}
	memset(in, 0, form->size);
}
