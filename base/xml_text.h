#ifndef BRAMBLE_BASE_XML_TEXT_H
#define BRAMBLE_BASE_XML_TEXT_H

#include "base/bytes.h"

/* Appends text as it stands in XML, inside elements and attributes; control characters, which XML 1.0 has not, become '?'. */
void buf_xml_text(struct buf *out, const char *text);

#endif
