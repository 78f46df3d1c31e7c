#ifndef BRAMBLE_PROTOCOL_CWA_SCHEMA_H
#define BRAMBLE_PROTOCOL_CWA_SCHEMA_H

#include <stdbool.h>

#include "base/bytes.h"

/* What may stand in the three envelopes of Communicator Web Access: the one description that both encodings (xml.h, json.h), the
 * checks and the pages go by. Names, attributes and order: document, where docs/protocol/cwa.md says nothing else. */
enum cwa_content {
	CWA_EMPTY,          /* attributes at most */
	CWA_TEXT,           /* white space around it does not count */
	CWA_RAW_TEXT,       /* white space counts */
	CWA_FOREIGN,        /* XML of other namespaces, carried as it is */
	CWA_CHILDREN,       /* in any order on input, in the table's on output */
	CWA_LIST,           /* nothing but children of one kind */
	CWA_ITEMS,          /* an envelope: any of its children, in the order they came */
};

struct cwa_attribute {
	const char *name;
	bool required;
};

struct cwa_element;

struct cwa_child {
	const struct cwa_element *element;
	bool required;
	bool many;
};

struct cwa_element {
	const char *name;
	enum cwa_content content;
	bool secret;                                /* never dumped */
	const struct cwa_attribute *attributes;     /* end with a NULL name; NULL: none */
	const struct cwa_child *children;           /* end with a NULL element; NULL: none */
};

extern const struct cwa_element cwa_requests, cwa_responses, cwa_events;

/* An item of an envelope that the table does not have: it keeps its name and its rid and is never sent. */
extern const struct cwa_element cwa_unknown;

/* The rows of the page's table: what may stand in an envelope, element by element. */
void cwa_document(const struct cwa_element *envelope, struct buf *out);

#define CWA_NAMESPACE "http://schemas.microsoft.com/2006/09/rtc/cwa"

#endif
