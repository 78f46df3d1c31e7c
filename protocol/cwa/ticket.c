#include "protocol/cwa/ticket.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/base64.h"
#include "base/log.h"
#include "protocol/cwa/tree.h"

#define MAC_BYTES 32

static void sign(const uint8_t *key, struct bytes payload, uint8_t mac[MAC_BYTES])
{
	unsigned len = MAC_BYTES;

	if (!HMAC(EVP_sha256(), key, CWA_TICKET_KEY, payload.data, payload.len, mac, &len) || len != MAC_BYTES)
		bug("HMAC-SHA-256 is not to be had from the crypto library");
}

void cwa_ticket_make(const uint8_t key[CWA_TICKET_KEY], const uint8_t nonce[CWA_TICKET_NONCE], const struct cwa_ticket *ticket,
	struct buf *out)
{
	struct buf payload = { 0 };
	uint8_t mac[MAC_BYTES];
	size_t start = out->len;

	buf_printf(&payload, "%s|%ju|%ju|", ticket->user, (uintmax_t)ticket->issued_ms, (uintmax_t)ticket->expires_ms);
	buf_hex(&payload, bytes_of(nonce, CWA_TICKET_NONCE));
	base64url_encode(buf_bytes(&payload), out);
	sign(key, bytes_slice(buf_bytes(out), start, out->len), mac);
	buf_u8(out, '.');
	base64url_encode(bytes_of(mac, sizeof mac), out);
	buf_free(&payload);
}

/* The part up to the next '|', which is taken off the rest. */
static struct bytes part(struct bytes *rest)
{
	const uint8_t *bar = rest->len ? memchr(rest->data, '|', rest->len) : NULL;
	size_t len = bar ? (size_t)(bar - rest->data) : rest->len;
	struct bytes found = bytes_slice(*rest, 0, len);

	*rest = bytes_slice(*rest, len + 1, rest->len);
	return found;
}

static bool number(struct bytes text, uint64_t *out)
{
	char digits[24];

	return bytes_copy_str(text, digits, sizeof digits) && cwa_number(digits, UINT64_MAX, out);
}

static bool is_signed(const uint8_t *key, struct bytes payload, struct bytes signature)
{
	uint8_t mac[MAC_BYTES];
	struct buf given = { 0 };
	bool good;

	sign(key, payload, mac);
	good = base64url_decode(signature, &given) == 0 && bytes_equal_secret(buf_bytes(&given), bytes_of(mac, sizeof mac));
	buf_free(&given);
	return good;
}

enum cwa_ticket_state cwa_ticket_check(const uint8_t key[CWA_TICKET_KEY], struct bytes text, uint64_t now_ms, struct cwa_ticket *out)
{
	const uint8_t *dot = text.len && text.len <= CWA_TICKET_TEXT_MAX ? memchr(text.data, '.', text.len) : NULL;
	struct bytes payload = bytes_slice(text, 0, dot ? (size_t)(dot - text.data) : 0), rest;
	struct buf raw = { 0 };
	enum cwa_ticket_state state = CWA_TICKET_WRONG;

	if (!dot || !is_signed(key, payload, bytes_slice(text, payload.len + 1, text.len)) || base64url_decode(payload, &raw) < 0)
		return state;
	rest = buf_bytes(&raw);
	if (bytes_copy_str(part(&rest), out->user, sizeof out->user) && number(part(&rest), &out->issued_ms) &&
	    number(part(&rest), &out->expires_ms))
		state = now_ms < out->expires_ms ? CWA_TICKET_GOOD : CWA_TICKET_EXPIRED;
	buf_free(&raw);
	return state;
}
