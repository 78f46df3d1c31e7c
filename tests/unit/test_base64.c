/* base64 in both alphabets, by the examples of RFC 4648 and what it forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/base64.h"

static void examples_of_the_rfc(void **state)
{
	static const struct { const char *raw, *common, *url; } rows[] = {
		{ "", "", "" }, { "f", "Zg==", "Zg" }, { "fo", "Zm8=", "Zm8" }, { "foo", "Zm9v", "Zm9v" }, { "foob", "Zm9vYg==", "Zm9vYg" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = { 0 };

		base64_encode(bytes_str(rows[i].raw), &out);
		assert_string_equal(buf_cstr(&out), rows[i].common);
		buf_clear(&out);
		base64url_encode(bytes_str(rows[i].raw), &out);
		assert_string_equal(buf_cstr(&out), rows[i].url);
		buf_clear(&out);
		assert_int_equal(base64_decode(bytes_str(rows[i].common), &out), 0);
		assert_string_equal(buf_cstr(&out), rows[i].raw);
		buf_clear(&out);
		assert_int_equal(base64url_decode(bytes_str(rows[i].url), &out), 0);
		assert_string_equal(buf_cstr(&out), rows[i].raw);
		buf_free(&out);
	}
}

static void what_is_not_base64_is_refused_and_leaves_nothing(void **state)
{
	static const char *const wrong[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "====", "-_-_", "Zm9v\n" };
	static const char *const wrong_url[] = { "Z", "Zh", "Zg==", "+/+/", "Zm 9" };

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct buf out = { 0 };

		assert_int_equal(base64_decode(bytes_str(wrong[i]), &out), -1);
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
	for (size_t i = 0; i < sizeof wrong_url / sizeof wrong_url[0]; i++) {
		struct buf out = { 0 };

		assert_int_equal(base64url_decode(bytes_str(wrong_url[i]), &out), -1);
		assert_int_equal(out.len, 0);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_rfc),
		cmocka_unit_test(what_is_not_base64_is_refused_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
