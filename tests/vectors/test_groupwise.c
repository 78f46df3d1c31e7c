/* Messenger's formats against the vectors of the page, and what its rules say a reader must bear. The decoders are tolerant, so
 * damaged messages may be read; what was read must then stay the same when it is written and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "protocol/groupwise/answer.h"
#include "protocol/groupwise/codes.h"
#include "protocol/groupwise/dump.h"
#include "protocol/groupwise/event.h"
#include "protocol/groupwise/names.h"
#include "protocol/groupwise/rtf.h"
#include "protocol/groupwise/tags.h"
#include "tests/support/groupwise.h"

#define NEW_YEAR_2009_NOON 1230811200000u

/* Decodes, says what was read and encodes it again. 0, or -1 with a sentence. */
typedef int recode_fn(struct bytes raw, struct buf *shown, struct buf *encoded, struct error *err);
typedef ssize_t split_fn(struct gw_scan *scan, struct bytes in, struct error *err);

static int recode_request(struct bytes raw, struct buf *shown, struct buf *encoded, struct error *err)
{
	struct gw_tree tree = { 0 }, again = { 0 };
	struct gw_request request;
	uint32_t transaction = 0;
	char command[65];
	const char *host = memmem(raw.data, raw.len, "\r\nHost: im.example.test:8300\r\n", 30) ? "im.example.test:8300" : NULL;
	int rc = gw_request_decode(raw, &tree, &request, err);

	if (rc == 0) {
		gw_decimal(request.transaction, &transaction);
		assert_true(bytes_copy_str(request.command, command, sizeof command));
		buf_printf(shown, "%s %u ", command, transaction);
		groupwise_show(&tree.root, shown);
		groupwise_copy(&tree.root, &again, false);
		gw_request_encode(command, host, &again, transaction, encoded);
	}
	gw_tree_free(&again);
	gw_tree_free(&tree);
	return rc;
}

static int recode_answer(struct bytes raw, struct buf *shown, struct buf *encoded, struct error *err)
{
	struct gw_tree tree = { 0 }, again = { 0 };
	struct gw_answer answer;
	char id[16];
	int rc = gw_answer_decode(raw, &tree, &answer, err);

	if (rc == 0) {
		snprintf(id, sizeof id, "%u", answer.transaction);
		buf_printf(shown, "%u %u ", answer.code, answer.transaction);
		groupwise_show(&tree.root, shown);
		groupwise_copy(&tree.root, &again, true);
		rc = gw_answer_encode(&again, answer.code, bytes_str(id), NEW_YEAR_2009_NOON, encoded, err);
	}
	gw_tree_free(&again);
	gw_tree_free(&tree);
	return rc;
}

static int recode_event(struct bytes raw, struct buf *shown, struct buf *encoded, struct error *err)
{
	struct gw_event event;

	if (gw_event_decode(raw, &event, err) < 0)
		return -1;
	gw_event_dump(raw, shown);
	shown->len--;
	gw_event_encode(&event, encoded);
	return 0;
}

static int recode_rtf(struct bytes raw, struct buf *shown, struct buf *encoded, struct error *err)
{
	struct buf text = { 0 };
	int rc = gw_rtf_read(raw, &text, err);

	if (rc == 0) {
		gw_rtf_write(buf_bytes(&text), encoded);
		buf_printf(shown, "%s ", bytes_equal(buf_bytes(encoded), raw) ? "own" : gw_rtf_is_safe(raw) ? "safe" : "rebuild");
		buf_hex(shown, buf_bytes(&text));
	}
	buf_free(&text);
	return rc;
}

static ssize_t split_event(struct gw_scan *scan, struct bytes in, struct error *err)
{
	(void)scan;
	return gw_event_split(in, err);
}

