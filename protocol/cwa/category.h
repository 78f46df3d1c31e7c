#ifndef BRAMBLE_PROTOCOL_CWA_CATEGORY_H
#define BRAMBLE_PROTOCOL_CWA_CATEGORY_H

#include "base/bytes.h"
#include "base/error.h"

/* The XML inside the presence categories that matter to an instant messaging client: state, note and contactCard.
 * Source: document (namespaces, elements), code (layout seen in recorded traffic). */

struct cwa_state {
	char type[32];                  /* "userState", "machineState", "aggregateState" */
	bool manual;
	uint32_t availability;
};

/* What a publisher says of itself, or a server of the aggregate. */
void cwa_state_encode(const struct cwa_state *state, struct buf *out);
/* -1 with a sentence. */
int cwa_state_decode(const char *xml, struct cwa_state *out, struct error *err);

/* The personal note; what is appended is its text, cut at CWA_NOTE_MAX bytes. An empty one takes the note away. */
#define CWA_NOTE_MAX 2000
void cwa_note_encode(const char *text, struct buf *out);
int cwa_note_decode(const char *xml, struct buf *out, struct error *err);

void cwa_card_encode(const char *display_name, const char *mail, struct buf *out);
/* The display name. */
int cwa_card_decode(const char *xml, struct buf *out, struct error *err);

#endif
