/* Communicator Web Access: what a script made from the page alone, in XML and in JSON, is one tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "protocol/cwa/category.h"
#include "protocol/cwa/codec.h"
#include "protocol/cwa/codes.h"
#include "protocol/cwa/ticket.h"

static void same_tree(struct bytes xml, struct bytes json)
{
	struct cwa_tree from_xml = { 0 }, from_json = { 0 };
	struct buf xml_again = { 0 }, json_again = { 0 };
	struct error err = { "" };

	if (cwa_decode(CWA_XML, xml, &from_xml, &err) < 0 || cwa_decode(CWA_JSON, json, &from_json, &err) < 0)
		fail_msg("%.*s: %s", (int)json.len, (const char *)json.data, err.text);
	assert_int_equal(from_xml.unexpected, 0);
	assert_int_equal(from_json.unexpected, 0);
	assert_true(cwa_equal(from_xml.root, from_json.root));
	cwa_encode(CWA_XML, from_json.root, &xml_again);
	cwa_encode(CWA_JSON, from_xml.root, &json_again);
	assert_string_equal(buf_cstr(&json_again), (const char *)json.data);
	assert_int_equal(xml_again.len, xml.len);
	assert_memory_equal(xml_again.data, xml.data, xml.len);
	if (cwa_check(from_xml.root, &err) < 0)
		fail_msg("%s", err.text);
	buf_free(&xml_again);
	buf_free(&json_again);
	cwa_tree_free(&from_xml);
	cwa_tree_free(&from_json);
}

/* A part of it is refused with a sentence; a changed byte is refused so or read as something that reads again as itself. */
static void harmed(enum cwa_format format, struct bytes whole)
{
	uint8_t *copy = (uint8_t *)bytes_dup(whole);
	static const uint8_t changes[] = { 0x00, 0x01, 0x20 };

	for (size_t len = 0; len < whole.len; len++) {
		struct cwa_tree tree = { 0 };
		struct error err = { "" };

		assert_int_equal(cwa_decode(format, bytes_slice(whole, 0, len), &tree, &err), -1);
		assert_true(*err.text);
		cwa_tree_free(&tree);
	}
	for (size_t at = 0; at < whole.len; at++) {
		for (size_t i = 0; i < sizeof changes; i++) {
			struct cwa_tree tree = { 0 }, again = { 0 };
			struct buf text = { 0 };
			struct error err = { "" };

			copy[at] = i ? whole.data[at] ^ changes[i] : 0;
			if (cwa_decode(format, bytes_of(copy, whole.len), &tree, &err) == 0) {
				cwa_encode(format, tree.root, &text);
				assert_int_equal(cwa_decode(format, buf_bytes(&text), &again, &err), 0);
				assert_true(cwa_equal(tree.root, again.root));
			} else {
				assert_true(*err.text);
			}
			buf_free(&text);
			cwa_tree_free(&tree);
			cwa_tree_free(&again);
		}
		copy[at] = whole.data[at];
	}
	free(copy);
}

static void each_vector(void (*check)(struct bytes xml, struct bytes json))
{
	FILE *file = fopen("tests/vectors/cwa.txt", "r");
	char *line = NULL;
	size_t size = 0, count = 0;

	assert_non_null(file);
	while (getline(&line, &size, file) > 0) {
		char *tab = strchr(line, '\t');
		struct buf xml = { 0 };

		assert_non_null(tab);
		tab[strlen(tab) - 1] = '\0';
		assert_int_equal(hex_decode(bytes_of(line, (size_t)(tab - line)), &xml), 0);
		check(buf_bytes(&xml), bytes_str(tab + 1));
		buf_free(&xml);
		count++;
	}
	assert_int_equal(count, 25);
	free(line);
	fclose(file);
}

static void both_encodings_of_the_page_are_one_tree(void **state)
{
	(void)state;
	each_vector(same_tree);
}

static void harm_one(struct bytes xml, struct bytes json)
{
	harmed(CWA_XML, xml);
	harmed(CWA_JSON, json);
}

static void what_is_cut_or_changed_is_refused_or_means_something(void **state)
{
	(void)state;
	each_vector(harm_one);
}

