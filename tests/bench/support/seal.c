#include "tests/bench/support/seal.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/memory.h"
#include "tests/bench/support/instrument.h"

enum { KEY = 32, IV = 16, BLOCK = 16, INNER = 20, CRC_AT = 16, POOL = 4096 };

struct seal {
	z_stream deflate, inflate;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *encrypt, *decrypt;
	uint8_t key[KEY], pool[POOL], inner[SEAL_ROOM];
	size_t pool_at;
};

struct seal *seal_new(void)
{
	struct seal *seal = memory_new(sizeof *seal);

	seal->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	seal->encrypt = EVP_CIPHER_CTX_new();
	seal->decrypt = EVP_CIPHER_CTX_new();
	seal->pool_at = POOL;
	memset(seal->key, 7, sizeof seal->key);     /* a benchmark's key protects nothing */
	if (deflateInit2(&seal->deflate, 1, Z_DEFLATED, -12, 5, Z_DEFAULT_STRATEGY) != Z_OK || inflateInit2(&seal->inflate, -15) != Z_OK ||
	    EVP_EncryptInit_ex2(seal->encrypt, seal->cipher, NULL, NULL, NULL) != 1 ||
	    EVP_DecryptInit_ex2(seal->decrypt, seal->cipher, NULL, NULL, NULL) != 1)
		instrument_die("zlib or OpenSSL could not be started");
	EVP_CIPHER_CTX_set_padding(seal->encrypt, 0);
	EVP_CIPHER_CTX_set_padding(seal->decrypt, 0);
	return seal;
}

void seal_free(struct seal **seal)
{
	struct seal *s = *seal;

	deflateEnd(&s->deflate);
	inflateEnd(&s->inflate);
	EVP_CIPHER_CTX_free(s->encrypt);
	EVP_CIPHER_CTX_free(s->decrypt);
	EVP_CIPHER_free(s->cipher);
	free(s);
	*seal = NULL;
}

static const uint8_t *draw(struct seal *seal, size_t len)
{
	if (seal->pool_at + len > POOL) {
		RAND_bytes(seal->pool, POOL);
		seal->pool_at = 0;
	}
	seal->pool_at += len;
	return seal->pool + seal->pool_at - len;
}

static void run(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *iv, const uint8_t *in, size_t len, uint8_t *out)
{
	int done = 0;

	if (EVP_CipherInit_ex2(ctx, NULL, key, iv, -1, NULL) != 1 || EVP_CipherUpdate(ctx, out, &done, in, (int)len) != 1 ||
	    (size_t)done != len)
		instrument_die("OpenSSL refused %zu bytes", len);
}

size_t seal_encrypt(struct seal *seal, struct bytes packed, uint8_t *out)
{
	size_t len = INNER + packed.len, pad = BLOCK - len % BLOCK;
	uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), packed.data, (uInt)packed.len);
	const uint8_t *key = draw(seal, KEY), *ivs = draw(seal, 2 * (size_t)IV);

	memset(seal->inner, 0, CRC_AT);
	memcpy(seal->inner + CRC_AT, &crc, sizeof crc);
	memcpy(seal->inner + INNER, packed.data, packed.len);
	memset(seal->inner + len, (int)pad, pad);
	memcpy(out, ivs, 2 * (size_t)IV);
	run(seal->encrypt, key, ivs, seal->inner, len + pad, out + 2 * IV + KEY);
	run(seal->encrypt, seal->key, ivs + IV, key, KEY, out + 2 * IV);
	return 2 * IV + KEY + len + pad;
}

size_t seal_decrypt(struct seal *seal, struct bytes sealed, uint8_t *out)
{
	size_t len = sealed.len - 2 * IV - KEY, pad;
	uint8_t key[KEY];
	uint32_t crc;

	if (sealed.len < 2 * IV + KEY + INNER || len > SEAL_ROOM || len % BLOCK)
		instrument_die("what came is not sealed");
	run(seal->decrypt, seal->key, sealed.data + IV, sealed.data + 2 * IV, KEY, key);
	run(seal->decrypt, key, sealed.data, sealed.data + 2 * IV + KEY, len, seal->inner);
	pad = seal->inner[len - 1];
	memcpy(&crc, seal->inner + CRC_AT, sizeof crc);
	if (pad > BLOCK || len < INNER + pad ||
	    crc != (uint32_t)crc32(crc32(0, NULL, 0), seal->inner + INNER, (uInt)(len - INNER - pad)))
		instrument_die("what came does not open");
	memcpy(out, seal->inner + INNER, len - INNER - pad);
	return len - INNER - pad;
}

static void give(z_stream *z, struct bytes in, uint8_t *out)
{
	z->next_in = (Bytef *)(uintptr_t)in.data;
	z->avail_in = (uInt)in.len;
	z->next_out = out;
	z->avail_out = SEAL_ROOM;
}

size_t seal_deflate(struct seal *seal, struct bytes clear, uint8_t *out)
{
	deflateReset(&seal->deflate);
	give(&seal->deflate, clear, out);
	if (deflate(&seal->deflate, Z_FINISH) != Z_STREAM_END)
		instrument_die("zlib would not deflate %zu bytes", clear.len);
	return SEAL_ROOM - seal->deflate.avail_out;
}

size_t seal_inflate(struct seal *seal, struct bytes packed, uint8_t *out)
{
	inflateReset(&seal->inflate);
	give(&seal->inflate, packed, out);
	if (inflate(&seal->inflate, Z_NO_FLUSH) != Z_STREAM_END)
		instrument_die("zlib would not inflate %zu bytes", packed.len);
	return SEAL_ROOM - seal->inflate.avail_out;
}

size_t seal_close(struct seal *seal, struct bytes clear, uint8_t *out)
{
	uint8_t packed[SEAL_ROOM];

	return seal_encrypt(seal, bytes_of(packed, seal_deflate(seal, clear, packed)), out);
}

size_t seal_open(struct seal *seal, struct bytes sealed, uint8_t *out)
{
	uint8_t packed[SEAL_ROOM];

	return seal_inflate(seal, bytes_of(packed, seal_decrypt(seal, sealed, packed)), out);
}
