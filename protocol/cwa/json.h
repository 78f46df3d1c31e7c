#ifndef BRAMBLE_PROTOCOL_CWA_JSON_H
#define BRAMBLE_PROTOCOL_CWA_JSON_H

#include "protocol/cwa/tree.h"

/* The JSON of profile lcs2005; codec.h is what others use. Format: ours. */
int cwa_json_decode(struct bytes body, struct cwa_tree *tree, struct error *err);
void cwa_json_encode(const struct cwa_node *root, struct buf *out);

#endif
