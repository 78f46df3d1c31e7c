#ifndef BRAMBLE_DB_SECRET_H
#define BRAMBLE_DB_SECRET_H

#include "base/bytes.h"
#include "base/error.h"

/* Secrets of the database: AES-256-GCM under the install key, which lies outside the database in a file of 64 hex digits that
 * only its owner may read. A sealed value is bound to its table, column and row: copied elsewhere it does not open. Source: ours.
 *
 *   u8 version = 1, 12 bytes nonce, sealed bytes, 16 bytes tag;  additional data: table, column, row, each after its u16 length */
struct secret_box;

/* create: make the file (0600) if it is missing. NULL with a sentence: missing, readable by others, not a key. */
struct secret_box *secret_box_open(const char *file, bool create, struct error *err);
void secret_box_free(struct secret_box **box);         /* wipes the key */

struct secret_place { const char *table, *column, *row; };
void secret_seal(struct secret_box *box, const struct secret_place *place, struct bytes clear, struct buf *out);
/* Appends the clear bytes. -1, and out as it was: another key, another place, or changed bytes. */
int secret_open(struct secret_box *box, const struct secret_place *place, struct bytes sealed, struct buf *out);

#endif
