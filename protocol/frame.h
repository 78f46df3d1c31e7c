#ifndef BRAMBLE_PROTOCOL_FRAME_H
#define BRAMBLE_PROTOCOL_FRAME_H

#include <sys/types.h>

#include "protocol/wire.h"

/* The frame that SRP and the dispatcher link share: u8 version 1, u8 opcode, u32 length of the whole frame, items.
 * Source: the FX talk as the reference quotes it; widths and byte order are ours. */
#define FRAME_HEADER 6
#define FRAME_MAX 131072

/* For connection_callbacks.split: length of the first frame, 0 if more must come, -1 (version, length) with a sentence. */
ssize_t frame_split(void *unused, struct bytes in, struct error *err);

uint8_t frame_opcode(struct bytes frame);
/* Appends one frame with the message's items. */
void frame_encode(const struct wire_msg *msg, const void *in, struct buf *out);
/* Checks the header against the message and decodes the items. */
int frame_decode(const struct wire_msg *msg, struct bytes frame, void *out, struct error *err);

#endif
