#ifndef BRAMBLE_PROTOCOL_GROUPWISE_RTF_H
#define BRAMBLE_PROTOCOL_GROUPWISE_RTF_H

#include "base/bytes.h"
#include "base/error.h"

/* Message bodies are RTF on the wire. Source: capture (libpurple 2.14.12), and the published RTF specification for reading. */

#define GW_RTF_MAX 32000        /* what our server takes: a client of the time takes no longer string */

/* Appends the envelope that every client takes, around plain UTF-8: 7-bit, one font, \uN? with N positive. */
void gw_rtf_write(struct bytes utf8, struct buf *out);
/* As much of the text's beginning, in whole characters, as gives a body of at most max bytes. Empty if not one fits. */
struct bytes gw_rtf_fit(struct bytes utf8, size_t max);

/* Appends the text of an RTF body as UTF-8, wider than we write: negative and surrogate \u, \uc, \'hh in the font's code page,
 * skipped groups, symbols. One \par at the very end is dropped. -1 with a sentence, and out as it was, if it is no RTF. */
int gw_rtf_read(struct bytes rtf, struct buf *out, struct error *err);

/* May this body be passed on as it is? It must begin with {\rtf, its braces must match, and every \fN it uses must be in its
 * font table; else stock clients crash or show nothing. Source: capture (libpurple 2.14.12). */
bool gw_rtf_is_safe(struct bytes body);

/* The server's rule: appends the body if it is safe, else a new one built from the plain text. */
void gw_rtf_pass(struct bytes body, struct bytes plain, struct buf *out);

/* The client's rule: appends what the body says; a body that is not RTF is plain text; if it is unusable or empty, the
 * plain text that came beside it, and where none came what can be read of a body that was cut. */
void gw_rtf_text(struct bytes body, struct bytes plain, struct buf *out);

#endif
