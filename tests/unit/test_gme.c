/* The envelope: strict, and the same bytes both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/gme_answer.h"

#define FROM_DEVICE "010005" "50" "2100000a"
#define TO_SERVICE "02000a" "53" "543030303030303031"
#define BBIM "030004" "4242494d"
#define ANSWERED "060010" "000102030405060708090a0b0c0d0e0f"
#define PROOF "07001a" "32313030303030412b33" "101112131415161718191a1b1c1d1e1f"

/* Written by hand from the layout; "want" is what the decoder must complain of, NULL for good ones. */
static const struct { const char *name, *hex, *want; } rows[] = {
	{ "a whole message", "47010001" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM "aabbcc", NULL },
	{ "a message without payload", "47010001" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, NULL },
	{ "a first fragment", "47010005" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0000" "0002" "aa", NULL },
	{ "a last fragment", "47010001" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0001" "0002" "aa", NULL },
	{ "a receipt", "47010100" "00000007" "002f" FROM_DEVICE TO_SERVICE BBIM ANSWERED, NULL },
	{ "a proved receipt", "47010100" "00000007" "004c" FROM_DEVICE TO_SERVICE BBIM ANSWERED PROOF, NULL },
	{ "a receipt without content ids", "47010100" "00000007" "0028" FROM_DEVICE TO_SERVICE ANSWERED, NULL },
	{ "an error", "47010200" "00000007" "0037" FROM_DEVICE TO_SERVICE BBIM "050005" "0007" "323536" ANSWERED, NULL },
	{ "a proved error", "47010200" "00000007" "0054" FROM_DEVICE TO_SERVICE BBIM "050005" "0007" "323536" ANSWERED PROOF, NULL },
	{ "no magic", "48010001" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "47 01" },
	{ "another version", "47020001" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "47 01" },
	{ "an unknown kind", "47010301" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "kind 3" },
	{ "an unknown flag", "47010009" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "unknown flags 09" },
	{ "message id 0", "47010001" "00000000" "001c" FROM_DEVICE TO_SERVICE BBIM, "message id 0" },
	{ "no source", "47010001" "00000007" "0014" TO_SERVICE BBIM, "no source" },
	{ "no destination", "47010001" "00000007" "000f" FROM_DEVICE BBIM, "no destination" },
	{ "no content ids", "47010001" "00000007" "0015" FROM_DEVICE TO_SERVICE, "no content ids" },
	{ "two PINs", "47010001" "00000007" "0017" FROM_DEVICE "020005" "50" "2100000b" BBIM, "one end" },
	{ "PIN 0", "47010001" "00000007" "001c" "010005" "50" "00000000" TO_SERVICE BBIM, "bad source at offset 10" },
	{ "a short PIN", "47010001" "00000007" "001b" "010004" "50" "210000" TO_SERVICE BBIM, "bad source" },
	{ "an address of no kind", "47010001" "00000007" "001c" "010005" "51" "2100000a" TO_SERVICE BBIM, "bad source" },
	{ "an empty SRP identifier", "47010001" "00000007" "0013" FROM_DEVICE "020001" "53" BBIM, "bad destination" },
	{ "a line break in an SRP identifier", "47010001" "00000007" "0015" FROM_DEVICE "020003" "53540a" BBIM, "bad destination" },
	{ "items out of order", "47010001" "00000007" "001c" TO_SERVICE FROM_DEVICE BBIM, "out of order" },
	{ "an item twice", "47010001" "00000007" "0024" FROM_DEVICE FROM_DEVICE TO_SERVICE BBIM, "out of order" },
	{ "item 0", "47010001" "00000007" "001f" "000000" FROM_DEVICE TO_SERVICE BBIM, "unknown item 0" },
	{ "item 8", "47010001" "00000007" "001f" FROM_DEVICE TO_SERVICE BBIM "080000", "unknown item 8" },
	{ "an item past the header", "47010001" "00000007" "001c" FROM_DEVICE TO_SERVICE "030005" "4242494d" "aa", "goes past" },
	{ "lower case content ids", "47010001" "00000007" "001c" FROM_DEVICE TO_SERVICE "030004" "4242496d", "bad content ids" },
	{ "a comma at the end", "47010001" "00000007" "001c" FROM_DEVICE TO_SERVICE "030004" "4242492c", "bad content ids" },
	{ "fragment 1 of 1", "47010001" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0000" "0001", "bad fragment" },
	{ "fragment beyond the count", "47010001" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0002" "0002", "bad fragment" },
	{ "65 fragments", "47010005" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0000" "0041", "bad fragment" },
	{ "more without a fragment", "47010005" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "disagree" },
	{ "a first fragment without more", "47010001" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0000" "0002", "disagree" },
	{ "a last fragment with more", "47010005" "00000007" "0023" FROM_DEVICE TO_SERVICE BBIM "040004" "0001" "0002", "disagree" },
	{ "an error without its item", "47010200" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "no error item" },
	{ "an error item in a message", "47010001" "00000007" "0021" FROM_DEVICE TO_SERVICE BBIM "050002" "0001", "error item" },
	{ "error 0", "47010200" "00000007" "0021" FROM_DEVICE TO_SERVICE BBIM "050002" "0000", "bad error" },
	{ "a receipt with a payload", "47010100" "00000007" "002f" FROM_DEVICE TO_SERVICE BBIM ANSWERED "aa", "payload" },
	{ "a receipt with flags", "47010101" "00000007" "002f" FROM_DEVICE TO_SERVICE BBIM ANSWERED, "flags" },
	{ "a receipt of nothing", "47010100" "00000007" "001c" FROM_DEVICE TO_SERVICE BBIM, "does not name what it answers" },
	{ "a short digest", "47010100" "00000007" "0021" FROM_DEVICE TO_SERVICE BBIM "060002" "0001", "bad answered" },
	{ "a proof without a key", "47010100" "00000007" "0042" FROM_DEVICE TO_SERVICE BBIM ANSWERED "070010" "101112131415161718191a1b1c1d1e1f", "bad proof" },
	{ "a message that answers", "47010001" "00000007" "002f" FROM_DEVICE TO_SERVICE BBIM ANSWERED, "item of an answer" },
};

static void rows_decode(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf raw = { 0 }, again = { 0 };
		struct gme gme;
		struct error err = { "" };
		int result;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(hex_decode(bytes_str(rows[i].hex), &raw), 0);
		/* The items of the good rows fill the header that they announce; so do those of the bad ones. */
		result = gme_decode(buf_bytes(&raw), &gme, &err);
		if (rows[i].want) {
			assert_int_equal(result, -1);
			if (!strstr(err.text, rows[i].want))
				fail_msg("said \"%s\", not \"%s\"", err.text, rows[i].want);
		} else {
			if (result)
				fail_msg("%s", err.text);
			gme_encode(&gme, false, &again);
			assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&raw)));
			assert_int_equal(gme.header.len + gme.payload.len, raw.len);
			/* Cut anywhere inside the header it is refused. */
			for (size_t len = 0; len < gme.header.len; len++)
				assert_int_equal(gme_decode(bytes_slice(buf_bytes(&raw), 0, len), &gme, NULL), -1);
		}
		buf_free(&raw);
		buf_free(&again);
	}
}

static const struct gme up = {
	.kind = GME_MESSAGE, .flags = GME_ENCRYPTED | GME_RECEIPT_WANTED | GME_MORE, .message_id = 77,
	.source = { .is_pin = true, .pin = 0x2100000A },
	.destination = { .srp_id = { (const uint8_t *)"T00000001", 9 } },
	.content_ids = { (const uint8_t *)"CMIME,BBIM", 10 }, .fragment_index = 1, .fragment_count = 3,
	.payload = { (const uint8_t *)"\x01\x02", 2 },
};

static const struct packet_key right = { .id = "2100000A+3", .secret = { 1, 2, 3 } };

static void answers_go_back(void **state)
{
	struct buf raw = { 0 }, receipt = { 0 }, error = { 0 };
	struct gme message, got;

	(void)state;
	gme_encode(&up, false, &raw);
	assert_int_equal(gme_decode(buf_bytes(&raw), &message, NULL), 0);
	gme_answer_receipt(&message, &right, &receipt);
	assert_int_equal(gme_decode(buf_bytes(&receipt), &got, NULL), 0);
	assert_int_equal(got.kind, GME_DELIVERED);
	assert_int_equal(got.message_id, 77);
	assert_int_equal(got.destination.pin, 0x2100000A);
	assert_true(bytes_is(got.source.srp_id, "T00000001"));
	assert_int_equal(got.fragment_index, 1);
	assert_int_equal(got.fragment_count, 3);
	assert_int_equal(got.flags, 0);
	assert_true(gme_answer_is_proved(&got, &right));

	gme_answer_error(&message, NULL, GME_RESUME_AT, "256", &error);
	assert_int_equal(gme_decode(buf_bytes(&error), &got, NULL), 0);
	assert_int_equal(got.kind, GME_ERROR);
	assert_int_equal(got.error_code, GME_RESUME_AT);
	assert_true(bytes_is(got.error_text, "256"));
	assert_int_equal(got.proof.len, 0);
	assert_false(gme_answer_is_proved(&got, &right));
	buf_free(&raw);
	buf_free(&receipt);
	buf_free(&error);
}

/* One whole message, decoded from its bytes. */
static void message_at(struct buf *raw, struct gme *out)
{
	assert_int_equal(hex_decode(bytes_str(rows[0].hex), raw), 0);
	assert_int_equal(gme_decode(buf_bytes(raw), out, NULL), 0);
}

static void an_answer_names_the_very_envelope(void **state)
{
	struct buf raw = { 0 }, answer = { 0 };
	uint8_t digest[GME_DIGEST];
	struct gme message, got;

	(void)state;
	message_at(&raw, &message);
	gme_answer_digest(buf_bytes(&raw), digest);
	gme_answer_error(&message, NULL, GME_NO_SERVICE, "", &answer);
	assert_int_equal(gme_decode(buf_bytes(&answer), &got, NULL), 0);
	assert_true(bytes_equal(got.answered, bytes_of(digest, sizeof digest)));
	raw.data[raw.len - 1] ^= 1;
	gme_answer_digest(buf_bytes(&raw), digest);
	assert_false(bytes_equal(got.answered, bytes_of(digest, sizeof digest)));
	buf_free(&raw);
	buf_free(&answer);
}

static void no_bit_of_a_proved_answer_may_change(void **state)
{
	static const struct packet_key wrong = { .id = "2100000A+3", .secret = { 1, 2, 4 } }, other = { .id = "2100000A+4", .secret = { 1, 2, 3 } };
	struct buf raw = { 0 }, answer = { 0 };
	struct gme message, got;
	size_t decoded = 0;

	(void)state;
	message_at(&raw, &message);
	gme_answer_error(&message, &right, GME_RESUME_AT, "256", &answer);
	for (size_t bit = 0; bit < answer.len * 8; bit++) {
		answer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (gme_decode(buf_bytes(&answer), &got, NULL) == 0) {
			decoded++;
			if (gme_answer_is_proved(&got, &right))
				fail_msg("bit %zu of an answer is not protected", bit);
		}
		answer.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(decoded > 300);
	assert_int_equal(gme_decode(buf_bytes(&answer), &got, NULL), 0);
	assert_true(gme_answer_is_proved(&got, &right));
	assert_false(gme_answer_is_proved(&got, &wrong));
	assert_false(gme_answer_is_proved(&got, &other));
	buf_free(&raw);
	buf_free(&answer);
}

static void names_its_content(void **state)
{
	(void)state;
	assert_true(gme_has_content(&up, "BBIM"));
	assert_true(gme_has_content(&up, "CMIME"));
	assert_false(gme_has_content(&up, "MIME"));
	assert_false(gme_has_content(&up, "CMIME,BBIM"));
	assert_false(gme_has_content(&up, ""));
}

static void says_what_it_is(void **state)
{
	struct buf text = { 0 }, raw = { 0 };
	struct gme error;

	(void)state;
	gme_dump(&up, &text);
	assert_string_equal(buf_cstr(&text), "GME message id=77 source=2100000A destination=T00000001 content=CMIME,BBIM "
		"fragment=2/3 encrypted receipt-wanted more payload=<2 bytes>");
	buf_clear(&text);
	assert_int_equal(hex_decode(bytes_str("47010200" "00000007" "0054" FROM_DEVICE TO_SERVICE BBIM "050005" "0007" "323536" ANSWERED PROOF), &raw), 0);
	assert_int_equal(gme_decode(buf_bytes(&raw), &error, NULL), 0);
	gme_dump(&error, &text);
	assert_string_equal(buf_cstr(&text), "GME error id=7 source=2100000A destination=T00000001 content=BBIM error=7 (resume at) text=256 "
		"answered=000102030405060708090a0b0c0d0e0f proof=2100000A+3");
	buf_free(&raw);
	buf_free(&text);
}

static void has_a_largest_size(void **state)
{
	static uint8_t raw[GME_MAX + 1];
	struct buf start = { 0 };
	struct gme gme;
	struct error err;

	(void)state;
	assert_int_equal(hex_decode(bytes_str(rows[0].hex), &start), 0);
	memcpy(raw, start.data, start.len);
	assert_int_equal(gme_decode(bytes_of(raw, GME_MAX), &gme, NULL), 0);
	assert_int_equal(gme_decode(bytes_of(raw, GME_MAX + 1), &gme, &err), -1);
	assert_non_null(strstr(err.text, "8193 bytes"));
	buf_free(&start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_decode), cmocka_unit_test(answers_go_back),
		cmocka_unit_test(an_answer_names_the_very_envelope), cmocka_unit_test(no_bit_of_a_proved_answer_may_change),
		cmocka_unit_test(names_its_content), cmocka_unit_test(says_what_it_is), cmocka_unit_test(has_a_largest_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
