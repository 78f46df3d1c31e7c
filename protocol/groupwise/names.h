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

/* Appends valid UTF-8: broken sequences become U+FFFD, NULs are dropped. */
void gw_utf8_repair(struct bytes in, struct buf *out);
bool gw_utf8_is_valid(struct bytes in);
/* Cuts at most max bytes from the front without splitting a character. */
struct bytes gw_utf8_cut(struct bytes in, size_t max);
void gw_utf8_put(struct buf *out, uint32_t code_point);      /* U+FFFD for what is none */
/* Takes one character off the front; U+FFFD and one byte for a broken sequence. 0 bytes left: do not ask. */
uint32_t gw_utf8_next(struct bytes *in);

/* Query escaping: letters and digits stay, space becomes +, any other byte %xx in lower case. */
void gw_escape(struct bytes text, struct buf *out);

#endif
