#include "base/memory_xml.h"

#include <libxml/xmlmemory.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

void memory_of_xml(void)
{
	/* It comes from malloc either way, so that it does not matter if something was taken before. */
	if (xmlMemSetup(free, memory_take, memory_resize, memory_str) != 0)
		bug("libxml2 does not take its memory from us");
}