/* --- what real clients and servers write otherwise ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	enum cwa_format format;
	const char *text, *want;        /* in XML, or NULL: refused */
	unsigned unexpected;
} rows[] = {
	{ "a declaration, white space and a namespace with a prefix do not matter", CWA_XML,
	  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<c:cwaEvents xmlns:c='urn:x' ackId='1'>\n <c:configuration eid='1' ><c:enableAppearOffline>\n true\n"
	  " </c:enableAppearOffline>\n</c:configuration></c:cwaEvents>\n",
	  "<cwaEvents ackId=\"1\"><configuration eid=\"1\"><enableAppearOffline>true</enableAppearOffline></configuration></cwaEvents>", 0 },
	{ "events may stand inside an answer", CWA_XML, "<cwaResponses><cwaEvents ackId='4'/></cwaResponses>", "<cwaEvents ackId=\"4\"/>", 0 },
	{ "children come in any order", CWA_XML,
	  "<cwaRequests><logon><uri>c</uri><password>b</password><user>a</user></logon></cwaRequests>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><logon><user>a</user><password>b</password><uri>c</uri></logon></cwaRequests>", 0 },
	{ "what is unknown is counted and left out", CWA_XML,
	  "<cwaRequests new='1'><logon><user>a</user><new><new/></new></logon><search rid='1' new='2'/></cwaRequests>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><logon><user>a</user></logon><search rid=\"1\"/></cwaRequests>", 3 },
	{ "and so in JSON", CWA_JSON,
	  "{\"cwaRequests\":{\"@new\":1,\"items\":[{\"logon\":{\"user\":\"a\",\"new\":[{}]}},{\"search\":{\"@rid\":1,\"new\":null}}]}}",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><logon><user>a</user></logon><search rid=\"1\"/></cwaRequests>", 3 },
	{ "numbers and truth values may be bare", CWA_JSON,
	  "{\"cwaEvents\":{\"@ackId\":12,\"items\":[{\"configuration\":{\"@eid\":12,\"enableAppearOffline\":true}}]}}",
	  "<cwaEvents ackId=\"12\"><configuration eid=\"12\"><enableAppearOffline>true</enableAppearOffline></configuration></cwaEvents>", 0 },
	{ "CDATA and character references are text", CWA_XML,
	  "<cwaRequests><conference rid='1' confId='2'><sendMessage><content><![CDATA[<a>]]>&#x20AC;&amp;</content></sendMessage></conference></cwaRequests>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><conference rid=\"1\" confId=\"2\"><sendMessage><content>&lt;a&gt;\xe2\x82\xac&amp;</content>"
	  "</sendMessage></conference></cwaRequests>", 0 },
	{ "a category keeps the namespaces that were declared around it", CWA_XML,
	  "<cwaRequests xmlns:x='urn:x'><publishSelfPresence rid='1'><cwaCategory name='note'> <x:a x:b='1'>t</x:a> <!-- c --></cwaCategory>"
	  "</publishSelfPresence></cwaRequests>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><publishSelfPresence rid=\"1\"><cwaCategory name=\"note\">\n<x:a xmlns:x=\"urn:x\" x:b=\"1\">t</x:a>\n"
	  "</cwaCategory></publishSelfPresence></cwaRequests>", 0 },
	{ "in a category the envelope's namespace is none", CWA_XML,
	  "<cwaRequests xmlns='" CWA_NAMESPACE "'><publishSelfPresence rid='1'><cwaCategory name='note'><a><b xmlns='urn:x'/></a></cwaCategory>"
	  "</publishSelfPresence></cwaRequests>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"><publishSelfPresence rid=\"1\"><cwaCategory name=\"note\">\n<a><b xmlns=\"urn:x\"/></a>\n"
	  "</cwaCategory></publishSelfPresence></cwaRequests>", 0 },
	{ "a DOCTYPE is refused", CWA_XML, "<!DOCTYPE a><cwaRequests/>", NULL, 0 },
	{ "XML is UTF-8, whatever it says of itself", CWA_XML, "<?xml version='1.0' encoding='IBM037'?><cwaRequests/>",
	  "<cwaRequests xmlns=\"" CWA_NAMESPACE "\"/>", 0 },
	{ "another document is refused", CWA_XML, "<html/>", NULL, 0 },
	{ "JSON with a second member is refused", CWA_JSON, "{\"cwaRequests\":{},\"x\":1}", NULL, 0 },
	{ "JSON with a member twice is refused", CWA_JSON, "{\"cwaRequests\":{\"@sid\":\"1\",\"@sid\":\"2\"}}", NULL, 0 },
	{ "an item with two members is refused", CWA_JSON, "{\"cwaRequests\":{\"items\":[{\"search\":{},\"logon\":{}}]}}", NULL, 0 },
	{ "XML of a category that is none is refused", CWA_JSON,
	  "{\"cwaRequests\":{\"items\":[{\"publishSelfPresence\":{\"cwaCategory\":[{\"#xml\":\"<a>\"}]}}]}}", NULL, 0 },
	{ "a text that XML could not say is refused", CWA_JSON, "{\"cwaRequests\":{\"items\":[{\"logon\":{\"user\":\"\\u0008\"}}]}}", NULL, 0 },
};