/* A copy of exactly the right size, so that the address sanitizer sees a read past the end. */
static int recode_copy(recode_fn *recode, struct bytes raw, struct buf *shown, struct buf *encoded)
{
	uint8_t *copy = malloc(raw.len ? raw.len : 1);
	struct error err = { "" };
	int rc;

	assert_non_null(copy);
	if (raw.len)
		memcpy(copy, raw.data, raw.len);
	buf_clear(shown);
	buf_clear(encoded);
	rc = recode(bytes_of(copy, raw.len), shown, encoded, &err);
	free(copy);
	if (rc < 0 && !err.text[0])
		fail_msg("refused without a sentence");
	return rc;
}

/* Byte by byte as a slow peer sends it, two messages joined: the splitter must find the same end every time. */
static void check_split(split_fn *split, struct bytes raw)
{
	struct gw_scan scan = { 0 }, at_once = { 0 };
	struct buf two = { 0 };
	struct error err;

	buf_append(&two, raw);
	buf_append(&two, raw);
	for (size_t len = 0; len < raw.len; len++)
		assert_int_equal(split(&scan, bytes_slice(raw, 0, len), &err), 0);
	assert_int_equal(split(&scan, raw, &err), raw.len);
	assert_int_equal(split(&scan, buf_bytes(&two), &err), raw.len);
	assert_int_equal(split(&at_once, buf_bytes(&two), &err), raw.len);
	buf_free(&two);
}

/* Every place of all but the longest messages; the long ones repeat themselves. */
static size_t stride(size_t at)
{
	return at < 1000 ? 1 : 37;
}

static void check_damage(recode_fn *recode, const char *shown_whole, struct buf *raw)
{
	struct buf shown = { 0 }, encoded = { 0 }, shown_again = { 0 }, unused = { 0 };

	for (size_t at = 0; at < raw->len; at += stride(at)) {
		static const uint8_t changes[] = { 1, 2, 4, 8, 16, 32, 64, 128, 255 };
		uint8_t was = raw->data[at];

		for (size_t i = 0; i < sizeof changes; i++) {
			raw->data[at] = was ^ changes[i];
			if (recode_copy(recode, buf_bytes(raw), &shown, &encoded) < 0)
				continue;
			if (recode_copy(recode, buf_bytes(&encoded), &shown_again, &unused) < 0)
				fail_msg("what was read of a damaged %s at %zu cannot be read again", shown_whole, at);
		}
		raw->data[at] = was;
	}
	buf_free(&shown);
	buf_free(&encoded);
	buf_free(&shown_again);
	buf_free(&unused);
}

static unsigned check_file(const char *name, recode_fn *recode, split_fn *split)
{
	struct buf raw = { 0 }, shown = { 0 }, encoded = { 0 };
	unsigned count = 0;
	char path[256], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof path, "tests/vectors/%s.txt", name);
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be read; tests run from the top folder", path);
	while (getline(&line, &size, file) > 0) {
		char *tab = strchr(line, '\t');

		assert_non_null(tab);
		tab[strcspn(tab, "\n")] = '\0';
		buf_clear(&raw);
		assert_int_equal(hex_decode(bytes_of(line, (size_t)(tab - line)), &raw), 0);
		assert_int_equal(recode_copy(recode, buf_bytes(&raw), &shown, &encoded), 0);
		assert_string_equal(buf_cstr(&shown), tab + 1);
		if (split)
			assert_true(bytes_equal(buf_bytes(&encoded), buf_bytes(&raw)));
		for (size_t len = 0; len < raw.len; len += stride(len))
			assert_int_equal(recode_copy(recode, bytes_slice(buf_bytes(&raw), 0, len), &shown, &encoded), -1);
		if (split)
			check_split(split, buf_bytes(&raw));
		check_damage(recode, tab + 1, &raw);
		count++;
	}
	fclose(file);
	free(line);
	buf_free(&raw);
	buf_free(&shown);
	buf_free(&encoded);
	return count;
}

static void requests_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(check_file("gw_request", recode_request, gw_request_split), 35);
}

