#ifndef BRAMBLE_PROTOCOL_CWA_CODEC_H
#define BRAMBLE_PROTOCOL_CWA_CODEC_H

#include "protocol/cwa/tree.h"

/* The two ways to write an envelope: the documented XML (profile ocs2007) and the JSON of profile lcs2005, which is ours.
 * docs/protocol/cwa.md describes both. */
enum cwa_format { CWA_XML, CWA_JSON };

/* What a body is by its first byte that is not white space, for clients that send any Content-Type: '<' or '{'.
 * -1 when it is neither. Source: code (a public client sends XML as a form). */
int cwa_sniff(struct bytes body, enum cwa_format *out);
const char *cwa_content_type(enum cwa_format format);

/* Reads one envelope into an empty tree. The tree is to be freed in any case. 0, or -1 with a sentence without any of its content.
 * cwaEvents may stand inside cwaResponses. XML: a DOCTYPE is refused, nothing is fetched, namespaces of known elements do not matter.
 * JSON: UTF-8, no member twice. What the schema does not know is left out and counted in tree->unexpected. */
int cwa_decode(enum cwa_format format, struct bytes body, struct cwa_tree *tree, struct error *err);

/* Appends the envelope. XML: without a declaration. */
void cwa_encode(enum cwa_format format, const struct cwa_node *root, struct buf *out);

#endif