static void other_ways_to_write(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct cwa_tree tree = { 0 };
		struct error err = { "" };
		struct buf xml = { 0 };
		int rc = cwa_decode(rows[i].format, bytes_str(rows[i].text), &tree, &err);

		if ((rc == 0) != (rows[i].want != NULL))
			fail_msg("%s: %s", rows[i].name, err.text);
		if (rc == 0) {
			cwa_encode(CWA_XML, tree.root, &xml);
			if (strcmp(buf_cstr(&xml), rows[i].want) != 0 || tree.unexpected != rows[i].unexpected)
				fail_msg("%s: %s, %u unexpected", rows[i].name, buf_cstr(&xml), tree.unexpected);
		}
		buf_free(&xml);
		cwa_tree_free(&tree);
	}
}

static int decode_with(const char *before, unsigned attributes, struct error *err)
{
	struct cwa_tree tree = { 0 };
	struct buf xml = { 0 };
	int rc;

	buf_printf(&xml, "<cwaRequests>%s<search rid='1'", before);
	for (unsigned i = 1; i < attributes; i++)
		buf_printf(&xml, " a%u%s", i, i % 2 ? "='>'" : "=\"'\"");
	buf_text(&xml, "/></cwaRequests>");
	rc = cwa_decode(CWA_XML, buf_bytes(&xml), &tree, err);
	buf_free(&xml);
	cwa_tree_free(&tree);
	return rc;
}

static void an_element_may_have_200_attributes(void **state)
{
	static const char *const befores[] = { "", "<!-- ' > -->", "<!-->\"--->", "<![CDATA[ it's <a ]]>", "<?a it's > \"?>", "<logon><user>it's</user></logon>" };
	struct error err = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof befores / sizeof befores[0]; i++) {
		/* One of them is no comment. */
		assert_int_equal(decode_with(befores[i], CWA_ATTRIBUTES_MAX, &err), i == 2 ? -1 : 0);
		/* libxml2 alone would take minutes. */
		assert_int_equal(decode_with(befores[i], i ? CWA_ATTRIBUTES_MAX + 1 : 200000, &err), -1);
		if (i != 2)
			assert_string_equal(err.text, "an element has more than 200 attributes");
	}
}

static void a_dump_hides_passwords(void **state)
{
	struct cwa_tree tree = { 0 };
	struct error err;
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(cwa_decode(CWA_XML, bytes_str("<cwaRequests sid='0'><logon><user>a</user><password>pw-1</password></logon><new rid='7'/>"
		"</cwaRequests>"), &tree, &err), 0);
	cwa_dump(tree.root, &out);
	assert_string_equal(buf_cstr(&out), "cwaRequests sid=0\n  logon\n    user: a\n    password: (hidden)\n  unknown rid=7 name=new\n");
	buf_free(&out);
	cwa_tree_free(&tree);
}

/* Made by Python: hmac.new(bytes(range(32)), payload, "sha256"), base64.urlsafe_b64encode without padding. */
#define TICKET_TEXT "YW5hfDEwMDB8MjAwMHwwMTAyMDMwNDA1MDYwNzA4.EBwG2GLL377iT7cZqfWy_8Y1ioTPKC-JRJx5o-ucbqM"

static void a_ticket_is_good_until_its_end_and_not_when_changed(void **state)
{
	const uint8_t nonce[CWA_TICKET_NONCE] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	const struct cwa_ticket ticket = { .user = "ana", .issued_ms = 1000, .expires_ms = 2000 };
	uint8_t key[CWA_TICKET_KEY];
	struct cwa_ticket out;
	struct buf text = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (uint8_t)i;
	cwa_ticket_make(key, nonce, &ticket, &text);
	assert_string_equal(buf_cstr(&text), TICKET_TEXT);
	assert_int_equal(cwa_ticket_check(key, buf_bytes(&text), 1999, &out), CWA_TICKET_GOOD);
	assert_string_equal(out.user, "ana");
	assert_int_equal(out.issued_ms, 1000);
	assert_int_equal(cwa_ticket_check(key, buf_bytes(&text), 2000, &out), CWA_TICKET_EXPIRED);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		assert_int_equal(cwa_ticket_check(key, buf_bytes(&text), 1500, &out), CWA_TICKET_WRONG);
		text.data[i] ^= 1;
		assert_int_equal(cwa_ticket_check(key, bytes_slice(buf_bytes(&text), 0, i), 1500, &out), CWA_TICKET_WRONG);
	}
	key[0] ^= 1;
	assert_int_equal(cwa_ticket_check(key, buf_bytes(&text), 1500, &out), CWA_TICKET_WRONG);
	buf_free(&text);
}

