#include "simulator/xml_file.h"

#include <errno.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/memory_xml.h"

enum { READ_SIZE = 65536 };

int xml_file_read(const char *file, size_t max_bytes, struct buf *into, struct error *err)
{
	FILE *in = fopen(file, "rb");
	int rc = 0;

	if (!in)
		return error_set(err, "%s cannot be read: %s", file, strerror(errno));
	while (!feof(in) && !ferror(in) && into->len <= max_bytes) {
		buf_reserve(into, READ_SIZE);
		into->len += fread(into->data + into->len, 1, READ_SIZE, in);
	}
	if (ferror(in))
		rc = error_set(err, "%s cannot be read: %s", file, strerror(errno));
	fclose(in);
	return rc;
}

static void on_doctype(void *arg, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxtPtr parser = arg;
	bool *doctype = parser->_private;

	(void)name;
	(void)public_id;
	(void)system_id;
	*doctype = true;
	xmlStopParser(parser);
}

xmlDocPtr xml_file_parse(struct bytes text, const char *name, size_t max_bytes, struct error *err)
{
	xmlParserCtxtPtr parser;
	bool doctype = false;
	xmlDocPtr doc;

	if (text.len > max_bytes) {
		error_set(err, "%s has %zu bytes; at most %zu are read", name, text.len, max_bytes);
		return NULL;
	}
	memory_of_xml();
	parser = xmlNewParserCtxt();
	if (!parser)
		bug("libxml2 does not start");
	parser->_private = &doctype;
	parser->sax->internalSubset = on_doctype;
	doc = xmlCtxtReadMemory(parser, (const char *)text.data, (int)text.len, NULL, NULL,
		XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_BIG_LINES);
	if (doctype) {
		error_set(err, "%s: a DOCTYPE is not accepted", name);
		xmlFreeDoc(doc);
		doc = NULL;
	} else if (!doc) {
		const xmlError *e = xmlCtxtGetLastError(parser);
		const char *why = e && e->message ? e->message : "no XML\n";

		error_set(err, "%s:%d: %.*s", name, e ? e->line : 1, (int)strcspn(why, "\n"), why);
	}
	xmlFreeParserCtxt(parser);
	return doc;
}
