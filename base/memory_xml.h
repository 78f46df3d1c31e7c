#ifndef BRAMBLE_BASE_MEMORY_XML_H
#define BRAMBLE_BASE_MEMORY_XML_H

/* Before anything is asked of libxml2: what it wants and does not get ends the process (memory.h). It would go on with half a document, and
 * call it whole. A file of its own, so that programs without XML do not link the library. */
void memory_of_xml(void);

#endif