static void answers_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(check_file("gw_answer", recode_answer, gw_stream_split), 18);
}

static void events_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(check_file("gw_event", recode_event, split_event), 20);
	assert_int_equal(check_file("gw_event", recode_event, gw_stream_split), 20);
}

static void rtf_of_the_page(void **state)
{
	(void)state;
	assert_int_equal(check_file("gw_rtf", recode_rtf, NULL), 23);
}

/* --- requests a server must survive ------------------------------------------------------------------------------------------ */

#define POST "POST /x HTTP/1.0\r\n\r\n"
#define END "&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=7&type=10\r\n"

static const struct { const char *name, *raw, *shown, *refused; } request_rows[] = {
	{ "pairs in any order after the tag", POST "&tag=a&type=10&val=b&cmd=1" END, "a/5:10=b", NULL },
	{ "upper case hex", POST "&tag=a&cmd=0&val=%C3%A9&type=10" END, "a/0:10=%c3%a9", NULL },
	{ "a broken escape is literal", POST "&tag=a&cmd=0&val=1%zz2&type=10" END, "a/0:10=1%25zz2", NULL },
	{ "an escape cut at the end goes", POST "&tag=a&cmd=0&val=12%e&type=10" END, "a/0:10=12", NULL },
	{ "a character cut at the end goes", POST "&tag=a&cmd=0&val=12%e2%82&type=10" END, "a/0:10=12", NULL },
	{ "a broken character is replaced", POST "&tag=a&cmd=0&val=%c3x&type=10" END, "a/0:10=%ef%bf%bdx", NULL },
	{ "an escaped NUL goes", POST "&tag=a&cmd=0&val=1%002&type=10" END, "a/0:10=12", NULL },
	{ "unknown pairs are skipped", POST "&tag=a&cmd=0&x=y&val=1&type=8" END, "a/0:8=1", NULL },
	{ "other headers are skipped", "POST /x HTTP/1.1\r\nAccept-Language: en\r\nHost: h\r\n\r\n" "&tag=a&cmd=0&val=&type=10" END,
	  "a/0:10=", NULL },
	{ "an array with too few children", POST "&tag=a&cmd=0&val=3&type=9&tag=b&cmd=0&val=&type=10" END, NULL, "announces 1" },
	{ "a vast array", POST "&tag=a&cmd=0&val=4294967295&type=9" END, NULL, "announces" },
	{ "no type", POST "&tag=a&cmd=0&val=1" END, NULL, "has type" },
	{ "a binary field", POST "&tag=a&cmd=0&val=1&type=2" END, NULL, "has type 2" },
	{ "a type past the list", POST "&tag=a&cmd=0&val=1&type=14" END, NULL, "has type 14" },
	{ "a method that is none", POST "&tag=a&cmd=Z&val=1&type=10" END, NULL, "method Z" },
	{ "a number that is none", POST "&tag=a&cmd=0&val=-1&type=8" END, NULL, "value -1" },
	{ "a number past 32 bits", POST "&tag=a&cmd=0&val=4294967296&type=8" END, NULL, "4294967296" },
	{ "an empty tag", POST "&tag=&cmd=0&val=1&type=8" END, NULL, "tag of 0 bytes" },
	{ "arrays seventeen deep", POST
	  "&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9"
	  "&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9"
	  "&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9&tag=a&val=1&type=9" END, NULL, "deeper than 16" },
	{ "no command", "POST / HTTP/1.0\r\n\r\n" END, NULL, "no command" },
	{ "a command with a slash", "POST /a/b HTTP/1.0\r\n\r\n" END, NULL, "0x2f" },
};

