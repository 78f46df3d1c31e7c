#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "protocol/frame.h"
#include "protocol/srp.h"

struct pair { uint32_t number; struct bytes text; };
struct pairs { uint32_t first; struct pair pair[2]; size_t count; };
struct extra { uint32_t first; struct bytes late; };

static const struct wire_field pair_fields[] = {
	WIRE_U32(struct pair, number, 0, ""),
	WIRE_BYTES(struct pair, text, 0, 4, ""),
	WIRE_END,
};
static const struct wire_field pairs_fields[] = {
	WIRE_U32(struct pairs, first, WIRE_HEX, ""),
	WIRE_GROUP(struct pairs, pair, count, pair_fields, ""),
	WIRE_END,
};
static const struct wire_field extra_fields[] = {
	WIRE_U32(struct extra, first, 0, ""),
	WIRE_BYTES(struct extra, late, WIRE_OPTIONAL | WIRE_HEX, 8, ""),
	WIRE_END,
};
static const struct wire_field named_fields[] = {
	WIRE_U32(struct extra, first, 0, ""),
	WIRE_BYTES(struct extra, late, WIRE_OPTIONAL | WIRE_NEVER_EMPTY, 8, ""),
	WIRE_END,
};
static const struct wire_field counted_fields[] = {
	WIRE_BYTES(struct extra, late, 0, 8, ""),
	WIRE_U32(struct extra, first, WIRE_OPTIONAL | WIRE_NEVER_EMPTY, ""),
	WIRE_END,
};
static const struct wire_msg counted_msg = { .code = 4, .name = "COUNTED", .size = sizeof(struct extra), .fields = counted_fields };
static const struct wire_msg named_msg = { .code = 3, .name = "NAMED", .size = sizeof(struct extra), .fields = named_fields };
static const struct wire_msg pairs_msg = { .code = 1, .name = "PAIRS", .size = sizeof(struct pairs), .fields = pairs_fields };
static const struct wire_msg extra_msg = { .code = 2, .name = "EXTRA", .size = sizeof(struct extra), .fields = extra_fields };

#define FIRST "49 00000001 "
#define ONE "49 00000002 53 00000001 61 "

static const struct {
	const char *name;
	const char *hex;
	const char *want;        /* the dump, or the sentence of the refusal */
} rows[] = {
	{ "no groups", FIRST, "PAIRS first=00000001 pair=[]" },
	{ "a group", FIRST ONE, "PAIRS first=00000001 pair=[{number=2 text=a}]" },
	{ "as many groups as there is room for", FIRST ONE ONE,
	  "PAIRS first=00000001 pair=[{number=2 text=a}, {number=2 text=a}]" },
	{ "one group too many", FIRST ONE ONE ONE, "PAIRS: pair at byte 27: more than 2 of them" },
	{ "nothing at all", "", "PAIRS: first at byte 0: the item is missing" },
	{ "half a group", FIRST "49 00000002", "PAIRS: text at byte 10: the item is missing" },
	{ "a number that is cut off", "49 0000", "PAIRS: first at byte 0: the number is cut off" },
	{ "a string whose length is cut off", FIRST "49 00000002 53 00", "PAIRS: text at byte 10: the length of the string is cut off" },
	{ "a string where a number belongs", "53 00000000", "PAIRS: first at byte 0: item type 0x53 where a number (0x49) belongs" },
	{ "a number where a string belongs", FIRST "49 00000002 49 00000001",
	  "PAIRS: text at byte 10: item type 0x49 where a string (0x53) belongs" },
	{ "an item type that nobody knows", FIRST "42 00000000",
	  "PAIRS: number at byte 5: item type 0x42 where a number (0x49) belongs" },
	{ "a string longer than the message", FIRST "49 00000002 53 00000002 61",
	  "PAIRS: text at byte 10: a string of 2 bytes, but 1 are left" },
	{ "a string of \"negative\" length", FIRST "49 00000002 53 ffffffff 61",
	  "PAIRS: text at byte 10: a string of 4294967295 bytes, but 1 are left" },
	{ "a string longer than its field", FIRST "49 00000002 53 00000005 6162636465",
	  "PAIRS: text at byte 10: a string of 5 bytes, more than 4" },
};

