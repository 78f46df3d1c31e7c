#include "protocol/packet.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"
#include "protocol/gme.h"
#include "protocol/random.h"

#define PACKET_MAGIC 0x58
#define PACKET_FIXED 4
#define INNER_HEADER 20
#define IV_MAX 16
#define TAG_SIZE 16
#define INNER_MAX (INNER_HEADER + GME_FRAGMENT_BYTES)

/* Everything in which the suites differ. */
static const struct suite {
	const char *name, *cipher;
	size_t key, iv, block, tag;
	unsigned strength;
} suites[] = {
	[PACKET_3DES_CBC] = { "3des-cbc", "DES-EDE-CBC", 16, 8, 8, 0, 1 },
	[PACKET_AES256_CBC] = { "aes256-cbc", "AES-256-CBC", 32, 16, 16, 0, 2 },
	[PACKET_AES256_GCM] = { "aes256-gcm", "AES-256-GCM", 32, 12, 1, TAG_SIZE, 3 },
};
enum { SUITES = sizeof suites / sizeof suites[0] };

struct packet_crypto {
	EVP_CIPHER *ciphers[SUITES];
	EVP_CIPHER_CTX *seal[SUITES], *open[SUITES];     /* kept; only key and IV change */
	struct random_pool random;
	uint8_t inner[INNER_MAX + IV_MAX];
	uint8_t opened[INNER_MAX + IV_MAX];
};

const char *packet_suite_name(enum packet_suite suite)
{
	return (unsigned)suite < SUITES && suites[suite].name ? suites[suite].name : "none";
}

int packet_suite_parse(const char *name, enum packet_suite *out)
{
	for (unsigned i = PACKET_3DES_CBC; i < SUITES; i++)
		if (!strcmp(name, suites[i].name)) {
			*out = (enum packet_suite)i;
			return 0;
		}
	return -1;
}

enum packet_suite packet_suite_strongest(unsigned mask)
{
	unsigned best = 0;

	for (unsigned i = PACKET_3DES_CBC; i < SUITES; i++)
		if (mask & PACKET_SUITE_BIT(i) && (!best || suites[i].strength > suites[best].strength))
			best = i;
	return (enum packet_suite)best;
}

struct packet_crypto *packet_crypto_new(void)
{
	struct packet_crypto *crypto = memory_new(sizeof *crypto);

	for (unsigned i = PACKET_3DES_CBC; i < SUITES; i++) {
		crypto->ciphers[i] = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
		crypto->seal[i] = EVP_CIPHER_CTX_new();
		crypto->open[i] = EVP_CIPHER_CTX_new();
		if (!crypto->ciphers[i] || !crypto->seal[i] || !crypto->open[i] ||
		    EVP_EncryptInit_ex2(crypto->seal[i], crypto->ciphers[i], NULL, NULL, NULL) != 1 ||
		    EVP_DecryptInit_ex2(crypto->open[i], crypto->ciphers[i], NULL, NULL, NULL) != 1 ||
		    EVP_CIPHER_CTX_set_padding(crypto->seal[i], 0) != 1 ||
		    EVP_CIPHER_CTX_set_padding(crypto->open[i], 0) != 1)
			fatal(EXIT_INTERNAL, "OpenSSL does not offer %s", suites[i].cipher);
	}
	return crypto;
}

void packet_crypto_free(struct packet_crypto **crypto)
{
	struct packet_crypto *c = *crypto;

	if (!c)
		return;
	for (unsigned i = PACKET_3DES_CBC; i < SUITES; i++) {
		EVP_CIPHER_CTX_free(c->seal[i]);
		EVP_CIPHER_CTX_free(c->open[i]);
		EVP_CIPHER_free(c->ciphers[i]);
	}
	random_pool_wipe(&c->random);
	OPENSSL_cleanse(c, sizeof *c);
	free(c);
	*crypto = NULL;
}

