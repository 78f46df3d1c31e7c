/* Lets the stock SIPE plugin read XML with Debian's libxml2.
 *
 * SIPE parses by the SAX1 callbacks startElement and endElement, in a handler that says in `initialized` that it has those of SAX2.
 * libxml2 2.9.14, as Debian has it, then calls neither; the plugin reads every body as empty: no contacts, no presence. This wrapper,
 * loaded before libxml2, passes on a copy of the handler with initialized = 1, which asks for SAX1. Nothing else changes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libxml/parser.h>

int xmlSAXUserParseMemory(xmlSAXHandlerPtr sax, void *user_data, const char *buffer, int size)
{
	static int (*real)(xmlSAXHandlerPtr, void *, const char *, int);
	xmlSAXHandler copy;

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "xmlSAXUserParseMemory");
	if (!sax)
		return real(sax, user_data, buffer, size);
	copy = *sax;
	copy.initialized = 1;
	return real(&copy, user_data, buffer, size);
}