static void what_a_server_must_survive(void **state)
{
	struct gw_tree tree = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof request_rows / sizeof request_rows[0]; i++) {
		struct gw_request request;
		struct buf shown = { 0 };
		struct error err = { "" };
		int rc = gw_request_decode(bytes_str(request_rows[i].raw), &tree, &request, &err);

		if ((rc < 0) != (request_rows[i].refused != NULL))
			fail_msg("%s: %s", request_rows[i].name, rc < 0 ? err.text : "taken");
		if (rc < 0 && !strstr(err.text, request_rows[i].refused))
			fail_msg("%s: %s", request_rows[i].name, err.text);
		if (rc == 0) {
			const struct gw_field *last = tree.root.last;

			groupwise_show(&tree.root, &shown);
			shown.len -= strlen(" NM%5fA%5fSZ%5fTRANSACTION%5fID/0:10=7");
			if (strcmp(buf_cstr(&shown), request_rows[i].shown) != 0)
				fail_msg("%s: %s", request_rows[i].name, buf_cstr(&shown));
			assert_true(bytes_is(last->tag, GW_TAG_TRANSACTION));
			assert_true(bytes_is(request.transaction, "7"));
		}
		buf_free(&shown);
	}
	gw_tree_free(&tree);
}

static void a_value_cut_with_a_nul_is_read_and_the_rest_too(void **state)
{
	static const char raw[] = POST "&tag=a&cmd=0&val=ab%5\0&type=10" END;
	struct gw_tree tree = { 0 };
	struct gw_request request;
	struct error err;

	(void)state;
	assert_int_equal(gw_request_decode(bytes_of(raw, sizeof raw - 1), &tree, &request, &err), 0);
	assert_true(bytes_is(gw_text(&tree.root, "a"), "ab"));
	assert_true(bytes_is(request.transaction, "7"));
	gw_tree_free(&tree);
}

static void a_malformed_request_still_tells_its_transaction(void **state)
{
	struct gw_tree tree = { 0 };
	struct gw_request request;
	struct error err;

	(void)state;
	assert_int_equal(gw_request_decode(bytes_str(POST "&tag=a&cmd=0&val=9&type=9" END), &tree, &request, &err), -1);
	assert_true(bytes_is(request.command, "x"));
	assert_true(bytes_is(request.transaction, "7"));
	gw_tree_free(&tree);
}

static void a_get_has_no_body(void **state)
{
	const char *raw = "GET /getdetails HTTP/1.0\r\nUser-Agent: scanner\r\n\r\n";
	struct gw_tree tree = { 0 };
	struct gw_request request;
	struct gw_scan scan = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(gw_request_split(&scan, bytes_str(raw), &err), strlen(raw));
	assert_int_equal(gw_request_decode(bytes_str(raw), &tree, &request, &err), 0);
	assert_true(request.is_get);
	assert_true(bytes_is(request.command, "getdetails"));
	assert_true(bytes_is(request.transaction, "0"));
	gw_tree_free(&tree);
}

static void streams_that_are_no_requests_are_refused_early(void **state)
{
	struct gw_scan scan = { 0 };
	struct buf endless = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(gw_request_split(&scan, bytes_str("\x16\x03\x01"), &err), -1);
	assert_int_equal(gw_request_split(&scan, bytes_str("PUT /x"), &err), -1);
	assert_int_equal(gw_request_split(&scan, bytes_str("PO"), &err), 0);
	buf_text(&endless, "POST /x HTTP/1.0\r\n");
	memset(buf_extend(&endless, GW_REQUEST_HEADER_MAX), 'a', GW_REQUEST_HEADER_MAX);
	assert_int_equal(gw_request_split(&scan, buf_bytes(&endless), &err), -1);
	buf_clear(&endless);
	buf_text(&endless, POST);
	memset(buf_extend(&endless, GW_REQUEST_MAX), 'a', GW_REQUEST_MAX);
	assert_int_equal(gw_request_split(&scan, buf_bytes(&endless), &err), -1);
	assert_non_null(strstr(err.text, "longer than"));
	buf_free(&endless);
}

/* --- answers and events a client must bear ------------------------------------------------------------------------------------ */