/* Triple DES keys carry odd parity in the lowest bit of each byte. Source: document [DOC-3DES]. */
static uint8_t with_parity(uint8_t byte)
{
	return (uint8_t)((byte & 0xFE) | !(__builtin_popcount(byte & 0xFE) & 1));
}

static void message_key(struct packet_crypto *crypto, enum packet_suite suite, uint8_t *key)
{
	random_pool_take(&crypto->random, key, suites[suite].key);
	for (size_t i = 0; suite == PACKET_3DES_CBC && i < suites[suite].key; i++)
		key[i] = with_parity(key[i]);
}

/* One layer: len bytes (whole blocks; padding is ours) and, under GCM, the tag after them. A fault inside OpenSSL is not
 * something a peer can cause. */
static void encrypt(struct packet_crypto *crypto, enum packet_suite suite, const uint8_t *key, const uint8_t *iv,
	struct bytes header, struct bytes label, const uint8_t *in, size_t len, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = crypto->seal[suite];
	bool ok = EVP_EncryptInit_ex2(ctx, NULL, key, iv, NULL) == 1;
	int done = 0;

	if (suites[suite].tag)
		ok = ok && EVP_EncryptUpdate(ctx, NULL, &done, header.data, (int)header.len) == 1 &&
			EVP_EncryptUpdate(ctx, NULL, &done, label.data, (int)label.len) == 1;
	ok = ok && EVP_EncryptUpdate(ctx, out, &done, in, (int)len) == 1 && (size_t)done == len;
	if (suites[suite].tag)
		ok = ok && EVP_EncryptFinal_ex(ctx, out + len, &done) == 1 &&
			EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, out + len) == 1;
	if (!ok)
		bug("OpenSSL would not encrypt with %s", suites[suite].name);
}

/* false when the tag does not fit. */
static bool decrypt(struct packet_crypto *crypto, enum packet_suite suite, const uint8_t *key, const uint8_t *iv,
	struct bytes header, struct bytes label, struct bytes in, uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = crypto->open[suite];
	size_t len = in.len - suites[suite].tag;
	bool ok = EVP_DecryptInit_ex2(ctx, NULL, key, iv, NULL) == 1;
	uint8_t tag[TAG_SIZE];
	int done = 0;

	if (suites[suite].tag) {
		memcpy(tag, in.data + len, TAG_SIZE);
		ok = ok && EVP_DecryptUpdate(ctx, NULL, &done, header.data, (int)header.len) == 1 &&
			EVP_DecryptUpdate(ctx, NULL, &done, label.data, (int)label.len) == 1;
	}
	ok = ok && EVP_DecryptUpdate(ctx, out, &done, in.data, (int)len) == 1 && (size_t)done == len;
	if (!ok)
		bug("OpenSSL would not decrypt with %s", suites[suite].name);
	if (!suites[suite].tag)
		return true;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1 &&
		EVP_DecryptFinal_ex(ctx, out + len, &done) == 1;
}

/* Message keys are not kept: the schedule inside the context is overwritten too. Source: document [DOC-MSGKEY]. */
static void forget(EVP_CIPHER_CTX *ctx, uint8_t *key, size_t len)
{
	static const uint8_t nothing[PACKET_KEY_SIZE], no_iv[IV_MAX];

	OPENSSL_cleanse(key, len);
	EVP_CipherInit_ex2(ctx, NULL, nothing, no_iv, -1, NULL);
}

static void put_u16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put_u32(uint8_t *to, uint32_t value)
{
	put_u16(to, (uint16_t)(value >> 16));
	put_u16(to + 2, (uint16_t)value);
}

static uint32_t slice_crc(const uint8_t *data, size_t len)
{
	return (uint32_t)crc32(crc32(0, NULL, 0), data, (uInt)len);
}

static const uint8_t inner_magic[4] = { 'R', 'M', 'T', '1' };