static void from_hex(const char *spaced, struct buf *out)
{
	char hex[512];
	size_t len = 0;

	for (; *spaced; spaced++) {
		if (*spaced != ' ')
			hex[len++] = *spaced;
	}
	buf_clear(out);
	assert_int_equal(hex_decode(bytes_of(hex, len), out), 0);
}

static void decoding(void **state)
{
	struct buf raw = { 0 }, dump = { 0 };
	struct pairs pairs;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		print_message("    %s\n", rows[i].name);
		from_hex(rows[i].hex, &raw);
		buf_clear(&dump);
		if (wire_decode(&pairs_msg, buf_bytes(&raw), &pairs, &err))
			buf_text(&dump, err.text);
		else
			wire_dump(&pairs_msg, &pairs, &dump);
		assert_string_equal(buf_cstr(&dump), rows[i].want);
	}
	buf_free(&raw);
	buf_free(&dump);
}

static void an_optional_item_may_be_missing_at_the_end(void **state)
{
	struct buf raw = { 0 }, dump = { 0 };
	struct extra extra;
	struct error err;

	(void)state;
	from_hex("49 00000001", &raw);
	assert_int_equal(wire_decode(&extra_msg, buf_bytes(&raw), &extra, &err), 0);
	assert_int_equal(extra.late.len, 0);
	from_hex("49 00000001 53 00000002 cafe", &raw);
	assert_int_equal(wire_decode(&extra_msg, buf_bytes(&raw), &extra, &err), 0);
	wire_dump(&extra_msg, &extra, &dump);
	assert_string_equal(buf_cstr(&dump), "EXTRA first=1 late=cafe");
	from_hex("49 00000001 53 00000002 cafe 00", &raw);
	assert_int_equal(wire_decode(&extra_msg, buf_bytes(&raw), &extra, &err), -1);
	assert_string_equal(err.text, "EXTRA: 1 bytes follow the last item, at byte 12");
	buf_free(&raw);
	buf_free(&dump);
}

static void a_string_that_is_never_empty_is_left_out(void **state)
{
	struct buf raw = { 0 }, again = { 0 };
	struct extra extra;
	struct error err;

	(void)state;
	from_hex("49 00000001", &raw);
	assert_int_equal(wire_decode(&named_msg, buf_bytes(&raw), &extra, &err), 0);
	wire_encode(&named_msg, &extra, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&raw)));
	from_hex("49 00000001 53 00000001 61", &raw);
	assert_int_equal(wire_decode(&named_msg, buf_bytes(&raw), &extra, &err), 0);
	buf_clear(&again);
	wire_encode(&named_msg, &extra, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&raw)));
	from_hex("49 00000001 53 00000000", &raw);
	assert_int_equal(wire_decode(&named_msg, buf_bytes(&raw), &extra, &err), -1);
	assert_string_equal(err.text, "NAMED: late at byte 5: an empty one is left out");
	/* A last number is left out when it is 0. */
	from_hex("53 00000001 61", &raw);
	assert_int_equal(wire_decode(&counted_msg, buf_bytes(&raw), &extra, &err), 0);
	buf_clear(&again);
	wire_encode(&counted_msg, &extra, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&raw)));
	from_hex("53 00000001 61 49 00000007", &raw);
	assert_int_equal(wire_decode(&counted_msg, buf_bytes(&raw), &extra, &err), 0);
	assert_int_equal(extra.first, 7);
	buf_clear(&again);
	wire_encode(&counted_msg, &extra, &again);
	assert_true(bytes_equal(buf_bytes(&again), buf_bytes(&raw)));
	from_hex("53 00000001 61 49 00000000", &raw);
	assert_int_equal(wire_decode(&counted_msg, buf_bytes(&raw), &extra, &err), -1);
	assert_string_equal(err.text, "COUNTED: first at byte 6: a 0 is left out");
	buf_free(&raw);
	buf_free(&again);
}

