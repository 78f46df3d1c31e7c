#ifndef BRAMBLE_ADMIN_DECODE_LAYERS_H
#define BRAMBLE_ADMIN_DECODE_LAYERS_H

#include "base/bytes.h"
#include "base/error.h"
#include "protocol/channel.h"
#include "protocol/im.h"

/* The layers of the way of a message, printed one inside the other, for people. */
struct device_identity;
struct decode {
	struct buf *out;
	struct channel *channel;
	struct channel_peer *peer;         /* the keys; NULL: encrypted packets stay closed */
	uint32_t pin;                      /* whose keys they are */
	uint32_t message_id;               /* of a packet that comes without its envelope */
};

/* identity: keys to open packets with, or NULL. Its counters are set so that nothing counts as seen before. */
void decode_start(struct decode *d, struct device_identity *identity);
void decode_end(struct decode *d);

/* Each takes the whole input. -1 with a sentence; what was readable has been printed. */
int decode_srp(const struct decode *d, struct bytes raw, struct error *err);
int decode_link(const struct decode *d, struct bytes raw, struct error *err);
int decode_gme(const struct decode *d, struct bytes raw, struct error *err);
int decode_packet(const struct decode *d, struct bytes raw, struct error *err);

#endif
