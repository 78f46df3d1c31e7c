#ifndef BRAMBLE_PROTOCOL_GME_H
#define BRAMBLE_PROTOCOL_GME_H

#include "base/bytes.h"
#include "base/error.h"

/* Gateway Message Envelope: the routing layer around the encrypted packet; readable on the way. Byte layout: ours. */
enum gme_kind { GME_MESSAGE = 0, GME_DELIVERED = 1, GME_ERROR = 2 };
enum { GME_ENCRYPTED = 1, GME_RECEIPT_WANTED = 2, GME_MORE = 4 };

enum gme_error_code {
	GME_UNKNOWN_KEY = 1, GME_BAD_FORMAT, GME_UNKNOWN_CONTENT, GME_NO_SERVICE, GME_NOT_PERMITTED, GME_TOO_LARGE,
	GME_RESUME_AT,       /* text: the highest id that is used up, decimal; seal again with a higher one */
	GME_OVERLOADED,      /* nothing of it was passed on: more waits for the service than may */
};
const char *gme_error_text(uint32_t code);

#define GME_MAX 8192             /* one envelope: header and one fragment's packet */
#define GME_FRAGMENT_BYTES 2048  /* of compressed text per packet. Source: document [DOC-MSGKEY] for the 2 KB */
#define GME_FRAGMENTS_MAX 64     /* ours */
#define GME_CONTENT_MAX 64       /* bytes of the content ids (ours) */
#define GME_ERROR_TEXT_MAX 200   /* ours */
#define GME_DIGEST 16            /* bytes by which an answer names what it answers (ours) */
#define GME_PROOF 16             /* bytes of an answer's proof (ours) */
#define GME_KEY_ID_MAX 23        /* of the key that proves it */

struct gme_address {
	bool is_pin;
	uint32_t pin;
	struct bytes srp_id;     /* when not a PIN */
};

struct gme {
	enum gme_kind kind;
	unsigned flags;
	uint32_t message_id;
	struct gme_address source, destination;
	struct bytes content_ids;                       /* "BBIM", comma separated */
	uint16_t fragment_index, fragment_count;        /* count 0: no fragment item, the message is whole */
	uint16_t error_code;                            /* kind GME_ERROR */
	struct bytes error_text;
	struct bytes answered;                          /* receipts and errors: GME_DIGEST bytes, of the envelope answered */
	struct bytes proof_key, proof;                  /* answers that are proved (gme_answer.h): key id and GME_PROOF bytes; or empty */
	struct bytes header;                            /* decoded ones: the raw header, TLVs included (additional data) */
	struct bytes payload;
};

/* Strict: items in the order of their numbers and at most once, nothing unknown, flags and items that agree; one end is a PIN
 * and the other an SRP identifier; receipts and errors name what they answer, and carry neither flags nor payload. -1 with what is wrong
 * and where. */
int gme_decode(struct bytes raw, struct gme *out, struct error *err);      /* borrows from raw */
/* Whether it calls itself one: else it answers one. Looks no further. */
bool gme_is_message(struct bytes raw);
/* Appends header and TLVs; the payload too, unless the caller appends it itself (header_only). */
void gme_encode(const struct gme *gme, bool header_only, struct buf *out);
void gme_dump(const struct gme *gme, struct buf *out);
bool gme_has_content(const struct gme *gme, const char *content_id);

#endif
