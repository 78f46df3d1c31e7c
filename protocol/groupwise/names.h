#ifndef BRAMBLE_PROTOCOL_GROUPWISE_NAMES_H
#define BRAMBLE_PROTOCOL_GROUPWISE_NAMES_H

#include "base/bytes.h"

/* Distinguished names: "CN=alice,OU=staff,O=example", compared without regard to letter case; dotted: "alice.staff.example". */
bool gw_dn_same(struct bytes a, struct bytes b);
void gw_dn_dotted(struct bytes dn, struct buf *out);
bool gw_dn_is_typed(struct bytes name);     /* has an '=' */
/* The value of the first part: "alice". */
struct bytes gw_dn_leaf(struct bytes dn);

/* Conferences: "[XXXXXXXX-XXXXXXXX-XXXXXXXX-XXXX-XXXX]"; two ids mean the same one if their first 27 characters are equal.
 * Source: code (both free clients). */
#define GW_CONFERENCE_LEN 38
#define GW_CONFERENCE_PREFIX 27
#define GW_CONFERENCE_BLANK "[00000000-00000000-00000000-0000-0000]"    /* "not created yet" */
bool gw_conference_same(struct bytes a, struct bytes b);
bool gw_conference_is_blank(struct bytes id);

/* Query escaping: letters and digits stay, space becomes +, any other byte %xx in lower case. */
void gw_escape(struct bytes text, struct buf *out);

#endif
