/* Addresses: what is accepted, what is refused and in which words, which ones are loopback or inside a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/io/address.h"

static void addresses_are_taken_apart(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		uint16_t port;
		bool is_unix;
	} rows[] = {
		{ "127.0.0.1:3101", "127.0.0.1", 3101, false },
		{ "localhost:0", "localhost", 0, false },
		{ "im-1.corp.test:65535", "im-1.corp.test", 65535, false },
		{ "[::1]:8300", "::1", 8300, false },
		{ "unix:/run/x.sock", "/run/x.sock", 0, true },
		{ "unix:run/a:b", "run/a:b", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address out;
		struct error err = { "" };

		assert_int_equal(address_parse(rows[i].text, &out, &err), 0);
		assert_string_equal(out.host, rows[i].host);
		assert_int_equal(out.port, rows[i].port);
		assert_int_equal(out.is_unix, rows[i].is_unix);
	}
}

static void what_is_no_address_is_refused_with_the_reason(void **state)
{
	char long_path[200] = "unix:/";
	char long_host[400];
	const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{ "", "port is missing" },
		{ "127.0.0.1", "port is missing" },
		{ ":3101", "host is missing" },
		{ "host:", "0 to 65535" },
		{ "host:65536", "0 to 65535" },
		{ "host:999999999999", "0 to 65535" },
		{ "host:+1", "0 to 65535" },
		{ "host:0x10", "0 to 65535" },
		{ "host: 1", "0 to 65535" },
		{ "::1:3101", "brackets" },
		{ "[::1:3101", "not closed" },
		{ "[::1]", "not closed" },
		{ "[zz]:1", "not an IPv6" },
		{ "ho st:1", "character" },
		{ "http://host:1", "brackets" },
		{ "unix:", "path is missing" },
		{ long_path, "107" },
		{ long_host, "255" },
	};

	(void)state;
	memset(long_path + 6, 'x', sizeof long_path - 7);
	long_path[sizeof long_path - 1] = '\0';
	memset(long_host, 'h', sizeof long_host);
	memcpy(long_host + 300, ":1", 3);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct address out;
		struct error err = { "" };

		assert_int_equal(address_parse(rows[i].text, &out, &err), -1);
		if (!strstr(err.text, rows[i].why))
			fail_msg("%s: %s", rows[i].text, err.text);
		assert_non_null(strstr(err.text, "accepted are"));
	}
}

static void loopback_is_told_from_everything_else(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} rows[] = {
		{ "127.0.0.1:3101", true },
		{ "127.255.1.2:1", true },
		{ "127.0.0.1", true },
		{ "[::1]:1", true },
		{ "::1", true },
		{ "[::ffff:127.0.0.1]:1", true },
		{ "localhost:1", true },
		{ "LOCALHOST:1", true },
		{ "unix", true },
		{ "unix:/x", true },
		{ "0.0.0.0:1", false },
		{ "[::]:1", false },
		{ "10.0.0.1:1", false },
		{ "127.evil.test:1", false },
		{ "127.0.0.1.evil.test:1", false },
		{ "localhost.evil.test:1", false },
		{ "[::ffff:10.0.0.1]:1", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (address_is_loopback(rows[i].text) != rows[i].want)
			fail_msg("%s", rows[i].text);
	}
}

static void a_peer_is_looked_up_in_a_list_of_networks(void **state)
{
	static const struct {
		const char *peer;
		const char *networks;
		int want;
	} rows[] = {
		{ "10.1.2.3:4", "10.0.0.0/8", 1 },
		{ "11.1.2.3:4", "10.0.0.0/8", 0 },
		{ "192.0.2.7:4", "192.0.2.7/32", 1 },
		{ "192.0.2.7:4", "192.0.2.7", 1 },
		{ "192.0.2.6:4", "192.0.2.7", 0 },
		{ "192.0.2.127:4", "192.0.2.0/25", 1 },
		{ "192.0.2.128:4", "192.0.2.0/25", 0 },
		{ "192.0.2.128:4", "10.0.0.0/8 192.0.2.128/25,  ::1/128", 1 },
		{ "[::1]:4", "10.0.0.0/8 ::1/128", 1 },
		{ "[2001:db8::9]:4", "2001:db8::/32", 1 },
		{ "[2001:db9::9]:4", "2001:db8::/32", 0 },
		{ "[::ffff:10.0.0.1]:4", "10.0.0.0/8", 1 },
		{ "10.0.0.1:4", "0.0.0.0/0", 1 },
		{ "[2001:db8::9]:4", "0.0.0.0/0", 0 },
		{ "10.0.0.1:4", "::/0", 1 },
		{ "unix", "0.0.0.0/0", 0 },
		{ "10.0.0.1:4", "", 0 },
		{ "10.0.0.1:4", "10.0.0.0/33", -1 },
		{ "10.0.0.1:4", "10.0.0.0/", -1 },
		{ "10.0.0.1:4", "10.0.0.0/-1", -1 },
		{ "10.0.0.1:4", "10.0.0.0/8x", -1 },
		{ "10.0.0.1:4", "corp.test", -1 },
		{ "10.0.0.1:4", "10.0.0.1 ::1/129", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct error err = { "" };

		if (address_in_networks(rows[i].peer, rows[i].networks, &err) != rows[i].want)
			fail_msg("%s in %s", rows[i].peer, rows[i].networks);
		assert_int_equal(err.text[0] != '\0', rows[i].want < 0);
	}
}

static void an_address_is_put_together_as_it_is_taken_apart(void **state)
{
	static const struct { const char *host; uint16_t port; const char *text; } rows[] = {
		{ "db.test", 5432, "db.test:5432" }, { "127.0.0.1", 0, "127.0.0.1:0" }, { "::1", 8300, "[::1]:8300" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = address_text(rows[i].host, rows[i].port);
		struct address address;

		assert_string_equal(text, rows[i].text);
		assert_int_equal(address_parse(text, &address, NULL), 0);
		assert_string_equal(address.host, rows[i].host);
		assert_int_equal(address.port, rows[i].port);
		free(text);
	}
	assert_string_equal(address_unix_path("unix:/run/x.sock"), "/run/x.sock");
	assert_null(address_unix_path("127.0.0.1:3200"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_taken_apart),
		cmocka_unit_test(what_is_no_address_is_refused_with_the_reason),
		cmocka_unit_test(loopback_is_told_from_everything_else),
		cmocka_unit_test(a_peer_is_looked_up_in_a_list_of_networks),
		cmocka_unit_test(an_address_is_put_together_as_it_is_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
