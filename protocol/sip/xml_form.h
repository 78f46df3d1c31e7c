#ifndef BRAMBLE_PROTOCOL_SIP_XML_FORM_H
#define BRAMBLE_PROTOCOL_SIP_XML_FORM_H

#include "base/bytes.h"
#include "base/error.h"

/* XML bodies described once: a struct and a table of where its members stand in the element. Reader, writer and free go by the table.
 *
 * The reader is tolerant: prefixes and namespaces, unknown elements and attributes, order and comments do not matter. What is required
 * must be there, numbers must be numbers, lists have a bound. No DOCTYPE, no entities of one's own, no network, at most 24 levels.
 * The writer is strict: the table's order, the table's namespaces, everything escaped. Bounds are ours. */
#define XML_FORM_DEPTH 24

enum xml_kind {
	XML_END,             /* the last row */
	XML_ATTRIBUTE,
	XML_CHILD,           /* the text of a child element of that name */
	XML_TEXT,            /* the element's own text */
	XML_INNER,           /* the child elements, as XML that stands for itself */
	XML_OTHERS,          /* the same of those that no other row names */
	XML_ONE,             /* a child element with a form; the member points to its struct; NULL: not there */
	XML_MANY,            /* any number of such; the member points to an array, its count stands elsewhere */
};

enum xml_type { XML_STRING, XML_NUMBER, XML_FLAG };    /* char *, uint32_t, bool */

enum xml_presence {
	XML_OPTIONAL,        /* missing: NULL, 0, false; written when it is not that */
	XML_ALWAYS,          /* missing: the same; always written */
	XML_REQUIRED,        /* missing: refused; always written */
};

struct xml_form;
struct xml_field {
	enum xml_kind kind;
	const char *name;                   /* ATTRIBUTE ("xsi:type", "msci:...": in that namespace), CHILD; the others have their form's */
	enum xml_type type;
	enum xml_presence presence;
	size_t offset;
	const struct xml_form *form;        /* ONE, MANY */
	size_t count_offset, max;           /* MANY */
};

struct xml_form {
	const char *name;
	const char *ns;                     /* NULL: that of the element around it; "": none */
	size_t size;
	const struct xml_field *fields;
};

#define XML_ATTR_ROW(t, member, named, as, when) \
	{ .kind = XML_ATTRIBUTE, .name = (named), .type = (as), .presence = (when), .offset = offsetof(t, member) }
#define XML_CHILD_ROW(t, member, named, as, when) \
	{ .kind = XML_CHILD, .name = (named), .type = (as), .presence = (when), .offset = offsetof(t, member) }
#define XML_TEXT_ROW(t, member) { .kind = XML_TEXT, .offset = offsetof(t, member) }
#define XML_INNER_ROW(t, member) { .kind = XML_INNER, .offset = offsetof(t, member) }
#define XML_OTHERS_ROW(t, member) { .kind = XML_OTHERS, .offset = offsetof(t, member) }
#define XML_ONE_ROW(t, member, its_form, when) \
	{ .kind = XML_ONE, .form = &(its_form), .presence = (when), .offset = offsetof(t, member) }
#define XML_MANY_ROW(t, member, count, its_form, at_most) \
	{ .kind = XML_MANY, .form = &(its_form), .offset = offsetof(t, member), .count_offset = offsetof(t, count), \
	  .max = (at_most) }

/* 0 with everything in out owned by it; -1 with a sentence, and out is empty. */
int xml_form_read(struct bytes xml, const struct xml_form *form, void *out, struct error *err);
/* The same of what is no body of SIP and may be longer. */
int xml_form_read_long(struct bytes xml, size_t max, const struct xml_form *form, void *out, struct error *err);
/* The whole document, without an XML declaration, as these systems write it. */
void xml_form_write(const struct xml_form *form, const void *in, struct buf *out);
/* Frees what is in it; the struct itself stays, empty. */
void xml_form_clear(const struct xml_form *form, void *in);
/* Text as it may stand in an element or an attribute. */
void xml_escape(const char *text, struct buf *out);

#endif