static int decode_answer_hex(const char *hex, struct gw_tree *tree, struct gw_answer *answer, struct buf *raw, struct error *err)
{
	buf_clear(raw);
	buf_text(raw, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n");
	assert_int_equal(hex_decode(bytes_str(hex), raw), 0);
	return gw_answer_decode(buf_bytes(raw), tree, answer, err);
}

#define CODE_TAG "14000000" "4e4d5f415f535a5f524553554c545f434f444500"

static void codes_are_understood_as_text_and_as_number(void **state)
{
	struct gw_tree tree = { 0 };
	struct gw_answer answer;
	struct buf raw = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(decode_answer_hex("0a00" CODE_TAG "06000000" "353335373700" "00", &tree, &answer, &raw, &err), 0);
	assert_true(answer.has_code && answer.code == GW_BAD_CREDENTIALS && !answer.has_transaction);
	assert_int_equal(decode_answer_hex("0800" CODE_TAG "49d10000" "00", &tree, &answer, &raw, &err), 0);
	assert_true(answer.has_code && answer.code == GW_BAD_CREDENTIALS);
	assert_int_equal(decode_answer_hex("0a00" CODE_TAG "05000000" "3533353737" "00", &tree, &answer, &raw, &err), 0);
	assert_true(answer.has_code && answer.code == GW_BAD_CREDENTIALS);   /* the NUL forgotten */
	assert_int_equal(decode_answer_hex("0a00" CODE_TAG "02000000" "7800" "00", &tree, &answer, &raw, &err), 0);
	assert_false(answer.has_code);
	gw_tree_free(&tree);
	buf_free(&raw);
}

#define NEST "0900010000000001000000"     /* an array of one child, nameless */

static void bounds_of_answers_hold(void **state)
{
	static const struct { const char *name, *hex, *refused; } rows[] = {
		{ "a field of no known type", "0e000000000000000000", "type 14" },
		{ "a binary field", "0200010000000000000000", "type 2" },
		{ "an end inside an array", "0900" "02000000" "6100" "01000000" "00000000000000000000", "type 0" },
		{ "a vast tag", "0a00" "ffffffff", "tag of 4294967295" },
		{ "a vast text", "0a00" "02000000" "6100" "ffffffff", "text of 4294967295" },
		{ "seventeen arrays deep", NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST NEST,
		  "deeper than 16" },
	};
	struct gw_tree tree = { 0 };
	struct gw_answer answer;
	struct buf raw = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct gw_scan scan = { 0 };
		struct error err = { "" };

		assert_int_equal(decode_answer_hex(rows[i].hex, &tree, &answer, &raw, &err), -1);
		if (!strstr(err.text, rows[i].refused))
			fail_msg("%s: %s", rows[i].name, err.text);
		if (gw_stream_split(&scan, buf_bytes(&raw), &err) != -1)
			fail_msg("%s: the splitter takes it", rows[i].name);
	}
	gw_tree_free(&tree);
	buf_free(&raw);
}

static void what_clients_cannot_take_is_not_sent(void **state)
{
	static char longest[GW_TEXT_MAX + 2];
	struct gw_tree tree = { 0 };
	struct buf out = { 0 };
	struct error err;

	(void)state;
	memset(longest, 'x', GW_TEXT_MAX);
	gw_add_str(&tree, NULL, "a", longest);
	assert_int_equal(gw_answer_encode(&tree, 0, bytes_str("1"), 0, &out, &err), 0);
	buf_clear(&out);
	longest[GW_TEXT_MAX] = 'x';
	gw_tree_clear(&tree);
	gw_add_str(&tree, NULL, "a", longest);
	assert_int_equal(gw_answer_encode(&tree, 0, bytes_str("1"), 0, &out, &err), -1);
	assert_int_equal(out.len, 0);
	longest[GW_TAG_MAX + 1] = '\0';
	gw_tree_clear(&tree);
	gw_add_str(&tree, NULL, longest, "");
	assert_int_equal(gw_answer_encode(&tree, 0, bytes_str("1"), 0, &out, &err), -1);
	gw_tree_free(&tree);
	buf_free(&out);
}

