#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "protocol/srp.h"
#include "tests/support/vectors.h"

static int recode(struct bytes raw, struct buf *dump, struct buf *encoded, struct error *err)
{
	const struct wire_msg *msg = wire_find(srp_messages, frame_opcode(raw));
	union srp_any any;

	if (!msg)
		return error_set(err, "unknown opcode");
	if (frame_decode(msg, raw, &any, err))
		return -1;
	wire_dump(msg, &any, dump);
	frame_encode(msg, &any, encoded);
	return 0;
}

static void vectors_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(vectors_check("srp", recode, false), 24);
}

/* Test vector of the reference for the opening sequence. Source: inferred from the document's HMAC-SHA-1; values ours. */
static void proofs_of_the_reference(void **state)
{
	uint8_t key[SRP_KEY_SIZE], proof[20];
	struct buf challenge = { 0 }, hex = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;

	assert_int_equal(hex_decode(bytes_str("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"), &challenge), 0);
	buf_text(&challenge, "EMUBES01");
	srp_proof(key, buf_bytes(&challenge), proof);
	buf_hex(&hex, bytes_of(proof, sizeof proof));
	assert_string_equal(buf_cstr(&hex), "06707b131077edacba99fb2efa072574467d39a5");

	buf_clear(&challenge);
	buf_clear(&hex);
	assert_int_equal(hex_decode(bytes_str("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf43b940e5"), &challenge), 0);
	srp_proof(key, buf_bytes(&challenge), proof);
	buf_hex(&hex, bytes_of(proof, sizeof proof));
	assert_string_equal(buf_cstr(&hex), "d87565a84a755bc7e58c01ec405c2b59608c4ee7");
	buf_free(&challenge);
	buf_free(&hex);
}

static void frame_is(const struct wire_msg *msg, const void *in, const char *want)
{
	struct buf frame = { 0 }, hex = { 0 };

	frame_encode(msg, in, &frame);
	buf_hex(&hex, buf_bytes(&frame));
	assert_string_equal(buf_cstr(&hex), want);
	buf_free(&frame);
	buf_free(&hex);
}

static void frames_of_the_reference(void **state)
{
	struct srp_connect claim = { .value = bytes_str("T00000001") };
	struct srp_ping ping = { .nonce = 7 };
	struct srp_register reg = { .pin = 0x2100000A, .srp_id = bytes_str("T00000001") };

	(void)state;
	frame_is(&srp_connect_msg, &claim, "0113000000145300000009543030303030303031");
	frame_is(&srp_ping_msg, &ping, "01fc0000000b4900000007");
	frame_is(&srp_register_msg, &reg, "011500000019492100000a5300000009543030303030303031");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_page),
		cmocka_unit_test(proofs_of_the_reference),
		cmocka_unit_test(frames_of_the_reference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
