#ifndef BRAMBLE_SIMULATOR_XML_FILE_H
#define BRAMBLE_SIMULATOR_XML_FILE_H

#include <libxml/tree.h>

#include "base/bytes.h"
#include "base/error.h"

/* XML files that people write for the simulators: world.xml and scenarios. No DOCTYPE, nothing from the network, a bound on the size. */

/* Appends the file's content; of one that is longer than max_bytes somewhat more than that. -1 with a sentence. */
int xml_file_read(const char *file, size_t max_bytes, struct buf *into, struct error *err);

/* The document, which the caller gives to xmlFreeDoc. NULL with a sentence that begins with the name, and the line where there is one. */
xmlDocPtr xml_file_parse(struct bytes text, const char *name, size_t max_bytes, struct error *err);

#endif
