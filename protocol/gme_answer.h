#ifndef BRAMBLE_PROTOCOL_GME_ANSWER_H
#define BRAMBLE_PROTOCOL_GME_ANSWER_H

#include "protocol/gme.h"
#include "protocol/packet.h"

/* Receipts and errors that answer an envelope. Each names the very envelope by a digest, and is proved by the transport key that the envelope
 * names, if who answers has it: the Router has none, and of a PIN or a key that nobody knows the Dispatcher has none either.
 * Source: document [FTO5-SEND2] that an error goes to the device; digest and proof are ours. */

/* The first bytes of the SHA-256 of a whole envelope. */
void gme_answer_digest(struct bytes envelope, uint8_t digest[GME_DIGEST]);

/* Append an envelope with the addresses turned round and the same id and fragment. to: decoded, as it came; key: what proves the answer,
 * or NULL. text: at most GME_ERROR_TEXT_MAX bytes of it. */
void gme_answer_receipt(const struct gme *to, const struct packet_key *key, struct buf *out);
void gme_answer_error(const struct gme *to, const struct packet_key *key, enum gme_error_code code, const char *text, struct buf *out);

/* Whether a decoded answer was made by somebody who holds this key. */
bool gme_answer_is_proved(const struct gme *answer, const struct packet_key *key);

#endif
