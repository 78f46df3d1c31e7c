/* Compression: bounded both ways, whole streams only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "protocol/pack.h"

static struct pack *pack;

static void goes_there_and_back(void **state)
{
	static const size_t sizes[] = { 2, 40, 127, 128, 2048, 2049, 5000, 70000, PACK_MAX_CLEAR };

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct buf clear = { 0 }, packed = { 0 }, again = { 0 };

		while (clear.len < sizes[i])
			buf_printf(&clear, "contact %zu is %s; ", clear.len % 97, clear.len % 5 ? "online" : "away");
		clear.len = sizes[i];
		buf_text(&packed, "in front");
		buf_text(&again, "this stays");
		if (pack_seal(pack, buf_bytes(&clear), &packed)) {
			assert_true(packed.len - 8 < clear.len);
			assert_int_equal(pack_open(pack, bytes_slice(buf_bytes(&packed), 8, packed.len), clear.len, &again), 0);
			assert_true(bytes_equal(bytes_slice(buf_bytes(&again), 10, again.len), buf_bytes(&clear)));
			assert_true(bytes_is(bytes_slice(buf_bytes(&again), 0, 10), "this stays"));
		} else {
			assert_true(sizes[i] < 128);
			assert_int_equal(packed.len, 8);
		}
		buf_free(&clear);
		buf_free(&packed);
		buf_free(&again);
	}
}

static void what_does_not_shrink_is_left(void **state)
{
	uint8_t noise[1000];
	struct buf out = { 0 };
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
	buf_text(&out, "kept");
	assert_false(pack_seal(pack, bytes_of(noise, sizeof noise), &out));
	assert_false(pack_seal(pack, bytes_of(noise, 1), &out));
	assert_false(pack_seal(pack, bytes_of(noise, 0), &out));
	assert_true(bytes_is(buf_bytes(&out), "kept"));
	buf_free(&out);
}

static void deflate_with(int window, struct bytes clear, struct buf *out)
{
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)clear.data;
	z.avail_in = (uInt)clear.len;
	buf_reserve(out, deflateBound(&z, (uLong)clear.len));
	z.next_out = out->data;
	z.avail_out = (uInt)out->cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->len = z.total_out;
	deflateEnd(&z);
}

static void a_bomb_stops_at_its_limit(void **state)
{
	struct buf zeroes = { 0 }, bomb = { 0 }, out = { 0 };

	(void)state;
	memset(buf_extend(&zeroes, 40u << 20), 0, 40u << 20);
	deflate_with(-15, buf_bytes(&zeroes), &bomb);
	assert_true(bomb.len < 100000);
	assert_int_equal(pack_open(pack, buf_bytes(&bomb), PACK_MAX_CLEAR, &out), -1);
	assert_int_equal(out.len, 0);
	assert_true(out.cap <= 2 * PACK_MAX_CLEAR);                       /* it cost no more memory than the limit */
	buf_free(&zeroes);
	buf_free(&bomb);
	buf_free(&out);
}

static void the_limit_is_exact(void **state)
{
	struct buf clear = { 0 }, packed = { 0 }, out = { 0 };

	(void)state;
	while (clear.len < 9000)
		buf_printf(&clear, "%zu,", clear.len);
	deflate_with(-15, buf_bytes(&clear), &packed);                    /* a window of 32 KB is understood as well */
	assert_int_equal(pack_open(pack, buf_bytes(&packed), clear.len, &out), 0);
	assert_true(bytes_equal(buf_bytes(&out), buf_bytes(&clear)));
	buf_clear(&out);
	assert_int_equal(pack_open(pack, buf_bytes(&packed), clear.len - 1, &out), -1);
	assert_int_equal(pack_open(pack, buf_bytes(&packed), 0, &out), -1);
	assert_int_equal(out.len, 0);
	/* An empty stream is a whole one. */
	assert_int_equal(pack_open(pack, bytes_of("\x03\x00", 2), 0, &out), 0);
	buf_free(&clear);
	buf_free(&packed);
	buf_free(&out);
}

static void every_truncation_and_trailing_byte_is_refused(void **state)
{
	struct buf clear = { 0 }, packed = { 0 }, out = { 0 };

	(void)state;
	while (clear.len < 600)
		buf_printf(&clear, "presence %zu;", clear.len);
	assert_true(pack_seal(pack, buf_bytes(&clear), &packed));
	for (size_t len = 0; len < packed.len; len++)
		assert_int_equal(pack_open(pack, bytes_slice(buf_bytes(&packed), 0, len), PACK_MAX_CLEAR, &out), -1);
	buf_u8(&packed, 0);
	assert_int_equal(pack_open(pack, buf_bytes(&packed), PACK_MAX_CLEAR, &out), -1);
	assert_int_equal(out.len, 0);
	/* And the stream is none the worse for it. */
	packed.len--;
	assert_int_equal(pack_open(pack, buf_bytes(&packed), PACK_MAX_CLEAR, &out), 0);
	buf_free(&clear);
	buf_free(&packed);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_there_and_back), cmocka_unit_test(what_does_not_shrink_is_left),
		cmocka_unit_test(a_bomb_stops_at_its_limit), cmocka_unit_test(the_limit_is_exact),
		cmocka_unit_test(every_truncation_and_trailing_byte_is_refused),
	};
	int failed;

	pack = pack_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	pack_free(&pack);
	return failed;
}