/* The plaintext: what the envelope says once more, then the slice, then padding to whole blocks (PKCS#7). */
static size_t write_inner(uint8_t *inner, const struct packet_place *place, struct bytes slice, size_t block)
{
	size_t len = INNER_HEADER + slice.len, pad = block > 1 ? block - len % block : 0;

	memcpy(inner, inner_magic, sizeof inner_magic);
	put_u32(inner + 4, place->message_id);
	put_u16(inner + 8, place->index);
	put_u16(inner + 10, place->count);
	put_u32(inner + 12, place->clear_len);
	put_u32(inner + 16, slice_crc(slice.data, slice.len));
	if (slice.len)
		memcpy(inner + INNER_HEADER, slice.data, slice.len);
	memset(inner + len, (int)pad, pad);
	return len + pad;
}

int packet_seal(struct packet_crypto *crypto, enum packet_suite suite, const struct packet_key *key, struct bytes header,
	const struct packet_place *place, struct bytes slice, struct buf *out)
{
	const struct suite *s;
	uint8_t secret[PACKET_KEY_SIZE], wrap_iv[IV_MAX], body_iv[IV_MAX], *at;
	struct bytes id = bytes_str(key->id), label;
	size_t start = out->len, len;

	if (!(key->suites & PACKET_SUITES_ALL & PACKET_SUITE_BIT(suite)) || slice.len > GME_FRAGMENT_BYTES || id.len == 0)
		return -1;
	s = &suites[suite];
	message_key(crypto, suite, secret);
	random_pool_take(&crypto->random, wrap_iv, s->iv);
	random_pool_take(&crypto->random, body_iv, s->iv);
	len = write_inner(crypto->inner, place, slice, s->block);

	buf_reserve(out, PACKET_FIXED + id.len + 2 * s->iv + s->key + len + 2 * s->tag);
	buf_u8(out, PACKET_MAGIC);
	buf_u8(out, (uint8_t)suite);
	buf_u8(out, place->deflated);
	buf_u8(out, (uint8_t)id.len);
	buf_append(out, id);
	label = bytes_of(out->data + start, PACKET_FIXED + id.len);

	/* The body first: wrapping then replaces the message key in the context by the device's. */
	buf_append(out, bytes_of(wrap_iv, s->iv));
	at = buf_extend(out, s->key + s->tag);
	buf_append(out, bytes_of(body_iv, s->iv));
	encrypt(crypto, suite, secret, body_iv, header, label, crypto->inner, len, buf_extend(out, len + s->tag));
	encrypt(crypto, suite, key->secret, wrap_iv, header, label, secret, s->key, at);
	OPENSSL_cleanse(secret, sizeof secret);
	OPENSSL_cleanse(crypto->inner, len);
	return 0;
}

/* The parts of a packet; lengths are checked, contents are not. */
struct parts { struct packet_label label; struct bytes clear, wrap_iv, wrapped, body_iv, body; };

