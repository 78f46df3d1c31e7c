#ifndef BRAMBLE_PROTOCOL_CWA_XML_H
#define BRAMBLE_PROTOCOL_CWA_XML_H

#include <libxml/tree.h>

#include "protocol/cwa/tree.h"

/* The XML of profile ocs2007; codec.h is what others use. */
int cwa_xml_decode(struct bytes body, struct cwa_tree *tree, struct error *err);
void cwa_xml_encode(const struct cwa_node *root, struct buf *out);

/* Any run of elements, written the way the decoder writes foreign content: without text around them, each with the namespaces that it
 * uses. -1 with a sentence when it is not well-formed or over CWA_FOREIGN_MAX. */
int cwa_xml_fragment(struct bytes xml, struct buf *out, struct error *err);

/* Parses without network, entities of its own or DOCTYPE. NULL with a sentence. The caller gives it back by xmlFreeDoc. */
xmlDocPtr cwa_xml_parse(struct bytes xml, struct error *err);

/* Text with what XML would misread escaped; for an attribute in double quotes also its line ends. */
void cwa_xml_escape(const char *text, bool in_attribute, struct buf *out);

#endif