static const struct {
	const char *name;
	const char *hex;
	ssize_t want;
	const char *sentence;
} splits[] = {
	{ "nothing yet", "", 0, "" },
	{ "half a header", "01 fc 00", 0, "" },
	{ "half a frame", "01 fc 0000000b 49 00", 0, "" },
	{ "one frame", "01 fc 0000000b 49 00000007", 11, "" },
	{ "a frame and the start of the next", "01 fc 0000000b 49 00000007 01 fd", 11, "" },
	{ "a wrong version in the first byte", "47", -1, "frame: version 71, only 1 is spoken here" },
	{ "a wrong version in a whole header", "00 fc 0000000b", -1, "frame: version 0, only 1 is spoken here" },
	{ "a length below the header's", "01 fc 00000005", -1, "frame: length 5, it must be 6 to 131072" },
	{ "the longest frame", "01 fc 00020000", 0, "" },
	{ "a length over the maximum", "01 fc 00020001", -1, "frame: length 131073, it must be 6 to 131072" },
	{ "a \"negative\" length", "01 fc ffffffff", -1, "frame: length 4294967295, it must be 6 to 131072" },
};

static void splitting(void **state)
{
	struct buf raw = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
		struct error err = { "" };

		print_message("    %s\n", splits[i].name);
		from_hex(splits[i].hex, &raw);
		assert_int_equal(frame_split(NULL, buf_bytes(&raw), &err), splits[i].want);
		assert_string_equal(err.text, splits[i].sentence);
	}
	buf_free(&raw);
}

static void a_frame_of_another_message_is_refused(void **state)
{
	struct buf raw = { 0 };
	struct srp_ping ping;
	struct error err;

	(void)state;
	from_hex("01 fd 0000000b 49 00000007", &raw);
	assert_int_equal(frame_decode(&srp_ping_msg, buf_bytes(&raw), &ping, &err), -1);
	assert_string_equal(err.text, "PING: opcode 0xfd where 0xfc belongs");
	from_hex("01 fc 0000000c 49 00000007", &raw);
	assert_int_equal(frame_decode(&srp_ping_msg, buf_bytes(&raw), &ping, &err), -1);
	assert_string_equal(err.text, "PING: the frame says 12 bytes and has 11");
	buf_free(&raw);
}

static void pins_and_identifiers(void **state)
{
	uint32_t pin = 0;

	(void)state;
	assert_int_equal(pin_parse(bytes_str("2100000a"), &pin), 0);
	assert_int_equal(pin, 0x2100000A);
	assert_string_equal(pin_text(pin), "2100000A");
	assert_int_equal(pin_parse(bytes_str("2100000"), &pin), -1);
	assert_int_equal(pin_parse(bytes_str("2100000AB"), &pin), -1);
	assert_int_equal(pin_parse(bytes_str("2100000G"), &pin), -1);
	assert_int_equal(pin_parse(bytes_str(" 2100000"), &pin), -1);

	assert_true(srp_id_valid(bytes_str("T00000001")));
	assert_true(srp_id_valid(bytes_str("corp-bes_2")));
	assert_false(srp_id_valid(bytes_str("")));
	assert_false(srp_id_valid(bytes_str("T 1")));
	assert_false(srp_id_valid(bytes_str("0123456789012345678901234567890123")));
	assert_string_equal(srp_result_text(SRP_BAD_PROOF), "authentication failed");
	assert_string_equal(srp_result_text(99), "result 99");
	assert_string_equal(srp_status_text(SRP_UNAVAILABLE), "UNAVAILABLE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding),
		cmocka_unit_test(an_optional_item_may_be_missing_at_the_end),
		cmocka_unit_test(a_string_that_is_never_empty_is_left_out),
		cmocka_unit_test(splitting),
		cmocka_unit_test(a_frame_of_another_message_is_refused),
		cmocka_unit_test(pins_and_identifiers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