static int split_packet(struct bytes packet, struct parts *out)
{
	struct reader r = reader_of(packet);
	uint8_t magic = reader_u8(&r), suite = reader_u8(&r), comp = reader_u8(&r);
	const struct suite *s;
	size_t body;

	out->label.key_id = reader_bytes(&r, reader_u8(&r));
	if (!reader_ok(&r) || magic != PACKET_MAGIC || suite == 0 || suite >= SUITES || comp > 1 ||
	    out->label.key_id.len == 0 || out->label.key_id.len >= PACKET_KEY_ID_MAX)
		return -1;
	for (size_t i = 0; i < out->label.key_id.len; i++) {
		uint8_t c = out->label.key_id.data[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F') && c != '+')
			return -1;
	}
	s = &suites[suite];
	out->label.suite = (enum packet_suite)suite;
	out->label.deflated = comp == 1;
	out->clear = bytes_slice(packet, 0, r.at);
	out->wrap_iv = reader_bytes(&r, s->iv);
	out->wrapped = reader_bytes(&r, s->key + s->tag);
	out->body_iv = reader_bytes(&r, s->iv);
	out->body = reader_rest(&r);
	if (!reader_ok(&r) || out->body.len < s->tag)
		return -1;
	body = out->body.len - s->tag;
	/* At least the header, at most a full slice and its padding; whole blocks. */
	return body >= INNER_HEADER && body <= INNER_MAX + (s->block > 1 ? s->block : 0) && body % s->block == 0 ? 0 : -1;
}

int packet_peek(struct bytes packet, struct packet_label *out)
{
	struct parts parts;

	if (split_packet(packet, &parts))
		return -1;
	*out = parts.label;
	return 0;
}

/* Bytes of padding at the end, or 0 with *bad set. Looks at a whole block whatever the last byte says, so that the time
 * does not tell a wrong padding from a wrong checksum. */
static size_t padding_of(const uint8_t *inner, size_t len, size_t block, unsigned *bad)
{
	unsigned pad, wrong;

	if (block == 1)
		return 0;
	pad = inner[len - 1];
	wrong = pad == 0 || pad > block || pad > len - INNER_HEADER;
	for (size_t i = 0; i < block; i++) {
		unsigned is_padding = i < pad;

		wrong |= is_padding & (unsigned)(inner[len - 1 - i] != pad);
	}
	*bad |= wrong;
	return wrong ? 0 : pad;
}

/* Everything is looked at before anything is said. Returns the length of the slice. */
static size_t check_inner(const uint8_t *inner, size_t len, size_t block, struct packet_place *place, unsigned *bad)
{
	struct reader r = reader_of(bytes_of(inner, len));
	struct bytes magic = reader_bytes(&r, 4);
	uint32_t message_id = reader_u32(&r);
	uint16_t index = reader_u16(&r), count = reader_u16(&r);
	uint32_t clear_len = reader_u32(&r), crc = reader_u32(&r);
	size_t slice = len - INNER_HEADER - padding_of(inner, len, block, bad);

	*bad |= !bytes_equal(magic, bytes_of(inner_magic, sizeof inner_magic));
	*bad |= message_id != place->message_id;
	*bad |= index != place->index;
	*bad |= count != place->count;
	*bad |= slice > GME_FRAGMENT_BYTES;
	*bad |= crc != slice_crc(inner + INNER_HEADER, slice);
	place->clear_len = clear_len;
	return slice;
}

int packet_open(struct packet_crypto *crypto, const struct packet_key *key, struct bytes header, struct bytes packet,
	struct packet_place *place, struct buf *out)
{
	uint8_t secret[PACKET_KEY_SIZE + TAG_SIZE];
	struct packet_place found = *place;
	struct parts parts;
	const struct suite *s;
	unsigned bad = 0;
	size_t slice, len;

	if (split_packet(packet, &parts) || !bytes_is(parts.label.key_id, key->id) ||
	    !(key->suites & PACKET_SUITE_BIT(parts.label.suite)))
		return -1;
	s = &suites[parts.label.suite];
	found.deflated = parts.label.deflated;
	len = parts.body.len - s->tag;

	bad |= !decrypt(crypto, parts.label.suite, key->secret, parts.wrap_iv.data, header, parts.clear, parts.wrapped, secret);
	for (size_t i = 0; parts.label.suite == PACKET_3DES_CBC && i < s->key; i++)
		bad |= secret[i] != with_parity(secret[i]);
	bad |= !decrypt(crypto, parts.label.suite, secret, parts.body_iv.data, header, parts.clear, parts.body, crypto->opened);
	forget(crypto->open[parts.label.suite], secret, s->key);
	slice = check_inner(crypto->opened, len, s->block, &found, &bad);
	if (!bad) {
		buf_append(out, bytes_of(crypto->opened + INNER_HEADER, slice));
		*place = found;
	}
	OPENSSL_cleanse(crypto->opened, len);
	return bad ? -1 : 0;
}
