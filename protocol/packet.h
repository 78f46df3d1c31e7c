#ifndef BRAMBLE_PROTOCOL_PACKET_H
#define BRAMBLE_PROTOCOL_PACKET_H

#include "base/bytes.h"
#include "base/error.h"

/* The encrypted packet: a fresh message key, wrapped by the device transport key, and the encrypted slice of the message.
 * Source: document for the scheme and the two CBC suites [STO-A 31, 34]; layout and AES-256-GCM are ours. */
enum packet_suite { PACKET_3DES_CBC = 1, PACKET_AES256_CBC = 2, PACKET_AES256_GCM = 3 };
#define PACKET_SUITE_BIT(suite) (1u << (suite))
#define PACKET_SUITES_DOCUMENTED (PACKET_SUITE_BIT(PACKET_3DES_CBC) | PACKET_SUITE_BIT(PACKET_AES256_CBC))
#define PACKET_SUITES_HARDENED PACKET_SUITE_BIT(PACKET_AES256_GCM)
#define PACKET_SUITES_ALL (PACKET_SUITES_DOCUMENTED | PACKET_SUITES_HARDENED)
const char *packet_suite_name(enum packet_suite suite);                 /* "aes256-cbc" */
int packet_suite_parse(const char *name, enum packet_suite *out);
/* The strongest of a set: GCM, then AES, then 3DES. 0 for an empty set. */
enum packet_suite packet_suite_strongest(unsigned suites);

#define PACKET_KEY_SIZE 32       /* 3DES takes the first 16 (ours) */
#define PACKET_KEY_ID_MAX 24     /* "2100000A+3" */

struct packet_key {
	char id[PACKET_KEY_ID_MAX];
	uint8_t secret[PACKET_KEY_SIZE];
	unsigned suites;         /* mask of PACKET_SUITE_BIT this key may be used with */
};

/* What the plaintext repeats of the envelope, and must agree with it. */
struct packet_place {
	uint32_t message_id;
	uint16_t index, count;
	uint32_t clear_len;      /* of the whole message before compression */
	bool deflated;
};

/* Contexts and fetched algorithms of one process; not for two threads at once. */
struct packet_crypto;
struct packet_crypto *packet_crypto_new(void);
void packet_crypto_free(struct packet_crypto **crypto);

/* Appends one packet. header: the encoded envelope header (additional data under GCM). */
int packet_seal(struct packet_crypto *crypto, enum packet_suite suite, const struct packet_key *key, struct bytes header,
	const struct packet_place *place, struct bytes slice, struct buf *out);

/* The key id and suite that a packet names, without opening it. -1: not a packet. */
struct packet_label { enum packet_suite suite; struct bytes key_id; bool deflated; };
int packet_peek(struct bytes packet, struct packet_label *out);

/* Opens one packet: appends the slice. place->message_id, index and count are what the envelope says, and are checked;
 * clear_len and deflated are filled. -1 for every fault of padding, magic, ids, CRC or tag alike, and out as it was. */
int packet_open(struct packet_crypto *crypto, const struct packet_key *key, struct bytes header, struct bytes packet,
	struct packet_place *place, struct buf *out);

#endif