static void unknown_events_have_no_end(void **state)
{
	static const uint32_t unknown[] = { 0, 99, 100, 110, 111, 116, 120, 124, 128, 133, 0xFFFFFFFF };

	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		struct gw_scan scan = { 0 };
		struct buf raw = { 0 };
		struct error err;

		buf_u32le(&raw, unknown[i]);
		assert_int_equal(gw_stream_split(&scan, buf_bytes(&raw), &err), -1);
		assert_int_equal(gw_event_min_build(unknown[i]), UINT32_MAX);
		buf_free(&raw);
	}
	assert_int_equal(gw_event_min_build(GW_EVENT_BROADCAST), GW_BUILD_BROADCAST);
}

/* --- bodies, names, codes -------------------------------------------------------------------------------------------------------- */

static void the_servers_rule_for_bodies(void **state)
{
	static const struct { const char *name, *body, *plain, *text; bool passed; } rows[] = {
		{ "good RTF is passed on", "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 hi\\par}", "other", "hi", true },
		{ "plain text is rebuilt", "hi {there}", "hi {there}", "hi {there}", false },
		{ "without a font table: rebuilt", "{\\rtf1 hi}", "plain", "plain", false },
		{ "unmatched braces: rebuilt", "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 hi", "plain", "plain", false },
		{ "too many braces: rebuilt", "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 hi}}", "plain", "plain", false },
		{ "raw UTF-8: rebuilt", "{\\rtf1{\\fonttbl{\\f0 A;}}\\f0 h\xc3\xa9\\par}", "h\xc3\xa9", "h\xc3\xa9", false },
		{ "no plain text: what the body says", "{\\rtf1 hi}", "", "hi", false },
		{ "nothing at all", "", "", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf out = { 0 }, text = { 0 };

		gw_rtf_pass(bytes_str(rows[i].body), bytes_str(rows[i].plain), &out);
		if (bytes_is(buf_bytes(&out), rows[i].body) != rows[i].passed)
			fail_msg("%s: %s", rows[i].name, buf_cstr(&out));
		assert_true(gw_rtf_is_safe(buf_bytes(&out)));
		gw_rtf_text(buf_bytes(&out), bytes_str(""), &text);
		assert_string_equal(buf_cstr(&text), rows[i].text);
		buf_free(&out);
		buf_free(&text);
	}
}

static void the_clients_rule_for_bodies(void **state)
{
	static const struct { const char *body, *plain, *text; } rows[] = {
		{ "{\\rtf1 a\\par}", "b", "a" },
		{ "no rtf", "b", "no rtf" },
		{ "{\\rtf1 unended", "b", "b" },
		{ "{\\rtf1 unended", "", "unended" },
		{ "{\\rtf1 a{\\b bold\\u82", "", "abold" },
		{ "{\\rtf1 a\\'c", "", "a" },
		{ "{\\rtf1 a\\", "", "a" },
		{ "", "b", "b" },
		{ "bro\xffken", "", "bro\xef\xbf\xbdken" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct buf text = { 0 };

		gw_rtf_text(bytes_str(rows[i].body), bytes_str(rows[i].plain), &text);
		assert_string_equal(buf_cstr(&text), rows[i].text);
		buf_free(&text);
	}
}

static void names_compare_without_case(void **state)
{
	struct buf dotted = { 0 };

	(void)state;
	assert_true(gw_dn_same(bytes_str("CN=Alice,O=x"), bytes_str("cn=alice,o=X")));
	assert_false(gw_dn_same(bytes_str("CN=Alice,O=x"), bytes_str("CN=Alice,O=xy")));
	gw_dn_dotted(bytes_str("CN=alice,OU=staff\\, old,O=example"), &dotted);
	assert_string_equal(buf_cstr(&dotted), "alice.staff\\, old.example");
	assert_true(bytes_is(gw_dn_leaf(bytes_str("CN=alice,O=x")), "alice"));
	assert_true(bytes_is(gw_dn_leaf(bytes_str("alice")), "alice"));
	assert_true(gw_conference_same(bytes_str("[3F2A1B0C-00000457-00000001-0001-0000]"),
		bytes_str("[3f2a1b0c-00000457-00000001-FFFF-1234]")));
	assert_false(gw_conference_same(bytes_str("[3F2A1B0C-00000457-00000001-0001-0000]"),
		bytes_str("[3F2A1B0C-00000457-00000002-0001-0000]")));
	assert_false(gw_conference_same(bytes_str(""), bytes_str("")));
	assert_true(gw_conference_is_blank(bytes_str(GW_CONFERENCE_BLANK)));
	buf_free(&dotted);
}

static void texts_are_cut_between_characters(void **state)
{
	(void)state;
	assert_true(bytes_is(utf8_cut(bytes_str("a\xe2\x82\xac" "b"), 3), "a"));
	assert_true(bytes_is(utf8_cut(bytes_str("a\xe2\x82\xac" "b"), 4), "a\xe2\x82\xac"));
	assert_true(bytes_is(utf8_cut(bytes_str("abc"), 3), "abc"));
	assert_true(utf8_is_valid(bytes_str("a\xf0\x9f\x98\x80")));
	assert_false(utf8_is_valid(bytes_str("\xc0\xaf")));
	assert_false(utf8_is_valid(bytes_str("\xed\xa0\x80")));
	assert_string_equal(gw_code_text(53577), "authentication failed");
	assert_string_equal(gw_code_text(1), "unknown result");
	assert_string_equal(gw_status_name(99), "invalid");
}

static void dumps_hide_passwords(void **state)
{
	struct buf out = { 0 };

	(void)state;
	gw_dump(bytes_str("POST /login HTTP/1.0\r\n\r\n&tag=NM_A_SZ_USERID&cmd=0&val=al+ice&type=10"
		"&tag=NM_A_SZ_CREDENTIALS&cmd=0&val=secret&type=10&tag=a&cmd=1&val=1&type=9&tag=b&cmd=0&val=5&type=8"
		"&tag=NM_A_SZ_TRANSACTION_ID&cmd=0&val=1&type=10\r\nPOST"), &out);
	assert_string_equal(buf_cstr(&out), "request login transaction=1\n"
		"NM_A_SZ_USERID type=10 value=\"al ice\"\n"
		"NM_A_SZ_CREDENTIALS type=10 <6 bytes hidden>\n"
		"a/add type=9 children=1\n"
		"  b type=8 value=5\n"
		"NM_A_SZ_TRANSACTION_ID type=10 value=1\n"
		"4 bytes left: no whole message\n");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_of_the_page),
		cmocka_unit_test(answers_of_the_page),
		cmocka_unit_test(events_of_the_page),
		cmocka_unit_test(rtf_of_the_page),
		cmocka_unit_test(what_a_server_must_survive),
		cmocka_unit_test(a_value_cut_with_a_nul_is_read_and_the_rest_too),
		cmocka_unit_test(a_malformed_request_still_tells_its_transaction),
		cmocka_unit_test(a_get_has_no_body),
		cmocka_unit_test(streams_that_are_no_requests_are_refused_early),
		cmocka_unit_test(codes_are_understood_as_text_and_as_number),
		cmocka_unit_test(bounds_of_answers_hold),
		cmocka_unit_test(what_clients_cannot_take_is_not_sent),
		cmocka_unit_test(unknown_events_have_no_end),
		cmocka_unit_test(the_servers_rule_for_bodies),
		cmocka_unit_test(the_clients_rule_for_bodies),
		cmocka_unit_test(names_compare_without_case),
		cmocka_unit_test(texts_are_cut_between_characters),
		cmocka_unit_test(dumps_hide_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