static void uris_have_one_form(void **state)
{
	static const struct { const char *text, *want; } uri_rows[] = {
		{ "sip:ana@corp.test", "sip:ana@corp.test" }, { " Ana@Corp.Test\n", "sip:ana@corp.test" }, { "SIP:a@b", "sip:a@b" }, { "ana", NULL },
		{ "@corp.test", NULL }, { "ana@", NULL }, { "", NULL }, { "sip:a b@c", NULL }, { "a@b\"", NULL }, { "a|b@c", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof uri_rows / sizeof uri_rows[0]; i++) {
		struct buf out = { 0 };
		int rc = cwa_uri(uri_rows[i].text, &out);

		assert_int_equal(rc, uri_rows[i].want ? 0 : -1);
		if (rc == 0)
			assert_string_equal(buf_cstr(&out), uri_rows[i].want);
		buf_free(&out);
	}
}

static void availabilities_have_ranges(void **state)
{
	(void)state;
	assert_int_equal(cwa_availability_of(3000), CWA_ONLINE);
	assert_int_equal(cwa_availability_of(4499), CWA_ONLINE);
	assert_int_equal(cwa_availability_of(5000), CWA_IDLE);
	assert_int_equal(cwa_availability_of(6500), CWA_BUSY);
	assert_int_equal(cwa_availability_of(8999), CWA_BUSY_IDLE);
	assert_int_equal(cwa_availability_of(11999), CWA_DO_NOT_DISTURB);
	assert_int_equal(cwa_availability_of(12000), CWA_BE_RIGHT_BACK);
	assert_int_equal(cwa_availability_of(17999), CWA_AWAY);
	assert_int_equal(cwa_availability_of(18000), CWA_OFFLINE);
	assert_int_equal(cwa_availability_of(0), CWA_OFFLINE);
	assert_string_equal(cwa_availability_name(15500), "away");
	assert_string_equal(cwa_code_name(18101), "RequestThrottled");
	assert_null(cwa_code_name(18103));
}

static void categories_are_read_as_others_write_them(void **state)
{
	struct cwa_state s;
	struct error err = { "" };
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(cwa_state_decode("<state xmlns='urn:x' xmlns:i='http://www.w3.org/2001/XMLSchema-instance' i:type='userState' manual='true'>\n"
		"<availability> 6500 </availability></state>", &s, &err), 0);
	assert_string_equal(s.type, "userState");
	assert_true(s.manual);
	assert_int_equal(s.availability, 6500);
	assert_int_equal(cwa_state_decode("<state/>", &s, &err), -1);
	assert_int_equal(cwa_state_decode("<state><availability>x</availability></state>", &s, &err), -1);
	assert_int_equal(cwa_state_decode("", &s, &err), -1);
	cwa_note_encode("a & <b>", &out);
	assert_string_equal(buf_cstr(&out), "<note xmlns=\"http://schemas.microsoft.com/2006/09/sip/note\"><body type=\"personal\">a &amp; &lt;b&gt;</body></note>");
	buf_clear(&out);
	assert_int_equal(cwa_note_decode("<note><body type='personal'> a &amp; b </body></note>", &out, &err), 0);
	assert_string_equal(buf_cstr(&out), "a & b");
	buf_clear(&out);
	assert_int_equal(cwa_card_decode("<contactCard><identity><name><displayName>Ben</displayName></name></identity></contactCard>", &out, &err), 0);
	assert_string_equal(buf_cstr(&out), "Ben");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_encodings_of_the_page_are_one_tree),
		cmocka_unit_test(what_is_cut_or_changed_is_refused_or_means_something),
		cmocka_unit_test(other_ways_to_write),
		cmocka_unit_test(an_element_may_have_200_attributes),
		cmocka_unit_test(a_dump_hides_passwords),
		cmocka_unit_test(a_ticket_is_good_until_its_end_and_not_when_changed),
		cmocka_unit_test(uris_have_one_form),
		cmocka_unit_test(availabilities_have_ranges),
		cmocka_unit_test(categories_are_read_as_others_write_them),
	};

	log_open("test");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
