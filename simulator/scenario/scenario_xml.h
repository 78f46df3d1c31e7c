#ifndef BRAMBLE_SIMULATOR_SCENARIO_XML_H
#define BRAMBLE_SIMULATOR_SCENARIO_XML_H

#include "base/bytes.h"

/* Appends text as it stands in XML, inside elements and attributes; control characters, which XML 1.0 has not, become '?'. */
void scenario_xml_text(struct buf *out, const char *text);

#endif
