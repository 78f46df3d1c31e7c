/* The header of a TCP proxy, against bytes written down from its specification. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/proxy.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }

static void who_stands_behind_the_proxy_is_read(void **state)
{
	static const struct {
		struct bytes in;
		const char *peer;
		bool is_local;
	} rows[] = {
		{ BYTES(SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x9d\x78\x0c\x1d"), "192.0.2.7:40312", false },
		{ BYTES(SIGNATURE "\x21\x21\x00\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x9d\x78\x0c\x1d"),
			"[2001:db8::7]:40312", false },
		/* a CRC follows the addresses */
		{ BYTES(SIGNATURE "\x21\x11\x00\x13\xc0\x00\x02\x07\xc6\x33\x64\x01\x9d\x78\x0c\x1d\x03\x00\x04\x12\x34\x56\x78"), "192.0.2.7:40312", false },
		{ BYTES(SIGNATURE "\x20\x00\x00\x00"), "", true },
		/* of a proxy's own connection the addresses are not looked at */
		{ BYTES(SIGNATURE "\x20\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x9d\x78\x0c\x1d"), "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct proxy_header header;
		struct error err = { "" };

		for (size_t len = 0; len < rows[i].in.len; len++)
			assert_int_equal(proxy_split(bytes_of(rows[i].in.data, len), &err), 0);
		assert_int_equal(proxy_split(rows[i].in, &err), rows[i].in.len);
		assert_int_equal(proxy_decode(rows[i].in, &header, &err), 0);
		assert_string_equal(header.peer, rows[i].peer);
		assert_int_equal(header.is_local, rows[i].is_local);
	}
}

static void what_is_no_header_is_refused_with_the_reason(void **state)
{
	static const struct {
		struct bytes in;
		const char *why;
	} rows[] = {
		{ BYTES("PROXY TCP4 192.0.2.7 198.51.100.1 40312 3101\r\n"), "version 2 must come first" },
		{ BYTES("\x01\x15\x00\x00\x00\x19I!\x00\x00\nS\x00\x00\x00\tT00000001"), "must come first" },
		{ BYTES("\r\n\r\r"), "must come first" },
		{ BYTES(SIGNATURE "\x21\x11\x03\xf1"), "length 1025, at most 1024" },
		{ BYTES(SIGNATURE "\x11\x11\x00\x00"), "version 1, only 2" },
		{ BYTES(SIGNATURE "\x2f\x11\x00\x00"), "command 15" },
		{ BYTES(SIGNATURE "\x21\x00\x00\x00"), "kind of address 0x00" },
		{ BYTES(SIGNATURE "\x21\x12\x00\x00"), "kind of address 0x12" },
		{ BYTES(SIGNATURE "\x21\x11\x00\x04\xc0\x00\x02\x07"), "shorter than its addresses" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct proxy_header header;
		struct error err = { "" };
		ssize_t len = proxy_split(rows[i].in, &err);

		if (len > 0)
			assert_int_equal(proxy_decode(rows[i].in, &header, &err), -1);
		else
			assert_int_equal(len, -1);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: %s", i, err.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_stands_behind_the_proxy_is_read),
		cmocka_unit_test(what_is_no_header_is_refused_with_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
