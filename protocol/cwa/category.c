#include "protocol/cwa/category.h"

#include <stdio.h>
#include <string.h>

#include "protocol/cwa/tree.h"
#include "protocol/cwa/xml.h"

#define SIP_NAMESPACE "http://schemas.microsoft.com/2006/09/sip/"

/* --- writing ----------------------------------------------------------------------------------------------------------------- */

void cwa_state_encode(const struct cwa_state *state, struct buf *out)
{
	buf_text(out, "<state xsi:type=\"");
	cwa_xml_escape(state->type, true, out);
	buf_printf(out, "\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"" SIP_NAMESPACE "state\"%s>"
		"<availability>%u</availability></state>", state->manual ? " manual=\"true\"" : "", state->availability);
}

void cwa_note_encode(const char *text, struct buf *out)
{
	buf_text(out, "<note xmlns=\"" SIP_NAMESPACE "note\"><body type=\"personal\">");
	cwa_xml_escape(text, false, out);
	buf_text(out, "</body></note>");
}

void cwa_card_encode(const char *display_name, const char *mail, struct buf *out)
{
	buf_text(out, "<contactCard xmlns=\"" SIP_NAMESPACE "contactcard\"><identity><name><displayName>");
	cwa_xml_escape(display_name, false, out);
	buf_text(out, "</displayName></name><email>");
	cwa_xml_escape(mail, false, out);
	buf_text(out, "</email></identity></contactCard>");
}

/* --- reading ----------------------------------------------------------------------------------------------------------------- */

/* The first element of that name at or below a node, in document order; the depth is the parser's (256). */
static xmlNodePtr find(xmlNodePtr node, const char *name)
{
	for (; node; node = node->next) {
		xmlNodePtr inner;

		if (node->type != XML_ELEMENT_NODE)
			continue;
		if (strcmp((const char *)node->name, name) == 0)
			return node;
		inner = find(node->children, name);
		if (inner)
			return inner;
	}
	return NULL;
}

static bool attribute(xmlNodePtr node, const char *name, char *into, size_t size)
{
	xmlChar *value = xmlGetProp(node, (const xmlChar *)name);
	bool fits = value && bytes_copy_str(bytes_str((const char *)value), into, size);

	xmlFree(value);
	return fits;
}

int cwa_state_decode(const char *xml, struct cwa_state *out, struct error *err)
{
	xmlDocPtr doc = cwa_xml_parse(bytes_str(xml), err);
	xmlNodePtr state = doc ? find(xmlDocGetRootElement(doc), "state") : NULL;
	xmlNodePtr availability = state ? find(state->children, "availability") : NULL;
	xmlChar *text = availability ? xmlNodeGetContent(availability) : NULL;
	char manual[8] = "", digits[16] = "";
	uint64_t number;
	int rc = 0;

	*out = (struct cwa_state){ .availability = 0 };
	if (state) {
		attribute(state, "type", out->type, sizeof out->type);
		attribute(state, "manual", manual, sizeof manual);
		out->manual = cwa_true(manual);
	}
	if (text && bytes_copy_str(cwa_trim(bytes_str((const char *)text)), digits, sizeof digits) && cwa_number(digits, 1000000, &number))
		out->availability = (uint32_t)number;
	else
		rc = error_set(err, "a state needs an availability that is a number");
	xmlFree(text);
	xmlFreeDoc(doc);
	return rc;
}

static int decode_text(const char *xml, const char *name, size_t max, struct buf *out, struct error *err)
{
	xmlDocPtr doc = cwa_xml_parse(bytes_str(xml), err);
	xmlNodePtr node = doc ? find(xmlDocGetRootElement(doc), name) : NULL;
	xmlChar *text = node ? xmlNodeGetContent(node) : NULL;
	struct bytes trimmed = cwa_trim(bytes_str((const char *)text));

	if (trimmed.len > max) {
		trimmed.len = max;
		/* Not in the middle of a character. */
		while (trimmed.len && (trimmed.data[trimmed.len] & 0xC0) == 0x80)
			trimmed.len--;
	}
	buf_append(out, trimmed);
	xmlFree(text);
	if (doc && !node)
		error_set(err, "there is no %s in it", name);
	xmlFreeDoc(doc);
	return node ? 0 : -1;
}

int cwa_note_decode(const char *xml, struct buf *out, struct error *err)
{
	return decode_text(xml, "body", CWA_NOTE_MAX, out, err);
}

int cwa_card_decode(const char *xml, struct buf *out, struct error *err)
{
	return decode_text(xml, "displayName", 256, out, err);
}
