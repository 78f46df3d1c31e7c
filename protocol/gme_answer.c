#include "protocol/gme_answer.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/log.h"

#define SHA256_SIZE 32

static_assert(GME_KEY_ID_MAX == PACKET_KEY_ID_MAX - 1, "a proof names any key");

void gme_answer_digest(struct bytes envelope, uint8_t digest[GME_DIGEST])
{
	uint8_t whole[SHA256_SIZE];

	if (!EVP_Digest(envelope.data, envelope.len, whole, NULL, EVP_sha256(), NULL))
		bug("SHA-256 is not to be had from the crypto library");
	memcpy(digest, whole, GME_DIGEST);
}

static void hmac(const uint8_t *key, size_t len, struct bytes what, uint8_t out[SHA256_SIZE])
{
	unsigned size = 0;

	if (!HMAC(EVP_sha256(), key, (int)len, what.data, what.len, out, &size) || size != SHA256_SIZE)
		bug("HMAC-SHA-256 is not to be had from the crypto library");
}

/* The transport key itself only encrypts: what proves answers is drawn from it. */
static void prove(const struct packet_key *key, struct bytes answer, uint8_t proof[GME_PROOF])
{
	uint8_t own[SHA256_SIZE], whole[SHA256_SIZE];

	hmac(key->secret, sizeof key->secret, bytes_str("GME answer"), own);
	hmac(own, sizeof own, answer, whole);
	memcpy(proof, whole, GME_PROOF);
	OPENSSL_cleanse(own, sizeof own);
}

static void encode(const struct gme *to, const struct packet_key *key, struct gme answer, struct buf *out)
{
	uint8_t digest[GME_DIGEST], proof[GME_PROOF] = { 0 };
	size_t start = out->len;

	/* Header and payload of what was decoded lie one after the other. */
	gme_answer_digest(bytes_of(to->header.data, to->header.len + to->payload.len), digest);
	answer.message_id = to->message_id;
	answer.source = to->destination;
	answer.destination = to->source;
	answer.content_ids = to->content_ids;
	answer.fragment_index = to->fragment_index;
	answer.fragment_count = to->fragment_count;
	answer.answered = bytes_of(digest, sizeof digest);
	if (key) {
		answer.proof_key = bytes_str(key->id);
		answer.proof = bytes_of(proof, sizeof proof);
	}
	gme_encode(&answer, false, out);
	if (key)
		prove(key, bytes_of(out->data + start, out->len - start - GME_PROOF), out->data + out->len - GME_PROOF);
}

void gme_answer_receipt(const struct gme *to, const struct packet_key *key, struct buf *out)
{
	encode(to, key, (struct gme){ .kind = GME_DELIVERED }, out);
}

void gme_answer_error(const struct gme *to, const struct packet_key *key, enum gme_error_code code, const char *text, struct buf *out)
{
	encode(to, key, (struct gme){ .kind = GME_ERROR, .error_code = (uint16_t)code,
		.error_text = bytes_slice(bytes_str(text), 0, GME_ERROR_TEXT_MAX) }, out);
}

bool gme_answer_is_proved(const struct gme *answer, const struct packet_key *key)
{
	uint8_t proof[GME_PROOF];

	if (answer->proof.len != GME_PROOF || !bytes_is(answer->proof_key, key->id))
		return false;
	prove(key, bytes_slice(answer->header, 0, answer->header.len - GME_PROOF), proof);
	return CRYPTO_memcmp(proof, answer->proof.data, GME_PROOF) == 0;
}
