#ifndef BRAMBLE_PROTOCOL_DEVICE_KEYS_H
#define BRAMBLE_PROTOCOL_DEVICE_KEYS_H

#include "base/error.h"
#include "protocol/channel.h"
#include "protocol/srp.h"

/* Who a device is: its PIN, the service it belongs to, its transport keys, and how far it has counted. */
struct device_identity {
	uint32_t pin;
	char srp_id[SRP_ID_MAX + 1];
	struct channel_peer peer;
	/* Message ids up to these may have been used in an earlier life; both stand for all keys of the device. */
	uint32_t send_ceiling, receive_ceiling;
};

/* The key file that `bramble device export` writes: JSON, mode 0600 (anything wider is refused).
 *
 *   {"pin":"2100000A","srp_id":"T00000001","keys":[{"serial":1,"state":"current","secret":"64 hex digits",
 *    "suites":["aes256-cbc","3des-cbc"]}],"send_ceiling":0,"receive_ceiling":0}
 *
 * -1 with a sentence that names the file and the member. */
int device_keys_load(const char *path, struct device_identity *out, struct error *err);

/* The same as text, one line. */
void device_keys_text(const struct device_identity *identity, struct buf *out);

/* Writes it anew in one step: after a crash the file is the old one or the new one. durable: it is on the disk when this returns,
 * which takes milliseconds; otherwise it outlives the process, but perhaps not the machine. */
int device_keys_store(const char *path, const struct device_identity *identity, bool durable, struct error *err);

void device_identity_free(struct device_identity *identity);    /* wipes the keys */

#endif
